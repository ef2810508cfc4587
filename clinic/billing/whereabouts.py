"""Where a payment's money stands: the payer's credit and the invoices it is on; and taking it back from there."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing.ledger import Leg
from clinic.models.money import Account, Payment, Posting


@dataclass(frozen=True)
class Place:
    """Be one place a payment's money stands: an invoice, or the payer's credit (`invoice_id` None)."""

    invoice_id: int | None
    cents: int


def of(session: Session, payment_id: int, *, first: int | None = None) -> list[Place]:
    """List where a payment's money stands: the invoice `first`, then the credit, then the invoices it went on last."""
    found = session.execute(
        select(Posting.account, Posting.invoice_id, -func.sum(Posting.amount_cents), func.max(Posting.id))
        .where(Posting.payment_id == payment_id, Posting.account.in_((Account.RECEIVABLE, Account.UNALLOCATED)))
        .group_by(Posting.account, Posting.invoice_id)
    ).all()
    placed = [(invoice_id, int(cents), int(last)) for _, invoice_id, cents, last in found if cents > 0]
    placed.sort(key=lambda each: (first is None or each[0] != first, each[0] is not None, -each[2]))
    return [Place(invoice_id, cents) for invoice_id, cents, _ in placed]


def credit_cents(session: Session, payment_id: int) -> int:
    """Return what of a payment is on no invoice: the payer's credit."""
    return sum(place.cents for place in of(session, payment_id) if place.invoice_id is None)


def held_cents(session: Session, payment_id: int) -> int:
    """Return what the practice still has of a payment: received, less refunded, disputed and reversed."""
    of_payment = (Posting.payment_id == payment_id, Posting.account == Account.MONEY)
    return int(session.scalar(select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(*of_payment)) or 0)


def taking(session: Session, payment: Payment, cents: int, *, first: int | None = None) -> list[Leg]:
    """Return the legs that take so much of a payment from where it stands: no credit is left that nobody paid for.

    The other side, where the money goes, is the caller's. Must run inside `writing()`.
    """
    legs: list[Leg] = []
    missing = cents
    for place in of(session, payment.id, first=first):
        part = min(place.cents, missing)
        account = Account.UNALLOCATED if place.invoice_id is None else Account.RECEIVABLE
        if part:
            legs.append(Leg(account, payment.payer_id, part, invoice_id=place.invoice_id, payment_id=payment.id))
        missing -= part
    assert missing == 0, "a payment stands somewhere for all that is left of it"
    return legs
