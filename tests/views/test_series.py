"""Series over HTTP, with htmx and without: listed first, saved whole, changed by scope, nothing typed lost."""

import re
from datetime import date

import pytest
from sqlalchemy import select

from clinic.calendar import booking, series
from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import Rule
from clinic.models.calendar import Item, Series, SeriesUnit
from clinic.practice import once
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW
from tests.conftest import HTMX

DAY = date(2027, 11, 17)  # a Wednesday that is still to come
WEEKS = 52  # from the Wednesday everybody knows to this one
GRID = HTMX | {"HX-Current-URL": f"http://localhost/calendar/week?day={DAY}"}
WEEKLY = {"repeat_every": "1", "repeat_unit": "week", "repeat_times": "4"}
EITHER = pytest.mark.parametrize("headers", [GRID, {}], ids=["htmx", "plain"])


def _at(hour, *, weeks=0, minute=0):
    return at(hour, minute, days=7 * (WEEKS + weeks))


def _url(cast, end="book"):
    return f"/calendar/{cast.pat_id}/{DAY}/{end}"


def _typed(cast, **other):
    base = {"type": cast.therapy_id, "person": "Cleo Abernathy", "starts_at": "10:00", "notes": "Ramp", "once": once.new_key()}
    return base | WEEKLY | other


def _in(text):
    """Return what the form of dates would post."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text)
    chosen = re.findall(r'<select name="(do-[^"]+)".*?</select>', text, re.S)
    found = dict(hidden)
    for name in chosen:
        piece = text[text.index(f'<select name="{name}"') :]
        selected = re.search(r'<option value="([^"]*)" selected', piece[: piece.index("</select>")])
        found[name] = selected[1] if selected else ""
    return found


@pytest.fixture
def starts(rows):
    def found():
        with rows() as session:
            return list(
                session.scalars(
                    select(Item.starts_at)
                    .where(Item.deleted_at.is_(None), Item.series_id.is_not(None))
                    .order_by(Item.starts_at)
                )
            )

    return found


@pytest.fixture
def otto(write, cast):
    """Put Otto where the second date wants to be."""
    with write() as session:
        return booking.book(session, cast.fay, therapy(cast, _at(10, weeks=1), client_id=cast.otto_id), NOW).id


@pytest.fixture
def weekly(write, cast):
    """Book four Wednesdays at 10:00; return the items' ids."""
    with write() as session:
        rule = Rule(SeriesUnit.WEEK, times=4)
        made = series.book(session, cast.fay, therapy(cast, _at(10)), rule, Choices(), NOW)
        return [item.id for item in series.items_of(session, made.id)]


@EITHER
def test_the_booking_form_lists_the_dates_first_and_save_books_them_all(as_, cast, starts, headers):
    fay = as_("fay")
    listed = fay.post(_url(cast), data=_typed(cast), headers=headers)
    assert listed.status_code == 200
    assert listed.text.count('<select name="do-') == 4
    assert "Billed $150.00" in listed.text
    assert starts() == []
    saved = fay.post(_url(cast), data=_in(listed.text), headers=headers)
    assert saved.status_code == (200 if headers else 303)
    assert starts() == [_at(10, weeks=week) for week in range(4)]
    again = fay.post(_url(cast), data=_in(listed.text), headers=headers)
    assert again.status_code in (200, 204, 303)
    assert len(starts()) == 4


@EITHER
def test_a_clash_is_named_in_the_list_and_save_asks_until_it_is_skipped_or_moved(as_, cast, otto, starts, headers):
    fay = as_("fay")
    listed = fay.post(_url(cast), data=_typed(cast), headers=headers)
    assert "Otto Brandt" in listed.text
    assert "Move to 9:00 am" in listed.text
    refused = fay.post(_url(cast), data=_in(listed.text), headers=headers)
    assert refused.status_code == 409
    assert "Choose for 1 date" in refused.text
    assert 'name="notes" value="Ramp"' in refused.text
    assert starts() == []
    moved = fay.post(_url(cast), data=_in(refused.text) | {"do-2027-11-24": "09:00", "do-2027-12-01": "skip"}, headers=headers)
    assert moved.status_code == (200 if headers else 303)
    assert starts() == [_at(10), _at(9, weeks=1), _at(10, weeks=3)]


def test_a_date_taken_meanwhile_comes_back_named_with_the_other_choices_kept(as_, cast, write, starts):
    fay = as_("fay")
    listed = fay.post(_url(cast), data=_typed(cast))
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, _at(10, weeks=2), client_id=cast.otto_id), NOW)
    refused = fay.post(_url(cast), data=_in(listed.text) | {"do-2027-11-24": "skip"})
    assert refused.status_code == 409
    assert refused.text.count("Changed meanwhile.") == 1
    assert _in(refused.text)["do-2027-11-24"] == "skip"
    assert starts() == []
    typed = fay.post(_url(cast), data=_in(refused.text) | {"at-2027-12-01": "25:99"})
    assert typed.status_code == 422
    assert 'value="25:99"' in typed.text
    done = fay.post(_url(cast), data=_in(typed.text) | {"at-2027-12-01": "1:30 pm"})
    assert done.status_code == 303
    assert starts() == [_at(10), _at(13, weeks=2, minute=30), _at(10, weeks=3)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"repeat_times": ""}, "Say until which date, or how many times."),
        ({"repeat_until": "2027-12-31"}, "not both"),
        ({"repeat_times": "301"}, "from 2 to 300"),
        ({"repeat_times": "x"}, "from 2 to 300"),
        ({"repeat_every": "0"}, "from 1 to 99"),
        ({"repeat_unit": ""}, "Choose days, weeks or months."),
        ({"repeat_unit": "fortnight"}, "Choose days, weeks or months."),
        ({"repeat_times": "", "repeat_until": "2027-11-18"}, "one day only"),
    ],
)
def test_a_rule_nobody_can_mean_is_refused_in_the_form(as_, cast, starts, typed, words):
    refused = as_("fay").post(_url(cast), data=_typed(cast, **typed))
    assert refused.status_code == 422
    assert words in refused.text
    assert "Ramp" in refused.text
    assert starts() == []


@EITHER
def test_change_leads_back_to_the_form_with_all_that_was_typed(as_, cast, headers):
    fay = as_("fay")
    listed = fay.post(_url(cast), data=_typed(cast), headers=headers)
    back = fay.post(_url(cast, "book/fields"), data=_in(listed.text) | {"change": "1"}, headers=headers)
    assert back.status_code == 200
    assert "Ramp" in back.text
    assert re.search(r'<option selected value="week">', back.text)


def test_add_new_repeats_too(as_, cast, starts):
    fay = as_("fay")
    typed = _typed(cast, day=str(DAY), practitioner=cast.pat_id)
    listed = fay.post("/calendar/new", data=typed)
    assert listed.status_code == 200
    assert listed.text.count('<select name="do-') == 4
    assert fay.post("/calendar/new", data=_in(listed.text)).status_code == 303
    assert len(starts()) == 4


@EITHER
def test_repeat_stands_among_the_verbs_and_starts_from_what_is_booked(as_, cast, otto, starts, headers):
    fay = as_("fay")
    assert f"/calendar/items/{otto}/repeat" in fay.get(f"/calendar/items/{otto}?h=8", headers=headers).text
    url = f"/calendar/items/{otto}/repeat"
    form = fay.get(f"{url}?h=8", headers=headers)
    assert form.status_code == 200
    assert "Does not repeat" in form.text
    refused = fay.post(url, data={"once": once.new_key(), "repeat_unit": "week"}, headers=headers)
    assert refused.status_code == 422
    listed = fay.post(url, data=WEEKLY | {"once": once.new_key()}, headers=headers)
    assert listed.status_code == 200
    assert "Booked already" in listed.text
    changed = fay.post(url, data=_in(listed.text) | {"change": "1"}, headers=headers)
    assert changed.status_code == 200
    assert 'name="repeat_times"' in changed.text
    saved = fay.post(url, data=_in(listed.text), headers=headers)
    assert saved.status_code == (204 if headers else 303)
    assert starts() == [_at(10, weeks=week) for week in (1, 2, 3, 4)]
    shown = fay.get(f"/calendar/items/{otto}").text
    assert "Every week until Dec 15, 1 of 4" in shown
    assert f"/calendar/items/{otto}/repeat" not in shown


def test_the_grid_marks_what_repeats_and_the_series_has_a_page(as_, cast, weekly, rows):
    fay = as_("fay")
    assert '<i class="i i-again" aria-hidden="true"></i><span class="vh">Repeats' in fay.get(f"/calendar/week?day={DAY}").text
    with rows() as session:
        series_id = session.scalars(select(Series.id)).one()
    shown = fay.get(f"/calendar/series/{series_id}")
    assert shown.status_code == 200
    assert "Cleo Abernathy" in shown.text
    assert shown.text.count("/calendar/items/") == 4
    assert fay.get("/calendar/series/999999").status_code == 404


@pytest.mark.parametrize("face", ["edit", "move", "cancel", "delete"])
@EITHER
def test_every_change_asks_how_many_with_this_one_preselected(as_, weekly, face, headers):
    shown = as_("fay").get(f"/calendar/items/{weekly[1]}/{face}?h=8", headers=headers).text
    assert re.search(r'name="scope" value="one" checked', shown)
    assert 'name="scope" value="following"' in shown
    assert 'name="scope" value="all"' in shown
    assert "Every week until Dec 8, 2 of 4" in shown


def test_what_does_not_repeat_is_not_asked_about(as_, otto):
    for face in ("edit", "move", "cancel", "delete"):
        assert 'name="scope"' not in as_("fay").get(f"/calendar/items/{otto}/{face}").text


@EITHER
def test_moving_this_and_following_leads_to_the_series(as_, weekly, starts, headers):
    fay = as_("fay")
    moved = {"day": "2027-11-25", "starts_at": "14:00", "version": "1", "scope": "following"}
    answer = fay.post(f"/calendar/items/{weekly[1]}/move", data=moved, headers=headers)
    assert answer.status_code == (204 if headers else 303)
    there = answer.headers["HX-Redirect" if headers else "Location"]
    assert there.startswith("/calendar/series/")
    assert "Moved 3." in fay.get(there).text
    assert starts() == [_at(10), *(at(14, days=7 * (WEEKS + week) + 1) for week in (1, 2, 3))]


@EITHER
def test_a_move_of_several_into_a_clash_is_a_409_that_keeps_the_scope(as_, cast, weekly, write, starts, headers):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, _at(14, weeks=2), client_id=cast.otto_id), NOW)
    moved = {"day": str(DAY), "starts_at": "14:00", "version": "1", "scope": "all"}
    refused = as_("fay").post(f"/calendar/items/{weekly[0]}/move", data=moved, headers=headers)
    assert refused.status_code == 409
    assert "Otto Brandt" in refused.text
    assert 'value="all" checked' in refused.text
    assert starts() == [_at(10, weeks=week) for week in range(4)]


@EITHER
def test_editing_all_reaches_every_date(as_, cast, weekly, rows, headers):
    fay = as_("fay")
    form = {"type": cast.therapy_id, "who": f"client:{cast.cleo_id}", "day": str(DAY), "starts_at": "10:00", "minutes": "50",
            "fee": cast.therapy_fee_id, "amount": "150.00", "notes": "Bring the form", "version": "1", "scope": "all",
            "location": cast.harbour_id, "mode": "in_person", "bill_to": cast.cleo_payer_id}  # fmt: skip
    answer = fay.post(f"/calendar/items/{weekly[0]}/edit", data=form, headers=headers)
    assert answer.status_code == (204 if headers else 303), answer.text
    with rows() as session:
        assert {item.notes for item in session.scalars(select(Item))} == {"Bring the form"}


@EITHER
def test_cancelling_all_and_deleting_the_rest_is_said_date_by_date(as_, weekly, rows, headers):
    fay = as_("fay")
    gone = fay.post(f"/calendar/items/{weekly[2]}/delete", data={"scope": "following"}, headers=headers)
    assert gone.status_code == (204 if headers else 303)
    cancelled = {"status": "cancelled_by_client", "scope": "all", "reason": "Moved away"}
    answer = fay.post(f"/calendar/items/{weekly[0]}/cancel", data=cancelled, headers=headers)
    there = answer.headers["HX-Redirect" if headers else "Location"]
    assert fay.get(there).text.count("Left alone: cancelled") == 2
    with rows() as session:
        items = session.scalars(select(Item).order_by(Item.id)).all()
        assert [item.deleted_at is None for item in items] == [True, True, False, False]
    refused = fay.post(f"/calendar/items/{weekly[0]}/delete", data={"scope": "all"}, headers=headers)
    assert refused.status_code == 422
    assert "Nothing to change" in refused.text


def test_this_one_changes_only_itself(as_, weekly, starts):
    moved = {"day": str(DAY), "starts_at": "14:00", "version": "1", "scope": "one"}
    assert as_("fay").post(f"/calendar/items/{weekly[0]}/move", data=moved).status_code == 303
    assert starts() == [_at(14), *(_at(10, weeks=week) for week in (1, 2, 3))]


def test_an_activity_repeats_from_its_flyout_and_stays_silent(as_, cast, write, starts):
    with write() as session:
        item = booking.book(session, cast.fay, review(cast, _at(15)), NOW).id
    fay = as_("fay")
    listed = fay.post(f"/calendar/items/{item}/repeat", data=WEEKLY | {"once": once.new_key()})
    assert fay.post(f"/calendar/items/{item}/repeat", data=_in(listed.text)).status_code == 303
    assert len(starts()) == 4
