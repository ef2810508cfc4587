"""Series: listed before they are booked, booked whole or not at all, changed by scope, with what is done left alone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from clinic.billing import invoices, packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, linking, scope, series, statuses
from clinic.calendar.booking import Move, OverlapError, WarnedError
from clinic.calendar.occurrences import OWN_CLASH, SKIPPED_BY_CLOCKS, Choices
from clinic.calendar.recurrence import Rule
from clinic.calendar.scope import Scope
from clinic.calendar.series import UnsettledError
from clinic.calendar.terms import Wanted
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import PackageKind
from clinic.models.calendar import Item, ItemKind, Series, SeriesUnit, Status
from clinic.models.practice import Practice
from clinic.office import verify
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW

WEEKLY = Rule(SeriesUnit.WEEK, times=4)
NONE = Choices()
WEDNESDAYS = [date(2026, 11, 25), date(2026, 12, 2), date(2026, 12, 9), date(2026, 12, 16)]


def _first(cast, hour=10, **other) -> Wanted:
    return therapy(cast, at(hour, days=7), **other)


def five_sessions(session, cast, **other):
    """Sell Cleo five sessions with Pat at Harbour Street."""
    rows = (FeeRow(cast.therapy_fee_id, 5),)
    made = packages.save(
        session, cast.fay, Template("Five sessions", rows=rows, kind=PackageKind.PACKAGED, price_cents=65_000), NOW
    )
    sale = {"package_id": made.id, "client_ids": (cast.cleo_id,), "payer_id": cast.cleo_payer_id,
            "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}  # fmt: skip
    return packages.sell(session, cast.fay, Sale(**(sale | other)), NOW)


@pytest.fixture
def weekly(session, cast):
    """Book four Wednesdays at 10:00, all still to come."""
    made = series.book(session, cast.fay, _first(cast), WEEKLY, NONE, NOW)
    return series.items_of(session, made.id)


def _starts(session, series_id):
    return [item.starts_at for item in series.items_of(session, series_id)]


def test_every_occurrence_is_a_row_and_the_series_keeps_the_rule(session, cast, weekly):
    assert [item.starts_at for item in weekly] == [at(10, days=7 * week) for week in (1, 2, 3, 4)]
    assert {item.kind for item in weekly} == {ItemKind.APPOINTMENT}
    assert all(item.attendees[0].fee_cents == 15_000 for item in weekly)
    row = session.get_one(Series, weekly[0].series_id)
    assert (row.unit, row.every, row.times, row.until_date, row.created_by_id) == (
        SeriesUnit.WEEK,
        1,
        4,
        None,
        cast.fay.user_id,
    )
    assert series.words_of(session, weekly[2]) == "Every week until Dec 16, 3 of 4"
    assert list(verify.findings(session)) == []


def test_the_list_names_clash_hours_and_free_times_before_anything_is_saved(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10, days=14), client_id=cast.otto_id), NOW)
    plan = series.listed(session, cast.fay, _first(cast), WEEKLY, NONE)
    assert [each.day for each in plan.occurrences] == WEDNESDAYS
    clash = plan.occurrences[1]
    assert "Otto Brandt" in clash.trouble
    assert clash.free == (time(9), time(11), time(11, 15))
    assert [each.trouble for each in plan.occurrences if each is not clash] == ["", "", ""]
    assert len(session.scalars(select(Item)).all()) == 1
    late = series.listed(session, cast.fay, _first(cast, hour=19), WEEKLY, NONE)
    assert all(each.warnings == ("This is outside working hours here.",) for each in late.occurrences)


def test_a_practitioner_does_not_read_another_calendar_in_the_list(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10, days=14), practitioner_id=cast.piet_id, room_id=cast.larch_id), NOW)
    plan = series.listed(session, cast.pat, _first(cast, room_id=cast.larch_id), WEEKLY, NONE)
    assert "Larch" in plan.occurrences[1].trouble
    assert "Cleo" not in plan.occurrences[1].trouble


def test_a_clash_is_skipped_or_moved_and_without_a_choice_nothing_is_booked(session, cast):
    for days in (14, 21):
        booking.book(session, cast.fay, therapy(cast, at(10, days=days), client_id=cast.otto_id), NOW)
    with pytest.raises(UnsettledError, match="Choose for 2 dates"):
        series.book(session, cast.fay, _first(cast), WEEKLY, NONE, NOW)
    one = Choices(skipped=frozenset({WEDNESDAYS[1]}))
    with pytest.raises(UnsettledError, match="Choose for 1 date:"):
        series.book(session, cast.fay, _first(cast), WEEKLY, one, NOW)
    chosen = Choices(frozenset({WEDNESDAYS[1]}), {WEDNESDAYS[2]: time(13, 15)})
    made = series.book(session, cast.fay, _first(cast), WEEKLY, chosen, NOW)
    assert _starts(session, made.id) == [at(10, days=7), at(13, 15, days=21), at(10, days=28)]


def test_a_time_moved_to_must_be_free_too(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10, days=14), client_id=cast.otto_id), NOW)
    again = Choices(moved={WEDNESDAYS[1]: time(10, 30)})
    assert "Otto Brandt" in series.listed(session, cast.fay, _first(cast), WEEKLY, again).occurrences[1].trouble
    with pytest.raises(UnsettledError):
        series.book(session, cast.fay, _first(cast), WEEKLY, again, NOW)


def test_skipping_every_date_books_nothing(session, cast):
    with pytest.raises(RefusalError, match="every date is skipped"):
        series.book(session, cast.fay, _first(cast), WEEKLY, Choices(frozenset(WEDNESDAYS)), NOW)


def test_the_list_says_which_dates_a_package_covers_and_save_uses_just_those(session, cast):
    five_sessions(session, cast)
    plan = series.listed(session, cast.fay, _first(cast), Rule(SeriesUnit.WEEK, times=7), Choices(frozenset({WEDNESDAYS[0]})))
    said = [(bool(each.packages), each.bills_cents) for each in plan.occurrences]
    assert said == [(False, 0), *[(True, 0)] * 5, (False, 15_000)]
    rule = Rule(SeriesUnit.WEEK, times=7)
    made = series.book(session, cast.fay, _first(cast), rule, Choices(frozenset({WEDNESDAYS[0]})), NOW)
    labels = linking.label_for(session, [item.attendees[0].id for item in series.items_of(session, made.id)])
    assert sorted(label.number for label in labels.values()) == [1, 2, 3, 4, 5]
    assert list(verify.findings(session)) == []


def test_a_near_miss_is_said_in_the_list(session, cast):
    five_sessions(session, cast, practitioner_id=cast.piet_id)
    plan = series.listed(session, cast.fay, _first(cast), WEEKLY, NONE)
    assert plan.near_miss is not None
    assert "Piet" in plan.near_miss
    assert {each.bills_cents for each in plan.occurrences} == {15_000}


def test_what_is_booked_already_repeats_from_its_own_date(session, cast):
    item = booking.book(session, cast.fay, _first(cast, notes="Ramp", room_id=cast.larch_id), NOW)
    plan = series.listed_of(session, cast.fay, item.id, WEEKLY, NONE)
    assert [each.is_booked for each in plan.occurrences] == [True, False, False, False]
    made = series.repeat(session, cast.fay, item.id, WEEKLY, NONE, NOW)
    found = series.items_of(session, made.id)
    assert found[0].id == item.id
    assert {(each.notes, each.room_id) for each in found} == {("Ramp", cast.larch_id)}
    with pytest.raises(RefusalError, match="repeats already"):
        series.repeat(session, cast.fay, item.id, WEEKLY, NONE, NOW)


def test_activities_groups_and_events_repeat_too(session, cast):
    free = series.book(session, cast.fay, review(cast, at(12, days=7), is_busy=False), WEEKLY, NONE, NOW)
    couple = therapy(cast, at(13, days=7), client_id=None, group_id=cast.couple_id)
    both = series.book(session, cast.fay, couple, WEEKLY, NONE, NOW)
    lunch = Wanted(None, cast.pat_id, at(12, days=7), 30, title="Lunch")
    event = series.book(session, cast.fay, lunch, Rule(SeriesUnit.DAY, times=5), NONE, NOW)
    assert len(_starts(session, free.id)) == 4
    assert [len(item.attendees) for item in series.items_of(session, both.id)] == [2] * 4
    assert [sum(place.is_billed for place in item.attendees) for item in series.items_of(session, both.id)] == [1] * 4
    assert len(_starts(session, event.id)) == 5
    assert list(verify.findings(session)) == []


def test_a_cancelled_item_does_not_repeat(session, cast):
    item = booking.book(session, cast.fay, _first(cast), NOW)
    statuses.set_status(session, cast.fay, item.id, Status.CANCELLED_BY_CLIENT, NOW)
    with pytest.raises(RefusalError, match="cancelled"):
        series.listed_of(session, cast.fay, item.id, WEEKLY, NONE)


@pytest.mark.parametrize(
    ("zone", "first", "wall"),
    [
        ("America/New_York", date(2026, 10, 27), time(10)),
        ("America/Santiago", date(2026, 8, 31), time(23, 30)),
        ("Australia/Lord_Howe", date(2026, 9, 27), time(7, 45)),
        ("Europe/London", date(2026, 10, 20), time(9)),
    ],
)
def test_a_booked_series_keeps_its_wall_clock_time_across_the_change(session, cast, zone, first, wall):
    session.get_one(Practice, 1).timezone = zone
    starts_at = datetime.combine(first, wall, ZoneInfo(zone)).astimezone(UTC)
    made = series.book(session, cast.fay, therapy(cast, starts_at), WEEKLY, NONE, NOW)
    there = [start.astimezone(ZoneInfo(zone)) for start in _starts(session, made.id)]
    assert [(moment.date(), moment.time()) for moment in there] == [(first + timedelta(days=7 * n), wall) for n in range(4)]
    assert len({moment.utcoffset() for moment in there}) == 2


def test_a_time_the_clocks_skip_is_listed_to_move_or_skip(session, cast):
    first = datetime(2027, 3, 7, 7, 30, tzinfo=UTC)  # 2:30 on a Sunday in New York, a week before the change
    wanted = Wanted(None, cast.pat_id, first, 30, title="Night watch")
    plan = series.listed(session, cast.fay, wanted, WEEKLY, NONE)
    assert [each.trouble for each in plan.occurrences] == ["", SKIPPED_BY_CLOCKS, "", ""]
    chosen = Choices(moved={date(2027, 3, 14): time(3, 30)})
    made = series.book(session, cast.fay, wanted, WEEKLY, chosen, NOW)
    assert _starts(session, made.id)[1] == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)


def test_a_whole_day_that_the_change_makes_short_clashes_with_its_own_series(session, cast):
    wanted = Wanted(None, cast.pat_id, datetime(2027, 3, 13, 17, tzinfo=UTC), 24 * 60, title="On call")
    plan = series.listed(session, cast.fay, wanted, Rule(SeriesUnit.DAY, times=3), NONE)
    assert [each.trouble for each in plan.occurrences] == ["", OWN_CLASH, ""]


# Scopes.


def test_moving_this_and_following_keeps_the_earlier_ones(session, cast, weekly):
    to = Move(at(14, days=15))  # a Thursday at two
    done = scope.move(session, cast.fay, weekly[1].id, to, Scope.FOLLOWING, NOW, version=1)
    assert (done.changed, done.left) == (3, 0)
    assert _starts(session, weekly[0].series_id) == [at(10, days=7), *(at(14, days=days) for days in (15, 22, 29))]
    assert list(verify.findings(session)) == []


def test_a_series_moves_onto_its_own_old_times(session, cast, weekly):
    scope.move(session, cast.fay, weekly[0].id, Move(at(10, days=14)), Scope.ALL, NOW, version=1)
    assert _starts(session, weekly[0].series_id) == [at(10, days=7 * week) for week in (2, 3, 4, 5)]
    assert all(item.is_blocking for item in series.items_of(session, weekly[0].series_id))
    assert list(verify.findings(session)) == []


def test_a_move_of_several_names_every_clash_and_moves_none(session, cast, weekly):
    for days in (14, 28):
        booking.book(session, cast.fay, therapy(cast, at(14, days=days), client_id=cast.otto_id), NOW)
    with pytest.raises(OverlapError) as refused:
        scope.move(session, cast.fay, weekly[0].id, Move(at(14, days=7)), Scope.ALL, NOW, version=1)
    assert "Wed, Dec 2: Pat Oyelaran has Otto Brandt" in refused.value.message
    assert "Wed, Dec 16" in refused.value.message


def test_a_move_of_several_warns_of_hours_by_date_and_may_be_meant(session, cast, weekly):
    with pytest.raises(WarnedError, match="Wed, Nov 25: This is outside working hours here"):
        scope.move(session, cast.fay, weekly[0].id, Move(at(19, days=7)), Scope.ALL, NOW, version=1)


def test_a_move_of_several_keeps_wall_time_across_the_change_of_clocks(session, cast):
    wanted = therapy(cast, datetime(2027, 3, 3, 15, tzinfo=UTC))  # ten o'clock
    made = series.book(session, cast.fay, wanted, WEEKLY, NONE, NOW)
    item = series.items_of(session, made.id)[0]
    scope.move(session, cast.fay, item.id, Move(datetime(2027, 3, 4, 16, tzinfo=UTC)), Scope.ALL, NOW, version=1)
    there = [start.astimezone(ZoneInfo("America/New_York")) for start in _starts(session, made.id)]
    assert [moment.time() for moment in there] == [time(11)] * 4
    assert [moment.weekday() for moment in there] == [3] * 4


def test_past_invoiced_used_and_cancelled_ones_are_left_alone(session, cast):
    five_sessions(session, cast)
    made = series.book(session, cast.fay, _first(cast, uses_package=False), Rule(SeriesUnit.WEEK, times=6), NONE, NOW)
    items = series.items_of(session, made.id)
    invoices.bill_item(session, cast.fay, items[1].id, NOW)
    found = linking.candidate(session, client_id=cast.cleo_id, fee_id=cast.therapy_fee_id, practitioner_id=cast.pat_id,
                              location_id=cast.harbour_id, on_date=WEDNESDAYS[2])  # fmt: skip
    linking.link(session, cast.fay, found.line_id, items[2].attendees[0].id, NOW)
    statuses.set_status(session, cast.fay, items[2].id, Status.ATTENDED, NOW)
    statuses.set_status(session, cast.fay, items[3].id, Status.CANCELLED_BY_CLIENT, NOW)
    later = at(18, days=8)  # the first is past by now
    done = scope.move(session, cast.fay, items[0].id, Move(at(14, days=7)), Scope.ALL, later, version=items[0].version)
    assert (done.changed, done.left) == (2, 4)
    assert _starts(session, made.id) == [*(at(10, days=7 * week) for week in (1, 2, 3, 4)), at(14, days=35), at(14, days=42)]
    shown = series.series_for(session, cast.fay, made.id, later)
    assert [row.why_left.split(" INV")[0] for row in shown.rows] == [
        "past", "on invoice", "its package session is used", "cancelled", "", "",
    ]  # fmt: skip
    gone = scope.delete(session, cast.fay, items[0].id, Scope.ALL, later)
    assert (gone.changed, gone.left) == (2, 4)
    assert list(verify.findings(session)) == []


def test_a_booked_package_session_moves_with_its_series(session, cast):
    five_sessions(session, cast)
    made = series.book(session, cast.fay, _first(cast), WEEKLY, NONE, NOW)
    item = series.items_of(session, made.id)[0]
    scope.move(session, cast.fay, item.id, Move(at(10, days=8)), Scope.ALL, NOW, version=item.version)
    held = [linking.held_line(session, each.attendees[0].id)[0].session_date for each in series.items_of(session, made.id)]
    assert held == [day + timedelta(days=1) for day in WEDNESDAYS]
    assert list(verify.findings(session)) == []


def test_editing_all_changes_what_is_changed_and_keeps_what_each_has(session, cast, weekly):
    own = series.wanted_of(weekly[1], booking.kept_of(session, weekly[1]))
    noted = Wanted(**{**vars(own), "notes": "Brings a friend"})
    booking.edit(session, cast.fay, weekly[1].id, noted, NOW, version=1)
    first = series.wanted_of(weekly[0], booking.kept_of(session, weekly[0]))
    wanted = Wanted(**{**vars(first), "room_id": cast.larch_id, "fee_id": cast.therapy_fee_id, "fee_cents": 12_000})
    done = scope.edit(session, cast.fay, weekly[0].id, wanted, Scope.ALL, NOW, version=1)
    found = series.items_of(session, weekly[0].series_id)
    assert done.changed == 4
    assert {item.room_id for item in found} == {cast.larch_id}
    assert {item.attendees[0].fee_cents for item in found} == {12_000}
    assert [item.notes for item in found] == ["", "Brings a friend", "", ""]
    assert list(verify.findings(session)) == []


def test_longer_sessions_reach_every_date_and_clash_by_name(session, cast):
    made = series.book(session, cast.fay, call(cast, at(10, days=7)), WEEKLY, NONE, NOW)
    item = series.items_of(session, made.id)[0]
    booking.book(session, cast.fay, therapy(cast, at(10, 30, days=21)), NOW)
    own = series.wanted_of(item, booking.kept_of(session, item))
    with pytest.raises(OverlapError, match="Wed, Dec 9"):
        scope.edit(session, cast.fay, item.id, Wanted(**{**vars(own), "minutes": 60}), Scope.ALL, NOW, version=1)
    scope.edit(session, cast.fay, item.id, Wanted(**{**vars(own), "minutes": 30}), Scope.ALL, NOW, version=2)


def test_cancelling_late_bills_only_what_lies_inside_the_window(session, cast, weekly):
    soon = at(20, days=6)  # the evening before the first
    scope.cancel(session, cast.fay, weekly[0].id, Status.LATE_CANCELLED, Scope.ALL, soon)
    found = [item.attendees[0].status for item in series.items_of(session, weekly[0].series_id)]
    assert found == [Status.LATE_CANCELLED, *[Status.CANCELLED_BY_CLIENT] * 3]
    assert not any(item.is_blocking for item in series.items_of(session, weekly[0].series_id))


def test_a_scope_with_nothing_left_is_refused_and_a_stale_one_too(session, cast, weekly):
    with pytest.raises(RefusalError, match="Nothing to change"):
        scope.delete(session, cast.fay, weekly[0].id, Scope.ALL, at(20, days=60))
    with pytest.raises(ClashError):
        scope.move(session, cast.fay, weekly[0].id, Move(at(14, days=7)), Scope.ALL, NOW, version=9)
    single = booking.book(session, cast.fay, therapy(cast, at(15, days=7)), NOW)
    with pytest.raises(RefusalError, match="does not repeat"):
        scope.delete(session, cast.fay, single.id, Scope.ALL, NOW)


def test_a_series_of_another_calendar_is_not_theirs(session, cast):
    made = series.book(session, cast.fay, _first(cast, practitioner_id=cast.piet_id), WEEKLY, NONE, NOW)
    with pytest.raises(NotFoundError):
        series.series_for(session, cast.pat, made.id, NOW)
    with pytest.raises(NotFoundError):
        scope.delete(session, cast.pat, series.items_of(session, made.id)[0].id, Scope.ALL, NOW)


def test_the_check_names_a_series_of_two_kinds(session, cast, weekly):
    other = booking.book(session, cast.fay, review(cast, at(15, days=7)), NOW)
    other.series_id = weekly[0].series_id
    session.flush()
    assert any("series" in finding.lower() for finding in verify.findings(session))
