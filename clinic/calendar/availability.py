"""Whether a time is free: what clashes, what staff should be warned of, and which free times are nearest."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from clinic.calendar import hours
from clinic.kernel import clock, locales
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.calendar import Attendee, Item
from clinic.models.people import ClientGroup
from clinic.models.practice import Practitioner, Room
from clinic.practice import settings
from clinic.practice.permissions import Actor
from clinic.practice.settings import House

STEP_MINUTES = 15
SEARCH_DAYS = 14
STARTS_A_DAY_MAX = 24 * 60 // STEP_MINUTES
SPANS_MAX = 2_000


@dataclass(frozen=True)
class Clash:
    """Hold the busy item that is in the way: whose, with whom, where and when."""

    item_id: int
    practitioner_id: int
    practitioner: str
    people: str
    type_name: str
    room: str | None  # set when it is the room that is taken
    starts_at: datetime
    ends_at: datetime


class OverlapError(ClashError):
    """Refuse a time that is taken, and name what stands there."""

    def __init__(self, message: str, clash: Clash | None = None) -> None:
        super().__init__(message, field="starts_at")
        self.clash = clash


class WarnedError(RefusalError):
    """Ask staff whether they mean it: the time is free, but something speaks against it."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__(" ".join(warnings), field="overrides_warnings")
        self.warnings = warnings


@dataclass(frozen=True)
class Span:
    """Hold a time that is taken, half-open."""

    starts_at: datetime
    ends_at: datetime


def clash(
    session: Session,
    *,
    practitioner_id: int,
    room_id: int | None,
    starts_at: datetime,
    ends_at: datetime,
    besides_item_id: int | None = None,
) -> Clash | None:
    """Return the first busy item of that practitioner or room in the half-open span; touching ends are fine."""
    taken = Item.practitioner_id == practitioner_id
    query = (
        select(Item)
        .where(Item.is_blocking, Item.starts_at < ends_at, Item.ends_at > starts_at)
        .where(taken if room_id is None else or_(taken, Item.room_id == room_id))
        .options(selectinload(Item.attendees).joinedload(Attendee.client), joinedload(Item.type))
        .order_by(Item.starts_at)
        .limit(1)
    )
    if besides_item_id is not None:
        query = query.where(Item.id != besides_item_id)
    item = session.scalar(query)
    return _described(session, item, practitioner_id) if item else None


def clashes(session: Session, item_ids: Collection[int], *, practitioner_id: int) -> dict[int, Clash]:
    """Describe busy items that are in the way of that practitioner, all at once."""
    items = session.scalars(
        select(Item)
        .where(Item.id.in_(item_ids))
        .options(selectinload(Item.attendees).joinedload(Attendee.client), joinedload(Item.type))
    ).all()
    # Held while they are described, so that each is read once.
    _groups = session.scalars(select(ClientGroup).where(ClientGroup.id.in_({item.group_id for item in items}))).all()
    _others = session.scalars(select(Practitioner).where(Practitioner.id.in_({item.practitioner_id for item in items}))).all()
    _rooms = session.scalars(select(Room).where(Room.id.in_({item.room_id for item in items}))).all()
    return {item.id: _described(session, item, practitioner_id) for item in items}


def refuse_clash(found: Clash, who: Actor, house: House) -> OverlapError:
    """Put a clash into words, naming the client only to those who may see that calendar."""
    starts, ends = (clock.local(moment, house.timezone) for moment in (found.starts_at, found.ends_at))
    same_half = (starts.hour < 12) == (ends.hour < 12)
    times = f"{locales.wall_time(starts, house.locale, marked=not same_half)}–{locales.wall_time(ends, house.locale)}"
    when = f"{times} on {starts:%A}"
    is_theirs = who.own_practitioner_id in (None, found.practitioner_id)
    what = f"{found.people} ({found.type_name})" if found.type_name else found.people
    if found.room:
        whom = f" with {what}" if is_theirs else ""
        return OverlapError(f"Room {found.room} is taken by {found.practitioner}{whom}, {when}.", found)
    return OverlapError(f"{found.practitioner} has {what if is_theirs else 'something else'}, {when}.", found)


def warnings(
    session: Session, *, practitioner_id: int, location_id: int | None, starts_at: datetime, ends_at: datetime
) -> list[str]:
    """List in sentences what speaks against the time though it is free: closed, time off, outside working hours."""
    timezone = settings.house(session).timezone
    off = hours.off_spans(session, [practitioner_id], starts_at, ends_at)
    first, last = (clock.local_date(moment, timezone) for moment in (starts_at, ends_at - timedelta(microseconds=1)))
    working = [] if off else hours.working_spans(session, [practitioner_id], first, last)
    return spoken_against(working, off, location_id=location_id, starts_at=starts_at, ends_at=ends_at, timezone=timezone)


def spoken_against(
    working: Sequence[hours.WorkingSpan],
    off: Sequence[hours.OffSpan],
    *,
    location_id: int | None,
    starts_at: datetime,
    ends_at: datetime,
    timezone: str,
) -> list[str]:
    """List what working hours and time off of those days say against a span."""
    found = [_off_words(span) for span in off if span.starts_at < ends_at and starts_at < span.ends_at]
    if not found and not _is_worked(working, location_id, starts_at, ends_at, timezone):
        found.append("This is outside working hours here.")
    return found


def nearest_free(
    session: Session,
    *,
    practitioner_id: int,
    location_id: int | None,
    room_id: int | None,
    day: date,
    minutes: int,
    around: datetime,
    now: datetime,
    count: int = 3,
) -> list[datetime]:
    """List free starts in working hours, nearest to `around` first: on that day, or else on the days after it.

    Times already past are offered only when `around` itself is past.
    """
    timezone = settings.house(session).timezone
    last = day + timedelta(days=SEARCH_DAYS - 1)
    from_at, to_at = clock.day_span(day, timezone, days=SEARCH_DAYS)
    taken = _taken(session, practitioner_id, room_id, from_at, to_at)
    least = now if around >= now else from_at
    free: list[datetime] = []
    spans = hours.working_spans(session, [practitioner_id], day, last)
    for each in sorted({span.day for span in spans}):
        if len(free) >= count:
            break
        todays = [span for span in spans if span.day == each]
        starts = free_starts(todays, taken, location_id=location_id, minutes=minutes, around=around, timezone=timezone)
        free += [start for start in starts if start >= least]
    return free[:count]


def free_starts(
    working: Iterable[hours.WorkingSpan],
    taken: Sequence[Span],
    *,
    location_id: int | None,
    minutes: int,
    around: datetime,
    timezone: str,
) -> list[datetime]:
    """List the free starts within those working hours, nearest to `around` first."""
    starts = (
        start
        for span in working
        if location_id in (None, span.location_id)
        for start in _starts(span, minutes, timezone)
        if not _is_taken(taken, start, start + timedelta(minutes=minutes))
    )
    return sorted(starts, key=lambda start: (abs(start - around), start))


def _described(session: Session, item: Item, practitioner_id: int) -> Clash:
    group = session.get(ClientGroup, item.group_id) if item.group_id else None
    people = group.name if group else ", ".join(place.client.name for place in item.attendees)
    is_room = item.practitioner_id != practitioner_id
    room = session.get(Room, item.room_id) if is_room and item.room_id else None
    return Clash(
        item_id=item.id,
        practitioner_id=item.practitioner_id,
        practitioner=session.get_one(Practitioner, item.practitioner_id).name,
        people=people or item.title,
        type_name=item.type.name if item.type else "",
        room=room.name if room else None,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
    )


def _off_words(span: hours.OffSpan) -> str:
    label = f" ({span.label})" if span.label else ""
    return f"The practice is closed then{label}." if span.practitioner_id is None else f"This lies in time off{label}."


def _is_worked(
    spans: Sequence[hours.WorkingSpan], location_id: int | None, starts_at: datetime, ends_at: datetime, timezone: str
) -> bool:
    covered = starts_at
    here = (span for span in spans if location_id in (None, span.location_id))
    edges = ((hours.instant(s.day, s.starts_minute, timezone), hours.instant(s.day, s.ends_minute, timezone)) for s in here)
    for begins, ends in sorted(edges):
        if begins <= covered < ends:
            covered = ends
    return covered >= ends_at


def _taken(session: Session, practitioner_id: int, room_id: int | None, from_at: datetime, to_at: datetime) -> list[Span]:
    mine = Item.practitioner_id == practitioner_id
    rows = session.execute(
        select(Item.starts_at, Item.ends_at)
        .where(Item.is_blocking, Item.starts_at < to_at, Item.ends_at > from_at)
        .where(mine if room_id is None else or_(mine, Item.room_id == room_id))
        .limit(SPANS_MAX)
    )
    off = hours.off_spans(session, [practitioner_id], from_at, to_at)
    return [Span(*row) for row in rows] + [Span(span.starts_at, span.ends_at) for span in off]


def _is_taken(taken: Iterable[Span], starts_at: datetime, ends_at: datetime) -> bool:
    return any(span.starts_at < ends_at and starts_at < span.ends_at for span in taken)


def _starts(span: hours.WorkingSpan, minutes: int, timezone: str) -> list[datetime]:
    ends_at = hours.instant(span.day, span.ends_minute, timezone)
    steps = range(span.starts_minute, span.ends_minute - minutes + 1, STEP_MINUTES)
    starts = {hours.instant(span.day, minute, timezone) for minute in steps}
    return [start for start in starts if start + timedelta(minutes=minutes) <= ends_at]
