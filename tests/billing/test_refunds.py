"""Money goes back where it came from, never more than came in, once, and leaves no credit that nobody paid for."""

from datetime import timedelta

import pytest

from clinic.billing import (
    charges,
    credit_notes,
    daily,
    enrolments,
    invoices,
    ledger,
    leftovers,
    panel,
    payments,
    refunds,
    reversals,
    whereabouts,
)
from clinic.billing.charges import Wanted as Charge
from clinic.billing.invoices import NewLine
from clinic.billing.panel import Standing
from clinic.billing.processor import RefundAnswer, RefundSeen, Returned
from clinic.billing.refunds import Wanted
from clinic.kernel.errors import ClashError, NotAllowedError, NotFoundError, RefusalError
from clinic.models.billing import Invoice
from clinic.models.money import Method, Refund, RefundStatus
from clinic.office import verify
from clinic.practice import once
from tests.night_stage import NIGHT, enrolled, with_card

DAY = timedelta(days=1)


def issued(session, cast, cents=15_000, payer_id=None):
    invoice = invoices.draft(session, cast.fay, payer_id=payer_id or cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
    invoices.add_line(session, invoice, NewLine(description="Therapy, 50 minutes", unit_cents=cents))
    invoices.issue(session, cast.fay, invoice, NIGHT)
    return invoice.id


def cash(session, cast, cents, **more):
    return payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=cents, now=NIGHT,
                           **more)  # fmt: skip


def sums(session, cast):
    found = ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id]
    return found.owed_cents, found.unallocated_cents


def given_back(payment, cents, **more):
    return Wanted(payment.id, cents, Method.CASH, reason="Asked for it", **more)


def test_a_refund_takes_the_credit_first_then_the_invoice_paid_last_and_makes_no_credit(session, cast):
    first, second = issued(session, cast, 10_000), issued(session, cast, 5_000)
    payment = cash(session, cast, 17_000)
    assert sums(session, cast) == (0, 2_000)
    refunds.record(session, cast.bill, given_back(payment, 3_000), NIGHT)
    assert sums(session, cast) == (1_000, 0)
    assert ledger.owed_cents(session, [first, second]) == {first: 0, second: 1_000}
    refunds.record(session, cast.bill, given_back(payment, 4_000, invoice_id=first), NIGHT)
    assert ledger.owed_cents(session, [first, second]) == {first: 4_000, second: 1_000}
    assert refunds.refundable_cents(session, payment) == 10_000
    with pytest.raises(RefusalError, match=r"\$100\.00 is left"):
        refunds.record(session, cast.bill, given_back(payment, 10_001), NIGHT)
    refunds.record(session, cast.bill, given_back(payment, 10_000), NIGHT)
    assert sums(session, cast) == (15_000, 0)
    assert whereabouts.of(session, payment.id) == []
    with pytest.raises(RefusalError, match="Nothing is left"):
        refunds.record(session, cast.bill, given_back(payment, 1), NIGHT)
    [paid] = [invoices.states(session, [session.get(Invoice, first)], NIGHT.date())[first]]
    assert (paid.word, paid.paid_cents) == ("Unpaid", 0)
    assert list(verify.findings(session)) == []


def test_what_a_credit_note_frees_is_refunded_from_the_credit_and_nothing_is_owed_again(session, cast):
    invoice_id = issued(session, cast)
    payment = cash(session, cast, 15_000)
    invoice = invoices.invoice_for(session, cast.olga, invoice_id)
    credit_notes.credit(session, cast.olga, invoice, NIGHT)
    assert sums(session, cast) == (0, 15_000)
    refunds.record(session, cast.bill, given_back(payment, 15_000), NIGHT)
    assert sums(session, cast) == (0, 0)
    assert list(verify.findings(session)) == []


@pytest.mark.parametrize(("who", "is_allowed"), [("olga", True), ("bill", True), ("fay", False), ("pat", False)])
def test_only_the_owner_and_the_biller_refund(session, cast, who, is_allowed):
    issued(session, cast)
    payment = cash(session, cast, 15_000)
    if is_allowed:
        assert refunds.record(session, getattr(cast, who), given_back(payment, 100), NIGHT).status is RefundStatus.DONE
    else:
        with pytest.raises(NotAllowedError):
            refunds.record(session, getattr(cast, who), given_back(payment, 100), NIGHT)


def test_a_payment_typed_by_mistake_is_undone_once_by_a_further_transaction(session, cast):
    invoice_id = issued(session, cast)
    payment = cash(session, cast, 20_000)
    for who, at in ((cast.pat, NIGHT), (cast.fay, NIGHT + DAY)):  # another's, and yesterday's
        with pytest.raises(NotAllowedError):
            reversals.undo(session, who, payment.id, reason="Typed twice", now=at)
    reversals.undo(session, cast.fay, payment.id, reason="Typed twice", now=NIGHT)
    assert sums(session, cast) == (15_000, 0)
    assert payments.settlements(session, [invoice_id])[invoice_id] == []
    assert panel.standing(session, cast.cleo_payer_id) == Standing(0, None, None, 0)
    with pytest.raises(RefusalError, match="undone already"):
        reversals.undo(session, cast.olga, payment.id, reason="Again", now=NIGHT)
    with pytest.raises(RefusalError, match="Nothing is left"):
        refunds.record(session, cast.olga, given_back(payment, 1), NIGHT)
    other = cash(session, cast, 1_000)
    refunds.record(session, cast.olga, given_back(other, 100), NIGHT)
    with pytest.raises(RefusalError, match="given back already"):
        reversals.undo(session, cast.olga, other.id, reason="No", now=NIGHT)
    assert list(verify.findings(session)) == []


@pytest.fixture
def charged(write, cast, stand_in, gateway):
    """Pay an invoice of $150 with the card on file; return the payment's id."""
    with write() as session:
        invoice_id = issued(session, cast)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
    wanted = Charge(invoice_id, 15_000, once.new_key(), "/")
    charges.charge_from_panel(write, gateway, cast.fay, wanted, NIGHT)
    with write() as session:
        return payments.settlements(session, [invoice_id])[invoice_id][0].payment_id


def to_card(write, gateway, cast, payment_id, cents, *, at=NIGHT, key=None):
    wanted = Wanted(payment_id, cents, Method.ONLINE_CARD, reason="Asked for it", holds_autopay=True)
    return refunds.to_card(write, gateway, cast.bill, wanted, at, once_key=key or once.new_key(), then="/")


def refunded(stand_in):
    return sum(charge["amount_refunded"] for charge in stand_in.charges())


def test_a_refund_to_the_card_moves_the_money_once_and_holds_autopay(write, rows, cast, stand_in, gateway, charged):
    assert to_card(write, gateway, cast, charged, 5_000).returned is Returned.DONE
    with pytest.raises(RefusalError, match=r"\$100\.00 is left"):
        to_card(write, gateway, cast, charged, 10_001)
    to_card(write, gateway, cast, charged, 10_000)
    assert refunded(stand_in) == 15_000
    with rows() as session:
        assert sums(session, cast) == (15_000, 0)
        assert enrolments.live(session, cast.cleo_payer_id).held_reason == refunds.HOLD_REASON
        assert list(verify.findings(session)) == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "error_after", "error_before"])
def test_an_unknown_refund_is_resolved_with_its_own_key(write, rows, cast, stand_in, gateway, charged, fault):
    stand_in.fault("/v1/refunds", fault)
    assert to_card(write, gateway, cast, charged, 5_000).returned is Returned.UNKNOWN
    with pytest.raises(ClashError):
        to_card(write, gateway, cast, charged, 5_000)
    with rows() as session:
        assert sums(session, cast) == (0, 0), "nothing is posted before the answer"
        [refund_id] = refunds.due_unresolved(session, NIGHT + timedelta(minutes=5))
    for _ in range(2):
        refunds.resolve(write, gateway, refund_id, NIGHT + timedelta(minutes=5))
    with rows() as session:
        refund = session.get(Refund, refund_id)
        # A 500 before anything ran is the processor's own final word for this key.
        assert refund.status is (
            RefundStatus.UNKNOWN if fault == "error_before" and refunded(stand_in) == 0 else RefundStatus.DONE
        )
        assert list(verify.findings(session)) == []
    assert refunded(stand_in) in ({0, 5_000} if fault == "error_before" else {5_000})


def left_for_a_person(session, now):
    day = NIGHT.date()
    return [each for each in leftovers.all_of(session, daily.survey(session, day), day, now) if each.payment_id]


def test_after_a_day_an_unknown_refund_is_never_sent_again_and_left_for_a_person(
    write, rows, cast, stand_in, gateway, charged, as_
):
    stand_in.fault("/v1/refunds", "lost_before")
    to_card(write, gateway, cast, charged, 5_000)
    with rows() as session:
        [refund_id] = refunds.due_unresolved(session, NIGHT + DAY)
        assert left_for_a_person(session, NIGHT + charges.KEY_LIFE - timedelta(seconds=1)) == [], (
            "it may still be answered by itself"
        )
    refunds.resolve(write, gateway, refund_id, NIGHT + DAY)
    assert refunded(stand_in) == 0
    with rows() as session:
        [left] = left_for_a_person(session, NIGHT + DAY)
    assert (left.name, left.amount_cents, left.payment_id, left.attempt_id) == ("Cleo Abernathy", 5_000, charged, None)
    assert "this refund" in left.words
    assert f'<a class="btn" href="/payments/{charged}/">Open the payment' in as_("bill").get("/invoices/tonight").text
    with write() as session:
        with pytest.raises(RefusalError, match="may still be answered"):
            refunds.close_by_hand(session, cast.bill, refund_id, NIGHT)
        refunds.close_by_hand(session, cast.bill, refund_id, NIGHT + DAY)
        with pytest.raises(NotFoundError):
            refunds.close_by_hand(session, cast.bill, refund_id, NIGHT + DAY)
        assert left_for_a_person(session, NIGHT + DAY) == []
    assert to_card(write, gateway, cast, charged, 5_000).returned is Returned.DONE


def test_what_the_processor_tells_of_a_refund_is_taken_in_once(write, rows, cast, stand_in, gateway, charged):
    to_card(write, gateway, cast, charged, 5_000)
    with rows() as session:
        intent = session.get(payments.Payment, charged).stripe_payment_intent
    # One more made on the processor's own pages, told twice, then sent back by the bank.
    foreign = RefundSeen(intent, None, 2_000, RefundAnswer(Returned.DONE, "re_dashboard"))
    with write() as session:
        for seen in (*gateway.refunds(intent), foreign, foreign, *gateway.refunds(intent)):
            refunds.notice(session, seen, NIGHT)
        assert sums(session, cast) == (7_000, 0)
        for _ in range(2):
            refunds.notice(session, RefundSeen(intent, None, 2_000, RefundAnswer(Returned.FAILED, "re_dashboard")), NIGHT)
        assert sums(session, cast) == (7_000, 2_000), "what came back is the payer's credit"
        assert list(verify.findings(session)) == []
