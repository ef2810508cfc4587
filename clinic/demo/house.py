"""The made-up practice before its first session: places, people, prices, types and packages, made through the rules."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import document_settings, fees, packages
from clinic.billing.fees import FeeDetails
from clinic.calendar import hours, types
from clinic.demo import people
from clinic.kernel import clock
from clinic.messages import choices
from clinic.messages.choices import Choices
from clinic.models.billing import PackageKind
from clinic.models.calendar import AppointmentType, ItemKind, Mode, WorkingHours
from clinic.models.people import ContactKind
from clinic.models.practice import InvoiceCreation, Location, Role
from clinic.people import accounts, clients, contacts, diagnoses, groups, portal_access
from clinic.practice import details, founding, invoice_creation, places, practitioners, settings, staff
from clinic.practice.permissions import Actor
from clinic.practice.places import LocationDetails

REMINDED_EVERY = 3  # of so many clients one asked for reminders
TIMEZONE = "America/New_York"
FEES = {
    "therapy": FeeDetails("90834", "Therapy, 50 minutes", 15_000, minutes=50),
    "intake": FeeDetails("90791", "Intake, 50 minutes", 18_000, minutes=50),
    "couple": FeeDetails("90847", "Couple session, 80 minutes", 22_000, minutes=80),
    "group": FeeDetails("90853", "Group, 90 minutes", 6_000, minutes=90, modifier="HQ"),
    "physio": FeeDetails("97110", "Physiotherapy, 45 minutes", 11_000, minutes=45, modifier="GP", units=3),
    "workbook": FeeDetails("WB", "Workbook", 2_500, tax_bp=825),
}
ALL_MODES = (Mode.IN_PERSON, Mode.PHONE, Mode.VIDEO)
TYPES = (
    ("Therapy 50", ItemKind.APPOINTMENT, 1, 50, "therapy", ALL_MODES),
    ("Intake 50", ItemKind.APPOINTMENT, 4, 50, "intake", ALL_MODES),
    ("Couple 80", ItemKind.APPOINTMENT, 3, 80, "couple", ALL_MODES),
    ("Group 90", ItemKind.APPOINTMENT, 2, 90, "group", (Mode.IN_PERSON,)),
    ("Physio 45", ItemKind.APPOINTMENT, 6, 45, "physio", (Mode.IN_PERSON,)),
)
# Name, minutes, flexible duration, rate, per hour, flexible rate, invoiced by itself.
ACTIVITIES = (
    ("Case review", 60, False, 12_000, False, False, True),
    ("Letter to referrer", 30, True, 12_000, True, True, False),
    ("Call school", 20, True, 9_000, True, False, False),
)
PACKAGES = (
    ("Five sessions", "therapy", 5, 65_000, 6),
    ("Physio ten", "physio", 10, 99_000, 4),
    ("Couple course", "couple", 6, None, 12),
)

# Sold on the online booking page too, with those who give therapy.
ONLINE = "Five sessions"
ONLINE_WITH = ("Psychologist", "Family therapist")
ONLINE_TERMS = (
    "Sessions cancelled with less than 24 hours’ notice count as used. What is not used within six months expires. "
    "Before the first session you may have the whole price back."
)


@dataclass
class World:
    """Hold the ids of everything the diary names."""

    owner: Actor
    desk: Actor
    practitioner_ids: list[int] = field(default_factory=list)
    location_ids: dict[str, int] = field(default_factory=dict)
    room_ids: dict[str, list[int]] = field(default_factory=dict)
    fee_ids: dict[str, int] = field(default_factory=dict)
    type_ids: dict[str, int] = field(default_factory=dict)
    package_ids: dict[str, int] = field(default_factory=dict)
    client_ids: list[int] = field(default_factory=list)
    payer_ids: list[int] = field(default_factory=list)
    organisation_ids: dict[int, int] = field(default_factory=dict)
    group_ids: list[int] = field(default_factory=list)


def build(session: Session, now: datetime) -> World:
    """Found the practice and fill it up to the morning of its first session. Must run inside `writing()`."""
    password_hash = accounts.hashed(people.PASSWORD)
    name, email = people.OWNER
    owner = founding.found(
        session, founding.Founding("Quillmere Practice", TIMEZONE, "USD", "en-US", name, email, password_hash), now
    )
    world = World(owner=owner, desk=owner)
    _describe(session, owner, now)
    _places(session, world, now)
    _staff(session, world, password_hash, now)
    _prices(session, world, now)
    _clients(session, world, now)
    _diagnoses(session, world, now)
    _groups(session, world, now)
    return world


def _describe(session: Session, owner: Actor, now: datetime) -> None:
    practice = settings.practice(session)
    details.change(
        session, owner,
        details.Details(
            name=practice.name, address="Harbour Street 9\nMillhaven 04555", phone="+1 207 555 0100",
            email="hello@quillmere.example", tax_id="00-0000000", timezone=TIMEZONE, currency="USD", locale="en-US",
            idle_minutes=60,
        ), now,
    )  # fmt: skip
    rules = details.MissedRules(
        past_booked_is_attended=True, cancellation_window_hours=24, late_cancel_bp=5_000, no_show_bp=5_000
    )
    details.change_missed_rules(session, owner, rules, now)
    open_rules = details.OnlineRules(is_online_booking_on=True, online_lead_hours=12, online_days_ahead=60)
    details.change_online_rules(session, owner, open_rules, now)
    kept = document_settings.current(session)
    footer = "Thank you. Sessions cancelled with less than 24 hours’ notice are charged at half the fee."
    document_settings.change(session, owner, replace(kept, document_footer=footer), now)


def _places(session: Session, world: World, now: datetime) -> None:
    main = session.scalars(select(Location)).one()
    places.change_location(session, world.owner, main.id, LocationDetails("Mill Lane", "4 Mill Lane\nMillhaven"), now)
    harbour = places.add_location(session, world.owner, LocationDetails("Harbour Street", "Harbour Street 9\nMillhaven"), now)
    world.location_ids = {"Mill Lane": main.id, "Harbour Street": harbour.id}
    for place, names in (("Harbour Street", ("Larch", "Rowan")), ("Mill Lane", ("Hall",))):
        rooms = [places.add_room(session, world.owner, world.location_ids[place], name=name, now=now) for name in names]
        world.room_ids[place] = [room.id for room in rooms]


def _staff(session: Session, world: World, password_hash: str, now: datetime) -> None:
    for row in session.scalars(select(WorkingHours.id)).all():
        hours.delete_week(session, world.owner, row, now)
    by_name: dict[str, int] = {}
    for one in people.STAFF:
        wanted = practitioners.PractitionerDetails(
            name=one.name, profession=one.profession, credentials=one.credentials, licence=one.licence, npi=one.npi,
            colour=one.colour, location_id=world.location_ids[one.location],
        )  # fmt: skip
        if one.name == people.OWNER[0] and world.owner.practitioner_id is not None:
            by_name[one.name] = world.owner.practitioner_id
            practitioners.change(session, world.owner, world.owner.practitioner_id, wanted, now)
        else:
            by_name[one.name] = practitioners.add(session, world.owner, wanted, now).id
        opens, closes = one.hours
        week = hours.Week(by_name[one.name], world.location_ids[one.location], one.weekdays, opens * 60, closes * 60)
        hours.add_week(session, world.owner, week, now)
    world.practitioner_ids = [by_name[one.name] for one in people.STAFF]
    for name, email, role in people.ACCOUNTS:
        user = staff.add(
            session, world.owner, staff.UserDetails(name, email, frozenset({role}), by_name.get(name)), password_hash, now
        )
        if role is Role.FRONT_DESK:
            world.desk = Actor(user_id=user.id, roles=frozenset({role}))


def _prices(session: Session, world: World, now: datetime) -> None:
    for old in session.scalars(select(AppointmentType.id)).all():
        types.archive(session, world.owner, old, now, is_archived=True)
    for fee in fees.offered(session):
        fees.archive(session, world.owner, fee.id, now)
    for key, fee_details in FEES.items():
        world.fee_ids[key] = fees.add(session, world.owner, fee_details, now).id
    for name, kind, colour, minutes, fee_key, modes in TYPES:
        draft = types.Draft(name=name, kind=kind, colour=colour, duration_minutes=minutes, fee_id=world.fee_ids[fee_key],
                            is_rate_flexible=True, modes=modes)  # fmt: skip
        world.type_ids[name] = types.add(session, world.owner, draft, now).id
    for name, minutes, is_long, rate_cents, is_hourly, is_dear, is_auto in ACTIVITIES:
        draft = types.Draft(name=name, kind=ItemKind.ACTIVITY, colour=5, duration_minutes=minutes, rate_cents=rate_cents,
                            is_duration_flexible=is_long, is_hourly=is_hourly, is_rate_flexible=is_dear,
                            is_auto_invoiced=is_auto)  # fmt: skip
        world.type_ids[name] = types.add(session, world.owner, draft, now).id
    gives_therapy = [one.profession in ONLINE_WITH for one in people.STAFF]
    sold_with = tuple(each for each, gives in zip(world.practitioner_ids, gives_therapy, strict=True) if gives)
    for name, fee_key, count, price_cents, months in PACKAGES:
        is_online = name == ONLINE
        template = packages.Template(
            name=name, rows=(packages.FeeRow(world.fee_ids[fee_key], count),), price_cents=price_cents, expires_after=months,
            kind=PackageKind.PACKAGED if price_cents else PackageKind.ITEMISED, description=f"{count} at a better price",
            is_online=is_online, terms=ONLINE_TERMS if is_online else "", practitioner_ids=sold_with if is_online else (),
        )  # fmt: skip
        world.package_ids[name] = packages.save(session, world.owner, template, now).id


def _clients(session: Session, world: World, now: datetime) -> None:
    for at, (first, last) in enumerate(people.CLIENTS):
        one = clients.add(
            session, world.desk,
            clients.Details(
                first_name=first, last_name=last, birth_date=date(1950 + at * 13 % 55, at % 12 + 1, at % 28 + 1),
                practitioner_id=world.practitioner_ids[at // people.PER_PRACTITIONER], phone=f"+1 207 555 {1000 + at * 37}",
                email=address_of(at), address=f"{at * 3 + 1} Saltbox Lane\nMillhaven 04555",
            ), now, is_new=True,
        )  # fmt: skip
        if at % REMINDED_EVERY == 0:
            choices.choose(session, world.desk, one.id, Choices(reminder=True), now)
        world.client_ids.append(one.id)
        world.payer_ids.append(one.contact_id)
    for name, role, reference, indexes in people.ORGANISATIONS:
        wanted = contacts.Details(name=name, kind=ContactKind.ORGANISATION, email="claims@payer.example",
                                  address="200 Foundry Quay\nMillhaven 04555")  # fmt: skip
        payer = contacts.add(session, world.desk, wanted, now)
        for at in indexes:
            contacts.link(session, world.desk, world.client_ids[at], payer.id, role, reference, now)
            world.organisation_ids[at] = payer.id


def _diagnoses(session: Session, world: World, now: datetime) -> None:
    today = clock.local_date(now, TIMEZONE)
    for client, code, words, days in people.DIAGNOSES:
        known = diagnoses.Details(code, words, today - timedelta(days=days))
        diagnoses.add(session, world.owner, world.client_ids[client], known, now)


def _groups(session: Session, world: World, now: datetime) -> None:
    for name, kind, indexes in people.GROUPS:
        members = tuple(world.client_ids[at] for at in indexes)
        made = groups.add(session, world.desk, groups.Details(name, kind, members, members[0]), now)
        world.group_ids.append(made.id)


def open_portal(session: Session, world: World, now: datetime) -> None:
    """Let a few clients into their portal, one of them with an address of two. Must run inside `writing()`."""
    for client, address in people.PORTAL:
        portal_access.grant(session, world.desk, world.client_ids[client], address_of(address), now)


def address_of(client: int) -> str:
    """Return the e-mail address of a client."""
    return f"client{client + 1}@demo.example"


def bill_daily(session: Session, world: World, now: datetime) -> None:
    """Switch Invoice Creation to Daily from the day of `now` on. Must run inside `writing()`."""
    invoice_creation.choose(session, world.owner, InvoiceCreation.DAILY, now)
