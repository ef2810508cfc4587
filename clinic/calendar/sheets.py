"""A day on paper: who comes when, a list for each practitioner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import columns, hours, reasons, statuses
from clinic.calendar.columns import Filters
from clinic.calendar.offer import MODE_WORDS
from clinic.calendar.reasons import Reason
from clinic.kernel import clock
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Mode, Status
from clinic.models.people import Client, ClientGroup, Contact
from clinic.models.practice import Location, Practitioner, Room
from clinic.practice.settings import House

LINES_MAX = 1_000


@dataclass(frozen=True)
class Line:
    """Be one place of one item. Of several in a group only the first says when and what."""

    starts_at: datetime
    ends_at: datetime
    is_first: bool
    who: str
    phone: str  # none where the client is not told
    what: str
    where: str
    status: str  # empty: nobody has said yet
    is_awaited: bool  # somebody may come: a box to tick
    is_void: bool
    reason: Reason | None


@dataclass(frozen=True)
class Sheet:
    """Hold a practitioner's day: the lines, and why part of it is closed."""

    practitioner_id: int
    practitioner_name: str
    profession: str
    lines: tuple[Line, ...]
    closed: tuple[str, ...]


def of_day(
    session: Session, house: House, whose: Sequence[Practitioner], day: date, *, filters: Filters | None = None
) -> list[Sheet]:
    """Return the sheets of a day; of several practitioners, only theirs who have something on it."""
    ids = [row.id for row in whose]
    starts_at, ends_at = clock.day_span(day, house.timezone)
    lines: dict[int, list[Line]] = {identity: [] for identity in ids}
    item_id = None
    rows = _rows(session, ids, starts_at, ends_at, filters or Filters())
    why = reasons.of(session, (row for row in rows if row.id is not None))
    for row in rows:
        lines[row.practitioner_id].append(_line(row, why.get(row.id), is_first=row.item_id != item_id))
        item_id = row.item_id
    off = hours.off_spans(session, ids, starts_at, ends_at)
    made = []
    for one in whose:
        shades = columns.time_off(off, house, {one.id}, day, single=True)
        closed = tuple(shade.label for shade in shades if shade.label)
        if lines[one.id] or closed or len(whose) == 1:
            made.append(Sheet(one.id, one.name, one.profession, tuple(lines[one.id]), closed))
    return made


def _line(row: Any, reason: Reason | None, *, is_first: bool) -> Line:
    is_void = row.status is not None and not row.status.is_live
    told = row.status not in (None, Status.BOOKED)
    kind = "Activity: " if row.kind is ItemKind.ACTIVITY else ""
    who = f"{row.first_name or ''} {row.last_name or ''}".strip() or row.title or row.type_name or "Event"
    where = ", ".join(part for part in (row.location, row.room) if part)
    if row.mode in (Mode.PHONE, Mode.VIDEO):
        where = MODE_WORDS[row.mode]
    return Line(
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_first=is_first,
        who=f"{who} ({row.group_name})" if row.group_name else who,
        phone="" if row.kind.is_silent else row.phone or "",
        what=kind + (row.type_name or "Event"),
        where=where,
        status=statuses.word(row.kind, row.status) if told and row.status is not None else "",
        is_awaited=row.status is Status.BOOKED and not row.kind.is_silent,
        is_void=is_void,
        reason=reason,
    )


def _rows(session: Session, ids: Sequence[int], starts_at: datetime, ends_at: datetime, filters: Filters) -> Sequence[Any]:
    query = (
        select(
            Item.id.label("item_id"), Item.kind, Item.practitioner_id, Item.starts_at, Item.ends_at, Item.mode, Item.title,
            AppointmentType.name.label("type_name"), ClientGroup.name.label("group_name"), Location.name.label("location"),
            Room.name.label("room"), Attendee.id, Attendee.status, Attendee.status_reason, Attendee.status_at,
            Client.first_name, Client.last_name, Contact.phone,
        )
        .select_from(Item)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .outerjoin(ClientGroup, ClientGroup.id == Item.group_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(Room, Room.id == Item.room_id)
        .outerjoin(Attendee, Attendee.item_id == Item.id)
        .outerjoin(Client, Client.id == Attendee.client_id)
        .outerjoin(Contact, Contact.id == Client.contact_id)
        .where(
            Item.practitioner_id.in_(ids),
            Item.deleted_at.is_(None),
            Item.starts_at < ends_at,
            Item.starts_at > starts_at - timedelta(days=1),
            Item.ends_at > starts_at,
        )
        .order_by(Item.starts_at, Item.id, Attendee.id)
        .limit(LINES_MAX)
    )  # fmt: skip
    if filters.location_id is not None:
        query = query.where(Item.location_id == filters.location_id)
    if filters.type_id is not None:
        query = query.where(Item.type_id == filters.type_id)
    rows = session.execute(query).all()
    return rows if filters.shows_void else [row for row in rows if row.status is None or row.status.is_live]
