"""What a booking form offers for what is chosen so far: types, people, fees, places and the package it would use."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from clinic.billing import fees
from clinic.calendar import linking, matching, terms, types
from clinic.calendar.linking import Candidate
from clinic.calendar.terms import NO_PRICE, Bills, Kept, practitioner_for
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.kernel.texts import folded
from clinic.models.billing import Fee
from clinic.models.calendar import AppointmentType, Item, ItemKind, Mode
from clinic.models.people import Client, ClientGroup
from clinic.models.practice import Location, Practitioner, Room
from clinic.people import clients, contacts, finding, groups
from clinic.people.finding import Match
from clinic.practice import settings
from clinic.practice.permissions import Actor

EVENT = 0  # as a type's id: a free-form event
MODE_WORDS = {Mode.IN_PERSON: "In person", Mode.PHONE: "Phone", Mode.VIDEO: "Video"}
PLACES_MAX = 300


@dataclass(frozen=True)
class Option:
    """Be one choice of a list."""

    value: str
    label: str


@dataclass(frozen=True)
class Sketch:
    """Say what a booking form holds so far; whatever it leaves open gets the usual."""

    practitioner_id: int | None = None
    type_id: int | None = None
    person: str = ""
    who: str = ""  # "client:7" or "group:3", chosen for the text in `searched`
    searched: str = ""
    starts_at: datetime | None = None
    minutes: int | None = None
    fee_id: int | None = None
    location_id: int | None = None
    room_id: int | None = None
    bills: str = ""  # "each-3": how group 3 is billed


@dataclass(frozen=True)
class Offer:
    """Hold what the form shows, as plain values."""

    practitioner_id: int
    practitioner: str
    practitioners: tuple[Option, ...]
    types: tuple[Option, ...]
    type_id: int
    type_name: str
    kind: ItemKind
    minutes: int
    is_minutes_locked: bool
    is_rate_locked: bool
    price_cents: int
    fee_id: int | None
    fees: tuple[Option, ...]
    location_id: int | None
    person: Match | None
    matches: tuple[Match, ...]  # several fit what was typed
    payers: tuple[Option, ...]
    payer_id: int | None
    # Only a group may be billed once or each.
    bills: Bills | None = None
    bills_options: tuple[Option, ...] = ()
    # Only an appointment has these.
    modes: tuple[Option, ...] = ()
    locations: tuple[Option, ...] = ()
    rooms: tuple[Option, ...] = ()
    package: Candidate | None = None
    near_miss: str | None = None
    another_fee: str | None = None  # a package with sessions left, but of another fee: only noted

    @property
    def is_appointment(self) -> bool:
        """Say whether mode, location, room and package apply."""
        return self.kind is ItemKind.APPOINTMENT

    @property
    def is_event(self) -> bool:
        """Say whether it has a title instead of a client and a fee."""
        return self.kind is ItemKind.EVENT

    @property
    def client_id(self) -> int | None:
        """Return the client chosen, if it is one."""
        return self.person.id if self.person and self.person.kind == finding.CLIENT else None

    @property
    def group_id(self) -> int | None:
        """Return the group chosen, if it is one."""
        return self.person.id if self.person and self.person.kind == finding.GROUP else None


def offer(
    session: Session,
    who: Actor,
    sketch: Sketch,
    *,
    with_activities: bool,
    kept: Kept | None = None,
    kept_type: int | None = None,
) -> Offer:
    """Return what may be chosen, and what is chosen by itself; of a booking that is edited, practitioner and type stay.

    Raises:
        NotFoundError: the practitioner is not theirs, or nobody may be booked.
    """
    practitioners = practitioners_for(session, who) if kept is None else []
    practitioner = _practitioner(session, who, sketch, practitioners)
    bookable = types.bookable_types(session, who, practitioner.id, with_activities=with_activities) if kept is None else []
    chosen = _chosen_type(session, sketch, bookable, kept_type, practitioner.id)
    minutes = _minutes(sketch, chosen, kept)
    schedule = fees.offered(session) if chosen and chosen.is_rate_flexible else []
    price = types.price_of(session, chosen, minutes=minutes) if chosen else NO_PRICE
    person, matches = (None, []) if chosen is None else _person(session, who, sketch, kept)
    kind = chosen.kind if chosen else ItemKind.EVENT
    bills, bills_options = _bills(session, sketch, person, kind, kept)
    payers, payer_id, billed_id = _payers(session, person, bills, kept)
    found = Offer(
        practitioner_id=practitioner.id,
        practitioner=practitioner.name,
        practitioners=tuple(Option(str(row.id), row.name) for row in practitioners),
        types=_type_options(bookable),
        type_id=chosen.id if chosen else EVENT,
        type_name=chosen.name if chosen else "Event",
        kind=kind,
        minutes=minutes,
        is_minutes_locked=chosen is not None and not chosen.is_duration_flexible,
        is_rate_locked=chosen is not None and not chosen.is_rate_flexible,
        price_cents=price.cents,
        fee_id=sketch.fee_id or price.fee_id,
        fees=_fees(session, chosen, minutes, price, schedule) if chosen else (),
        location_id=sketch.location_id or (kept.location_id if kept else None) or practitioner.location_id,
        person=person,
        matches=tuple(matches),
        payers=payers,
        payer_id=payer_id,
        bills=bills,
        bills_options=bills_options,
    )
    if chosen is None or kind is not ItemKind.APPOINTMENT:
        return found
    return _with_package(session, sketch, _with_place(session, sketch, found, chosen), billed_id, kept)


def practitioners_for(session: Session, who: Actor) -> list[Practitioner]:
    """List whom this person may book, by name."""
    query = select(Practitioner).where(~Practitioner.is_archived).order_by(Practitioner.name).limit(PLACES_MAX)
    if who.own_practitioner_id is not None:
        query = query.where(Practitioner.id == who.own_practitioner_id)
    return list(session.scalars(query))


def location_names(session: Session) -> list[tuple[int, str]]:
    """List the locations in use with their ids, by name."""
    query = select(Location.id, Location.name).where(~Location.is_archived).order_by(Location.name).limit(PLACES_MAX)
    return [(row.id, row.name) for row in session.execute(query)]


def rooms_of(session: Session, location_id: int | None, *, kept_id: int | None, is_required: bool) -> tuple[Option, ...]:
    """List the rooms of one location, and None where a room is not required."""
    query = select(Room).where(Room.location_id == location_id, or_(~Room.is_archived, Room.id == kept_id))
    found = [Option(str(row.id), row.name) for row in session.scalars(query.order_by(Room.name).limit(PLACES_MAX))]
    return () if not found else tuple(found) if is_required else (Option("", "None"), *found)


def _with_place(session: Session, sketch: Sketch, found: Offer, chosen: AppointmentType) -> Offer:
    """Add where it may be, which only an appointment has."""
    locations, rooms = _places(session, found.location_id, sketch.room_id, is_required=chosen.requires_room)
    modes = tuple(Option(mode.value, MODE_WORDS[mode]) for mode in types.modes_of(chosen))
    return replace(found, modes=modes, locations=locations, rooms=rooms)


def _with_package(session: Session, sketch: Sketch, found: Offer, billed_id: int | None, kept: Kept | None) -> Offer:
    """Add which package Save would use, or just misses; of what is booked, only where a change may link it (3.4)."""
    if billed_id is None or sketch.starts_at is None or found.fee_id is None:
        return found
    attendee_id = None
    if kept is not None:
        if (found.client_id, found.fee_id, found.location_id) == (kept.client_id, kept.price.fee_id, kept.location_id):
            return found
        attendee_id = linking.unlinked_place(session, kept.share_ids)
        if attendee_id is None:
            return found
    package, near_miss = matching.package_of(
        session, client_id=billed_id, fee_id=found.fee_id, practitioner_id=found.practitioner_id,
        location_id=found.location_id, starts_at=sketch.starts_at, attendee_id=attendee_id,
    )  # fmt: skip
    if package or near_miss:
        return replace(found, package=package, near_miss=near_miss)
    on_date = settings.house(session).local_date(sketch.starts_at)
    words = matching.another_fee(session, client_id=billed_id, fee_id=found.fee_id, on_date=on_date)
    return replace(found, another_fee=words)


def _practitioner(session: Session, who: Actor, sketch: Sketch, practitioners: list[Practitioner]) -> Practitioner:
    if sketch.practitioner_id:
        return practitioner_for(session, who, sketch.practitioner_id)
    if not practitioners:
        raise NotFoundError("nobody may be booked")
    return next((row for row in practitioners if row.id == who.practitioner_id), practitioners[0])


def _chosen_type(
    session: Session, sketch: Sketch, bookable: list[AppointmentType], kept_type: int | None, practitioner_id: int
) -> AppointmentType | None:
    if kept_type is not None:
        return types.type_for(session, kept_type) if kept_type != EVENT else None
    if sketch.type_id == EVENT:
        return None
    asked_id = sketch.type_id or _latest_type_id(session, practitioner_id)
    return next((kind for kind in bookable if kind.id == asked_id), bookable[0] if bookable else None)


def _latest_type_id(session: Session, practitioner_id: int) -> int | None:
    """Return the type that was booked last with this practitioner: most days the next one is the same."""
    booked = select(Item.type_id).where(Item.practitioner_id == practitioner_id, Item.type_id.is_not(None))
    return session.scalar(booked.order_by(Item.id.desc()).limit(1))


def _minutes(sketch: Sketch, chosen: AppointmentType | None, kept: Kept | None) -> int:
    usual = kept.minutes if kept else chosen.duration_minutes if chosen else 60
    if chosen is not None and not chosen.is_duration_flexible:
        return usual
    asked = sketch.minutes or usual
    return asked if types.MINUTES_MIN <= asked <= types.MINUTES_MAX else usual


def _person(session: Session, who: Actor, sketch: Sketch, kept: Kept | None) -> tuple[Match | None, list[Match]]:
    typed = folded(sketch.person)
    if sketch.who and (not typed or typed == folded(sketch.searched)):
        return _named(session, who, sketch.who, kept), []
    if not typed:
        return None, []
    found = finding.find(session, who, sketch.person)
    exact = [match for match in found if folded(match.name) == typed]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0], []
    return None, found


def _named(session: Session, who: Actor, ref: str, kept: Kept | None) -> Match | None:
    kind, _, text = ref.partition(":")
    if kept and kept.client_id and ref == f"{finding.CLIENT}:{kept.client_id}":
        return Match(finding.CLIENT, kept.client_id, session.get_one(Client, kept.client_id).name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    try:
        if kind == finding.GROUP:
            group = groups.group_for(session, who, int(text))
            return Match(finding.GROUP, group.id, group.name, "")
        client = clients.client_for(session, who, int(text))
    except NotFoundError:
        return None
    return Match(finding.CLIENT, client.id, client.name, "")


def _bills(
    session: Session, sketch: Sketch, person: Match | None, kind: ItemKind, kept: Kept | None
) -> tuple[Bills | None, tuple[Option, ...]]:
    """Return how a group is billed, and the choice there is: what was chosen for another group is not meant for this one."""
    if person is None or person.kind != finding.GROUP or (kept and kept.bills is None):
        return None, ()
    group = session.get_one(ClientGroup, person.id)
    usual = kept.bills if kept else terms.usual_bills(group.kind, kind)
    chosen = next((bills for bills in Bills if sketch.bills == f"{bills.value}-{group.id}"), usual)
    once = session.get_one(Client, _billed_id(group, kept)).name
    words = {Bills.ONCE: f"Once: {once}", Bills.EACH: "Each client"}
    return chosen, tuple(Option(f"{bills.value}-{group.id}", words[bills]) for bills in Bills)


def _billed_id(group: ClientGroup, kept: Kept | None) -> int:
    if kept is None:
        return group.billing_client_id
    if kept.bills is Bills.EACH:
        return terms.billed_id(group, [place.client_id for place in kept.places], kept.gone_ids)
    return next((place.client_id for place in kept.places if place.is_billed), group.billing_client_id)


def _payers(
    session: Session, person: Match | None, bills: Bills | None, kept: Kept | None
) -> tuple[tuple[Option, ...], int | None, int | None]:
    if person is None or bills is Bills.EACH:
        return (), None, None  # of a group, each is billed to their own payer
    client_id = person.id
    if person.kind == finding.GROUP:
        client_id = _billed_id(session.get_one(ClientGroup, person.id), kept)
    found = contacts.payers_of(session, client_id)
    words = (p.name if p.role == contacts.THEMSELVES else _payer_words(p) for p in found)
    options = tuple(Option(str(p.contact_id), label) for p, label in zip(found, words, strict=True))
    return options, session.get_one(Client, client_id).default_payer_id, client_id


def _payer_words(payer: contacts.Payer) -> str:
    return ", ".join(part for part in (payer.name, payer.role.lower(), payer.reference) if part)


def _fees(
    session: Session, chosen: AppointmentType, minutes: int, price: types.Price, schedule: list[Fee]
) -> tuple[Option, ...]:
    house = settings.house(session)
    own = [Option("", f"{chosen.name}, {house.money_short(price.cents)}")] if price.fee_id is None else []
    listed = [fee for fee in schedule if fee.minutes is not None or fee.is_hourly or fee.id == price.fee_id]
    words = [f"{fee.description}, {house.money_short(fees.amount_cents(fee, minutes))}" for fee in listed]
    return (*own, *(Option(str(fee.id), label) for fee, label in zip(listed, words, strict=True)))


def _places(
    session: Session, location_id: int | None, room_id: int | None, *, is_required: bool
) -> tuple[tuple[Option, ...], tuple[Option, ...]]:
    rows = session.execute(
        select(Location.id, Location.name, Room.id.label("room_id"), Room.name.label("room"))
        .outerjoin(Room, and_(Room.location_id == Location.id, or_(~Room.is_archived, Room.id == room_id)))
        .where(or_(~Location.is_archived, Location.id == location_id))
        .order_by(Location.name, Location.id, Room.name)
        .limit(PLACES_MAX)
    ).all()
    locations = {row.id: row.name for row in rows}
    with_room = [row for row in rows if row.room_id is not None]
    is_one_place = len({row.id for row in with_room}) < 2
    none = () if is_required else (Option("", "None"),)
    rooms = [Option(str(row.room_id), row.room if is_one_place else f"{row.room}, {row.name}") for row in with_room]
    return tuple(Option(str(key), name) for key, name in locations.items()), (*none, *rooms)


def _type_options(bookable: list[AppointmentType]) -> tuple[Option, ...]:
    words = [
        Option(str(kind.id), f"Activity: {kind.name}" if kind.kind is ItemKind.ACTIVITY else kind.name) for kind in bookable
    ]
    return (*words, Option(str(EVENT), "Event without a client"))


def refuse_unnamed(found: Offer) -> None:
    """Ask for a client or group when none, or more than one, fits what was typed.

    Raises:
        RefusalError: the sentence says which.
    """
    if found.is_event or found.person is not None:
        return
    if found.matches:
        raise RefusalError("More than one fits. Choose from the list.", field="who")
    raise RefusalError("No client or group of yours has this name.", field="person")
