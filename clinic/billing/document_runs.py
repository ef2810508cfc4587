"""Runs of billing documents: asking for a series of them, how far it is, and looking after what was asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.orm import Session

from clinic.billing import document_kinds, spans
from clinic.billing.document_kinds import KINDS, Wish
from clinic.kernel.database import put
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.documents import DocumentRun, RunDocument, RunShape, RunState
from clinic.models.practice import Role
from clinic.people import clients
from clinic.practice import audit
from clinic.practice.permissions import Actor, Permission

DOCUMENTS_MAX = 2_000
PRINTED_MAX = 500  # one PDF is put together in memory
KEPT = timedelta(days=7)
RECENT_MAX = 5
NOTHING_YET = "There is no such document in these days. Choose other days or kinds."


@dataclass(frozen=True)
class Left:
    """Be a document of a run that could not be made, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """Be a run as its page shows it."""

    id: int
    shape: RunShape
    state: RunState
    wish: Wish
    total: int
    made: int
    left: tuple[Left, ...]
    reason: str
    asked_at: datetime
    finished_at: datetime | None
    is_removed: bool

    @property
    def is_over(self) -> bool:
        """Say whether nothing more is made."""
        return self.state.is_over

    @property
    def is_ready(self) -> bool:
        """Say whether there is something to print or to download."""
        return self.state is RunState.DONE and self.made > 0 and not self.is_removed

    @property
    def may_print(self) -> bool:
        """Say whether one PDF holds it all."""
        return self.made <= PRINTED_MAX

    @property
    def may_retry(self) -> bool:
        """Say whether what was left out can be tried again."""
        return self.state in (RunState.DONE, RunState.FAILED) and self.made < self.total and not self.is_removed

    @property
    def kept_until(self) -> datetime | None:
        """Return when it is let go."""
        return self.finished_at + KEPT if self.finished_at is not None else None


def ask(session: Session, who: Actor, wish: Wish, shape: RunShape, now: datetime) -> DocumentRun:
    """Write a run down with every document it is about, oldest first; whoever is free makes them. Must run inside `writing()`.

    Raises:
        RefusalError: the days run backwards, there is nothing, or more than one run may hold.
        NotAllowedError: the whole practice's documents are not theirs to have.
        NotFoundError: the client is not theirs.
    """
    spans.check(wish.first, wish.last)
    if wish.client_id is None:
        who.must(Permission.EXPORT_DOCUMENTS)
    else:
        clients.client_for(session, who, wish.client_id)
    planned = _planned(session, who, wish, now)
    if not planned:
        raise RefusalError(NOTHING_YET)
    if shape is RunShape.PDF and len(planned) > PRINTED_MAX:
        raise RefusalError(
            f"These are {len(planned):,} documents, and one PDF holds at most {PRINTED_MAX}. Choose fewer days or kinds, or "
            "download the zip."
        )
    assert who.user_id is not None
    run = DocumentRun(
        shape=shape, asked_by_id=who.user_id, asked_at=now, first_date=wish.first, last_date=wish.last,
        kinds=",".join(wish.kinds), client_id=wish.client_id, payer_id=wish.payer_id, practitioner_id=wish.practitioner_id,
        location_id=wish.location_id, with_others=wish.with_others, total_count=len(planned), heartbeat_at=now,
    )  # fmt: skip
    session.add(run)
    session.flush()
    put(session, RunDocument, [{"run_id": run.id, "position": at} | each for at, each in enumerate(planned)])
    audit.record(
        session, who, "asked for billing documents", "document_run", run.id, now,
        client_id=wish.client_id, whole_practice=wish.client_id is None, first=wish.first.isoformat(),
        last=wish.last.isoformat(), kinds=list(wish.kinds), count=len(planned),
    )  # fmt: skip
    return run


def run_for(session: Session, who: Actor, run_id: int) -> DocumentRun:
    """Load a run of theirs: they asked for it and may still see what it is about, or they own the practice.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    run = session.get(DocumentRun, run_id)
    if run is None or (run.asked_by_id != who.user_id and Role.OWNER not in who.roles):
        raise NotFoundError("document run")
    if run.client_id is not None:
        clients.client_for(session, who, run.client_id)
    elif not who.may(Permission.EXPORT_DOCUMENTS):
        raise NotFoundError("document run")
    if not set(wish_of(run).kinds) <= set(document_kinds.offered(who)):
        raise NotFoundError("document run")  # superbills, to who may see diagnoses no more
    return run


def progress(session: Session, who: Actor, run_id: int) -> Progress:
    """Return how far a run of theirs is.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    run = run_for(session, who, run_id)
    left = session.execute(
        select(RunDocument.kind, RunDocument.label, RunDocument.failure)
        .where(RunDocument.run_id == run_id, RunDocument.failure != "")
        .order_by(RunDocument.position)
    )
    made = select(func.count()).select_from(RunDocument)
    return Progress(
        id=run.id,
        shape=run.shape,
        state=run.state,
        wish=wish_of(run),
        total=run.total_count,
        made=session.scalar(made.where(RunDocument.run_id == run_id, RunDocument.content_hash.is_not(None))) or 0,
        left=tuple(Left(f"{KINDS[kind].one} {label}", failure) for kind, label, failure in left),
        reason=run.reason,
        asked_at=run.asked_at,
        finished_at=run.finished_at,
        is_removed=run.removed_at is not None,
    )


def recent(session: Session, who: Actor, client_id: int | None, now: datetime) -> list[DocumentRun]:
    """List what this person asked for lately, of the client or of the whole practice, newest first."""
    same = DocumentRun.client_id == client_id if client_id is not None else DocumentRun.client_id.is_(None)
    query = select(DocumentRun).where(same, DocumentRun.asked_by_id == who.user_id, DocumentRun.removed_at.is_(None))
    query = query.where(DocumentRun.asked_at > now - KEPT)
    return list(session.scalars(query.order_by(DocumentRun.id.desc()).limit(RECENT_MAX)))


def cancel(session: Session, who: Actor, run_id: int, now: datetime) -> None:
    """Stop a run before its next document. Safe to repeat. Must run inside `writing()`.

    Raises:
        NotFoundError: there is none, or it is not theirs.
        ClashError: it was over before.
    """
    run = run_for(session, who, run_id)
    if run.state is RunState.CANCELLED:
        return
    if run.state.is_over:
        raise ClashError("It was over before. Nothing is left to cancel.")
    run.state, run.worker, run.finished_at = RunState.CANCELLED, None, now
    audit.record(session, who, "cancelled billing documents", "document_run", run.id, now)


def retry(session: Session, who: Actor, run_id: int, now: datetime) -> None:
    """Let what a run could not make be tried again. Safe to repeat. Must run inside `writing()`.

    Raises:
        NotFoundError: there is none, or it is not theirs.
        ClashError: nothing of it can be tried again.
    """
    run = run_for(session, who, run_id)
    if not run.state.is_over:
        return
    if not progress(session, who, run_id).may_retry:
        raise ClashError("There is nothing to try again here. Ask for the documents anew.")
    failed = and_(RunDocument.run_id == run_id, RunDocument.content_hash.is_(None))
    session.execute(update(RunDocument).where(failed).values(failure="", tries=0))
    run.state, run.finished_at, run.heartbeat_at, run.reason = RunState.QUEUED, None, now, ""
    audit.record(session, who, "tried billing documents again", "document_run", run.id, now)


def looked_at(session: Session, who: Actor, run_id: int, shape: RunShape, now: datetime) -> None:
    """Write down that the documents themselves were fetched. Must run inside `writing()`."""
    audit.record(session, who, "fetched billing documents", "document_run", run_id, now, shape=shape)


def tidy(session: Session, now: datetime) -> int:
    """Let go of the lists of runs that are over for long; return how many. Must run inside `writing()`. Safe to repeat."""
    old = and_(DocumentRun.finished_at < now - KEPT, DocumentRun.removed_at.is_(None))
    ids = list(session.scalars(select(DocumentRun.id).where(old)))
    session.execute(delete(RunDocument).where(RunDocument.run_id.in_(ids)))
    session.execute(update(DocumentRun).where(DocumentRun.id.in_(ids)).values(removed_at=now))
    return len(ids)


def wish_of(run: DocumentRun) -> Wish:
    """Return what was asked for."""
    return Wish(
        first=run.first_date, last=run.last_date, kinds=tuple(run.kinds.split(",")), client_id=run.client_id,
        payer_id=run.payer_id, practitioner_id=run.practitioner_id, location_id=run.location_id, with_others=run.with_others,
    )  # fmt: skip


def _planned(session: Session, who: Actor, wish: Wish, now: datetime) -> list[dict[str, Any]]:
    found = document_kinds.listed(who, wish)
    drawn = [
        {"kind": kind, "subject_id": each.subject_id, "client_id": each.client_id, "label": each.name}
        for kind, each in document_kinds.summed(session, who, wish, now)
    ]
    count = len(drawn)
    if found is not None:
        count += session.scalar(select(func.count()).select_from(found)) or 0
    if count > DOCUMENTS_MAX:
        raise RefusalError(
            f"These are {count:,} documents, and one series holds at most {DOCUMENTS_MAX:,}. Choose fewer days or kinds."
        )
    if found is None:
        return drawn
    ordered = select(found.c.kind, found.c.id, found.c.number).order_by(found.c.day, found.c.kind, found.c.id)
    return [
        {"kind": kind, "subject_id": identity, "client_id": 0, "label": number or ""}
        for kind, identity, number in session.execute(ordered)
    ] + drawn
