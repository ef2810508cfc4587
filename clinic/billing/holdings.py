"""What a client holds of sold packages, as their Billing says it: sessions left of those bought, and until when."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import packages
from clinic.billing.packages import Counts
from clinic.models.billing import Invoice, PackageClient, PackageSale, SessionEntry
from clinic.practice.permissions import Actor

READ_MAX = 100
SHOWN_MAX = 8


@dataclass(frozen=True)
class Holding:
    """Be one package a client may use."""

    invoice_id: int
    number: str
    name: str
    good_through: date | None
    is_draft: bool
    counts: Counts

    @property
    def is_open(self) -> bool:
        """Say whether a session of it is still to come."""
        return self.is_draft or self.counts.remaining + self.counts.booked > 0


def of_client(session: Session, who: Actor, client_id: int, now: datetime) -> tuple[Holding, ...]:
    """List what the client holds, in one query: what still has sessions first, then the newest."""
    theirs = select(PackageClient.sale_id).where(PackageClient.client_id == client_id)
    query = (
        select(PackageSale, Invoice.number, Invoice.issued_at, *packages.sums(now))
        .join(Invoice, Invoice.id == PackageSale.invoice_id)
        .outerjoin(SessionEntry, SessionEntry.sale_id == PackageSale.id)
        .where(PackageSale.id.in_(theirs))
        .group_by(PackageSale.id, Invoice.id)
        .order_by(PackageSale.id.desc())
        .limit(READ_MAX)
    )
    if who.own_practitioner_id is not None:
        query = query.where(PackageSale.practitioner_id == who.own_practitioner_id)
    held = [
        Holding(
            invoice_id=sale.invoice_id,
            number=number or "draft",
            name=sale.name,
            good_through=sale.expires_date,
            is_draft=issued_at is None,
            counts=packages.counts_of(session, sale.expires_date, written, now),
        )
        for sale, number, issued_at, *written in session.execute(query)
    ]
    return tuple(sorted(held, key=lambda each: not each.is_open)[:SHOWN_MAX])
