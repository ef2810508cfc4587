"""When practitioners work, where, and when they do not: working hours, time off and closed days."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.orm import Session

from clinic.kernel import clock
from clinic.kernel.clock import MINUTES_PER_DAY, MissingTimeError
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.calendar import TimeOff, TimeOffBooking, WorkingHours
from clinic.models.practice import Location, Practitioner
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

LIST_MAX = 500
DAYS_MAX = 400


@dataclass(frozen=True)
class WorkingSpan:
    """Hold working time on one local day, in minutes of the wall clock; the end is exclusive."""

    practitioner_id: int
    day: date
    starts_minute: int
    ends_minute: int
    location_id: int


@dataclass(frozen=True)
class OffSpan:
    """Hold a span without sessions; without a practitioner the practice is closed."""

    practitioner_id: int | None
    starts_at: datetime
    ends_at: datetime
    label: str


@dataclass(frozen=True)
class HoursRow:
    """Show one row of somebody's week."""

    id: int
    practitioner_id: int
    practitioner: str
    location: str
    weekday: int
    starts: time
    ends: time | None  # None: midnight
    from_date: date | None
    until_date: date | None


@dataclass(frozen=True)
class OffRow:
    """Show one span of time off or one closed span."""

    id: int
    practitioner_id: int | None
    practitioner: str | None
    first: date
    last: date
    starts_at: datetime
    ends_at: datetime
    is_whole_days: bool
    label: str


@dataclass(frozen=True)
class Week:
    """Ask for working hours: the same minutes on several weekdays (Monday is 0)."""

    practitioner_id: int
    location_id: int
    weekdays: tuple[int, ...]
    starts_minute: int
    ends_minute: int
    from_date: date | None = None
    until_date: date | None = None


# Written once, as every page of the calendar asks them.
_WORKING = (
    select(WorkingHours)
    .where(
        WorkingHours.practitioner_id.in_(bindparam("ids", expanding=True)),
        or_(WorkingHours.from_date.is_(None), WorkingHours.from_date <= bindparam("last")),
        or_(WorkingHours.until_date.is_(None), WorkingHours.until_date >= bindparam("first")),
    )
    .order_by(WorkingHours.practitioner_id, WorkingHours.starts_minute)
)
_OFF = (
    select(TimeOff)
    .where(
        TimeOff.starts_at < bindparam("ends_at"),
        TimeOff.ends_at > bindparam("starts_at"),
        or_(TimeOff.practitioner_id.is_(None), TimeOff.practitioner_id.in_(bindparam("ids", expanding=True))),
    )
    .order_by(TimeOff.starts_at)
    .limit(LIST_MAX)
)


def working_spans(session: Session, practitioner_ids: Collection[int], first: date, last: date) -> list[WorkingSpan]:
    """List the working time of those practitioners from the first local day to the last, both included, in time order."""
    asked = {"ids": list(practitioner_ids), "first": first, "last": last}
    rows = session.scalars(_WORKING.limit(LIST_MAX * max(len(practitioner_ids), 1)), asked).all()
    return [
        WorkingSpan(row.practitioner_id, day, row.starts_minute, row.ends_minute, row.location_id)
        for day in _days(first, last)
        for row in rows
        if row.weekday == day.weekday()
        and (row.from_date is None or row.from_date <= day)
        and (row.until_date is None or day <= row.until_date)
    ]


def off_spans(session: Session, practitioner_ids: Collection[int], starts_at: datetime, ends_at: datetime) -> list[OffSpan]:
    """List time off of those practitioners, and closed days, that touch the span."""
    rows = session.scalars(_OFF, {"ids": list(practitioner_ids), "starts_at": starts_at, "ends_at": ends_at})
    return [OffSpan(row.practitioner_id, row.starts_at, row.ends_at, row.label) for row in rows]


def instant(day: date, minute: int, timezone: str) -> datetime:
    """Return the instant of a wall-clock minute of a day; one that the clocks skip counts as an hour later."""
    if minute >= MINUTES_PER_DAY:
        return clock.day_start(day + timedelta(days=1), timezone)
    wall = time(*divmod(minute, 60))
    try:
        return clock.instant_at(day, wall, timezone)
    except MissingTimeError:
        there = datetime.combine(day, wall, UTC) + timedelta(hours=1)
        return clock.instant_at(there.date(), there.time(), timezone)


def weeks(session: Session) -> list[HoursRow]:
    """List everybody's working hours."""
    rows = session.execute(
        select(WorkingHours, Practitioner.name, Location.name)
        .join(Practitioner, Practitioner.id == WorkingHours.practitioner_id)
        .join(Location, Location.id == WorkingHours.location_id)
        .where(~Practitioner.is_archived)
        .order_by(Practitioner.name, WorkingHours.weekday, WorkingHours.starts_minute)
        .limit(LIST_MAX)
    )
    return [
        HoursRow(
            id=row.id, practitioner_id=row.practitioner_id, practitioner=practitioner, location=location, weekday=row.weekday,
            starts=time(*divmod(row.starts_minute, 60)),
            ends=None if row.ends_minute == MINUTES_PER_DAY else time(*divmod(row.ends_minute, 60)),
            from_date=row.from_date, until_date=row.until_date,
        )
        for row, practitioner, location in rows
    ]  # fmt: skip


def add_week(session: Session, who: Actor, week: Week, now: datetime) -> None:
    """Add working hours on each of the weekdays. Must run inside `writing()`.

    Raises:
        RefusalError: the end is not after the start, or the hours lie over others of the same practitioner.
    """
    if week.starts_minute >= week.ends_minute:
        raise RefusalError("The end must be after the start.", field="ends")
    if week.from_date and week.until_date and week.until_date < week.from_date:
        raise RefusalError("The last day must not be before the first.", field="until_date")
    if not week.weekdays:
        raise RefusalError("Choose at least one weekday.", field="weekdays")
    _known(session, week.practitioner_id, week.location_id)
    others = session.scalars(select(WorkingHours).where(WorkingHours.practitioner_id == week.practitioner_id)).all()
    for weekday in week.weekdays:
        if any(_overlaps(row, week, weekday) for row in others):
            raise RefusalError("These hours lie over others of the same practitioner. Delete those first.", field="starts")
        session.add(
            WorkingHours(
                practitioner_id=week.practitioner_id, location_id=week.location_id, weekday=weekday,
                starts_minute=week.starts_minute, ends_minute=week.ends_minute, from_date=week.from_date,
                until_date=week.until_date,
            )
        )  # fmt: skip
    session.flush()
    audit.record(session, who, "added working hours", "practitioner", week.practitioner_id, now, weekdays=list(week.weekdays),
                 starts_minute=week.starts_minute, ends_minute=week.ends_minute)  # fmt: skip


def delete_week(session: Session, who: Actor, hours_id: int, now: datetime) -> None:
    """Delete one row of working hours. Must run inside `writing()`."""
    row = session.get(WorkingHours, hours_id)
    if row is None:
        raise NotFoundError(f"working hours {hours_id}")
    session.delete(row)
    audit.record(session, who, "deleted working hours", "practitioner", row.practitioner_id, now, weekday=row.weekday,
                 starts_minute=row.starts_minute, ends_minute=row.ends_minute)  # fmt: skip


def time_off(session: Session, now: datetime) -> list[OffRow]:
    """List time off and closed days that are not over yet, the next first."""
    timezone = settings.house(session).timezone
    rows = session.execute(
        select(TimeOff, Practitioner.name)
        .outerjoin(Practitioner, Practitioner.id == TimeOff.practitioner_id)
        .where(TimeOff.ends_at > now)
        .order_by(TimeOff.starts_at, TimeOff.id)
        .limit(LIST_MAX)
    )
    return [_off_row(row, name, timezone) for row, name in rows]


def add_time_off(
    session: Session,
    who: Actor,
    *,
    practitioner_id: int | None,
    starts_at: datetime,
    ends_at: datetime,
    label: str,
    now: datetime,
) -> TimeOff:
    """Add time off, or with no practitioner a closed span. Bookings inside stay. Must run inside `writing()`."""
    if starts_at >= ends_at:
        raise RefusalError("The end must be after the start.", field="last")
    if ends_at - starts_at > timedelta(days=DAYS_MAX):
        raise RefusalError(f"At most {DAYS_MAX} days at once.", field="last")
    if practitioner_id is not None:
        _known(session, practitioner_id, None)
    row = TimeOff(practitioner_id=practitioner_id, starts_at=starts_at, ends_at=ends_at, label=label)
    session.add(row)
    session.flush()
    audit.record(session, who, "added time off", "time off", row.id, now, practitioner_id=practitioner_id,
                 starts_at=starts_at.isoformat(), ends_at=ends_at.isoformat())  # fmt: skip
    return row


def delete_time_off(session: Session, who: Actor, off_id: int, now: datetime) -> None:
    """Delete a span of time off. Must run inside `writing()`."""
    row = session.get(TimeOff, off_id)
    if row is None:
        raise NotFoundError(f"time off {off_id}")
    session.execute(delete(TimeOffBooking).where(TimeOffBooking.off_id == off_id))
    session.delete(row)
    audit.record(session, who, "deleted time off", "time off", off_id, now, practitioner_id=row.practitioner_id,
                 starts_at=row.starts_at.isoformat(), ends_at=row.ends_at.isoformat())  # fmt: skip


def off_label(session: Session, off_id: int) -> OffRow:
    """Return one span of time off as the list shows it."""
    found = session.execute(
        select(TimeOff, Practitioner.name)
        .outerjoin(Practitioner, Practitioner.id == TimeOff.practitioner_id)
        .where(TimeOff.id == off_id)
    ).one_or_none()
    if found is None:
        raise NotFoundError(f"time off {off_id}")
    return _off_row(found[0], found[1], settings.house(session).timezone)


def _off_row(row: TimeOff, name: str | None, timezone: str) -> OffRow:
    first, last = clock.local_date(row.starts_at, timezone), clock.local_date(row.ends_at - timedelta(microseconds=1), timezone)
    whole = row.starts_at == clock.day_start(first, timezone) and row.ends_at == clock.day_start(
        last + timedelta(days=1), timezone
    )
    return OffRow(row.id, row.practitioner_id, name, first, last, row.starts_at, row.ends_at, whole, row.label)


def _known(session: Session, practitioner_id: int, location_id: int | None) -> None:
    practitioner = session.get(Practitioner, practitioner_id)
    if practitioner is None or practitioner.is_archived:
        raise RefusalError("Choose a practitioner from the list.", field="practitioner")
    location = session.get(Location, location_id) if location_id is not None else None
    if location_id is not None and (location is None or location.is_archived):
        raise RefusalError("Choose a location from the list.", field="location")


def _overlaps(row: WorkingHours, week: Week, weekday: int) -> bool:
    is_apart = (row.until_date and week.from_date and row.until_date < week.from_date) or (
        row.from_date and week.until_date and week.until_date < row.from_date
    )
    in_time = row.starts_minute < week.ends_minute and week.starts_minute < row.ends_minute
    return row.weekday == weekday and in_time and not is_apart


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))
