"""What each client wants to hear: of appointments unless they say no; reminders, and warnings of packages, if they say yes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.models.messages import MessageChoice, MessageKind
from clinic.practice import audit
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Choices:
    """Hold one client's choices."""

    confirmation: bool = True
    change: bool = True
    cancellation: bool = True
    reminder: bool = False
    package_expiring: bool = False


def of(session: Session, client_id: int) -> Choices:
    """Return what the client wants to hear."""
    row = session.get(MessageChoice, client_id)
    return Choices(**{name: getattr(row, name) for name in vars(Choices())}) if row else Choices()


def wants(session: Session, client_id: int, kind: MessageKind) -> bool:
    """Say whether the client wants messages of that kind."""
    return bool(getattr(of(session, client_id), kind.of_one.value))


def choose(session: Session, who: Actor, client_id: int, wanted: Choices, now: datetime) -> None:
    """Keep what the client wants to hear. Must run inside `writing()`; safe to repeat."""
    if wanted == of(session, client_id):
        return
    row = session.get(MessageChoice, client_id) or MessageChoice(client_id=client_id)
    for name, value in vars(wanted).items():
        setattr(row, name, value)
    session.add(row)
    audit.record(session, who, "chose messages", "client", client_id, now, **vars(wanted))
