"""A day's past sessions are marked together, and the days that wait for it are listed."""

from datetime import date

import pytest
from sqlalchemy import select

from clinic.calendar import booking, statuses
from clinic.models.calendar import Attendee, Status
from clinic.models.practice import Practice
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW

DAY = date(2026, 11, 18)
YESTERDAY = "2026-11-17"


@pytest.fixture
def stage(write, cast):
    """Yesterday: two unmarked, one no show, an Activity, one of Piet's; and one that has not been yet."""
    with write() as session:
        first, second, missed = (
            booking.book(session, cast.fay, therapy(cast, at(hour, days=-1), **other), NOW).attendees[0].id
            for hour, other in ((9, {}), (10, {"client_id": cast.otto_id}), (11, {}))
        )
        item_id = session.get(Attendee, missed).item_id
        statuses.set_status(session, cast.fay, item_id, Status.NO_SHOW, NOW)
        booking.book(session, cast.fay, review(cast, at(13, days=-1)), NOW)
        booking.book(session, cast.fay, therapy(cast, at(9, days=-1), practitioner_id=cast.piet_id), NOW)
        booking.book(session, cast.fay, therapy(cast, at(9, days=40)), NOW)
    return first, second, missed


def _status(rows, attendee_id):
    with rows() as session:
        return session.get(Attendee, attendee_id).status


def test_the_days_unmarked_past_sessions_are_listed_and_marked_together(as_, cast, stage, rows):
    first, second, missed = stage
    fay, url = as_("fay"), f"/calendar/{cast.pat_id}/{YESTERDAY}/attended"
    asked = fay.get(url).text
    assert asked.count('name="places"') == asked.count("checked") == 2
    done = fay.post(url, data={"places": [first, second, missed, 999_999]})
    assert (done.status_code, done.headers["Location"]) == (303, f"/calendar/day?day={YESTERDAY}&practitioner={cast.pat_id}")
    assert [_status(rows, each) for each in stage] == [Status.ATTENDED, Status.ATTENDED, Status.NO_SHOW]
    assert "2 marked as Attended." in fay.get(done.headers["Location"]).text
    with rows() as session:
        assert sum(each.status is Status.BOOKED for each in session.scalars(select(Attendee))) == 3
    assert "Nothing to mark" in fay.get(url).text


def test_one_without_its_tick_stays_booked_and_none_at_all_is_refused(as_, cast, stage, rows):
    first, second, _missed = stage
    fay, url = as_("fay"), f"/calendar/{cast.pat_id}/{YESTERDAY}/attended"
    refused = fay.post(url, data={"places": []})
    assert refused.status_code == 422
    assert "Tick at least one." in refused.text
    assert fay.post(url, data={"places": [second, "nonsense"]}).status_code == 303
    assert (_status(rows, first), _status(rows, second)) == (Status.BOOKED, Status.ATTENDED)


def test_the_day_view_leads_there_for_days_that_have_begun(as_, cast):
    fay = as_("fay")
    words = "Mark all attended"
    assert words in fay.get(f"/calendar/day?day={YESTERDAY}&practitioner={cast.pat_id}").text
    assert words not in fay.get(f"/calendar/day?day=2199-01-01&practitioner={cast.pat_id}").text
    assert words not in as_("bill").get(f"/calendar/day?day={YESTERDAY}&practitioner={cast.pat_id}").text


def test_unconfirmed_days_are_listed_when_the_practice_asks_for_a_word(as_, cast, stage, write):
    fay = as_("fay")
    assert "None." in fay.get("/calendar/unconfirmed").text
    with write() as session:
        session.get(Practice, 1).past_booked_is_attended = False
    listed = fay.get("/calendar/unconfirmed").text
    assert f"/calendar/{cast.pat_id}/{YESTERDAY}/attended" in listed
    assert f"/calendar/{cast.piet_id}/{YESTERDAY}/attended" in listed
    assert "2026-12-28" not in listed
    own = as_("pat").get("/calendar/unconfirmed").text
    assert "Piet" not in own
    assert as_("pat").get(f"/calendar/{cast.piet_id}/{YESTERDAY}/attended").status_code == 404
    fay.post(f"/calendar/{cast.pat_id}/{YESTERDAY}/attended", data={"places": list(stage)})
    assert f"/calendar/{cast.pat_id}/{YESTERDAY}/attended" not in fay.get("/calendar/unconfirmed").text
