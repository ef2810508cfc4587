"""Fixtures of the crash tests."""

from tests.night_fixtures import gateway, stand_in

__all__ = ["gateway", "stand_in"]
