"""The made-up clients' cards: kept at the stand-in as a client would by typing them there, then enrolled in AutoPay."""

from datetime import datetime

import stripe
from sqlalchemy.orm import Session

from clinic.billing import cards, enrolments
from clinic.billing.stripe_gateway import CardFacts
from clinic.config import Config
from clinic.demo.house import World
from clinic.demo.people import AUTOPAY, CARD_ONLY, CLIENTS
from clinic.kernel.database import writing

Kept = tuple[int, str, CardFacts]


def fill(config: Config, world: World, now: datetime) -> int:
    """Keep every card and enrol who wants AutoPay; return how many cards. Needs the stand-in to answer."""
    assert config.may_move_clock, "made-up cards are for the stand-in alone"
    kept = [_at_processor(config, at, token) for at, token in AUTOPAY + CARD_ONLY]
    with writing() as session:
        for at, customer, facts in kept:
            _keep(session, world, at, customer, facts, now)
    return len(kept)


def _at_processor(config: Config, at: int, token: str) -> Kept:
    client = stripe.StripeClient(config.STRIPE_SECRET_KEY, base_addresses={"api": config.STRIPE_API_BASE})
    customer = client.v1.customers.create({"name": " ".join(CLIENTS[at])})
    method = client.v1.payment_methods.attach(token, {"customer": customer.id})
    assert method.card is not None
    card = method.card
    return at, customer.id, CardFacts(method.id, card.brand, card.last4, card.exp_month, card.exp_year)


def _keep(session: Session, world: World, at: int, customer: str, facts: CardFacts, now: datetime) -> None:
    payer_id = world.payer_ids[at]
    cards.know_as(session, world.desk, payer_id, customer, now)
    cards.keep(session, world.desk, customer, facts, now)
    if any(at == client for client, _token in AUTOPAY):
        enrolments.enrol(session, world.desk, payer_id, consented_by=" ".join(CLIENTS[at]), now=now)
