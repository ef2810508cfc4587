"""What must always be true of the books: ledger, invoices, payments, refunds, charges and numbers.

The database compares and adds up; what comes back is what is off, so ten years take no more memory than a day.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Subquery, and_, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, NumberSeries
from clinic.models.money import (
    Account,
    ChargeAttempt,
    ChargeStatus,
    Checkout,
    Dispute,
    DisputeStatus,
    LedgerTransaction,
    MoneyEvent,
    Payment,
    Posting,
    Refund,
)
from clinic.models.online import OnlinePurchase, PurchaseStatus
from clinic.models.practice import AuditEntry

PAID_FOR = (PurchaseStatus.SOLD, PurchaseStatus.STRANDED)


def transactions(session: Session) -> Iterator[str]:
    """Look for transactions that do not sum to zero."""
    total = func.sum(Posting.amount_cents)
    for row in session.execute(select(Posting.transaction_id, total).group_by(Posting.transaction_id).having(total != 0)):
        yield f"Ledger transaction {row[0]} does not sum to zero: {row[1]} cents."
    empty = select(LedgerTransaction.id).where(
        ~select(Posting.id).where(Posting.transaction_id == LedgerTransaction.id).exists()
    )
    for identity in session.scalars(empty):
        yield f"Ledger transaction {identity} has no postings."


def _sum(name: str, *accounts: Account, event: MoneyEvent | None = None) -> ColumnElement[int]:
    counts: ColumnElement[bool] = Posting.account.in_(accounts)
    if event is not None:
        counts &= LedgerTransaction.event == event
    return func.sum(case((counts, Posting.amount_cents), else_=0)).label(name)


def _posted(key: InstrumentedAttribute[int | None], *sums: ColumnElement[int]) -> Subquery:
    joined = select(key.label("key"), *sums).outerjoin(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
    return joined.where(key.is_not(None)).group_by(key).subquery()


def invoices(session: Session) -> Iterator[str]:
    """Compare invoices with their lines and postings."""
    lines = select(
        InvoiceLine.invoice_id,
        func.sum(InvoiceLine.net_cents).label("net"),
        func.sum(InvoiceLine.tax_cents).label("tax"),
        func.sum(InvoiceLine.total_cents).label("total"),
    )
    summed = lines.group_by(InvoiceLine.invoice_id).subquery()
    differs = or_(
        Invoice.net_cents != func.coalesce(summed.c.net, 0), Invoice.tax_cents != func.coalesce(summed.c.tax, 0),
        Invoice.total_cents != func.coalesce(summed.c.total, 0),
    )  # fmt: skip
    is_split = Invoice.net_cents + Invoice.tax_cents != Invoice.total_cents
    read = select(Invoice.id, Invoice.number, differs, is_split).outerjoin(summed, summed.c.invoice_id == Invoice.id)
    for identity, number, is_other, is_wrong in session.execute(read.where(or_(differs, is_split)).order_by(Invoice.id)):
        if is_other:
            yield f"Invoice {number or identity} does not equal the sum of its lines."
        if is_wrong:
            yield f"Invoice {number or identity}: net and tax do not make the total."
    posted = _posted(
        Posting.invoice_id, _sum("issued", Account.RECEIVABLE, event=MoneyEvent.ISSUED), _sum("owed", Account.RECEIVABLE)
    )
    issued, owed = func.coalesce(posted.c.issued, 0), func.coalesce(posted.c.owed, 0)
    wanted = case((Invoice.issued_at.is_(None), 0), else_=Invoice.total_cents)
    sold = select(Invoice.id, Invoice.number, issued, issued != wanted, owed < 0).outerjoin(posted, posted.c.key == Invoice.id)
    sold = sold.where(Invoice.kind == InvoiceKind.INVOICE, or_(issued != wanted, owed < 0)).order_by(Invoice.id)
    for identity, number, issued_cents, is_other, is_too_much in session.execute(sold):
        if is_other:
            yield f"Invoice {number or identity} was posted at {issued_cents} cents, not at its total."
        if is_too_much:
            yield f"More was put on invoice {number} than it amounts to."


def credit_notes(session: Session) -> Iterator[str]:
    """Compare credit notes with their postings and with what they credit."""
    posted = _posted(
        Posting.invoice_id, _sum("taken", Account.INCOME, Account.TAX),
        _sum("credited", Account.RECEIVABLE, event=MoneyEvent.CREDITED),
    )  # fmt: skip
    taken, credited = func.coalesce(posted.c.taken, 0), -func.coalesce(posted.c.credited, 0)
    notes = select(Invoice.number, taken).outerjoin(posted, posted.c.key == Invoice.id)
    for number, cents in session.execute(notes.where(Invoice.kind == InvoiceKind.CREDIT_NOTE, taken != Invoice.total_cents)):
        yield f"Credit note {number} was posted at {cents} cents, not at its total."
    by_sold = select(Invoice.credited_invoice_id.label("key"), func.sum(Invoice.total_cents).label("cents"))
    noted_of = by_sold.where(Invoice.credited_invoice_id.is_not(None)).group_by(Invoice.credited_invoice_id).subquery()
    noted = func.coalesce(noted_of.c.cents, 0)
    sold = select(Invoice.id, Invoice.number, noted, credited).outerjoin(noted_of, noted_of.c.key == Invoice.id)
    sold = sold.outerjoin(posted, posted.c.key == Invoice.id).where(Invoice.kind == InvoiceKind.INVOICE, noted != credited)
    for identity, number, noted_cents, credited_cents in session.execute(sold.order_by(Invoice.id)):
        yield f"Invoice {number or identity} was posted as credited {credited_cents} cents, not {noted_cents}."


def credited_lines(session: Session) -> Iterator[str]:
    """Compare credited lines with what was credited of them."""
    reversal, line = aliased(InvoiceLine), aliased(InvoiceLine)
    net, total = func.sum(reversal.net_cents), func.sum(reversal.total_cents)
    is_too_much = or_(total > line.total_cents, net > line.net_cents)
    read = (
        select(line.id, is_too_much)
        .join(reversal, reversal.credits_line_id == line.id)
        .group_by(line.id, line.net_cents, line.total_cents, line.released_at)
        .having(or_(is_too_much, and_(total == line.total_cents, line.released_at.is_(None))))
    )
    for identity, is_more in session.execute(read):
        if is_more:
            yield f"Line {identity} was credited more than it amounts to."
        else:
            yield f"Line {identity} was credited whole, but still holds its session."


def payments(session: Session) -> Iterator[str]:
    """Compare payments with their postings."""
    money = _sum("money", Account.MONEY, event=MoneyEvent.PAID)
    posted = _posted(Posting.payment_id, money, _sum("left", Account.UNALLOCATED))
    received, left = func.coalesce(posted.c.money, 0), func.coalesce(posted.c.left, 0)
    read = select(Payment.id, Payment.amount_cents, received, left).outerjoin(posted, posted.c.key == Payment.id)
    wrong = read.where(or_(received != Payment.amount_cents, left > 0)).order_by(Payment.id)
    for identity, amount_cents, money_cents, left_cents in session.execute(wrong):
        if money_cents != amount_cents:
            yield f"Payment {identity} of {amount_cents} cents was posted at {money_cents}."
        if left_cents > 0:
            yield f"More of payment {identity} was put on invoices than was received."
    mixed = select(Posting.id).join(Invoice, Invoice.id == Posting.invoice_id).where(Posting.payer_id != Invoice.payer_id)
    for identity in session.scalars(mixed):
        yield f"Posting {identity} names another payer than its invoice."


def refunds(session: Session) -> Iterator[str]:
    """Compare refunds with their postings, and look where the money of each payment stands."""
    of_money = and_(Posting.transaction_id == Refund.transaction_id, Posting.account == Account.MONEY)
    given = func.coalesce(-func.sum(Posting.amount_cents), 0)
    read = select(Refund.id, Refund.amount_cents, given).outerjoin(Posting, of_money).where(Refund.transaction_id.is_not(None))
    for row in session.execute(read.group_by(Refund.id, Refund.amount_cents).having(given != Refund.amount_cents)):
        yield f"Refund {row[0]} of {row[1]} cents was posted at {row[2]}."
    sums = (_sum("money", Account.MONEY), _sum("held", Account.DISPUTED), _sum("on", Account.RECEIVABLE),
            _sum("credit", Account.UNALLOCATED))  # fmt: skip
    posted = _posted(Posting.payment_id, *sums)
    money, held, on, credit = (func.coalesce(posted.c[name], 0) for name in ("money", "held", "on", "credit"))
    is_reversed = Payment.reversed_at.is_not(None)
    wrong = or_(money < 0, held < 0, money + held + on + credit != 0, and_(is_reversed, money != 0))
    stand = select(Payment.id, is_reversed, money, held, money + held + on + credit)
    for identity, was_undone, cents, held_cents, off in session.execute(
        stand.outerjoin(posted, posted.c.key == Payment.id).where(wrong).order_by(Payment.id)
    ):
        if cents < 0 or held_cents < 0:
            yield f"More of payment {identity} went back than was received."
        if off:
            yield f"Payment {identity} does not stand where its money is."
        if was_undone and cents:
            yield f"Payment {identity} was undone, but {cents} cents of it are still counted."


def disputes(session: Session) -> Iterator[str]:
    """Compare disputes with their postings."""
    of_held = and_(Posting.transaction_id == Dispute.transaction_id, Posting.account == Account.DISPUTED)
    columns = (Dispute.id, Dispute.amount_cents, Dispute.status, Dispute.closing_id)
    read = select(*columns, func.coalesce(func.sum(Posting.amount_cents), 0)).outerjoin(Posting, of_held)
    for identity, amount_cents, status, closing_id, cents in session.execute(read.group_by(*columns).order_by(Dispute.id)):
        if cents != amount_cents:
            yield f"Dispute {identity} of {amount_cents} cents was posted at {cents}."
        if (status is DisputeStatus.OPEN) != (closing_id is None):
            yield f"Dispute {identity} is {status.value}, which its postings do not say."


def charges(session: Session) -> Iterator[str]:
    """Compare charges with their payments."""
    is_charged, is_paid = ChargeAttempt.status == ChargeStatus.SUCCEEDED, Payment.id.is_not(None)
    is_other = Payment.amount_cents != ChargeAttempt.amount_cents
    read = select(ChargeAttempt.id, ChargeAttempt.status, ChargeAttempt.amount_cents, Payment.id, Payment.amount_cents)
    read = read.outerjoin(Payment, Payment.id == ChargeAttempt.payment_id).order_by(ChargeAttempt.id)
    wrong = or_(and_(is_charged, ~is_paid), and_(~is_charged, is_paid), is_other)
    for identity, status, cents, payment_id, paid_cents in session.execute(read.where(wrong)):
        if (status is ChargeStatus.SUCCEEDED) != (payment_id is not None):
            yield f"Charge {identity} is {status.value}, but its payment {'stands' if payment_id else 'is missing'}."
        else:
            yield f"Charge {identity} of {cents} cents was recorded as {paid_cents}."


def purchases(session: Session) -> Iterator[str]:
    """Compare what was bought online with its payment and invoice."""
    rows = session.execute(
        select(OnlinePurchase.id, OnlinePurchase.status, OnlinePurchase.total_cents, Payment.amount_cents,
               OnlinePurchase.invoice_id, Invoice.issued_at, Invoice.total_cents)
        .outerjoin(Invoice, Invoice.id == OnlinePurchase.invoice_id)
        .outerjoin(Checkout, Checkout.purchase_id == OnlinePurchase.id)
        .outerjoin(Payment, Payment.id == Checkout.payment_id)
        .order_by(OnlinePurchase.id)
    )  # fmt: skip
    for identity, status, total_cents, paid_cents, invoice_id, issued_at, invoiced_cents in rows:
        if (status in PAID_FOR) != (paid_cents is not None):
            yield f"Online purchase {identity} is {status.value}, which its payment does not say."
        elif paid_cents is not None and paid_cents != total_cents:
            yield f"Online purchase {identity} of {total_cents} cents was paid with {paid_cents}."
        if invoice_id is not None and (issued_at is None or invoiced_cents != total_cents):
            yield f"Online purchase {identity} was not invoiced at its price."


def numbers(session: Session) -> Iterator[str]:
    """Look for gaps in the numbers of each series."""
    # A series may be set upwards only, and the audit trail says to what.
    details = session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "set the next number"))
    jumps = {(detail["kind"], detail["next_number"]) for detail in details}
    for kind, prefix, next_number in session.execute(select(NumberSeries.kind, NumberSeries.prefix, NumberSeries.next_number)):
        before = func.coalesce(func.lag(Invoice.serial).over(order_by=Invoice.serial), 0)
        taken = (
            select(Invoice.serial, before.label("before")).where(Invoice.kind == kind, Invoice.serial.is_not(None)).subquery()
        )
        gaps = select(taken.c.serial).where(taken.c.serial != taken.c.before + 1).order_by(taken.c.serial)
        for serial in session.scalars(gaps):
            if (kind, serial) not in jumps:
                yield f"Numbers are missing before {prefix}{serial}."
        if next_number <= (session.scalar(select(func.max(taken.c.serial))) or 0):
            yield f"The next number of {prefix} was used already."


CHECKS = (
    transactions, invoices, credit_notes, credited_lines, payments, refunds, disputes, charges, purchases, numbers,
)  # fmt: skip
