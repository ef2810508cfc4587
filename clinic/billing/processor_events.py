"""What the card processor tells by itself: read again, believed once, and written down with its effect."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.billing import cards, charges, disputes, refunds, visits
from clinic.billing.processor import DisputeSeen, Event, Gateway, RefundSeen, Seen, Setup, Visit
from clinic.kernel import failpoints
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.money import ChargeAttempt, WebhookEvent
from clinic.practice.permissions import CLOCK

PAGE_LEFT = frozenset({"checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_succeeded"})
CHARGE_ENDED = frozenset({"payment_intent.succeeded", "payment_intent.payment_failed"})
REFUNDED = "charge.refunded"
REFUND_CHANGED = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
DISPUTED = frozenset(
    {"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
     "charge.dispute.funds_reinstated"}
)  # fmt: skip
READ = failpoints.declare("event-read", "an event was read again at the processor, nothing of it written down")
TAKEN = failpoints.declare("event-taken", "an event took effect, its transaction open")
KEPT = failpoints.declare("event-kept", "an event's effect is kept, the processor not told yet")

Found = Setup | Visit | Seen | list[RefundSeen] | DisputeSeen | None


def look(gateway: Gateway, event: Event) -> Found:
    """Read what an event is about as it is now; None: it is of no kind that matters here. Call it with no door open.

    Whatever order events arrive in, all of them lead to the same state: it is the object that is believed.

    Raises:
        GatewayError: the processor does not answer.
    """
    found: Found = None
    if event.type in PAGE_LEFT:
        found = gateway.visit(event.object_id)
    elif event.type in CHARGE_ENDED:
        found = gateway.intent(event.object_id)
    elif event.type == REFUNDED:
        found = gateway.refunds_of_charge(event.object_id)
    elif event.type in REFUND_CHANGED:
        found = [gateway.refund_seen(event.object_id)]
    elif event.type in DISPUTED:
        found = gateway.dispute(event.object_id)
    failpoints.reach(READ)
    return found


def take_effect(session: Session, event: Event, found: Found, now: datetime) -> bool:
    """Write an event down together with what it changes; False: it took effect before. Must run inside `writing()`."""
    if session.get(WebhookEvent, event.id) is not None:
        return False
    session.add(WebhookEvent(event=event.id, type=event.type, received_at=now))
    session.flush()
    _change(session, found, now)
    failpoints.reach(TAKEN)
    return True


def _change(session: Session, found: Found, now: datetime) -> None:
    if isinstance(found, Setup) and found.card is not None:
        # Another practice may share the account: what is nobody's here changes nothing.
        with suppress(NotFoundError, RefusalError):
            cards.keep(session, CLOCK, found.customer, found.card, now)
    elif isinstance(found, Visit):
        visits.book(session, found, now)
    elif isinstance(found, Seen) and found.attempt_id is not None:
        attempt = session.get(ChargeAttempt, found.attempt_id)
        if attempt is not None and attempt.stripe_customer == found.customer:
            charges.finish(session, attempt.id, found.outcome, now)
    elif isinstance(found, list):
        for seen in found:
            refunds.notice(session, seen, now)
    elif isinstance(found, DisputeSeen):
        disputes.notice(session, found, now)
