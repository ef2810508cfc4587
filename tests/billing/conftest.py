"""Fixtures of the tests about billing."""

from tests.night_fixtures import gateway, stand_in

__all__ = ["gateway", "stand_in"]
