"""Charges: written down before the card is touched, finished after, so that a crash in between never charges twice."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import cards, enrolments, invoices, ledger, payments, states
from clinic.billing.stripe_gateway import Charge, Gateway, GatewayError, Outcome, Verdict
from clinic.kernel import clock, failpoints
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.money import Card, ChargeAttempt, ChargePurpose, ChargeStatus, Method
from clinic.models.people import Contact
from clinic.practice import audit, once, settings
from clinic.practice.permissions import CLOCK, Actor

# A writing door, handed in: an area never opens one itself, and none is open while the processor is asked.
Door = Callable[[], AbstractContextManager[Session]]

UNRESOLVED = (ChargeStatus.PENDING, ChargeStatus.UNKNOWN)
WINDOW_HOURS = 6  # AutoPay charges from midnight up to, not including, this hour of the practice's clock
KEY_LIFE = timedelta(hours=23)  # the processor forgets a key after a day; then a repeat would be a new charge
# After so long an unresolved attempt is looked into again, by how often it was.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60, 180, 480, 1440, 2880, 4320))

STARTED = failpoints.declare("charge-started", "the attempt is written down, the card not touched yet")
ANSWERED = failpoints.declare("charge-answered", "the card is charged, nothing of it written down")
POSTED = failpoints.declare("charge-posted", "the payment is posted, its transaction still open")
FINISHED = failpoints.declare("charge-finished", "the payment is posted and kept")


@dataclass(frozen=True)
class Wanted:
    """Say what the payment panel asks for. `then` is where a form posted twice is sent."""

    invoice_id: int
    amount_cents: int
    once_key: str | None
    then: str
    applies_credit: bool = False
    confirms_more: bool = False


def charge_from_panel(door: Door, gateway: Gateway | None, who: Actor, wanted: Wanted, now: datetime) -> Outcome:
    """Charge the default card of an invoice's payer. Call it with no door open; `door` is the writing one.

    Raises:
        RefusalError: cards are off, there is no card, or the amount cannot be.
        ClashError: an earlier charge of this payer is not answered yet.
        AlreadyPostedError: this form was posted before.
    """
    if gateway is None:
        raise RefusalError(cards.NO_KEY, field="method")
    with door() as session:
        once.claim(session, who, wanted.once_key, now).location = wanted.then
        attempt = _start_from_panel(session, who, wanted, now)
        charge = charge_of(attempt)
    return carry_out(door, gateway, charge, now, who=who)


def carry_out(door: Door, gateway: Gateway, charge: Charge, now: datetime, *, who: Actor | None = None) -> Outcome:
    """Have a started attempt charged and write down what came of it. Call it with no door open."""
    failpoints.reach(STARTED)
    outcome = gateway.charge(charge)
    failpoints.reach(ANSWERED)
    with door() as session:
        finish(session, charge.attempt_id, outcome, now, who=who)
        failpoints.reach(POSTED)
    failpoints.reach(FINISHED)
    return outcome


def start(
    session: Session,
    who: Actor,
    *,
    purpose: ChargePurpose,
    card: Card,
    stripe_customer: str,
    amount_cents: int,
    description: str,
    now: datetime,
    invoice_id: int | None = None,
) -> ChargeAttempt:
    """Write an attempt down. Must run inside `writing()`: what was checked there still holds.

    Raises:
        ClashError: an earlier charge of this payer is not answered yet.
    """
    practice = settings.practice(session)
    if unresolved(session, card.contact_id) is not None:
        raise ClashError("An earlier charge of this payer has not been answered yet. It is looked into every few minutes.")
    attempt = ChargeAttempt(
        purpose=purpose,
        contact_id=card.contact_id,
        local_date=clock.local_date(now, practice.timezone),
        invoice_id=invoice_id,
        card_id=card.id,
        amount_cents=amount_cents,
        currency=practice.currency,
        description=description,
        stripe_customer=stripe_customer,
        stripe_payment_method=card.stripe_payment_method,
        idempotency_key=secrets.token_urlsafe(24),
        started_at=now,
        started_by_id=who.user_id,
    )
    session.add(attempt)
    session.flush()
    audit.record(
        session, who, "started charge", "charge_attempt", attempt.id, now, amount_cents=amount_cents, payer_id=card.contact_id
    )
    return attempt


def finish(session: Session, attempt_id: int, outcome: Outcome, now: datetime, *, who: Actor | None = None) -> ChargeAttempt:
    """Write down what became of a charge: the answer, a webhook and the look-up all come here. Safe to repeat.

    Raises:
        NotFoundError: there is no such attempt.
    """
    attempt = session.get(ChargeAttempt, attempt_id)
    if attempt is None:
        raise NotFoundError("attempt")
    if attempt.status is ChargeStatus.SUCCEEDED:
        return attempt
    if outcome.verdict is Verdict.SUCCEEDED:
        _post(session, attempt, outcome, now, who or _starter(attempt))
    elif attempt.status not in UNRESOLVED:
        return attempt
    elif outcome.verdict is Verdict.UNKNOWN:
        attempt.status, attempt.tries = ChargeStatus.UNKNOWN, attempt.tries + 1
        attempt.message = outcome.message
        return attempt
    else:
        needs_client = outcome.verdict is Verdict.NEEDS_CLIENT
        attempt.status = ChargeStatus.NEEDS_CLIENT if needs_client else ChargeStatus.DECLINED
        attempt.finished_at, attempt.decline_code, attempt.message = now, outcome.code, outcome.message
        attempt.stripe_payment_intent = outcome.payment_intent
    session.flush()
    if attempt.purpose is ChargePurpose.AUTOPAY:
        last4 = session.get_one(Card, attempt.card_id).last4
        attempt.follow_up = enrolments.after_charge(session, attempt, last4, outcome.verdict, outcome.message, now)
    audit.record(
        session, who or _starter(attempt), "finished charge", "charge_attempt", attempt.id, now,
        outcome=attempt.status.value, amount_cents=attempt.amount_cents,
    )  # fmt: skip
    return attempt


def unresolved(session: Session, payer_id: int) -> ChargeAttempt | None:
    """Return the payer's charge that has no answer yet."""
    chosen = select(ChargeAttempt).where(ChargeAttempt.contact_id == payer_id, ChargeAttempt.status.in_(UNRESOLVED))
    return session.scalar(chosen)


def due_unresolved(session: Session, now: datetime) -> list[int]:
    """List the attempts without an answer that are to be looked into now, oldest first."""
    found = session.scalars(select(ChargeAttempt).where(ChargeAttempt.status.in_(UNRESOLVED)).order_by(ChargeAttempt.id))
    return [attempt.id for attempt in found if attempt.tries < len(WAITS) and attempt.started_at + WAITS[attempt.tries] <= now]


def resolve(door: Door, gateway: Gateway, attempt_id: int, now: datetime) -> Outcome | None:
    """Find out what became of a charge: among the customer's charges, else by sending it again under the same key.

    An AutoPay charge is never sent again outside its window, nor any after the key's life: then it is left for a person.
    """
    with door() as session:
        attempt = session.get(ChargeAttempt, attempt_id)
        if attempt is None or attempt.status not in UNRESOLVED:
            return None
        charge, since, may_send = charge_of(attempt), attempt.started_at, _may_send(session, attempt, now)
    try:
        outcome = gateway.find(customer=charge.customer, attempt_id=attempt_id, since=since)
    except GatewayError:
        outcome = Outcome(Verdict.UNKNOWN, message="The card processor does not answer.")
        may_send = False
    if may_send and (outcome is None or outcome.verdict is Verdict.UNKNOWN):
        outcome = gateway.charge(charge)
    outcome = outcome or Outcome(Verdict.UNKNOWN, message="The card processor knows of no such charge so far.")
    with door() as session:
        finish(session, attempt_id, outcome, now)
    return outcome


def close_by_hand(session: Session, who: Actor, attempt_id: int, now: datetime) -> None:
    """Say that a charge without an answer was never made: a person looked at the processor's own pages.

    Raises:
        NotFoundError: there is no such attempt, or it has its answer.
        RefusalError: it may still be answered by itself.
    """
    attempt = session.get(ChargeAttempt, attempt_id)
    if attempt is None or attempt.status not in UNRESOLVED:
        raise NotFoundError("attempt")
    if not is_left_for_a_person(attempt, now):
        raise RefusalError("This charge may still be answered by itself. Wait a day from when it was made.")
    attempt.status, attempt.finished_at = ChargeStatus.DECLINED, now
    attempt.decline_code, attempt.message = "closed_by_hand", "Closed by hand: the card was not charged."
    audit.record(session, who, "closed charge by hand", "charge_attempt", attempt_id, now)


def is_left_for_a_person(attempt: ChargeAttempt, now: datetime) -> bool:
    """Say whether an attempt's key has died without an answer."""
    return attempt.status in UNRESOLVED and now - attempt.started_at >= KEY_LIFE


def in_window(now: datetime, timezone: str, night: date) -> bool:
    """Say whether that local date's window for AutoPay is open: its midnight up to, not including, six in the morning."""
    there = clock.local(now, timezone)
    return there.date() == night and there.hour < WINDOW_HOURS


def _start_from_panel(session: Session, who: Actor, wanted: Wanted, now: datetime) -> ChargeAttempt:
    invoice = invoices.invoice_for(session, who, wanted.invoice_id)
    if invoice.issued_at is None:
        invoices.issue(session, who, invoice, now)
    states.refuse_written_off(session, invoice)
    card = cards.default(session, invoice.payer_id)
    payer = session.get_one(Contact, invoice.payer_id)
    if card is None or payer.stripe_customer is None:
        raise RefusalError("No card is kept for this payer. Add one on the client's Billing page.", field="method")
    if wanted.applies_credit:
        payments.apply_credit(session, who, payer_id=payer.id, now=now, invoice_id=invoice.id)
    least = settings.practice(session).autopay_minimum_cents
    house = settings.house(session)
    if wanted.amount_cents < least:
        raise RefusalError(f"A card takes {house.money(least)} or more.", field="amount")
    owed = ledger.owed_cents(session, [invoice.id])[invoice.id]
    if wanted.amount_cents > owed and not wanted.confirms_more:
        words = f"{house.money(owed)} is owed. Tick to take more; the rest becomes the payer's credit."
        raise RefusalError(words, field="confirms_more")
    return start(
        session,
        who,
        purpose=ChargePurpose.PANEL,
        card=card,
        stripe_customer=payer.stripe_customer,
        amount_cents=wanted.amount_cents,
        description=f"Invoice {invoice.number}",
        now=now,
        invoice_id=invoice.id,
    )


def _post(session: Session, attempt: ChargeAttempt, outcome: Outcome, now: datetime, who: Actor) -> None:
    card = session.get_one(Card, attempt.card_id)
    payment = payments.record(
        session,
        who,
        payer_id=attempt.contact_id,
        method=Method.ONLINE_CARD,
        amount_cents=attempt.amount_cents,
        now=now,
        received_date=attempt.local_date,
        invoice_id=attempt.invoice_id,
        reference=card.last4,
        stripe_payment_intent=outcome.payment_intent,
    )
    attempt.status, attempt.finished_at, attempt.payment_id = ChargeStatus.SUCCEEDED, now, payment.id
    attempt.stripe_payment_intent, attempt.decline_code, attempt.message = outcome.payment_intent, "", ""


def charge_of(attempt: ChargeAttempt) -> Charge:
    """Return what an attempt sends, as plain values that may leave the door."""
    return Charge(
        amount_cents=attempt.amount_cents,
        currency=attempt.currency,
        customer=attempt.stripe_customer,
        payment_method=attempt.stripe_payment_method,
        key=attempt.idempotency_key,
        attempt_id=attempt.id,
        description=attempt.description,
    )


def _may_send(session: Session, attempt: ChargeAttempt, now: datetime) -> bool:
    if now - attempt.started_at >= KEY_LIFE:
        return False
    if attempt.purpose is ChargePurpose.PANEL:
        return True
    practice = settings.practice(session)
    enrolment = enrolments.live(session, attempt.contact_id)
    is_wanted = enrolment is not None and enrolment.held_at is None and practice.restored_at is None
    return is_wanted and in_window(now, practice.timezone, attempt.local_date)


def _starter(attempt: ChargeAttempt) -> Actor:
    # A webhook finishes what a person began: the payment is theirs, and what they may see was asked when they began.
    if attempt.started_by_id is None:
        return CLOCK
    return Actor(user_id=attempt.started_by_id, practitioners_see_all=True)
