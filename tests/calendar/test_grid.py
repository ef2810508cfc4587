"""Where items stand in a column, what is free between them, and how the change of clocks is drawn."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.calendar import blocks, grid
from clinic.kernel import clock, locales
from clinic.practice.settings import House

DAY = 24 * 60
NEW_YORK = House(name="Quillmere", timezone="America/New_York", currency="USD", locale=locales.DEFAULT)


def _block(item_id, starts, ends, *, free=False):
    at = datetime(2026, 11, 18, tzinfo=UTC)
    times = {"starts_at": at + timedelta(minutes=starts), "ends_at": at + timedelta(minutes=ends)}
    minutes = {"starts_minute": starts, "ends_minute": ends}
    return grid.Block(
        item_id=item_id, practitioner_id=1, name="Cleo", type_name="Therapy", colour=1, is_blocking=not free, is_free=free,
        is_void=False, is_session=True, phase="", **times, **minutes,
    )  # fmt: skip


@st.composite
def days_full(draw):
    found = []
    for item_id in range(draw(st.integers(0, 12))):
        starts = draw(st.integers(0, 280)) * 5
        length = draw(st.integers(1, 24)) * 5
        found.append(_block(item_id, starts, min(starts + length, DAY), free=draw(st.booleans())))
    return found


def _columns_of(block):
    if not block.lane:
        return set(range(1, 13))
    start, width = (int(part[1:]) for part in block.lane.split())
    return set(range(start, start + width))


@given(days_full())
def test_every_item_is_drawn_once_and_no_two_that_overlap_share_a_place(day):
    drawn = grid.in_lanes(day)
    assert sorted(block.item_id for block in drawn) == [block.item_id for block in day]
    for one in drawn:
        assert _columns_of(one) <= set(range(1, 13))
        for other in drawn:
            apart = one.ends_minute <= other.starts_minute or other.ends_minute <= one.starts_minute
            assert one is other or apart or not _columns_of(one) & _columns_of(other)


def test_free_beside_busy_takes_the_last_third():
    busy, free = grid.in_lanes([_block(1, 600, 650), _block(2, 600, 640, free=True)])
    assert (busy.lane, free.lane) == ("c1 w8", "c9 w4")


def test_busy_keeps_two_thirds_beside_two_free_ones_and_what_follows_them():
    drawn = grid.in_lanes([_block(1, 600, 650), _block(2, 600, 640, free=True), _block(3, 610, 700, free=True)])
    assert [block.lane for block in drawn] == ["c1 w8", "c9 w2", "c11 w2"]
    drawn = grid.in_lanes([_block(1, 540, 600), _block(2, 570, 660, free=True), _block(3, 615, 660, free=True)])
    assert [block.lane for block in drawn] == ["c1 w8", "c9 w4", "c1 w8"]
    three = [_block(at, 600, 640, free=True) for at in (2, 3, 4)]
    assert {block.lane[-2:] for block in grid.in_lanes([_block(1, 600, 650), *three])} == {"w3"}


def test_a_lane_is_used_again_as_soon_as_it_is_free():
    drawn = grid.in_lanes([_block(1, 540, 600), _block(2, 540, 660), _block(3, 600, 660)])
    assert {block.item_id: block.lane for block in drawn} == {2: "c1 w6", 1: "c7 w6", 3: "c7 w6"}


def test_alone_an_item_takes_the_whole_width():
    assert [block.lane for block in grid.in_lanes([_block(1, 540, 590), _block(2, 590, 640)])] == ["", ""]


@given(days_full(), st.lists(st.tuples(st.integers(0, 12), st.integers(13, 24)), max_size=2))
def test_the_window_holds_every_item_and_all_working_hours(day, hours):
    working = [(start * 60, end * 60) for start, end in hours]
    window = grid.window_for(working, [(block.starts_minute, block.ends_minute) for block in day])
    assert 0 <= window.first_hour < window.last_hour <= 24
    for start, end in [*working, *((block.starts_minute, block.ends_minute) for block in day)]:
        assert window.first_hour * 60 <= start
        assert end <= window.last_hour * 60
        assert (
            window.row(start) + window.rows(start, end) - 1 <= (window.last_hour - window.first_hour) * 12 or end - start > 720
        )


@given(days_full())
def test_free_time_and_busy_time_never_meet_and_together_fill_the_hours(day):
    busy = [(block.starts_minute, block.ends_minute) for block in day if block.is_blocking]
    gaps = grid.free_between([(540, 1020)], busy)
    runs, since = [], 540
    for minute in range(540, 1021):  # minute by minute, as nobody would write it
        if minute == 1020 or any(start <= minute < end for start, end in busy):
            runs.append((since, minute))
            since = minute + 1
    assert [(gap.starts_minute, gap.ends_minute) for gap in gaps] == [(start, end) for start, end in runs if end - start >= 15]


def test_a_gap_says_how_long_it_is():
    assert [gap.words for gap in grid.free_between([(540, 1020)], [(600, 710)])] == ["1 h", "5 h 10 min"]
    assert [gap.words for gap in grid.free_between([(540, 1020)], [(555, 1005)])] == ["15 min", "15 min"]


@pytest.mark.parametrize(
    ("zone", "day", "starts", "minutes", "drawn"),
    [
        ("America/New_York", date(2026, 11, 18), time(9), 50, (540, 590)),
        # 1:30 happens twice on 1 November: the first one lasts an hour and ends at the second 1:30.
        ("America/New_York", date(2026, 11, 1), time(1, 30), 60, (90, 150)),
        ("America/New_York", date(2026, 3, 8), time(1, 30), 60, (90, 210)),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 0), 60, (60, 90)),
        ("Europe/London", date(2026, 10, 25), time(0, 30), 120, (30, 90)),
    ],
)
def test_an_item_stands_at_its_wall_clock_on_days_the_clocks_change(zone, day, starts, minutes, drawn):
    house = House(name="", timezone=zone, currency="USD", locale=locales.DEFAULT)
    starts_at = clock.instant_at(day, starts, zone)
    assert blocks.minutes_in(day, starts_at, starts_at + timedelta(minutes=minutes), house) == drawn


def test_an_item_over_midnight_stands_on_both_days():
    starts_at = clock.instant_at(date(2026, 11, 18), time(23), "America/New_York")
    ends_at = starts_at + timedelta(hours=2)
    assert blocks.minutes_in(date(2026, 11, 18), starts_at, ends_at, NEW_YORK) == (23 * 60, DAY)
    assert blocks.minutes_in(date(2026, 11, 19), starts_at, ends_at, NEW_YORK) == (0, 60)
