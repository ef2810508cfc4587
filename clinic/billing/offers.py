"""What may be sold to whom: the list of packages, and for one client the payers, practitioners and places to choose from."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from clinic.billing import fees, packages
from clinic.models.billing import ExpiryUnit, Package, PackageKind, PackageLocation, PackagePractitioner, Share
from clinic.models.calendar import Attendee, Item
from clinic.models.people import Client
from clinic.models.practice import Location, Practitioner
from clinic.people import clients, contacts, groups
from clinic.practice import settings
from clinic.practice.permissions import Actor

FOUND_MAX = 8
MATES_MAX = 100
Choices = list[tuple[int, str]]


@dataclass(frozen=True)
class PackageRow:
    """Hold a template as the list shows it."""

    id: int
    name: str
    description: str
    contents: str  # "5 × 90834 Therapy 50"
    price_cents: int
    is_packaged: bool
    expires: str
    valid_for: str  # "Pat Oyelaran; Harbour Street"; empty: with everyone, everywhere
    is_archived: bool
    is_online: bool


@dataclass(frozen=True)
class CopyRow:
    """Hold one fee of the package being sold, and how many of it there usually are."""

    fee_id: int
    words: str
    amount_cents: int
    quantity: int


@dataclass(frozen=True)
class Copy:
    """Hold the package being sold as the template has it: the client's own copy starts from this."""

    package_id: int
    name: str
    description: str
    terms: str
    rows: tuple[CopyRow, ...]
    price_cents: int
    is_packaged: bool
    expires: str
    is_expiring: bool


@dataclass(frozen=True)
class Offer:
    """Hold what may be sold to one client and as what. `copy` is the package chosen, `mates` are those who could share it."""

    client_id: int
    client_name: str
    packages: list[PackageRow]
    copy: Copy | None
    payers: Choices
    practitioners: Choices
    locations: Choices
    mates: Choices
    is_nobody_found: bool
    payer_id: int | None
    practitioner_id: int | None
    location_id: int | None


def listed(session: Session) -> list[PackageRow]:
    """List the templates by name, archived ones last."""
    named = validity(session)
    return [_row(package, named.get(package.id, Validity())) for package in packages.listed(session)]


def online(session: Session) -> list[PackageRow]:
    """List the available templates that are enabled for online purchase, by name."""
    return [row for row in listed(session) if row.is_online and not row.is_archived]


def _row(package: Package, valid: "Validity") -> PackageRow:
    return PackageRow(
        id=package.id, name=package.name, description=package.description, contents=contents(package),
        price_cents=packages.total_cents(package), is_packaged=package.kind is PackageKind.PACKAGED,
        expires=expires(package), valid_for=valid.words, is_archived=package.is_archived, is_online=package.is_online,
    )  # fmt: skip


def contents(package: Package) -> str:
    """Say what is in a template: "5 × 90834 Therapy 50, 1 × Workbook"."""
    return ", ".join(f"{row.quantity} × {f'{row.fee.code} {row.fee.description}'.strip()}" for row in package.fees)


def expires(package: Package) -> str:
    """Say how long a template is good for from the day it is sold."""
    if package.expires_after is None:
        return "Never"
    unit = "month" if package.expires_unit is ExpiryUnit.MONTHS else "day"
    return f"After {package.expires_after} {unit}{'' if package.expires_after == 1 else 's'}"


def fee_choices(session: Session, package: Package | None = None) -> Choices:
    """Return the fees a template may hold, with their amounts; those it has already stay, archived or not."""
    house = settings.house(session)
    known = {fee.id: fee for fee in fees.offered(session)}
    known |= {row.fee_id: row.fee for row in package.fees if row.fee_id not in known} if package else {}
    return [
        (fee.id, f"{f'{fee.code} {fee.description}'.strip()}, {house.money(fees.amount_cents(fee, fee.minutes or 0))}")
        for fee in known.values()
    ]


def practitioners(session: Session, who: Actor, named: Collection[int] = ()) -> Choices:
    """Return with whom this person may sell, and whom a template names already: saving it must not widen it."""
    known = {practitioner.id: practitioner.name for practitioner in _practitioners(session, who)}
    return [*known.items(), *_named(session, Practitioner, set(named) - known.keys())]


def locations(session: Session, named: Collection[int] = ()) -> Choices:
    """Return where sessions are given, and what a template names already."""
    query = select(Location.id, Location.name).where(~Location.is_archived).order_by(Location.name, Location.id)
    known = {row.id: row.name for row in session.execute(query)}
    return [*known.items(), *_named(session, Location, set(named) - known.keys())]


def _named(session: Session, model: type[Practitioner] | type[Location], ids: set[int]) -> Choices:
    if not ids:
        return []
    query = select(model.id, model.name, model.is_archived).where(model.id.in_(ids)).order_by(model.name)
    return [(row.id, f"{row.name}, archived" if row.is_archived else row.name) for row in session.execute(query)]


def offer(
    session: Session, who: Actor, client_id: int, *, package_id: int | None = None, attendee_id: int | None = None,
    shared_ids: Iterable[int] = (), find: str = "",
) -> Offer:  # fmt: skip
    """Return what there is to choose when selling to a client.

    Args:
        package_id: the package chosen; the only one there is needs no choosing.
        attendee_id: the appointment it is sold from, whose practitioner, location and payer are where the choice begins.
        shared_ids: clients named already to share it, offered beside those of the client's groups.
        find: a name typed to share it with someone else.

    Raises:
        NotFoundError: the client is not theirs.
    """
    client = clients.client_for(session, who, client_id)
    named = validity(session)
    sold = {package.id: package for package in packages.listed(session) if not package.is_archived}
    chosen = next(iter(sold)) if len(sold) == 1 else package_id
    copy = _copy(sold[chosen]) if chosen in sold and chosen else None
    valid = named.get(copy.package_id, Validity()) if copy else Validity()
    people = [each for each in _practitioners(session, who) if not valid.people or each.id in valid.people]
    places = [(place_id, name) for place_id, name in locations(session) if not valid.places or place_id in valid.places]
    usual = next((each for each in people if each.id == client.practitioner_id), people[0] if people else None)
    place = _place_of(session, client_id, attendee_id)
    found = [row.id for row in clients.search(session, who, find, limit=FOUND_MAX) if row.id != client_id]
    begins = place or (usual.id if usual else None, usual.location_id if usual else None, client.default_payer_id)
    return Offer(
        client_id=client.id, client_name=client.name, copy=copy,
        packages=[_row(package, named.get(package.id, Validity())) for package in sold.values()],
        payers=[(payer.contact_id, f"{payer.name} ({payer.role})") for payer in contacts.payers_of(session, client_id)],
        practitioners=[(each.id, each.name) for each in people], locations=places,
        mates=_mates(session, who, client, [*shared_ids][:MATES_MAX] + found), is_nobody_found=bool(find) and not found,
        practitioner_id=begins[0], location_id=begins[1], payer_id=begins[2],
    )  # fmt: skip


def _copy(package: Package) -> Copy:
    return Copy(
        package_id=package.id, name=package.name, description=package.description, terms=package.terms,
        rows=tuple(
            CopyRow(row.fee_id, f"{row.fee.code} {row.fee.description}".strip(),
                    fees.amount_cents(row.fee, row.fee.minutes or 0), row.quantity)
            for row in package.fees
        ),
        price_cents=packages.total_cents(package), is_packaged=package.kind is PackageKind.PACKAGED,
        expires=expires(package), is_expiring=package.expires_after is not None,
    )  # fmt: skip


def _place_of(session: Session, client_id: int, attendee_id: int | None) -> tuple[int, int | None, int | None] | None:
    if attendee_id is None:
        return None
    payer = select(Share.payer_id).where(Share.attendee_id == Attendee.id).order_by(Share.position).limit(1)
    found = session.execute(
        select(Item.practitioner_id, Item.location_id, payer.correlate(Attendee).scalar_subquery())
        .select_from(Attendee)
        .join(Item, Item.id == Attendee.item_id)
        .where(Attendee.id == attendee_id, Attendee.client_id == client_id, Item.deleted_at.is_(None))
    ).one_or_none()
    return (found[0], found[1], found[2]) if found else None


@dataclass(frozen=True)
class Validity:
    """Hold the practitioners and the locations a template names, by id; an empty one means all."""

    people: dict[int, str] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Return them in words."""
        return "; ".join(", ".join(names.values()) for names in (self.people, self.places) if names)


def validity(session: Session) -> dict[int, Validity]:
    """Return by template the practitioners and the locations it names; one that names none is left out."""
    people = select(PackagePractitioner.package_id, literal(0).label("at"), Practitioner.id, Practitioner.name)
    places = select(PackageLocation.package_id, literal(1).label("at"), Location.id, Location.name)
    both = union_all(people.join(Practitioner), places.join(Location)).subquery()
    named: dict[int, Validity] = {}
    for package_id, at, known_id, name in session.execute(select(both).order_by(both.c.at, both.c.name)):
        valid = named.setdefault(package_id, Validity())
        (valid.places if at else valid.people)[known_id] = name
    return named


def _practitioners(session: Session, who: Actor) -> Sequence[Practitioner]:
    query = select(Practitioner).where(~Practitioner.is_archived)
    if who.own_practitioner_id is not None:
        query = query.where(Practitioner.id == who.own_practitioner_id)
    return session.scalars(query.order_by(Practitioner.name, Practitioner.id)).all()


def _mates(session: Session, who: Actor, client: Client, named_ids: Iterable[int]) -> Choices:
    # Whoever stands in a group with the client is offered unasked, anyone else once found by name.
    mates = {
        member.client_id: member.name
        for group in groups.groups_of(session, who, client.id)
        for member in groups.members_of(session, group.id)
    }
    others = set(named_ids) - mates.keys()
    if others:
        mates |= {other.client_id: other.name for other in groups.named(session, who, sorted(others))}
    return [(client_id, name) for client_id, name in mates.items() if client_id != client.id]
