"""Who gives sessions: as the calendar and the documents name them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.practice import Location, Practitioner
from clinic.practice import audit
from clinic.practice.permissions import Actor

PRACTITIONERS_MAX = 100
COLOURS = 16
NPI_DIGITS = 10


@dataclass(frozen=True)
class PractitionerDetails:
    """Hold what is known of a practitioner. `location_id`: where a booking lands when nothing else says."""

    name: str
    profession: str = ""
    credentials: str = ""
    licence: str = ""
    npi: str = ""
    colour: int = 1
    location_id: int | None = None


def every_practitioner(session: Session) -> list[Practitioner]:
    """List all practitioners, archived ones last."""
    return list(
        session.scalars(
            select(Practitioner)
            .order_by(Practitioner.is_archived, func.lower(Practitioner.name), Practitioner.id)
            .limit(PRACTITIONERS_MAX)
        )
    )


def practitioner_for(session: Session, practitioner_id: int) -> Practitioner:
    """Return one practitioner, an archived one too.

    Raises:
        NotFoundError: there is no such practitioner.
    """
    found = session.get(Practitioner, practitioner_id)
    if found is None:
        raise NotFoundError("no such practitioner")
    return found


def next_colour(session: Session) -> int:
    """Return the first colour nobody has yet: neighbours in number are far apart to the eye."""
    taken = set(session.scalars(select(Practitioner.colour).where(~Practitioner.is_archived)))
    return next((number for number in range(1, COLOURS) if number not in taken), 1)


def add(session: Session, who: Actor, details: PractitionerDetails, now: datetime) -> Practitioner:
    """Add a practitioner. Must run inside `writing()`.

    Raises:
        RefusalError: there are too many, or a detail is not what it should be.
    """
    if (session.scalar(select(func.count()).select_from(Practitioner)) or 0) >= PRACTITIONERS_MAX:
        raise RefusalError(f"A practice has at most {PRACTITIONERS_MAX} practitioners.")
    practitioner = Practitioner()
    _write(session, practitioner, details)
    session.add(practitioner)
    session.flush()
    audit.record(session, who, "added practitioner", "practitioner", practitioner.id, now)
    return practitioner


def change(session: Session, who: Actor, practitioner_id: int, details: PractitionerDetails, now: datetime) -> None:
    """Change what is known of a practitioner; issued documents keep what they said. Must run inside `writing()`."""
    _write(session, practitioner_for(session, practitioner_id), details)
    audit.record(session, who, "changed practitioner", "practitioner", practitioner_id, now)


def archive(session: Session, who: Actor, practitioner_id: int, now: datetime) -> None:
    """Offer the practitioner for no new booking; what is booked stays. Safe to repeat."""
    practitioner_for(session, practitioner_id).is_archived = True
    audit.record(session, who, "archived practitioner", "practitioner", practitioner_id, now)


def restore(session: Session, who: Actor, practitioner_id: int, now: datetime) -> None:
    """Offer an archived practitioner again. Safe to repeat."""
    practitioner_for(session, practitioner_id).is_archived = False
    audit.record(session, who, "restored practitioner", "practitioner", practitioner_id, now)


def _write(session: Session, practitioner: Practitioner, details: PractitionerDetails) -> None:
    if details.npi and (len(details.npi) != NPI_DIGITS or not details.npi.isascii() or not details.npi.isdigit()):
        raise RefusalError(f"An NPI has {NPI_DIGITS} digits.", field="npi")
    if not 0 <= details.colour < COLOURS:
        raise RefusalError("Choose a colour from the list.", field="colour")
    if details.location_id is not None:
        location = session.get(Location, details.location_id)
        if location is None or (location.is_archived and details.location_id != practitioner.location_id):
            raise RefusalError("Choose a location from the list.", field="location_id")
    for name, value in vars(details).items():
        setattr(practitioner, name, value)
