"""When messages go out: how long a change waits, how long before an appointment or a package's end its client hears of it."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.practice import audit, settings, standing
from clinic.practice.permissions import Actor

GRACE_MINUTES_MAX = 60
REMINDER_HOURS_MAX = 168
WARNING_DAYS_MAX = 90
CHANGED = "changed message timing"


@dataclass(frozen=True)
class Timing:
    """Hold the practice's choice."""

    message_grace_minutes: int
    reminder_hours: int
    package_warning_days: int


def current(session: Session) -> Timing:
    """Return what holds now."""
    practice = settings.practice(session)
    return Timing(**{each.name: getattr(practice, each.name) for each in fields(Timing)})


def change(session: Session, who: Actor, timing: Timing, now: datetime, *, shown: str | None = None) -> None:
    """Keep when messages go out from now on. Must run inside `writing()`; safe to repeat.

    Raises:
        StaleError: someone changed the page since it was opened.
    """
    practice = settings.practice(session)
    standing.refuse_stale(shown, standing.print_of(current(session)))
    for name, value in vars(timing).items():
        setattr(practice, name, value)
    audit.record(session, who, CHANGED, "practice", practice.id, now, **vars(timing))
