"""Billing documents in the browser: asked for once, made at once or while the page asks, printed, downloaded, cancelled."""

import io
import re
import zipfile
from datetime import timedelta

import pypdf
import pytest
from sqlalchemy import func, select

from clinic.billing import document_runs, invoices
from clinic.billing.document_kinds import Wish
from clinic.billing.invoices import NewLine
from clinic.billing.paper import UnprintableError
from clinic.jobs import print_documents
from clinic.kernel import clock
from clinic.models.documents import DocumentRun, RunShape, RunState
from clinic.models.practice import AuditEntry
from clinic.practice import once
from clinic.views import billing_documents
from tests.cast import NOW
from tests.conftest import HTMX

DAYS = {"from": "2026-11-01", "to": "2026-11-30", "kind": ["invoice", "credit_note", "receipt"]}


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """Let a short series be made at once however busy this machine is."""
    monkeypatch.setattr(billing_documents, "FIRST_STEPS", timedelta(minutes=1))


@pytest.fixture
def page(cast, write):
    """Give Cleo three invoices in November, and return where her Billing documents stand."""
    with write() as session:
        for _ in range(3):
            made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
            invoices.add_line(session, made, NewLine("Letter", 2_000))
            invoices.issue(session, cast.fay, made, NOW)
    return f"/clients/{cast.cleo_id}/billing-documents"


def posted(browser, page, do, **changes):
    return browser.post(page, data=DAYS | {"once": once.new_key(), "do": do} | changes)


def test_asking_twice_makes_one_series_and_it_is_there_at_once(as_, page, rows):
    fay, key = as_("fay"), once.new_key()
    listed = fay.get(page, query_string=DAYS).text
    assert listed.count("Invoice INV-000") >= 3
    assert "3 documents" in listed
    assert re.search(r'name="once" value="[\w-]{20,}"', listed)
    assert "No document of these kinds" in fay.get(page, query_string={"from": "2020-01-01", "to": "2020-01-31"}).text
    first, second = (posted(fay, page, "pdf", once=key) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, "/billing-documents/1/pdf")
    assert (second.status_code, second.headers["Location"]) == (303, "/billing-documents/1")
    whole = fay.get("/billing-documents/1/pdf")
    assert (whole.mimetype, whole.headers["Cache-Control"], whole.is_streamed) == ("application/pdf", "no-store", True)
    assert whole.headers["Content-Disposition"] == 'inline; filename="Billing-documents-2026-11-01-to-2026-11-30.pdf"'
    assert len(pypdf.PdfReader(io.BytesIO(whole.data)).pages) == 3
    there = posted(fay, page, "zip").headers["Location"]
    ready = fay.get(there).text
    assert "3 documents are ready" in ready
    assert "hx-trigger" not in ready
    archive = fay.get(f"{there}/zip")
    assert (archive.mimetype, archive.headers["Cache-Control"]) == ("application/zip", "no-store")
    assert archive.headers["Content-Disposition"].startswith("attachment; ")
    assert len(zipfile.ZipFile(io.BytesIO(archive.data)).namelist()) == 3
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(DocumentRun)) == 2
        done = list(session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "document_run")))
    assert sorted(done) == ["asked for billing documents"] * 2 + ["fetched billing documents"] * 2
    for name in ("bill", "pat"):  # Cleo is theirs, but they did not ask
        assert as_(name).get(there).status_code == 404
        assert as_(name).get(f"{there}/zip").status_code == 404
    assert as_("olga").get(f"{there}/zip").status_code == 200


def test_what_cannot_be_asked_for_comes_back_with_what_was_typed(as_, page, rows):
    fay = as_("fay")
    for changes, said in (
        ({"from": "2026-12-01"}, "The last day comes before the first."), ({"to": "2026-02-30"}, "Enter a date that exists"),
        ({"kind": []}, "Choose at least one kind."), ({"kind": ["statement of love"]}, "Choose from the list."),
        ({"payer": "999"}, "Choose from the list."), ({"from": "2020-01-01", "to": "2020-01-31"}, "no such document"),
        ({"once": "x"}, "out of date"),
    ):  # fmt: skip
        refused = posted(fay, page, "zip", **changes)
        assert (refused.status_code, said in refused.text) == (422, True), said
        assert (changes.get("to") or "2026-11-30") in refused.text
    shown = posted(fay, page, "show", kind=["receipt"])
    assert (shown.status_code, shown.headers["Location"]) == (
        303, f"{page}?from=2026-11-01&to=2026-11-30&kind=receipt",
    )  # fmt: skip
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(DocumentRun)) == 0
    assert fay.get("/invoices/documents").status_code == 403
    assert posted(as_("bill"), "/invoices/documents", "pdf").status_code == 303


def test_a_long_series_is_made_while_its_page_asks_and_is_cancelled_from_it(app, as_, page, write, rows, cast, monkeypatch):
    monkeypatch.setattr(billing_documents, "FIRST_STEPS", timedelta(0))
    fay, real = as_("fay"), app.extensions["paper"].pdf

    def choke(template, context):
        if context["sheet"].number == "INV-0002":
            raise UnprintableError("It could not be printed.")
        return real(template, context)

    there = posted(fay, page, "zip").headers["Location"]
    waiting = fay.get(there).text
    assert "0 of 3 documents are ready." in waiting
    assert f'hx-get="{there}" hx-trigger="load delay' in waiting
    assert ">Refresh</a>" in waiting
    assert fay.get(f"{there}/zip").status_code == 409
    monkeypatch.setattr(app.extensions["paper"], "pdf", choke)
    with app.app_context():
        assert print_documents.run(app.extensions["paper"], clock.now) == 1
    piece = fay.get(there, headers=HTMX).text
    assert piece.lstrip().startswith(f'<section class="stack" id="documents-run-{there.rpartition("/")[2]}">')
    assert "2 of 3 documents are ready." in piece
    assert "Invoice INV-0002" in piece
    assert len(zipfile.ZipFile(io.BytesIO(fay.get(f"{there}/zip").data)).namelist()) == 2
    monkeypatch.setattr(app.extensions["paper"], "pdf", real)
    monkeypatch.setattr(billing_documents, "FIRST_STEPS", timedelta(minutes=1))
    assert "3 documents are ready" in fay.post(f"{there}/retry", headers=HTMX).text
    with write() as session:
        wish = Wish(NOW.date(), NOW.date(), ("invoice",), cast.cleo_id)
        run_id = document_runs.ask(session, cast.fay, wish, RunShape.PDF, clock.now()).id
    for _ in range(2):
        stopped = fay.post(f"/billing-documents/{run_id}/cancel", headers=HTMX)
        assert (stopped.status_code, "Cancelled when 0 of 3 documents were ready." in stopped.text) == (200, True)
    plain = fay.post(f"/billing-documents/{run_id}/cancel")  # without JavaScript
    assert (plain.status_code, plain.headers["Location"]) == (303, f"/billing-documents/{run_id}")
    refused = fay.post(f"{there}/cancel")
    assert (refused.status_code, "It was over before" in refused.text) == (409, True)
    assert as_("pat").post(f"/billing-documents/{run_id}/cancel").status_code == 404
    with rows() as session:
        assert session.get(DocumentRun, run_id).state is RunState.CANCELLED
