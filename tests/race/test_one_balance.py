"""Many processes reach for the same money in the same second: what is charged is what is booked, and nothing happens twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from clinic.billing import charges, invoices, ledger
from clinic.billing.autopay import start_attempt
from clinic.billing.invoices import NewLine
from clinic.models.money import Method, Payment
from clinic.office import verify
from tests.crash.process import Deed, live_at_once
from tests.night_fixtures import gateway, stand_in
from tests.night_stage import (
    DAY,
    NIGHT,
    attempts_of,
    bills_daily,
    counts,
    enrolled,
    give,
    invoices_of,
    paid_charges,
    ran,
    with_card,
)
from tests.warm_server import warm_server

__all__ = ["gateway", "stand_in", "warm_server"]


@pytest.fixture
def stage(write, cast, stand_in):
    """Cleo and Otto are in AutoPay and have cards."""
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        ran(session, DAY, job="autopay")
        for payer_id in (cast.cleo_payer_id, cast.otto_payer_id):
            with_card(session, stand_in, payer_id)
            enrolled(session, payer_id)


@pytest.fixture
def invoice_id(write, cast, stage):
    """Cleo owes $300 on one invoice."""
    with write() as session:
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
        invoices.add_line(session, made, NewLine("Therapy", 30_000))
        invoices.issue(session, cast.fay, made, NIGHT)
        return made.id


@pytest.fixture
def at_once(database, stand_in, warm_server, tmp_path):
    """Let a process each do its deed, all let go at the same moment."""

    def let_go(*deeds):
        where = (database[0], stand_in.url, str(tmp_path))
        assert warm_server.race(*((live_at_once, (*where, deed)) for deed in deeds)) == [0] * len(deeds)

    return let_go


def test_four_processes_tick_at_midnight_and_everything_happens_once(database, rows, write, cast, stage, stand_in, at_once):
    with write() as session:
        for hour in range(8, 14):
            give(session, cast, hour=hour)
            give(session, cast, hour=hour, client_id=cast.otto_id)
    at_once(*[Deed("night", cast.fay)] * 4)
    with rows() as session:
        assert [invoice.total_cents for invoice in invoices_of(session)] == [90_000, 90_000]
        assert counts(session) == {"invoices": 2, "issued": 2, "payments": 2, "paid postings": 2, "money legs": 2}
        assert list(verify.findings(session)) == []
    assert sorted(charge["amount"] for charge in paid_charges(stand_in)) == [90_000, 90_000]


def test_two_at_the_desk_and_the_night_pay_one_balance_and_no_cent_is_made_or_lost(
    database, rows, cast, invoice_id, stand_in, at_once
):
    deed = Deed("panel", cast.fay, cast.cleo_payer_id, invoice_id)
    at_once(
        deed, replace(deed, name="cash", who=cast.bill, key="the-key-of-another-persons-form"),
        replace(deed, name="night"),
    )  # fmt: skip
    with rows() as session:
        made = session.query(Payment).all()
        by_card = sum(each.amount_cents for each in made if each.method is Method.ONLINE_CARD)
        # The card is charged at most once: who comes second finds nothing owed, or a charge under way.
        assert [charge["amount"] for charge in paid_charges(stand_in)] == ([30_000] if by_card else [])
        assert by_card in (0, 30_000)
        assert sum(each.amount_cents for each in made) == by_card + 30_000
        sums = ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id]
        assert (sums.owed_cents, sums.unallocated_cents) == (0, by_card)
        assert list(verify.findings(session)) == []


def test_two_refunds_of_one_payment_give_it_back_once(database, rows, write, cast, invoice_id, stand_in, gateway, at_once):
    with write() as session:
        wanted = charges.charge_of(start_attempt(session, cast.cleo_payer_id, NIGHT))
    charges.carry_out(write, gateway, wanted, NIGHT)
    with rows() as session:
        payment_id = attempts_of(session, cast.cleo_payer_id)[0].payment_id
    deed = Deed("refund", cast.olga, cast.cleo_payer_id, invoice_id, payment_id)
    at_once(deed, *(replace(deed, key=f"the-key-of-form-number-{at}") for at in range(3)))
    assert [charge["amount_refunded"] for charge in stand_in.charges()] == [30_000]
    with rows() as session:
        assert counts(session)["money legs"] == 2
        assert ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id].balance_cents == 30_000
        assert list(verify.findings(session)) == []


def test_a_webhook_that_comes_before_the_reply_posts_once(database, rows, write, cast, invoice_id, stand_in, gateway, at_once):
    with write() as session:
        wanted = charges.charge_of(start_attempt(session, cast.cleo_payer_id, NIGHT))
    reply = gateway.charge(wanted)
    deed = Deed("webhook", cast.olga, cast.cleo_payer_id, invoice_id, intent=reply.payment_intent)
    at_once(*[deed] * 3)
    with write() as session:
        charges.finish(session, wanted.attempt_id, reply, NIGHT)
    with rows() as session:
        assert counts(session) == {"invoices": 1, "issued": 1, "payments": 1, "paid postings": 1, "money legs": 1}
        assert list(verify.findings(session)) == []
