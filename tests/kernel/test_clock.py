"""Days are the practice's own, instants are UTC, and the change of clocks loses nothing."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from clinic.kernel import clock, locales


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Santiago", date(2026, 9, 6), 23),  # midnight itself is skipped
        ("America/Santiago", date(2026, 4, 4), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Pacific/Kiritimati", date(2026, 11, 18), 24),
        ("Europe/London", date(2026, 6, 1), 24),
    ],
)
def test_a_local_day_is_as_long_as_the_clocks_make_it(zone, day, hours):
    starts, ends = clock.day_span(day, zone)
    assert (ends - starts) == timedelta(hours=hours)
    assert clock.local_date(starts, zone) == day
    assert clock.local_date(starts - timedelta(seconds=1), zone) == day - timedelta(days=1)
    assert clock.local_date(ends, zone) == day + timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "day", "wall"),
    [("America/New_York", date(2026, 3, 8), time(2, 30)), ("America/Santiago", date(2026, 9, 6), time(0, 15))],
)
def test_a_time_the_clocks_skip_is_refused(zone, day, wall):
    with pytest.raises(clock.MissingTimeError):
        clock.instant_at(day, wall, zone)


def test_of_two_the_first_is_meant():
    assert clock.instant_at(date(2026, 11, 1), time(1, 30), "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "America"])
def test_a_zone_that_does_not_exist_is_refused(name):
    with pytest.raises(clock.RefusalError):
        clock.zone(name)


def test_locales_print_as_their_people_do():
    american, british = locales.LOCALES["en-US"], locales.LOCALES["en-GB"]
    assert locales.wall_time(time(0, 5), american) == "12:05 am"
    assert locales.wall_time(time(12, 0), american) == "12:00 pm"
    assert locales.wall_time(time(14, 30), british) == "14:30"
    assert locales.day(date(2026, 11, 18), american, weekday=True) == "Wed, Nov 18, 2026"
    assert locales.day(date(2026, 11, 18), british, weekday=True, year=False) == "Wed 18 Nov"
