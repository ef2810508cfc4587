"""Disputes: a cardholder asks the bank for a payment back; the processor holds the money until it is won or lost."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import enrolments, ledger, whereabouts
from clinic.billing.ledger import Leg
from clinic.billing.processor import DisputeSeen
from clinic.models.money import Account, Dispute, DisputeStatus, MoneyEvent, Payment
from clinic.practice import audit
from clinic.practice.permissions import CLOCK

HOLD_REASON = "The cardholder disputes a payment; release it when you have agreed."


def notice(session: Session, seen: DisputeSeen, now: datetime) -> None:
    """Take in a dispute as the processor has it now, open or closed. Safe to repeat and in any order.

    While it is open the money is neither ours nor given back, and the payer is not charged by night. A lost one takes the
    payment back from where it stands, so that what it paid is owed again. Must run inside `writing()`.
    """
    payment = session.scalar(select(Payment).where(Payment.stripe_payment_intent == seen.payment_intent))
    if payment is None or seen.is_inquiry:
        return  # another practice may share the account, or the bank only asks
    dispute = session.scalar(select(Dispute).where(Dispute.stripe_dispute == seen.dispute))
    if dispute is None:
        dispute = _open(session, payment, seen, now)
    if dispute is None:
        return
    dispute.reason, dispute.respond_by = seen.reason, seen.respond_by
    if seen.is_won is not None and dispute.status is DisputeStatus.OPEN:
        _close(session, payment, dispute, now, is_won=seen.is_won)
    session.flush()


def _open(session: Session, payment: Payment, seen: DisputeSeen, now: datetime) -> Dispute | None:
    cents = min(seen.amount_cents, whereabouts.held_cents(session, payment.id))
    if cents <= 0:
        return None  # all of it was given back already
    legs = [
        Leg(Account.DISPUTED, payment.payer_id, cents, payment_id=payment.id),
        Leg(Account.MONEY, payment.payer_id, -cents, payment_id=payment.id),
    ]
    posted = ledger.post(session, CLOCK, MoneyEvent.DISPUTED, legs, now)
    dispute = Dispute(
        stripe_dispute=seen.dispute, payment_id=payment.id, amount_cents=cents, reason=seen.reason, opened_at=now,
        status=DisputeStatus.OPEN, transaction_id=posted,
    )  # fmt: skip
    session.add(dispute)
    session.flush()
    if enrolments.live(session, payment.payer_id) is not None:
        enrolments.hold(session, CLOCK, payment.payer_id, now, reason=HOLD_REASON)
    audit.record(session, CLOCK, "noticed dispute", "payment", payment.id, now, dispute_id=dispute.id, amount_cents=cents)
    return dispute


def _close(session: Session, payment: Payment, dispute: Dispute, now: datetime, *, is_won: bool) -> None:
    back = Leg(Account.DISPUTED, payment.payer_id, -dispute.amount_cents, payment_id=payment.id)
    if is_won:
        legs = [Leg(Account.MONEY, payment.payer_id, dispute.amount_cents, payment_id=payment.id), back]
        event, dispute.status = MoneyEvent.DISPUTE_WON, DisputeStatus.WON
    else:
        legs = [*whereabouts.taking(session, payment, dispute.amount_cents), back]
        event, dispute.status = MoneyEvent.DISPUTE_LOST, DisputeStatus.LOST
    dispute.closed_at, dispute.closing_id = now, ledger.post(session, CLOCK, event, legs, now)
    audit.record(
        session, CLOCK, "closed dispute", "payment", payment.id, now, dispute_id=dispute.id, outcome=dispute.status.value
    )
