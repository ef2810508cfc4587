"""Tests of the demo practice and of the stand-ins for the outside world."""
