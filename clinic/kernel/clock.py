"""The only place that asks what time it is, and the rules between instants, days and wall clocks."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from clinic.kernel.errors import RefusalError

MINUTES_PER_DAY = 24 * 60
AREAS = frozenset({"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"})


class MissingTimeError(RefusalError):
    """Refuse a wall-clock time that the change to summer time leaves out."""


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def starting_at(instant: datetime | None) -> Callable[[], datetime]:
    """Return a clock that stands at that instant now and goes on from there; None: the true one."""
    if instant is None:
        return now
    assert instant.tzinfo is not None
    ahead = instant.astimezone(UTC) - now()
    return lambda: now() + ahead


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name.

    Raises:
        RefusalError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RefusalError("Choose a time zone from the list.", field="timezone") from error


@lru_cache(maxsize=1)
def zone_names() -> list[str]:
    """List the time zones a practice may be in, as "Area/City", and UTC."""
    return [*sorted(name for name in available_timezones() if name.partition("/")[0] in AREAS and "/" in name), "UTC"]


def local(instant: datetime, timezone: str) -> datetime:
    """Return the instant on the wall clock of that zone. For reading and printing, never for adding."""
    assert instant.tzinfo is not None
    return instant.astimezone(zone(timezone))


def local_date(instant: datetime, timezone: str) -> date:
    """Return the practice's own day on which the instant falls."""
    return local(instant, timezone).date()


def instant_at(day: date, wall: time, timezone: str) -> datetime:
    """Return the UTC instant of a wall-clock time on a local day; of two (autumn), the first.

    Raises:
        MissingTimeError: the clock skips that time on that day (spring).
    """
    there = datetime.combine(day, wall.replace(tzinfo=None, fold=0), zone(timezone))
    instant = there.astimezone(UTC)
    if instant.astimezone(zone(timezone)).replace(tzinfo=None) != there.replace(tzinfo=None):
        raise MissingTimeError(f"The clocks skip {wall:%H:%M} on {day.isoformat()}. Choose another time.", field="starts_at")
    return instant


@lru_cache(maxsize=4_096)
def day_start(day: date, timezone: str) -> datetime:
    """Return the first instant of a local day, also where midnight itself is skipped."""
    there = datetime.combine(day, time.min, zone(timezone))
    return there.astimezone(UTC) if _exists(there) else _first_after_gap(there)


def day_span(first: date, timezone: str, *, days: int = 1) -> tuple[datetime, datetime]:
    """Return the instants a run of local days covers: from the first, up to and not including the second."""
    return day_start(first, timezone), day_start(first + timedelta(days=days), timezone)


def minute_of_day(instant: datetime, timezone: str) -> int:
    """Return the wall-clock minute (0 to 1439) at which the instant stands in its local day."""
    there = local(instant, timezone)
    return there.hour * 60 + there.minute


def _exists(there: datetime) -> bool:
    back = there.astimezone(UTC).astimezone(there.tzinfo)
    return back.replace(tzinfo=None) == there.replace(tzinfo=None)


def _first_after_gap(there: datetime) -> datetime:
    # With fold=0 a skipped time maps past the gap by the offset before it; the gap's end is found by the minute.
    wanted = there.date()
    instant = there.astimezone(UTC) - timedelta(hours=3)
    while instant.astimezone(there.tzinfo).date() < wanted:
        instant += timedelta(minutes=1)
    return instant
