"""The days on which clocks change: each page of the calendar, the printed day and the feed keep to the wall clock.

Four ways: at two (New York), at one (London), at midnight so that a day has none (Santiago), by half an hour (Lord Howe).
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject
from sqlalchemy import select

from clinic.calendar import booking, feed
from clinic.calendar.terms import Wanted
from clinic.kernel import clock
from clinic.models.calendar import Item
from clinic.models.practice import FeedDetail, Practice
from clinic.practice import once
from tests.cast import NOW
from tests.conftest import HTMX

# Zone, the day an hour is missing, a time in it, the day an hour comes twice, a time in it.
CHANGES = [
    ("America/New_York", date(2027, 3, 14), "02:30", date(2027, 11, 7), "01:30"),
    ("America/Santiago", date(2027, 9, 5), "00:30", date(2027, 4, 3), "23:30"),
    ("Australia/Lord_Howe", date(2027, 10, 3), "02:15", date(2027, 4, 4), "01:45"),
    ("Europe/London", date(2027, 3, 28), "01:30", date(2027, 10, 31), "01:30"),
]
VIEWS = ("day", "week", "month", "team")


@pytest.mark.parametrize(("zone", "short", "missing", "long", "twice"), CHANGES, ids=[row[0] for row in CHANGES])
def test_the_calendar_keeps_to_the_wall_clock_when_it_jumps(as_, cast, write, rows, client, zone, short, missing, long, twice):
    walls = {}
    with write() as session:
        session.get_one(Practice, 1).timezone = zone
        for day in (short, long):
            for hour in (4, 9, 16):
                name = f"Watch {day:%m%d}-{hour}"
                wish = Wanted(None, cast.pat_id, clock.instant_at(day, time(hour, 5), zone), 45, title=name,
                              overrides_warnings=True)  # fmt: skip
                booking.book(session, cast.fay, wish, NOW)
                walls[name] = day, hour
        feed.choose_detail(session, cast.pat, cast.pat_id, FeedDetail.FULL, NOW)
    fay = as_("fay")
    for day in (short, long):
        for view in VIEWS:
            page = fay.get(f"/calendar/{view}?day={day}&practitioner={cast.pat_id}")
            assert page.status_code == 200, (view, day)
            for name in (name for name, (at, _hour) in walls.items() if at == day and view != "month"):
                hour = walls[name][1]
                shown = f"{(hour - 1) % 12 + 1}:05"
                item = re.search(rf'<a class="item [^"]*r(\d+) [^>]*>\s*<b>{name}</b>.*?<time class="at">([\d:]+)<', page.text)
                assert item, (view, name)
                assert item[2] == shown
                first_hour = int(re.search(r"\?h=(\d+)", page.text)[1])
                assert int(item[1]) == (hour - first_hour) * 12 + 2
        assert f"{day:%m%d}-9" in fay.get(f"/calendar/month?day={day}&practitioner={cast.pat_id}").text
        sheet = fay.get(f"/calendar/sheet?day={day}&practitioner={cast.pat_id}").text
        assert all(f"Watch {day:%m%d}-{hour}" in sheet for hour in (4, 9, 16))
        assert "9:05" in sheet
    reset = as_("pat").post(f"/calendar/feeds/{cast.pat_id}/reset").text
    found = vobject.readOne(client.get(re.search(r'value="http://localhost(/feeds/[\w-]+\.ics)"', reset)[1]).text)
    for event in found.vevent_list:
        day, hour = walls[event.summary.value]
        there = event.dtstart.value.astimezone(ZoneInfo(zone))
        assert (there.date(), there.time()) == (day, time(hour, 5))
        assert event.dtend.value - event.dtstart.value == timedelta(minutes=45)
    assert len(found.vevent_list) == len(walls)


@pytest.mark.parametrize(("zone", "short", "missing", "long", "twice"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_time_that_is_missing_is_refused_by_name_and_one_that_comes_twice_is_the_first(
    as_, cast, write, rows, zone, short, missing, long, twice
):
    with write() as session:
        session.get_one(Practice, 1).timezone = zone
    fay = as_("fay")

    def post(day, starts_at, headers=HTMX):
        fields = {"type": cast.therapy_id, "person": "Cleo Abernathy", "starts_at": starts_at, "once": once.new_key(),
                  "overrides_warnings": "y"}  # fmt: skip
        return fay.post(f"/calendar/{cast.pat_id}/{day}/book", data=fields, headers=headers)

    for headers in (HTMX, {}):
        refused = post(short, missing, headers)
        assert refused.status_code == 422
        assert f"The clocks skip {missing} on {short}" in refused.text
        assert f'value="{missing}"' in refused.text
    with rows() as session:
        assert session.scalars(select(Item)).all() == []
    assert post(long, twice).status_code == 200
    assert post(long, twice).status_code == 409  # the second time round is no other slot
    with rows() as session:
        (item,) = session.scalars(select(Item))
    first = datetime.combine(long, time.fromisoformat(twice), ZoneInfo(zone)).astimezone(UTC)
    assert item.starts_at == first
    assert first.astimezone(ZoneInfo(zone)).fold == 0
    assert item.ends_at - item.starts_at == timedelta(minutes=50)
