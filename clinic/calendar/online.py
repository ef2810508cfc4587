"""Online slots: which starts a client may book by themselves, and whether one of them is still free (rulebook 9.2)."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import availability, buffers, hours
from clinic.kernel import clock
from clinic.kernel.errors import ClashError
from clinic.models.calendar import AppointmentType, Item
from clinic.models.practice import Location, Practitioner, Room
from clinic.practice import settings

LEAD_HOURS_USUAL, LEAD_HOURS_MAX = 12, 24 * 14
DAYS_AHEAD_USUAL, DAYS_AHEAD_MAX = 60, 365
DAYS_MAX = 62  # of one question
TAKEN = "This time has just been taken. Choose another one."


@dataclass(frozen=True)
class Wish:
    """Say what a start is wanted for: a type with a practitioner at a location, so many minutes long.

    Args:
        room_id: the room to keep where the type needs one and it is free; otherwise the first free room by name is given.
        besides_item_id: what is moved does not stand in its own way.
    """

    practitioner_id: int
    location_id: int
    kind: AppointmentType
    minutes: int
    room_id: int | None = None
    besides_item_id: int | None = None


@dataclass(frozen=True)
class Slot:
    """Be a start that may be booked, and the room that goes with it where the type needs one."""

    starts_at: datetime
    room_id: int | None = None


class TakenError(ClashError):
    """Refuse a start that is not, or no longer, offered: show the free ones anew."""


def span(session: Session, now: datetime) -> tuple[date, date]:
    """Return the first and the last day on which a client may book by themselves, both included."""
    practice = settings.practice(session)
    first = clock.local_date(now + timedelta(hours=practice.online_lead_hours), practice.timezone)
    return first, clock.local_date(now, practice.timezone) + timedelta(days=practice.online_days_ahead)


def slots(session: Session, wish: Wish, first: date, last: date, now: datetime) -> list[Slot]:
    """List the free starts from the first local day to the last, both included, in time order; at most seven queries.

    A start is offered every quarter of an hour from the beginning of working hours there, when all of it lies in working
    hours, in no time off and on no closed day, over no busy item of the practitioner, outside every buffer, and in a free room
    where the type needs one. Free items do not close. Never sooner than the lead time, later than clients may book, or past;
    never an Activity; nothing with a practitioner or at a location that is archived. Who may ask for whom is the caller's
    matter, and so is whether the type may be booked with that practitioner.

    Exactly what staff could book without a warning: the same working hours, spans and buffers are read.
    """
    earliest = now + timedelta(hours=settings.practice(session).online_lead_hours)
    least, most = span(session, now)
    first, last = max(first, least), min(last, most, first + timedelta(days=DAYS_MAX - 1))
    if first > last or wish.kind.kind.is_silent or not _is_there(session, wish):
        return []
    timezone = settings.practice(session).timezone
    length = timedelta(minutes=wish.minutes)
    from_at, to_at = clock.day_span(first, timezone, days=(last - first).days + 1)
    # What begins late in the evening may end on the day after.
    spans = hours.working_spans(session, [wish.practitioner_id], first, last + timedelta(days=1))
    here = [each for each in spans if each.location_id == wish.location_id]
    worked = _joined((_at(each, each.starts_minute, timezone), _at(each, each.ends_minute, timezone)) for each in here)
    closed = _closed(session, wish, from_at, to_at + length)
    rooms = _rooms(session, wish, from_at, to_at + length)
    starts = sorted({start for each in here for start in _quarters(each, timezone) if max(earliest, from_at) <= start < to_at})
    return [
        slot
        for start in starts
        if _lies_in(worked, start, start + length) and not _bars(closed, start)
        for slot in _in_room(rooms, start)
    ]


def take(session: Session, wish: Wish, starts_at: datetime, now: datetime) -> Slot:
    """Return the slot of a start that is still offered. Inside `writing()` it is free until that transaction ends.

    Raises:
        TakenError: it is not offered: someone was faster, or it never was.
    """
    day = settings.house(session).local_date(starts_at)
    found = next((slot for slot in slots(session, wish, day, day, now) if slot.starts_at == starts_at), None)
    if found is None:
        raise TakenError(TAKEN, field="starts_at")
    return found


Edges = tuple[list[datetime], list[datetime]]  # where spans that do not touch begin and end, in time order


def _is_there(session: Session, wish: Wish) -> bool:
    query = select(Practitioner.id).where(Practitioner.id == wish.practitioner_id, ~Practitioner.is_archived)
    place = select(Location.id).where(Location.id == wish.location_id, ~Location.is_archived)
    return session.scalar(query.where(place.exists())) is not None


def _at(each: hours.WorkingSpan, minute: int, timezone: str) -> datetime:
    return hours.instant(each.day, minute, timezone)


def _quarters(each: hours.WorkingSpan, timezone: str) -> Iterable[datetime]:
    steps = range(each.starts_minute, each.ends_minute, availability.STEP_MINUTES)
    return (_at(each, minute, timezone) for minute in steps)


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> Edges:
    """Join half-open spans that overlap or touch."""
    begins: list[datetime] = []
    ends: list[datetime] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            begins.append(start)
            ends.append(end)
    return begins, ends


def _lies_in(worked: Edges, starts_at: datetime, ends_at: datetime) -> bool:
    at = bisect_right(worked[0], starts_at) - 1
    return at >= 0 and ends_at <= worked[1][at]


def _barred(spans: Iterable[tuple[datetime, datetime]]) -> Edges:
    """Join open spans that overlap; where two only touch, the instant between them is free."""
    begins: list[datetime] = []
    ends: list[datetime] = []
    for start, end in sorted(spans):
        if ends and start < ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            begins.append(start)
            ends.append(end)
    return begins, ends


def _bars(closed: Edges, start: datetime) -> bool:
    at = bisect_left(closed[0], start) - 1  # the last that begins before it
    return at >= 0 and start < closed[1][at]


def _closed(session: Session, wish: Wish, from_at: datetime, to_at: datetime) -> Edges:
    """Return between which instants no start is free: for the length, and for the buffers of either side."""
    length = timedelta(minutes=wish.minutes)
    before, after = wish.kind.buffer_before_minutes, wish.kind.buffer_after_minutes
    beside = buffers.neighbours(session, wish.practitioner_id, from_at, to_at, besides_item_id=wish.besides_item_id)
    off = hours.off_spans(session, [wish.practitioner_id], from_at, to_at)
    return _barred(
        [
            (
                other.starts_at - length - timedelta(minutes=max(after, other.before_minutes)),
                other.ends_at + timedelta(minutes=max(before, other.after_minutes)),
            )
            for other in beside
        ]
        + [(each.starts_at - length, each.ends_at) for each in off]
    )


def _rooms(session: Session, wish: Wish, from_at: datetime, to_at: datetime) -> list[tuple[int, Edges]] | None:
    """Return when each room of the location is taken, the one to keep first; None: no room is needed."""
    if not wish.kind.requires_room:
        return None
    query = select(Room.id).where(Room.location_id == wish.location_id, ~Room.is_archived).order_by(Room.name, Room.id)
    room_ids = sorted(session.scalars(query).all(), key=lambda room_id: room_id != wish.room_id)
    length = timedelta(minutes=wish.minutes)
    taken: dict[int | None, list[tuple[datetime, datetime]]] = defaultdict(list)
    found = session.execute(
        select(Item.room_id, Item.starts_at, Item.ends_at)
        .where(Item.room_id.in_(room_ids), Item.is_blocking, Item.id != (wish.besides_item_id or 0))
        .where(Item.starts_at < to_at, Item.ends_at > from_at)
    )
    for room_id, starts_at, ends_at in found:
        taken[room_id].append((starts_at - length, ends_at))
    return [(room_id, _barred(taken[room_id])) for room_id in room_ids]


def _in_room(rooms: list[tuple[int, Edges]] | None, start: datetime) -> list[Slot]:
    if rooms is None:
        return [Slot(start)]
    free = next((room_id for room_id, closed in rooms if not _bars(closed, start)), None)
    return [Slot(start, free)] if free is not None else []
