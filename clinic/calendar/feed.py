"""A practitioner's calendar as other programs subscribe to it: a secret address, and how much it tells.

It is staff's own, so Activities stand in it; what it says of a client is never more than the detail chosen.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from icalendar import Calendar, Event
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Mode, Status
from clinic.models.people import Client, ClientGroup
from clinic.models.practice import FeedDetail, Location, Practitioner, Room, User
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor, Permission

TOKEN_BYTES = 32
PAST, AHEAD = timedelta(days=60), timedelta(days=400)
ROWS_MAX = 6_000
REFRESH = timedelta(hours=1)
_MODES = {Mode.PHONE: "By phone", Mode.VIDEO: "Video"}


class Joined(Protocol):
    """Be one row of the feed's query: an item and, if any, one of its attendees."""

    id: int
    kind: ItemKind
    starts_at: datetime
    ends_at: datetime
    is_blocking: bool
    is_busy: bool
    mode: Mode | None
    title: str
    version: int
    ical_uid: str
    changed_at: datetime
    type_name: str | None
    group_name: str | None
    location: str | None
    room: str | None
    status: Status | None
    first_name: str
    last_name: str


@dataclass(frozen=True)
class Feed:
    """Say what is known of a practitioner's feed; its address is known to nobody but who was shown it."""

    practitioner_id: int
    practitioner_name: str
    detail: FeedDetail
    reset_at: datetime | None  # None: there is no feed


def feed_for(session: Session, who: Actor, practitioner_id: int) -> Feed:
    """Return the settings of a feed: one's own, or anyone's for who may change settings.

    Raises:
        NotFoundError: there is no such practitioner, or it is not one's own.
    """
    row = _practitioner(session, who, practitioner_id)
    return Feed(row.id, row.name, row.feed_detail, row.feed_reset_at)


def reset(session: Session, who: Actor, practitioner_id: int, now: datetime) -> str:
    """Give the feed a new secret and return it, once: only its hash is kept. The address before stops. Inside `writing()`."""
    row = _practitioner(session, who, practitioner_id)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row.feed_token_hash, row.feed_reset_at = _hash(token), now
    audit.record(session, who, "reset calendar feed", "practitioner", row.id, now)
    return token


def stop(session: Session, who: Actor, practitioner_id: int, now: datetime) -> None:
    """End the feed: its address answers nobody any more. Must run inside `writing()`; safe to repeat."""
    row = _practitioner(session, who, practitioner_id)
    row.feed_token_hash = row.feed_reset_at = None
    audit.record(session, who, "stopped calendar feed", "practitioner", row.id, now)


def choose_detail(session: Session, who: Actor, practitioner_id: int, detail: FeedDetail, now: datetime) -> None:
    """Choose how much the feed tells. Must run inside `writing()`."""
    row = _practitioner(session, who, practitioner_id)
    row.feed_detail = detail
    audit.record(session, who, "chose calendar feed detail", "practitioner", row.id, now, detail=detail)


def calendar(session: Session, token: str, now: datetime) -> bytes:
    """Return the iCalendar file of that secret: sixty days back, four hundred ahead, the same bytes until something changes.

    Raises:
        NotFoundError: nobody's secret, or its practitioner was archived or may not sign in any more.
    """
    left = exists().where(User.practitioner_id == Practitioner.id, ~User.is_active)
    practitioner = session.scalar(
        select(Practitioner).where(Practitioner.feed_token_hash == _hash(token), ~Practitioner.is_archived, ~left)
    )
    if practitioner is None:
        raise NotFoundError("no such feed")
    practice = settings.practice(session)
    made = Calendar()
    made.add("prodid", "-//Clinic//Calendar feed//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"{practitioner.name} ({practice.name})")
    made.add("x-wr-timezone", practice.timezone)
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    rows = _rows(session, practitioner.id, now)
    for _, joined in groupby(rows, key=lambda row: row.id):
        made.add_component(_event(tuple(joined), practitioner.feed_detail))
    content: bytes = made.to_ical()
    return content


def _event(joined: Sequence[Joined], detail: FeedDetail) -> Event:
    first = joined[0]
    is_void = first.status is not None and not any(one.status is not None and one.status.is_live for one in joined)
    event = Event()
    event.add("uid", first.ical_uid)
    event.add("sequence", first.version - 1)
    event.add("dtstamp", first.changed_at)
    event.add("last-modified", first.changed_at)
    # Instants, not wall clocks: right on the days when clocks change, wherever the calendar is read.
    event.add("dtstart", first.starts_at)
    event.add("dtend", first.ends_at)
    event.add("summary", _summary(joined, detail))
    event.add("status", "CANCELLED" if is_void else "CONFIRMED")
    event.add("transp", "OPAQUE" if first.is_blocking else "TRANSPARENT")
    event.add("class", "PRIVATE")
    if detail is not FeedDetail.BUSY:
        place = ", ".join(part for part in (first.location, first.room) if part)
        if place:
            event.add("location", place)
        if first.mode in _MODES:
            event.add("description", _MODES[first.mode])
    return event


def _summary(joined: Sequence[Joined], detail: FeedDetail) -> str:
    first = joined[0]
    if detail is FeedDetail.BUSY:
        return "Busy" if first.is_busy else "Free"
    if first.kind is ItemKind.EVENT:  # whoever typed the title may have named a client
        return (first.title or "Event") if detail is FeedDetail.FULL else "Event"
    if detail is FeedDetail.INITIALS:
        whose = ", ".join(_initials(one) for one in joined if one.status is not None)
    elif first.group_name:
        whose = first.group_name
    else:
        whose = ", ".join(f"{one.first_name} {one.last_name}".strip() for one in joined if one.status is not None)
    return ", ".join(part for part in (whose, first.type_name) if part) or "Busy"


def _initials(one: Joined) -> str:
    return "".join(f"{part[0]}." for part in (one.first_name, one.last_name) if part)


def _rows(session: Session, practitioner_id: int, now: datetime) -> Iterable[Joined]:
    query = (
        select(
            Item.id, Item.kind, Item.starts_at, Item.ends_at, Item.is_blocking, Item.is_busy, Item.mode, Item.title,
            Item.version, Item.ical_uid, Item.changed_at, AppointmentType.name.label("type_name"),
            ClientGroup.name.label("group_name"), Location.name.label("location"), Room.name.label("room"), Attendee.status,
            Client.first_name, Client.last_name,
        )
        .select_from(Item)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .outerjoin(ClientGroup, ClientGroup.id == Item.group_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(Room, Room.id == Item.room_id)
        .outerjoin(Attendee, Attendee.item_id == Item.id)
        .outerjoin(Client, Client.id == Attendee.client_id)
        .where(
            Item.practitioner_id == practitioner_id,
            Item.deleted_at.is_(None),
            Item.starts_at >= now - PAST,
            Item.starts_at < now + AHEAD,
        )
        .order_by(Item.starts_at, Item.id, Attendee.id)
        .limit(ROWS_MAX)
    )  # fmt: skip
    rows: Any = session.execute(query).all()
    found: Iterable[Joined] = rows
    return found


def _practitioner(session: Session, who: Actor, practitioner_id: int) -> Practitioner:
    found = session.get(Practitioner, practitioner_id)
    if found is None or (who.practitioner_id != practitioner_id and not who.may(Permission.SETTINGS)):
        raise NotFoundError("no such practitioner")
    return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
