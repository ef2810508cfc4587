"""What moved a payer's account, dated as documents date it: what a statement is made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import payments
from clinic.models.billing import Invoice, InvoiceKind
from clinic.models.money import (
    METHOD_NAMES,
    Account,
    LedgerTransaction,
    MoneyEvent,
    Payment,
    PaymentMethodName,
    Posting,
    Refund,
)

# Moving money between the payer's credit and their invoices changes nothing of what they owe in all.
WITHIN = frozenset({MoneyEvent.ALLOCATED, MoneyEvent.RELEASED})

WORDS = {
    MoneyEvent.ISSUED: "Invoice {number}",
    MoneyEvent.PAID: "Payment, {way}",
    MoneyEvent.ALLOCATED: "Payment, {way}{on}",
    MoneyEvent.RELEASED: "Payment taken off{on}",
    MoneyEvent.CREDITED: "Credit note{note}{on}",
    MoneyEvent.WRITTEN_OFF: "Written off{on}",
    MoneyEvent.REFUNDED: "Refund of payment {payment}",
    MoneyEvent.REFUND_FAILED: "Refund that came back, payment {payment}",
    MoneyEvent.REVERSED: "Payment undone, {payment}, {way}",
    MoneyEvent.DISPUTE_LOST: "Payment disputed and lost, {payment}",
}


@dataclass(frozen=True)
class Movement:
    """Be one posting to what a payer owes or has unallocated. `cents` adds to what they owe."""

    day: date
    at: datetime
    transaction_id: int
    event: MoneyEvent
    cents: int
    invoice_id: int | None  # None: the payer's credit
    payment_id: int | None
    words: str
    note_id: int | None = None  # of a credit note: which

    @property
    def order(self) -> tuple[date, datetime, int]:
        """Return what statements sort by: by day, within it as things happened."""
        return self.day, self.at, self.transaction_id


@dataclass(frozen=True)
class Owing:
    """Be an invoice that a movement is about: what a statement says of it, and when it is late."""

    number: str
    due_date: date | None


def of_payer(session: Session, payer_id: int) -> tuple[list[Movement], dict[int, Owing]]:
    """Return all that ever moved a payer's account, in order, and the invoices it is about; in two queries."""
    notes = _notes(session, payer_id)
    found = session.execute(
        select(
            LedgerTransaction.id, LedgerTransaction.event, LedgerTransaction.at, LedgerTransaction.local_date,
            Posting.invoice_id, Posting.payment_id, Posting.amount_cents, Invoice.number, Invoice.issue_date,
            Invoice.due_date, Payment.received_date, Payment.method, Payment.reference, Refund.refunded_date,
            PaymentMethodName.name.label("called"),
        )
        .join(Posting, Posting.transaction_id == LedgerTransaction.id)
        .outerjoin(Invoice, Invoice.id == Posting.invoice_id)
        .outerjoin(Payment, Payment.id == Posting.payment_id)
        .outerjoin(PaymentMethodName, PaymentMethodName.method == Payment.method)
        .outerjoin(Refund, Refund.transaction_id == LedgerTransaction.id)
        .where(Posting.payer_id == payer_id, Posting.account.in_((Account.RECEIVABLE, Account.UNALLOCATED)))
        .order_by(Posting.id)
    )  # fmt: skip
    moved, owing = [], {}
    for row in found:
        note = notes.get(row.id)
        moved.append(
            Movement(_day(row, note), row.at, row.id, row.event, row.amount_cents, row.invoice_id, row.payment_id,
                     _words(row, note), note.id if note else None)
        )  # fmt: skip
        if row.invoice_id is not None:
            owing[row.invoice_id] = Owing(row.number, row.due_date)
    return sorted(moved, key=lambda each: each.order), owing


def on_invoices(moved: Collection[Movement], parts: Mapping[int, int | None]) -> list[Movement]:
    """Return what moved on some invoices alone; of one for several clients at most what is left of the client's `part`.

    So their sum is on any day what is owed for the client, as Billing says it.

    Args:
        moved: all that moved the payer's account, in order.
        parts: the invoices and credit notes, each with the client's part (a note's is negative); None where all of it is.
    """
    running, left, mine = dict.fromkeys(parts, 0), dict(parts), []
    for each in moved:
        if each.invoice_id is None or each.invoice_id not in parts:
            continue
        before = _at_most(running[each.invoice_id], left[each.invoice_id])
        running[each.invoice_id] += each.cents
        own = left[each.invoice_id]
        if own is not None and each.note_id is not None:
            left[each.invoice_id] = max(own + (parts.get(each.note_id) or 0), 0)
        cents = _at_most(running[each.invoice_id], left[each.invoice_id]) - before
        if cents:
            mine.append(replace(each, cents=cents))
    return mine


def in_all(moved: Collection[Movement]) -> list[Movement]:
    """Return what changed a payer's balance, one movement for each thing that happened."""
    sums: dict[int, Movement] = {}
    for each in moved:
        if each.event in WITHIN:
            continue
        known = sums.get(each.transaction_id)
        sums[each.transaction_id] = each if known is None else replace(known, cents=known.cents + each.cents)
    return [each for each in sums.values() if each.cents]


def _at_most(cents: int, most: int | None) -> int:
    return cents if most is None else min(cents, most)


def _notes(session: Session, payer_id: int) -> dict[int, Any]:
    # A credit note takes off the invoice it reverses; its own number stands on the other side of the transaction.
    found = session.execute(
        select(Posting.transaction_id, Invoice.id, Invoice.number, Invoice.issue_date)
        .join(Invoice, Invoice.id == Posting.invoice_id)
        .where(Invoice.payer_id == payer_id, Invoice.kind == InvoiceKind.CREDIT_NOTE)
        .distinct()
    )
    return {row.transaction_id: row for row in found}


def _day(row: Any, note: Any) -> date:
    """Return the day a document says: the invoice's, the payment's and the refund's own, else when it was written down."""
    day: date = row.local_date
    if row.event is MoneyEvent.ISSUED:
        day = row.issue_date
    elif row.event is MoneyEvent.CREDITED and note is not None:
        day = note.issue_date
    elif row.event is MoneyEvent.PAID:
        day = row.received_date
    elif row.event is MoneyEvent.REFUNDED:
        day = row.refunded_date or day
    elif row.event is MoneyEvent.ALLOCATED:
        # Written down late, it paid the invoice on the day it came, but not before there was one.
        day = min(day, max(row.received_date, row.issue_date or row.received_date))
    return day


def _words(row: Any, note: Any) -> str:
    words = WORDS[row.event]
    if row.event is MoneyEvent.WRITTEN_OFF and row.amount_cents > 0:
        words = "Write-off taken back{on}"
    way = payments.way_words(row.method, row.called or METHOD_NAMES[row.method], row.reference) if row.method else ""
    return words.format(
        number=row.number, on=f", invoice {row.number}" if row.number else "", note=f" {note.number}" if note else "",
        payment=f"R-{row.payment_id}", way=way,
    )  # fmt: skip
