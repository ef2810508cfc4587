"""Packages: templates of several fees, what selling one puts on an invoice, and how many sessions are left of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, ScalarSelect, delete, func, select
from sqlalchemy.orm import Session, selectinload

from clinic.billing import bundles, fees, invoices
from clinic.billing.bundles import Bundle
from clinic.kernel import money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import (
    ExpiryUnit,
    Fee,
    Invoice,
    InvoiceLine,
    InvoiceSource,
    Package,
    PackageFee,
    PackageKind,
    PackageLocation,
    PackagePractitioner,
    PackageSale,
    SessionEntry,
    Share,
)
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.practice import Location, Practitioner
from clinic.people import clients, contacts
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

UNITS_MAX = 100
NAME_CHARS_MAX = 120
PACKAGES_MAX = 200
SUMMED = ("purchased", "booked", "used", "forfeited", "expired")


@dataclass(frozen=True)
class FeeRow:
    """Hold a fee and how many of it, as a template's form sends it."""

    fee_id: int
    quantity: int


@dataclass(frozen=True)
class Template:
    """Hold what a template says. `price_cents` counts for a Packaged one; no practitioner or location named: all."""

    name: str
    rows: tuple[FeeRow, ...]
    kind: PackageKind = PackageKind.ITEMISED
    price_cents: int | None = None
    description: str = ""
    terms: str = ""
    expires_after: int | None = None
    expires_unit: ExpiryUnit = ExpiryUnit.MONTHS
    practitioner_ids: tuple[int, ...] = ()
    location_ids: tuple[int, ...] = ()
    is_online: bool = False


@dataclass(frozen=True)
class Sale:
    """Hold what is sold to whom: the first client is the one the invoice names. Their own copy may differ (rulebook 3.2)."""

    package_id: int
    client_ids: tuple[int, ...]
    payer_id: int
    practitioner_id: int
    location_id: int
    expires_date: date | None = None  # None: by the template, from the day it is issued
    never_expires: bool = False
    rows: tuple[FeeRow, ...] = ()  # how many of each fee; empty: as the template has it
    price_cents: int | None = None  # None: by the template


@dataclass(frozen=True)
class Counts:
    """Hold the sums of a sold package's session ledger, as they stand at an instant."""

    purchased: int = 0
    booked: int = 0
    used: int = 0
    forfeited: int = 0
    expired: int = 0

    @property
    def remaining(self) -> int:
        """Return how many may still be booked."""
        return self.purchased - self.booked - self.used - self.forfeited - self.expired

    @property
    def words(self) -> str:
        """Return the sums in words: "5 bought: 1 used, 2 booked, 2 left"."""
        parts = [("used", self.used), ("booked", self.booked), ("forfeited", self.forfeited), ("expired", self.expired)]
        told = [f"{count} {word}" for word, count in parts if count] + [f"{self.remaining} left"]
        return f"{self.purchased} bought: {', '.join(told)}"

    def at(self, *, held: int, is_over: bool) -> "Counts":
        """Return the sums when so many booked sessions were held by now and the last day has perhaps passed."""
        expired = self.expired + (self.remaining if is_over else 0)
        return Counts(self.purchased, self.booked - held, self.used + held, self.forfeited, expired)


def save(session: Session, who: Actor, template: Template, now: datetime, *, package_id: int | None = None) -> Package:
    """Make a template, or change one. What is sold already keeps its own copy.

    Raises:
        RefusalError: it has no fee, too many sessions, or a Packaged one has no price.
    """
    _check(session, template)
    package = package_for(session, package_id) if package_id else Package(created_at=now)
    package.name, package.description, package.terms = template.name, template.description, template.terms
    package.kind = template.kind
    package.price_cents = template.price_cents if template.kind is PackageKind.PACKAGED else None
    package.expires_after, package.expires_unit = template.expires_after, template.expires_unit
    package.is_online = template.is_online
    package.fees = [
        PackageFee(position=at, fee_id=row.fee_id, quantity=row.quantity) for at, row in enumerate(template.rows, start=1)
    ]
    session.add(package)
    session.flush()
    for model in (PackagePractitioner, PackageLocation):
        session.execute(delete(model).where(model.package_id == package.id))
    session.add_all(PackagePractitioner(package_id=package.id, practitioner_id=each) for each in set(template.practitioner_ids))
    session.add_all(PackageLocation(package_id=package.id, location_id=each) for each in set(template.location_ids))
    session.flush()
    audit.record(session, who, "changed package" if package_id else "made package", "package", package.id, now)
    return package


def set_archived(session: Session, who: Actor, package_id: int, is_archived: bool, now: datetime) -> None:
    """Take a template off sale, or offer it again. Safe to repeat."""
    package_for(session, package_id).is_archived = is_archived
    audit.record(session, who, "archived package" if is_archived else "offered package", "package", package_id, now)


def duplicate(session: Session, who: Actor, package_id: int, now: datetime) -> Package:
    """Make a template like another one, offered under "Copy of …" and not online until someone says so."""
    package = package_for(session, package_id)
    people, places = valid_for(session, package_id)
    template = Template(
        name=f"Copy of {package.name}"[:NAME_CHARS_MAX], rows=tuple(FeeRow(row.fee_id, row.quantity) for row in package.fees),
        kind=package.kind, price_cents=package.price_cents, description=package.description, terms=package.terms,
        expires_after=package.expires_after, expires_unit=package.expires_unit, practitioner_ids=tuple(sorted(people)),
        location_ids=tuple(sorted(places)),
    )  # fmt: skip
    return save(session, who, template, now)


def package_for(session: Session, package_id: int) -> Package:
    """Return a template with its fees.

    Raises:
        NotFoundError: there is none.
    """
    wanted = select(Package).where(Package.id == package_id)
    found = session.scalar(wanted.options(selectinload(Package.fees).joinedload(PackageFee.fee)))
    if found is None:
        raise NotFoundError("package")
    return found


def listed(session: Session) -> Sequence[Package]:
    """List the templates with their fees by name, archived ones last."""
    return session.scalars(
        select(Package)
        .options(selectinload(Package.fees).joinedload(PackageFee.fee))
        .order_by(Package.is_archived, func.lower(Package.name), Package.id)
        .limit(PACKAGES_MAX)
    ).all()


def valid_for(session: Session, package_id: int) -> tuple[set[int], set[int]]:
    """Return the practitioners and the locations a template names; an empty set means all."""
    people = select(PackagePractitioner.practitioner_id).where(PackagePractitioner.package_id == package_id)
    places = select(PackageLocation.location_id).where(PackageLocation.package_id == package_id)
    return set(session.scalars(people)), set(session.scalars(places))


def unit_prices(package: Package) -> list[tuple[Fee, int]]:
    """Return every unit's fee and its price in cents: line by line they add up to the package's price."""
    return _priced([(row.fee, row.quantity) for row in package.fees], _set_price(package))


def copy_prices(package: Package, sale: Sale) -> list[tuple[Fee, int]]:
    """Return the units of a client's own copy: counts and price as sold, or where nothing is said as the template has them.

    Raises:
        RefusalError: nothing is sold, too much, a fee that the package has not, or a Packaged one whose counts differ
            without a price.
    """
    usual = [(row.fee, row.quantity) for row in package.fees]
    if not sale.rows:
        return _priced(usual, _set_price(package) if sale.price_cents is None else sale.price_cents)
    known = {fee.id: fee for fee, _count in usual}
    if any(row.fee_id not in known for row in sale.rows):
        raise RefusalError("Choose from the fees of this package.", field="rows")
    units = [(known[row.fee_id], row.quantity) for row in sale.rows if row.quantity]
    if not 0 < sum(count for _fee, count in units) <= UNITS_MAX:
        raise RefusalError(f"Sell at least one and at most {UNITS_MAX}.", field="rows")
    price_cents = _set_price(package) if sale.price_cents is None else sale.price_cents
    if units != usual and sale.price_cents is None and package.kind is PackageKind.PACKAGED:
        raise RefusalError("Enter the price for this number of sessions.", field="price")
    return _priced(units, price_cents)


def total_cents(package: Package) -> int:
    """Return what a template costs, before any tax that is added."""
    return sum(cents for _fee, cents in unit_prices(package))


def sell(session: Session, who: Actor, sale: Sale, now: datetime, *, is_draft: bool = False) -> Invoice:
    """Put a package on an invoice, every unit a line of its own, and issue it; a draft waits and cannot be booked.

    Must run inside `writing()`.

    Raises:
        RefusalError: archived, not sold with that practitioner or there, or billed to someone who is nothing to the client.
        NotFoundError: a client, practitioner or template is not there or not theirs.
    """
    package = package_for(session, sale.package_id)
    if package.is_archived:
        raise RefusalError("This package is archived and no longer sold.", field="package")
    _check_sale(session, who, package, sale, now)
    bundle = Bundle(
        package_id=package.id, name=package.name, terms=package.terms, lines=bundles.unit_lines(copy_prices(package, sale)),
        client_ids=sale.client_ids, payer_id=sale.payer_id, practitioner_id=sale.practitioner_id, location_id=sale.location_id,
        expires_after=None if sale.never_expires else package.expires_after, expires_unit=package.expires_unit,
        expires_date=None if sale.never_expires else sale.expires_date,
    )  # fmt: skip
    invoice = bundles.place(session, who, bundle, now)
    audit.record(session, who, "sold package", "invoice", invoice.id, now, package_id=package.id, is_draft=is_draft)
    if not is_draft:
        invoices.issue(session, who, invoice, now)
    return invoice


def add_units(session: Session, invoice: Invoice, new: invoices.NewLine) -> None:
    """Put a line on a draft; on a package's every session of it is a line of its own, since each is booked by itself."""
    is_split = invoice.source is InvoiceSource.PACKAGE and new.minutes is not None
    for _ in range(new.quantity if is_split else 1):
        invoices.add_line(session, invoice, replace(new, quantity=1) if is_split else new)


def check_unit(invoice: Invoice, new: invoices.NewLine) -> None:
    """Refuse what would put several sessions of a package on one line.

    Raises:
        RefusalError: it is a package's session and there are several of it.
    """
    if invoice.source is InvoiceSource.PACKAGE and new.minutes is not None and new.quantity != 1:
        raise RefusalError("Each session of a package is a line of its own. Add the others from the fee schedule.",
                           field="quantity")  # fmt: skip


def counts(session: Session, sale_ids: Collection[int], now: datetime) -> dict[int, Counts]:
    """Return the sums of the session ledger of sold packages, in one query.

    A booked session whose end has passed counts as used unless the practice turned that off, and what was not booked by
    the last day counts as expired: both follow from `now`, so no job has to write them.
    """
    rows = session.execute(
        select(PackageSale.id, PackageSale.expires_date, *sums(now))
        .outerjoin(SessionEntry, SessionEntry.sale_id == PackageSale.id)
        .where(PackageSale.id.in_(sale_ids))
        .group_by(PackageSale.id)
    )
    return {sale_id: counts_of(session, last, written, now) for sale_id, last, *written in rows}


def sums(now: datetime) -> list[ColumnElement[int]]:
    """Return the sums that `counts_of` reads, for a query over sold packages with their session entries, grouped by sale."""
    return [_held_by(now), *(func.coalesce(func.sum(getattr(SessionEntry, name)), 0) for name in SUMMED)]


def counts_of(session: Session, last: date | None, written: Sequence[int], now: datetime) -> Counts:
    """Return the counts of a package that is good through `last`, from its `sums`."""
    held, *summed = (int(value) for value in written)
    is_over = last is not None and last < settings.house(session).local_date(now)
    counts_past = settings.practice(session).past_booked_is_attended
    return Counts(*summed).at(held=held if counts_past else 0, is_over=is_over)


def left_of_sale() -> ScalarSelect[int]:
    """Return, in a query over sold packages, how many sessions the ledger has left of each."""
    left = SessionEntry.purchased - SessionEntry.booked - SessionEntry.used - SessionEntry.forfeited - SessionEntry.expired
    summed = select(func.coalesce(func.sum(left), 0)).where(SessionEntry.sale_id == PackageSale.id)
    return summed.correlate(PackageSale).scalar_subquery()


def tally(entries: Iterable[SessionEntry]) -> Counts:
    """Return the sums of entries that are loaded already."""
    rows = list(entries)
    return Counts(*(sum(getattr(row, name) for row in rows) for name in SUMMED))


def _held_by(now: datetime) -> ScalarSelect[int]:
    # Sessions that were booked and have ended, though nobody said that they were attended.
    held = (
        select(func.count(InvoiceLine.id))
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .join(Item, Item.id == Attendee.item_id)
        .where(InvoiceLine.invoice_id == PackageSale.invoice_id, InvoiceLine.released_at.is_(None), Item.ends_at <= now)
        .where(Attendee.status.in_((Status.BOOKED, Status.ARRIVED)))
    )
    return held.correlate(PackageSale).scalar_subquery()


def _set_price(package: Package) -> int | None:
    return package.price_cents or 0 if package.kind is PackageKind.PACKAGED else None


def _priced(units: Iterable[tuple[Fee, int]], price_cents: int | None) -> list[tuple[Fee, int]]:
    # A set total is shared over the units; without one each costs its fee.
    each = [fee for fee, count in units for _ in range(count)]
    prices = [fees.amount_cents(fee, fee.minutes or 0) for fee in each]
    return list(zip(each, prices if price_cents is None else money.spread(price_cents, prices), strict=True))


def _check(session: Session, template: Template) -> None:
    if not template.rows:
        raise RefusalError("Choose at least one fee.", field="rows")
    if sum(row.quantity for row in template.rows) > UNITS_MAX:
        raise RefusalError(f"A package holds at most {UNITS_MAX} sessions.", field="rows")
    if template.kind is PackageKind.PACKAGED and template.price_cents is None:
        raise RefusalError("Enter the price of the package.", field="price")
    ids = {row.fee_id for row in template.rows}
    known = set(session.scalars(select(Fee.id).where(Fee.id.in_(ids))))
    if ids - known:
        raise RefusalError("Choose a fee of the fee schedule.", field="rows")
    for model, wanted, field in (
        (Practitioner, template.practitioner_ids, "practitioners"),
        (Location, template.location_ids, "locations"),
    ):
        if len(session.scalars(select(model.id).where(model.id.in_(wanted))).all()) != len(set(wanted)):
            raise RefusalError("Choose from the list.", field=field)


def _check_sale(session: Session, who: Actor, package: Package, sale: Sale, now: datetime) -> None:
    practitioner, location = session.get(Practitioner, sale.practitioner_id), session.get(Location, sale.location_id)
    if who.own_practitioner_id not in (None, sale.practitioner_id) or practitioner is None:
        raise NotFoundError("practitioner")
    people, places = valid_for(session, package.id)
    if practitioner.is_archived or (people and practitioner.id not in people):
        raise RefusalError(f"{package.name} is not sold with {practitioner.name}.", field="practitioner")
    if location is None or location.is_archived or (places and location.id not in places):
        raise RefusalError(f"{package.name} is not sold for this location.", field="location")
    if sale.expires_date is not None and sale.expires_date < settings.house(session).local_date(now):
        raise RefusalError("The last day cannot be in the past.", field="expires")
    if not sale.client_ids:
        raise RefusalError("Choose a client.", field="client")
    for client_id in sale.client_ids:
        clients.client_for(session, who, client_id)
    payers = {payer.contact_id for client_id in sale.client_ids for payer in contacts.payers_of(session, client_id)}
    if sale.payer_id not in payers:
        raise RefusalError("Choose the client or a contact linked to the client.", field="payer")
