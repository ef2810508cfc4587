"""Drafts, issuing, and billing a session at once."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from clinic.billing import invoices, ledger, numbering, payments, work
from clinic.billing.invoices import NewLine
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceKind, NumberSeries, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.money import LedgerTransaction, Method, Posting
from clinic.models.people import Client
from clinic.models.practice import AuditEntry, Practice
from tests.billing.given import given_session
from tests.cast import NOW

HOUR = NewLine(description="Therapy, 50 minutes", unit_cents=15_000)


def _draft(session, cast, *lines, who=None, payer_id=None):
    invoice = invoices.draft(session, who or cast.fay, payer_id=payer_id or cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    for line in lines:
        invoices.add_line(session, invoice, line)
    return invoice


def _issued(session, cast, *lines, **how):
    invoice = _draft(session, cast, *(lines or (HOUR,)), **how)
    invoices.issue(session, cast.fay, invoice, NOW)
    return invoice


def test_issuing_numbers_dates_and_seals_a_draft(session, cast):
    first, second = _issued(session, cast), _issued(session, cast)
    assert (first.number, second.number) == ("INV-0001", "INV-0002")
    assert (first.issue_date, first.due_date) == (date(2026, 11, 18), date(2026, 12, 2))
    assert first.snapshot["practice"]["tax_id"] == "00-0000000"
    assert first.snapshot["payer"]["name"] == "Cleo Abernathy"
    assert session.get(Practice, 1).money_locked_at == NOW
    with pytest.raises(ClashError, match="never changes"):
        invoices.issue(session, cast.fay, first, NOW)
    with pytest.raises(ClashError, match="INV-0001"):
        invoices.add_line(session, first, HOUR)
    with pytest.raises(ClashError, match="INV-0001"):
        invoices.delete_draft(session, cast.fay, first, NOW)
    assert "issued invoice" in session.scalars(select(AuditEntry.action)).all()


def test_what_the_payer_is_called_later_does_not_reach_an_issued_invoice(session, cast):
    invoice = _issued(session, cast)
    session.get(Client, cast.cleo_id).first_name = "Cleopatra"
    session.get(Practice, 1).name = "Elsewhere"
    session.flush()
    assert invoice.snapshot["client"]["name"] == "Cleo Abernathy"
    assert invoice.snapshot["practice"]["name"] == "Quillmere"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoice_lines SET unit_cents = 1",
        "UPDATE invoice_lines SET description = 'x'",
        "UPDATE invoices SET total_cents = 1",
        "UPDATE invoices SET snapshot = '{}'",
        "DELETE FROM invoice_lines",
        "DELETE FROM invoices",
    ],
)
def test_the_database_itself_keeps_an_issued_invoice(app, cast, write, change):
    with write() as session:
        _issued(session, cast)
    with pytest.raises(DatabaseError, match="never changes"), write() as session:
        session.execute(text(change))


def test_a_draft_without_a_line_is_not_issued_and_takes_no_number(session, cast):
    with pytest.raises(RefusalError, match="Add a line"):
        invoices.issue(session, cast.fay, _draft(session, cast), NOW)
    assert session.get(NumberSeries, InvoiceKind.INVOICE).next_number == 1


def test_a_free_session_makes_an_invoice_that_posts_nothing_and_reads_paid(session, cast):
    invoice = _issued(session, cast, NewLine(description="Supervision", unit_cents=0))
    assert invoice.number
    assert session.scalar(select(func.count()).select_from(Posting)) == 0
    assert invoices.states(session, [invoice], NOW.date())[invoice.id].word == "Paid"


def test_tax_is_rounded_per_line_so_printed_lines_add_up(session, cast):
    book = NewLine(description="Workbook", unit_cents=2_495, tax_bp=825)
    invoice = _issued(session, cast, book, book, HOUR)
    assert [line.tax_cents for line in invoice.lines] == [206, 206, 0]
    assert (invoice.net_cents, invoice.tax_cents, invoice.total_cents) == (19_990, 412, 20_402)
    assert ledger.owed_cents(session, [invoice.id]) == {invoice.id: 20_402}


def test_prices_that_hold_their_tax_stay_what_they_are(session, cast):
    session.get(Practice, 1).tax_inclusive = True
    invoice = _issued(session, cast, NewLine(description="Workbook", unit_cents=1_100, tax_bp=1_000))
    assert (invoice.net_cents, invoice.tax_cents, invoice.total_cents) == (1_000, 100, 1_100)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (NewLine(description="x", unit_cents=100, discount_cents=101), "discount"),
        (NewLine(description="x", unit_cents=100_000_000, quantity=2), "unit"),
        (NewLine(description="x", unit_cents=-1), "unit"),
    ],
)
def test_amounts_a_line_cannot_have_are_refused(session, cast, line, field):
    invoice = _draft(session, cast, HOUR)
    with pytest.raises(RefusalError) as refusal:
        invoices.add_line(session, invoice, line)
    assert refusal.value.field == field


def test_a_draft_line_is_edited_and_removed_and_the_totals_follow(session, cast):
    invoice = _draft(session, cast, HOUR, NewLine(description="Workbook", unit_cents=2_500))
    line = invoice.lines[1]
    invoices.edit_line(session, invoice, line.id, NewLine(description="Two workbooks", unit_cents=2_500, quantity=2))
    assert invoice.total_cents == 20_000
    invoices.remove_line(session, invoice, line.id)
    assert (invoice.total_cents, len(invoice.lines)) == (15_000, 1)
    with pytest.raises(NotFoundError):
        invoices.remove_line(session, invoice, line.id)


def test_a_session_stands_on_one_live_line_drafts_included(session, cast):
    share = given_session(session, cast)
    draft = _draft(session, cast)
    line = invoices.add_share(session, draft, share.id)
    assert (line.description, line.code, line.minutes, line.total_cents) == ("Therapy, 50 minutes", "90834", 50, 15_000)
    with pytest.raises(ClashError, match="already on a draft"):
        invoices.add_share(session, _draft(session, cast), share.id)
    assert work.uninvoiced(session, cast.fay, NOW) == []
    invoices.issue(session, cast.fay, draft, NOW)
    with pytest.raises(ClashError, match="already on invoice INV-0001"):
        invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    assert invoices.line_for_shares(session, [share.id])[share.id].invoice.number == "INV-0001"


def test_deleting_a_draft_frees_its_sessions(session, cast):
    share = given_session(session, cast)
    draft = _draft(session, cast)
    invoices.add_share(session, draft, share.id)
    invoices.delete_draft(session, cast.fay, draft, NOW)
    assert [each.share_id for each in work.uninvoiced(session, cast.fay, NOW)] == [share.id]
    assert session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_a_session_billed_to_another_payer_is_not_put_on_this_invoice(session, cast):
    share = given_session(session, cast, payer_id=cast.pellworth_id)
    with pytest.raises(RefusalError, match="someone else"):
        invoices.add_share(session, _draft(session, cast), share.id)


def test_a_split_fee_makes_an_invoice_for_each_payer_that_adds_up(session, cast):
    share = given_session(session, cast, parts={cast.cleo_payer_id: 5_001, cast.pellworth_id: 9_999})
    made = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    assert {each.payer_id: each.total_cents for each in made} == {cast.cleo_payer_id: 5_001, cast.pellworth_id: 9_999}
    assert {each.reference for each in made} == {"", "PW-55810"}


@pytest.mark.parametrize(
    ("status", "policy_cents", "billed"),
    [(Status.NO_SHOW, None, 7_500), (Status.NO_SHOW, 2_000, 2_000), (Status.LATE_CANCELLED, None, 15_000)],
)
def test_a_missed_session_bills_what_the_policy_says(session, cast, status, policy_cents, billed):
    session.get(Practice, 1).no_show_bp = 5_000
    share = given_session(session, cast, status=status)
    session.get(Attendee, share.attendee_id).policy_cents = policy_cents
    (invoice,) = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    assert invoice.total_cents == billed
    assert invoice.lines[0].description.startswith("Therapy, 50 minutes, ")


def test_a_policy_share_is_split_by_the_parts_of_the_fee(session, cast):
    session.get(Practice, 1).no_show_bp = 3_333
    parts = {cast.cleo_payer_id: 10_000, cast.pellworth_id: 5_000}
    share = given_session(session, cast, parts=parts, status=Status.NO_SHOW)
    made = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    assert sorted(each.total_cents for each in made) == [1_667, 3_333]


@pytest.mark.parametrize("status", [Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE])
def test_a_cancelled_session_is_never_billed(session, cast, status):
    share = given_session(session, cast, status=status)
    with pytest.raises(RefusalError, match="cancelled session bills nothing"):
        invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    assert work.uninvoiced(session, cast.fay, NOW) == []


def test_do_not_invoice_holds_until_it_is_taken_away(session, cast):
    share = given_session(session, cast)
    invoices.set_do_not_invoice(session, cast.fay, share.attendee_id, True, NOW)
    assert work.uninvoiced(session, cast.fay, NOW) == []
    with pytest.raises(RefusalError, match="Do not invoice"):
        invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    invoices.set_do_not_invoice(session, cast.fay, share.attendee_id, False, NOW)
    assert invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    with pytest.raises(RefusalError, match="on an invoice already"):
        invoices.set_do_not_invoice(session, cast.fay, share.attendee_id, True, NOW)


def test_a_deleted_item_and_a_strangers_look_the_same(session, cast):
    share = given_session(session, cast, practitioner_id=cast.piet_id)
    session.get(Client, cast.cleo_id).practitioner_id = cast.piet_id
    session.flush()
    item = session.get(Item, session.get(Attendee, share.attendee_id).item_id)
    with pytest.raises(NotFoundError):
        invoices.bill_item(session, cast.pat, item.id, NOW)
    (made,) = invoices.bill_item(session, cast.fay, item.id, NOW)
    with pytest.raises(NotFoundError):
        invoices.invoice_for(session, cast.pat, made.id)
    assert invoices.invoice_for(session, cast.bill, made.id) is made
    other = given_session(session, cast)
    gone = session.get(Item, session.get(Attendee, other.attendee_id).item_id)
    gone.deleted_at = NOW
    session.flush()
    for item_id in (gone.id, 999_999):
        with pytest.raises(NotFoundError):
            invoices.bill_item(session, cast.fay, item_id, NOW)


def test_states_follow_what_was_posted(session, cast):
    invoice = _issued(session, cast)

    def state(days=0):
        return invoices.states(session, [invoice], NOW.date() + timedelta(days=days))[invoice.id]

    assert invoices.states(session, [_draft(session, cast)], NOW.date()).popitem()[1].word == "Draft"
    assert state().word == "Unpaid"
    assert state(14).word == "Unpaid"
    assert state(15).words == "Overdue 1 day"
    pay = {"payer_id": cast.cleo_payer_id, "method": Method.CASH, "now": NOW, "invoice_id": invoice.id}
    payments.record(session, cast.fay, amount_cents=5_000, **pay)
    assert (state().word, state().owed_cents, state().paid_cents) == ("Part paid", 10_000, 5_000)
    assert state(16).words == "Overdue 2 days"
    payments.record(session, cast.fay, amount_cents=10_000, **pay)
    assert state(99).word == "Paid"


def test_numbers_go_up_only_and_never_print_the_same_twice(session, cast):
    _issued(session, cast)
    numbering.set_next(session, cast.olga, InvoiceKind.INVOICE, 1187, NOW, prefix="2026-")
    assert _issued(session, cast).number == "2026-1187"
    for wrong, prefix in ((1187, None), (2000, "2026-1"), (2000, "CN-"), (10**12, None)):
        with pytest.raises(RefusalError):
            numbering.set_next(session, cast.olga, InvoiceKind.INVOICE, wrong, NOW, prefix=prefix)
    assert numbering.take_next(session, InvoiceKind.CREDIT_NOTE) == (1, "CN-0001")


def test_a_failed_issue_leaves_no_gap(app, cast, write, rows):
    def fail():
        with write() as session:
            _issued(session, cast)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with write() as session:
        _issued(session, cast)
    with rows() as session:
        assert session.scalars(select(Invoice.number)).all() == ["INV-0001"]
        assert session.scalar(select(func.count()).select_from(LedgerTransaction)) == 1


def test_a_share_let_go_remembers_it_and_may_be_billed_by_hand(session, cast):
    share = given_session(session, cast)
    (invoice,) = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    invoice.lines[0].released_at = NOW  # as crediting the line leaves it
    session.get(Share, share.id).released_at = NOW
    session.flush()
    assert [each.is_released for each in work.uninvoiced(session, cast.fay, NOW)] == [True]
    assert len(invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)) == 1
