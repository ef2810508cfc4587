"""Statements: opening balance, what happened, closing balance, to the cent what the ledger says."""

import io
import random
from datetime import UTC, date, datetime, timedelta

import pypdf
import pytest

from clinic.billing import (
    attended,
    credit_notes,
    invoices,
    ledger,
    overview,
    payments,
    refunds,
    reversals,
    statements,
    superbills,
)
from clinic.billing.invoices import NewLine
from clinic.kernel import clock
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Invoice
from clinic.models.money import Method
from clinic.models.people import Contact
from clinic.people import clients
from clinic.people.portal_visits import Visit
from tests.billing.given import given_session
from tests.cast import NOW

TODAY = date(2026, 11, 18)
EVER = (date(2020, 1, 1), TODAY)
OCTOBER = datetime(2026, 10, 5, 15, tzinfo=UTC)


def _invoice(session, cast, cents, now=NOW, *, client_id=None, payer_id=None, day=None):
    payer_id = payer_id or cast.cleo_payer_id
    made = invoices.draft(session, cast.olga, payer_id=payer_id, client_id=client_id or cast.cleo_id, now=now)
    invoices.add_line(session, made, NewLine("Therapy", cents))
    invoices.issue(session, cast.olga, made, now, issue_date=day)
    return made


def _statement(session, cast, first=EVER[0], last=TODAY, *, who=None, client_id=None, payer_id=None):
    client_id, payer_id = client_id or cast.cleo_id, payer_id or cast.cleo_payer_id
    return statements.statement_for(session, who or cast.olga, client_id, payer_id, first, last, NOW)


def _billing(session, cast, payer_id, client_id=None):
    client = clients.profile(session, cast.olga, client_id or cast.cleo_id)
    (billed,) = (each for each in overview.of_client(session, cast.olga, client, NOW).payers if each.payer_id == payer_id)
    return billed.balance_cents


def test_a_statement_tells_a_year_of_everything_that_can_happen_to_money(session, cast):
    first = _invoice(session, cast, 15_000, OCTOBER, day=date(2026, 9, 30))
    late = payments.record(session, cast.olga, payer_id=cast.cleo_payer_id, method=Method.CHECK, reference="1042",
                           amount_cents=20_000, received_date=date(2026, 10, 2), now=OCTOBER + timedelta(days=9))  # fmt: skip
    second = _invoice(session, cast, 10_000, OCTOBER + timedelta(days=10))
    payments.apply_credit(session, cast.olga, payer_id=cast.cleo_payer_id, now=OCTOBER + timedelta(days=10))
    credit_notes.credit(session, cast.olga, first, OCTOBER + timedelta(days=12), amounts={first.lines[0].id: 5_000})
    slip = payments.record(session, cast.olga, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=700,
                           now=OCTOBER + timedelta(days=13))  # fmt: skip
    reversals.undo(session, cast.olga, slip.id, reason="A slip", now=OCTOBER + timedelta(days=14))
    refunds.record(session, cast.olga, refunds.Wanted(late.id, 2_500, Method.CHECK), OCTOBER + timedelta(days=15))
    third = _invoice(session, cast, 4_000, OCTOBER + timedelta(days=40))
    credit_notes.write_off(session, cast.olga, third, NOW, reason="Moved away")
    credit_notes.undo_write_off(session, cast.olga, third, NOW)

    october = _statement(session, cast, date(2026, 10, 1), date(2026, 10, 31))
    note = session.query(Invoice).filter_by(credited_invoice_id=first.id).one().number
    told = [(line.day.isoformat(), line.words, line.cents) for line in october.lines]
    assert told == [
        ("2026-10-02", "Payment, Check 1042", -20_000),  # the day it came, though it was written down later
        ("2026-10-15", f"Invoice {second.number}", 10_000),
        ("2026-10-17", f"Credit note {note}, invoice {first.number}", -5_000),
        ("2026-10-18", "Payment, Cash", -700),
        ("2026-10-19", f"Payment undone, R-{slip.id}, Cash", 700),
        ("2026-10-20", f"Refund of payment R-{late.id}", 2_500),
    ]
    assert (october.opening_cents, october.closing_cents) == (15_000, 2_500)
    assert (october.invoiced_cents, october.credited_cents, october.paid_cents) == (10_000, -5_000, -17_500)
    assert october.lines[-1].balance_cents == october.closing_cents
    rest = _statement(session, cast, date(2026, 11, 1), TODAY)
    assert rest.opening_cents == october.closing_cents
    assert [line.words for line in rest.lines] == [
        f"Invoice {third.number}", f"Written off, invoice {third.number}", f"Write-off taken back, invoice {third.number}",
    ]  # fmt: skip
    assert rest.closing_cents == 6_500 == _billing(session, cast, cast.cleo_payer_id)
    assert [(age.words, age.cents) for age in rest.ages if age.cents] == [("Not late", 4_000), ("1 to 30 days late", 5_000)]
    assert rest.ages[0].words == "Not late"
    assert rest.credit_cents == 2_500  # freed by the credit note, less the refund
    assert not rest.is_part


DEEDS = ("bill", "bill", "joint", "pay", "pay", "credit", "write off", "refund", "undo")


def test_opening_lines_and_closing_add_up_whatever_is_done_and_however_the_days_are_cut(session, cast):
    """Do anything on any day, for a payer of one client and for one of two; compare with the postings and with Billing."""
    chance = random.Random(7)
    for _ in range(5):
        with session.begin_nested() as savepoint:
            for days in sorted(chance.choices(range(61), k=16), reverse=True):
                deed, cents, pick = chance.choice(DEEDS), chance.randint(1, 30_000), chance.randint(0, 99)
                _do(session, cast, deed, cents, NOW - timedelta(days=days), pick)
            middle = TODAY - timedelta(days=chance.randint(1, 70))
            for client_id, payer_id in ((cast.cleo_id, cast.cleo_payer_id), (cast.cleo_id, cast.pellworth_id),
                                        (cast.otto_id, cast.pellworth_id)):  # fmt: skip
                _adds_up(session, cast, client_id, payer_id, middle)
            savepoint.rollback()
        session.expire_all()


def _adds_up(session, cast, client_id, payer_id, middle):
    client = clients.profile(session, cast.olga, client_id)
    told = {each.payer_id: each.balance_cents for each in overview.of_client(session, cast.olga, client, NOW).payers}
    if payer_id not in told:
        return  # nothing was billed to them for this client
    old = _statement(session, cast, EVER[0], middle, client_id=client_id, payer_id=payer_id)
    new = _statement(session, cast, middle + timedelta(days=1), TODAY, client_id=client_id, payer_id=payer_id)
    whole = _statement(session, cast, client_id=client_id, payer_id=payer_id)
    assert old.opening_cents == whole.opening_cents == 0
    assert new.opening_cents == old.closing_cents
    assert [(line.day, line.cents) for line in (*old.lines, *new.lines)] == [(line.day, line.cents) for line in whole.lines]
    for shown in (old, new, whole):
        assert shown.opening_cents + sum(line.cents for line in shown.lines) == shown.closing_cents
        assert shown.invoiced_cents + shown.credited_cents + shown.paid_cents == shown.closing_cents - shown.opening_cents
        assert shown.closing_cents == sum(age.cents for age in shown.ages) - shown.credit_cents
    assert new.closing_cents == whole.closing_cents
    if not whole.is_part:
        assert whole.closing_cents == ledger.payer_balance_cents(session, payer_id)
    assert whole.closing_cents == told[payer_id]


def _do(session, cast, what, cents, now, pick):
    payer_id = (cast.cleo_payer_id, cast.pellworth_id)[pick % 2]
    issued = session.query(Invoice).filter(Invoice.issued_at.is_not(None), Invoice.credited_invoice_id.is_(None)).all()
    paid = session.query(payments.Payment).all()
    try:
        if what == "bill":
            of = cast.otto_id if payer_id == cast.pellworth_id and pick % 3 == 0 else cast.cleo_id
            _invoice(session, cast, cents, now, client_id=of, payer_id=payer_id, day=clock.local_date(now, "UTC"))
        elif what == "joint":
            made = invoices.draft(session, cast.olga, payer_id=cast.pellworth_id, client_id=None, now=now)
            for of, part in ((cast.cleo_id, cents), (cast.otto_id, 1 + cents // 2)):
                invoices.add_share(session, made, given_session(session, cast, client_id=of, payer_id=cast.pellworth_id,
                                                                fee_cents=part).id)  # fmt: skip
            invoices.issue(session, cast.olga, made, now)
        elif what == "pay":
            day = clock.local_date(now - timedelta(days=pick % 5), "UTC")
            payments.record(session, cast.olga, payer_id=payer_id, method=Method.CASH, amount_cents=cents, now=now,
                            received_date=day)  # fmt: skip
        elif what == "refund" and paid:
            refunds.record(session, cast.olga, refunds.Wanted(paid[pick % len(paid)].id, cents, Method.CASH), now)
        elif what == "undo" and paid:
            reversals.undo(session, cast.olga, paid[pick % len(paid)].id, reason="A slip", now=now)
        elif what == "credit" and issued:
            credit_notes.credit(
                session, cast.olga, invoices.invoice_for(session, cast.olga, issued[pick % len(issued)].id), now
            )
        elif what == "write off" and issued:
            credit_notes.write_off(session, cast.olga, issued[pick % len(issued)], now, reason="Gone")
    except RefusalError:
        session.flush()
    payments.apply_credit(session, cast.olga, payer_id=payer_id, now=now)


def test_a_payer_of_several_clients_is_told_of_the_one_the_statement_is_about(session, cast):
    mine = _invoice(session, cast, 15_000, OCTOBER, payer_id=cast.pellworth_id)
    other = _invoice(session, cast, 9_900, OCTOBER, client_id=cast.otto_id, payer_id=cast.pellworth_id)
    payments.record(
        session, cast.olga, payer_id=cast.pellworth_id, method=Method.BANK_TRANSFER, amount_cents=30_000, now=OCTOBER
    )
    shown = _statement(session, cast, payer_id=cast.pellworth_id)
    assert shown.is_part
    assert shown.reference == "PW-55810"
    words = [line.words for line in shown.lines]
    assert words == [f"Invoice {mine.number}", f"Payment, Bank transfer, invoice {mine.number}"]
    assert other.number not in repr(shown)
    assert shown.closing_cents == shown.credit_cents == 0  # 5,100 of credit are whose? nobody can say


def test_who_asks_sees_no_more_than_is_theirs(session, cast):
    session.get_one(Contact, cast.otto_payer_id).name = "Otto Brandt"
    _invoice(session, cast, 15_000)
    for client_id, payer_id in ((999_999, cast.cleo_payer_id), (cast.cleo_id, 999_999), (cast.cleo_id, cast.otto_payer_id)):
        with pytest.raises(NotFoundError):
            _statement(session, cast, client_id=client_id, payer_id=payer_id)
    assert statements.payers_of(session, cast.olga, cast.cleo_id) == [(cast.cleo_payer_id, "Cleo Abernathy")]
    clients.archive(session, cast.olga, cast.cleo_id, NOW)
    assert _statement(session, cast, who=cast.pat).closing_cents == 15_000  # Pat's own client, archived or not
    client = clients.client_for(session, cast.olga, cast.cleo_id)
    client.practitioner_id = cast.piet_id
    with pytest.raises(NotFoundError):
        _statement(session, cast, who=cast.pat)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [(date(2026, 11, 2), date(2026, 11, 1), "last"), (date(9999, 12, 31), date(9999, 1, 1), "last")],
)
def test_days_that_run_backwards_are_refused(session, cast, first, last, field):
    with pytest.raises(RefusalError) as refused:
        _statement(session, cast, first, last)
    assert refused.value.field == field
    assert _statement(session, cast, date(1, 1, 1), date(9999, 12, 31)).closing_cents == 0


def test_what_no_paper_holds_is_refused_with_what_to_do(session, cast, monkeypatch):
    monkeypatch.setattr(statements, "LINES_MAX", 2)
    monkeypatch.setattr(attended, "LINES_MAX", 2)
    for days in (3, 2, 1):
        share = given_session(session, cast, starts_at=NOW - timedelta(days=days))
        invoices.bill_attendee(session, cast.olga, share.attendee_id, NOW)
        if days == 2:
            assert len(_statement(session, cast).lines) == 2
            assert len(superbills.superbill_for(session, cast.olga, cast.cleo_id, *EVER, NOW).rows) == 2
    with pytest.raises(RefusalError, match="a statement at most 2") as refused:
        _statement(session, cast)
    assert refused.value.field == "last"
    with pytest.raises(RefusalError, match="more than 2 sessions"):
        superbills.superbill_for(session, cast.olga, cast.cleo_id, *EVER, NOW)


def test_in_the_portal_a_statement_holds_what_the_portal_lets_a_client_see(session, cast):
    visit = Visit(1, "cleo@clients.example", cast.cleo_id, "Cleo Abernathy", "Cleo", has_others=False, is_stale=False)
    mine = _invoice(session, cast, 15_000)
    shown = statements.own_statement(session, visit, cast.cleo_payer_id, *EVER, NOW)
    assert [line.words for line in shown.lines] == [f"Invoice {mine.number}"]
    _invoice(session, cast, 7_000, payer_id=cast.pellworth_id)
    for payer_id in (cast.pellworth_id, cast.otto_payer_id, 999_999):  # an employer's bills are between them and the practice
        with pytest.raises(NotFoundError):
            statements.own_statement(session, visit, payer_id, *EVER, NOW)
    # Her own contact pays for Otto on an invoice for both: what names her alone is told, as on her invoices.
    joint = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=None, now=NOW)
    for client_id in (cast.cleo_id, cast.otto_id):
        share = given_session(session, cast, client_id=client_id, payer_id=cast.cleo_payer_id)
        invoices.add_share(session, joint, share.id)
    invoices.issue(session, cast.olga, joint, NOW)
    again = statements.own_statement(session, visit, cast.cleo_payer_id, *EVER, NOW)
    assert again.is_part
    assert [line.words for line in again.lines] == [f"Invoice {mine.number}"]
    staff = _statement(session, cast)
    assert [(line.words, line.cents) for line in staff.lines][-1] == (f"Invoice {joint.number}", 15_000)


# Rendering asks nothing of the kind of database.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_pdf_prints_any_name_repeats_its_head_and_is_rendered_once(app, write, rows, as_, cast):
    names = "Łucja Παπαδοπούλου Достоевская 山田太郎 محمد שלום"
    with write() as session:
        contact = session.get_one(Contact, cast.cleo_payer_id)
        contact.name = names
        for day in range(230):
            _invoice(session, cast, 100 + day, day=date(2026, 1, 1) + timedelta(days=day))
    browser = as_("pat")
    here = f"/clients/{cast.cleo_id}/billing/{cast.cleo_payer_id}/statement"
    asked = "first=2026-01-01&last=2026-12-31"
    made = browser.get(f"{here}/pdf?{asked}")
    name = f"Statement-2026-01-01-to-2026-12-31-client-{cast.cleo_id}-payer-{cast.cleo_payer_id}.pdf"
    assert made.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made.data)).pages]
    assert len(pages) > 8
    assert all("Date" in page and "Balance" in page for page in pages[:-1])
    assert f"page {len(pages)} of {len(pages)}" in pages[-1].replace("\n", " ").replace("  ", " ")
    assert "Closing balance" in pages[-2] + pages[-1]
    for part in ("Łucja", "Παπαδοπούλου", "Достоевская", "山田太郎"):
        assert part in pages[0]
    with rows() as session:
        stored = session.query(statements.StoredDocument).count()
    assert browser.get(f"{here}/pdf?{asked}").data == made.data
    with rows() as session:
        assert session.query(statements.StoredDocument).count() == stored == 1
    page = browser.get(f"{here}?{asked}").text
    assert f"{here}/pdf?{asked}" in page.replace("&amp;", "&")
    assert f"{here}/print?{asked}" in page.replace("&amp;", "&")
    for bad, words in (("first=2026-02-01&last=2026-01-01", "The last day comes before the first."),
                       ("first=9999-01-01&last=9999-12-31", "Enter a date that exists"),
                       ("first=2026-02-30", "Enter a date that exists")):  # fmt: skip
        answer = browser.get(f"{here}?{bad}")
        assert (answer.status_code, words in answer.text) == (422, True)
        assert browser.get(f"{here}/pdf?{bad}").status_code == browser.get(f"{here}/print?{bad}").status_code == 422
    assert browser.get(f"{here}?first=1976-01-01&last=2026-12-31").status_code == 200
    assert browser.get(f"/clients/{cast.otto_id}/billing/{cast.cleo_payer_id}/statement").status_code == 404
