"""Invoices and statements by e-mail: as a PDF or as a link to the portal, as their payer prefers, and refused with words."""

import re

import pytest
from sqlalchemy import select

from clinic.billing import credit_notes, invoices
from clinic.billing.invoices import NewLine
from clinic.messages import delivery
from clinic.models.billing import StoredDocument
from clinic.models.messages import Message, MessageKind, MessageTemplate
from clinic.models.people import Contact, DocumentsBy
from clinic.people import portal_access
from clinic.practice import once
from tests.cast import NOW


@pytest.fixture
def issued(cast, write):
    with write() as session:
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, NewLine("Letter", 15_000))
        invoices.issue(session, cast.fay, invoice, NOW)
        return invoice.id


def ask(browser, invoice_id, key=None):
    return browser.post(f"/invoices/{invoice_id}/email", data={"once": key or once.new_key()})


def letters(session):
    return session.scalars(select(Message).where(Message.kind == MessageKind.INVOICE).order_by(Message.id)).all()


def test_an_invoice_goes_to_its_payer_as_a_pdf_once_however_often_the_form_is_sent(as_, cast, issued, rows, write):
    fay, key = as_("fay"), once.new_key()
    assert "E-mail the invoice" in fay.get(f"/invoices/{issued}").text
    for _ in range(2):
        assert ask(fay, issued, key).status_code == 303
    page = fay.get(f"/invoices/{issued}").text
    assert "It goes to cleo@clients.example within a minute, as a PDF." in page
    assert re.search(r"E-mail waits: <a[^>]*>cleo@clients.example", page)
    with write() as session:
        (sent,) = letters(session)
        assert (sent.to_address, sent.invoice_id, sent.subject) == (
            "cleo@clients.example", issued, "Your invoice from Quillmere"
        )  # fmt: skip
        assert "this is invoice INV-0001 of November 18, 2026, for $150.00. It is attached." in sent.body
        going = delivery.claim(session, sent.id, sent.next_try_at)
        assert (going.attachment_name, going.attachment[:5]) == ("Invoice-INV-0001.pdf", b"%PDF-")
        delivery.settle(session, sent.id, NOW)
        assert session.get_one(StoredDocument, sent.attachment_hash).sent_at == NOW  # what was sent is kept
    assert re.search(r"E-mailed: <a[^>]*>cleo@clients.example", fay.get(f"/invoices/{issued}").text)


def test_it_goes_as_a_link_only_where_the_payers_address_opens_it_in_the_portal(as_, cast, issued, rows, write):
    fay = as_("fay")
    data = {"creation": "as_practice", "documents_by": "portal"}
    assert fay.post(f"/contacts/{cast.cleo_payer_id}/invoicing", data=data).status_code in (200, 303)
    assert 'value="portal" checked' in re.sub(
        r"checked (.*?)>", r"\1 checked>", fay.get(f"/contacts/{cast.cleo_payer_id}/invoicing").text
    )
    ask(fay, issued)
    assert "as a PDF, as this address may not open it in the portal." in fay.get(f"/invoices/{issued}").text
    with write() as session:
        portal_access.grant(session, cast.fay, cast.cleo_id, "Cleo@clients.example", NOW)
    ask(fay, issued)
    assert "as a link to the portal." in fay.get(f"/invoices/{issued}").text
    with rows() as session:
        attached, linked = letters(session)
        assert attached.attachment_hash
        assert linked.attachment_hash is None
        assert linked.body.count(f"/portal/sign-in?next=/portal/invoices/{issued}") == 1


def test_a_credit_note_is_called_one(as_, cast, issued, rows, write):
    with write() as session:
        note = credit_notes.credit(session, cast.fay, invoices.invoice_for(session, cast.fay, issued), NOW)
    assert "E-mail the credit note" in as_("fay").get(f"/invoices/{note.id}").text
    ask(as_("fay"), note.id)
    with rows() as session:
        (sent,) = letters(session)
        assert (sent.subject, sent.attachment_name) == (
            "Your credit note from Quillmere",
            "Credit-note-CN-0001.pdf",
        )


def test_what_cannot_be_sent_is_refused_in_words_and_nothing_is_written(as_, cast, issued, rows, write):
    fay = as_("fay")
    with write() as session:
        draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    refused = ask(fay, draft.id)
    assert (refused.status_code, "Issue it first." in refused.text) == (422, True)
    assert "E-mail the invoice" not in refused.text
    with write() as session:
        session.add(MessageTemplate(kind=MessageKind.INVOICE, subject="x", body="{here}", is_on=False))
    refused = ask(fay, issued)
    assert (refused.status_code, "switched off" in refused.text) == (422, True)
    with write() as session:
        session.get_one(Contact, cast.cleo_payer_id).email = ""
    refused = ask(fay, issued)
    assert (refused.status_code, "No e-mail address is on file for this payer." in refused.text) == (422, True)
    assert ask(fay, 999_999).status_code == 404
    wrong = fay.post(f"/contacts/{cast.cleo_payer_id}/invoicing", data={"creation": "manually", "documents_by": "fax"})
    assert wrong.status_code == 422
    with rows() as session:
        assert letters(session) == []
        assert session.get_one(Contact, cast.cleo_payer_id).documents_by is DocumentsBy.PDF


def test_a_statement_goes_to_its_payer_once_as_they_prefer(as_, cast, issued, rows, write):
    fay, key = as_("fay"), once.new_key()
    days = "first=2026-11-01&last=2026-11-30"
    here = f"/clients/{cast.cleo_id}/billing/{cast.cleo_payer_id}/statement"
    assert "E-mail the statement" in fay.get(f"{here}?{days}").text
    for _ in range(2):
        assert fay.post(f"{here}/email?{days}", data={"once": key}).location == f"{here}?{days}"
    with write() as session:
        portal_access.grant(session, cast.fay, cast.cleo_id, "cleo@clients.example", NOW)
        session.get_one(Contact, cast.cleo_payer_id).documents_by = DocumentsBy.PORTAL
    fay.post(f"{here}/email?{days}", data={"once": once.new_key()})
    with write() as session:
        attached, linked = session.scalars(select(Message).where(Message.kind == MessageKind.STATEMENT).order_by(Message.id))
        assert "from November 1, 2026 to November 30, 2026. At its end $150.00 is owed. It is attached." in attached.body
        assert delivery.claim(session, attached.id, attached.next_try_at).attachment[:5] == b"%PDF-"
        assert linked.attachment_hash is None
        assert (
            f"/portal/sign-in?next=/portal/statements/{cast.cleo_payer_id}%3Ffirst%3D2026-11-01%26last%3D2026-11-30"
            in linked.body
        )
        session.get_one(Contact, cast.cleo_payer_id).email = ""
    refused = fay.post(f"{here}/email?{days}", data={"once": once.new_key()})
    assert (refused.status_code, "No e-mail address is on file" in refused.text) == (422, True)
    assert fay.post(f"{here}/email?first=2026-12-01&last=2026-11-01", data={"once": once.new_key()}).status_code == 422
    assert fay.post(f"/clients/{cast.cleo_id}/billing/999999/statement/email", data={}).status_code == 404
