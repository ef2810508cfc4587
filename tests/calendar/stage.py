"""What calendar tests say in one word: a wish for an hour on the Wednesday everybody knows."""

from datetime import UTC, datetime, timedelta

from clinic.calendar.booking import Wanted

WEDNESDAY = datetime(2026, 11, 18, 5, tzinfo=UTC)  # midnight in New York
NOON_HOUR = 12


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    """Return that wall-clock time on the Wednesday, or so many days after it."""
    return WEDNESDAY + timedelta(days=days, hours=hour, minutes=minute)


def therapy(cast, starts_at: datetime, **other) -> Wanted:
    """Wish for an hour of Pat's with Cleo."""
    return Wanted(**({"type_id": cast.therapy_id, "practitioner_id": cast.pat_id, "starts_at": starts_at, "minutes": 50,
                      "client_id": cast.cleo_id} | other))  # fmt: skip


def review(cast, starts_at: datetime, **other) -> Wanted:
    """Wish for the Activity whose length and rate are locked, about Cleo."""
    return Wanted(**({"type_id": cast.case_review_id, "practitioner_id": cast.pat_id, "starts_at": starts_at, "minutes": 40,
                      "client_id": cast.cleo_id} | other))  # fmt: skip


def call(cast, starts_at: datetime, **other) -> Wanted:
    """Wish for the Activity whose length and rate may change, about Cleo."""
    return Wanted(**({"type_id": cast.call_id, "practitioner_id": cast.pat_id, "starts_at": starts_at, "minutes": 20,
                      "client_id": cast.cleo_id} | other))  # fmt: skip
