"""Refunds: written down before the card is touched, finished after; never more than is left of the payment."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import cards, charges, enrolments, ledger, payments, whereabouts
from clinic.billing.ledger import Leg
from clinic.billing.processor import Gateway, GatewayError, RefundAnswer, RefundOrder, RefundSeen, Returned
from clinic.kernel import failpoints
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.money import Account, Method, MoneyEvent, Payment, Refund, RefundStatus
from clinic.practice import audit, once, settings
from clinic.practice.permissions import CLOCK, Actor, Permission

Door = Callable[[], AbstractContextManager[Session]]

UNRESOLVED = (RefundStatus.PENDING, RefundStatus.UNKNOWN)
STARTED = failpoints.declare("refund-started", "the refund is written down, the processor not asked yet")
ANSWERED = failpoints.declare("refund-answered", "the money went back, nothing of it written down")
POSTED = failpoints.declare("refund-posted", "the refund is posted, its transaction still open")
FINISHED = failpoints.declare("refund-finished", "the refund is posted and kept")
HOLD_REASON = "A payment was refunded; release it when what is owed again is settled."


@dataclass(frozen=True)
class Wanted:
    """Say what is to be given back. `invoice_id`: the invoice it is taken from first; else the credit, then the newest."""

    payment_id: int
    amount_cents: int
    method: Method
    reason: str = ""
    reference: str = ""
    refunded_date: date | None = None
    invoice_id: int | None = None
    holds_autopay: bool = False


def refundable_cents(session: Session, payment: Payment) -> int:
    """Return what may still be given back of a payment: what is left of it, less a refund under way."""
    under_way = session.scalar(
        select(func.sum(Refund.amount_cents)).where(Refund.payment_id == payment.id, Refund.status.in_(UNRESOLVED))
    )
    return max(whereabouts.held_cents(session, payment.id) - int(under_way or 0), 0)


def refundable_of(session: Session, payer_id: int) -> list[tuple[Payment, int]]:
    """List a payer's payments that something may be given back of, the newest first, each with the cents."""
    found = session.scalars(
        select(Payment).where(Payment.payer_id == payer_id, Payment.reversed_at.is_(None)).order_by(Payment.id.desc())
    )
    return [(payment, cents) for payment in found if (cents := refundable_cents(session, payment)) > 0]


def record(session: Session, who: Actor, wanted: Wanted, now: datetime) -> Refund:
    """Post a refund that was made by hand: in cash, by check, on the terminal. Must run inside `writing()`.

    Raises:
        NotAllowedError: they may not refund.
        NotFoundError: there is no such payment, or it is not theirs.
        RefusalError: it is more than is left, from a day to come, or to the card on file (use `to_card`).
        ClashError: an earlier refund of this payment is not answered yet.
    """
    if wanted.method is Method.ONLINE_CARD:
        raise RefusalError("Choose how the money was given back.", field="method")
    payment = _checked(session, who, wanted, now)
    refund = _written(session, who, payment, wanted, now)
    _post(session, refund, payment, now, who)
    _hold(session, who, payment, wanted, now)
    audit.record(
        session, who, "refunded by hand", "payment", payment.id, now,
        refund_id=refund.id, amount_cents=refund.amount_cents, method=refund.method.value,
    )  # fmt: skip
    return refund


def to_card(
    door: Door, gateway: Gateway | None, who: Actor, wanted: Wanted, now: datetime, *, once_key: str | None, then: str
) -> RefundAnswer:
    """Give money back to the card a payment came from. Call it with no door open; `door` is the writing one.

    Raises:
        RefusalError: cards are off, it was not paid by card here, or it is more than is left.
        ClashError: an earlier refund of this payment is not answered yet.
        AlreadyPostedError: this form was posted before.
    """
    if gateway is None:
        raise RefusalError(cards.NO_KEY, field="method")
    with door() as session:
        once.claim(session, who, once_key, now).location = then
        order = order_of(start(session, who, wanted, now))
    failpoints.reach(STARTED)
    answer = gateway.refund(order)
    failpoints.reach(ANSWERED)
    with door() as session:
        finish(session, order.refund_id, answer, now, who=who)
        failpoints.reach(POSTED)
    failpoints.reach(FINISHED)
    return answer


def start(session: Session, who: Actor, wanted: Wanted, now: datetime) -> Refund:
    """Write a refund to a card down. Must run inside `writing()`: what was checked there still holds."""
    payment = _checked(session, who, wanted, now)
    if payment.stripe_payment_intent is None:
        raise RefusalError("This was not paid by a card on file: record how the money was given back.", field="method")
    refund = _written(session, who, payment, wanted, now)
    refund.idempotency_key, refund.stripe_payment_intent = secrets.token_urlsafe(24), payment.stripe_payment_intent
    session.flush()
    _hold(session, who, payment, wanted, now)
    audit.record(
        session, who, "started refund", "payment", payment.id, now, refund_id=refund.id, amount_cents=refund.amount_cents
    )
    return refund


def finish(session: Session, refund_id: int, answer: RefundAnswer, now: datetime, *, who: Actor | None = None) -> Refund:
    """Write down what became of a refund: the answer, a webhook and the look-up all come here. Safe to repeat.

    Raises:
        NotFoundError: there is no such refund.
    """
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFoundError("refund")
    who = who or (Actor(user_id=refund.started_by_id, practitioners_see_all=True) if refund.started_by_id else CLOCK)
    payment = session.get_one(Payment, refund.payment_id)
    is_open = refund.status in UNRESOLVED
    if answer.returned is Returned.UNKNOWN:
        if is_open:
            refund.status, refund.tries, refund.message = RefundStatus.UNKNOWN, refund.tries + 1, answer.message
        return refund
    if answer.returned is Returned.DONE and is_open:
        refund.stripe_refund = answer.stripe_refund
        _post(session, refund, payment, now, who)
    elif answer.returned is Returned.FAILED and refund.status is not RefundStatus.FAILED:
        if refund.status is RefundStatus.DONE:
            _came_back(session, refund, payment, now, who)
        refund.status, refund.finished_at, refund.message = RefundStatus.FAILED, now, answer.message
        refund.stripe_refund = refund.stripe_refund or answer.stripe_refund
    else:
        return refund
    session.flush()
    audit.record(
        session, who, "finished refund", "payment", payment.id, now,
        refund_id=refund.id, outcome=refund.status.value, amount_cents=refund.amount_cents,
    )  # fmt: skip
    return refund


def notice(session: Session, seen: RefundSeen, now: datetime) -> None:
    """Take in a refund as the processor has it: finish ours, or record one made on its own pages. Safe to repeat."""
    known = session.scalar(select(Refund).where(Refund.stripe_refund == seen.answer.stripe_refund))
    if known is None and seen.refund_id is not None:
        known = session.get(Refund, seen.refund_id)
        if known is not None and (known.stripe_payment_intent, known.amount_cents) != (seen.payment_intent, seen.amount_cents):
            known = None
    if known is not None:
        finish(session, known.id, seen.answer, now)
        return
    payment = session.scalar(select(Payment).where(Payment.stripe_payment_intent == seen.payment_intent))
    if payment is None or seen.answer.returned is not Returned.DONE:
        return
    if seen.amount_cents > refundable_cents(session, payment):
        return  # the rest of it is written down already: as a refund by hand, or one under way
    wanted = Wanted(payment.id, seen.amount_cents, Method.ONLINE_CARD, reason="Made on the card processor's own pages")
    refund = _written(session, CLOCK, payment, wanted, now)
    refund.stripe_refund, refund.stripe_payment_intent = seen.answer.stripe_refund, seen.payment_intent
    _post(session, refund, payment, now, CLOCK)
    audit.record(session, CLOCK, "noticed refund", "payment", payment.id, now, refund_id=refund.id)


def due_unresolved(session: Session, now: datetime) -> list[int]:
    """List the refunds without an answer that are to be looked into now, oldest first."""
    found = session.scalars(select(Refund).where(Refund.status.in_(UNRESOLVED)).order_by(Refund.id))
    waits = charges.WAITS
    return [each.id for each in found if each.tries < len(waits) and each.started_at + waits[each.tries] <= now]


def resolve(door: Door, gateway: Gateway, refund_id: int, now: datetime) -> RefundAnswer | None:
    """Find out what became of a refund: among the charge's refunds, else by sending it again under the same key.

    After the key's life it is never sent again: then it is left for a person.
    """
    with door() as session:
        refund = session.get(Refund, refund_id)
        if refund is None or refund.status not in UNRESOLVED:
            return None
        order, may_send = order_of(refund), now - refund.started_at < charges.KEY_LIFE
    try:
        answer = next((each.answer for each in gateway.refunds(order.payment_intent) if each.refund_id == refund_id), None)
    except GatewayError:
        answer, may_send = RefundAnswer(Returned.UNKNOWN, message="The card processor does not answer."), False
    if answer is None and may_send:
        answer = gateway.refund(order)
    answer = answer or RefundAnswer(Returned.UNKNOWN, message="The card processor knows of no such refund so far.")
    with door() as session:
        finish(session, refund_id, answer, now)
    return answer


def close_by_hand(session: Session, who: Actor, refund_id: int, now: datetime) -> None:
    """Say that a refund without an answer was never made: a person looked at the processor's own pages.

    Raises:
        NotFoundError: there is no such refund, or it has its answer.
        RefusalError: it may still be answered by itself.
    """
    who.must(Permission.REFUND)
    refund = session.get(Refund, refund_id)
    if refund is None or refund.status not in UNRESOLVED:
        raise NotFoundError("refund")
    if now - refund.started_at < charges.KEY_LIFE:
        raise RefusalError("This refund may still be answered by itself. Wait a day from when it was made.")
    finish(session, refund_id, RefundAnswer(Returned.FAILED, message="Closed by hand: nothing was given back."), now, who=who)


def order_of(refund: Refund) -> RefundOrder:
    """Return what a refund to a card sends, as plain values that may leave the door."""
    assert refund.stripe_payment_intent is not None
    assert refund.idempotency_key is not None
    return RefundOrder(refund.stripe_payment_intent, refund.amount_cents, refund.idempotency_key, refund.id)


def _checked(session: Session, who: Actor, wanted: Wanted, now: datetime) -> Payment:
    who.must(Permission.REFUND)
    payment = payments.payment_for(session, who, wanted.payment_id)
    if session.scalar(select(Refund.id).where(Refund.payment_id == payment.id, Refund.status.in_(UNRESOLVED))) is not None:
        raise ClashError("An earlier refund of this payment has not been answered yet. It is looked into every few minutes.")
    house = settings.house(session)
    if wanted.refunded_date is not None and wanted.refunded_date > house.local_date(now):
        raise RefusalError("A refund cannot be from a day to come.", field="refunded")
    left = refundable_cents(session, payment)
    if wanted.amount_cents <= 0:
        raise RefusalError("Enter an amount above zero.", field="amount")
    if wanted.amount_cents > left:
        raise RefusalError(f"{house.money(left)} is left of this payment." if left else "Nothing is left of this payment.",
                           field="amount")  # fmt: skip
    return payment


def _written(session: Session, who: Actor, payment: Payment, wanted: Wanted, now: datetime) -> Refund:
    refund = Refund(
        payment_id=payment.id, invoice_id=wanted.invoice_id, method=wanted.method, amount_cents=wanted.amount_cents,
        reason=wanted.reason, reference=wanted.reference, started_at=now, started_by_id=who.user_id, tries=0,
        refunded_date=wanted.refunded_date or settings.house(session).local_date(now), status=RefundStatus.PENDING,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    return refund


def _post(session: Session, refund: Refund, payment: Payment, now: datetime, who: Actor) -> None:
    legs = [
        *whereabouts.taking(session, payment, refund.amount_cents, first=refund.invoice_id),
        Leg(Account.MONEY, payment.payer_id, -refund.amount_cents, payment_id=payment.id),
    ]
    posted = ledger.post(session, who, MoneyEvent.REFUNDED, legs, now)
    refund.status, refund.finished_at, refund.transaction_id, refund.message = RefundStatus.DONE, now, posted, ""
    session.flush()


def _came_back(session: Session, refund: Refund, payment: Payment, now: datetime, who: Actor) -> None:
    # The invoice may have been credited or paid otherwise since: what came back is the payer's credit.
    legs = [
        Leg(Account.MONEY, payment.payer_id, refund.amount_cents, payment_id=payment.id),
        Leg(Account.UNALLOCATED, payment.payer_id, -refund.amount_cents, payment_id=payment.id),
    ]
    ledger.post(session, who, MoneyEvent.REFUND_FAILED, legs, now, reverses_id=refund.transaction_id)


def _hold(session: Session, who: Actor, payment: Payment, wanted: Wanted, now: datetime) -> None:
    # What is owed again would be charged to the same card the coming night.
    if wanted.holds_autopay and enrolments.live(session, payment.payer_id) is not None:
        enrolments.hold(session, who, payment.payer_id, now, reason=HOLD_REASON)
