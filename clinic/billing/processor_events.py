"""What the card processor tells by itself: read again, believed once, and written down with its effect."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.billing import cards, charges
from clinic.billing.stripe_gateway import Event, Gateway, Seen, Setup
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.money import ChargeAttempt, WebhookEvent
from clinic.practice.permissions import CLOCK

CARD_KEPT = "checkout.session.completed"
CHARGE_ENDED = frozenset({"payment_intent.succeeded", "payment_intent.payment_failed"})


def look(gateway: Gateway, event: Event) -> Setup | Seen | None:
    """Read what an event is about as it is now; None: it is of no kind that matters here. Call it with no door open.

    Raises:
        GatewayError: the processor does not answer.
    """
    if event.type == CARD_KEPT:
        return gateway.setup(event.object_id)
    if event.type in CHARGE_ENDED:
        return gateway.intent(event.object_id)
    return None


def take_effect(session: Session, event: Event, found: Setup | Seen | None, now: datetime) -> bool:
    """Write an event down together with what it changes; False: it took effect before. Must run inside `writing()`."""
    if session.get(WebhookEvent, event.id) is not None:
        return False
    session.add(WebhookEvent(event=event.id, type=event.type, received_at=now))
    session.flush()
    if isinstance(found, Setup) and found.card is not None:
        # Another practice may share the account: what is nobody's here changes nothing.
        with suppress(NotFoundError, RefusalError):
            cards.keep(session, CLOCK, found.customer, found.card, now)
    if isinstance(found, Seen) and found.attempt_id is not None:
        attempt = session.get(ChargeAttempt, found.attempt_id)
        if attempt is not None and attempt.stripe_customer == found.customer:
            charges.finish(session, attempt.id, found.outcome, now)
    return True
