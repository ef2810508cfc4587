"""The time a type wants free before and after it: a warning, never an overlap (rulebook 1.5)."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.models.calendar import AppointmentType, Item

BUFFER_MAX = 120  # minutes


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
    before, after = (own.buffer_before_minutes, own.buffer_after_minutes) if own else (0, 0)
    reach = timedelta(minutes=BUFFER_MAX)
    beside = session.execute(
        select(Item.starts_at, Item.ends_at, AppointmentType)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .where(
            Item.practitioner_id == practitioner_id,
            Item.is_blocking,
            Item.id != (besides_item_id or 0),
            Item.starts_at < ends_at + reach,
            # A day is the longest an item can be, so the index on the start bounds the search.
            Item.starts_at > starts_at - reach - timedelta(days=1),
            Item.ends_at > starts_at - reach,
        )
        .order_by(Item.starts_at)
    ).all()
    found = []
    for other_starts_at, other_ends_at, kind in beside:
        is_earlier = other_ends_at <= starts_at
        gap = starts_at - other_ends_at if is_earlier else other_starts_at - ends_at
        wanted = max(before, kind.buffer_after_minutes if kind else 0) if is_earlier else max(
            after, kind.buffer_before_minutes if kind else 0
        )  # fmt: skip
        if timedelta(0) <= gap < timedelta(minutes=wanted):
            side = "before" if is_earlier else "after"
            found.append(f"Only {int(gap.total_seconds()) // 60} of {wanted} minutes are free {side} it.")
    return found
