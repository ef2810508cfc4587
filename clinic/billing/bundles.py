"""What a sale of a package puts on an invoice: every unit a line of its own, and the rules it is sold under."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from clinic.billing import invoices
from clinic.models.billing import ExpiryUnit, Fee, Invoice, InvoiceSource, PackageClient, PackageSale
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Bundle:
    """Hold what one sale puts on an invoice, fixed: nothing of the template is read any more."""

    package_id: int
    name: str
    terms: str
    lines: tuple[invoices.NewLine, ...]
    client_ids: tuple[int, ...]
    payer_id: int
    practitioner_id: int
    location_id: int
    expires_after: int | None
    expires_unit: ExpiryUnit
    expires_date: date | None = None


def unit_lines(units: Iterable[tuple[Fee, int]]) -> tuple[invoices.NewLine, ...]:
    """Return the invoice lines of priced units: every unit is a line of its own."""
    return tuple(
        invoices.NewLine(description=fee.description, unit_cents=cents, code=fee.code, fee_id=fee.id, minutes=fee.minutes,
                         tax_bp=fee.tax_bp)
        for fee, cents in units
    )  # fmt: skip


def place(session: Session, who: Actor, bundle: Bundle, now: datetime) -> Invoice:
    """Put what is sold on a new draft, with the rules it is sold under. Must run inside `writing()`.

    Raises:
        NotFoundError: the client or the payer is not there or not theirs.
    """
    invoice = invoices.draft(
        session, who, payer_id=bundle.payer_id, client_id=bundle.client_ids[0], now=now, source=InvoiceSource.PACKAGE,
        practitioner_id=bundle.practitioner_id, location_id=bundle.location_id,
    )  # fmt: skip
    sold = PackageSale(
        invoice_id=invoice.id, package_id=bundle.package_id, name=bundle.name, practitioner_id=bundle.practitioner_id,
        location_id=bundle.location_id, expires_after=bundle.expires_after, expires_unit=bundle.expires_unit,
        expires_date=bundle.expires_date, terms=bundle.terms,
        clients=[PackageClient(client_id=client_id) for client_id in dict.fromkeys(bundle.client_ids)],
    )  # fmt: skip
    session.add(sold)
    session.flush()
    for line in bundle.lines:
        invoices.add_line(session, invoice, line)
    return invoice
