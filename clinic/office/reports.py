"""Reports: what a practice looks over now and then, such as the sessions that were paid for and never booked."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import ledger, sessions
from clinic.models.billing import Invoice, InvoiceLine, PackageClient, PackageSale
from clinic.models.people import Client
from clinic.models.practice import Practitioner
from clinic.practice import settings

SHOWN_MAX = 300


@dataclass(frozen=True)
class Unused:
    """Be a sold package with sessions that may still be booked. `unused_cents` is what those came to, with tax."""

    invoice_id: int
    number: str
    name: str
    clients: str
    practitioner: str
    good_through: date | None
    left: int
    unused_cents: int
    owed_cents: int


@dataclass(frozen=True)
class UnusedPackages:
    """Be all of them, those that expire first before the others. `has_more`: there are further ones than are listed."""

    rows: tuple[Unused, ...]
    has_more: bool

    @property
    def left(self) -> int:
        """Count the sessions."""
        return sum(row.left for row in self.rows)

    @property
    def unused_cents(self) -> int:
        """Return what they came to."""
        return sum(row.unused_cents for row in self.rows)

    @property
    def owed_cents(self) -> int:
        """Return what is still owed on these packages."""
        return sum(row.owed_cents for row in self.rows)


def unused_packages(session: Session, now: datetime) -> UnusedPackages:
    """List the sold packages that have sessions left and are still good, in a fixed number of queries."""
    today = settings.house(session).local_date(now)
    left, cents = func.count(InvoiceLine.id), func.sum(InvoiceLine.total_cents)
    found = session.execute(
        select(PackageSale, Invoice.number, Practitioner.name, left, cents)
        .join(Invoice, Invoice.id == PackageSale.invoice_id)
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .join(Practitioner, Practitioner.id == PackageSale.practitioner_id)
        .where(Invoice.issued_at.is_not(None), sessions.is_open())
        .where(PackageSale.expires_date.is_(None) | (PackageSale.expires_date >= today))
        .group_by(PackageSale.id, Invoice.id, Practitioner.id)
        .order_by(PackageSale.expires_date.is_(None), PackageSale.expires_date, PackageSale.id)
        .limit(SHOWN_MAX + 1)
    ).all()
    shown = found[:SHOWN_MAX]
    owed = ledger.owed_cents(session, [sale.invoice_id for sale, *_ in shown])
    people = _people(session, [sale.id for sale, *_ in shown])
    rows = (
        Unused(
            invoice_id=sale.invoice_id, number=number or "", name=sale.name, clients=", ".join(people[sale.id]),
            practitioner=practitioner, good_through=sale.expires_date, left=count, unused_cents=int(value),
            owed_cents=owed.get(sale.invoice_id, 0),
        )
        for sale, number, practitioner, count, value in shown
    )  # fmt: skip
    return UnusedPackages(tuple(rows), has_more=len(found) > SHOWN_MAX)


def _people(session: Session, sale_ids: list[int]) -> dict[int, list[str]]:
    rows = session.execute(
        select(PackageClient.sale_id, Client)
        .join(Client, Client.id == PackageClient.client_id)
        .where(PackageClient.sale_id.in_(sale_ids))
        .order_by(Client.sort_name, Client.id)
    )
    named: dict[int, list[str]] = {sale_id: [] for sale_id in sale_ids}
    for sale_id, client in rows:
        named[sale_id].append(client.name)
    return named
