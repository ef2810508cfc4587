"""A line of a draft: what it says, and its money worked out."""

from dataclasses import dataclass
from datetime import date

from clinic.billing import totals
from clinic.kernel.errors import NotFoundError
from clinic.models.billing import Invoice, InvoiceLine


@dataclass(frozen=True)
class NewLine:
    """Say what a line shall be. `tax_bp` is added to the unit, or contained in it, as the practice prices."""

    description: str
    unit_cents: int
    quantity: int = 1
    code: str = ""
    session_date: date | None = None
    fee_id: int | None = None
    minutes: int | None = None
    discount_cents: int = 0
    tax_bp: int = 0
    share_id: int | None = None


def write(line: InvoiceLine, new: NewLine, *, inclusive: bool) -> None:
    """Put on a line what it shall be. The session it bills stays.

    Raises:
        RefusalError: the amount is not one a line may have.
    """
    line.session_date, line.fee_id, line.minutes = new.session_date, new.fee_id, new.minutes
    line.code, line.description, line.quantity = new.code, new.description, new.quantity
    line.unit_cents, line.discount_cents, line.tax_bp = new.unit_cents, new.discount_cents, new.tax_bp
    price(line, inclusive=inclusive)


def price(line: InvoiceLine, *, inclusive: bool) -> None:
    """Work a line's money out: what it comes to, with its tax."""
    sums = totals.line(
        unit_cents=line.unit_cents,
        quantity=line.quantity,
        discount_cents=line.discount_cents,
        tax_bp=line.tax_bp,
        inclusive=inclusive,
    )
    line.net_cents, line.tax_cents, line.total_cents = sums.net_cents, sums.tax_cents, sums.gross_cents


def add_up(invoice: Invoice) -> None:
    """Bring a draft's totals up to date with its lines.

    Raises:
        RefusalError: together they are more than an invoice may come to.
    """
    sums = totals.of(invoice.lines)
    invoice.net_cents, invoice.tax_cents, invoice.total_cents = sums.net_cents, sums.tax_cents, sums.gross_cents


def line_of(invoice: Invoice, line_id: int) -> InvoiceLine:
    """Return the invoice's line of that id.

    Raises:
        NotFoundError: the invoice has no such line.
    """
    for line in invoice.lines:
        if line.id == line_id:
            return line
    raise NotFoundError("line")
