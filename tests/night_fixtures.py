"""Fixtures of the night: a stand-in for Stripe, and the application pointed at it."""

from collections.abc import Iterator

import pytest

from clinic.billing.stripe_gateway import StripeGateway
from clinic.demo.stripe_server import StandIn
from tests.night_stage import gateway_to

SECRET = "whsec_practice"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Start a stand-in that remembers nothing."""
    with StandIn.start() as running:
        yield running


@pytest.fixture
def gateway(stand_in: StandIn) -> StripeGateway:
    """Speak to the stand-in."""
    return gateway_to(stand_in, SECRET)
