"""Whether the scheduler's tick is alive."""

from datetime import datetime

from sqlalchemy.orm import Session

from clinic.models.practice import Heartbeat

HEARTBEAT_ID = 1


def age_seconds(session: Session, now: datetime) -> int | None:
    """Return how long ago the tick last ran to its end; None when it never did."""
    beat = session.get(Heartbeat, HEARTBEAT_ID)
    return None if beat is None else int((now - beat.ticked_at).total_seconds())
