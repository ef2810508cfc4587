"""What a booking comes to: the wish checked against its type's locks, its place, its people and its price."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import types
from clinic.calendar.linking import Choice
from clinic.calendar.types import Price
from clinic.kernel import money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Fee
from clinic.models.calendar import AppointmentType, ItemKind, Mode
from clinic.models.people import Client, ClientGroup, GroupKind
from clinic.models.practice import Location, Practitioner, Room
from clinic.people import clients, contacts, groups
from clinic.practice import settings
from clinic.practice.permissions import Actor

NO_PRICE = Price(None, "", "", 0, 0)
TITLE_CHARS_MAX = 120


class Bills(StrEnum):
    """Name how a group is billed: the fee once, on one member, or on each."""

    ONCE = "once"
    EACH = "each"


@dataclass(frozen=True)
class Wanted:
    """Ask for a booking. Without a type it is a free-form event, which has a title and no client.

    Args:
        location_id: None takes the practitioner's own; an Activity has none.
        mode: None takes the type's first.
        fee_id: None takes the type's fee or rate; `fee_cents` None takes that fee's amount. In an edit both None keep the fee.
        payer_id: None bills the client's default payer.
        bills: how a group is billed; None: as its kind usually is, in an edit as it stands.
        uses_package: False is the opt-out from linking to a package by itself.
        accepts_unpaid: False asks first when a package just misses (rulebook 3.4).
        overrides_warnings: True books outside working hours, in time off and on closed days.
        notifies: False tells the client nothing (rulebook 8).
        tells: False leaves the telling to the caller, who changes several at once (`outbox.tell_all`).
    """

    type_id: int | None
    practitioner_id: int
    starts_at: datetime
    minutes: int
    client_id: int | None = None
    group_id: int | None = None
    location_id: int | None = None
    room_id: int | None = None
    mode: Mode | None = None
    fee_id: int | None = None
    fee_cents: int | None = None
    payer_id: int | None = None
    bills: Bills | None = None
    is_busy: bool = True
    notes: str = ""
    uses_package: bool = True
    title: str = ""
    overrides_warnings: bool = False
    accepts_unpaid: bool = True
    package_choice: Choice | None = None
    notifies: bool = True
    tells: bool = True


@dataclass(frozen=True)
class Place:
    """Be one client's place in what is booked; `payer_id` None: the fee sits on another's."""

    client_id: int
    payer_id: int | None

    @property
    def is_billed(self) -> bool:
        """Say whether the fee, the invoice line and the package session sit here."""
        return self.payer_id is not None


@dataclass(frozen=True)
class Kept:
    """Hold what a booking already has, so that an edit may leave it as it was booked."""

    minutes: int
    price: Price
    client_id: int | None
    payer_id: int | None  # whom the one fee is billed to, where there is one
    location_id: int | None
    room_id: int | None
    mode: Mode | None
    places: tuple[Place, ...]
    share_ids: tuple[int, ...] = ()
    bills: Bills | None = None  # None: it is no group's, or has a single place
    gone_ids: frozenset[int] = frozenset()  # the clients who are not there


@dataclass(frozen=True)
class Terms:
    """Hold a wish that keeps every rule but the ones about time."""

    kind: ItemKind
    minutes: int
    ends_at: datetime
    location_id: int | None
    room_id: int | None
    mode: Mode | None
    price: Price
    places: tuple[Place, ...]


def agree(session: Session, who: Actor, wanted: Wanted, kept: Kept | None = None) -> Terms:
    """Check a wish and fill in what it leaves open.

    Raises:
        RefusalError: a lock, a mode, a room, a payer or a client does not hold; the error names the field.
        NotFoundError: the practitioner is not theirs.
    """
    practitioner = practitioner_for(session, who, wanted.practitioner_id)
    if wanted.type_id is None:
        return _event(wanted)
    kind = _type(session, wanted, practitioner, kept)
    minutes = _minutes(kind, wanted, kept)
    places = _places(session, who, wanted, kind, kept)
    if kind.kind is ItemKind.ACTIVITY:
        mode = location_id = room_id = None
    else:
        if not wanted.is_busy:
            raise RefusalError("Only an Activity can be booked as Free.", field="busy")
        mode = _mode(kind, wanted, kept)
        location_id = _location(session, wanted, practitioner, kept)
        room_id = room_in(session, wanted.room_id, location_id, kept_id=kept.room_id if kept else None)
        if kind.requires_room and room_id is None:
            raise RefusalError(f"{kind.name} needs a room.", field="room")
    return Terms(
        kind=kind.kind,
        minutes=minutes,
        ends_at=wanted.starts_at + timedelta(minutes=minutes),
        location_id=location_id,
        room_id=room_id,
        mode=mode,
        price=_price(session, wanted, kind, minutes, kept),
        places=places,
    )


def practitioner_for(session: Session, who: Actor, practitioner_id: int) -> Practitioner:
    """Return the practitioner whose calendar this person may change.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    found = session.get(Practitioner, practitioner_id)
    # A client books and moves with any of them; which times are offered is another rule (`online`).
    is_theirs = who.client_id is not None or who.own_practitioner_id in (None, practitioner_id)
    if found is None or found.is_archived or not is_theirs:
        raise NotFoundError(f"practitioner {practitioner_id}")
    return found


def room_in(session: Session, room_id: int | None, location_id: int | None, *, kept_id: int | None = None) -> int | None:
    """Return the room if it is one of that location.

    Raises:
        RefusalError: it is not, or it is archived.
    """
    if room_id is None:
        return None
    room = session.get(Room, room_id)
    if room is None or room.location_id != location_id or (room.is_archived and room_id != kept_id):
        raise RefusalError("Choose a room of this location.", field="room")
    return room_id


def _event(wanted: Wanted) -> Terms:
    if not wanted.title:
        raise RefusalError("Say what it is.", field="title")
    if wanted.client_id is not None or wanted.group_id is not None:
        raise RefusalError("An event has no client. Choose an appointment type.", field="type")
    if not types.MINUTES_MIN <= wanted.minutes <= types.MINUTES_MAX:
        raise _minutes_refused()
    ends_at = wanted.starts_at + timedelta(minutes=wanted.minutes)
    return Terms(ItemKind.EVENT, wanted.minutes, ends_at, None, None, None, NO_PRICE, ())


def _type(session: Session, wanted: Wanted, practitioner: Practitioner, kept: Kept | None) -> AppointmentType:
    assert wanted.type_id is not None
    kind = session.get(AppointmentType, wanted.type_id)
    if kind is None:
        raise RefusalError("Choose an appointment type from the list.", field="type")
    if kept is None and not types.may_book(session, kind, practitioner.id):
        raise RefusalError(f"{kind.name} cannot be booked with {practitioner.name}.", field="type")
    return kind


def _minutes(kind: AppointmentType, wanted: Wanted, kept: Kept | None) -> int:
    allowed = {kind.duration_minutes, kept.minutes if kept else kind.duration_minutes}
    if not kind.is_duration_flexible and wanted.minutes not in allowed:
        raise RefusalError(f"{kind.name} always takes {kind.duration_minutes} minutes.", field="minutes")
    if not types.MINUTES_MIN <= wanted.minutes <= types.MINUTES_MAX:
        raise _minutes_refused()
    return wanted.minutes


def _minutes_refused() -> RefusalError:
    return RefusalError(f"Enter minutes from {types.MINUTES_MIN} to {types.MINUTES_MAX}.", field="minutes")


def _mode(kind: AppointmentType, wanted: Wanted, kept: Kept | None) -> Mode:
    modes = types.modes_of(kind) or (Mode.IN_PERSON,)
    if wanted.mode is None:
        return modes[0]
    if wanted.mode not in modes and not (kept and wanted.mode is kept.mode):
        raise RefusalError(f"{kind.name} is not given this way.", field="mode")
    return wanted.mode


def _location(session: Session, wanted: Wanted, practitioner: Practitioner, kept: Kept | None) -> int:
    location_id = wanted.location_id or practitioner.location_id
    if location_id is None:
        raise RefusalError("Choose a location. Phone and video sessions have one too.", field="location")
    location = session.get(Location, location_id)
    if location is None or (location.is_archived and not (kept and kept.location_id == location_id)):
        raise RefusalError("Choose a location from the list.", field="location")
    return location_id


def _price(session: Session, wanted: Wanted, kind: AppointmentType, minutes: int, kept: Kept | None) -> Price:
    own = types.price_of(session, kind, minutes=minutes)
    if kept and wanted.fee_id is None and wanted.fee_cents is None:
        # Nothing said about the fee: it stays as booked, but an hourly one follows the minutes.
        return own if minutes != kept.minutes and own.is_hourly else kept.price
    if kept and (wanted.fee_id, wanted.fee_cents) == (kept.price.fee_id, kept.price.cents) and minutes == kept.minutes:
        return kept.price
    if wanted.fee_id in (None, own.fee_id) and wanted.fee_cents in (None, own.cents):
        return own
    if not kind.is_rate_flexible:
        shown = settings.house(session).money(own.cents)
        field = "fee" if wanted.fee_id not in (None, own.fee_id) else "amount"
        raise RefusalError(f"The fee of {kind.name} is {shown} and cannot be changed here.", field=field)
    price = own if wanted.fee_id in (None, own.fee_id) else _other_fee(session, wanted.fee_id, minutes, kept)
    if wanted.fee_cents is None:
        return price
    if not 0 <= wanted.fee_cents <= money.AMOUNT_MAX_CENTS:
        raise RefusalError("Enter an amount such as 150 or 150.00.", field="amount")
    return replace(price, cents=wanted.fee_cents)


def _other_fee(session: Session, fee_id: int | None, minutes: int, kept: Kept | None) -> Price:
    fee = session.get(Fee, fee_id)
    if fee is None or (fee.is_archived and not (kept and kept.price.fee_id == fee_id)):
        raise RefusalError("Choose a fee from the list.", field="fee")
    return types.price_of_fee(fee, minutes=minutes)


def _places(session: Session, who: Actor, wanted: Wanted, kind: AppointmentType, kept: Kept | None) -> tuple[Place, ...]:
    if (wanted.client_id is None) == (wanted.group_id is None):
        raise RefusalError("Choose a client or a group.", field="person")
    if wanted.client_id is not None:
        client = _client(session, who, wanted.client_id, kept)
        return (Place(client.id, _payer(session, client, wanted.payer_id, kept)),)
    assert wanted.group_id is not None
    if kept is not None:
        return _kept_places(session, wanted, kept)
    group = _group(session, who, wanted.group_id)
    ids = sorted(member.client_id for member in group.members)
    most = settings.practice(session).group_clients_max
    if not 1 <= len(ids) <= most:
        raise RefusalError(f"{group.name} has {len(ids)} members; from 1 to {most} can be booked.", field="person")
    is_each = (wanted.bills or usual_bills(group.kind, kind.kind)) is Bills.EACH
    billed = set(ids) if is_each else {billed_id(group, ids)}
    members = {each.id: each for each in session.scalars(select(Client).where(Client.id.in_(ids)))}
    return tuple(Place(each, _payer(session, members[each], wanted.payer_id, None) if each in billed else None) for each in ids)


def usual_bills(group: GroupKind, kind: ItemKind) -> Bills:
    """Return how a group is billed unless the booking switches it: a couple or family once, a therapy group each."""
    return Bills.EACH if group is GroupKind.THERAPY and kind is ItemKind.APPOINTMENT else Bills.ONCE


def billed_id(group: ClientGroup, ids: Sequence[int], gone_ids: Collection[int] = ()) -> int:
    """Return which of those clients carries a fee that is billed once: the billing member, or else the first who is there."""
    there = [each for each in ids if each not in gone_ids] or ids
    return group.billing_client_id if group.billing_client_id in there else there[0]


def _kept_places(session: Session, wanted: Wanted, kept: Kept) -> tuple[Place, ...]:
    bills = wanted.bills if wanted.bills and kept.bills else kept.bills
    is_same_payer = wanted.payer_id in (None, kept.payer_id) or bills is Bills.EACH
    if bills is kept.bills and is_same_payer:
        return kept.places
    payers = {place.client_id: place.payer_id for place in kept.places}
    ids = list(payers)
    members = {each.id: each for each in session.scalars(select(Client).where(Client.id.in_(ids)))}
    if bills is Bills.EACH:
        return tuple(Place(each, payers[each] or members[each].default_payer_id) for each in ids)
    one_id = next((each for each in ids if payers[each]), ids[0])
    if bills is not kept.bills:
        one_id = billed_id(session.get_one(ClientGroup, wanted.group_id), ids, kept.gone_ids)
    payer_id = payers[one_id] if is_same_payer else None
    payer_id = payer_id or _payer(session, members[one_id], wanted.payer_id, None)
    return tuple(Place(each, payer_id if each == one_id else None) for each in ids)


def _client(session: Session, who: Actor, client_id: int, kept: Kept | None) -> Client:
    try:
        client = clients.client_for(session, who, client_id)
    except NotFoundError as error:
        raise RefusalError("Choose a client from the list.", field="person") from error
    if client.is_archived and not (kept and kept.client_id == client_id):
        raise RefusalError(f"{client.name} is archived. Bring the client back first.", field="person")
    return client


def _group(session: Session, who: Actor, group_id: int) -> ClientGroup:
    try:
        group = groups.group_for(session, who, group_id)
    except NotFoundError as error:
        raise RefusalError("Choose a group from the list.", field="person") from error
    if group.is_archived:
        raise RefusalError(f"{group.name} is archived. Bring the group back first.", field="person")
    return group


def _payer(session: Session, client: Client, payer_id: int | None, kept: Kept | None) -> int:
    if kept and client.id == kept.client_id and kept.payer_id is not None and payer_id in (None, kept.payer_id):
        return kept.payer_id
    if payer_id in (None, client.default_payer_id):
        return client.default_payer_id
    if payer_id not in {payer.contact_id for payer in contacts.payers_of(session, client.id)}:
        raise RefusalError(f"Choose {client.name} or a contact linked to {client.name}.", field="bill_to")
    assert payer_id is not None
    return payer_id
