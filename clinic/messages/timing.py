"""When messages go out: how long a change waits, how long before an appointment or a package's end its client hears of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

GRACE_MINUTES_MAX = 60
REMINDER_HOURS_MAX = 168
WARNING_DAYS_MAX = 90


@dataclass(frozen=True)
class Timing:
    """Hold the practice's choice."""

    message_grace_minutes: int
    reminder_hours: int
    package_warning_days: int


def change(session: Session, who: Actor, timing: Timing, now: datetime) -> None:
    """Keep when messages go out from now on. Must run inside `writing()`; safe to repeat."""
    practice = settings.practice(session)
    for name, value in vars(timing).items():
        setattr(practice, name, value)
    audit.record(session, who, "changed message timing", "practice", practice.id, now, **vars(timing))
