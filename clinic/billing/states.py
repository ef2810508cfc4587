"""What state an invoice is in: derived from what was posted on it, never stored."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, literal, select
from sqlalchemy.orm import Session, aliased

from clinic.kernel.errors import ClashError
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine
from clinic.models.money import Account, LedgerTransaction, MoneyEvent, Posting
from clinic.practice import settings


@dataclass(frozen=True)
class State:
    """Be an invoice's state: its word, and the figures behind it."""

    word: str
    owed_cents: int = 0
    paid_cents: int = 0
    credited_cents: int = 0
    written_off_cents: int = 0
    days_overdue: int = 0

    @property
    def words(self) -> str:
        """Return the word, with the days where they matter: "Overdue 2 days"."""
        if self.word != "Overdue":
            return self.word
        return f"Overdue {self.days_overdue} day{'' if self.days_overdue == 1 else 's'}"


def of(session: Session, invoices: Collection[Invoice], today: date) -> dict[int, State]:
    """Return every invoice's state on that day, in one query."""
    grace = timedelta(days=settings.practice(session).overdue_after_days)
    issued = [invoice.id for invoice in invoices if invoice.issued_at is not None]
    posted = _posted(session, issued) if issued else {}
    return {invoice.id: derive(invoice, posted.get(invoice.id, {}), today, grace) for invoice in invoices}


def refuse_written_off(session: Session, invoice: Invoice) -> None:
    """Refuse to take money for an invoice whose remainder was given up.

    Raises:
        ClashError: it is written off.
    """
    found = of(session, [invoice], invoice.issue_date or date.min)[invoice.id]
    if found.word == "Written off":
        gone = settings.house(session).money(found.written_off_cents)
        words = f"Invoice {invoice.number} takes no payment: {gone} of it is written off."
        raise ClashError(f"{words} Take the write-off back first; then {gone} is owed again and can be paid.")


def is_void() -> ColumnElement[bool]:
    """Say, in a query over invoices, that one of nothing ($0) was credited whole: the ledger cannot tell, its lines do."""
    note = aliased(Invoice)
    is_credited = exists().where(note.credited_invoice_id == Invoice.id)
    is_kept = exists().where(InvoiceLine.invoice_id == Invoice.id, InvoiceLine.released_at.is_(None))
    return and_(Invoice.total_cents == 0, is_credited, ~is_kept)


def _posted(session: Session, invoice_ids: Collection[int]) -> dict[int, dict[MoneyEvent, int]]:
    kind = LedgerTransaction.event
    by_event = (
        select(Posting.invoice_id, kind, func.sum(Posting.amount_cents))
        .join(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
        .where(Posting.account == Account.RECEIVABLE, Posting.invoice_id.in_(invoice_ids))
        .group_by(Posting.invoice_id, kind)
    )
    credited = literal(MoneyEvent.CREDITED, kind.type)
    void = select(Invoice.id, credited, literal(0)).where(Invoice.id.in_(invoice_ids), is_void())
    posted: dict[int, dict[MoneyEvent, int]] = {}
    for invoice_id, event, cents in session.execute(by_event.union_all(void)):
        if invoice_id is not None:
            posted.setdefault(invoice_id, {})[event] = int(cents)
    return posted


def derive(invoice: Invoice, posted: dict[MoneyEvent, int], today: date, grace: timedelta) -> State:
    """Return the state that follows from the receivable's postings, summed by event; 0 cents credited: void (`is_void`)."""
    if invoice.issued_at is None:
        return State("Draft", owed_cents=invoice.total_cents)
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        return State("Credited")
    figures = State(
        "Unpaid",
        owed_cents=max(0, sum(posted.values())),
        paid_cents=-sum(cents for event, cents in posted.items() if event in _PAYING),
        credited_cents=-posted.get(MoneyEvent.CREDITED, 0),
        written_off_cents=-posted.get(MoneyEvent.WRITTEN_OFF, 0),
    )
    if not figures.owed_cents:
        if figures.written_off_cents:
            return replace(figures, word="Written off")
        is_credited = MoneyEvent.CREDITED in posted and figures.credited_cents >= invoice.total_cents
        return replace(figures, word="Credited" if is_credited else "Paid")
    days = (today - (invoice.due_date or today)).days
    if timedelta(days=days) > grace:
        return replace(figures, word="Overdue", days_overdue=days)
    return replace(figures, word="Part paid") if figures.paid_cents > 0 else figures


_PAYING = (
    MoneyEvent.ALLOCATED, MoneyEvent.RELEASED, MoneyEvent.REFUNDED, MoneyEvent.REVERSED, MoneyEvent.DISPUTE_LOST,
)  # fmt: skip
