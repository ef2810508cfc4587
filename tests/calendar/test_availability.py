"""Which times are free, which are nearest, and what the change of the clocks does to them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic.calendar import absences, availability, booking, hours
from clinic.kernel import clock
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import WorkingHours
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW

ZONE = "America/New_York"


def _nearest(session, cast, around, **other):
    asked = {"practitioner_id": cast.pat_id, "location_id": cast.harbour_id, "room_id": None, "day": date(2026, 11, 19),
             "minutes": 50, "around": around, "now": NOW} | other  # fmt: skip
    return availability.nearest_free(session, **asked)


def test_the_three_nearest_free_times_are_offered_the_nearest_first(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10, days=1)), NOW)
    free = _nearest(session, cast, at(10, days=1))
    assert free == [at(9, days=1), at(11, days=1), at(11, 15, days=1)]


def test_a_free_activity_is_no_obstacle_and_a_busy_one_is(session, cast):
    booking.book(session, cast.fay, review(cast, at(10, days=1), is_busy=False), NOW)
    assert _nearest(session, cast, at(10, days=1))[0] == at(10, days=1)
    booking.book(session, cast.fay, review(cast, at(10, days=1)), NOW)
    assert at(10, days=1) not in _nearest(session, cast, at(10, days=1))


def test_time_off_closes_and_the_next_days_are_looked_at(session, cast):
    hours.add_time_off(
        session, cast.olga, practitioner_id=None, starts_at=at(0, days=1), ends_at=at(0, days=2), label="", now=NOW
    )
    assert _nearest(session, cast, at(10, days=1))[0] == at(9, days=2)


def test_nothing_past_is_offered_and_nothing_where_nobody_works(session, cast):
    assert all(start >= NOW for start in _nearest(session, cast, at(13), day=date(2026, 11, 18)))
    assert _nearest(session, cast, at(13), location_id=cast.mill_id) == []


def test_a_room_taken_by_another_practitioner_is_not_offered(session, cast):
    piets = therapy(cast, at(10, days=1), practitioner_id=cast.piet_id, client_id=cast.otto_id, room_id=cast.larch_id)
    booking.book(session, cast.fay, piets, NOW)
    assert _nearest(session, cast, at(10, days=1), room_id=cast.larch_id)[0] == at(9, days=1)


def test_hours_have_first_and_last_days(session, cast):
    for row in session.query(WorkingHours):
        row.until_date = date(2026, 11, 18)
    session.flush()
    spans = hours.working_spans(session, [cast.pat_id], date(2026, 11, 17), date(2026, 11, 20))
    assert [span.day for span in spans] == [date(2026, 11, 17), date(2026, 11, 18)]
    week = hours.Week(cast.pat_id, cast.mill_id, (3, 4), 600, 720, from_date=date(2026, 11, 19))
    hours.add_week(session, cast.olga, week, NOW)
    spans = hours.working_spans(session, [cast.pat_id], date(2026, 11, 19), date(2026, 11, 19))
    assert [(span.starts_minute, span.location_id) for span in spans] == [(600, cast.mill_id)]
    with pytest.raises(RefusalError):
        hours.add_week(session, cast.olga, week, NOW)


@pytest.mark.parametrize(("day", "length"), [(date(2027, 3, 14), 23), (date(2026, 11, 1), 25), (date(2026, 11, 18), 24)])
def test_a_closed_day_is_as_long_as_the_day_is(session, cast, day, length):
    starts_at, ends_at = clock.day_span(day, ZONE)
    assert ends_at - starts_at == timedelta(hours=length)
    off = hours.add_time_off(session, cast.olga, practitioner_id=None, starts_at=starts_at, ends_at=ends_at, label="", now=NOW)
    assert hours.off_label(session, off.id).is_whole_days


def test_a_session_over_the_change_of_the_clocks_keeps_its_length(session, cast):
    # The clocks go back at 2:00 on 1 November: 1:30 is an hour and a half before 2:00.
    starts_at = clock.instant_at(date(2026, 11, 1), datetime(2026, 11, 1, 1, 30).time(), ZONE)  # noqa: DTZ001 - a wall clock
    wanted = therapy(cast, starts_at, overrides_warnings=True)
    item = booking.book(session, cast.fay, wanted, NOW)
    assert (item.starts_at, item.ends_at) == (
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 20, tzinfo=UTC),
    )


def test_saving_time_off_over_bookings_lists_them(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(10)), NOW)
    booking.book(session, cast.fay, therapy(cast, at(15), client_id=cast.otto_id), NOW)
    off = hours.add_time_off(
        session, cast.olga, practitioner_id=cast.pat_id, starts_at=at(9), ends_at=at(12), label="Training", now=NOW
    )
    found = absences.walk_for(session, off.id, NOW).steps
    assert [(row.item_id, row.who) for row in found] == [(item.id, "Cleo Abernathy")]
    assert booking.item_for(session, cast.fay, item.id).is_blocking
