"""What clients may do to their own appointments in the portal: cancel them, or move them to a free time (rulebook 9.1)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.calendar import availability, booking, free_days, online, outcomes, reasons, statuses
from clinic.calendar.booking import Move, Same
from clinic.calendar.free_days import FreeDays
from clinic.calendar.online import Slot, Wish
from clinic.kernel.errors import ClashError, RefusalError
from clinic.messages import outbox, to_staff
from clinic.models.billing import InvoiceLine, PackageSale, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.practice import Practitioner
from clinic.people import portal_access
from clinic.practice import settings
from clinic.practice.permissions import Actor

STALE = "The practice changed this appointment a moment ago. Look again, then decide."


@dataclass(frozen=True)
class Change:
    """Hold an appointment that its client wants to change, and why it cannot be done here, if so."""

    item_id: int
    version: int
    starts_at: datetime
    ends_at: datetime
    what: str
    practitioner: str
    refusal: str


@dataclass(frozen=True)
class Cancelling:
    """Say before anyone cancels what it comes to: the status it would get, and what that does to the money."""

    change: Change
    status: Status
    says: str


@dataclass(frozen=True)
class Moving:
    """Hold the free times an appointment may be moved to; None where it cannot be moved here."""

    change: Change
    free: FreeDays | None


@dataclass(frozen=True)
class _Line:
    """Be the invoice line a place stands on: of a package, with its last day if it has one, or of any invoice."""

    is_of_package: bool
    expires_date: date | None


def may_cancel(item: Item, seat: Attendee, now: datetime, *, seats: int, billed: int) -> bool:
    """Say whether a client may cancel their own place: it is to come and booked, and theirs alone or one of many billed each.

    What a couple or family comes to together is one session that bills once: nobody calls it off for the others.
    """
    return item.starts_at > now and seat.status is Status.BOOKED and (seats == 1 or billed == seats)


def may_move(item: Item, seat: Attendee, now: datetime, *, seats: int, is_late: bool) -> bool:
    """Say whether a client may move an appointment: it is theirs alone, and not inside the practice's window yet."""
    return item.starts_at > now and seat.status is Status.BOOKED and seats == 1 and item.group_id is None and not is_late


def cancelling(session: Session, who: Actor, email: str, item_id: int, now: datetime) -> Cancelling:
    """Say what cancelling now would come to.

    Raises:
        NotFoundError: it is not one of the client's own appointments.
    """
    item, seat = _own(session, who, item_id)
    status = _status(session, item, now)
    refusal = "" if _may_cancel(item, seat, now) else f"This appointment cannot be cancelled here. {_call(session)}"
    says = "" if refusal else _says(session, who, email, item, seat, status)
    return Cancelling(_change(session, item, refusal), status, says)


def cancel(session: Session, who: Actor, item_id: int, now: datetime, *, version: int, status: str) -> Item:
    """Cancel the client's own place. Must run inside `writing()`.

    Args:
        status: what they were told it would become; the practice's window may have begun meanwhile.

    Raises:
        NotFoundError: it is not one of the client's own appointments.
        RefusalError: it cannot be cancelled here.
        ClashError: it was changed, or the window has begun, since the client was told what it comes to.
    """
    item, seat = _own(session, who, item_id)
    if not _may_cancel(item, seat, now):
        raise RefusalError(f"This appointment cannot be cancelled here. {_call(session)}")
    if item.version != version:
        raise ClashError(STALE)
    due = _status(session, item, now)
    if due.value != status:
        raise ClashError("Meanwhile what cancelling comes to has changed. Read it again, then decide.")
    before, late = outbox.standing(item), _late(session, item, seat) if due is Status.LATE_CANCELLED else ""
    item = statuses.set_status(session, who, item.id, due, now, attendee_id=seat.id, reason=reasons.IN_PORTAL)
    to_staff.tell(session, who, item, before, now, late=late)
    return item


def moving(session: Session, who: Actor, item_id: int, day: date | None, now: datetime) -> Moving:
    """Return the free times an appointment may be moved to, in the month of a day; without one, the first there are.

    Raises:
        NotFoundError: it is not one of the client's own appointments.
    """
    item, seat = _own(session, who, item_id)
    line = _line(session, seat)
    change = _change(session, item, _why_not_move(session, item, seat, line, now))
    if change.refusal:
        return Moving(change, None)
    until = line.expires_date if line else None  # as long as its package is good
    return Moving(change, free_days.of(session, _wish(item), now, day=day, until=until, besides=item.starts_at))


def move(session: Session, who: Actor, item_id: int, starts_at: datetime, now: datetime, *, version: int) -> Item:
    """Move the client's own appointment to a free time. Must run inside `writing()`.

    Raises:
        NotFoundError: it is not one of the client's own appointments.
        RefusalError: it cannot be moved here.
        ClashError: it was changed, or the time was taken, since it was offered.
    """
    item, seat = _own(session, who, item_id)
    line = _line(session, seat)
    why_not = _why_not_move(session, item, seat, line, now)
    if why_not:
        raise RefusalError(why_not)
    if item.version != version:
        raise ClashError(STALE)
    day = settings.house(session).local_date(starts_at)
    if line is not None and line.expires_date is not None and day > line.expires_date:
        raise online.TakenError(online.TAKEN, field="starts")
    slot = online.take(session, _wish(item), starts_at, now)
    to = Move(starts_at, room_id=_room(session, item, slot))
    before = outbox.standing(item)
    item = booking.move(session, who, item.id, to, now, version=version)
    to_staff.tell(session, who, item, before, now)
    return item


def _own(session: Session, who: Actor, item_id: int) -> tuple[Item, Attendee]:
    assert who.client_id is not None
    item = booking.item_for(session, who, item_id)
    return item, next(seat for seat in item.attendees if seat.client_id == who.client_id)


def _may_cancel(item: Item, seat: Attendee, now: datetime) -> bool:
    billed = sum(each.is_billed for each in item.attendees)
    return may_cancel(item, seat, now, seats=len(item.attendees), billed=billed)


def _status(session: Session, item: Item, now: datetime) -> Status:
    is_late = statuses.is_late(settings.practice(session), item.starts_at, now)
    return Status.LATE_CANCELLED if is_late else Status.CANCELLED_BY_CLIENT


def _late(session: Session, item: Item, seat: Attendee) -> str:
    """Say to staff that a cancellation is late, and what that comes to."""
    way = outcomes.way(session, item, outcomes.money_of(session, item), Status.LATE_CANCELLED, attendee_id=seat.id)
    hours = settings.practice(session).cancellation_window_hours
    return f"Late: less than {hours} hours before it begins. By the practice’s policy it {way.says}."


def _why_not_move(session: Session, item: Item, seat: Attendee, line: _Line | None, now: datetime) -> str:
    practice = settings.practice(session)
    is_late = statuses.is_late(practice, item.starts_at, now)
    if not may_move(item, seat, now, seats=len(item.attendees), is_late=is_late):
        soon = f"It begins in less than {practice.cancellation_window_hours} hours. " if is_late else ""
        return f"{soon}This appointment cannot be moved here. {_call(session)}"
    if line is not None and not line.is_of_package:
        return f"This appointment stands on an invoice already and cannot be moved here. {_call(session)}"
    if item.type is None or item.location_id is None:
        return f"This appointment cannot be moved here. {_call(session)}"
    return ""


def _line(session: Session, seat: Attendee) -> _Line | None:
    query = (
        select(PackageSale.id, PackageSale.expires_date)
        .select_from(Share)
        .join(InvoiceLine, InvoiceLine.share_id == Share.id)
        .outerjoin(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .where(Share.attendee_id == seat.id, InvoiceLine.released_at.is_(None))
        .order_by(PackageSale.id.is_not(None))
    )
    found = session.execute(query.limit(1)).one_or_none()
    return _Line(found[0] is not None, found[1]) if found else None


def _wish(item: Item) -> Wish:
    assert item.type is not None
    assert item.location_id is not None
    minutes = (item.ends_at - item.starts_at) // timedelta(minutes=1)
    return Wish(item.practitioner_id, item.location_id, item.type, minutes, room_id=item.room_id, besides_item_id=item.id)


def _room(session: Session, item: Item, slot: Slot) -> int | Same | None:
    """Return the room that goes with the new time; one that no type asks for is let go when it is taken."""
    if slot.room_id is not None:
        return slot.room_id
    taken = availability.clash(
        session, practitioner_id=item.practitioner_id, room_id=item.room_id, starts_at=slot.starts_at,
        ends_at=slot.starts_at + (item.ends_at - item.starts_at), besides_item_id=item.id,
    )  # fmt: skip
    return None if taken is not None else Same.SAME


def _says(session: Session, who: Actor, email: str, item: Item, seat: Attendee, status: Status) -> str:
    """Say in the client's words what cancelling does to the money, and nothing of what others are billed."""
    practice = settings.practice(session)
    soon = f"It begins in less than {practice.cancellation_window_hours} hours. " if status is Status.LATE_CANCELLED else ""
    own = {payer.contact_id for payer in portal_access.payers(session, who.client_id or 0, email)}
    if any(share.payer_id not in own for share in work.shares_of(session, [seat.id])):
        return f"{soon}The practice’s cancellation policy applies." if soon else ""
    shown = outcomes.money_of(session, item)
    invoice = next((each.invoice for each in shown.billings if each.attendee_id == seat.id and not each.package), None)
    if invoice is not None:
        return f"{soon}It stands on an invoice already, which stays as it is. {_call(session)}"
    way = outcomes.way(session, item, shown, status, attendee_id=seat.id)
    what = way.says.partition(":")[0].replace("bills ", "costs ")
    return f"{soon}By the practice’s policy, cancelling it {what}." if soon else f"Cancelling it {what}."


def _change(session: Session, item: Item, refusal: str) -> Change:
    return Change(
        item_id=item.id, version=item.version, starts_at=item.starts_at, ends_at=item.ends_at,
        what=item.type.name if item.type else "Appointment",
        practitioner=session.get_one(Practitioner, item.practitioner_id).name, refusal=refusal,
    )  # fmt: skip


def _call(session: Session) -> str:
    practice = settings.practice(session)
    reach = practice.phone or practice.email
    return f"Please ask {practice.name}: {reach}" if reach else f"Please ask {practice.name}."
