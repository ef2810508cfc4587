"""From the flyout onto an invoice, and off every invoice and back."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import invoices, payments, shares, states
from clinic.billing.shares import Wish
from clinic.calendar import booking, columns
from clinic.models.billing import Invoice, InvoiceLine, Share
from clinic.models.calendar import Attendee
from clinic.models.money import Method
from clinic.models.practice import Practitioner
from clinic.practice import once, settings
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW
from tests.conftest import HTMX

GRID = HTMX | {"HX-Current-URL": "http://localhost/calendar/week?day=2026-11-18"}
SEES = "Cleo Abernathy will see this line"


@pytest.fixture
def item_id(write, cast):
    with write() as session:
        return booking.book(session, cast.fay, review(cast, at(9)), NOW).id


def _share_id(rows, item_id):
    with rows() as session:
        return session.scalar(select(Share.id).join(Share.attendee).where(Attendee.item_id == item_id))


@pytest.mark.parametrize(("headers", "code"), [({}, 303), (GRID, 200)])
def test_do_not_invoice_is_set_and_taken_back_from_the_flyout(as_, item_id, rows, headers, code):
    fay, flyout = as_("fay"), f"/calendar/items/{item_id}"
    with rows() as session:
        place_id = session.scalar(select(Attendee.id))
    assert ">Do not invoice</button>" in fay.get(flyout).text
    assert fay.post(f"{flyout}/do-not-invoice", data={"attendee": place_id, "mark": "on"}, headers=headers).status_code == code
    shown = fay.get(flyout).text
    assert "Invoice it after all" in shown
    assert "Create Invoice" not in shown
    with rows() as session:
        assert session.get(Attendee, place_id).do_not_invoice
    fay.post(f"{flyout}/do-not-invoice", data={"attendee": place_id, "mark": "off"}, headers=headers)
    with rows() as session:
        assert not session.get(Attendee, place_id).do_not_invoice
    for data in ({"attendee": 999, "mark": "on"}, {"attendee": place_id, "mark": "maybe"}, {}):
        assert fay.post(f"{flyout}/do-not-invoice", data=data, headers=headers).status_code == 422


def test_what_is_on_an_invoice_takes_no_mark(as_, cast, write, item_id):
    with write() as session:
        place_id = session.scalar(select(Attendee.id))
        invoices.bill_attendee(session, cast.fay, place_id, NOW)
    fay, flyout = as_("fay"), f"/calendar/items/{item_id}"
    assert ">Do not invoice</button>" not in fay.get(flyout).text
    assert fay.post(f"{flyout}/do-not-invoice", data={"attendee": place_id, "mark": "on"}).status_code == 422
    assert "Nothing of this waits" in fay.get(f"{flyout}/add-to-invoice").text


def test_an_activity_says_first_that_the_client_will_see_its_line(as_, cast, write, item_id, rows):
    fay, url = as_("fay"), f"/calendar/items/{item_id}/add-to-invoice"
    assert url in fay.get(f"/calendar/items/{item_id}").text
    asked = fay.get(url).text
    for words in (SEES, "description, date and amount, no time", "Case review", "Nov 18, 2026", "$120.00", "A new draft"):
        assert words in asked
    assert "9:00" not in asked
    posted = {"share": _share_id(rows, item_id), "draft": "", "once": once.new_key()}
    first, again = (fay.post(url, data=posted) for _ in range(2))
    assert first.status_code == 303
    assert first.headers["Location"] == again.headers["Location"]
    with rows() as session:
        line = session.scalars(select(InvoiceLine)).one()
        assert (line.invoice_id, line.total_cents) == (int(first.headers["Location"].rpartition("/")[2]), 12_000)
        assert session.get(Invoice, line.invoice_id).issued_at is None
    taken = fay.post(url, data=posted | {"once": once.new_key()})
    assert taken.status_code == 409
    assert "already on a draft" in taken.text
    with write() as session:
        other = booking.book(session, cast.fay, review(cast, at(11), payer_id=cast.pellworth_id), NOW).id
    assert SEES not in fay.get(f"/calendar/items/{other}/add-to-invoice").text


def test_it_joins_a_draft_of_that_payer_and_no_other(as_, cast, write, item_id, rows):
    with write() as session:
        mine = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW).id
        others = invoices.draft(session, cast.fay, payer_id=cast.otto_payer_id, client_id=cast.otto_id, now=NOW).id
    fay, url, share_id = as_("fay"), f"/calendar/items/{item_id}/add-to-invoice", _share_id(rows, item_id)
    asked = fay.get(url).text
    assert f'name="draft" value="{mine}" checked' in asked
    assert f'name="draft" value="{others}"' not in asked
    wrong = fay.post(url, data={"share": share_id, "draft": others, "once": once.new_key()})
    assert wrong.status_code == 422
    assert "billed to someone else" in wrong.text
    assert fay.post(url, data={"share": share_id, "draft": "999999", "once": once.new_key()}).status_code == 404
    joined = fay.post(url, data={"share": share_id, "draft": mine, "once": once.new_key()})
    assert joined.headers["Location"] == f"/invoices/{mine}"
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Invoice)) == 2


def test_a_share_of_another_item_is_refused(as_, cast, write, item_id, rows):
    with write() as session:
        other = booking.book(session, cast.fay, therapy(cast, at(14)), NOW).id
    data = {"share": _share_id(rows, other), "draft": "", "once": once.new_key()}
    assert as_("fay").post(f"/calendar/items/{item_id}/add-to-invoice", data=data).status_code == 422
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Invoice)) == 0


# Cleo pays her part at once; what Pellworth pays is on no invoice yet.
def test_a_divided_session_shows_every_invoice_and_what_is_on_none(as_, cast, write):
    with write() as session:
        whole = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
        place_id = whole.attendees[0].id
        wishes = [Wish(cast.cleo_payer_id, amount_cents=5_000), Wish(cast.pellworth_id)]
        shares.divide(session, cast.fay, place_id, wishes, NOW)
        first = session.scalars(select(Share).where(Share.attendee_id == place_id).order_by(Share.position)).first()
        mine = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_share(session, mine, first.id)
        payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=5_000,
                        invoice_id=mine.id, now=NOW)  # fmt: skip
    fay, flyout = as_("fay"), f"/calendar/items/{whole.id}"
    shown = fay.get(flyout).text
    assert "None yet, Pellworth" in shown
    assert "Create Invoice &amp; Add Payment" in shown
    day = fay.get("/calendar/day?day=2026-11-18").text
    assert 'class="amt pencil">$150' in day  # not a check: half of it waits for an invoice
    fay.post(f"{flyout}/invoice", data={"once": once.new_key(), "then": "pay"})
    shown = fay.get(flyout).text
    assert "INV-0001</a>, Cleo" in shown
    assert "INV-0002</a>, Pellworth" in shown
    assert 'href="/invoices/2#pay">Add Payment' in shown
    assert "Create Invoice" not in shown


def test_a_click_that_bills_all_says_first_which_activities_the_client_will_see(as_, cast, write):
    with write() as session:
        booking.book(session, cast.fay, review(cast, at(9, days=-1)), NOW)
    fay = as_("fay")
    assert "Cleo Abernathy will see this Activity on it" in fay.get(f"/clients/{cast.cleo_id}/billing").text
    listed = fay.get("/invoices/?show=uninvoiced").text
    assert "Look at them" in listed
    assert "Create Invoice" not in listed


# Due on 2 December, and the practice gives five days more.
def test_the_calendar_calls_an_invoice_overdue_when_its_page_does(write, cast):
    with write() as session:
        whole = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
        [made] = invoices.bill_item(session, cast.fay, whole.id, NOW)
        settings.practice(session).overdue_after_days = 5
    with write() as session:
        house, pat = settings.house(session), session.get_one(Practitioner, cast.pat_id)
        for days, is_late in ((19, False), (20, True)):
            later = NOW + timedelta(days=days)
            [column] = columns.days(session, cast.fay, house, [pat], at(9).date(), later, count=1)
            [block] = column.blocks
            state = states.of(session, [session.get_one(Invoice, made.id)], house.local_date(later))[made.id]
            assert (block.is_late, state.word == "Overdue") == (is_late, is_late)
