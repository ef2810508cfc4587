"""What is booked in time off: staff walk through it one by one, and move, cancel or leave each (rulebook 1.10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from clinic.calendar import availability, booking, hours, outcomes, seats, statuses
from clinic.calendar.booking import Move
from clinic.calendar.hours import OffRow
from clinic.kernel.errors import ClashError, NotFoundError
from clinic.models.calendar import Attendee, Item, ItemKind, OffDecision, Status, TimeOffBooking
from clinic.models.practice import Practitioner
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor
from clinic.practice.settings import House

BOOKINGS_MAX = 200
FREE_TIMES = 6
FREE_TIMES_OF_A_DAY = 3
GONE = "It does not stand in this time off any more: somebody moved or cancelled it meanwhile."


@dataclass(frozen=True)
class Step:
    """Be one booking of the walk, as it stands now."""

    item_id: int
    who: str
    practitioner: str
    starts_at: datetime
    was_at: datetime | None  # when it began before it was decided
    decision: OffDecision | None
    is_open: bool
    is_deleted: bool


@dataclass(frozen=True)
class Current:
    """Hold the booking that is asked about now."""

    item_id: int
    version: int
    number: int
    who: str
    type_name: str
    practitioner_id: int
    practitioner: str
    starts_at: datetime
    ends_at: datetime
    is_event: bool
    is_silent: bool
    cancels: str  # what cancelling it does to its money
    free: tuple[datetime, ...]  # the nearest free times


@dataclass(frozen=True)
class Walk:
    """Hold the whole walk: what is done, what is left to decide, and the one it stands at."""

    off: OffRow
    steps: tuple[Step, ...]
    current: Current | None

    @property
    def left_to_do(self) -> int:
        """Return how many are still to be decided."""
        return sum(step.is_open for step in self.steps)

    def count(self, decision: OffDecision) -> int:
        """Return how many were decided so."""
        return sum(step.decision == decision and not step.is_open for step in self.steps)  # a template names it by its word


def walk_for(session: Session, off_id: int, now: datetime, *, item_id: int | None = None) -> Walk:
    """Return the walk through what is booked in time off, at the first that is open.

    Args:
        item_id: stand at this one instead, where it still stands in the time off.

    Raises:
        NotFoundError: there is no such time off.
    """
    off = hours.off_label(session, off_id)
    found = [(*row, _is_open(off, row[0], row[2])) for row in session.execute(_booked(off)).unique()]
    steps = tuple(
        Step(
            item.id,
            _who(item),
            name,
            item.starts_at,
            made.was_at if made else None,
            made.decision if made else None,
            is_open,
            item.deleted_at is not None,
        )
        for item, name, made, is_open in found
    )
    inside = [(item, name, is_open) for item, name, _made, is_open in found if _is_inside(off, item)]
    chosen = next((row for row in inside if row[0].id == item_id), None) or next((row for row in inside if row[2]), None)
    if chosen is None:
        return Walk(off, steps, None)
    number = next(at for at, step in enumerate(steps, start=1) if step.item_id == chosen[0].id)
    return Walk(off, steps, _current(session, off, chosen[0], chosen[1], number, now))


def open_count(session: Session, off_id: int) -> int:
    """Return how many bookings in time off nobody decided about yet."""
    off = hours.off_label(session, off_id)
    return sum(_is_open(off, item, made) for item, _name, made in session.execute(_booked(off)).unique())


def move(session: Session, who: Actor, off_id: int, item_id: int, to: Move, now: datetime, *, version: int) -> None:
    """Move a booking out of time off. Must run inside `writing()`.

    Raises:
        ClashError: it does not stand there any more, someone changed it since `version`, or the new time is taken.
        WarnedError: something speaks against the new time.
        MismatchError: its package no longer fits and nobody chose.
    """
    item = _inside(session, who, off_id, item_id)
    was_at = item.starts_at
    booking.move(session, who, item_id, to, now, version=version)
    _decided(session, who, off_id, item_id, OffDecision.MOVED, was_at, now)


def cancel(
    session: Session, who: Actor, off_id: int, item_id: int, now: datetime, *, reason: str = "", notifies: bool = True
) -> None:
    """Cancel a booking in time off, by the practice; an event is deleted. Must run inside `writing()`.

    Raises:
        ClashError: it does not stand there any more.
    """
    item = _inside(session, who, off_id, item_id)
    if item.kind is ItemKind.EVENT:
        booking.delete(session, who, item_id, now, notifies=notifies)
    else:
        status = Status.CANCELLED_BY_PRACTICE
        statuses.set_status(session, who, item_id, status, now, reason=reason, notifies=notifies)
    _decided(session, who, off_id, item_id, OffDecision.CANCELLED, item.starts_at, now)


def leave(session: Session, who: Actor, off_id: int, item_id: int, now: datetime) -> None:
    """Leave a booking where it stands, in time off. Must run inside `writing()`; safe to repeat.

    Raises:
        ClashError: it does not stand there any more.
    """
    item = _inside(session, who, off_id, item_id)
    _decided(session, who, off_id, item_id, OffDecision.LEFT, item.starts_at, now)


def _current(session: Session, off: OffRow, item: Item, name: str, number: int, now: datetime) -> Current:
    way = outcomes.way(session, item, outcomes.money_of(session, item), Status.CANCELLED_BY_PRACTICE)
    return Current(
        item_id=item.id, version=item.version, number=number, who=_who(item),
        type_name=item.type.name if item.type else "Event",
        practitioner_id=item.practitioner_id, practitioner=name, starts_at=item.starts_at, ends_at=item.ends_at,
        is_event=item.kind is ItemKind.EVENT, is_silent=item.kind.is_silent, cancels=way.says,
        free=tuple(_free(session, off, item, now)),
    )  # fmt: skip


def _free(session: Session, off: OffRow, item: Item, now: datetime) -> Sequence[datetime]:
    house = settings.house(session)
    day, back = house.local_date(item.starts_at), house.local_date(off.ends_at)
    # A holiday is longer than the search looks ahead: what cannot be given before it is over is offered from then on.
    if (back - day).days >= availability.SEARCH_DAYS // 2:
        day = back
    minutes = seats.minutes_of(item)
    found = availability.nearest_free(
        session, practitioner_id=item.practitioner_id, location_id=item.location_id, room_id=item.room_id,
        day=max(day, house.local_date(now)), minutes=minutes, around=max(item.starts_at, now), now=now,
        count=FREE_TIMES * availability.STARTS_A_DAY_MAX,
    )  # fmt: skip
    return _spread(found, timedelta(minutes=minutes), house)


def _spread(starts: Sequence[datetime], length: timedelta, house: House) -> list[datetime]:
    """Choose times that do not lie over one another, some on each day."""
    chosen: list[datetime] = []
    for start in starts:
        same_day = sum(house.local_date(each) == house.local_date(start) for each in chosen)
        if same_day < FREE_TIMES_OF_A_DAY and all(abs(start - each) >= length for each in chosen):
            chosen.append(start)
    return sorted(chosen[:FREE_TIMES])


def _booked(off: OffRow) -> Select[*tuple[Any, ...]]:
    inside = and_(Item.is_blocking, Item.starts_at < off.ends_at, Item.ends_at > off.starts_at)
    if off.practitioner_id is not None:
        inside = and_(inside, Item.practitioner_id == off.practitioner_id)
    decided = and_(TimeOffBooking.item_id == Item.id, TimeOffBooking.off_id == off.id)
    return (
        select(Item, Practitioner.name, TimeOffBooking)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(TimeOffBooking, decided)
        .where(or_(and_(Item.deleted_at.is_(None), inside), TimeOffBooking.off_id.is_not(None)))
        .options(joinedload(Item.type), joinedload(Item.attendees).joinedload(Attendee.client))
        .order_by(TimeOffBooking.was_at.is_(None), TimeOffBooking.decided_at, Item.starts_at, Item.id)
        .limit(BOOKINGS_MAX)
    )


def _is_inside(off: OffRow, item: Item) -> bool:
    is_theirs = off.practitioner_id in (None, item.practitioner_id)
    return item.is_blocking and is_theirs and item.starts_at < off.ends_at and item.ends_at > off.starts_at


def _is_open(off: OffRow, item: Item, made: TimeOffBooking | None) -> bool:
    return _is_inside(off, item) and (made is None or made.decision is not OffDecision.LEFT)


def _who(item: Item) -> str:
    return ", ".join(seat.client.name for seat in item.attendees) or item.title


def _inside(session: Session, who: Actor, off_id: int, item_id: int) -> Item:
    off = hours.off_label(session, off_id)
    try:
        item = booking.item_for(session, who, item_id)
    except NotFoundError as error:
        raise ClashError(GONE) from error
    if not _is_inside(off, item):
        raise ClashError(GONE)
    return item


def _decided(
    session: Session, who: Actor, off_id: int, item_id: int, decision: OffDecision, was_at: datetime, now: datetime
) -> None:
    made = session.get(TimeOffBooking, (off_id, item_id)) or TimeOffBooking(off_id=off_id, item_id=item_id)
    made.decision, made.was_at, made.decided_at, made.decided_by_id = decision, was_at, now, who.user_id
    session.add(made)
    session.flush()
    audit.record(session, who, "decided in time off", "item", item_id, now, off_id=off_id, decision=decision.value)
