"""The calendar feed over HTTP: the page that makes its address, and what a calendar program is answered."""

import re

import pytest
import vobject

from clinic.calendar import booking, feed
from clinic.models.practice import FeedDetail, Practitioner
from tests.calendar.stage import at, therapy
from tests.cast import NOW


@pytest.fixture
def address(as_, cast):
    """Let Pat make an address; return its path."""
    page = as_("pat").post(f"/calendar/feeds/{cast.pat_id}/reset")
    assert page.status_code == 200
    return re.search(r'value="http://localhost(/feeds/[\w-]{43,}\.ics)"', page.text)[1]


def test_the_address_is_shown_once_and_a_calendar_program_reads_it_without_signing_in(as_, client, cast, write, address):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(14, days=400)), NOW)
    assert ".ics" not in as_("pat").get(f"/calendar/feeds/{cast.pat_id}").text
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.mimetype == "text/calendar"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "").replace("Accept-Encoding", "")
    assert vobject.readOne(answer.text).x_wr_calname.value == "Pat Oyelaran (Quillmere)"


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}])
def test_a_program_that_has_the_newest_is_sent_nothing(client, address, headers):
    first = client.get(address, headers=headers)
    again = client.get(address, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""
    assert client.get(address, headers={**headers, "If-None-Match": '"other"'}).status_code == 200


def test_a_change_makes_the_newest_new(client, cast, write, address):
    tag = client.get(address).headers["ETag"]
    with write() as session:
        feed.choose_detail(session, cast.pat, cast.pat_id, FeedDetail.FULL, NOW)
        session.get(Practitioner, cast.pat_id).name = "Pat O."
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("token", ["a" * 43, "x", "%00", "é", "a" * 5000])
def test_an_unknown_address_is_not_there(client, address, token):
    assert client.get(f"/feeds/{token}.ics").status_code in (400, 404)


def test_a_signed_in_browser_gets_no_cookie_with_the_feed_either(as_, address):
    assert "Set-Cookie" not in as_("fay").get(address).headers


def test_who_subscribed_reads_what_the_practitioner_chose(as_, cast, rows, address):
    pat = as_("pat")
    answer = pat.post(f"/calendar/feeds/{cast.pat_id}", data={"detail": "initials"})
    assert answer.status_code == 303
    with rows() as session:
        assert session.get(Practitioner, cast.pat_id).feed_detail is FeedDetail.INITIALS
    refused = pat.post(f"/calendar/feeds/{cast.pat_id}", data={"detail": "everything"})
    assert refused.status_code == 422


def test_stopping_ends_it(as_, client, cast, address):
    assert as_("pat").post(f"/calendar/feeds/{cast.pat_id}/stop").status_code == 303
    assert client.get(address).status_code == 404


def test_a_feed_is_found_from_your_account_and_from_the_practitioners_page(as_, cast):
    link = f"/calendar/feeds/{cast.pat_id}"
    assert link in as_("pat").get("/account/").text
    assert "/calendar/feeds/" not in as_("fay").get("/account/").text
    assert link in as_("olga").get(f"/settings/practitioners/{cast.pat_id}").text
    assert as_("fay").get(link).status_code == 404
    assert as_("pat").get(f"/calendar/feeds/{cast.piet_id}").status_code == 404
