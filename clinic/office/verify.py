"""Recompute what must always be true and name what is off: a sentence each, never a name of a person."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from clinic.calendar import recurrence
from clinic.models import guards
from clinic.models.billing import (
    Invoice,
    InvoiceKind,
    InvoiceLine,
    NumberSeries,
    PackageSale,
    SessionEntry,
    SessionEvent,
    Share,
)
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.messages import Message, MessageKind, MessagePart, MessageState
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
from clinic.models.practice import AuditEntry, Logo
from clinic.people import portal_visits
from clinic.practice import audit, settings

CHUNK = 500
LIVE = tuple(status for status in Status if status.is_live)
STANDING = ("booked", "used", "forfeited", "expired")


def findings(session: Session) -> Iterator[str]:
    """Yield a sentence for everything that is off, across all areas; nothing when all is well. Changes nothing."""
    for check in CHECKS:
        yield from check(session)


def _guards(session: Session) -> Iterator[str]:
    for name in guards.missing(session.connection()):
        yield f"The database lacks the guard {name}."


def _transactions(session: Session) -> Iterator[str]:
    total = func.sum(Posting.amount_cents)
    for row in session.execute(select(Posting.transaction_id, total).group_by(Posting.transaction_id).having(total != 0)):
        yield f"Ledger transaction {row[0]} does not sum to zero: {row[1]} cents."
    empty = select(LedgerTransaction.id).where(
        ~select(Posting.id).where(Posting.transaction_id == LedgerTransaction.id).exists()
    )
    for identity in session.scalars(empty):
        yield f"Ledger transaction {identity} has no postings."


def _posted(account: Account, of: ColumnElement[bool], *events: MoneyEvent) -> ColumnElement[int]:
    query = select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(Posting.account == account, of)
    if events:
        query = query.join(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
        query = query.where(LedgerTransaction.event.in_(events))
    return query.correlate(Invoice, Payment).scalar_subquery()


def _invoices(session: Session) -> Iterator[str]:
    lines = select(
        InvoiceLine.invoice_id,
        func.sum(InvoiceLine.net_cents).label("net"),
        func.sum(InvoiceLine.tax_cents).label("tax"),
        func.sum(InvoiceLine.total_cents).label("total"),
    ).group_by(InvoiceLine.invoice_id)
    summed = lines.subquery()
    rows = session.execute(
        select(Invoice, summed.c.net, summed.c.tax, summed.c.total).outerjoin(summed, summed.c.invoice_id == Invoice.id)
    )
    for invoice, *sums in rows:
        if [invoice.net_cents, invoice.tax_cents, invoice.total_cents] != [value or 0 for value in sums]:
            yield f"Invoice {invoice.number or invoice.id} does not equal the sum of its lines."
        if invoice.net_cents + invoice.tax_cents != invoice.total_cents:
            yield f"Invoice {invoice.number or invoice.id}: net and tax do not make the total."
    issued = _posted(Account.RECEIVABLE, Posting.invoice_id == Invoice.id, MoneyEvent.ISSUED)
    owed = _posted(Account.RECEIVABLE, Posting.invoice_id == Invoice.id)
    sold = select(Invoice, issued, owed).where(Invoice.kind == InvoiceKind.INVOICE)
    for invoice, issued_cents, owed_cents in session.execute(sold):
        if issued_cents != (invoice.total_cents if invoice.issued_at else 0):
            yield f"Invoice {invoice.number or invoice.id} was posted at {issued_cents} cents, not at its total."
        if owed_cents < 0:
            yield f"More was put on invoice {invoice.number} than it amounts to."


def _credit_notes(session: Session) -> Iterator[str]:
    taken = _posted(Account.INCOME, Posting.invoice_id == Invoice.id) + _posted(Account.TAX, Posting.invoice_id == Invoice.id)
    notes = select(Invoice, taken).where(Invoice.kind == InvoiceKind.CREDIT_NOTE)
    for note, cents in session.execute(notes):
        if cents != note.total_cents:
            yield f"Credit note {note.number} was posted at {cents} cents, not at its total."
    off = aliased(Invoice)
    noted = select(func.coalesce(func.sum(off.total_cents), 0)).where(off.credited_invoice_id == Invoice.id).scalar_subquery()
    credited = -_posted(Account.RECEIVABLE, Posting.invoice_id == Invoice.id, MoneyEvent.CREDITED)
    sold = select(Invoice, noted, credited).where(Invoice.kind == InvoiceKind.INVOICE)
    for invoice, noted_cents, credited_cents in session.execute(sold):
        if noted_cents != credited_cents:
            yield f"Invoice {invoice.number or invoice.id} was posted as credited {credited_cents} cents, not {noted_cents}."
    reversal, line = aliased(InvoiceLine), aliased(InvoiceLine)
    rows = session.execute(
        select(
            line.id,
            line.net_cents,
            line.total_cents,
            line.released_at,
            func.sum(reversal.net_cents),
            func.sum(reversal.total_cents),
        )
        .join(reversal, reversal.credits_line_id == line.id)
        .group_by(line.id, line.net_cents, line.total_cents, line.released_at)
    )
    for identity, net, total, released_at, credited_net, credited_total in rows:
        if credited_total > total or credited_net > net:
            yield f"Line {identity} was credited more than it amounts to."
        elif credited_total == total and released_at is None:
            yield f"Line {identity} was credited whole, but still holds its session."


def _payments(session: Session) -> Iterator[str]:
    money = _posted(Account.MONEY, Posting.payment_id == Payment.id, MoneyEvent.PAID)
    left = _posted(Account.UNALLOCATED, Posting.payment_id == Payment.id)
    for payment, money_cents, left_cents in session.execute(select(Payment, money, left)):
        if money_cents != payment.amount_cents:
            yield f"Payment {payment.id} of {payment.amount_cents} cents was posted at {money_cents}."
        if left_cents > 0:
            yield f"More of payment {payment.id} was put on invoices than was received."
    mixed = select(Posting.id).join(Invoice, Invoice.id == Posting.invoice_id).where(Posting.payer_id != Invoice.payer_id)
    for identity in session.scalars(mixed):
        yield f"Posting {identity} names another payer than its invoice."


def _refunds(session: Session) -> Iterator[str]:
    posted = aliased(Posting)
    of_money = and_(posted.transaction_id == Refund.transaction_id, posted.account == Account.MONEY)
    given = select(func.coalesce(-func.sum(posted.amount_cents), 0)).where(of_money).correlate(Refund).scalar_subquery()
    for refund, cents in session.execute(select(Refund, given)):
        if cents != (refund.amount_cents if refund.transaction_id is not None else 0):
            yield f"Refund {refund.id} of {refund.amount_cents} cents was posted at {cents}."
    held = _posted(Account.MONEY, Posting.payment_id == Payment.id)
    disputed = _posted(Account.DISPUTED, Posting.payment_id == Payment.id)
    stands = _posted(Account.RECEIVABLE, Posting.payment_id == Payment.id)
    left = _posted(Account.UNALLOCATED, Posting.payment_id == Payment.id)
    for payment, *sums in session.execute(select(Payment, held, disputed, stands, left)):
        money, held_back, on_invoices, credit = (int(value) for value in sums)
        if money < 0 or held_back < 0:
            yield f"More of payment {payment.id} went back than was received."
        if money + held_back + on_invoices + credit:
            yield f"Payment {payment.id} does not stand where its money is."
        if payment.reversed_at is not None and money:
            yield f"Payment {payment.id} was undone, but {money} cents of it are still counted."


def _disputes(session: Session) -> Iterator[str]:
    held = select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(
        Posting.transaction_id == Dispute.transaction_id, Posting.account == Account.DISPUTED
    )
    for dispute, cents in session.execute(select(Dispute, held.correlate(Dispute).scalar_subquery())):
        if cents != dispute.amount_cents:
            yield f"Dispute {dispute.id} of {dispute.amount_cents} cents was posted at {cents}."
        if (dispute.status is DisputeStatus.OPEN) != (dispute.closing_id is None):
            yield f"Dispute {dispute.id} is {dispute.status.value}, which its postings do not say."


def _charges(session: Session) -> Iterator[str]:
    rows = session.execute(select(ChargeAttempt, Payment).outerjoin(Payment, Payment.id == ChargeAttempt.payment_id))
    for attempt, payment in rows:
        if (attempt.status is ChargeStatus.SUCCEEDED) != (payment is not None):
            yield f"Charge {attempt.id} is {attempt.status.value}, but its payment {'stands' if payment else 'is missing'}."
        elif payment is not None and payment.amount_cents != attempt.amount_cents:
            yield f"Charge {attempt.id} of {attempt.amount_cents} cents was recorded as {payment.amount_cents}."


def _purchases(session: Session) -> Iterator[str]:
    rows = session.execute(
        select(OnlinePurchase, Invoice, Payment)
        .outerjoin(Invoice, Invoice.id == OnlinePurchase.invoice_id)
        .outerjoin(Checkout, Checkout.purchase_id == OnlinePurchase.id)
        .outerjoin(Payment, Payment.id == Checkout.payment_id)
    )
    for purchase, invoice, payment in rows:
        is_paid = purchase.status in (PurchaseStatus.SOLD, PurchaseStatus.STRANDED)
        if is_paid != (payment is not None):
            yield f"Online purchase {purchase.id} is {purchase.status.value}, which its payment does not say."
        elif payment is not None and payment.amount_cents != purchase.total_cents:
            yield f"Online purchase {purchase.id} of {purchase.total_cents} cents was paid with {payment.amount_cents}."
        if invoice is not None and (invoice.issued_at is None or invoice.total_cents != purchase.total_cents):
            yield f"Online purchase {purchase.id} was not invoiced at its price."


def _numbers(session: Session) -> Iterator[str]:
    # A series may be set upwards only, and the audit trail says to what.
    details = session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "set the next number"))
    jumps = {(detail["kind"], detail["next_number"]) for detail in details}
    for series in session.scalars(select(NumberSeries)):
        serials = session.scalars(select(Invoice.serial).where(Invoice.kind == series.kind).order_by(Invoice.serial))
        taken = [serial for serial in serials if serial is not None]
        for before, at in zip([0, *taken], taken, strict=False):
            if at != before + 1 and (series.kind, at) not in jumps:
                yield f"Numbers are missing before {series.prefix}{at}."
        if taken and series.next_number <= taken[-1]:
            yield f"The next number of {series.prefix} was used already."


def _overlaps(session: Session) -> Iterator[str]:
    one, other = aliased(Item), aliased(Item)
    for column, words in ((Item.practitioner_id, "practitioner"), (Item.room_id, "room")):
        same = getattr(one, column.key) == getattr(other, column.key)
        clash = and_(same, one.id < other.id, one.starts_at < other.ends_at, other.starts_at < one.ends_at)
        for row in session.execute(select(one.id, other.id).join(other, clash).where(one.is_blocking, other.is_blocking)):
            yield f"Items {row[0]} and {row[1]} hold the same {words} at the same time."


def _items(session: Session) -> Iterator[str]:
    rows = session.execute(select(Item.id, Item.is_blocking, Item.is_busy, Item.deleted_at))
    live = set(session.scalars(select(Attendee.item_id).where(Attendee.status.in_(LIVE)).distinct()))
    peopled = set(session.scalars(select(Attendee.item_id).distinct()))
    for identity, is_blocking, is_busy, deleted_at in rows:
        holds = is_busy and deleted_at is None and (identity in live or identity not in peopled)
        if holds != is_blocking:
            yield f"Item {identity} {'does not hold' if holds else 'still holds'} its time."


def _series(session: Session) -> Iterator[str]:
    # What repeats was booked from one wish: one type in the calendar for as long as it lasts.
    kinds = select(Item.series_id, func.min(Item.type_id), func.max(Item.type_id), func.count(), func.count(Item.type_id))
    rows = session.execute(kinds.where(Item.series_id.is_not(None)).group_by(Item.series_id))
    for identity, least, most, standing, typed in rows:
        if least != most or typed not in (0, standing):
            yield f"Series {identity} holds items of different types."
        if standing > recurrence.TIMES_MAX:
            yield f"Series {identity} holds {standing} items."


def _packages(session: Session) -> Iterator[str]:
    stood: dict[int | None, tuple[int, list[int]]] = {
        row[0]: (int(row[1]), [int(value) for value in row[2:]])
        for row in session.execute(
            select(
                SessionEntry.line_id,
                func.sum(SessionEntry.purchased),
                *(func.sum(getattr(SessionEntry, name)) for name in STANDING),
            ).group_by(SessionEntry.line_id)
        )
    }
    newest = select(func.max(SessionEntry.id)).group_by(SessionEntry.line_id)
    # What a person put there by hand needs no appointment.
    last = dict(session.execute(select(SessionEntry.line_id, SessionEntry.event).where(SessionEntry.id.in_(newest))).all())
    rows = session.execute(
        select(InvoiceLine, Invoice.issued_at)
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
    )
    for line, issued_at in rows:
        purchased, standing = stood.get(line.id, (0, [0, 0, 0, 0]))
        sells = int(issued_at is not None and line.minutes is not None and line.released_at is None)
        if purchased != sells:
            yield f"Package line {line.id} was bought {purchased} times."
        if sorted({0, 1, *standing}) != [0, 1] or sum(standing) > 1:
            yield f"Package line {line.id} stands in more than one place of the session ledger."
        if line.share_id is not None and not any(standing):
            yield f"Package line {line.id} has an appointment that the session ledger does not know."
        is_adjusted = last.get(line.id) is SessionEvent.ADJUSTED
        if line.share_id is None and (standing[0] or (standing[1] and not is_adjusted)):
            yield f"Package line {line.id} is booked in the session ledger, but has no appointment."


def _links(session: Session) -> Iterator[str]:
    twice = (
        select(InvoiceLine.share_id)
        .where(InvoiceLine.share_id.is_not(None), InvoiceLine.released_at.is_(None))
        .group_by(InvoiceLine.share_id)
        .having(func.count() > 1)
    )
    for identity in session.scalars(twice):
        yield f"Share {identity} stands on two live invoice lines."
    timezone = settings.house(session)
    rows = session.execute(
        select(InvoiceLine.id, InvoiceLine.session_date, Item.starts_at)
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .join(Item, Item.id == Attendee.item_id)
    )
    for identity, session_date, starts_at in rows:
        if session_date != timezone.local_date(starts_at):
            yield f"Package line {identity} shows another date than its appointment."
    shared = func.sum(Share.amount_cents)
    split = select(Attendee.id).join(Share, Share.attendee_id == Attendee.id).group_by(Attendee.id, Attendee.fee_cents)
    for identity in session.scalars(split.having(shared != Attendee.fee_cents)):
        yield f"The shares of attendee {identity} do not add up to the fee."


def _messages(session: Session) -> Iterator[str]:
    silent = [kind for kind in ItemKind if kind.is_silent]
    told = select(Message.id).join(Item, Item.id == Message.item_id).where(Item.kind.in_(silent))
    parts = select(MessagePart.message_id).join(Item, Item.id == MessagePart.item_id).where(Item.kind.in_(silent))
    for identity in session.scalars(told.union(parts.distinct())):
        yield f"Message {identity} tells a client of something clients never hear of."
    several = [kind for kind in MessageKind if kind is not kind.of_one]
    left = exists().where(MessagePart.message_id == Message.id, ~MessagePart.is_left_out)
    mixed = select(Message.id).where(Message.state == MessageState.QUEUED, Message.kind.in_(several) != left)
    for identity in session.scalars(mixed):
        yield f"Message {identity} is of another kind than the number of its appointments."
    part = and_(MessagePart.message_id == Message.id, ~MessagePart.is_left_out)
    item_id, says = func.coalesce(MessagePart.item_id, Message.item_id), func.coalesce(MessagePart.says, Message.says)
    booked = exists().where(Attendee.item_id == item_id, Attendee.client_id == Message.client_id)
    waiting = select(Message.id).outerjoin(MessagePart, part).where(Message.state == MessageState.QUEUED)
    strangers = waiting.where(says != "", ~booked).distinct()
    for identity in session.scalars(strangers):
        yield f"Message {identity} waits for a client who is not booked."


def _logo(session: Session) -> Iterator[str]:
    worn = settings.practice(session).logo_sha256
    for kept in session.scalars(select(Logo)):
        if sha256(kept.image).hexdigest() != kept.sha256:
            yield "The logo is not the picture that was taken."
        if kept.sha256 != worn:
            yield "A logo is kept that no document carries."


def _portal(session: Session) -> Iterator[str]:
    for identity in portal_visits.off(session):
        yield f"Portal session {identity} is open without access."


def _audit(session: Session) -> Iterator[str]:
    before = ""
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=CHUNK)):
        if entry.hash != audit.chained_of(before, entry):
            yield f"The audit trail was changed at entry {entry.id}."
            return
        before = entry.hash


CHECKS: tuple[Callable[[Session], Iterator[str]], ...] = (
    _guards, _transactions, _invoices, _credit_notes, _payments, _refunds, _disputes, _charges, _purchases, _numbers, _overlaps,
    _items, _series, _packages, _links, _messages, _logo, _portal, _audit,
)  # fmt: skip
