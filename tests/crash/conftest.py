"""Fixtures of the crash tests."""

from collections.abc import Iterator

import pytest

from clinic.demo.stripe_server import StandIn
from tests.night_fixtures import gateway
from tests.warm_server import warm_server

__all__ = ["gateway", "warm_server"]


@pytest.fixture(scope="module")
def running_stand_in() -> Iterator[StandIn]:
    """Start one stand-in for all of them."""
    with StandIn.start() as running:
        yield running


@pytest.fixture
def stand_in(running_stand_in: StandIn) -> StandIn:
    """Give a stand-in that remembers nothing."""
    running_stand_in.reset()
    return running_stand_in
