"""The days something repeats on, and the instants of one wall-clock time on those days: pure, without a database."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from clinic.kernel import clock
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import SeriesUnit

TIMES_MIN, TIMES_MAX = 2, 300
EVERY_MAX = 99
LAST_DAY = date(2199, 12, 31)
MONTHS_PER_YEAR = 12
_WORDS = {
    SeriesUnit.DAY: ("Every day", "Every {} days"),
    SeriesUnit.WEEK: ("Every week", "Every {} weeks"),
    SeriesUnit.MONTH: ("Every month", "Every {} months"),
}


@dataclass(frozen=True)
class Rule:
    """Say how often something repeats, and until which day (included) or how many times, the first one counted."""

    unit: SeriesUnit
    every: int = 1
    until_date: date | None = None
    times: int | None = None


@dataclass(frozen=True)
class Days:
    """Hold the days a rule falls on, and those it passes over: months without that day of the month."""

    days: tuple[date, ...]
    passed_over: tuple[tuple[int, int], ...]  # year and month


def check(rule: Rule, first: date) -> None:
    """Refuse a rule nobody can mean.

    Raises:
        RefusalError: it has no end or two, or steps, times or days out of bounds; the error names the field.
    """
    if not 1 <= rule.every <= EVERY_MAX:
        raise RefusalError(f"Enter a whole number from 1 to {EVERY_MAX}.", field="repeat_every")
    if rule.until_date is None and rule.times is None:
        raise RefusalError("Say until which date, or how many times.", field="repeat_until")
    if rule.until_date is not None and rule.times is not None:
        raise RefusalError("Say until which date or how many times, not both.", field="repeat_times")
    if rule.times is not None and not TIMES_MIN <= rule.times <= TIMES_MAX:
        raise RefusalError(f"Enter a whole number from {TIMES_MIN} to {TIMES_MAX}.", field="repeat_times")
    if rule.until_date is not None and rule.until_date < first:
        raise RefusalError("This date lies before the first day.", field="repeat_until")


def days(rule: Rule, first: date) -> Days:
    """Return the days from the first on. A month without that day is passed over, not moved to its last day.

    Raises:
        RefusalError: the rule does not hold, falls on one day only, or more often than `TIMES_MAX`.
    """
    check(rule, first)
    found: list[date] = []
    passed: list[tuple[int, int]] = []
    gap: list[tuple[int, int]] = []  # passed over since the last day found
    last = min(rule.until_date or LAST_DAY, LAST_DAY)
    step = 0
    while rule.times is None or len(found) < rule.times:
        year_month, day = _at(rule, first, step)
        step += 1
        if date(*year_month, 1) > last or (day is not None and day > last):
            break
        if day is None:
            gap.append(year_month)
            continue
        if len(found) == TIMES_MAX:
            raise RefusalError(f"That is more than {TIMES_MAX} times. Choose an earlier date.", field="repeat_until")
        found.append(day)
        passed, gap = passed + gap, []
    if rule.times is not None and len(found) < rule.times:
        raise RefusalError(f"That reaches past {LAST_DAY.year}. Choose fewer times.", field="repeat_times")
    if rule.until_date is not None:
        # A month whose missing day would lie before the end is said too, even as the last one.
        passed += [(year, month) for year, month in gap if (year, month) < (last.year, last.month)]
    if len(found) < TIMES_MIN:
        raise RefusalError("That falls on one day only. Choose a later date.", field="repeat_until")
    return Days(tuple(found), tuple(passed))


def instant(day: date, wall: time, timezone: str) -> datetime | None:
    """Return the instant of a wall-clock time on a day, or None where the change of clocks leaves it out."""
    try:
        return clock.instant_at(day, wall, timezone)
    except clock.MissingTimeError:
        return None


def words(rule: Rule) -> str:
    """Say how often: "Every week", "Every 10 days"."""
    once, often = _WORDS[rule.unit]
    return once if rule.every == 1 else often.format(rule.every)


def _at(rule: Rule, first: date, step: int) -> tuple[tuple[int, int], date | None]:
    """Return the year and month of a step and its day, None where that month has no such day."""
    if rule.unit is SeriesUnit.MONTH:
        months = first.year * MONTHS_PER_YEAR + first.month - 1 + step * rule.every
        year, month = divmod(months, MONTHS_PER_YEAR)
        month += 1
        is_there = first.day <= monthrange(year, month)[1]
        return (year, month), date(year, month, first.day) if is_there else None
    per_step = rule.every if rule.unit is SeriesUnit.DAY else rule.every * 7
    day = first + timedelta(days=step * per_step)
    return (day.year, day.month), day
