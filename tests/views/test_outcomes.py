"""Cancelling and no shows over HTTP: the money is shown, may be changed, and nothing is lost on a refusal."""

import pytest
from sqlalchemy import select

from clinic.billing import invoices
from clinic.calendar import booking
from clinic.models.calendar import Attendee, Status
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW
from tests.conftest import HTMX

GRID = HTMX | {"HX-Current-URL": "http://localhost/calendar/week?day=2026-11-18"}


@pytest.fixture
def item_id(write, cast):
    with write() as session:
        return booking.book(session, cast.fay, therapy(cast, at(9)), NOW).id


def _places(rows):
    with rows() as session:
        return [(each.status, each.policy_cents, each.status_reason) for each in session.scalars(select(Attendee))]


@pytest.mark.parametrize(("headers", "code"), [({}, 303), (GRID, 200)])
def test_a_no_show_is_asked_about_and_its_amount_may_be_changed(as_, item_id, rows, headers, code):
    fay, url = as_("fay"), f"/calendar/items/{item_id}/no-show"
    assert url in fay.get(f"/calendar/items/{item_id}").text
    asked = fay.get(url, headers=headers).text
    assert "A no show bills $150.00." in asked
    assert 'value="150.00"' in asked
    done = fay.post(url, data={"amount": "40", "reason": "No call"}, headers=headers)
    assert done.status_code == code
    assert _places(rows) == [(Status.NO_SHOW, 4_000, "No call")]
    assert "bills $40.00" in fay.get(f"/calendar/items/{item_id}").text


@pytest.mark.parametrize("headers", [{}, GRID])
@pytest.mark.parametrize("typed", ["151", "-1", "lots", "1e9"])
def test_an_amount_that_cannot_be_is_named_and_what_was_typed_stays(as_, item_id, rows, headers, typed):
    fay = as_("fay")
    for url, data in ((f"/calendar/items/{item_id}/no-show", {}),
                      (f"/calendar/items/{item_id}/cancel", {"status": "late_cancelled"})):  # fmt: skip
        refused = fay.post(url, data=data | {"amount": typed, "reason": "Flu"}, headers=headers)
        assert refused.status_code == 422
        assert 'id="amount-err"' in refused.text
        assert f'value="{typed}"' in refused.text
        assert 'value="Flu"' in refused.text
    assert _places(rows) == [(Status.BOOKED, None, "")]


def test_an_amount_left_over_from_another_choice_does_not_stand_in_the_way(as_, item_id, rows):
    data = {"status": "cancelled_by_practice", "amount": "lots"}
    assert as_("fay").post(f"/calendar/items/{item_id}/cancel", data=data).status_code == 303
    assert _places(rows) == [(Status.CANCELLED_BY_PRACTICE, None, "")]


def test_an_invoiced_session_says_that_the_invoice_stays(as_, cast, write, item_id):
    with write() as session:
        attendee_id = session.scalar(select(Attendee.id))
        number = invoices.bill_attendee(session, cast.fay, attendee_id, NOW)[0].number
    for face in ("cancel", "no-show"):
        asked = as_("fay").get(f"/calendar/items/{item_id}/{face}").text
        assert f"stays on invoice {number} as it is" in asked
        assert "Nothing on it changes" in asked
        assert 'name="amount"' not in asked


def test_one_of_a_couple_is_asked_about_by_name(as_, cast, write, rows):
    with write() as session:
        item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
        otto = next(each for each in item.attendees if each.client_id == cast.otto_id)
        item_id, otto_id = item.id, otto.id
    fay = as_("fay")
    assert f"/calendar/items/{item_id}/cancel?attendee={otto_id}" in fay.get(f"/calendar/items/{item_id}").text
    asked = fay.get(f"/calendar/items/{item_id}/cancel?attendee={otto_id}").text
    assert "Cancel Otto Brandt" in asked
    done = fay.post(f"/calendar/items/{item_id}/cancel", data={"status": "cancelled_by_client", "attendee": otto_id})
    assert done.status_code == 303
    assert sorted(status for status, _cents, _why in _places(rows)) == [Status.BOOKED, Status.CANCELLED_BY_CLIENT]
    assert fay.post(f"/calendar/items/{item_id}/no-show", data={"attendee": "999999"}).status_code == 404


def test_deleting_says_what_is_then_not_billed(as_, item_id):
    asked = as_("fay").get(f"/calendar/items/{item_id}/delete").text
    assert "$150.00 is then never billed" in asked
    assert f"/calendar/items/{item_id}/no-show" in asked


def test_an_activity_is_only_cancelled(as_, cast, write):
    with write() as session:
        item_id = booking.book(session, cast.fay, review(cast, at(11)), NOW).id
    fay = as_("fay")
    assert fay.get(f"/calendar/items/{item_id}/no-show").status_code == 404
    assert fay.get(f"/calendar/items/{item_id}/cancel").status_code == 200
