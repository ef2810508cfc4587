"""Credit note, Correct and Write off in the browser: what is asked, refused and kept, and once even when posted twice."""

import re

from sqlalchemy import select

from clinic.models.billing import Invoice, InvoiceKind
from clinic.models.calendar import Attendee, Status
from clinic.models.money import Payment
from clinic.practice.once import new_key
from tests.billing.given import given_session


def key_of(page):
    return re.search(r'name="once" value="([^"]+)"', page.text)[1]


def issued(write, cast, fay):
    with write() as session:
        share = given_session(session, cast)
        item_id, attendee_id = session.get_one(Attendee, share.attendee_id).item_id, share.attendee_id
    flyout = fay.get(f"/calendar/items/{item_id}")
    there = fay.post(f"/calendar/items/{item_id}/invoice", data={"once": key_of(flyout)}).headers["Location"]
    return there.split("#")[0], attendee_id


def test_part_of_an_invoice_is_credited_and_a_refusal_keeps_what_was_typed(as_, rows, write, cast):
    fay = as_("fay")
    here, _ = issued(write, cast, fay)
    page = fay.get(f"{here}/credit")
    [field] = re.findall(r'name="(line_\d+)"', page.text)
    assert 'value="150.00"' in page.text
    assert re.search(r'value="do_not_invoice"[^>]*checked|checked[^>]*value="do_not_invoice"', page.text)
    typed = {"once": key_of(page), field: "150.01", "reason": "Kept <b>words</b>", "freed": "later"}
    refused = fay.post(f"{here}/credit", data=typed)
    assert refused.status_code == 422
    for words in ("At most 150.00 is left", 'value="150.01"', "Kept &lt;b&gt;words&lt;/b&gt;"):
        assert words in refused.text
    answers = [fay.post(f"{here}/credit", data={**typed, field: "50"}) for _ in range(2)]
    assert {answer.headers["Location"] for answer in answers} == {answers[0].headers["Location"]}
    note = fay.get(answers[0].headers["Location"]).text
    assert "Credit note CN-0001" in note
    assert "It takes $50.00 off invoice" in note
    assert "less what was credited before" in fay.get(f"{here}/correct").text
    assert fay.get(f"{here}/pdf").data[:5] == fay.get(f"{answers[0].headers['Location']}/pdf").data[:5] == b"%PDF-"
    with rows() as session:
        assert len(session.scalars(select(Invoice).where(Invoice.kind == InvoiceKind.CREDIT_NOTE)).all()) == 1
    assert "$100.00" in fay.get(here).text


def test_correct_leads_to_a_draft_that_says_what_it_replaces(as_, rows, write, cast):
    fay = as_("fay")
    here, attendee_id = issued(write, cast, fay)
    with rows() as session:
        item_id = session.get_one(Attendee, attendee_id).item_id
    assert f"{here}/correct" in fay.get(f"/calendar/items/{item_id}/edit").text
    asked = fay.get(f"{here}/correct")
    draft = fay.post(f"{here}/correct", data={"once": key_of(asked)}).headers["Location"]
    page = fay.get(draft).text
    assert "It takes the place of invoice" in page
    assert ">Issue</button>" in page
    again = fay.post(f"{here}/correct", data={"once": key_of(fay.get(f"{here}/correct"))})
    assert again.status_code == 409
    assert "credited already" in again.text
    was = fay.get(here).text
    assert "Correct</a>" not in was
    assert 'Replaced by <a href="/invoices/3">draft</a>' in was
    assert 'Credit note <a href="/invoices/2">CN-0001</a>' in was
    with rows() as session:
        assert session.get_one(Attendee, attendee_id).do_not_invoice is False


def test_only_who_may_writes_off_and_takes_it_back(as_, write, cast):
    fay, bill = as_("fay"), as_("bill")
    here, _ = issued(write, cast, fay)
    assert "Write off</a>" not in fay.get(here).text
    asked = bill.get(f"{here}/write-off")
    assert "Write off $150.00" in asked.text
    assert bill.post(f"{here}/write-off", data={"once": key_of(asked), "reason": " "}).status_code == 422
    assert bill.post(f"{here}/write-off", data={"once": key_of(asked), "reason": "Moved away"}).status_code == 303
    page = bill.get(here)
    assert "Written off" in page.text
    assert "Credit note</a>" not in page.text  # the write-off is taken back first
    undo = re.search(r'write-off/undo.*?name="once" value="([^"]+)"', page.text, re.DOTALL)[1]
    assert bill.post(f"{here}/write-off/undo", data={"once": undo}).status_code == 303
    assert "Unpaid" in bill.get(here).text


# Fay has the payment open when Bill writes the invoice off: nothing is taken, what she typed stays, and both read what to do.
def test_a_written_off_invoice_says_what_to_do_before_it_takes_a_payment(as_, write, rows, cast):
    fay, bill = as_("fay"), as_("bill")
    here, _ = issued(write, cast, fay)
    typed = {"once": key_of(fay.get(here)), "method": "check", "amount": "150", "reference": "No 1021"}
    asked = bill.get(f"{here}/write-off")
    bill.post(f"{here}/write-off", data={"once": key_of(asked), "reason": "Moved away"})
    words = "Take the write-off back first; then $150.00 is owed again and can be paid"
    for browser, may in ((bill, True), (fay, False)):
        page = browser.get(here).text
        assert words in page
        assert (f'action="{here}/write-off/undo"' in page, "The owner or a biller can do that" in page) == (may, not may)
    refused = fay.post(f"{here}/payment", data=typed | {"confirms_more": "y"})
    assert refused.status_code == 409
    assert f"INV-0001 takes no payment: $150.00 of it is written off. {words}." in refused.text
    assert 'value="No 1021"' in refused.text
    credit = fay.post(f"{here}/apply-credit", data={"once": new_key()})
    assert (credit.status_code, words in credit.text) == (409, True)
    with rows() as session:
        assert session.scalar(select(Payment)) is None
    undo = re.search(r'write-off/undo.*?name="once" value="([^"]+)"', bill.get(here).text, re.DOTALL)[1]
    assert bill.post(f"{here}/write-off/undo", data={"once": undo}).headers["Location"] == f"{here}#pay"
    assert fay.post(f"{here}/payment", data=typed).status_code == 303
    assert "Paid" in fay.get(here).text


def test_a_missed_session_on_an_invoice_is_credited_down_to_what_the_policy_bills(as_, write, cast):
    fay = as_("fay")
    here, attendee_id = issued(write, cast, fay)
    with write() as session:
        attendee = session.get_one(Attendee, attendee_id)
        attendee.status, attendee.policy_cents = Status.NO_SHOW, 6_000
        item_id = attendee.item_id
    [there] = re.findall(r'href="([^"]+)">Credit the invoice down to \$60.00', fay.get(f"/calendar/items/{item_id}").text)
    page = fay.get(there.replace("&amp;", "&"))
    assert 'value="90.00"' in page.text
    [field] = re.findall(r'name="(line_\d+)"', page.text)
    fay.post(f"{here}/credit", data={"once": key_of(page), field: "90.00", "freed": "do_not_invoice"})
    assert "$60.00" in fay.get(here).text
    again = fay.get(there.replace("&amp;", "&"))
    assert 'value="0.00"' in again.text
    assert fay.get(f"{here}/credit?attendee=999999").status_code == 200
