"""The page of a payment: refunded and undone by who may, its receipt printed, downloaded and sent."""

import pytest

from clinic.billing import invoices, payments
from clinic.billing.invoices import NewLine
from clinic.messages.letters import HERE
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Method, Payment, Refund
from clinic.practice import once
from tests.cast import NOW


@pytest.fixture
def paid(write, cast):
    with write() as session:
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
        return payments.record(
            session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CHECK, amount_cents=15_000, now=NOW,
            invoice_id=invoice.id, reference="1021",
        ).id  # fmt: skip


def test_a_payment_is_refunded_once_however_often_the_form_is_posted(as_, paid, rows):
    bill = as_("bill")
    assert "$150.00" in bill.get(f"/payments/{paid}/refund").text
    data = {"method": "cash", "amount": "50", "reason": "Asked for it", "once": once.new_key()}
    refused = bill.post(f"/payments/{paid}/refund", data=data | {"amount": "150.01"})
    assert (refused.status_code, "$150.00 is left" in refused.text, "Asked for it" in refused.text) == (422, True, True)
    assert [bill.post(f"/payments/{paid}/refund", data=data).status_code for _ in range(2)] == [303, 303]
    page = bill.get(f"/payments/{paid}/").text
    assert page.count("Refunded") >= 2
    assert "Part refunded" in page
    with rows() as session:
        assert [refund.amount_cents for refund in session.query(Refund)] == [5_000]


def test_a_payment_is_undone_by_who_typed_it_and_says_so(as_, write, cast, rows):
    with write() as session:
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, NewLine(description="Letter", unit_cents=2_000))
        invoices.issue(session, cast.fay, invoice, NOW)
        invoice_id = invoice.id
    fay = as_("fay")
    fay.post(f"/invoices/{invoice_id}/payment", data={"method": "cash", "amount": "20", "once": once.new_key()})
    with rows() as session:
        payment_id = session.query(Payment).one().id
    assert f"/payments/{payment_id}/" in fay.get(f"/invoices/{invoice_id}").text
    assert "Undo: it was a mistake" in fay.get(f"/payments/{payment_id}/").text
    assert "Undo: it was a mistake" not in as_("pat").get(f"/payments/{payment_id}/").text
    assert fay.post(f"/payments/{payment_id}/undo", data={"once": once.new_key()}).status_code == 422
    data = {"reason": "Typed twice", "once": once.new_key()}
    assert as_("pat").post(f"/payments/{payment_id}/undo", data=data).status_code == 403
    assert [fay.post(f"/payments/{payment_id}/undo", data=data).status_code for _ in range(2)] == [303, 303]
    assert "Typed twice" in fay.get(f"/payments/{payment_id}/").text
    assert "$20.00" in fay.get(f"/invoices/{invoice_id}").text


def test_a_receipt_is_printed_downloaded_and_sent(as_, write, paid, rows, cast):
    fay = as_("fay")
    printed = fay.get(f"/payments/{paid}/print").text
    assert [words for words in ("Received from", "Check 1021", "$150.00", "Invoice INV-") if words not in printed] == []
    pdf = fay.get(f"/payments/{paid}/pdf")
    assert pdf.data.startswith(b"%PDF")
    assert fay.post(f"/payments/{paid}/email", data={"once": once.new_key()}).status_code == 303
    with rows() as session:
        message = session.query(Message).one()
        assert (message.kind, message.to_address, message.client_id) == (
            MessageKind.RECEIPT,
            "cleo@clients.example",
            cast.cleo_id,
        )
        assert "$150.00" in message.body
        assert HERE not in message.body
        message_id = message.id
    assert f"Receipt-R-{paid}.pdf" in fay.get(f"/messages/{message_id}").text
    with write() as session:
        session.get(payments.Contact, cast.cleo_payer_id).email = ""
    assert fay.post(f"/payments/{paid}/email", data={"once": once.new_key()}).status_code == 422


def test_credit_is_found_again_on_the_clients_billing(as_, write, cast):
    with write() as session:
        payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=4_000, now=NOW)
    page = as_("bill").get(f"/clients/{cast.cleo_id}/billing").text
    assert '/payments/1/">Payment, Cash</a>' in page
