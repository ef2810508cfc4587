"""A client books a session of their own package: which kinds, on which days, at which times, and the booking itself."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import booking, free_days, line_terms, linking, online, own_packages, types
from clinic.calendar.free_days import FreeDays
from clinic.calendar.online import Slot, TakenError, Wish
from clinic.calendar.own_packages import OpenLine, Pack
from clinic.kernel.errors import ClashError, RefusalError
from clinic.messages import to_staff
from clinic.models.billing import InvoiceLine, PackageSale
from clinic.models.calendar import AppointmentType, Attendee, Item
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor

NONE_LEFT = "No session of this package is left to book."
NOT_ONLINE = "This session cannot be booked here. Please call the practice."


@dataclass(frozen=True)
class Kind:
    """Be a kind of session that the package still holds: a type whose fee its lines have."""

    type_id: int
    name: str
    minutes: int
    left: int


@dataclass(frozen=True)
class Diary(FreeDays):
    """Be what the booking page shows: kinds to choose from, a month of days, and the free times of the day chosen."""

    kinds: tuple[Kind, ...]
    kind: Kind | None


def diary(session: Session, pack: Pack, now: datetime, *, type_id: int | None = None, day: date | None = None) -> Diary:
    """Return the free times of a package's sessions in the month of a day; without one, of the first month that has any.

    Args:
        type_id: the kind of session chosen; None, or one it does not hold: the first.
    """
    kinds, wish = _kinds(session, pack), None
    chosen = next((each for each, _type, _line in kinds if each.type_id == type_id), kinds[0][0] if kinds else None)
    if chosen is not None:
        wish = _wish(pack, *next((kind, line) for each, kind, line in kinds if each is chosen))
    free = free_days.of(session, wish, now, day=day, until=pack.good_through)
    return Diary(**vars(free), kinds=tuple(each for each, _type, _line in kinds), kind=chosen)


def book(session: Session, who: Actor, client_id: int, sale_id: int, type_id: int, starts_at: datetime, now: datetime) -> Item:
    """Book a session of a client's package at a free time, on the first open line of its kind. Must run inside `writing()`.

    It takes the way that staff's *Add appointment* takes, so that the message, the line's date and the session ledger follow.

    Raises:
        NotFoundError: the package is not theirs.
        TakenError: the time is not, or no longer, free.
        ClashError: no session of that kind is left.
        RefusalError: it cannot be booked online.
    """
    pack = own_packages.pack(session, client_id, sale_id, now)
    if not pack.is_given:
        raise RefusalError(NOT_ONLINE)
    found = next(((kind, line) for each, kind, line in _kinds(session, pack) if each.type_id == type_id), None)
    if found is None:
        raise ClashError(NONE_LEFT)
    kind, open_line = found
    if pack.good_through is not None and settings.house(session).local_date(starts_at) > pack.good_through:
        raise TakenError(online.TAKEN, field="starts_at")
    wish = _wish(pack, kind, open_line)
    slot = online.take(session, wish, starts_at, now)
    return _booked(session, who, client_id, sale_id, open_line.line_id, wish, slot, now)


def _booked(
    session: Session, who: Actor, client_id: int, sale_id: int, line_id: int, wish: Wish, slot: Slot, now: datetime
) -> Item:
    sale, line = session.get_one(PackageSale, sale_id), session.get_one(InvoiceLine, line_id)
    # The client has no rights of staff: that the package, the time and the room are theirs to take was asked above.
    hand = who.hand()
    try:
        wanted = line_terms.wanted(
            session, sale, line, wish.kind, client_id=client_id, room_id=slot.room_id, starts_at=slot.starts_at,
            minutes=wish.minutes, overrides_warnings=False, notifies=True,
        )  # fmt: skip
        item = booking.book(session, hand, wanted, now)
    except ClashError as refusal:  # its words name whom the practitioner sees then
        raise TakenError(online.TAKEN, field="starts_at") from refusal
    except RefusalError as refusal:
        raise RefusalError(NOT_ONLINE) from refusal
    attendee_id = session.scalar(select(Attendee.id).where(Attendee.item_id == item.id, Attendee.client_id == client_id))
    assert attendee_id is not None
    linking.link(session, hand, line_id, attendee_id, now, reason=linking.BY_CLIENT)
    audit.record(session, who, "booked online", "item", item.id, now, sale_id=sale_id, line_id=line_id, client_id=client_id)
    to_staff.tell(session, who, item, {}, now)
    return item


def _kinds(session: Session, pack: Pack) -> list[tuple[Kind, AppointmentType, OpenLine]]:
    """List the kinds in the order of the package's lines; of several types with a line's fee those that are booked online."""
    if not pack.may_book:
        return []
    bookable = types.bookable_types(session, CLOCK, pack.practitioner_id, with_activities=False)
    found: dict[int, tuple[Kind, AppointmentType, OpenLine]] = {}
    for line in pack.open_lines:
        fitting = line_terms.of_fee(bookable, line.fee_id)
        for kind in [each for each in fitting if each.is_online] or fitting:
            known = found.get(kind.id)
            first = known[2] if known else line
            left = known[0].left + 1 if known else 1
            minutes = line_terms.usual_minutes([kind], first)
            found[kind.id] = Kind(kind.id, kind.name, minutes, left), kind, first
    return list(found.values())


def _wish(pack: Pack, kind: AppointmentType, line: OpenLine) -> Wish:
    return Wish(
        practitioner_id=pack.practitioner_id, location_id=pack.location_id, kind=kind,
        minutes=line_terms.usual_minutes([kind], line),
    )  # fmt: skip
