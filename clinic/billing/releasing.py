"""Payments taken off an invoice and put on the one that takes its place: what was received stays received."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import ledger
from clinic.billing.ledger import Leg
from clinic.models.billing import Invoice
from clinic.models.money import Account, LedgerTransaction, MoneyEvent, Posting
from clinic.practice.permissions import Actor


def release(session: Session, who: Actor, invoice: Invoice, cents: int, now: datetime) -> None:
    """Take so much of what was paid off an invoice, the last payment first: it becomes the payer's credit.

    Must run inside `writing()`. At most what was paid may be asked for.
    """
    legs: list[Leg] = []
    missing = cents
    for payment_id, paid in reversed(_paid(session, invoice.id)):
        part = min(paid, missing)
        if part > 0:
            legs += [
                Leg(Account.UNALLOCATED, invoice.payer_id, -part, payment_id=payment_id),
                Leg(Account.RECEIVABLE, invoice.payer_id, part, invoice_id=invoice.id, payment_id=payment_id),
            ]
            missing -= part
    assert missing == 0, "no more is released than was paid"
    if legs:
        ledger.post(session, who, MoneyEvent.RELEASED, legs, now)


def move_over(session: Session, who: Actor, invoice: Invoice, now: datetime) -> int:
    """Put on an issued invoice what was paid on the one it corrects and is still unallocated; return the cents put."""
    if invoice.corrects_invoice_id is None:
        return 0
    left = dict(ledger.unallocated_by_payment(session, invoice.payer_id))
    owed = ledger.owed_cents(session, [invoice.id])[invoice.id]
    legs: list[Leg] = []
    put = 0
    for payment_id, freed in _freed(session, invoice.corrects_invoice_id):
        part = min(freed, left.get(payment_id, 0), owed - put)
        if part > 0:
            legs += [
                Leg(Account.UNALLOCATED, invoice.payer_id, part, payment_id=payment_id),
                Leg(Account.RECEIVABLE, invoice.payer_id, -part, invoice_id=invoice.id, payment_id=payment_id),
            ]
            put += part
    if legs:
        ledger.post(session, who, MoneyEvent.ALLOCATED, legs, now)
    return put


def _paid(session: Session, invoice_id: int) -> list[tuple[int, int]]:
    cents = -func.sum(Posting.amount_cents)
    found = session.execute(
        select(Posting.payment_id, cents)
        .where(Posting.account == Account.RECEIVABLE, Posting.invoice_id == invoice_id, Posting.payment_id.is_not(None))
        .group_by(Posting.payment_id)
        .having(cents > 0)
        .order_by(Posting.payment_id)
    )
    return [(payment_id, int(paid)) for payment_id, paid in found if payment_id is not None]


def _freed(session: Session, invoice_id: int) -> list[tuple[int, int]]:
    cents = func.sum(Posting.amount_cents)
    found = session.execute(
        select(Posting.payment_id, cents)
        .join(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
        .where(
            Posting.account == Account.RECEIVABLE, Posting.invoice_id == invoice_id, Posting.payment_id.is_not(None),
            LedgerTransaction.event == MoneyEvent.RELEASED,
        )
        .group_by(Posting.payment_id)
        .order_by(Posting.payment_id)
    )  # fmt: skip
    return [(payment_id, int(freed)) for payment_id, freed in found if payment_id is not None]
