"""Booking: what stands in the calendar is made, changed, moved and deleted here, and never overlaps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, joinedload

from clinic.calendar import availability, buffers, linking, matching, seats, types
from clinic.calendar.availability import OverlapError, WarnedError
from clinic.calendar.linking import Choice
from clinic.calendar.seats import invoiced_line, kept_of, minutes_of
from clinic.calendar.terms import Terms, Wanted, agree, practitioner_for, room_in
from clinic.kernel import clock
from clinic.kernel.errors import NotFoundError, RefusalError, StaleError
from clinic.messages import outbox
from clinic.models import guards
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

__all__ = [
    "DeletedError", "Move", "OverlapError", "Wanted", "WarnedError", "book", "delete", "edit", "invoiced_line",
    "item_for", "kept_of", "minutes_of", "move",
]  # fmt: skip


class DeletedError(NotFoundError):
    """Say that an item is there no more, to someone who could see it while it was."""

    def __init__(self, item: Item) -> None:
        super().__init__(f"item {item.id}")
        self.item = item


class Same(Enum):
    """Say that something stays as it is, where None already means none."""

    SAME = "same"


@dataclass(frozen=True)
class Move:
    """Ask for another start, perhaps with another practitioner or in another room.

    Args:
        tells: False leaves the telling to the caller, who changes several at once (`outbox.tell_all`).
    """

    starts_at: datetime
    practitioner_id: int | None = None
    room_id: int | Same | None = Same.SAME
    overrides_warnings: bool = False
    package_choice: Choice | None = None
    notifies: bool = True
    tells: bool = True


def item_for(session: Session, who: Actor, item_id: int) -> Item:
    """Return the item with its type, attendees and their clients.

    Raises:
        DeletedError: it was deleted.
        NotFoundError: there is none, or it stands in a calendar that is not theirs; for a client in the portal, that it is
            not one of their own appointments.
    """
    item = (
        session.scalars(
            select(Item)
            .where(Item.id == item_id)
            .options(joinedload(Item.type), joinedload(Item.attendees).joinedload(Attendee.client))
        )
        .unique()
        .one_or_none()
    )
    if item is None or not _is_theirs(who, item):
        raise NotFoundError(f"item {item_id}")
    if item.deleted_at is not None:
        raise DeletedError(item) if who.client_id is None else NotFoundError(f"item {item_id}")
    return item


def _is_theirs(who: Actor, item: Item) -> bool:
    if who.client_id is None:
        return who.own_practitioner_id in (None, item.practitioner_id)
    return outbox.may_be_told(item.kind) and who.client_id in {each.client_id for each in item.attendees}


def book(
    session: Session, who: Actor, wanted: Wanted, now: datetime, *, terms: Terms | None = None, series_id: int | None = None
) -> Item:
    """Book, copy the fee onto who is billed, and let packages link. Must run inside `writing()`.

    Args:
        terms: what the wish was agreed to come to, where that is known already.

    Raises:
        OverlapError: the practitioner or the room is taken; it names what stands there.
        WarnedError: the time is closed, off or outside working hours, and nobody said to book anyway.
        RefusalError: a lock, a room, a payer or a client does not hold, or a package just misses.
    """
    terms = terms or agree(session, who, wanted)
    _check_time(session, who, wanted, terms, besides=None)
    _ask_about_near_miss(session, wanted, terms)
    item = Item(
        kind=terms.kind, type_id=wanted.type_id, practitioner_id=wanted.practitioner_id, location_id=terms.location_id,
        room_id=terms.room_id, group_id=wanted.group_id, series_id=series_id, starts_at=wanted.starts_at, ends_at=terms.ends_at,
        is_busy=wanted.is_busy, is_blocking=wanted.is_busy, mode=terms.mode, title=wanted.title, notes=wanted.notes,
        created_at=now, created_by_id=who.user_id, changed_at=now, version=1,
        attendees=[seats.made(place, terms.price, now) for place in terms.places],
    )  # fmt: skip
    with guarded(session):
        session.add(item)
    payers = {place.client_id: place.payer_id for place in terms.places}
    for attendee in item.attendees:
        payer_id = payers[attendee.client_id]
        if payer_id is not None:
            seats.add_share(session, attendee, payer_id)
    session.flush()
    audit.record(session, who, "booked", "item", item.id, now, kind=item.kind.value, type_id=item.type_id,
                 practitioner_id=item.practitioner_id, starts_at=item.starts_at.isoformat(), minutes=terms.minutes,
                 client_ids=[place.client_id for place in terms.places], fee_cents=terms.price.cents, busy=item.is_busy,
                 despite_warnings=wanted.overrides_warnings)  # fmt: skip
    linking.on_booked(session, who, item, now, uses_package=wanted.uses_package)
    if wanted.tells:
        outbox.tell(session, who, item, {}, now, notifies=wanted.notifies)
    return item


def edit(session: Session, who: Actor, item_id: int, wanted: Wanted, now: datetime, *, version: int) -> Item:
    """Change what is booked; the type stays, and another practitioner is a move. Must run inside `writing()`.

    Raises:
        ClashError: someone changed it since `version`, or the new time is taken.
        WarnedError: something speaks against the new time.
        MismatchError: its package no longer fits and nobody chose.
        RefusalError: a rule does not hold; fee, client and payer stay while it is on an invoice.
    """
    item = _unchanged(session, who, item_id, version)
    told = outbox.standing(item)
    if (wanted.type_id, wanted.practitioner_id, wanted.group_id) != (item.type_id, item.practitioner_id, item.group_id):
        raise RefusalError("Type and group stay as booked. Cancel this one and book another.", field="type")
    kept = kept_of(session, item)
    terms = agree(session, who, wanted, kept)
    is_moved = (wanted.starts_at, terms.ends_at) != (item.starts_at, item.ends_at)
    is_elsewhere = terms.location_id != item.location_id
    is_rebilled = (terms.places, terms.price) != (kept.places, kept.price)
    rematches = is_elsewhere or [(p.client_id, p.is_billed, terms.price.fee_id) for p in terms.places] != [
        (p.client_id, p.is_billed, kept.price.fee_id) for p in kept.places
    ]
    if is_rebilled:
        seats.refuse_invoiced(session, kept)
    _check_time(session, who, wanted, terms, besides=item, warns=is_moved or is_elsewhere)
    if rematches and not any(linking.held_line(session, place.id) for place in item.attendees):
        _ask_about_near_miss(session, wanted, terms)
    with guarded(session):
        item.starts_at, item.ends_at = wanted.starts_at, terms.ends_at
        item.location_id, item.room_id, item.mode = terms.location_id, terms.room_id, terms.mode
        item.is_busy, item.title, item.notes = wanted.is_busy, wanted.title, wanted.notes
        item.is_blocking = blocks(item)
        _touch(item, now)
    if is_rebilled:
        seats.rebill(session, who, item, terms.places, terms.price, now)
    audit.record(session, who, "changed", "item", item.id, now, starts_at=item.starts_at.isoformat(), minutes=terms.minutes,
                 fee_cents=terms.price.cents, client_ids=[place.client_id for place in terms.places], busy=item.is_busy,
                 despite_warnings=wanted.overrides_warnings)  # fmt: skip
    linking.on_changed(session, who, item, now, rematches=rematches, uses_package=wanted.uses_package,
                       choice=wanted.package_choice)  # fmt: skip
    if wanted.tells:
        outbox.tell(session, who, item, told, now, notifies=wanted.notifies)
    return item


def move(session: Session, who: Actor, item_id: int, to: Move, now: datetime, *, version: int) -> Item:
    """Give an item another start, and perhaps another practitioner or room; its length stays. Must run inside `writing()`.

    Raises:
        ClashError: someone changed it since `version`, or the new time is taken.
        WarnedError: something speaks against the new time.
        MismatchError: its package no longer fits and nobody chose.
    """
    item = _unchanged(session, who, item_id, version)
    told = outbox.standing(item)
    practitioner = practitioner_for(session, who, to.practitioner_id or item.practitioner_id)
    is_other = practitioner.id != item.practitioner_id
    kind = session.get(AppointmentType, item.type_id) if item.type_id else None
    if is_other and kind is not None and not types.may_book(session, kind, practitioner.id):
        raise RefusalError(f"{kind.name} cannot be booked with {practitioner.name}.", field="practitioner")
    room_id = item.room_id
    if to.room_id is not Same.SAME:
        room_id = room_in(session, to.room_id, item.location_id, kept_id=item.room_id)
        if room_id is None and kind is not None and kind.requires_room:
            raise RefusalError(f"{kind.name} needs a room.", field="room")
    ends_at = to.starts_at + (item.ends_at - item.starts_at)
    if blocks(item):
        _refuse_clash(session, who, practitioner.id, room_id, to.starts_at, ends_at, besides=item)
    if not to.overrides_warnings:
        _warn(session, practitioner.id, item.location_id, to.starts_at, ends_at, item.type_id if item.is_busy else None, item)
    was_at = item.starts_at
    with guarded(session):
        item.practitioner_id, item.room_id = practitioner.id, room_id
        item.starts_at, item.ends_at = to.starts_at, ends_at
        item.is_blocking = blocks(item)
        _touch(item, now)
    timezone = settings.house(session).timezone
    if is_other or clock.local_date(was_at, timezone) != clock.local_date(item.starts_at, timezone):
        for attendee in item.attendees:
            attendee.billing_changed_at = now
    audit.record(session, who, "moved", "item", item.id, now, was_at=was_at.isoformat(), starts_at=item.starts_at.isoformat(),
                 practitioner_id=item.practitioner_id, despite_warnings=to.overrides_warnings)  # fmt: skip
    linking.on_changed(session, who, item, now, rematches=is_other, choice=to.package_choice)
    if to.tells:
        outbox.tell(session, who, item, told, now, notifies=to.notifies)
    return item


def delete(session: Session, who: Actor, item_id: int, now: datetime, *, notifies: bool = True, tells: bool = True) -> None:
    """Take an item out of the calendar. Its invoice, if any, stays; a package session returns. Must run inside `writing()`."""
    item = item_for(session, who, item_id)
    told = outbox.standing(item)
    item.deleted_at, item.is_blocking = now, False
    _touch(item, now)
    for attendee in item.attendees:
        attendee.billing_changed_at = now
    session.flush()
    audit.record(session, who, "deleted", "item", item.id, now, starts_at=item.starts_at.isoformat())
    linking.on_deleted(session, who, item, now)
    if tells:
        outbox.tell(session, who, item, told, now, notifies=notifies)


def blocks(item: Item) -> bool:
    """Say whether the item holds its time: busy, not deleted, and someone's place in it is live."""
    is_held = any(attendee.status.is_live for attendee in item.attendees) or item.kind is ItemKind.EVENT
    return item.is_busy and item.deleted_at is None and is_held


@contextmanager
def guarded(session: Session) -> Iterator[None]:
    """Write inside a savepoint, and turn the database's own refusal of an overlap into a clash.

    Raises:
        OverlapError: the database saw an overlap that the check before did not.
    """
    try:
        with session.begin_nested():
            yield
            session.flush()
    except DBAPIError as error:
        if guards.OVERLAP not in str(error.orig):
            raise
        raise OverlapError("Someone was faster: this time was taken a moment ago.") from error


def _ask_about_near_miss(session: Session, wanted: Wanted, terms: Terms) -> None:
    if not wanted.uses_package or wanted.accepts_unpaid or terms.kind is not ItemKind.APPOINTMENT:
        return
    for place in terms.places:
        if not place.is_billed:
            continue
        _found, missed = matching.package_of(
            session, client_id=place.client_id, fee_id=terms.price.fee_id, practitioner_id=wanted.practitioner_id,
            location_id=terms.location_id, starts_at=wanted.starts_at,
        )  # fmt: skip
        if missed:
            raise RefusalError(f"{missed} Book it unpaid?", field="accepts_unpaid")


def _check_time(
    session: Session, who: Actor, wanted: Wanted, terms: Terms, *, besides: Item | None, warns: bool = True
) -> None:
    holds = wanted.is_busy and (besides is None or besides.kind is ItemKind.EVENT or _has_live(besides.attendees))
    if holds:
        _refuse_clash(session, who, wanted.practitioner_id, terms.room_id, wanted.starts_at, terms.ends_at, besides=besides)
    if warns and not wanted.overrides_warnings:
        kind = wanted.type_id if wanted.is_busy else None
        _warn(session, wanted.practitioner_id, terms.location_id, wanted.starts_at, terms.ends_at, kind, besides)


def _has_live(attendees: Sequence[Attendee]) -> bool:
    return any(attendee.status.is_live for attendee in attendees)


def _refuse_clash(
    session: Session,
    who: Actor,
    practitioner_id: int,
    room_id: int | None,
    starts_at: datetime,
    ends_at: datetime,
    *,
    besides: Item | None,
) -> None:
    found = availability.clash(
        session, practitioner_id=practitioner_id, room_id=room_id, starts_at=starts_at, ends_at=ends_at,
        besides_item_id=besides.id if besides else None,
    )  # fmt: skip
    if found is not None:
        raise availability.refuse_clash(found, who, settings.house(session))


def _warn(
    session: Session, practitioner_id: int, location_id: int | None, starts_at: datetime, ends_at: datetime,
    busy_type_id: int | None, besides: Item | None,
) -> None:  # fmt: skip
    found = availability.warnings(
        session, practitioner_id=practitioner_id, location_id=location_id, starts_at=starts_at, ends_at=ends_at
    )
    if busy_type_id is not None:
        found += buffers.warnings(
            session, type_id=busy_type_id, practitioner_id=practitioner_id, starts_at=starts_at, ends_at=ends_at,
            besides_item_id=besides.id if besides else None,
        )  # fmt: skip
    if found:
        raise WarnedError(found)


def refuse_stale(session: Session, who: Actor, item_id: int, version: int | None) -> None:
    """Refuse to end what someone else changed since it was shown; None: nobody says what was shown. Inside `writing()`."""
    if version is not None:
        _unchanged(session, who, item_id, version)


def _unchanged(session: Session, who: Actor, item_id: int, version: int) -> Item:
    item = item_for(session, who, item_id)
    if item.version != version:
        raise StaleError
    return item


def _touch(item: Item, now: datetime) -> None:
    item.version += 1
    item.changed_at = now
