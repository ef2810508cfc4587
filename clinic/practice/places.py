"""Locations and their rooms."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.practice import Location, Practitioner, Room
from clinic.practice import audit
from clinic.practice.permissions import Actor

LOCATIONS_MAX, ROOMS_MAX = 50, 300
# Where a session took place, in the codes that insurers use.
PLACES_OF_SERVICE = {
    "02": "Telehealth, not in the client's home", "03": "School", "04": "Homeless shelter",
    "10": "Telehealth in the client's home", "11": "Office", "12": "Home", "13": "Assisted living facility",
    "14": "Group home", "15": "Mobile unit", "19": "Off-campus outpatient hospital", "21": "Inpatient hospital",
    "22": "On-campus outpatient hospital", "31": "Skilled nursing facility", "32": "Nursing facility",
    "49": "Independent clinic", "50": "Federally qualified health center", "52": "Psychiatric facility, part of a day",
    "53": "Community mental health center", "57": "Non-residential substance abuse facility", "62": "Outpatient rehabilitation",
    "71": "Public health clinic", "72": "Rural health clinic", "99": "Other place",
}  # fmt: skip
TELEHEALTH, OFFICE = "10", "11"


@dataclass(frozen=True)
class Place:
    """Hold a location with its rooms, as plain values."""

    id: int
    name: str
    address: str
    is_archived: bool
    rooms: tuple[Room, ...]


def every_place(session: Session) -> list[Place]:
    """List every location with its rooms, archived ones last."""
    locations = session.scalars(
        select(Location).order_by(Location.is_archived, func.lower(Location.name), Location.id).limit(LOCATIONS_MAX)
    ).all()
    rooms = session.scalars(select(Room).order_by(Room.is_archived, func.lower(Room.name), Room.id).limit(ROOMS_MAX)).all()
    return [
        Place(
            place.id,
            place.name,
            place.address,
            place.is_archived,
            tuple(room for room in rooms if room.location_id == place.id),
        )
        for place in locations
    ]


def location_for(session: Session, location_id: int) -> Location:
    """Return one location, an archived one too.

    Raises:
        NotFoundError: there is no such location.
    """
    found = session.get(Location, location_id)
    if found is None:
        raise NotFoundError("no such location")
    return found


def room_for(session: Session, room_id: int) -> Room:
    """Return one room, an archived one too.

    Raises:
        NotFoundError: there is no such room.
    """
    found = session.get(Room, room_id)
    if found is None:
        raise NotFoundError("no such room")
    return found


@dataclass(frozen=True)
class LocationDetails:
    """Hold what is known of a location. The two codes are what superbills say of a session in person, and by phone or video."""

    name: str
    address: str = ""
    place_of_service: str = OFFICE
    remote_place_of_service: str = TELEHEALTH


def add_location(session: Session, who: Actor, details: LocationDetails, now: datetime) -> Location:
    """Add a location. Must run inside `writing()`.

    Raises:
        RefusalError: the name is taken, or there are too many.
    """
    if (session.scalar(select(func.count()).select_from(Location)) or 0) >= LOCATIONS_MAX:
        raise RefusalError(f"A practice has at most {LOCATIONS_MAX} locations.")
    location = Location()
    _write(session, location, details)
    session.add(location)
    session.flush()
    audit.record(session, who, "added location", "location", location.id, now)
    return location


def change_location(session: Session, who: Actor, location_id: int, details: LocationDetails, now: datetime) -> None:
    """Change what is known of a location. Must run inside `writing()`."""
    location = location_for(session, location_id)
    _write(session, location, details)
    audit.record(session, who, "changed location", "location", location.id, now)


def archive_location(session: Session, who: Actor, location_id: int, now: datetime) -> None:
    """Offer the location no longer; its past stays. Safe to repeat.

    Raises:
        RefusalError: it is the last one.
    """
    location = location_for(session, location_id)
    others = select(func.count()).select_from(Location).where(~Location.is_archived, Location.id != location_id)
    if not session.scalar(others):
        raise RefusalError("A practice needs one location. Add another first.")
    location.is_archived = True
    for practitioner in session.scalars(select(Practitioner).where(Practitioner.location_id == location_id)):
        practitioner.location_id = None
    audit.record(session, who, "archived location", "location", location_id, now)


def restore_location(session: Session, who: Actor, location_id: int, now: datetime) -> None:
    """Offer an archived location again. Safe to repeat."""
    location = location_for(session, location_id)
    _refuse_twin_location(session, location.name, location.id)
    location.is_archived = False
    audit.record(session, who, "restored location", "location", location_id, now)


def add_room(session: Session, who: Actor, location_id: int, *, name: str, now: datetime) -> Room:
    """Add a room to a location. Must run inside `writing()`.

    Raises:
        RefusalError: the location has a room of this name, or there are too many.
    """
    location = location_for(session, location_id)
    if (session.scalar(select(func.count()).select_from(Room)) or 0) >= ROOMS_MAX:
        raise RefusalError(f"A practice has at most {ROOMS_MAX} rooms.")
    _refuse_twin_room(session, location.id, name, None)
    room = Room(location_id=location.id, name=name)
    session.add(room)
    session.flush()
    audit.record(session, who, "added room", "room", room.id, now)
    return room


def rename_room(session: Session, who: Actor, room_id: int, *, name: str, now: datetime) -> None:
    """Give a room another name. Must run inside `writing()`."""
    room = room_for(session, room_id)
    _refuse_twin_room(session, room.location_id, name, room.id)
    room.name = name
    audit.record(session, who, "renamed room", "room", room.id, now)


def archive_room(session: Session, who: Actor, room_id: int, now: datetime) -> None:
    """Offer the room no longer; its past stays. Safe to repeat."""
    room_for(session, room_id).is_archived = True
    audit.record(session, who, "archived room", "room", room_id, now)


def restore_room(session: Session, who: Actor, room_id: int, now: datetime) -> None:
    """Offer an archived room again. Safe to repeat."""
    room = room_for(session, room_id)
    _refuse_twin_room(session, room.location_id, room.name, room.id)
    room.is_archived = False
    audit.record(session, who, "restored room", "room", room_id, now)


def _write(session: Session, location: Location, details: LocationDetails) -> None:
    for field in ("place_of_service", "remote_place_of_service"):
        if getattr(details, field) not in PLACES_OF_SERVICE:
            raise RefusalError("Choose a place of service from the list.", field=field)
    _refuse_twin_location(session, details.name, location.id)
    for name, value in vars(details).items():
        setattr(location, name, value)


def _refuse_twin_location(session: Session, name: str, own_id: int | None) -> None:
    twins = session.scalars(select(Location.id).where(~Location.is_archived, func.lower(Location.name) == name.lower()))
    if any(found != own_id for found in twins):
        raise RefusalError("Another location has this name.", field="name")


def _refuse_twin_room(session: Session, location_id: int, name: str, own_id: int | None) -> None:
    twins = session.scalars(
        select(Room.id).where(Room.location_id == location_id, ~Room.is_archived, func.lower(Room.name) == name.lower())
    )
    if any(found != own_id for found in twins):
        raise RefusalError("This location has a room of this name.", field="name")
