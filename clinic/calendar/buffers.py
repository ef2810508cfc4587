"""The time a type wants free before and after it: a warning, never an overlap (rulebook 1.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.models.calendar import AppointmentType, Item

BUFFER_MAX = 120  # minutes
REACH = timedelta(minutes=BUFFER_MAX)
# A day is the longest an item can be, so the index on the start bounds the search.
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Neighbour:
    """Hold what stands nearby, and the minutes its type wants free on either side."""

    starts_at: datetime
    ends_at: datetime
    before_minutes: int
    after_minutes: int


def warnings(
    session: Session,
    *,
    type_id: int | None,
    practitioner_id: int,
    starts_at: datetime,
    ends_at: datetime,
    besides_item_id: int | None = None,
) -> list[str]:
    """Say when a span stands in its neighbours' buffers, or they in its own. An overlap itself is another matter."""
    own = session.get(AppointmentType, type_id) if type_id is not None else None
    beside = neighbours(session, practitioner_id, starts_at, ends_at, besides_item_id=besides_item_id)
    return spoken_against(beside, own, starts_at, ends_at)


def neighbours(
    session: Session, practitioner_id: int, starts_at: datetime, ends_at: datetime, *, besides_item_id: int | None = None
) -> list[Neighbour]:
    """List what holds its time within a span, or near enough for the longest buffer, in time order."""
    found = session.execute(
        select(Item.starts_at, Item.ends_at, AppointmentType.buffer_before_minutes, AppointmentType.buffer_after_minutes)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .where(
            Item.practitioner_id == practitioner_id,
            Item.is_blocking,
            Item.id != (besides_item_id or 0),
            Item.starts_at < ends_at + REACH,
            Item.starts_at > starts_at - REACH - _LONGEST,
            Item.ends_at > starts_at - REACH,
        )
        .order_by(Item.starts_at)
    )
    return [Neighbour(starts, ends, before or 0, after or 0) for starts, ends, before, after in found]


def spoken_against(
    beside: Iterable[Neighbour], own: AppointmentType | None, starts_at: datetime, ends_at: datetime
) -> list[str]:
    """List in sentences where the time kept free between a span and its neighbours is less than either type wants."""
    before, after = (own.buffer_before_minutes, own.buffer_after_minutes) if own else (0, 0)
    found = []
    for other in beside:
        is_earlier = other.ends_at <= starts_at
        gap = starts_at - other.ends_at if is_earlier else other.starts_at - ends_at
        wanted = max(before, other.after_minutes) if is_earlier else max(after, other.before_minutes)
        if timedelta(0) <= gap < timedelta(minutes=wanted):
            side = "before" if is_earlier else "after"
            found.append(f"Only {int(gap.total_seconds()) // 60} of {wanted} minutes are free {side} it.")
    return found
