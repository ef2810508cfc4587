"""Invoices over HTTP: the editor, issuing, the page, printing, downloading, and a session billed at once."""

import io
import re

import pypdf
import pytest
from sqlalchemy import func, select, update

from clinic.billing import invoices
from clinic.billing.invoices import NewLine
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceLine, StoredDocument
from clinic.models.calendar import Attendee
from clinic.models.people import Client, Contact
from clinic.practice import once
from tests.billing.given import given_session
from tests.cast import NOW
from tests.conftest import HTMX

BAD_AMOUNTS = ["1e9", "-5", "12,345.678", "", "99999999999", "١٢", "1.234", "NaN", "<b>1</b>"]


@pytest.fixture
def draft_id(write, cast):
    with write() as session:
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, made, NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
        return made.id


@pytest.fixture
def invoice_id(write, cast, draft_id):
    with write() as session:
        invoices.issue(session, cast.fay, invoices.invoice_for(session, cast.fay, draft_id), NOW)
    return draft_id


def _key():
    return {"once": once.new_key()}


def _line(**typed):
    typed = {"description": "Letter", "unit": "40", "quantity": "1"} | typed
    return {f"line-{name}": value for name, value in typed.items()} | {"line-once": once.new_key()}


def _count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def test_new_invoice_asks_for_client_and_payer_and_starts_one_draft(as_, cast, rows):
    fay = as_("fay")
    assert f"/invoices/new?client={cast.cleo_id}" in fay.get("/invoices/new?q=abern").text
    form = fay.get(f"/invoices/new?client={cast.cleo_id}")
    assert "Pellworth Occupational Health" in form.text
    posted = {"payer": str(cast.pellworth_id)} | _key()
    first = fay.post(f"/invoices/new?client={cast.cleo_id}", data=posted)
    assert first.status_code == 303
    again = fay.post(f"/invoices/new?client={cast.cleo_id}", data=posted)
    assert again.headers["Location"] == first.headers["Location"]
    page = fay.get(first.headers["Location"])
    assert "Draft" in page.text
    with rows() as session:
        assert session.scalars(select(Invoice.payer_id)).all() == [cast.pellworth_id]


@pytest.mark.parametrize("payer", ["", "999999", "x", "99999999999999"])
def test_a_payer_who_is_nothing_to_the_client_is_refused(as_, cast, payer, rows):
    answer = as_("fay").post(f"/invoices/new?client={cast.cleo_id}", data={"payer": payer} | _key())
    assert answer.status_code == 422
    with rows() as session:
        assert _count(session, Invoice) == 0


@pytest.mark.parametrize("client", ["999999", "99999999999999", "0", "x"])
def test_an_unknown_client_is_not_found(as_, client):
    assert as_("fay").post(f"/invoices/new?client={client}", data=_key()).status_code == 404


def test_lines_are_added_changed_and_removed_in_place_with_the_totals(as_, cast, draft_id, write, rows):
    fay, here = as_("fay"), f"/invoices/{draft_id}/draft"
    with write() as session:
        share = given_session(session, cast)
    added = fay.post(f"{here}/add", data=_line(tax="8.25"), headers=HTMX)
    assert added.status_code == 200
    assert f'id="lines-{draft_id}"' in added.text.split(">")[0]
    assert "$193.30" in added.text
    fee = {"fee-fee": str(cast.workbook_fee_id), "fee-quantity": "2", "fee-once": once.new_key()}
    assert "$247.43" in fay.post(f"{here}/add-fee", data=fee, headers=HTMX).text
    session_form = {"sessions-share": [str(share.id)], "sessions-once": once.new_key()}
    assert "$397.43" in fay.post(f"{here}/add-sessions", data=session_form, headers=HTMX).text
    with rows() as session:
        line_id = session.scalars(select(InvoiceLine.id).where(InvoiceLine.description == "Letter")).one()
    assert 'value="Letter"' in fay.get(f"{here}/{line_id}/edit", headers=HTMX).text
    edit = {"edit-description": "Two letters", "edit-unit": "40", "edit-quantity": "2", "edit-discount": "10"}
    assert "$424.13" in fay.post(f"{here}/{line_id}/edit", data=edit, headers=HTMX).text
    removed = fay.post(f"{here}/{line_id}/remove", headers=HTMX)
    assert removed.status_code == 200
    assert "Two letters" not in removed.text
    assert "$354.13" in removed.text


def test_without_htmx_every_deed_leads_back_to_the_invoice(as_, draft_id, rows):
    fay, page = as_("fay"), f"/invoices/{draft_id}"
    added = fay.post(f"{page}/draft/add", data=_line())
    assert (added.status_code, added.headers["Location"]) == (303, page)
    with rows() as session:
        line_id = session.scalars(select(InvoiceLine.id).where(InvoiceLine.description == "Letter")).one()
    opened = fay.get(f"{page}/draft/{line_id}/edit")
    assert opened.status_code == 200
    assert "Issue" in opened.text
    assert 'value="Letter"' in opened.text
    refused = fay.post(f"{page}/draft/{line_id}/edit", data={"edit-description": "", "edit-unit": "x", "edit-quantity": "1"})
    assert refused.status_code == 422
    assert 'value="x"' in refused.text
    assert fay.post(f"{page}/draft/{line_id}/remove").status_code == 303


def test_a_line_posted_twice_is_added_once(as_, draft_id, rows):
    fay, posted = as_("fay"), _line()
    for _ in range(2):
        assert fay.post(f"/invoices/{draft_id}/draft/add", data=posted).status_code == 303
    again = fay.post(f"/invoices/{draft_id}/draft/add", data=posted, headers=HTMX)
    assert (again.status_code, again.headers["Location"]) == (303, f"/invoices/{draft_id}/draft")
    with rows() as session:
        assert _count(session, InvoiceLine) == 2


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_an_amount_that_is_none_is_refused_and_kept_as_typed(as_, draft_id, amount, headers, rows):
    answer = as_("fay").post(f"/invoices/{draft_id}/draft/add", data=_line(unit=amount, description="Étude"), headers=headers)
    assert answer.status_code == 422
    assert "Étude" in answer.text
    assert 'aria-invalid="true"' in answer.text
    with rows() as session:
        assert _count(session, InvoiceLine) == 1


@pytest.mark.parametrize(
    "typed",
    [{"quantity": "0"}, {"quantity": "1.5"}, {"discount": "99999"}, {"tax": "101"}, {"session_date": "2026-02-30"},
     {"description": ""}, {"description": "x" * 10_000}, {"quantity": "1000", "unit": "1000000"}],
)  # fmt: skip
def test_a_line_that_cannot_be_is_refused(as_, draft_id, typed, rows):
    answer = as_("fay").post(f"/invoices/{draft_id}/draft/add", data=_line(**typed), headers=HTMX)
    assert answer.status_code == 422
    assert 'class="err"' in answer.text
    with rows() as session:
        assert _count(session, InvoiceLine) == 1


@pytest.mark.parametrize("shares", [[], ["999999"], ["99999999999999"], ["x"]])
def test_sessions_that_are_not_there_are_never_a_crash(as_, draft_id, shares):
    form = {"sessions-share": shares, "sessions-once": once.new_key()}
    answer = as_("fay").post(f"/invoices/{draft_id}/draft/add-sessions", data=form, headers=HTMX)
    assert answer.status_code in (404, 422)


def test_a_session_taken_meanwhile_is_a_clash_that_names_the_invoice(as_, cast, draft_id, write):
    with write() as session:
        share = given_session(session, cast)
        invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    form = {"sessions-share": [str(share.id)], "sessions-once": once.new_key()}
    answer = as_("fay").post(f"/invoices/{draft_id}/draft/add-sessions", data=form, headers=HTMX)
    assert answer.status_code == 409
    assert "already on invoice INV-0001" in answer.text


def test_issuing_seals_a_draft_once(as_, draft_id, rows):
    fay, posted = as_("fay"), _key()
    for _ in range(2):
        assert fay.post(f"/invoices/{draft_id}/issue", data=posted).status_code == 303
    assert fay.post(f"/invoices/{draft_id}/issue", data=_key()).status_code == 409
    late = fay.post(f"/invoices/{draft_id}/draft/add", data=_line(), headers=HTMX)
    assert late.status_code == 409
    assert "INV-0001 was issued" in late.text
    with rows() as session:
        assert session.scalars(select(Invoice.number)).all() == ["INV-0001"]


def test_an_empty_draft_is_not_issued_and_a_draft_is_deleted(as_, draft_id, rows):
    fay = as_("fay")
    with rows() as session:
        line_id = session.scalars(select(InvoiceLine.id)).one()
    fay.post(f"/invoices/{draft_id}/draft/{line_id}/remove")
    refused = fay.post(f"/invoices/{draft_id}/issue", data=_key())
    assert refused.status_code == 422
    assert "Add a line before issuing" in refused.text
    assert fay.post(f"/invoices/{draft_id}/delete", data=_key()).headers["Location"] == "/invoices/"
    assert fay.get(f"/invoices/{draft_id}").status_code == 404


def test_the_page_of_an_invoice_has_printer_and_download_at_the_top(as_, invoice_id):
    page = as_("fay").get(f"/invoices/{invoice_id}").text
    head = page[page.index("<h1>") : page.index("<article")]
    assert f'href="/invoices/{invoice_id}/print"' in head
    assert f'href="/invoices/{invoice_id}/pdf"' in head
    assert "Choose a method" in page
    assert "checked" not in page[page.index("Payment method") : page.index("Amount</label>")]


def test_the_print_view_holds_the_document_and_a_draft_cannot_be_downloaded(as_, invoice_id, write, cast):
    fay = as_("fay")
    printed = fay.get(f"/invoices/{invoice_id}/print")
    assert "data-print" in printed.text
    assert "Payment method" not in printed.text
    with write() as session:
        draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        draft_id = draft.id
    refused = fay.get(f"/invoices/{draft_id}/pdf")
    assert refused.status_code == 422
    assert "Issue it first" in refused.text


def test_the_pdf_is_rendered_once_for_its_content_and_again_after_a_payment(as_, invoice_id, rows):
    fay = as_("fay")
    first = fay.get(f"/invoices/{invoice_id}/pdf")
    assert first.mimetype == "application/pdf"
    assert first.headers["Content-Disposition"] == 'attachment; filename="Invoice-INV-0001.pdf"'
    assert fay.get(f"/invoices/{invoice_id}/pdf").data == first.data
    pay = {"method": "cash", "amount": "150"} | _key()
    assert fay.post(f"/invoices/{invoice_id}/payment", data=pay).status_code == 303
    words = pypdf.PdfReader(io.BytesIO(fay.get(f"/invoices/{invoice_id}/pdf").data)).pages[0].extract_text()
    assert re.search(r"Paid \w+ \d+, \d+, Cash", words)
    for wanted in ("Quillmere", "Tax ID 00-0000000", "Cleo Abernathy", "INV-0001", "$150.00", "$0.00"):
        assert wanted in words
    with rows() as session:
        assert _count(session, StoredDocument) == 2


def test_the_list_filters_searches_and_turns_pages(as_, cast, invoice_id, write):
    with write() as session:
        for _ in range(51):
            invoices.draft(session, cast.fay, payer_id=cast.otto_payer_id, client_id=cast.otto_id, now=NOW)
    fay = as_("fay")
    assert "1–50 of 52" in fay.get("/invoices/").text
    assert "INV-0001" in fay.get("/invoices/?page=2").text
    assert "1–50 of 51" in fay.get("/invoices/?show=draft").text
    assert "INV-0001" in fay.get("/invoices/?show=unpaid").text
    assert "INV-0001" not in fay.get("/invoices/?show=paid").text
    assert "INV-0001" in fay.get("/invoices/?q=abernathy").text
    assert "No invoice fits" in fay.get("/invoices/?q=%25").text
    for odd in ("show=x", "page=-1", "page=x", "page=99999999999999999999", "q=" + "%F0%9F%98%80" * 500):
        assert fay.get(f"/invoices/?{odd}").status_code == 200


def test_what_is_anothers_looks_like_nothing(as_, cast, invoice_id, write):
    with write() as session:
        session.execute(update(Client).values(practitioner_id=cast.piet_id))
    pat, key = as_("pat"), _key()
    for path in ("", "/print", "/pdf"):
        assert pat.get(f"/invoices/{invoice_id}{path}").status_code == 404
    for path in ("issue", "delete", "payment", "apply-credit", "draft/add"):
        assert pat.post(f"/invoices/{invoice_id}/{path}", data=_line() | key).status_code == 404
    assert "INV-0001" not in pat.get("/invoices/").text


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_a_session_is_invoiced_at_once_and_only_once(as_, cast, write, rows, headers):
    with write() as session:
        item_id = session.get(Attendee, given_session(session, cast).attendee_id).item_id
    fay, posted = as_("fay"), {"then": "pay"} | _key()
    first = fay.post(f"/calendar/items/{item_id}/invoice", data=posted, headers=headers)
    location = first.headers["HX-Redirect" if headers else "Location"]
    assert location.endswith("#pay")
    again = fay.post(f"/calendar/items/{item_id}/invoice", data=posted, headers=headers)
    assert (again.status_code, again.headers["Location"]) == (303, location)
    taken = fay.post(f"/calendar/items/{item_id}/invoice", data=_key(), headers=headers)
    assert taken.status_code == 409
    assert "already on invoice INV-0001" in taken.text
    assert 'href="/invoices/1#pay">Add Payment' in taken.text  # the flyout, as it stands by now
    assert fay.post(f"/calendar/items/{item_id}/invoice", data={"then": ""}, headers=headers).status_code == 422
    with rows() as session:
        assert session.scalars(select(Invoice.number)).all() == ["INV-0001"]


def test_a_hostile_name_is_printed_as_it_is_and_nothing_else(as_, cast, write):
    name = "<b>Bo</b> &amp; <script>alert(1)</script> \U0001f600"
    with write() as session:
        session.execute(update(Contact).where(Contact.id == cast.cleo_payer_id).values(name=name))
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=clock.now())
        invoices.add_line(session, made, NewLine(description='<pdf:font name="x" src="http://x/">', unit_cents=100))
        invoices.issue(session, cast.fay, made, clock.now())
        made_id = made.id
    fay = as_("fay")
    assert "<script>alert" not in fay.get(f"/invoices/{made_id}").text
    pdf = fay.get(f"/invoices/{made_id}/pdf")
    assert pdf.status_code == 200
    assert "<script>alert(1)</script>" in pypdf.PdfReader(io.BytesIO(pdf.data)).pages[0].extract_text()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_draft_takes_a_reference_and_a_note_that_its_document_says(as_, draft_id, headers, rows):
    fay, here = as_("fay"), f"/invoices/{draft_id}"
    typed = {"words-reference": "PO <7>", "words-remark": "For the school.\nSecond line."}
    assert fay.post(f"{here}/draft/words", data=typed, headers=headers).status_code == (200 if headers else 303)
    refused = fay.post(f"{here}/draft/words", data=typed | {"words-remark": "x" * 501}, headers=headers)
    assert refused.status_code == 422
    assert "At most 500 characters" in refused.text
    fay.post(
        f"{here}/draft/add",
        data={"line-description": "Letter", "line-unit": "20", "line-quantity": "1", "line-once": once.new_key()},
    )
    fay.post(f"{here}/issue", data={"once": once.new_key()})
    page = fay.get(f"{here}/print").text
    assert "PO &lt;7&gt;" in page
    assert "For the school." in page
    late = fay.post(f"{here}/draft/words", data={"words-reference": "other"}, headers=headers)
    assert late.status_code == 409
    with rows() as session:
        invoice = session.get(Invoice, draft_id)
        assert (invoice.reference, invoice.snapshot["reference"]) == ("PO <7>", "PO <7>")
