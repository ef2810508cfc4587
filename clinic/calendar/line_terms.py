"""What an appointment of a package line comes to: its type, client, room and length; the invoice says the rest (3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import types
from clinic.calendar.terms import Wanted
from clinic.kernel.errors import RefusalError
from clinic.models.billing import InvoiceLine, PackageClient, PackageSale
from clinic.models.calendar import AppointmentType
from clinic.models.people import Client
from clinic.models.practice import Room
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Choice:
    """Be one thing to choose from a list."""

    id: int
    name: str


class Lasting(Protocol):
    """Be a line that may last some minutes."""

    @property
    def minutes(self) -> int | None:
        """Return the fee's minutes as copied onto the line; None: a product."""


def fitting_types(session: Session, who: Actor, sale: PackageSale, line: InvoiceLine) -> list[AppointmentType]:
    """List the types whose default fee is the line's; none for a product."""
    if line.minutes is None or line.fee_id is None:
        return []
    return of_fee(types.bookable_types(session, who, sale.practitioner_id, with_activities=False), line.fee_id)


def of_fee(kinds: Sequence[AppointmentType], fee_id: int | None) -> list[AppointmentType]:
    """Return those of the types whose default fee it is."""
    return [kind for kind in kinds if fee_id is not None and kind.fee_id == fee_id]


def type_of(kinds: Sequence[AppointmentType], type_id: int | None) -> AppointmentType:
    """Return the one type that fits, or of several the one chosen.

    Raises:
        RefusalError: none fits, or several do and none was chosen.
    """
    if not kinds:
        raise RefusalError("No appointment type has this fee. Give it to one under Calendar Settings, Appointment Types.")
    if len(kinds) == 1:
        return kinds[0]
    chosen = next((kind for kind in kinds if kind.id == type_id), None)
    if chosen is None:
        raise RefusalError("Choose the appointment type.", field="type_id")
    return chosen


def clients_of(session: Session, sale: PackageSale) -> Sequence[Client]:
    """List who may use a sold package, by name."""
    query = select(Client).join(PackageClient, PackageClient.client_id == Client.id)
    return session.scalars(query.where(PackageClient.sale_id == sale.id).order_by(Client.sort_name, Client.id)).all()


def client_id_of(session: Session, sale: PackageSale, client_id: int | None) -> int:
    """Return whose session it is: the one client of the package, or of a shared one who was chosen.

    Raises:
        RefusalError: a shared pack, and nobody of it was chosen.
    """
    people = clients_of(session, sale)
    if len(people) == 1:
        return people[0].id
    if client_id not in {person.id for person in people}:
        raise RefusalError("Choose the client this session is for.", field="client_id")
    assert client_id is not None
    return client_id


def rooms_of(session: Session, sale: PackageSale) -> tuple[Choice, ...]:
    """List the rooms of the invoice's location."""
    query = select(Room).where(Room.location_id == sale.location_id, ~Room.is_archived).order_by(Room.name, Room.id)
    return tuple(Choice(room.id, room.name) for room in session.scalars(query))


def usual_minutes(kinds: Sequence[AppointmentType], line: Lasting) -> int:
    """Return how long its appointment is: a locked type holds its own length, otherwise the fee's as copied onto the line."""
    if kinds and not kinds[0].is_duration_flexible:
        return kinds[0].duration_minutes
    return line.minutes or 0


def wanted(
    session: Session, sale: PackageSale, line: InvoiceLine, kind: AppointmentType, *, client_id: int, room_id: int | None,
    starts_at: datetime, minutes: int, overrides_warnings: bool, notifies: bool,
) -> Wanted:  # fmt: skip
    """Return the wish for the appointment of a line: practitioner and location are the invoice's, the mode the type's.

    Raises:
        RefusalError: the type needs a room, and none of this location was chosen.
    """
    if kind.requires_room and room_id not in {room.id for room in rooms_of(session, sale)}:
        raise RefusalError(f"{kind.name} needs a room. Choose one.", field="room_id")
    modes = types.modes_of(kind)
    return Wanted(
        type_id=kind.id, practitioner_id=sale.practitioner_id, starts_at=starts_at, minutes=minutes, client_id=client_id,
        group_id=None, location_id=sale.location_id, room_id=room_id, mode=modes[0] if modes else None,
        fee_id=line.fee_id, fee_cents=None, payer_id=None, is_busy=True, notes="", uses_package=False,
        overrides_warnings=overrides_warnings, notifies=notifies,
    )  # fmt: skip
