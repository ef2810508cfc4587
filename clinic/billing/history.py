"""A client's history of money: invoices issued, payments received, what went back, what was given up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import payments
from clinic.billing.payments import Disputed
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceKind
from clinic.models.money import (
    METHOD_NAMES,
    Account,
    Checkout,
    Dispute,
    DisputeStatus,
    LedgerTransaction,
    MoneyEvent,
    Payment,
    PaymentMethodName,
    Posting,
)
from clinic.models.practice import User
from clinic.practice import settings

EVENTS_MAX = 60
NO_TIME = datetime.min.replace(tzinfo=UTC)
WORDS = {
    MoneyEvent.REFUNDED: "Refund",
    MoneyEvent.REFUND_FAILED: "Refund that came back",
    MoneyEvent.REVERSED: "Undone",
}


@dataclass(frozen=True)
class Event:
    """Be one line of the history. `amount_cents` is what it adds to what is owed."""

    day: date
    words: str
    by: str
    amount_cents: int
    invoice_id: int | None
    payment_id: int | None = None
    at: datetime = NO_TIME  # which came first on its day, where that is known
    is_document: bool = False  # an invoice or a credit note was issued


@dataclass(frozen=True)
class History:
    """Be what became of a client's money, the newest first, and what of it is or was disputed."""

    events: tuple[Event, ...]
    disputes: tuple[Disputed, ...]


def of(session: Session, issued: Mapping[int, Invoice], sole: Collection[int]) -> History:
    """Return what became of these invoices and their payers' money, in one query.

    Of the payers in `sole`, who pay for nobody else, every payment and refund is told; of others what stands on the invoices.
    """
    shared = [invoice.id for invoice in issued.values() if invoice.payer_id not in sole]
    events, disputed = [_issued(invoice) for invoice in issued.values()], {}
    put: dict[tuple[int, int], Event] = {}
    for moved, invoice_id, account, cents, payment, by, called, visit_id, purchase_id, dispute in _moved(
        session, issued, sole, shared
    ):
        if payment is None:
            words = f"{'Written off' if cents < 0 else 'Write-off taken back'}, {issued[invoice_id].number}"
            events.append(Event(moved.local_date, words, by or "", cents, invoice_id, at=moved.at))
            continue
        name = called or METHOD_NAMES[payment.method]
        if dispute is not None:
            disputed[payment.id] = payments.disputed_of(payment, name, dispute)
        words = f"Payment, {payments.way_words(payment.method, name, payment.reference)}"
        by = by or payments.taken_by(is_online=purchase_id is not None, is_by_link=visit_id is not None)
        if account is Account.RECEIVABLE:
            before = put.get((invoice_id, payment.id))
            made = before or Event(payment.received_date, words, by, 0, invoice_id, payment.id, moved.at)
            put[invoice_id, payment.id] = replace(made, amount_cents=made.amount_cents + cents)
        elif moved.event is MoneyEvent.PAID:
            events.append(Event(payment.received_date, words, by, -cents, None, payment.id, moved.at))
        else:
            events.append(
                Event(moved.local_date, f"{WORDS[moved.event]}, R-{payment.id}", by, -cents, None, payment.id, moved.at)
            )
    events += [event for event in put.values() if event.amount_cents]
    events += _lost(disputed.values(), settings.house(session).timezone)
    newest = sorted(events, key=lambda event: (event.day, event.at), reverse=True)
    return History(tuple(newest[:EVENTS_MAX]), tuple(disputed.values()))


def _moved(session: Session, issued: Mapping[int, Invoice], sole: Collection[int], shared: Collection[int]) -> Sequence[Any]:
    """Read the legs that are told: money come and gone, what was given up, what was put on shared payers' invoices."""
    event = LedgerTransaction.event
    on_invoice = Posting.account == Account.RECEIVABLE
    told = or_(
        and_(Posting.account == Account.MONEY, Posting.payer_id.in_(sole), event.in_((MoneyEvent.PAID, *WORDS))),
        and_(on_invoice, Posting.invoice_id.in_(issued), event == MoneyEvent.WRITTEN_OFF),
        and_(on_invoice, Posting.invoice_id.in_(shared), Posting.payment_id.is_not(None)),
    )
    newest = select(func.max(Dispute.id)).where(Dispute.payment_id == Payment.id).correlate(Payment).scalar_subquery()
    found = session.execute(
        select(
            LedgerTransaction, Posting.invoice_id, Posting.account, Posting.amount_cents, Payment, User.name,
            PaymentMethodName.name, Checkout.id, Checkout.purchase_id, Dispute,
        )
        .join(Posting, Posting.transaction_id == LedgerTransaction.id)
        .outerjoin(Payment, Payment.id == Posting.payment_id)
        .outerjoin(User, User.id == LedgerTransaction.user_id)
        .outerjoin(PaymentMethodName, PaymentMethodName.method == Payment.method)
        .outerjoin(Checkout, Checkout.payment_id == Payment.id)
        .outerjoin(Dispute, and_(Dispute.id == newest, Dispute.status != DisputeStatus.WON))
        .where(told)
        .order_by(Posting.id)
    )  # fmt: skip
    return found.all()


def _lost(disputed: Collection[Disputed], timezone: str) -> list[Event]:
    return [
        Event(clock.local_date(each.closed_at, timezone), f"Disputed and lost, {each.words}", "", each.amount_cents, None,
              each.payment_id, each.closed_at)
        for each in disputed
        if each.is_lost and each.closed_at is not None
    ]  # fmt: skip


def _issued(invoice: Invoice) -> Event:
    assert invoice.issue_date is not None
    is_note = invoice.kind is InvoiceKind.CREDIT_NOTE
    words = f"Credit note {invoice.number}" if is_note else f"Invoice {invoice.number} issued"
    cents = -invoice.total_cents if is_note else invoice.total_cents
    at = invoice.issued_at or invoice.created_at
    return Event(invoice.issue_date, words, "", cents, invoice.id, at=at, is_document=True)
