"""Past sessions that nobody has marked yet: all of a day at once, and which days still wait (rulebook 1.6)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from clinic.calendar import statuses
from clinic.kernel import clock
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from clinic.models.people import Client
from clinic.models.practice import Practitioner
from clinic.practice import settings
from clinic.practice.permissions import Actor

LOOKS_BACK = timedelta(days=60)
UNMARKED_MAX = 1_000


@dataclass(frozen=True)
class Unmarked:
    """Be one client's place in a past session that still reads Booked."""

    attendee_id: int
    item_id: int
    starts_at: datetime
    client: str
    type_name: str


@dataclass(frozen=True)
class OpenDay:
    """Be one day of one practitioner with so many sessions that nobody has marked."""

    practitioner_id: int
    practitioner: str
    day: date
    count: int


def of_day(session: Session, who: Actor, practitioner_id: int, day: date, now: datetime) -> list[Unmarked]:
    """List a practitioner's sessions of a day that are over and still Booked, in order."""
    zone = settings.practice(session).timezone
    found = session.execute(
        _unmarked(who, now)
        .with_only_columns(Attendee.id, Item.id, Item.starts_at, Client, AppointmentType.name)
        .where(
            Item.practitioner_id == practitioner_id,
            Item.starts_at >= clock.day_start(day, zone),
            Item.starts_at < clock.day_start(day + timedelta(days=1), zone),
        )
        .order_by(Item.starts_at, Attendee.id)
    )
    return [Unmarked(place, item, at, client.name, kind) for place, item, at, client, kind in found]


def mark_attended(
    session: Session, who: Actor, practitioner_id: int, day: date, attendee_ids: Collection[int], now: datetime
) -> int:
    """Mark as Attended those of a day that were chosen and are still Booked; return how many. Must run inside `writing()`."""
    chosen = [each for each in of_day(session, who, practitioner_id, day, now) if each.attendee_id in attendee_ids]
    for each in chosen:
        statuses.set_status(session, who, each.item_id, Status.ATTENDED, now, attendee_id=each.attendee_id)
    return len(chosen)


def open_days(session: Session, who: Actor, now: datetime) -> list[OpenDay]:
    """List the days that hold sessions nobody has marked, oldest first; none while a past Booked counts as Attended."""
    practice = settings.practice(session)
    if practice.past_booked_is_attended:
        return []
    found = session.execute(
        _unmarked(who, now)
        .with_only_columns(Practitioner.id, Practitioner.name, Item.starts_at)
        .where(Item.starts_at >= now - LOOKS_BACK)
        .order_by(Item.starts_at)
        .limit(UNMARKED_MAX)
    )
    counts: dict[tuple[date, str, int], int] = {}
    for practitioner_id, name, starts_at in found:
        key = (clock.local_date(starts_at, practice.timezone), name, practitioner_id)
        counts[key] = counts.get(key, 0) + 1
    return [OpenDay(practitioner_id, name, day, count) for (day, name, practitioner_id), count in sorted(counts.items())]


def _unmarked(who: Actor, now: datetime) -> Select[int]:
    chosen = (
        select(Attendee.id)
        .join(Attendee.item)
        .join(Attendee.client)
        .join(Item.type)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .where(
            Item.kind == ItemKind.APPOINTMENT,
            Item.deleted_at.is_(None),
            Item.ends_at <= now,
            Attendee.status == Status.BOOKED,
        )
    )
    own = who.own_practitioner_id
    return chosen if own is None else chosen.where(Item.practitioner_id == own)
