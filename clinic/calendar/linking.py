"""How an appointment and a line of a sold package find each other, stay together and part (rulebook 3.4 to 3.7)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from clinic.billing import ledger, sessions
from clinic.calendar import matching
from clinic.calendar.matching import Candidate, Usable, candidate, near_miss
from clinic.kernel import money
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, SessionEntry, SessionEvent, Share, UnlinkedPair
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

__all__ = ["Candidate", "Choice", "MismatchError", "PackageLabel", "Usable", "candidate", "near_miss"]

BY_CLIENT = "Booked by the client, online"
BY_STATUS = "By the appointment's status"
THERE = {Status.BOOKED, Status.ARRIVED, Status.ATTENDED}  # is expected, came, or is counted as having come
_ON_LINE = {  # of others it is booked
    Status.ATTENDED: SessionEvent.USED,
    Status.NO_SHOW: SessionEvent.FORFEITED,
    Status.LATE_CANCELLED: SessionEvent.FORFEITED,
}
_CANCELLED = (Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)


class Choice(StrEnum):
    """Name what becomes of a linked session that no longer fits its package."""

    UNLINK = "unlink"
    LEAVE = "leave"


class MismatchError(RefusalError):
    """Ask what shall become of the package session before an appointment leaves what its package allows."""


@dataclass(frozen=True)
class PackageLabel:
    """Say which session of which package an attendee's place is: "Five sessions, session 3 of 5"."""

    name: str
    number: int
    of: int
    invoice_id: int
    sale_id: int
    line_id: int
    is_unpaid: bool
    line_cents: int = 0  # what the session came to in the package


def on_booked(
    session: Session, who: Actor, item: Item, now: datetime, *, uses_package: bool, client_ids: Collection[int] | None = None
) -> None:
    """Link what was just booked to the line its client's packages hold for it, unless the person opted out.

    Args:
        client_ids: whose places are new, where the others were booked before.
    """
    if uses_package and item.kind is ItemKind.APPOINTMENT:
        for attendee in _billed(session, item.id):
            if client_ids is None or attendee.client_id in client_ids:
                _link_by_itself(session, who, item, attendee, now)


def on_changed(
    session: Session,
    who: Actor,
    item: Item,
    now: datetime,
    *,
    rematches: bool = False,
    uses_package: bool = True,
    choice: Choice | None = None,
) -> None:
    """Carry a changed appointment to its package line: the line's date follows.

    Args:
        rematches: client, fee, practitioner or location changed, so that an unlinked one may link by itself (3.4).
        choice: what to do with a session that no longer fits its package (3.5).

    Raises:
        MismatchError: it no longer fits and nobody chose.
    """
    for attendee in _billed(session, item.id):
        held = held_line(session, attendee.id)
        if held is not None:
            line, sale = held
            why = matching.outgrown(session, sale, line, attendee, item, is_elsewhere=rematches)
            if why and choice is None:
                raise MismatchError(f"{why} Unlink it from the package, or leave it.", field="package_choice")
            if why is None or choice is Choice.LEAVE:
                line.session_date = settings.house(session).local_date(item.starts_at)
                continue
            unlink(session, who, line.id, now)
        if rematches and uses_package and item.kind is ItemKind.APPOINTMENT:
            _link_by_itself(session, who, item, attendee, now)
    session.flush()


def on_status(session: Session, who: Actor, attendee: Attendee, now: datetime) -> None:
    """Move the package session where the new status puts it: booked, used, forfeited or returned (1.6)."""
    held = held_line(session, attendee.id) or _line_it_left(session, attendee)
    if held is None:
        return
    line, sale = held
    event, bills_cents = _fate_beside_others(session, attendee) or _fate(session, attendee, line)
    if event is not SessionEvent.RETURNED:
        attendee.policy_cents = None
        if line.share_id is None:
            item = session.get_one(Item, attendee.item_id)
            _join(session, who, line, sale, attendee, item, now, reason=BY_STATUS)
        sessions.move(session, who, line, event, now, sale_id=sale.id, attendee_id=attendee.id, reason=BY_STATUS)
    else:
        attendee.policy_cents = bills_cents
        if line.share_id is not None:
            _part(session, who, line, sale, attendee.id, now, reason=BY_STATUS)
            line.session_date = None
    session.flush()


def on_deleted(session: Session, who: Actor, item: Item, now: datetime) -> None:
    """Give every package session of a deleted appointment back to its line."""
    for attendee_id in session.scalars(select(Attendee.id).where(Attendee.item_id == item.id)).all():
        give_back(session, who, attendee_id, now, reason="The appointment was deleted")


def give_back(session: Session, who: Actor, attendee_id: int, now: datetime, *, reason: str) -> None:
    """Return the package session of a place that needs none any more; safe to repeat."""
    held = held_line(session, attendee_id)
    if held is not None:
        line, sale = held
        _part(session, who, line, sale, attendee_id, now, reason=reason)
        line.session_date = None
    session.flush()


def link(
    session: Session, who: Actor, line_id: int, attendee_id: int, now: datetime, *, reason: str = "Linked by hand"
) -> None:
    """Put a booked session on a package line by hand. What was unlinked before may be linked again this way.

    Raises:
        RefusalError: the session does not fit the package, or cannot stand on a package line at all.
        ClashError: the line or the session was taken meanwhile.
    """
    line, sale = line_of_sale(session, who, line_id)
    attendee = session.get(Attendee, attendee_id)
    item = session.get(Item, attendee.item_id) if attendee else None
    if attendee is None or item is None or item.deleted_at is not None:
        raise NotFoundError("attendee")
    if item.kind is not ItemKind.APPOINTMENT or not attendee.is_billed:
        raise RefusalError("Only an appointment that carries a fee can use a package.")
    if attendee.status in _CANCELLED:
        raise RefusalError("This appointment was cancelled in time: it needs no session.")
    if session.scalar(select(Invoice.issued_at).where(Invoice.id == line.invoice_id)) is None:
        raise RefusalError("The package invoice is a draft. Issue it first.")
    if session.scalar(select(InvoiceLine.id).where(InvoiceLine.id == line.id, sessions.is_open())) is None:
        raise ClashError("This line is taken. Nothing was changed.")
    why = matching.misfit(session, sale, line, attendee, item)
    if why:
        raise RefusalError(why)
    _join(session, who, line, sale, attendee, item, now, reason=reason)
    session.flush()


def use(session: Session, who: Actor, item_id: int, attendee_id: int, line_id: int, now: datetime) -> None:
    """Put a place of an item on the package line a person chose: "Use package". Must run inside `writing()`.

    Raises:
        NotFoundError: the place is not one of that item.
        RefusalError: the session does not fit the package, or cannot stand on a package line at all.
        ClashError: the line or the session was taken meanwhile.
    """
    if session.scalar(select(Attendee.id).where(Attendee.id == attendee_id, Attendee.item_id == item_id)) is None:
        raise NotFoundError("attendee")
    link(session, who, line_id, attendee_id, now, reason="Use package")


def usable(session: Session, item: Item) -> list[Usable]:
    """List the packages that uninvoiced places of a loaded appointment may use: earliest expiry, oldest sale, line order."""
    if item.kind is not ItemKind.APPOINTMENT or item.location_id is None:
        return []
    billed = [each for each in item.attendees if each.is_billed and each.status not in _CANCELLED and not each.do_not_invoice]
    return matching.usable(session, item, billed) if billed else []


def take_first(session: Session, who: Actor, invoice_id: int, attendee_id: int, now: datetime) -> str | None:
    """Put a booked session on the first line of a package just sold that holds its fee (rulebook 3.2).

    Returns:
        Nothing when it was linked, or else why the session cannot use this package.
    """
    fee_id = select(Attendee.fee_id).where(Attendee.id == attendee_id).scalar_subquery()
    line_id = session.scalar(
        select(InvoiceLine.id)
        .where(InvoiceLine.invoice_id == invoice_id, InvoiceLine.fee_id == fee_id, sessions.is_open())
        .order_by(InvoiceLine.position)
        .limit(1)
    )
    if line_id is None:
        return "No session of this package has the appointment's fee, so it is not used for it."
    try:
        link(session, who, line_id, attendee_id, now, reason="Sold for this appointment")
    except RefusalError as refusal:
        return refusal.message
    return None


def unlink(session: Session, who: Actor, line_id: int, now: datetime) -> None:
    """Take the appointment off its package line. It stays in the calendar, unpaid; the line keeps its old date.

    The pair is never linked again by itself, and no nightly run bills the session unasked.
    """
    line, sale = line_of_sale(session, who, line_id)
    share = session.get(Share, line.share_id) if line.share_id else None
    if share is None:
        raise RefusalError("No appointment is linked to this line.")
    _part(session, who, line, sale, share.attendee_id, now, reason="Unlinked by hand")
    share.released_at, share.bill_again_at = now, None
    if session.get(UnlinkedPair, (line.id, share.attendee_id)) is None:
        session.add(UnlinkedPair(line_id=line.id, attendee_id=share.attendee_id, at=now))
    session.get_one(Attendee, share.attendee_id).billing_changed_at = now
    session.flush()


def label_for(session: Session, attendee_ids: Iterable[int]) -> dict[int, PackageLabel]:
    """Return the package session each of these places stands on; who is on none is left out."""
    held = session.execute(_HELD, {"attendee_ids": list(attendee_ids)}).all()
    if not held:
        return {}
    invoice_ids = {sale.invoice_id for _line, sale, _attendee_id in held}
    numbered = matching.numbers(session, invoice_ids)
    owed = ledger.owed_cents(session, sorted(invoice_ids))
    return {
        attendee_id: PackageLabel(
            name=sale.name, number=numbered[line.id][0], of=numbered[line.id][1], invoice_id=sale.invoice_id, sale_id=sale.id,
            line_id=line.id, is_unpaid=owed.get(sale.invoice_id, 0) > 0, line_cents=line.unit_cents - line.discount_cents,
        )
        for line, sale, attendee_id in held
    }  # fmt: skip


def line_of_sale(session: Session, who: Actor, line_id: int) -> tuple[InvoiceLine, PackageSale]:
    """Return a line of a sold package that is this person's to see.

    Raises:
        NotFoundError: there is none, or it is another practitioner's.
    """
    found = session.execute(
        select(InvoiceLine, PackageSale)
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .where(InvoiceLine.id == line_id)
    ).one_or_none()
    own = who.own_practitioner_id
    if found is None or (own is not None and found[1].practitioner_id != own):
        raise NotFoundError("package line")
    return found[0], found[1]


def held_line(session: Session, attendee_id: int) -> tuple[InvoiceLine, PackageSale] | None:
    """Return the live package line an attendee's place stands on, and its sale."""
    found = session.execute(_holding().where(Share.attendee_id == attendee_id)).first()
    return (found[0], found[1]) if found else None


def unlinked_place(session: Session, share_ids: Sequence[int]) -> int | None:
    """Return the attendee whose one share this is, if it stands on no live line and a package may take it."""
    on_line = select(InvoiceLine.id).where(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None)).exists()
    found = session.scalars(select(Share.attendee_id).where(Share.id.in_(share_ids), ~on_line)).all()
    return found[0] if len(share_ids) == 1 and found else None


def held_lines(session: Session, attendee_ids: Iterable[int]) -> dict[int, tuple[InvoiceLine, PackageSale]]:
    """Return the live package lines those places stand on, and their sales; who stands on none is left out."""
    found = session.execute(_holding().where(Share.attendee_id.in_(list(attendee_ids))))
    return {attendee_id: (line, sale) for line, sale, attendee_id in found}


def _holding() -> Select[InvoiceLine, PackageSale, int]:
    return (
        select(InvoiceLine, PackageSale, Share.attendee_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .where(InvoiceLine.released_at.is_(None))
    )


# Written once, as every page of the calendar asks it.
_HELD = _holding().where(Share.attendee_id.in_(bindparam("attendee_ids", expanding=True)))


def _billed(session: Session, item_id: int) -> Sequence[Attendee]:
    return session.scalars(select(Attendee).where(Attendee.item_id == item_id, Attendee.is_billed).order_by(Attendee.id)).all()


def _link_by_itself(session: Session, who: Actor, item: Item, attendee: Attendee, now: datetime) -> None:
    if attendee.fee_id is None or item.location_id is None or attendee.do_not_invoice or not attendee.status.is_live:
        return
    if attendee.status is Status.NO_SHOW:  # spending a session on it is a person's to decide
        return
    if _sole_share(session, attendee.id) is None:
        return
    found = candidate(
        session, client_id=attendee.client_id, fee_id=attendee.fee_id, practitioner_id=item.practitioner_id,
        location_id=item.location_id, on_date=settings.house(session).local_date(item.starts_at), attendee_id=attendee.id,
    )  # fmt: skip
    if found is not None:
        line, sale = session.get_one(InvoiceLine, found.line_id), session.get_one(PackageSale, found.sale_id)
        _join(session, who, line, sale, attendee, item, now, reason="Linked on Save, from the calendar")


def _join(
    session: Session, who: Actor, line: InvoiceLine, sale: PackageSale, attendee: Attendee, item: Item, now: datetime, *,
    reason: str,
) -> None:  # fmt: skip
    share = _sole_share(session, attendee.id)
    if share is None:
        raise ClashError("This session stands on an invoice already, or its fee is divided between payers.")
    line.share_id = share.id
    line.session_date = settings.house(session).local_date(item.starts_at)
    share.released_at = share.bill_again_at = None
    attendee.billing_changed_at = now
    beside = _fate_beside_others(session, attendee)
    event = beside[0] if beside else _ON_LINE.get(attendee.status, SessionEvent.BOOKED)
    if event is SessionEvent.FORFEITED:
        attendee.policy_cents = None  # the session pays for what was missed: nothing is billed beside it
    sessions.move(session, who, line, event, now, sale_id=sale.id, attendee_id=attendee.id, reason=reason)
    audit.record(session, who, "linked package session", "invoice_line", line.id, now, attendee_id=attendee.id)


def _part(
    session: Session, who: Actor, line: InvoiceLine, sale: PackageSale, attendee_id: int, now: datetime, *, reason: str
) -> None:
    line.share_id = None
    sessions.move(
        session, who, line, SessionEvent.RETURNED, now, sale_id=sale.id, attendee_id=attendee_id, reason=reason
    )  # fmt: skip
    audit.record(session, who, "unlinked package session", "invoice_line", line.id, now, attendee_id=attendee_id)


def _sole_share(session: Session, attendee_id: int) -> Share | None:
    # Only uninvoiced work links, and only a fee that one payer bears: a package covers a session whole.
    on_line = select(InvoiceLine.id).where(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None)).exists()
    rows = session.execute(select(Share, on_line.label("on_line")).where(Share.attendee_id == attendee_id)).all()
    return rows[0][0] if len(rows) == 1 and not rows[0][1] else None


def _fate_beside_others(session: Session, attendee: Attendee) -> tuple[SessionEvent, None] | None:
    """Return where the session of a couple or family stands while anyone else of them is there: it bills once (1.8)."""
    others = session.scalars(select(Attendee).where(Attendee.item_id == attendee.item_id, Attendee.id != attendee.id)).all()
    if attendee.status in THERE or any(other.is_billed for other in others):
        return None
    there = {other.status for other in others} & THERE
    if not there:
        return None
    return (SessionEvent.USED if Status.ATTENDED in there else SessionEvent.BOOKED), None


def _fate(session: Session, attendee: Attendee, line: InvoiceLine) -> tuple[SessionEvent, int | None]:
    """Return where a status puts the session, and what a missed one that is returned bills instead (None: by the policy)."""
    if attendee.status is Status.ATTENDED:
        return SessionEvent.USED, None
    if attendee.status in _CANCELLED:
        return SessionEvent.RETURNED, None
    if attendee.status.is_live and attendee.status is not Status.NO_SHOW:
        return SessionEvent.BOOKED, None
    line_cents, typed_cents = line.unit_cents - line.discount_cents, attendee.policy_cents
    if typed_cents is not None:
        return (SessionEvent.FORFEITED, None) if typed_cents >= line_cents else (SessionEvent.RETURNED, typed_cents)
    practice = settings.practice(session)
    rate_bp = practice.no_show_bp if attendee.status is Status.NO_SHOW else practice.late_cancel_bp
    if rate_bp == money.BP_WHOLE:
        return SessionEvent.FORFEITED, None
    return SessionEvent.RETURNED, money.share_of(line_cents, rate_bp)


def _line_it_left(session: Session, attendee: Attendee) -> tuple[InvoiceLine, PackageSale] | None:
    # A slip of the finger on the status is undone by the next one; what a person unlinked stays unlinked.
    last = session.scalar(
        select(SessionEntry).where(SessionEntry.attendee_id == attendee.id).order_by(SessionEntry.id.desc()).limit(1)
    )
    if last is None or last.event is not SessionEvent.RETURNED or last.reason != BY_STATUS or last.line_id is None:
        return None
    line = session.scalar(select(InvoiceLine).where(InvoiceLine.id == last.line_id, sessions.is_open()))
    if (
        line is None
        or session.get(UnlinkedPair, (line.id, attendee.id)) is not None
        or _sole_share(session, attendee.id) is None
    ):
        return None
    return line, session.get_one(PackageSale, last.sale_id)
