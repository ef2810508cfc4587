"""The ledger against a naive model: whatever happens in whatever order, nothing is made and nothing is lost."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from clinic.billing import invoices, ledger, payments
from clinic.billing.invoices import NewLine
from clinic.billing.ledger import Leg
from clinic.kernel.database import writing
from clinic.models.billing import Invoice
from clinic.models.money import Account, Method, MoneyEvent, Posting
from tests.cast import NOW

EXAMPLES = 30
CENTS = st.integers(min_value=0, max_value=40_000)
PAYER = st.integers(min_value=0, max_value=1)
STEP = st.one_of(
    st.tuples(st.just("issue"), PAYER, CENTS),
    st.tuples(st.just("pay any"), PAYER, CENTS),
    st.tuples(st.just("pay one"), PAYER, CENTS),
    st.tuples(st.just("apply"), PAYER, CENTS),
    st.tuples(st.just("issue and fail"), PAYER, CENTS),
)


class _UndoneError(Exception):
    pass


class Naive:
    """Hold what a child with two jars would say: what each invoice lacks, and what is in each payer's jar."""

    def __init__(self, payer_ids):
        self.payer_ids = payer_ids
        self.lacks = {payer_id: {} for payer_id in payer_ids}  # invoice id to cents, oldest first
        self.jar = dict.fromkeys(payer_ids, 0)

    def fill(self, payer_id, cents, invoice_id=None):
        chosen = [invoice_id] if invoice_id else list(self.lacks[payer_id])
        for each in chosen:
            part = min(cents, self.lacks[payer_id][each])
            self.lacks[payer_id][each] -= part
            cents -= part
        return cents


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=14))
def test_whatever_is_issued_and_paid_the_ledger_agrees_with_a_naive_model(app, cast, steps):
    naive = Naive((cast.cleo_payer_id, cast.otto_payer_id))
    clients = dict(zip(naive.payer_ids, (cast.cleo_id, cast.otto_id), strict=True))
    with app.app_context(), suppress(_UndoneError), writing() as session:
        for verb, at, cents in steps:
            _take(session, cast, naive, clients, (verb, naive.payer_ids[at], cents))
            _compare(session, naive)
        raise _UndoneError


def _take(session, cast, naive, clients, step):
    verb, payer_id, cents = step
    owing = [each for each, lack in naive.lacks[payer_id].items() if lack]
    if verb.startswith("issue"):
        with suppress(_UndoneError), session.begin_nested():
            made = invoices.draft(session, cast.fay, payer_id=payer_id, client_id=clients[payer_id], now=NOW)
            invoices.add_line(session, made, NewLine(description="Therapy", unit_cents=cents, tax_bp=825))
            invoices.issue(session, cast.fay, made, NOW)
            if verb == "issue and fail":
                raise _UndoneError
            naive.lacks[payer_id][made.id] = made.total_cents
    elif verb == "apply":
        put = payments.apply_credit(session, cast.fay, payer_id=payer_id, now=NOW)
        before = naive.jar[payer_id]
        naive.jar[payer_id] = naive.fill(payer_id, before)
        assert put == before - naive.jar[payer_id]
    elif cents:
        invoice_id = owing[cents % len(owing)] if verb == "pay one" and owing else None
        payments.record(
            session, cast.fay, payer_id=payer_id, method=Method.CASH, amount_cents=cents, now=NOW, invoice_id=invoice_id
        )
        naive.jar[payer_id] += naive.fill(payer_id, cents, invoice_id)


def _compare(session, naive):
    unbalanced = select(Posting.transaction_id).group_by(Posting.transaction_id).having(func.sum(Posting.amount_cents) != 0)
    assert session.scalars(unbalanced).all() == []
    serials = session.scalars(select(Invoice.serial).order_by(Invoice.serial)).all()
    assert serials == list(range(1, len(serials) + 1))
    for payer_id in naive.payer_ids:
        lacks, jar = naive.lacks[payer_id], naive.jar[payer_id]
        assert ledger.owed_cents(session, list(lacks)) == lacks
        assert ledger.payer_owed_cents(session, payer_id) == sum(lacks.values())
        assert ledger.unallocated_cents(session, payer_id) == jar
        assert sum(cents for _, cents in ledger.unallocated_by_payment(session, payer_id)) == jar
        assert ledger.payer_balance_cents(session, payer_id) == sum(lacks.values()) - jar


def test_a_transaction_that_does_not_sum_to_zero_is_never_written(session, cast):
    legs = [
        Leg(Account.MONEY, cast.cleo_payer_id, 100),
        Leg(Account.UNALLOCATED, cast.cleo_payer_id, -99),
    ]
    with pytest.raises(AssertionError, match="zero"):
        ledger.post(session, cast.fay, MoneyEvent.PAID, legs, NOW)
