"""Series of billing documents: made once, resumed, cancelled; one that cannot be made stops no other."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pypdf
import pytest
from sqlalchemy import func, select, update

from clinic.billing import (
    bulk,
    credit_notes,
    document_files,
    document_kinds,
    document_making,
    document_runs,
    document_shelf,
    invoices,
    payments,
    refunds,
)
from clinic.billing.document_kinds import CREDIT_NOTE, INVOICE, RECEIPT, STATEMENT, SUPERBILL, Press, Wish
from clinic.billing.invoices import NewLine
from clinic.billing.paper import UnprintableError
from clinic.jobs import housekeeping, print_documents
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, NotAllowedError, NotFoundError, RefusalError
from clinic.models.billing import StoredDocument
from clinic.models.documents import DocumentRun, RunDocument, RunShape, RunState
from clinic.models.money import Method
from clinic.models.people import Contact
from clinic.models.practice import AuditEntry, User
from clinic.office import verify
from tests.cast import NOW
from tests.night_stage import give

NAMES = ("王小明", "محمد العربي", "Żaneta Łućiễn")
KINDS = (INVOICE, CREDIT_NOTE, RECEIPT)
TODAY = date(2026, 11, 18)
WISH = Wish(TODAY, TODAY, KINDS)
BILLED = replace(WISH, kinds=(INVOICE,))  # four invoices
TURN = timedelta(seconds=30)
LATER = NOW.replace(hour=23)


def issued(session, cast, payer_id, client_id=None, practitioner_id=None, words="Letter"):
    """Issue an invoice of one line."""
    made = invoices.draft(session, cast.olga, payer_id=payer_id, client_id=client_id, now=NOW,
                          practitioner_id=practitioner_id)  # fmt: skip
    invoices.add_line(session, made, NewLine(words, 2_000))
    invoices.issue(session, cast.olga, made, NOW)
    return made


@pytest.fixture
def shelf(cast, write):
    """Give three payers of Cleo's an invoice each, pay the second, credit the third; what is Otto's stands beside."""
    with write() as session:
        payers = [Contact(name=name, created_at=NOW) for name in NAMES]
        session.add_all(payers)
        session.flush()
        made = [issued(session, cast, payer.id, cast.cleo_id) for payer in payers]
        paid = payments.record(session, cast.olga, payer_id=payers[1].id, method=Method.CASH, amount_cents=2_000, now=NOW)
        credit_notes.credit(session, cast.olga, made[2], NOW)
        otto = issued(session, cast, cast.otto_payer_id, cast.otto_id, cast.piet_id)
        session.flush()
        return {"payers": [payer.id for payer in payers], "invoices": [each.id for each in made], "payment": paid.id,
                "otto": otto.id}  # fmt: skip


@pytest.fixture
def press(app):
    """Give what documents are made with, inside the application."""
    with app.app_context():
        yield Press(reading, writing, app.extensions["paper"])


def asked(press, who, wish=WISH, shape=RunShape.PDF):
    with press.writer() as session:
        return document_runs.ask(session, who, wish, shape, NOW).id


def made(press, run_id):
    assert document_making.work(press, run_id, lambda: NOW, TURN)


def told(press, who, run_id):
    with press.reader() as session:
        return document_runs.progress(session, who, run_id)


def words(pdf):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_a_series_holds_what_is_the_clients_oldest_first_as_one_pdf_and_as_a_zip(press, cast, shelf):
    with press.reader() as session:
        found = document_shelf.shelf(session, cast.fay, replace(WISH, client_id=cast.cleo_id), number=1, now=NOW)
        listed = [(row.one, row.payer, row.cents, row.state_words) for row in found.listing.rows]
    assert sorted(listed) == sorted(
        [
            ("Invoice", NAMES[0], 2_000, "Unpaid"), ("Invoice", NAMES[1], 2_000, "Paid"),
            ("Invoice", NAMES[2], 2_000, "Credited"), ("Credit note", NAMES[2], -2_000, ""), ("Receipt", NAMES[1], 2_000, ""),
        ]
    )  # fmt: skip
    for cents, said in ((500, "Part refunded"), (1_500, "Refunded")):
        with press.writer() as session:
            refunds.record(session, cast.olga, refunds.Wanted(shelf["payment"], cents, Method.CASH), NOW)
        with press.reader() as session:
            rows = document_shelf.shelf(session, cast.olga, WISH, number=1, now=NOW).listing.rows
        assert [row.state_words for row in rows if row.is_receipt] == [said]
    assert {row.client for row in rows} == {"Cleo Abernathy", "Otto Brandt", ""}
    run_id = asked(press, cast.fay, replace(WISH, client_id=cast.cleo_id))
    made(press, run_id)
    done = told(press, cast.fay, run_id)
    assert (done.state, done.made, done.total, done.left, done.is_ready) == (RunState.DONE, 5, 5, (), True)
    whole = b"".join(document_files.merged(document_making.parts(press, run_id)))
    pages = words(whole)
    assert len(pages) == 5
    for page, number, drawn in zip(
        pages, ("CN-0001", "INV-0001", "INV-0002", "INV-0003", f"R-{shelf['payment']}"),
        (NAMES[2], NAMES[0], "ﻣﺤﻤﺪ", NAMES[2], "ﻣﺤﻤﺪ"), strict=True,
    ):  # fmt: skip
        assert number in page
        assert drawn in page
    book = pypdf.PdfReader(io.BytesIO(whole))
    assert [mark.title for mark in book.outline][1] == "Invoice-INV-0001"
    with zipfile.ZipFile(io.BytesIO(b"".join(document_files.zipped(document_making.parts(press, run_id), NOW)))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names)) == 5
        assert all(name.isascii() and name.endswith(".pdf") and "/" not in name for name in names)
        assert NAMES[0] in words(archive.read("Invoice-INV-0001.pdf"))[0]
    # Drawn up for the days themselves: one statement for each who was billed, and for who usually is.
    each = asked(press, cast.fay, replace(WISH, client_id=cast.cleo_id, kinds=(STATEMENT,)))
    made(press, each)
    drawn = list(document_making.parts(press, each))
    whose = (cast.cleo_payer_id, *shelf["payers"])
    assert {part.name.rpartition("-")[2] for part in drawn} == {f"{key}.pdf" for key in whose}
    assert all("Statement" in words(part.pdf)[0] for part in drawn)
    with press.reader() as session:
        everyone = document_kinds.summed(session, cast.olga, replace(WISH, kinds=(STATEMENT,)), NOW)
        assert {(each.subject_id, each.client_id) for _, each in everyone} == {
            *((key, cast.cleo_id) for key in shelf["payers"]), (cast.otto_payer_id, cast.otto_id),
        }  # fmt: skip
        assert document_kinds.summed(session, cast.olga, replace(WISH, last=date(2020, 1, 1), kinds=(STATEMENT,)), NOW) == []
    # What one payer was billed, and nothing of Otto's whatever the days.
    wide = Wish(date(1990, 1, 1), date(2100, 1, 1), KINDS, cast.cleo_id, payer_id=shelf["payers"][1])
    with press.reader() as session:
        assert [row.payer for row in document_shelf.shelf(session, cast.fay, wide, number=1, now=NOW).listing.rows] == [
            NAMES[1]
        ] * 2
        before = replace(wide, payer_id=None, last=TODAY - timedelta(days=1))
        assert document_shelf.shelf(session, cast.fay, before, number=1, now=NOW).total == 0


def test_what_names_other_clients_is_left_out_until_it_is_asked_for(press, cast, shelf):
    wish = replace(WISH, client_id=cast.cleo_id)
    with press.writer() as session:
        pellworth = cast.pellworth_id
        session.get_one(Contact, pellworth).one_invoice_for_all = True
        shares = [give(session, cast, hour=hour, payer_id=pellworth, client_id=whose).id
                  for hour, whose in ((8, cast.cleo_id), (9, cast.otto_id))]  # fmt: skip
        joint = bulk.bill(session, cast.fay, (pellworth, None), shares, LATER)
        note = credit_notes.credit(session, cast.olga, joint, LATER, amounts={joint.lines[0].id: 5_000})
        own, foreign = (issued(session, cast, pellworth, client_id) for client_id in (cast.cleo_id, cast.otto_id))
        pay = {"payer_id": pellworth, "method": Method.CASH, "now": LATER}
        alone = payments.record(session, cast.olga, amount_cents=1_000, invoice_id=own.id, **pay)
        shared = payments.record(session, cast.olga, amount_cents=3_000, invoice_ids=[own.id, foreign.id], **pay)
        theirs = payments.record(session, cast.olga, amount_cents=500, invoice_id=joint.id, **pay)
    wish = replace(wish, payer_id=pellworth)
    with press.reader() as session:
        narrow = document_shelf.shelf(session, cast.fay, wish, number=1, now=LATER)
        broad = document_shelf.shelf(session, cast.fay, replace(wish, with_others=True), number=1, now=LATER)
    documents = [{(row.is_receipt, row.id) for row in found.listing.rows} for found in (narrow, broad)]
    assert documents[0] == {(False, own.id), (True, alone.id)}
    assert documents[1] - documents[0] == {(False, joint.id), (False, note.id), (True, shared.id), (True, theirs.id)}
    assert (narrow.others_count, broad.others_count) == (4, 0)


def test_twice_beside_once_four_processes_make_each_document_once(app, press, cast, shelf, monkeypatch):
    printed = []
    real = press.paper.pdf
    monkeypatch.setattr(press.paper, "pdf", lambda *args: printed.append(args[0]) or real(*args))
    run_ids = [asked(press, cast.olga, BILLED), asked(press, cast.bill, BILLED)]

    def process(_number):
        with app.app_context():
            return print_documents.run(press.paper, lambda: NOW)

    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(process, range(4)))
    assert sum(turns) >= 2
    for run_id, who in zip(run_ids, (cast.olga, cast.bill), strict=True):
        assert told(press, who, run_id).made == 4
    with press.reader() as session:
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 4
        assert list(verify.findings(session)) == []
    assert 4 <= len(printed) <= 8  # two runs of the same documents may race for one; each run made each once
    assert not document_making.work(press, run_ids[0], lambda: NOW, TURN)


def test_what_died_goes_on_where_it_was_and_what_kills_three_times_is_left_out(press, cast, shelf):
    run_id = asked(press, cast.olga, BILLED)
    clock = iter(NOW + timedelta(seconds=second) for second in (0, 0, 0, 0, 9))
    assert document_making.work(press, run_id, lambda: next(clock), timedelta(seconds=5))  # time for one document
    part = told(press, cast.olga, run_id)
    assert (part.state, part.made) == (RunState.QUEUED, 1)
    later = NOW
    for _ in range(document_making.TRIES_MAX):  # a process begins the next and is killed
        later += timedelta(minutes=2)
        with press.writer() as session:
            assert document_making._claim(session, run_id, "dead", later)
            step = document_making._advance(session, run_id, "dead", None, later, is_time_up=False)
        with press.reader() as session:
            assert document_making.waiting(session, later + timedelta(seconds=59)) == []
            assert document_making.waiting(session, later + timedelta(seconds=61)) == [run_id]
    assert not document_making.work(press, run_id, lambda: later, TURN)  # its heart may still beat
    assert document_making.work(press, run_id, lambda: later + timedelta(minutes=2), TURN)
    done = told(press, cast.olga, run_id)
    assert (done.state, done.made, done.may_retry) == (RunState.DONE, 3, True)
    assert "stopped" in done.left[0].reason
    # A process that wakes up late finds that the run is not its any more.
    with press.writer() as session:
        late = document_making.Result(step.position, ("none", b"", "x.pdf"))
        assert document_making._advance(session, run_id, "dead", late, later, is_time_up=False) is None
    with press.writer() as session:
        document_runs.retry(session, cast.olga, run_id, NOW)
        document_runs.retry(session, cast.olga, run_id, NOW)
    made(press, run_id)
    assert told(press, cast.olga, run_id).made == 4
    with press.writer() as session, pytest.raises(ClashError):
        document_runs.retry(session, cast.olga, run_id, NOW)


def test_one_that_cannot_be_made_is_named_and_stops_no_other_and_none_at_all_is_said(press, cast, shelf, monkeypatch, caplog):
    real = press.paper.pdf

    def choke(template, context):
        shown = context.get("sheet")
        if shown is not None and shown.payer.name == NAMES[0]:
            raise UnprintableError("It could not be printed.")
        if shown is not None and shown.payer.name == NAMES[2]:
            raise ZeroDivisionError(shown.payer.name)
        return real(template, context)

    monkeypatch.setattr(press.paper, "pdf", choke)
    run_id = asked(press, cast.olga, replace(WISH, client_id=cast.cleo_id))
    made(press, run_id)
    done = told(press, cast.olga, run_id)
    assert (done.state, done.made) == (RunState.DONE, 2)
    assert {(each.label, each.reason) for each in done.left} == {
        ("Invoice INV-0001", "It could not be printed."), ("Invoice INV-0003", "Something went wrong (ZeroDivisionError)."),
        ("Credit note CN-0001", "Something went wrong (ZeroDivisionError)."),
    }  # fmt: skip
    assert len(list(document_making.parts(press, run_id))) == 2
    assert not any(name in caplog.text for name in NAMES)
    lone = asked(press, cast.olga, replace(WISH, client_id=cast.cleo_id, payer_id=shelf["payers"][0]))
    made(press, lone)
    none = told(press, cast.olga, lone)
    assert (none.state, none.is_ready, none.may_retry) == (RunState.FAILED, False, True)
    assert "None of these" in none.reason


def test_cancelling_stops_at_the_next_document_and_is_safe_to_repeat(press, cast, shelf):
    run_id = asked(press, cast.olga, BILLED)
    real, seen = press.paper.pdf, []

    class Stopping:
        """Print, and cancel meanwhile, as somebody else does."""

        version = press.paper.version

        def pdf(self, *args):
            seen.append(args[0])
            if len(seen) == 3:
                with press.writer() as session:
                    document_runs.cancel(session, cast.olga, run_id, NOW)
            return real(*args)

    assert document_making.work(replace(press, paper=Stopping()), run_id, lambda: NOW, TURN)
    stopped = told(press, cast.olga, run_id)
    assert (stopped.state, stopped.made, len(seen), stopped.is_ready) == (RunState.CANCELLED, 2, 3, False)
    with press.writer() as session:
        document_runs.cancel(session, cast.olga, run_id, NOW)
        assert document_making.waiting(session, NOW + timedelta(days=1)) == []
    again = asked(press, cast.olga, BILLED)
    made(press, again)
    with press.writer() as session, pytest.raises(ClashError):
        document_runs.cancel(session, cast.olga, again, NOW)


def test_who_may_have_what_and_that_it_is_written_down(press, cast, shelf):
    every = replace(WISH, kinds=(RECEIPT,))
    own = replace(every, client_id=cast.cleo_id)
    for who in (cast.fay, cast.pat):
        with press.writer() as session, pytest.raises(NotAllowedError):
            document_runs.ask(session, who, every, RunShape.PDF, NOW)
    with press.writer() as session:
        piet = replace(cast.pat, practitioner_id=cast.piet_id)
        with pytest.raises(NotFoundError):
            document_runs.ask(session, piet, own, RunShape.PDF, NOW)
    run_id = asked(press, cast.bill, every)
    made(press, run_id)
    assert told(press, cast.olga, run_id).made == 1
    for who in (cast.fay, cast.pat, replace(cast.bill, roles=cast.fay.roles)):
        with press.reader() as session, pytest.raises(NotFoundError):
            document_runs.run_for(session, who, run_id)
    of_pat = asked(press, cast.pat, own)
    with press.writer() as session:
        for who in (cast.bill, piet, replace(cast.pat, practitioner_id=cast.piet_id)):
            with pytest.raises(NotFoundError):
                document_runs.run_for(session, who, of_pat)
        session.get_one(User, cast.pat.user_id).is_active = False
    made(press, of_pat)
    assert (told(press, cast.olga, of_pat).state, told(press, cast.olga, of_pat).made) == (RunState.FAILED, 0)
    with press.reader() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "asked for billing documents")).all()
        assert [(each.object_id, each.detail["whole_practice"], each.detail["count"]) for each in entries] == [
            (run_id, True, 1), (of_pat, False, 1),
        ]  # fmt: skip


def test_superbills_are_only_for_who_may_see_diagnoses_and_of_who_had_a_session(press, cast, write):
    with write() as session:
        share = give(session, cast, hour=9)
        (billed,) = invoices.bill_attendee(session, cast.olga, share.attendee_id, LATER)
        give(session, cast, hour=10, client_id=cast.otto_id)  # not invoiced
    wish = replace(WISH, kinds=(SUPERBILL,))
    with press.writer() as session:
        for client_id in (cast.cleo_id, None):
            whose = [each.client_id for _, each in
                     document_kinds.summed(session, cast.bill, replace(wish, client_id=client_id), LATER)]  # fmt: skip
            assert whose == [cast.cleo_id]
        assert not document_kinds.summed(session, cast.bill, replace(wish, location_id=cast.mill_id), LATER)
        assert not document_kinds.summed(session, cast.bill, replace(wish, client_id=cast.otto_id), LATER)
        with pytest.raises(RefusalError):
            document_runs.ask(session, cast.fay, replace(wish, client_id=cast.cleo_id), RunShape.PDF, LATER)
    with press.writer() as session:
        run_id = document_runs.ask(session, cast.pat, replace(wish, client_id=cast.cleo_id), RunShape.PDF, LATER).id
    assert document_making.work(press, run_id, lambda: LATER, TURN)
    (part,) = document_making.parts(press, run_id)
    assert "90834" in words(part.pdf)[0]
    assert billed.number
    with press.reader() as session, pytest.raises(NotFoundError):  # at the desk now
        document_runs.run_for(session, replace(cast.pat, roles=cast.fay.roles), run_id)


def test_what_cannot_be_asked_for_is_refused_and_old_series_are_let_go(press, cast, shelf, monkeypatch):
    monkeypatch.setattr(document_runs, "DOCUMENTS_MAX", 5)
    for wish, said in (
        (WISH, "6 documents"), (replace(WISH, last=TODAY - timedelta(days=1)), "before the first"),
        (replace(WISH, first=date(2020, 1, 1), last=date(2020, 1, 2)), "no such document"),
        (replace(WISH, kinds=("nonsense",)), "no such document"), (replace(WISH, location_id=cast.mill_id), "no such document"),
    ):  # fmt: skip
        with press.writer() as session, pytest.raises(RefusalError) as refused:
            document_runs.ask(session, cast.olga, wish, RunShape.ZIP, NOW)
        assert said in refused.value.message
    run_id = asked(press, cast.olga, replace(WISH, practitioner_id=cast.piet_id))
    made(press, run_id)
    assert [part.name for part in document_making.parts(press, run_id)] == ["Invoice-INV-0004.pdf"]
    with press.reader() as session:
        assert [run.id for run in document_runs.recent(session, cast.olga, None, NOW)] == [run_id]
    with press.writer() as session:  # behind the rules' back
        session.execute(update(RunDocument).values(content_hash=None))
        session.execute(update(DocumentRun).values(total_count=3))
        assert list(verify.findings(session)) == [
            f"Series of documents {run_id} was asked for with 3 and holds 1.",
            f"Series of documents {run_id} is over, and 1 of it were neither made nor said to have failed.",
        ]
        session.execute(update(RunDocument).values(content_hash=select(StoredDocument.content_hash).scalar_subquery()))
        session.execute(update(DocumentRun).values(total_count=1))
    housekeeping.run(TODAY, lambda: NOW + timedelta(days=6, hours=23))
    assert told(press, cast.olga, run_id).is_ready
    housekeeping.run(TODAY + timedelta(days=8), lambda: NOW + timedelta(days=8))
    gone = told(press, cast.olga, run_id)
    assert (gone.is_removed, gone.is_ready, gone.may_retry) == (True, False, False)
    with press.reader() as session:
        assert session.scalar(select(func.count()).select_from(RunDocument)) == 0
        assert session.scalar(select(func.count()).select_from(StoredDocument)) == 1
        assert document_runs.recent(session, cast.olga, None, NOW) == []
        assert list(verify.findings(session)) == []
    monkeypatch.setattr(document_runs, "DOCUMENTS_MAX", 6)
    monkeypatch.setattr(document_runs, "PRINTED_MAX", 5)  # one PDF is put together in memory, a zip is not
    with press.writer() as session, pytest.raises(RefusalError, match="one PDF holds at most 5"):
        document_runs.ask(session, cast.olga, WISH, RunShape.PDF, NOW)
    with press.writer() as session:
        assert document_runs.ask(session, cast.olga, WISH, RunShape.ZIP, NOW).total_count == 6


def test_no_two_files_of_a_zip_are_called_alike_not_even_but_for_capitals():
    used: set[str] = set()
    called = [document_making._unused(name, used) for name in ("A-1.pdf", "a-1.pdf", "A-1-2.pdf", "A-1.pdf")]
    assert called == ["A-1.pdf", "a-1-2.pdf", "A-1-2-2.pdf", "A-1-3.pdf"]
