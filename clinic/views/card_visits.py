"""The processor's own page for a card's number: the way there, what came of it, and letting a card go; for staff and portal."""

import re

from flask import abort, g

from clinic.billing import cards
from clinic.billing.stripe_gateway import Gateway, GatewayError, Setup, gateway_from
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.people import Contact
from clinic.views.access import actor, now
from clinic.views.headers import config

NO_ANSWER = "The card processor does not answer. Nothing was changed; try again in a moment."
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


def start(payer: Contact, *, back: str, cancel: str) -> str:
    """Return the address of the processor's page where a card is given; call it with no door open.

    Args:
        back: where the browser comes back to with the visit's name behind it; `cancel`: where it goes without one.
    """
    gateway = _gateway()
    with reading() as session:
        customer = cards.customer(session, payer)
    try:
        called = customer.stripe_customer or gateway.new_customer(name=customer.name, key=customer.key)
        with writing() as session:
            called = cards.know_as(session, actor(), payer.id, called, now())
        return gateway.start_setup(
            customer=called,
            currency=g.house.currency,
            success_url=f"{config().BASE_URL}{back}?session_id={{CHECKOUT_SESSION_ID}}",
            cancel_url=f"{config().BASE_URL}{cancel}",
        )
    except GatewayError as error:
        raise RefusalError(NO_ANSWER) from error


def setup_of(payer: Contact, session_id: str) -> Setup:
    """Read what came of the visit to the processor's page, if it was this payer's."""
    if not _SESSION.fullmatch(session_id):
        abort(404)
    try:
        setup = _gateway().setup(session_id)
    except GatewayError as error:
        raise RefusalError(NO_ANSWER) from error
    if payer.stripe_customer is None or setup.customer != payer.stripe_customer:
        raise NotFoundError("session")
    return setup


def let_go(called: str) -> str:
    """Let a card go at the processor, which was removed here; return what to say."""
    gateway = gateway_from(config())
    try:
        if gateway is not None:
            gateway.detach(called)
    except GatewayError:
        return "The card is removed here. The processor did not answer; remove it in its own pages too."
    return "The card is removed."


def _gateway() -> Gateway:
    gateway = gateway_from(config())
    if gateway is None:
        raise RefusalError(cards.NO_KEY)
    return gateway
