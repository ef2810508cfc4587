"""Fixtures of the tests about jobs."""

from tests.night_fixtures import gateway, stand_in

__all__ = ["gateway", "stand_in"]
