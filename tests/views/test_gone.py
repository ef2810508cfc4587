"""What a colleague deleted meanwhile: what was typed over it comes back as a booking, with JavaScript and without."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.calendar import booking
from clinic.calendar.booking import Wanted
from clinic.models.calendar import Item, Status
from tests.cast import NOW
from tests.conftest import HTMX
from tests.hostile import forms_of
from tests.views.test_versions import AT, edited

WAYS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])


@pytest.fixture
def deleted_id(write, cast) -> int:
    """Book Cleo on Wednesday at 3 pm, let Olga delete it, and return the item."""
    with write() as session:
        wanted = Wanted(cast.therapy_id, cast.pat_id, AT, 50, cast.cleo_id, notes="Near the window")
        item_id = booking.book(session, cast.fay, wanted, NOW).id
        booking.delete(session, cast.olga, item_id, NOW)
        return item_id


def _booked(rows):
    with rows() as session:
        return session.scalars(select(Item).where(Item.deleted_at.is_(None))).all()


@WAYS
def test_what_was_typed_over_a_deleted_item_comes_back_and_is_booked_again(as_, cast, rows, deleted_id, headers):
    browser = as_("fay")
    typed = edited(cast)
    del typed["type"]  # the form shows it and does not send it
    refused = browser.post(f"/calendar/items/{deleted_id}/edit", data=typed, headers=headers)
    assert refused.status_code == 409
    assert "Olga Owner deleted this at 11:42 am. Nothing you typed is lost: book it again, or leave it." in refused.text
    assert ">Book it again</button>" in refused.text
    assert _booked(rows) == []
    (form,) = (form for form in forms_of(refused.text) if form.action.endswith("/book"))
    assert (form.typed("starts_at"), form.typed("notes")) == ("16:00", "Bring the drawing")
    again = {one.name: one.value for one in form.fields if one.kind not in ("checkbox", "submit")}
    again |= {"repeat_unit": "", "room": ""}  # as a browser sends them: the first option
    assert browser.post(form.action, data=again, headers=headers).status_code == (200 if headers else 303)
    (item,) = _booked(rows)
    assert (item.starts_at, item.notes, item.type_id) == (AT + timedelta(hours=1), "Bring the drawing", cast.therapy_id)
    assert browser.post(form.action, data=again, headers=headers).status_code == 303, "posted twice, booked once"
    assert len(_booked(rows)) == 1


@WAYS
def test_a_move_of_a_deleted_item_comes_back_at_the_wanted_time_with_all_it_had(as_, cast, rows, deleted_id, headers):
    wish = {"day": "2026-11-19", "starts_at": "10:00", "version": 1}
    refused = as_("fay").post(f"/calendar/items/{deleted_id}/move", data=wish, headers=headers)
    assert refused.status_code == 409
    (form,) = (form for form in forms_of(refused.text) if form.action.endswith("/book"))
    assert form.action.endswith(f"/{cast.pat_id}/2026-11-19/book")
    assert (form.typed("starts_at"), form.typed("notes"), form.typed("person")) == (
        "10:00",
        "Near the window",
        "Cleo Abernathy",
    )


@WAYS
@pytest.mark.parametrize("deed", ["delete", "cancel", "status", "no-show"])
def test_nothing_else_is_done_to_a_deleted_item_and_it_says_so(as_, cast, rows, deleted_id, headers, deed):
    sent = {"status": Status.ATTENDED.value, "version": 1}
    answer = as_("fay").post(f"/calendar/items/{deleted_id}/{deed}", data=sent, headers=headers)
    assert answer.status_code == 409
    assert "Olga Owner deleted this at 11:42 am. Nothing was changed." in answer.text
    assert _booked(rows) == []


def test_a_click_on_a_deleted_item_says_who_deleted_it_and_its_page_is_gone(as_, cast, deleted_id):
    browser, here = as_("fay"), f"/calendar/items/{deleted_id}"
    clicked = browser.get(f"{here}?h=8", headers=HTMX)
    assert (clicked.status_code, "Olga Owner deleted this at 11:42 am." in clicked.text) == (409, True)
    assert browser.get(here).status_code == 404


@WAYS
def test_who_may_not_see_that_calendar_is_not_told_that_anything_was_there(as_, cast, write, deleted_id, headers):
    with write() as session:
        session.get_one(Item, deleted_id).practitioner_id = cast.piet_id
    answer = as_("pat").post(f"/calendar/items/{deleted_id}/edit", data=edited(cast), headers=headers)
    assert (answer.status_code, "Cleo" in answer.text) == (404, False)
