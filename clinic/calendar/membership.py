"""A change of a group's members, carried into what is booked for it already: only where staff say so (rulebook 1.8)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from clinic.calendar import booking, linking, seats, series, statuses
from clinic.calendar.terms import Bills, Kept, Place, billed_id, usual_bills
from clinic.kernel.errors import ClashError
from clinic.messages import outbox
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.people import Client, ClientGroup
from clinic.models.practice import Practitioner
from clinic.people import groups
from clinic.practice import audit
from clinic.practice.permissions import Actor

COMING_MAX = 300
CHANGED = "Some of these changed meanwhile. Look again, then choose."
_REASON = "No longer in the group"


@dataclass(frozen=True)
class Differing:
    """Be one coming item whose attendees are not the group's members any more."""

    item_id: int
    version: int
    starts_at: datetime
    type_name: str
    practitioner: str
    joins: tuple[str, ...]
    leaves: tuple[str, ...]
    why_left: str  # why it cannot take the change; empty when it can


@dataclass(frozen=True)
class Coming:
    """Hold what the change of a group's members asks about."""

    group_id: int
    name: str
    rows: tuple[Differing, ...]
    past: int  # how many past ones have other attendees; they stay as they were

    @property
    def open(self) -> tuple[Differing, ...]:
        """Return those that may take the change."""
        return tuple(row for row in self.rows if not row.why_left)


@dataclass(frozen=True)
class _Change:
    joins: tuple[int, ...]
    leaves: tuple[Attendee, ...]


def coming(session: Session, who: Actor, group_id: int, now: datetime) -> Coming:
    """Return the group's coming items that other clients than its members are booked for.

    Raises:
        NotFoundError: the group is not theirs to see.
    """
    group = groups.group_for(session, who, group_id)
    member_ids = frozenset(member.client_id for member in group.members)
    found = [(item, name, _change(item, member_ids)) for item, name in session.execute(_items(group_id, now))]
    differing = [(item, name, change) for item, name, change in found if change.joins or change.leaves]
    left = series.why_left(session, who, [item for item, _name, _change in differing], now) if differing else {}
    joining = {client_id for _item, _name, change in differing for client_id in change.joins}
    names = {client.id: client.name for client in session.scalars(select(Client).where(Client.id.in_(joining)))}
    rows = tuple(
        Differing(
            item.id, item.version, item.starts_at, item.type.name if item.type else "", name,
            tuple(sorted(names[client_id] for client_id in change.joins)),
            tuple(seat.client.name for seat in change.leaves), left.get(item.id, ""),
        )
        for item, name, change in differing
    )  # fmt: skip
    past = select(func.count(Item.id)).where(Item.group_id == group_id, Item.deleted_at.is_(None), Item.starts_at <= now)
    return Coming(group_id, group.name, rows, session.scalar(past) or 0)


def take(session: Session, who: Actor, group_id: int, versions: dict[int, int], now: datetime, *, notifies: bool = True) -> int:
    """Carry the group's members into those items, and return how many took them. Must run inside `writing()`.

    Who joins gets a seat with the fee, share and package session a booking would give; who leaves is cancelled by the practice,
    which returns a package session and passes a fee that is billed once to somebody who is there.

    Args:
        versions: by item the version it was shown with.

    Raises:
        ClashError: one of them changed meanwhile, or cannot take the change any more.
        NotFoundError: the group is not theirs to see.
    """
    who_may = {row.item_id: row for row in coming(session, who, group_id, now).open}
    if any(item_id not in who_may or who_may[item_id].version != version for item_id, version in versions.items()):
        raise ClashError(CHANGED)
    group = groups.group_for(session, who, group_id)
    member_ids = frozenset(member.client_id for member in group.members)
    told = []
    for item_id in versions:
        item = booking.item_for(session, who, item_id)
        told.append((item, outbox.standing(item)))
        _carry(session, who, group, item, _change(item, member_ids), now)
    outbox.tell_all(session, who, told, now, notifies=notifies)
    if versions:
        audit.record(session, who, "carried members into", "client group", group_id, now, item_ids=sorted(versions))
    return len(versions)


def _carry(session: Session, who: Actor, group: ClientGroup, item: Item, change: _Change, now: datetime) -> None:
    kept, price = booking.kept_of(session, item), seats.price_of(item)
    bills = kept.bills or usual_bills(group.kind, item.kind)
    seated = {seat.client_id: seat for seat in item.attendees}
    for client_id in change.joins:
        if client_id in seated:
            back_id = seated[client_id].id
            statuses.set_status(session, who, item.id, Status.BOOKED, now, attendee_id=back_id, tells=False)
        else:
            item.attendees.append(seats.made(Place(client_id, None), price, now))
    session.flush()
    was_billed = {seat.client_id for seat in item.attendees if seat.is_billed}
    places = _places(session, group, item, kept, bills, {seat.client_id for seat in change.leaves})
    seats.rebill(session, who, item, places, price, now)
    for seat in change.leaves:
        statuses.set_status(
            session, who, item.id, Status.CANCELLED_BY_PRACTICE, now, attendee_id=seat.id, reason=_REASON, tells=False
        )  # fmt: skip
    item.version += 1
    item.changed_at = now
    session.flush()
    newly_billed = {place.client_id for place in places if place.is_billed} - was_billed
    linking.on_booked(session, who, item, now, uses_package=True, client_ids=newly_billed)


def _places(
    session: Session, group: ClientGroup, item: Item, kept: Kept, bills: Bills, leaving: Collection[int]
) -> tuple[Place, ...]:
    """Return who is billed once the members are those of the group: each, or the billing member while that one is there."""
    ids = [seat.client_id for seat in item.attendees]
    clients = {client.id: client for client in session.scalars(select(Client).where(Client.id.in_(ids)))}
    payers = {place.client_id: place.payer_id for place in kept.places}
    if bills is Bills.EACH:
        return tuple(Place(each, payers.get(each) or clients[each].default_payer_id) for each in ids)
    there = [seat.client_id for seat in item.attendees if seats.is_there(seat) and seat.client_id not in leaving]
    one_id = billed_id(group, there or ids)
    return tuple(Place(each, payers.get(each) or clients[each].default_payer_id if each == one_id else None) for each in ids)


def _change(item: Item, member_ids: Collection[int]) -> _Change:
    live = {seat.client_id for seat in item.attendees if seat.status.is_live}
    leaves = tuple(seat for seat in item.attendees if seat.client_id not in member_ids and seat.status.is_live)
    # Who cancelled for that day themselves is a member still, and is not booked again.
    gone = {seat.client_id for seat in item.attendees if not seat.status.is_live and seat.status_reason != _REASON}
    return _Change(tuple(sorted(set(member_ids) - live - gone)), leaves)


def _items(group_id: int, now: datetime) -> Select[Item, str]:
    return (
        select(Item, Practitioner.name)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .where(Item.group_id == group_id, Item.deleted_at.is_(None), Item.starts_at > now)
        .options(joinedload(Item.type), selectinload(Item.attendees).joinedload(Attendee.client))
        .order_by(Item.starts_at, Item.id)
        .limit(COMING_MAX)
    )
