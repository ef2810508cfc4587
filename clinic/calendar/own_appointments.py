"""A client's own appointments as their portal shows them: never an Activity or an event, never a note, never who else comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, aliased, contains_eager

from clinic.calendar import booking, own_changes, statuses
from clinic.kernel.errors import NotFoundError
from clinic.messages import outbox, rendering
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Mode, Status
from clinic.models.practice import Location, Practice, Practitioner
from clinic.people.listing import Listing, cut
from clinic.practice import settings
from clinic.practice.permissions import Actor
from clinic.practice.settings import House

NEXT_SHOWN = 3
LIVE = tuple(status for status in Status if status.is_live)
# What a client reads of what became of a past appointment.
WORDS = {
    Status.BOOKED: "",
    Status.ARRIVED: "",
    Status.ATTENDED: "Attended",
    Status.NO_SHOW: "Missed",
    Status.LATE_CANCELLED: "Cancelled late",
    Status.CANCELLED_BY_CLIENT: "Cancelled by you",
    Status.CANCELLED_BY_PRACTICE: "Cancelled by the practice",
}
HOW = {None: "", Mode.IN_PERSON: "In person", Mode.PHONE: "By phone", Mode.VIDEO: "By video"}


@dataclass(frozen=True)
class Row:
    """Hold one appointment as its client reads it."""

    item_id: int
    day: date
    is_this_year: bool
    starts_at: datetime
    ends_at: datetime
    what: str
    practitioner: str
    location: str
    how: str
    status: str  # empty: it is simply to come
    is_struck: bool
    is_coming: bool
    may_cancel: bool
    may_move: bool


_SEAT = aliased(Attendee)


def coming(session: Session, client_id: int, now: datetime, *, page: int = 1) -> Listing[Row]:
    """Return a page of what the client still comes to, the next first."""
    query = _own(client_id).where(Item.ends_at > now, Attendee.status.in_(LIVE)).order_by(Item.starts_at, Item.id)
    return _listed(session, query, page, now)


def past(session: Session, client_id: int, now: datetime, *, page: int = 1) -> Listing[Row]:
    """Return a page of what is over or was cancelled, the latest first."""
    query = _own(client_id).where((Item.ends_at <= now) | Attendee.status.not_in(LIVE))
    return _listed(session, query.order_by(Item.starts_at.desc(), Item.id.desc()), page, now)


def calendar_file(session: Session, who: Actor, item_id: int, now: datetime) -> str:
    """Return one appointment for the client's own calendar program.

    Raises:
        NotFoundError: it is not one of the client's own appointments, or not to come.
    """
    item = booking.item_for(session, who, item_id)
    seat = next(seat for seat in item.attendees if seat.client_id == who.client_id)
    if not seat.status.is_live or item.ends_at <= now:
        raise NotFoundError("appointment")
    return rendering.calendar_file(session, item, now)


def _own(client_id: int) -> Select[*tuple[Any, ...]]:
    seats = select(func.count()).where(_SEAT.item_id == Item.id).correlate(Item)
    billed = select(func.sum(case((_SEAT.is_billed, 1), else_=0))).where(_SEAT.item_id == Item.id).correlate(Item)
    told = [kind for kind in ItemKind if outbox.may_be_told(kind)]  # silence is asked of the kind (rulebook 2.4)
    return (
        select(
            Attendee,
            Practitioner.name.label("practitioner"),
            Location.name.label("location"),
            AppointmentType.name.label("type_name"),
            seats.scalar_subquery().label("seats"),
            billed.scalar_subquery().label("billed"),
        )
        .join(Attendee.item)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .where(Attendee.client_id == client_id, Item.deleted_at.is_(None), Item.kind.in_(told))
        .options(contains_eager(Attendee.item))
    )


def _listed(session: Session, query: Select[*tuple[Any, ...]], page: int, now: datetime) -> Listing[Row]:
    practice, house = settings.practice(session), settings.house(session)

    def shape(found: Sequence[Any]) -> list[Row]:
        return [_row(each, practice, house, now) for each in found]

    return cut(session, query, page, shape)


def _row(found: Any, practice: Practice, house: House, now: datetime) -> Row:
    attendee: Attendee = found[0]
    item, seats, billed = attendee.item, found.seats, found.billed
    past_is_attended = practice.past_booked_is_attended
    status = statuses.counted(attendee.status, item.kind, item.ends_at, now, past_is_attended=past_is_attended)
    is_late = statuses.is_late(practice, item.starts_at, now)
    day = house.local_date(item.starts_at)
    return Row(
        item_id=item.id, day=day, is_this_year=day.year == house.local_date(now).year,
        starts_at=item.starts_at, ends_at=item.ends_at, what=found.type_name or "Appointment",
        practitioner=found.practitioner, location=found.location or "", how=HOW[item.mode], status=WORDS[status],
        is_struck=not attendee.status.is_live,
        is_coming=attendee.status.is_live and item.ends_at > now,
        may_cancel=own_changes.may_cancel(item, attendee, now, seats=seats, billed=billed),
        may_move=own_changes.may_move(item, attendee, now, seats=seats, is_late=is_late),
    )  # fmt: skip
