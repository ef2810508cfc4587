"""The days of a series, held against a second implementation, and its wall-clock time on the days the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from hypothesis import given
from hypothesis import strategies as st

from clinic.calendar import recurrence
from clinic.calendar.recurrence import Rule
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import SeriesUnit

FREQUENCY = {SeriesUnit.DAY: rrule.DAILY, SeriesUnit.WEEK: rrule.WEEKLY, SeriesUnit.MONTH: rrule.MONTHLY}
FIRSTS = st.dates(date(2020, 1, 1), date(2060, 12, 31))
# The days that some months lack.
LATE_FIRSTS = st.builds(date, st.integers(2020, 2060), st.sampled_from((1, 3, 5, 7, 8, 10, 12)), st.integers(28, 31))
ZONES = ("America/New_York", "America/Santiago", "Australia/Lord_Howe", "Europe/London")


def _second(rule: Rule, first: date) -> tuple[date, ...]:
    start = datetime.combine(first, time.min)
    until = datetime.combine(rule.until_date, time.max) if rule.until_date else None
    found = rrule.rrule(FREQUENCY[rule.unit], dtstart=start, interval=rule.every, count=rule.times, until=until)
    return tuple(moment.date() for moment in found)


@given(FIRSTS, st.sampled_from(SeriesUnit), st.integers(1, 6), st.integers(2, 300))
def test_so_many_times_agrees_with_a_second_implementation(first, unit, every, times):
    rule = Rule(unit, every, times=times)
    wanted = _second(rule, first)
    if len(wanted) < times or wanted[-1] > recurrence.LAST_DAY:
        with pytest.raises(RefusalError):
            recurrence.days(rule, first)
    else:
        assert recurrence.days(rule, first).days == wanted


@given(FIRSTS, st.sampled_from(SeriesUnit), st.integers(1, 6), st.integers(0, 4_000))
def test_until_a_date_agrees_with_a_second_implementation(first, unit, every, span):
    rule = Rule(unit, every, until_date=first + timedelta(days=span))
    wanted = _second(rule, first)
    if 2 <= len(wanted) <= recurrence.TIMES_MAX:
        assert recurrence.days(rule, first).days == wanted
    else:
        with pytest.raises(RefusalError) as refused:
            recurrence.days(rule, first)
        assert refused.value.field == "repeat_until"


@given(LATE_FIRSTS, st.integers(1, 6), st.integers(2, 60))
def test_every_month_of_the_rule_is_either_a_day_or_said_to_be_passed_over(first, every, times):
    try:
        found = recurrence.days(Rule(SeriesUnit.MONTH, every, times=times), first)
    except RefusalError:
        return
    months = sorted({(day.year, day.month) for day in found.days} | set(found.passed_over))
    assert len(months) == len(found.days) + len(found.passed_over)
    steps = [year * 12 + month for year, month in months]
    assert steps == list(range(steps[0], steps[-1] + 1, every))


def test_a_month_without_the_31st_is_passed_over_and_said():
    found = recurrence.days(Rule(SeriesUnit.MONTH, times=3), date(2026, 8, 31))
    assert found.days == (date(2026, 8, 31), date(2026, 10, 31), date(2026, 12, 31))
    assert found.passed_over == ((2026, 9), (2026, 11))
    until = recurrence.days(Rule(SeriesUnit.MONTH, until_date=date(2027, 3, 1)), date(2026, 12, 31))
    assert until.days == (date(2026, 12, 31), date(2027, 1, 31))
    assert until.passed_over == ((2027, 2),)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Rule(SeriesUnit.WEEK), "repeat_until"),
        (Rule(SeriesUnit.WEEK, times=3, until_date=date(2027, 1, 1)), "repeat_times"),
        (Rule(SeriesUnit.WEEK, times=301), "repeat_times"),
        (Rule(SeriesUnit.WEEK, times=1), "repeat_times"),
        (Rule(SeriesUnit.WEEK, every=0, times=3), "repeat_every"),
        (Rule(SeriesUnit.WEEK, every=100, times=3), "repeat_every"),
        (Rule(SeriesUnit.DAY, until_date=date(2027, 12, 31)), "repeat_until"),
        (Rule(SeriesUnit.WEEK, until_date=date(2026, 11, 17)), "repeat_until"),
        (Rule(SeriesUnit.WEEK, until_date=date(2026, 11, 20)), "repeat_until"),
        (Rule(SeriesUnit.MONTH, every=99, times=300), "repeat_times"),
    ],
)
def test_a_rule_nobody_can_mean_is_refused_at_its_field(rule, field):
    with pytest.raises(RefusalError) as refused:
        recurrence.days(rule, date(2026, 11, 18))
    assert refused.value.field == field


# Each range holds both changes of that zone's clocks.
@pytest.mark.parametrize("zone", ZONES)
@given(hour=st.integers(3, 23), minute=st.sampled_from((0, 15, 45)))
def test_a_series_keeps_its_wall_clock_time_across_both_changes(zone, hour, minute):
    wall = time(hour, minute)
    for day in recurrence.days(Rule(SeriesUnit.DAY, times=300), date(2026, 3, 1)).days:
        instant = recurrence.instant(day, wall, zone)
        assert instant is not None
        assert instant.tzinfo is UTC
        assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == datetime.combine(day, wall)


@pytest.mark.parametrize(
    ("zone", "day", "wall", "skips"),
    [
        ("America/New_York", date(2026, 3, 8), time(2, 30), True),
        ("America/New_York", date(2026, 3, 8), time(3, 0), False),
        ("America/Santiago", date(2026, 9, 6), time(0, 30), True),
        ("America/Santiago", date(2026, 9, 6), time(1, 0), False),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), True),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 30), False),
        ("Europe/London", date(2026, 3, 29), time(1, 30), True),
        ("Europe/London", date(2026, 3, 29), time(2, 0), False),
    ],
)
def test_a_time_the_clocks_skip_is_none_on_that_day_only(zone, day, wall, skips):
    assert (recurrence.instant(day, wall, zone) is None) is skips
    assert recurrence.instant(day + timedelta(days=7), wall, zone) is not None


@pytest.mark.parametrize(
    ("zone", "day", "wall"),
    [
        ("America/New_York", date(2026, 11, 1), time(1, 30)),
        ("America/Santiago", date(2026, 4, 4), time(23, 30)),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45)),
        ("Europe/London", date(2026, 10, 25), time(1, 30)),
    ],
)
def test_of_a_time_that_comes_twice_the_first_is_meant(zone, day, wall):
    instant = recurrence.instant(day, wall, zone)
    assert instant is not None
    assert instant.astimezone(ZoneInfo(zone)).fold == 0
    assert (instant + timedelta(minutes=90)).astimezone(ZoneInfo(zone)).date() in (day, day + timedelta(days=1))


def test_a_rule_is_said_in_words():
    assert recurrence.words(Rule(SeriesUnit.WEEK, times=3)) == "Every week"
    assert recurrence.words(Rule(SeriesUnit.DAY, every=10, times=3)) == "Every 10 days"
    assert recurrence.words(Rule(SeriesUnit.MONTH, every=2, times=3)) == "Every 2 months"
