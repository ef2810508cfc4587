"""Making the documents of a run: claimed by one process at a time, a document a step, resumed by another when it died."""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from clinic.billing.document_kinds import KINDS, Made, Press, Subject
from clinic.kernel import failpoints
from clinic.kernel.errors import NotAllowedError, NotFoundError, RefusalError
from clinic.models.billing import StoredDocument
from clinic.models.documents import DocumentRun, RunDocument, RunState
from clinic.people import accounts
from clinic.practice.permissions import Actor

DEAD_AFTER = timedelta(seconds=60)  # a document takes twenty at most
TRIES_MAX = 3
REASON_CHARS_MAX = 200
STEP_KEPT = failpoints.declare("document-kept", "one document of a series is made and kept, the run does not know it yet")
log = logging.getLogger("clinic.documents")
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Step:
    """Be the next document a process makes: for whom, at which place of the run."""

    who: Actor
    position: int
    subject: Subject


@dataclass(frozen=True)
class Result:
    """Be what became of a step: the document, or why there is none."""

    position: int
    made: Made | None
    failure: str = ""


@dataclass(frozen=True)
class Part:
    """Be one ready document: what its file is called, and its PDF."""

    name: str
    pdf: bytes


def waiting(session: Session, now: datetime) -> list[int]:
    """List the runs that no living process has, the one that waited longest first."""
    return list(session.scalars(select(DocumentRun.id).where(_is_free(now)).order_by(DocumentRun.heartbeat_at, DocumentRun.id)))


def work(press: Press, run_id: int, now: Clock, lasting: timedelta) -> bool:
    """Make documents of a run for so long; return whether it was this process's to work on. Call it with no door open.

    Each is written down before it is begun and when it is made, so that whoever comes after a crash goes on from there.
    What is not finished goes back to wait. Safe to call from many processes at once: one has the run at a time.
    """
    worker = secrets.token_hex(8)
    with press.writer() as session:
        if not _claim(session, run_id, worker, now()):
            return False
    until, result = now() + lasting, None
    while True:
        moment = now()
        with press.writer() as session:
            step = _advance(session, run_id, worker, result, moment, is_time_up=moment >= until)
        if step is None:
            return True
        result = _make(press, step, now())
        failpoints.reach(STEP_KEPT)


def parts(press: Press, run_id: int) -> Iterator[Part]:
    """Yield the ready documents of a run in order, one at a time, so that a series of thousands fits into memory."""
    with press.reader() as session:
        ready = session.execute(
            select(RunDocument.file_name, RunDocument.content_hash)
            .where(RunDocument.run_id == run_id, RunDocument.content_hash.is_not(None))
            .order_by(RunDocument.position)
        ).all()
    used: set[str] = set()
    for name, key in ready:
        with press.reader() as session:
            pdf = session.scalars(select(StoredDocument.pdf).where(StoredDocument.content_hash == key)).one()
        yield Part(_unused(name, used), pdf)


def _is_free(now: datetime) -> ColumnElement[bool]:
    died = and_(DocumentRun.state == RunState.RUNNING, DocumentRun.heartbeat_at < now - DEAD_AFTER)
    return and_(DocumentRun.finished_at.is_(None), or_(DocumentRun.state == RunState.QUEUED, died))


def _claim(session: Session, run_id: int, worker: str, now: datetime) -> bool:
    taken = session.execute(
        update(DocumentRun)
        .where(DocumentRun.id == run_id, _is_free(now))
        .values(state=RunState.RUNNING, worker=worker, heartbeat_at=now)
        .returning(DocumentRun.id)
    )
    return taken.first() is not None


def _advance(
    session: Session, run_id: int, worker: str, result: Result | None, now: datetime, *, is_time_up: bool
) -> Step | None:
    """Write down what became of a step and begin the next; None: cancelled, taken over, out of time or at the end."""
    run = session.get(DocumentRun, run_id)
    if run is None or run.worker != worker:
        return None
    if result is not None:
        _keep(session, run_id, result)
    run.heartbeat_at = now
    who = accounts.actor_of(session, run.asked_by_id)
    if who is None:
        _finish(run, RunState.FAILED, now, "Whoever asked for these documents may not sign in any more.")
        return None
    upcoming = _next_of(session, run_id)
    if upcoming is None:
        _end(session, run, now)
        return None
    if is_time_up:
        run.state, run.worker = RunState.QUEUED, None
        return None
    upcoming.tries += 1
    subject = Subject(upcoming.kind, upcoming.subject_id, upcoming.client_id, run.first_date, run.last_date)
    return Step(who, upcoming.position, subject)


def _next_of(session: Session, run_id: int) -> RunDocument | None:
    open_ones = (RunDocument.run_id == run_id, RunDocument.content_hash.is_(None), RunDocument.failure == "")
    while True:
        found = session.scalar(select(RunDocument).where(*open_ones).order_by(RunDocument.position).limit(1))
        if found is None or found.tries < TRIES_MAX:
            return found
        found.failure = "The server stopped each time it was being made."
        session.flush()


def _keep(session: Session, run_id: int, result: Result) -> None:
    kept = session.get_one(RunDocument, (run_id, result.position))
    if result.made is None:
        kept.failure = result.failure[:REASON_CHARS_MAX]
    else:
        kept.content_hash, _, kept.file_name = result.made
    session.flush()


def _end(session: Session, run: DocumentRun, now: datetime) -> None:
    made = select(RunDocument.position).where(RunDocument.run_id == run.id, RunDocument.content_hash.is_not(None))
    if session.scalar(made.limit(1)) is None:
        _finish(run, RunState.FAILED, now, "None of these documents could be made.")
    else:
        _finish(run, RunState.DONE, now)


def _finish(run: DocumentRun, state: RunState, now: datetime, reason: str = "") -> None:
    run.state, run.worker, run.finished_at, run.reason = state, None, now, reason


def _make(press: Press, step: Step, now: datetime) -> Result:
    try:
        return Result(step.position, KINDS[step.subject.kind].make(press, step.who, step.subject, now))
    except RefusalError as refused:
        return Result(step.position, None, refused.message)
    except (NotFoundError, NotAllowedError):
        return Result(step.position, None, "It is no longer there, or not yours to see.")
    except SQLAlchemyError:
        raise  # the database, not the document: whoever takes the run over tries again
    except Exception as error:  # noqa: BLE001 - one document never stops the others
        log.error("%s %s could not be made: %s", step.subject.kind, step.subject.id, type(error).__name__)
        return Result(step.position, None, f"Something went wrong ({type(error).__name__}).")


def _unused(name: str, used: set[str]) -> str:
    stem, _, ending = name.rpartition(".")
    wanted, number = name, 1
    while wanted.lower() in used:  # some systems do not tell capitals apart
        number += 1
        wanted = f"{stem}-{number}.{ending}"
    used.add(wanted.lower())
    return wanted
