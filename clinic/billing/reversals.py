"""Undoing a payment that was recorded by mistake: a further transaction, never an eraser."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import ledger, payments, whereabouts
from clinic.billing.ledger import Leg
from clinic.kernel.errors import NotAllowedError, RefusalError
from clinic.models.money import Account, LedgerTransaction, MoneyEvent, Payment, Posting, Refund
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor, Permission


def undo(session: Session, who: Actor, payment_id: int, *, reason: str, now: datetime) -> Payment:
    """Reverse a payment recorded by mistake: its money was never there, and what it paid is owed again.

    Whoever recorded it may do so on the same day, later whoever may refund. Must run inside `writing()`.

    Raises:
        NotFoundError: there is no such payment, or it is not theirs.
        NotAllowedError: it is another's or another day's, and they may not refund.
        RefusalError: a card was charged for it, part of it was refunded, it is undone already, or no reason is given.
    """
    payment = payments.payment_for(session, who, payment_id)
    if not may_undo(session, who, payment, now):
        raise NotAllowedError("undo a payment")
    why = hindrance(session, payment)
    if why:
        raise RefusalError(why)
    if not reason.strip():
        raise RefusalError("Say why it was a mistake.", field="reason")
    legs = [
        *whereabouts.taking(session, payment, payment.amount_cents),
        Leg(Account.MONEY, payment.payer_id, -payment.amount_cents, payment_id=payment.id),
    ]
    ledger.post(session, who, MoneyEvent.REVERSED, legs, now, reverses_id=_received(session, payment.id))
    payment.reversed_at, payment.reversed_reason = now, reason.strip()
    session.flush()
    audit.record(session, who, "undid payment", "payment", payment.id, now, amount_cents=payment.amount_cents)
    return payment


def may_undo(session: Session, who: Actor, payment: Payment, now: datetime) -> bool:
    """Say whether they may undo it: their own of today, or any for who may refund."""
    house = settings.house(session)
    is_fresh = house.local_date(payment.created_at) == house.local_date(now)
    is_own = is_fresh and payment.created_by_id == who.user_id and who.may(Permission.TAKE_PAYMENTS)
    return is_own or who.may(Permission.REFUND)


def hindrance(session: Session, payment: Payment) -> str:
    """Say why a payment cannot be undone; nothing when it can."""
    if payment.reversed_at is not None:
        return "This payment was undone already."
    if payment.stripe_payment_intent is not None:
        return "A card was charged for this payment: refund it instead."
    if session.scalar(select(Refund.id).where(Refund.payment_id == payment.id).limit(1)) is not None:
        return "Part of this payment was given back already: it cannot be undone."
    return ""


def _received(session: Session, payment_id: int) -> int:
    return session.execute(
        select(LedgerTransaction.id)
        .join(Posting, Posting.transaction_id == LedgerTransaction.id)
        .where(Posting.payment_id == payment_id, LedgerTransaction.event == MoneyEvent.PAID, Posting.account == Account.MONEY)
    ).scalar_one()
