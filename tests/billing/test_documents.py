"""Documents: right in every script, rendered once for a content, and one that cannot be made fails alone."""

import io
import re
from concurrent.futures import ThreadPoolExecutor

import pypdf
import pytest
from sqlalchemy import func, select

from clinic.billing import documents, invoices, paper, payments
from clinic.billing.invoices import NewLine
from clinic.billing.paper import Paper, UnprintableError
from clinic.kernel.database import reading, writing
from clinic.models.billing import StoredDocument
from clinic.models.money import Method
from clinic.models.people import Contact
from clinic.models.practice import Practice
from clinic.practice import settings
from tests.cast import NOW


def _issued(session, cast, name="Cleo Abernathy", lines=1):
    payer = Contact(name=name, created_at=NOW, address="3 Saltbox Lane\nMillhaven 04555")
    session.add(payer)
    session.flush()
    made = invoices.draft(session, cast.fay, payer_id=payer.id, client_id=cast.cleo_id, now=NOW, practitioner_id=cast.pat_id)
    for number in range(lines):
        invoices.add_line(session, made, NewLine(description=f"Session {number + 1}", unit_cents=15_000))
    invoices.issue(session, cast.fay, made, NOW)
    return made.id


def _pdf(app, cast, invoice_id, printer=None):
    with app.app_context():
        return documents.invoice_pdf(reading, writing, printer or app.extensions["paper"], cast.fay, invoice_id, NOW)[0]


def _words(pdf):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


# Arabic is shaped: what is drawn are the joined forms of the letters, right to left.
@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Żaneta Łućiễn", "Żaneta Łućiễn"),
        ("Мария Ёлкина", "Мария Ёлкина"),
        ("Ελένη Παπαδάκη", "Ελένη Παπαδάκη"),
        ("שרה כהן", "שרה כהן"),
        ("محمد العربي", "ﻣﺤﻤﺪ"),
        ("王小明", "王小明"),
        ("鈴木 はなこ", "鈴木 はなこ"),
        ("김민준", "김민준"),
        ("<b>Bo</b> & <i>", "<b>Bo</b> & <i>"),
    ],
)
def test_a_name_prints_right_whatever_its_script_and_its_amounts_beside_it(app, cast, write, name, drawn):
    with write() as session:
        invoice_id = _issued(session, cast, name)
    words = _words(_pdf(app, cast, invoice_id))
    assert drawn in words
    assert "$150.00" in words
    assert "■" not in words


def test_a_document_says_who_what_when_and_that_it_is_paid(app, cast, write):
    with write() as session:
        session.get(Practice, 1).document_footer = "Thank you."
        invoice_id = _issued(session, cast)
        payer_id = invoices.invoice_for(session, cast.fay, invoice_id).payer_id
        pay = {"method": Method.CHECK, "reference": "1021", "invoice_id": invoice_id, "now": NOW}
        payments.record(session, cast.fay, payer_id=payer_id, amount_cents=15_000, **pay)
    words = _words(_pdf(app, cast, invoice_id))
    for wanted in (
        "Invoice", "INV-0001", "Quillmere", "Harbour Street 9", "Tax ID 00-0000000", "Pat Oyelaran, PhD",
        "Licence PS-00417, NPI 1234567893", "November 18, 2026", "December 2, 2026", "Session 1", "$150.00",
        "Paid November 18, 2026, Check 1021", "− $150.00", "$0.00", "Thank you.", "page 1 of 1",
    ):  # fmt: skip
        assert wanted in words


@pytest.mark.parametrize(("is_inclusive", "lines", "printed"), [
    (False, [(200, 725), (8_994, 1900), (1_000, 0)],
     ["Tax 19 % of $89.94 $17.09", "Tax 7.25 % of $2.00 $0.15", "Tax 0 % of $10.00 $0.00", "Subtotal $101.94"]),
    (True, [(200, 725), (8_994, 1900)],
     ["Tax 19 % of $75.58 $14.36", "Tax 7.25 % of $1.86 $0.14", "Subtotal before tax $77.44"]),
    (False, [(200, 725), (200, 725)], ["Tax 7.25 % $0.30"]),
    (False, [(200, 0)], ["Tax $0.00"]),
])  # fmt: skip
def test_a_document_says_each_rate_of_tax_and_what_it_was_taken_of(app, cast, write, as_, is_inclusive, lines, printed):
    with write() as session:
        settings.practice(session).tax_inclusive = is_inclusive
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        for cents, tax_bp in lines:
            invoices.add_line(session, made, NewLine(description="Work", unit_cents=cents, tax_bp=tax_bp))
        invoices.issue(session, cast.fay, made, NOW)
        invoice_id = made.id
    page = as_("fay").get(f"/invoices/{invoice_id}").get_data(as_text=True)
    for words in (_words(_pdf(app, cast, invoice_id)), re.sub(r"<[^>]+>", " ", page)):
        plain = " ".join(words.split())
        assert [each for each in printed if each not in plain] == []
        assert ("Qty Unit Tax Amount" in plain) is (len({tax_bp for _, tax_bp in lines}) > 1)


def test_a_long_document_repeats_its_head_and_keeps_every_row(app, cast, write):
    with write() as session:
        invoice_id = _issued(session, cast, lines=60)
    reader = pypdf.PdfReader(io.BytesIO(_pdf(app, cast, invoice_id)))
    assert len(reader.pages) > 1
    assert all("Description" in page.extract_text() for page in reader.pages[:2])
    assert all(f"Session {number}" in _words(_pdf(app, cast, invoice_id)) for number in (1, 30, 60))


def test_one_content_is_kept_once_even_when_several_ask_at_once(app, cast, write, rows):
    with write() as session:
        invoice_id = _issued(session, cast)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _pdf(app, cast, invoice_id), range(4)))
    assert all(pdf.startswith(b"%PDF") for pdf in made)
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 1
        kept = session.scalars(select(StoredDocument.pdf)).one()
    assert _pdf(app, cast, invoice_id) == kept


def test_a_document_that_cannot_be_made_fails_alone_and_the_log_names_nobody(app, cast, write, as_, tmp_path, caplog):
    with write() as session:
        first, second = (_issued(session, cast, f"Secret Person {number}") for number in (1, 2))
    (tmp_path / "invoice.html").write_text('{{ sheet.payer.name }}<pdf:font name="x" src="nowhere.ttf"/>')
    good = app.extensions["paper"]
    broken = Paper(tmp_path, good.fonts)  # a template that the renderer chokes on
    with pytest.raises(UnprintableError):
        _pdf(app, cast, first, broken)
    fay = as_("fay")
    app.extensions["paper"] = broken
    answer = fay.get(f"/invoices/{first}/pdf")
    assert answer.status_code == 422
    assert "could not be made into a PDF" in answer.text
    app.extensions["paper"] = good
    assert fay.get(f"/invoices/{second}/pdf").status_code == 200
    assert "Secret" not in caplog.text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Anselm Achterberg", "Anselm Achterberg"),
        ("Wilhelmina-Katsaros-Featherstonhaugh", "Wilhelmina- Katsaros- Featherstonhaugh"),
        ("x" * 60, " ".join(["x" * 26, "x" * 26, "x" * 8])),
        ("東京都渋谷区神宮前一丁目二番三号", "東京都渋谷区神宮前一丁目二 番三号"),  # each as wide as two letters
    ],
)
def test_words_that_are_too_long_are_broken(text, printed):
    assert paper.breakable(text) == printed
