"""The packages sold on the online booking page: which, at what price, and an order for one of them."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import bundles, offers, packages, totals
from clinic.billing.bundles import Bundle
from clinic.billing.lines import NewLine
from clinic.billing.offers import Validity
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import ExpiryUnit, Package
from clinic.models.calendar import WorkingHours
from clinic.models.online import OnlinePurchase
from clinic.models.practice import Location, Practitioner
from clinic.people import clients
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor


@dataclass(frozen=True)
class Ware:
    """Be a package as the online booking page shows it."""

    id: int
    name: str
    description: str
    contents: tuple[str, ...]  # "5 × Therapy, 50 minutes"
    session_count: int
    total_cents: int  # what is paid, tax in it
    tax_cents: int
    lasts: str  # "6 months from the day of purchase"; empty: no last day
    terms: str
    givers: tuple["Giver", ...]


@dataclass(frozen=True)
class Giver:
    """Be with whom and where a package is used: a practitioner at a location they work at."""

    practitioner_id: int
    location_id: int
    practitioner: str
    location: str

    @property
    def value(self) -> str:
        """Return what choosing it posts."""
        return f"{self.practitioner_id}-{self.location_id}"


@dataclass(frozen=True)
class Order:
    """Hold what a buyer sends.

    Args:
        seen_cents: the price that stood on the page, so that nobody pays another.
        client_id: who is signed in to the portal.
    """

    package_id: int
    first_name: str
    last_name: str
    email: str
    phone: str
    agrees: bool
    seen_cents: int | None
    giver: str = ""
    client_id: int | None = None


def is_open(session: Session) -> bool:
    """Say whether the online booking page is there."""
    return settings.practice(session).is_online_booking_on


def wares(session: Session) -> list[Ware]:
    """List the packages that may be bought online now, by name: enabled, available, and given by someone somewhere.

    Raises:
        NotFoundError: the online booking page is switched off.
    """
    if not is_open(session):
        raise NotFoundError("online booking")
    sold = [package for package in packages.listed(session) if package.is_online and not package.is_archived]
    if not sold:
        return []
    named = offers.validity(session)
    everyone = _givers(session)
    practice = settings.practice(session)
    found = []
    for package in sold:
        valid = named.get(package.id)
        money = _money(_lines(package), inclusive=practice.tax_inclusive)
        ware = Ware(
            id=package.id, name=package.name, description=package.description,
            contents=tuple(f"{row.quantity} × {row.fee.description}" for row in package.fees),
            session_count=sum(row.quantity for row in package.fees if row.fee.minutes is not None),
            total_cents=money.gross_cents, tax_cents=money.tax_cents, lasts=_lasts(package), terms=package.terms,
            givers=tuple(giver for giver in everyone if valid is None or _is_valid(giver, valid)),
        )  # fmt: skip
        # Less than the processor takes cannot be paid by card.
        if ware.givers and ware.total_cents >= practice.autopay_minimum_cents:
            found.append(ware)
    return found


def ware(session: Session, package_id: int) -> Ware:
    """Return one package that may be bought online now.

    Raises:
        NotFoundError: it may not, or the online booking page is switched off.
    """
    found = next((each for each in wares(session) if each.id == package_id), None)
    if found is None:
        raise NotFoundError("package")
    return found


def order(session: Session, who: Actor, order: Order, now: datetime) -> OnlinePurchase:
    """Write an order down with what is offered now; it is sold when it is paid. Must run inside `writing()`.

    Raises:
        NotFoundError: the package may not be bought online.
        RefusalError: who gives it where is not chosen, or the terms are not agreed to.
        ClashError: the price is not the one that was shown.
    """
    offered = ware(session, order.package_id)
    chosen = next((each for each in offered.givers if len(offered.givers) == 1 or each.value == order.giver), None)
    if chosen is None:
        raise RefusalError("Choose with whom and where.", field="giver")
    if offered.terms and not order.agrees:
        raise RefusalError("Agree to the terms to buy this package.", field="agrees")
    house = settings.house(session)
    if order.seen_cents != offered.total_cents:
        raise ClashError(f"The price has changed. It is {house.money(offered.total_cents)} now.")
    package = packages.package_for(session, order.package_id)
    made = OnlinePurchase(
        token=secrets.token_urlsafe(32), package_id=package.id, practitioner_id=chosen.practitioner_id,
        location_id=chosen.location_id, offered=_written(package), total_cents=offered.total_cents, currency=house.currency,
        first_name=order.first_name, last_name=order.last_name, email=order.email, phone=order.phone,
        agreed_at=now if offered.terms else None, client_id=order.client_id, created_at=now,
    )  # fmt: skip
    if order.client_id is not None:
        client = clients.client_for(session, CLOCK, order.client_id)
        made.first_name, made.last_name = client.first_name, client.last_name
    session.add(made)
    session.flush()
    who = replace(who, for_client_id=order.client_id)
    audit.record(session, who, "ordered package online", "online purchase", made.id, now, package_id=package.id,
                 total_cents=made.total_cents)  # fmt: skip
    return made


def bundle(purchase: OnlinePurchase, *, client_id: int, payer_id: int) -> Bundle:
    """Return what was offered to the buyer, to be sold to that client and billed to that payer."""
    offered: Mapping[str, Any] = purchase.offered
    return Bundle(
        package_id=purchase.package_id, name=offered["name"], terms=offered["terms"],
        lines=tuple(NewLine(**line) for line in offered["lines"]), client_ids=(client_id,), payer_id=payer_id,
        practitioner_id=purchase.practitioner_id, location_id=purchase.location_id, expires_after=offered["expires_after"],
        expires_unit=ExpiryUnit(offered["expires_unit"]),
    )  # fmt: skip


_KEPT = ("description", "unit_cents", "code", "fee_id", "minutes", "tax_bp")


def _written(package: Package) -> dict[str, Any]:
    return {
        "name": package.name, "terms": package.terms, "expires_after": package.expires_after,
        "expires_unit": package.expires_unit.value,
        "lines": [{name: value for name, value in asdict(line).items() if name in _KEPT} for line in _lines(package)],
    }  # fmt: skip


def _lines(package: Package) -> tuple[NewLine, ...]:
    return bundles.unit_lines(packages.unit_prices(package))


@dataclass
class _Sum:
    net_cents: int
    tax_cents: int
    total_cents: int


def _money(lines: tuple[NewLine, ...], *, inclusive: bool) -> Any:
    sums = [
        totals.line(unit_cents=line.unit_cents, quantity=1, discount_cents=0, tax_bp=line.tax_bp, inclusive=inclusive)
        for line in lines
    ]
    return totals.of(_Sum(each.net_cents, each.tax_cents, each.gross_cents) for each in sums)


def _lasts(package: Package) -> str:
    if package.expires_after is None:
        return ""
    unit = "month" if package.expires_unit is ExpiryUnit.MONTHS else "day"
    return f"{package.expires_after} {unit}{'' if package.expires_after == 1 else 's'} from the day you buy it"


def _givers(session: Session) -> list[Giver]:
    """List who works where; where nobody's hours are kept, everyone everywhere."""
    works = select(WorkingHours.id).where(
        WorkingHours.practitioner_id == Practitioner.id, WorkingHours.location_id == Location.id
    )
    rows = session.execute(
        select(Practitioner.id, Location.id, Practitioner.name, Location.name, works.exists())
        .join(Location, ~Location.is_archived)
        .where(~Practitioner.is_archived)
        .order_by(Practitioner.name, Practitioner.id, Location.name, Location.id)
    ).all()
    somewhere = any(row[4] for row in rows)
    return [Giver(*row[:4]) for row in rows if row[4] or not somewhere]


def _is_valid(giver: Giver, valid: Validity) -> bool:
    is_theirs = not valid.people or giver.practitioner_id in valid.people
    return is_theirs and (not valid.places or giver.location_id in valid.places)
