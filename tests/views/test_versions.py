"""Saving over what a colleague changed meanwhile: refused, with both versions, and either can be taken."""

import re
from datetime import timedelta

import pytest
from sqlalchemy.orm import selectinload

from clinic.calendar import booking
from clinic.calendar.booking import Move, Wanted
from clinic.models.calendar import Item, Status
from tests.cast import NOW
from tests.conftest import HTMX

AT = NOW.replace(hour=20, minute=0)  # 3 pm in the practice


@pytest.fixture
def item_id(write, cast) -> int:
    """Book Cleo on Wednesday at 3 pm, and return the item."""
    with write() as session:
        wanted = Wanted(cast.therapy_id, cast.pat_id, AT, 50, cast.cleo_id, notes="Near the window")
        return booking.book(session, cast.fay, wanted, NOW).id


@pytest.fixture
def moved(write, cast, item_id) -> None:
    """Let Olga move it to 1 pm meanwhile."""
    with write() as session:
        booking.move(session, cast.olga, item_id, Move(AT - timedelta(hours=2)), NOW, version=1)


def edited(cast, **other) -> dict[str, object]:
    """Fill in the edit form as it was opened before the move."""
    usual = {
        "type": cast.therapy_id, "person": "Cleo Abernathy", "who": f"client:{cast.cleo_id}", "day": "2026-11-18",
        "starts_at": "16:00", "fee": cast.therapy_fee_id, "bill_to": cast.cleo_payer_id, "mode": "", "room": "",
        "notes": "Bring the drawing", "version": 1,
    }  # fmt: skip
    return usual | other


def version_in(html: str) -> int:
    """Return the version a form would save over."""
    (version,) = re.findall(r'name="version" value="(\d+)"', html)
    return int(version)


def stands(rows, item_id) -> tuple[int, str]:
    """Return the hour (in UTC) and the notes of the item."""
    with rows() as session:
        item = session.get_one(Item, item_id)
        return item.starts_at.hour, item.notes


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_an_edit_over_a_change_shows_both_versions_and_saves_neither(as_, cast, rows, item_id, moved, headers):
    answer = as_("fay").post(f"/calendar/items/{item_id}/edit", data=edited(cast), headers=headers)
    assert answer.status_code == 409
    text = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
    assert "Olga Owner changed this at 11:42 am." in text
    assert "Start 4:00 pm 1:00 pm" in text
    assert "Notes, staff only Bring the drawing Near the window" in text
    assert "Client or group Cleo" not in text, "only what differs"
    assert 'value="16:00"' in answer.text
    assert "Bring the drawing</textarea>" in answer.text
    assert stands(rows, item_id) == (18, "Near the window")


def test_what_was_typed_can_be_kept(as_, cast, rows, item_id, moved):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/edit"
    refused = browser.post(here, data=edited(cast), headers=HTMX)
    again = browser.post(here, data=edited(cast, version=version_in(refused.text)), headers=HTMX)
    assert again.status_code == 200
    assert stands(rows, item_id) == (21, "Bring the drawing")


def test_what_stands_now_can_be_taken(as_, cast, item_id, moved):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/edit"
    refused = browser.post(here, data=edited(cast), headers=HTMX)
    assert f'href="{here}"' in refused.text
    fresh = browser.get(f"{here}?h=8", headers=HTMX)
    assert 'value="13:00"' in fresh.text
    assert "Near the window" in fresh.text
    assert version_in(fresh.text) == 2


def test_a_third_change_is_refused_again(as_, cast, rows, write, item_id, moved):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/edit"
    version = version_in(browser.post(here, data=edited(cast), headers=HTMX).text)
    with write() as session:
        booking.move(session, cast.olga, item_id, Move(AT - timedelta(hours=4)), NOW, version=2)
    assert browser.post(here, data=edited(cast, version=version), headers=HTMX).status_code == 409
    assert stands(rows, item_id) == (16, "Near the window")


def test_a_move_over_a_move_shows_both_times_and_either_can_be_taken(as_, cast, rows, item_id, moved):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/move"
    wish = {"day": "2026-11-18", "starts_at": "10:00", "version": 1}
    refused = browser.post(here, data=wish, headers=HTMX)
    assert refused.status_code == 409
    assert "<td>10:00 am</td><td>1:00 pm</td>" in refused.text
    assert version_in(refused.text) == 2
    assert 'value="13:00"' in browser.get(f"{here}?h=8", headers=HTMX).text
    assert browser.post(here, data=wish | {"version": 2}, headers=HTMX).status_code == 200
    assert stands(rows, item_id)[0] == 15


def test_the_refusal_comes_back_in_the_column_that_asked_though_the_item_left_it(as_, cast, write, item_id):
    with write() as session:
        booking.move(session, cast.olga, item_id, Move(AT + timedelta(days=1)), NOW, version=1)
    column = f"column-{cast.pat_id}-2026-11-18"
    page = {"HX-Current-URL": f"http://localhost/calendar/week?day=2026-11-18&practitioner={cast.pat_id}"}
    answer = as_("fay").post(
        f"/calendar/items/{item_id}/move", data={"day": "2026-11-18", "starts_at": "10:00", "version": 1},
        headers=HTMX | page | {"HX-Target": column},
    )  # fmt: skip
    assert answer.status_code == 409
    assert f'id="{column}"' in answer.text
    assert "<td>Wed, Nov 18</td><td>Thu, Nov 19</td>" in answer.text


def test_a_dragged_item_is_moved_or_comes_back_with_the_form(as_, cast, rows, write, item_id):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/move"
    drop = {"day": "2026-11-19", "starts_at": "10:15", "version": 1, "dragged": "1"}
    assert browser.post(here, data=drop, headers=HTMX).status_code == 204
    with rows() as session:
        assert session.get_one(Item, item_id).starts_at == (AT + timedelta(days=1)).replace(hour=15, minute=15)
    assert browser.post(here, data=drop, headers=HTMX).status_code == 409, "the page knew an older version"
    with write() as session:
        booking.book(session, cast.fay, Wanted(cast.therapy_id, cast.pat_id, AT, 50, cast.otto_id), NOW)
    taken = browser.post(here, data=drop | {"day": "2026-11-18", "starts_at": "14:30", "version": 2}, headers=HTMX)
    assert taken.status_code == 409
    assert "Move Cleo Abernathy" in taken.text
    early = browser.post(here, data=drop | {"starts_at": "06:00", "version": 2}, headers=HTMX)
    assert early.status_code == 422
    assert "Move anyway" in early.text


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("deed", "asked", "word"),
    [
        ("cancel", {"status": "cancelled_by_client"}, "Cancelled by client"),
        ("no-show", {}, "No show"),
        ("delete", {}, "Deleted"),
    ],
)
def test_what_was_changed_meanwhile_is_not_ended_unseen(as_, cast, rows, item_id, moved, headers, deed, asked, word):
    browser, here = as_("fay"), f"/calendar/items/{item_id}/{deed}"
    answer = browser.post(here, data=asked | {"version": 1}, headers=headers)
    assert answer.status_code == 409
    text = " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
    assert "Olga Owner changed this at 11:42 am." in text
    assert f"Status {word} Attended, Wed, Nov 18, 1:00 pm" in text
    with rows() as session:
        assert session.get_one(Item, item_id, options=[selectinload(Item.attendees)]).attendees[0].status is Status.BOOKED
    # Sent again it is done; the form as it opens now stands on the newest version too.
    assert version_in(browser.get(here).text) == version_in(answer.text) == 2
    assert browser.post(here, data=asked | {"version": 2}, headers=headers).status_code in (200, 303)
