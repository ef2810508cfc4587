"""Money received: posted once, put on invoices, the rest the payer's credit."""

from datetime import date, timedelta

import pytest

from clinic.billing import invoices, ledger, panel, payments
from clinic.billing.invoices import NewLine
from clinic.billing.panel import Standing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.money import Card, ChargeAttempt, ChargePurpose, Method
from tests.cast import NOW


def _owing(session, cast, cents, *, days_ago=0, payer_id=None, client_id=None):
    made = invoices.draft(
        session, cast.fay, payer_id=payer_id or cast.cleo_payer_id, client_id=client_id or cast.cleo_id, now=NOW
    )
    invoices.add_line(session, made, NewLine(description="Therapy", unit_cents=cents))
    invoices.issue(session, cast.fay, made, NOW, issue_date=NOW.date() - timedelta(days=days_ago))
    return made


def _pay(session, cast, cents, **how):
    how = {"payer_id": cast.cleo_payer_id, "method": Method.CASH, "now": NOW} | how
    return payments.record(session, cast.fay, amount_cents=cents, **how)


def test_a_payment_goes_on_the_invoice_it_names_and_the_rest_is_credit(session, cast):
    older, chosen = _owing(session, cast, 15_000, days_ago=9), _owing(session, cast, 8_000)
    _pay(session, cast, 10_000, invoice_id=chosen.id)
    assert ledger.owed_cents(session, [older.id, chosen.id]) == {older.id: 15_000, chosen.id: 0}
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 2_000
    assert ledger.payer_balance_cents(session, cast.cleo_payer_id) == 13_000


def test_a_payment_without_an_invoice_goes_on_the_oldest_first(session, cast):
    newer, older = _owing(session, cast, 15_000, days_ago=1), _owing(session, cast, 8_000, days_ago=9)
    _pay(session, cast, 10_000)
    assert ledger.owed_cents(session, [older.id, newer.id]) == {older.id: 0, newer.id: 13_000}


def test_credit_is_applied_oldest_first_and_only_once(session, cast):
    for cents in (3_000, 4_000):
        _pay(session, cast, cents)
    invoice = _owing(session, cast, 5_000)
    assert payments.apply_credit(session, cast.fay, payer_id=cast.cleo_payer_id, now=NOW, invoice_id=invoice.id) == 5_000
    assert [each.amount_cents for each in payments.settlements(session, [invoice.id])[invoice.id]] == [3_000, 2_000]
    assert payments.apply_credit(session, cast.fay, payer_id=cast.cleo_payer_id, now=NOW) == 0
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 2_000


def test_a_payment_on_a_draft_issues_it(session, cast):
    made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_line(session, made, NewLine(description="Therapy", unit_cents=15_000))
    _pay(session, cast, 15_000, invoice_id=made.id)
    assert made.number == "INV-0001"
    assert invoices.states(session, [made], NOW.date())[made.id].word == "Paid"


def test_more_than_is_owed_asks_first(session, cast):
    invoice = _owing(session, cast, 15_000)
    with pytest.raises(RefusalError, match=r"\$150\.00 is owed") as refusal:
        _pay(session, cast, 20_000, invoice_id=invoice.id, confirms_more=False)
    assert refusal.value.field == "confirms_more"
    _pay(session, cast, 20_000, invoice_id=invoice.id, confirms_more=True)
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 5_000


@pytest.mark.parametrize(
    ("purpose", "on_it", "asks"), [("panel", True, True), ("autopay", False, True), ("panel", False, False)]
)
def test_a_payment_beside_a_charge_without_an_answer_asks_first(session, cast, purpose, on_it, asks):
    invoice, other = _owing(session, cast, 15_000), _owing(session, cast, 9_000)
    card = Card(contact_id=cast.cleo_payer_id, stripe_payment_method="pm_1", brand="visa", last4="4242", exp_month=1,
                exp_year=2040, created_at=NOW, is_default=True)  # fmt: skip
    session.add(card)
    session.flush()
    session.add(ChargeAttempt(
        purpose=ChargePurpose(purpose), contact_id=cast.cleo_payer_id, local_date=NOW.date(), card_id=card.id,
        amount_cents=15_000, invoice_id=None if purpose == "autopay" else invoice.id if on_it else other.id, currency="USD",
        description="Balance",
        stripe_customer="cus_1", stripe_payment_method="pm_1", idempotency_key="k" * 30, started_at=NOW,
    ))  # fmt: skip
    if asks:
        with pytest.raises(RefusalError, match=r"A card charge of \$150\.00 has no answer yet") as refusal:
            _pay(session, cast, 15_000, invoice_id=invoice.id, confirms_more=False)
        assert refusal.value.field == "confirms_more"
    _pay(session, cast, 15_000, invoice_id=invoice.id, confirms_more=asks)
    assert ledger.owed_cents(session, [invoice.id]) == {invoice.id: 0}


@pytest.mark.parametrize("cents", [0, -5, 100_000_001])
def test_amounts_that_cannot_be_received_are_refused(session, cast, cents):
    with pytest.raises(RefusalError) as refusal:
        _pay(session, cast, cents)
    assert refusal.value.field == "amount"


def test_a_payment_is_not_from_a_day_to_come(session, cast):
    with pytest.raises(RefusalError) as refusal:
        _pay(session, cast, 100, received_date=date(2026, 11, 19))
    assert refusal.value.field == "received"
    assert _pay(session, cast, 100, received_date=date(2026, 11, 1)).received_date == date(2026, 11, 1)


def test_another_payers_invoice_is_not_found(session, cast):
    invoice = _owing(session, cast, 15_000, payer_id=cast.otto_payer_id, client_id=cast.otto_id)
    with pytest.raises(NotFoundError):
        _pay(session, cast, 100, invoice_id=invoice.id)
    with pytest.raises(NotFoundError):
        _pay(session, cast, 100, payer_id=999_999)


def test_the_panel_remembers_how_a_payer_paid_last(session, cast):
    assert panel.standing(session, cast.cleo_payer_id) == Standing(0, None, None, 0)
    _pay(session, cast, 100, method=Method.CHECK)
    _pay(session, cast, 100, method=Method.CASH, payer_id=cast.otto_payer_id)
    assert panel.standing(session, cast.cleo_payer_id) == Standing(100, Method.CHECK, None, 0)


def test_a_payment_goes_on_the_invoices_chosen_oldest_first_and_the_rest_is_credit(session, cast):
    first, second, third = (_owing(session, cast, 10_000, days_ago=at) for at in (3, 2, 1))
    ids = [each.id for each in (first, second, third)]
    wanted = {"payer_id": cast.cleo_payer_id, "method": Method.CASH, "now": NOW}
    payments.record(session, cast.fay, **wanted, amount_cents=12_000, invoice_ids=(ids[2], ids[1]))
    assert ledger.owed_cents(session, ids) == {ids[0]: 10_000, ids[1]: 0, ids[2]: 8_000}
    with pytest.raises(RefusalError, match="owes nothing any more"):
        payments.record(session, cast.fay, **wanted, amount_cents=1, invoice_ids=(ids[1],))
    with pytest.raises(RefusalError, match=r"\$80\.00 is owed"):
        payments.record(session, cast.fay, **wanted, amount_cents=9_000, invoice_ids=(ids[2],), confirms_more=False)
    payments.record(session, cast.fay, **wanted, amount_cents=9_000, invoice_ids=(ids[2],))
    assert ledger.owed_cents(session, ids) == {ids[0]: 10_000, ids[1]: 0, ids[2]: 0}
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 1_000
