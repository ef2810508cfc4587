"""Booking over HTTP, with htmx and without: an honest status, the same piece, nothing typed lost."""

import re
from datetime import date

import pytest
from sqlalchemy import func, select

from clinic.calendar import booking
from clinic.models.billing import Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from clinic.models.people import Client
from clinic.models.practice import Practice
from clinic.practice import once
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW
from tests.conftest import HTMX

DAY = date(2026, 11, 18)
GRID = HTMX | {"HX-Current-URL": f"http://localhost/calendar/week?day={DAY}"}


def _posted(cast, **other):
    return {"type": cast.therapy_id, "person": "Cleo Abernathy", "starts_at": "09:00", "once": once.new_key()} | other


def _url(cast, end="book"):
    return f"/calendar/{cast.pat_id}/{DAY}/{end}"


@pytest.fixture
def count(rows):
    def counted():
        with rows() as session:
            return session.scalar(select(func.count()).select_from(Item).where(Item.deleted_at.is_(None)))

    return counted


def test_the_in_line_form_opens_in_place_and_offers_activities_too(as_, cast):
    form = as_("fay").get(_url(cast) + "?at=15:00&h=8", headers=GRID)
    assert form.status_code == 200
    assert form.text.startswith('<div class="place up r85 s10" id="book">')
    assert "Activity: Case review" in form.text
    assert "<html" in as_("fay").get(_url(cast) + "?at=15:00").text


def test_a_booking_answers_htmx_with_its_day_and_a_plain_browser_with_the_week(as_, cast, rows):
    fay = as_("fay")
    saved = fay.post(_url(cast), data=_posted(cast), headers=GRID)
    assert saved.status_code == 200
    assert saved.text.startswith('<section class="day')
    assert f'id="column-{cast.pat_id}-{DAY}"' in saved.text
    assert "Cleo Abernathy" in saved.text
    assert 'id="book"' not in saved.text
    plain = fay.post(_url(cast), data=_posted(cast, starts_at="11:00", notes="Ramp"))
    assert plain.status_code == 303
    assert plain.headers["Location"] == f"/calendar/week?day={DAY}&practitioner={cast.pat_id}"
    assert fay.get(plain.headers["Location"]).text.count("Cleo Abernathy") == 2
    with rows() as session:
        item = session.scalar(select(Item).where(Item.notes == "Ramp"))
        assert (item.starts_at, item.ends_at) == (at(11), at(11, 50))


def test_a_form_posted_twice_books_once(as_, cast, count):
    fay, data = as_("fay"), _posted(cast)
    first, again = (fay.post(_url(cast), data=data) for _ in range(2))
    assert (first.status_code, again.status_code, count()) == (303, 303, 1)
    assert first.headers["Location"] == again.headers["Location"]
    piece = _posted(cast, starts_at="11:00")
    fay.post(_url(cast), data=piece, headers=GRID)
    again = fay.post(_url(cast), data=piece, headers=GRID, follow_redirects=True)
    assert count() == 2
    assert again.text.startswith("<section")


def test_a_clash_is_named_keeps_what_was_typed_and_offers_free_for_an_activity(as_, cast, write, count):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(14), client_id=cast.otto_id), NOW)
    fay = as_("fay")
    data = _posted(cast, type=cast.case_review_id, starts_at="14:30", busy="busy", notes="About <b>the</b> report")
    for headers in (GRID, {}):
        refused = fay.post(_url(cast), data=data, headers=headers)
        assert refused.status_code == 409
        for words in (
            "Taken.",
            "Pat Oyelaran has Otto Brandt (Therapy 50), 2:00–2:50 pm on Wednesday",
            "Nothing was lost",
            "book as Free",
            "About &lt;b&gt;the&lt;/b&gt; report",
            "Cleo Abernathy",
            'value="14:30"',
        ):
            assert words in refused.text
        assert re.search(r'<input aria-describedby="starts_at-err" aria-invalid="true"', refused.text)
    assert 'class="ghost bad"' in fay.post(_url(cast), data=data, headers=GRID).text
    assert count() == 1
    assert fay.post(_url(cast), data=data | {"as_free": "1"}, headers=GRID).status_code == 200
    appointment = fay.post(_url(cast), data=_posted(cast, starts_at="14:30"), headers=GRID)
    assert appointment.status_code == 409
    assert "book as Free" not in appointment.text


@pytest.mark.parametrize("headers", [{}, GRID])
@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"minutes": "60"}, "minutes"),
        ({"minutes": "-5"}, "minutes"),
        ({"starts_at": "25:00"}, "starts_at"),
        ({"starts_at": ""}, "starts_at"),
        ({"amount": "12,345.678"}, "amount"),
        ({"amount": "1e9"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"fee": "999999"}, "fee"),
        ({"fee": "<script>"}, "fee"),
        ({"bill_to": "999999"}, "bill_to"),
        ({"room": "99999999999999999999"}, "room"),
        ({"location": "999999"}, "location"),
        ({"type": "999999"}, "type"),
        ({"type": "💥"}, "type"),
        ({"person": "Nobody At All"}, "person"),
        ({"person": "x" * 10_000}, "person"),
        ({"person": "abernathy"}, "who"),
    ],
)
def test_bad_input_is_refused_by_name_and_kept(as_, cast, count, typed, field, headers):
    refused = as_("fay").post(_url(cast), data=_posted(cast, notes="Keep me 🙂") | typed, headers=headers)
    assert refused.status_code == 422
    assert f'id="{field}-err"' in refused.text
    assert "Keep me 🙂" in refused.text
    assert count() == 0


def test_an_odd_time_comes_back_with_the_warning_and_a_tick(as_, cast, count):
    fay, data = as_("fay"), _posted(cast, starts_at="19:00")
    asked = fay.post(_url(cast), data=data)
    assert asked.status_code == 422
    assert "outside working hours" in asked.text
    assert "Book anyway" in asked.text
    assert fay.post(_url(cast), data=data | {"overrides_warnings": "y"}).status_code == 303
    assert count() == 1


def test_a_time_the_clocks_skip_is_refused_by_name(as_, cast, count):
    refused = as_("fay").post(f"/calendar/{cast.pat_id}/2027-03-14/book", data=_posted(cast, starts_at="02:30"))
    assert refused.status_code == 422
    assert "The clocks skip 02:30 on 2027-03-14" in refused.text
    assert count() == 0


def test_the_form_changes_with_the_type_and_nothing_is_booked(as_, cast, count):
    fay = as_("fay")
    data = _posted(cast, type=cast.case_review_id, notes="Keep me")
    for headers in (GRID, {}):
        changed = fay.post(_url(cast, "book/fields"), data=data, headers=headers)
        assert changed.status_code == 200
        assert "This time in the diary is" in changed.text
        assert 'name="mode"' not in changed.text
        assert 'name="minutes"' not in changed.text  # locked: shown, not asked
        assert "$120.00" in changed.text
        assert "Keep me" in changed.text
        assert "Pellworth Occupational Health, referrer, PW-55810" in changed.text
    assert count() == 0


def test_saving_the_fields_of_another_type_asks_to_check_them(as_, cast, count):
    stale = _posted(cast, type=cast.case_review_id, shown=str(cast.therapy_id), mode="video")
    refused = as_("fay").post(_url(cast), data=stale)
    assert refused.status_code == 422
    assert "These are now the fields of Case review" in refused.text
    assert count() == 0


def test_several_that_fit_are_offered_and_one_is_chosen_without_javascript(as_, cast, rows):
    fay, data = as_("fay"), _posted(cast, person="abernathy")
    asked = fay.post(_url(cast), data=data)
    assert 'type="radio" value="group:' in asked.text
    chosen = {"who": f"client:{cast.cleo_id}", "searched": "abernathy"}
    assert fay.post(_url(cast), data=data | chosen).status_code == 303
    with rows() as session:
        assert session.scalar(select(Attendee.client_id)) == cast.cleo_id


def test_a_locked_rate_is_not_asked_and_refused_when_posted(as_, cast, write):
    with write() as session:
        session.get(AppointmentType, cast.therapy_id).is_rate_flexible = False
    fay = as_("fay")
    shown = fay.post(_url(cast, "book/fields"), data=_posted(cast)).text
    assert 'name="fee"' not in shown
    assert 'name="amount"' not in shown
    for typed in ({"amount": "1.00"}, {"fee": str(cast.intake_fee_id)}):
        refused = fay.post(_url(cast), data=_posted(cast, **typed))
        assert refused.status_code == 422
        assert "cannot be changed here" in refused.text


def test_add_new_has_no_activities_says_where_they_are_and_refuses_them(as_, cast, count):
    fay = as_("fay")
    opened = fay.get("/calendar/new").text
    assert "Activity:" not in opened
    assert "Activities are booked in the calendar itself" in opened
    data = _posted(cast, practitioner=cast.pat_id, day=str(DAY))
    refused = fay.post("/calendar/new", data=data | {"type": cast.case_review_id, "busy": "busy"})
    assert refused.status_code == 422
    assert count() == 0
    assert fay.post("/calendar/new", data=data | {"day": "2026-02-30"}).status_code == 422
    saved = fay.post("/calendar/new", data=data)
    assert (saved.status_code, count()) == (303, 1)


def test_an_event_asks_for_a_title_only(as_, cast, rows):
    fay, data = as_("fay"), _posted(cast, type="0", person="", busy="busy", minutes="90")
    assert 'id="title-err"' in fay.post(_url(cast), data=data).text
    assert fay.post(_url(cast), data=data | {"title": "Team meeting"}).status_code == 303
    with rows() as session:
        assert session.scalar(select(Item.kind)) is ItemKind.EVENT
    assert "Team meeting" in fay.get("/calendar/items/1").text


@pytest.fixture
def item_id(write, cast):
    with write() as session:
        return booking.book(session, cast.fay, therapy(cast, at(9), notes="Near the window"), NOW).id


def test_the_flyout_says_everything_and_offers_every_deed(as_, item_id):
    shown = as_("fay").get(f"/calendar/items/{item_id}?h=8", headers=GRID)
    assert shown.text.startswith('<div class="place r13 s10" id="flyout">')
    for words in ("Cleo Abernathy", "9:00 am–9:50 am", "90834 Therapy, 50 minutes", "$150.00", "Near the window",
                  "Arrived", "No show", "Create Invoice &amp; Add Payment", "Book at this time",
                  "Edit", "Move", "Cancel", "Delete"):  # fmt: skip
        assert words in shown.text
    assert "<html" in as_("fay").get(f"/calendar/items/{item_id}").text


def test_someone_who_only_reads_gets_no_deeds(as_, item_id):
    shown = as_("bill").get(f"/calendar/items/{item_id}").text
    assert "Cleo Abernathy" in shown
    assert "/edit" not in shown
    assert "Create Invoice" in shown  # billing is their work


def test_a_status_word_answers_with_the_day_and_the_flyout_in_it(as_, item_id, rows):
    pressed = as_("fay").post(f"/calendar/items/{item_id}/status", data={"status": "arrived"}, headers=GRID)
    assert pressed.status_code == 200
    assert pressed.text.startswith("<section")
    assert 'id="flyout"' in pressed.text
    assert as_("fay").post(f"/calendar/items/{item_id}/status", data={"status": "no_show"}).status_code == 303
    assert as_("fay").post(f"/calendar/items/{item_id}/status", data={"status": "💥"}).status_code == 422
    assert (
        as_("fay").post(f"/calendar/items/{item_id}/status", data={"status": "booked", "attendee": "9999"}).status_code == 404
    )
    with rows() as session:
        assert session.scalar(select(Attendee.status)) is Status.NO_SHOW


def test_every_face_opens_bare_and_as_a_page(as_, item_id):
    fay = as_("fay")
    for face in ("edit", "move", "cancel", "delete"):
        piece = fay.get(f"/calendar/items/{item_id}/{face}?h=8", headers=GRID)
        assert piece.text.startswith('<div class="place r13 s10" id="flyout">'), face
        assert "<html" in fay.get(f"/calendar/items/{item_id}/{face}").text


def _edit(cast, **other):
    return {"person": "Cleo Abernathy", "searched": "Cleo Abernathy", "who": f"client:{cast.cleo_id}", "day": str(DAY),
            "starts_at": "09:00", "fee": cast.therapy_fee_id, "amount": "150.00", "bill_to": cast.cleo_payer_id,
            "mode": "in_person", "location": cast.harbour_id, "room": "", "version": "1"} | other  # fmt: skip


def test_an_edit_saves_keeps_and_clashes(as_, cast, item_id, rows, write):
    fay, url = as_("fay"), f"/calendar/items/{item_id}/edit"
    saved = fay.post(url, data=_edit(cast, amount="120", notes="Later"), headers=GRID)
    assert saved.status_code == 200
    assert "$120.00" in saved.text
    with rows() as session:
        assert session.scalar(select(Share.amount_cents)) == 12_000
    late = fay.post(url, data=_edit(cast, notes="Mine"), headers=GRID)
    assert late.status_code == 409
    assert "Someone changed this meanwhile" in late.text
    assert "Mine" in late.text
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(13), client_id=cast.otto_id), NOW)
    clash = fay.post(url, data=_edit(cast, version="2", starts_at="13:00"))
    assert clash.status_code == 409
    assert "Otto Brandt" in clash.text
    assert fay.post(url, data=_edit(cast, version="2", starts_at="02:30", day="2027-03-14")).status_code == 422


def test_an_edit_while_invoiced_shows_the_fee_and_saves_the_rest(as_, cast, item_id, write, rows):
    fay = as_("fay")
    made = fay.post(f"/calendar/items/{item_id}/invoice", data={"once": once.new_key()})
    assert made.status_code == 303
    opened = fay.get(f"/calendar/items/{item_id}/edit").text
    assert "fee, client and Bill to stay as they are" in opened
    assert 'name="person"' not in opened
    data = {"day": str(DAY), "starts_at": "10:00", "mode": "video", "location": cast.harbour_id, "version": "1"}
    assert fay.post(f"/calendar/items/{item_id}/edit", data=data).status_code == 303
    refused = fay.post(f"/calendar/items/{item_id}/edit", data=data | {"version": "2", "amount": "1"})
    assert refused.status_code == 422
    with rows() as session:
        assert session.scalar(select(Item.starts_at)) == at(10)
        assert session.scalar(select(Attendee.fee_cents)) == 15_000


def test_a_move_saves_refuses_and_notices_who_was_faster(as_, cast, item_id, write, rows):
    fay, url = as_("fay"), f"/calendar/items/{item_id}/move"
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(13), client_id=cast.otto_id), NOW)
    data = {"day": str(DAY), "starts_at": "13:30", "practitioner": cast.pat_id, "version": "1"}
    taken = fay.post(url, data=data, headers=GRID)
    assert taken.status_code == 409
    assert "Otto Brandt" in taken.text
    assert fay.post(url, data=data | {"starts_at": "10:00"}, headers=GRID).status_code == 200
    assert fay.post(url, data=data | {"starts_at": "11:00"}, headers=GRID).status_code == 409
    elsewhere = fay.post(url, data=data | {"day": "2026-11-19", "version": "2"}, headers=GRID)
    assert elsewhere.headers["HX-Redirect"] == f"/calendar/week?day=2026-11-19&practitioner={cast.pat_id}"
    assert fay.post(url, data=data | {"day": "2026-02-30"}).status_code == 422
    with rows() as session:
        assert session.get(Item, item_id).starts_at == at(13, 30, days=1)


# Moved to Piet, and to Thursday, from each page of the calendar: one comes back to that page, with the day in it.
def test_a_move_leads_back_to_the_page_of_the_calendar_one_came_from(as_, cast, item_id):
    fay, url = as_("fay"), f"/calendar/items/{item_id}/move"
    pat, piet, wednesday, thursday = cast.pat_id, cast.piet_id, f"{DAY}", "2026-11-19"
    steps = [
        (f"team?day={wednesday}", piet, wednesday, f"team?day={wednesday}"),
        (f"team?day={wednesday}&location={cast.harbour_id}", pat, thursday, f"team?day={thursday}&location={cast.harbour_id}"),
        (f"week?day={thursday}&practitioner={pat}", piet, thursday, f"week?day={thursday}&practitioner={piet}"),
        (f"week?day={thursday}&practitioner=0", piet, wednesday, f"week?day={wednesday}&practitioner=0"),
        (f"day?day={wednesday}&practitioner={piet}", pat, wednesday, f"day?day={wednesday}&practitioner={pat}"),
    ]
    for version, (came_from, whose, day, back) in enumerate(steps, start=1):
        data = {"day": day, "starts_at": "10:00", "practitioner": whose, "version": version}
        grid = HTMX | {"HX-Current-URL": f"http://localhost/calendar/{came_from}"}
        assert fay.post(url, data=data, headers=grid).headers["HX-Redirect"] == f"/calendar/{back}"


# With JavaScript off each step is a page of its own: what was left is handed on from one to the next.
def test_without_javascript_a_move_leads_back_to_the_team_day(as_, cast, item_id):
    fay = as_("fay")
    shown = fay.get(f"/calendar/items/{item_id}", headers={"Referer": f"http://localhost/calendar/team?day={DAY}"})
    [move] = re.findall(r'href="(/calendar/items/\d+/move[^"]*)"', shown.text)
    [action] = re.findall(r'action="(/calendar/items/\d+/move[^"]*)"', fay.get(move).text)
    data = {"day": "2026-11-19", "starts_at": "10:00", "practitioner": cast.piet_id, "version": "1"}
    moved = fay.post(action, data=data)
    assert moved.status_code == 303
    assert 'href="/calendar/team?day=2026-11-19"' in fay.get(moved.headers["Location"]).text
    assert f'href="/calendar/week?day=2026-11-19&amp;practitioner={cast.piet_id}"' in fay.get(f"/calendar/items/{item_id}").text


def test_cancelling_inside_the_window_suggests_late_and_says_what_it_bills(as_, cast, write, rows):
    with write() as session:
        session.get(Practice, 1).late_cancel_bp = 5_000
        item_id = booking.book(session, cast.fay, therapy(cast, at(9)), NOW).id
    fay, url = as_("fay"), f"/calendar/items/{item_id}/cancel"
    asked = fay.get(url).text
    assert re.search(r'value="late_cancelled" checked><span>Late cancelled<small>bills \$75.00', asked)
    assert re.search(r'id="amount" inputmode="decimal" name="amount" type="text" value="75.00"', asked)
    done = fay.post(url, data={"status": "late_cancelled", "reason": "Flu"}, headers=GRID)
    assert done.status_code == 200
    assert "bills $75.00" in done.text
    with rows() as session:
        assert session.scalar(select(Item.is_blocking)) is False
    assert fay.post(url, data={"status": ""}).status_code == 422


def test_deleting_leaves_the_day_without_it(as_, item_id, count, cast):
    gone = as_("fay").post(f"/calendar/items/{item_id}/delete", headers=GRID)
    assert (gone.status_code, count()) == (200, 0)
    assert "Cleo" not in gone.text
    assert as_("fay").get(f"/calendar/items/{item_id}").status_code == 404


def test_what_belongs_to_another_practitioner_is_not_there(as_, cast, write):
    with write() as session:
        wanted = therapy(cast, at(9), practitioner_id=cast.piet_id, client_id=cast.otto_id)
        item_id = booking.book(session, cast.fay, wanted, NOW).id
        session.get(Client, cast.otto_id).practitioner_id = cast.piet_id
    pat = as_("pat")
    for end in ("", "/edit", "/move", "/cancel", "/delete"):
        assert pat.get(f"/calendar/items/{item_id}{end}").status_code == 404
    for end in ("/status", "/edit", "/move", "/cancel", "/delete"):
        data = {"status": "arrived", "version": "1", "day": str(DAY), "starts_at": "10:00"}
        assert pat.post(f"/calendar/items/{item_id}{end}", data=data).status_code == 404
    assert pat.get(f"/calendar/{cast.piet_id}/{DAY}/book").status_code == 404
    hidden = pat.post(_url(cast), data=_posted(cast, person="", who=f"client:{cast.otto_id}"))
    assert hidden.status_code == 422
    assert "Otto" not in hidden.text


def test_free_and_busy_change_in_the_edit_and_are_checked_again(as_, cast, write, rows):
    with write() as session:
        item_id = booking.book(session, cast.fay, review(cast, at(9), is_busy=False), NOW).id
        booking.book(session, cast.fay, therapy(cast, at(9), client_id=cast.otto_id), NOW)
    fay, url = as_("fay"), f"/calendar/items/{item_id}/edit"
    data = {"day": str(DAY), "starts_at": "09:00", "bill_to": cast.pellworth_id, "busy": "busy", "version": "1"}
    assert fay.post(url, data=data).status_code == 409
    assert fay.post(url, data=data | {"busy": "free"}).status_code == 303
    with rows() as session:
        assert session.scalar(select(Share.payer_id).join(Attendee).where(Attendee.item_id == item_id)) == cast.pellworth_id


def test_the_form_starts_with_the_type_that_was_booked_last_with_this_practitioner(as_, cast, write):
    fay = as_("fay")

    def chosen(practitioner_id: int) -> int:
        form = fay.get(f"/calendar/{practitioner_id}/{DAY}/book").text
        (value,) = re.findall(r'<select[^>]* id="type"[^>]*>.*?<option selected value="(\d+)"', form, re.DOTALL)
        return int(value)

    by_name = chosen(cast.pat_id)
    assert by_name != cast.therapy_id
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(15)), NOW)
    assert chosen(cast.pat_id) == cast.therapy_id
    assert chosen(cast.piet_id) == by_name


def test_a_group_is_asked_once_or_each_and_the_choice_of_another_group_does_not_count(as_, cast, rows):
    fay = as_("fay")
    chosen = _posted(cast, person="Abernathy and Brandt", who=f"group:{cast.couple_id}", searched="Abernathy and Brandt")
    asked = fay.post(_url(cast, "book/fields"), data=chosen).text
    assert f'<input checked id="bills-0" name="bills" type="radio" value="once-{cast.couple_id}">' in asked
    assert "Once: Cleo Abernathy" in asked
    each = chosen | {"bills": f"each-{cast.couple_id}"}
    assert 'name="bill_to"' not in fay.post(_url(cast, "book/fields"), data=each).text
    assert fay.post(_url(cast), data=each | {"bill_to": str(cast.pellworth_id)}).status_code == 303
    assert (
        fay.post(_url(cast), data=chosen | {"starts_at": "14:00", "bills": "each-999", "once": once.new_key()}).status_code
        == 303
    )
    with rows() as session:
        assert [seat.is_billed for seat in session.scalars(select(Attendee).order_by(Attendee.id))] == [True, True, True, False]
        last = session.scalar(select(Attendee.item_id).order_by(Attendee.id.desc()))
    edit = f"/calendar/items/{last}/edit"
    assert f'value="each-{cast.couple_id}"' in fay.get(edit).text
    data = {"day": "2026-11-18", "starts_at": "14:00", "minutes": "50", "version": "1", "bills": f"each-{cast.couple_id}"}
    assert fay.post(edit, data=data).status_code == 303
    with rows() as session:
        assert all(seat.is_billed for seat in session.scalars(select(Attendee)))
