"""What may be sold to whom: the list of packages, and for one client the payers, practitioners and places to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import fees, packages
from clinic.models.billing import ExpiryUnit, Package, PackageKind
from clinic.models.people import Client
from clinic.models.practice import Location, Practitioner
from clinic.people import clients, contacts, groups
from clinic.practice import settings
from clinic.practice.permissions import Actor

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
    is_archived: bool


@dataclass(frozen=True)
class Offer:
    """Hold what a package may be sold to one client as. `mates` are those who could share it."""

    client_id: int
    client_name: str
    packages: Choices
    payers: Choices
    practitioners: Choices
    locations: Choices
    mates: Choices
    payer_id: int | None
    practitioner_id: int | None
    location_id: int | None


def listed(session: Session) -> list[PackageRow]:
    """List the templates by name, archived ones last."""
    return [
        PackageRow(
            id=package.id, name=package.name, description=package.description, contents=contents(package),
            price_cents=packages.total_cents(package), is_packaged=package.kind is PackageKind.PACKAGED,
            expires=expires(package), is_archived=package.is_archived,
        )
        for package in packages.listed(session)
    ]  # fmt: skip


def contents(package: Package) -> str:
    """Say what is in a template: "5 × 90834 Therapy 50, 1 × Workbook"."""
    return ", ".join(f"{row.quantity} × {f'{row.fee.code} {row.fee.description}'.strip()}" for row in package.fees)


def expires(package: Package) -> str:
    """Say how long a template is good for from the day it is sold."""
    if package.expires_after is None:
        return "Never"
    unit = "month" if package.expires_unit is ExpiryUnit.MONTHS else "day"
    return f"After {package.expires_after} {unit}{'' if package.expires_after == 1 else 's'}"


def fee_choices(session: Session) -> Choices:
    """Return the fees a template may hold, with their amounts."""
    house = settings.house(session)
    return [
        (fee.id, f"{f'{fee.code} {fee.description}'.strip()}, {house.money(fees.amount_cents(fee, fee.minutes or 0))}")
        for fee in fees.offered(session)
    ]


def practitioners(session: Session, who: Actor) -> Choices:
    """Return with whom this person may sell."""
    return [(practitioner.id, practitioner.name) for practitioner in _practitioners(session, who)]


def locations(session: Session) -> Choices:
    """Return where sessions are given."""
    query = select(Location.id, Location.name).where(~Location.is_archived).order_by(Location.name, Location.id)
    return [(row.id, row.name) for row in session.execute(query)]


def offer(session: Session, who: Actor, client_id: int) -> Offer:
    """Return what there is to choose when selling to a client.

    Raises:
        NotFoundError: the client is not theirs.
    """
    client = clients.client_for(session, who, client_id)
    house = settings.house(session)
    people = _practitioners(session, who)
    theirs = next((each for each in people if each.id == client.practitioner_id), people[0] if people else None)
    return Offer(
        client_id=client.id, client_name=client.name,
        packages=[
            (row.id, f"{row.name}, {house.money(row.price_cents)}") for row in listed(session) if not row.is_archived
        ],
        payers=[(payer.contact_id, f"{payer.name} ({payer.role})") for payer in contacts.payers_of(session, client_id)],
        practitioners=[(each.id, each.name) for each in people], locations=locations(session),
        mates=_mates(session, who, client),
        payer_id=client.default_payer_id, practitioner_id=theirs.id if theirs else None,
        location_id=theirs.location_id if theirs else None,
    )  # fmt: skip


def _practitioners(session: Session, who: Actor) -> Sequence[Practitioner]:
    query = select(Practitioner).where(~Practitioner.is_archived)
    if who.own_practitioner_id is not None:
        query = query.where(Practitioner.id == who.own_practitioner_id)
    return session.scalars(query.order_by(Practitioner.name, Practitioner.id)).all()


def _mates(session: Session, who: Actor, client: Client) -> Choices:
    # A shared pack is for a couple or a family: whoever stands in a group with the client.
    found = {
        member.client_id: member.name
        for group in groups.groups_of(session, who, client.id)
        for member in groups.members_of(session, group.id)
    }
    return [(client_id, name) for client_id, name in found.items() if client_id != client.id]
