"""Article 2 word by word: book and cancel a package appointment from its invoice and from the calendar."""

import re
from dataclasses import replace
from datetime import time, timedelta
from html.parser import HTMLParser

import pytest
from sqlalchemy import func, select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, linking
from clinic.kernel import clock
from clinic.models.billing import InvoiceLine, PackageClient, PackageKind, PackageSale
from clinic.models.calendar import AppointmentType, Attendee, Item, Status
from clinic.practice import once
from tests.conftest import HTMX

ZONE = "America/New_York"
SAVE_BYTES_MAX = 3 * 1024


class _Words(HTMLParser):
    """Collect what a page says, and what its inputs hold."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.inputs: dict[str, str] = {}
        self.checked: dict[str, str] = {}

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "input" and values.get("name"):
            if values.get("type") not in ("radio", "checkbox"):
                self.inputs[values["name"]] = values.get("value") or ""
            elif "checked" in values:
                self.checked[values["name"]] = values.get("value") or ""

    def handle_data(self, data):
        self.text.append(data)


def _read(answer):
    words = _Words()
    words.feed(answer.text)
    return words


def _texts(answer):
    return [re.sub(r"\s+", " ", part).strip() for part in _read(answer).text if part.strip()]


@pytest.fixture
def day():
    """Be a coming Wednesday of the practice."""
    today = clock.local_date(clock.now(), ZONE)
    return today + timedelta(days=(2 - today.weekday()) % 7 + 7)


@pytest.fixture
def sold(write, cast):
    """Sell Cleo five sessions; return invoice id, sale id and line ids."""
    with write() as session:
        rows = (FeeRow(cast.therapy_fee_id, 5),)
        template = Template(name="Five sessions", rows=rows, kind=PackageKind.PACKAGED, price_cents=65_000)
        package = packages.save(session, cast.fay, template, clock.now())
        sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
        invoice = packages.sell(session, cast.fay, sale, clock.now())
        found = select(PackageSale.id).where(PackageSale.invoice_id == invoice.id)
        return invoice.id, session.scalar(found), [line.id for line in invoice.lines]


def _at(sold, number=1):
    return f"/invoices/{sold[0]}/lines/{sold[2][number - 1]}/edit"


def _yes(day, **other):
    return {"once": once.new_key(), "date": day.isoformat(), "add_appointment": "yes", "time": "10:00", "save": "1"} | other


def _line(rows, sold, number=1):
    with rows() as session:
        return session.get(InvoiceLine, sold[2][number - 1])


def _items(rows):
    with rows() as session:
        return session.scalar(select(func.count()).select_from(Item))


def test_the_edit_icon_opens_edit_invoice_line_with_the_articles_words(as_, sold):
    fay = as_("fay")
    page = fay.get(f"/invoices/{sold[0]}")
    assert page.status_code == 200
    assert "Edit line 1" in _texts(page)
    assert _at(sold) in page.text
    pop_up = fay.get(_at(sold), headers=HTMX)
    texts = _texts(pop_up)
    for label in (
        "Edit Invoice Line",
        "Date",
        "Add appointment",
        "Yes",
        "Unassigned",
        "Appointment Details",
        "Check Availability",
        "Save",
    ):
        assert label in texts, label
    assert pop_up.text.lstrip().startswith("<dialog")
    assert 'id="pop"' in pop_up.text
    assert "Remove" not in texts  # nothing is linked yet


def test_from_the_invoice_check_availability_then_save_and_the_date_appears(as_, rows, sold, day):
    fay = as_("fay")
    checked = fay.post(_at(sold), data=_yes(day, check="1") | {"save": ""}, headers=HTMX)
    assert checked.status_code == 200
    assert "Free" in _texts(checked)
    assert _items(rows) == 0  # looking books nothing
    saved = fay.post(_at(sold), data=_yes(day), headers=HTMX)
    assert saved.status_code == 200
    assert saved.text.startswith('<div id="pop"></div>')  # the pop-up closes, and what the line changed is renewed
    for changed in (
        "sale-counts",
        "sale-head",
        "sale-words",
        f"line-{sold[2][0]}",
        f"unit-{sold[2][0]}",
        "leaf-words",
        f"date-{sold[2][0]}",
    ):
        assert f'id="{changed}"' in saved.text
    assert f'id="line-{sold[2][1]}"' not in saved.text
    assert "Booked from the invoice" in _texts(saved)
    assert "<dialog" not in saved.text
    assert _line(rows, sold).session_date == day
    assert any(text.startswith("Booked 10:00") for text in _texts(saved))


def test_without_javascript_the_same_form_is_a_page_and_leads_back_to_the_invoice(as_, rows, sold, day):
    fay = as_("fay")
    page = fay.get(_at(sold))
    assert page.status_code == 200
    assert {"Edit Invoice Line", "Session ledger"} <= set(_texts(page))
    checked = fay.post(_at(sold), data=_yes(day, check="1"))
    assert checked.status_code == 200
    assert _read(checked).inputs["time"] == "10:00"
    saved = fay.post(_at(sold), data=_yes(day))
    assert (saved.status_code, saved.headers["Location"]) == (303, f"/invoices/{sold[0]}")
    assert _line(rows, sold).session_date == day


def test_a_taken_time_names_the_clash_and_a_press_fills_in_a_free_one(as_, rows, sold, day):
    fay = as_("fay")
    fay.post(_at(sold), data=_yes(day), headers=HTMX)
    taken = fay.post(_at(sold, 2), data=_yes(day, time="10:20", check="1"), headers=HTMX)
    assert taken.status_code == 200
    assert "Taken" in _texts(taken)
    assert "Pat Oyelaran has Cleo Abernathy" in taken.text
    offered = re.findall(r'name="pick" value="([^"]+)">([^<]+)<', taken.text)
    assert [words for _value, words in offered] == ["11:00 am", "11:15 am", "11:30 am"]
    filled = fay.post(_at(sold, 2), data=_yes(day, time="10:20", pick=offered[0][0]), headers=HTMX)
    assert _read(filled).inputs["time"] == "11:00"
    assert "Free" in _texts(filled)
    clash = fay.post(_at(sold, 2), data=_yes(day, time="10:20"), headers=HTMX)  # availability is checked again by Save
    assert clash.status_code == 409
    assert _read(clash).inputs["time"] == "10:20"
    assert 'name="pick"' in clash.text
    assert _line(rows, sold, 2).session_date is None


def test_from_the_calendar_the_package_is_noted_and_the_date_appears_on_its_line(as_, rows, write, cast, sold, day):
    starts_at = clock.instant_at(day, time(14), ZONE)
    with write() as session:
        wanted = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=starts_at, minutes=50,
                                client_id=cast.cleo_id, location_id=cast.harbour_id)  # fmt: skip
        item = booking.book(session, cast.fay, wanted, clock.now())
    with rows() as session:
        attendee_id = session.scalar(select(Attendee.id).where(Attendee.item_id == item.id))
        label = linking.label_for(session, [attendee_id])[attendee_id]
    assert (label.name, label.number, label.of) == ("Five sessions", 1, 5)
    assert _line(rows, sold).session_date == day
    panel = as_("fay").get(f"/calendar/items/{item.id}", headers=HTMX)
    assert panel.status_code == 200
    assert "Five sessions" in panel.text


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_cancelling_takes_remove_save_then_unassigned_save(as_, rows, sold, day, headers):
    fay = as_("fay")
    fay.post(_at(sold), data=_yes(day), headers=headers)
    opened = fay.get(_at(sold), headers=headers)
    assert "Remove" in " ".join(_texts(opened))
    assert _read(opened).checked["add_appointment"] == "yes"
    fay.post(_at(sold), data=_yes(day, remove="y"), headers=headers)
    line = _line(rows, sold)
    assert (line.share_id, line.session_date) == (None, day)
    again = _read(fay.get(_at(sold), headers=headers))
    assert "add_appointment" not in again.checked  # on the second opening neither choice is set
    assert again.inputs["date"] == day.isoformat()
    fay.post(_at(sold), data=_yes(day, add_appointment="no", time=""), headers=headers)
    assert _line(rows, sold).session_date is None
    with rows() as session:  # only unlinked: it stands in the calendar until it is cancelled there
        item = session.scalars(select(Item)).one()
        assert (item.deleted_at, item.is_blocking) == (None, True)


def test_one_save_removes_unassigns_and_cancels_the_appointment_too(as_, rows, sold, day):
    fay = as_("fay")
    fay.post(_at(sold), data=_yes(day))
    fay.post(_at(sold), data=_yes(day, add_appointment="no", remove="y", cancel="y"))
    assert _line(rows, sold).session_date is None
    with rows() as session:
        assert session.scalar(select(Attendee.status)) is Status.CANCELLED_BY_PRACTICE


def test_a_double_click_books_once(as_, rows, sold, day):
    fay, posted = as_("fay"), _yes(day)
    first = fay.post(_at(sold), data=posted, headers=HTMX)
    second = fay.post(_at(sold), data=posted, headers=HTMX, follow_redirects=True)
    assert (first.status_code, second.status_code) == (200, 200)
    assert f'id="sale-{sold[1]}"' in second.text[:200]
    assert _items(rows) == 1


def test_a_line_that_someone_else_booked_meanwhile_is_shown_as_it_stands_now(as_, rows, sold, day):
    fay = as_("fay")
    seen = _read(fay.get(_at(sold), headers=HTMX)).inputs["seen"]
    as_("bill").post(_at(sold), data=_yes(day), headers=HTMX)
    late = fay.post(_at(sold), data=_yes(day, time="15:00", seen=seen), headers=HTMX)
    assert late.status_code == 409
    assert "Someone changed this line meanwhile." in late.text
    assert "Remove" in " ".join(_texts(late))
    assert _items(rows) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"date": "2026-02-30"}, "Enter a date that exists"),
        ({"time": "25:99"}, "Enter a time"),
        ({"time": ""}, "Enter the appointment&#39;s time."),
        ({"date": ""}, "Enter the appointment&#39;s date."),
        ({"minutes": "1e9"}, "Enter a whole number"),
        ({"minutes": "30"}, "The duration is locked at 50 minutes."),
        ({"add_appointment": "", "time": "10:00"}, "Choose Yes to book"),
        ({"room_id": "<b>"}, "Choose from the list"),
    ],
)
def test_bad_input_is_named_kept_and_books_nothing(as_, rows, write, cast, sold, day, typed, said):
    with write() as session:
        session.get(AppointmentType, cast.therapy_id).requires_room = "room_id" in typed
    answer = as_("fay").post(_at(sold), data=_yes(day, **typed), headers=HTMX)
    assert answer.status_code == 422
    assert said in answer.text
    if typed.get("time"):
        assert _read(answer).inputs["time"] == typed["time"]
    assert _items(rows) == 0


def test_saving_one_line_is_light(as_, sold, day):
    saved = as_("fay").post(_at(sold), data=_yes(day), headers=HTMX | {"Accept-Encoding": "gzip"})
    assert len(saved.data) <= SAVE_BYTES_MAX


def test_the_biller_edits_lines_and_a_stranger_or_another_practitioner_does_not(as_, rows, write, cast, sold, day):
    assert as_("bill").post(_at(sold), data=_yes(day), headers=HTMX).status_code == 200
    with write() as session:
        package = packages.save(session, cast.fay, Template(name="Two", rows=(FeeRow(cast.therapy_fee_id, 2),)), clock.now())
        sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.piet_id, cast.harbour_id)
        piets = packages.sell(session, cast.fay, sale, clock.now())
    pat = as_("pat")
    assert pat.get(f"/invoices/{piets.id}/lines/{piets.lines[0].id}/edit").status_code == 404
    assert pat.get(_at(sold)).status_code == 200
    assert pat.get(f"/invoices/{piets.id}/lines/{sold[2][0]}/edit").status_code == 404


def _all(sold):
    return f"/invoices/{sold[0]}/sessions/book-all"


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_book_them_all_lists_every_date_and_clash_before_it_saves(as_, rows, write, cast, sold, day, headers):
    fay = as_("fay")
    with write() as session:
        taken = booking.Wanted(cast.therapy_id, cast.pat_id, clock.instant_at(day, time(10, 30), ZONE), 50, cast.otto_id)
        booking.book(session, cast.fay, taken, clock.now())
    assert _all(sold) in fay.get(f"/invoices/{sold[0]}").text
    assert {"Book them all", "From", "Time"} <= set(_texts(fay.get(_all(sold), headers=headers)))
    asked = {"once": once.new_key(), "date": day.isoformat(), "time": "10:00", "every": "1", "do_not_notify": "y"}
    first = fay.post(_all(sold), data=asked, headers=headers)
    assert first.status_code == 200
    assert "1 of 5 cannot stand there." in _texts(first)
    assert "Otto Brandt" in first.text
    listed = _read(first).inputs | {"date": day.isoformat(), "time": "10:00"}
    open_still = fay.post(_all(sold), data=listed, headers=headers)
    assert open_still.status_code == 409
    assert "Choose for 1 date" in open_still.text
    assert _items(rows) == 1
    settled = _read(open_still).inputs | {f"do-{day}": "", f"at-{day}": "12:00"}
    saved = fay.post(_all(sold), data=settled, headers=headers)
    again = fay.post(_all(sold), data=settled, headers=headers)  # a double click
    assert (saved.status_code, again.status_code) == ((204, 303) if headers else (303, 303))
    assert _items(rows) == 6
    assert [_line(rows, sold, number).session_date for number in (1, 5)] == [day, day + timedelta(days=28)]
    assert _all(sold) not in fay.get(f"/invoices/{sold[0]}").text  # nothing is left to book


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_book_them_all_asks_whose_each_session_of_a_shared_pack_is(as_, rows, write, cast, sold, day, headers):
    fay = as_("fay")
    with write() as session:
        session.add(PackageClient(sale_id=sold[1], client_id=cast.otto_id))
    asked = {"once": once.new_key(), "date": day.isoformat(), "time": "10:00", "every": "1", "client_id": str(cast.cleo_id)}
    listed = fay.post(_all(sold), data=asked, headers=headers)
    assert listed.text.count(f'<option value="{cast.cleo_id}" selected>Cleo Abernathy') == 5
    settled = _read(listed).inputs | {f"client-{sold[2][0]}": str(cast.otto_id)}
    again = fay.post(_all(sold), data=settled | {f"at-{day}": "soon"}, headers=headers)  # what was chosen stays chosen
    assert (again.status_code, again.text.count(f'<option value="{cast.otto_id}" selected>')) == (422, 1)
    assert fay.post(_all(sold), data=settled, headers=headers).status_code == (204 if headers else 303)
    with rows() as session:
        whose = session.scalars(select(Attendee.client_id).order_by(Attendee.id)).all()
    assert whose == [cast.otto_id, *[cast.cleo_id] * 4]


def test_book_them_all_names_what_is_wrong_and_keeps_what_was_typed(as_, rows, sold, day):
    fay = as_("fay")
    posted = {"once": once.new_key(), "date": "2026-02-30", "time": "ten", "every": "0"}
    refused = fay.post(_all(sold), data=posted, headers=HTMX)
    assert refused.status_code == 422
    assert {name: _read(refused).inputs[name] for name in ("date", "time", "every")} == {
        "date": "2026-02-30", "time": "ten", "every": "0"
    }  # fmt: skip
    change = fay.post(_all(sold), data={"date": day.isoformat(), "time": "9:15", "every": "2", "change": "1"}, headers=HTMX)
    assert (change.status_code, _read(change).inputs["every"]) == (200, "2")
    assert _items(rows) == 0


def test_moving_a_line_past_its_last_day_asks_what_becomes_of_the_session(as_, rows, write, sold, day):
    fay = as_("fay")
    fay.post(_at(sold), data=_yes(day))
    with write() as session:
        session.get(PackageSale, sold[1]).expires_date = day
    late = _yes(day + timedelta(days=1), seen=_read(fay.get(_at(sold), headers=HTMX)).inputs["seen"])
    asked = fay.post(_at(sold), data=late, headers=HTMX)
    assert (asked.status_code, "Leave it linked" in asked.text) == (422, True)
    assert fay.post(_at(sold), data=late | {"package_choice": "leave"}, headers=HTMX).status_code == 200
    assert _line(rows, sold).session_date == day + timedelta(days=1)


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_a_time_taken_when_it_is_saved_comes_back_with_three_free_ones(as_, rows, sold, day, headers):
    fay = as_("fay")
    fay.post(_at(sold), data=_yes(day))
    late = fay.post(_at(sold, 2), data=_yes(day, time="10:30"), headers=headers)
    assert (late.status_code, _read(late).inputs["time"]) == (409, "10:30")
    assert "Taken" in _texts(late)
    assert late.text.count('name="pick"') == 3
    assert (_items(rows), _line(rows, sold, 2).session_date) == (1, None)


def test_an_appointment_in_its_own_way_is_put_on_the_line_with_one_click(as_, rows, write, cast, sold, day):
    fay = as_("fay")
    with write() as session:
        at_ten = booking.Wanted(cast.therapy_id, cast.pat_id, clock.instant_at(day, time(10), ZONE), 50, cast.cleo_id,
                                uses_package=False)  # fmt: skip
        mine = booking.book(session, cast.fay, at_ten, clock.now()).id
        others = replace(at_ten, client_id=cast.otto_id, starts_at=at_ten.starts_at + timedelta(hours=1))
        otto = booking.book(session, cast.fay, others, clock.now()).id
    taken = fay.post(_at(sold), data=_yes(day, check="1"), headers=HTMX)
    assert "put it on this line" in _texts(taken)
    assert "put it on this line" not in fay.post(_at(sold), data=_yes(day, check="1", time="11:00"), headers=HTMX).text
    assert fay.post(_at(sold), data=_yes(day, use=str(otto)), headers=HTMX).status_code == 409
    assert fay.post(_at(sold), data=_yes(day, use=str(mine)), headers=HTMX).status_code == 200
    assert (_line(rows, sold).session_date, _items(rows)) == (day, 2)
    assert fay.post(_at(sold, 2), data=_yes(day, use=str(mine)), headers=HTMX).status_code == 409
