"""Credit notes: an issued invoice reversed whole or in part, corrected in one step; and a remainder written off."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import invoices, ledger, lines, releasing, sessions, states, work
from clinic.billing.ledger import Leg
from clinic.billing.lines import NewLine
from clinic.kernel import money
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, InvoiceSource, PackageSale, Share
from clinic.models.calendar import Attendee
from clinic.models.money import Account, MoneyEvent
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor


class Freed(StrEnum):
    """Name what becomes of sessions that a credit note lets go of."""

    DO_NOT_INVOICE = "do_not_invoice"
    BILL_AGAIN = "bill_again"
    LATER = "later"


@dataclass(frozen=True)
class Creditable:
    """Be what of one line is not credited yet. `left_cents` is before tax where prices are, `left_total_cents` with it."""

    line_id: int
    session_date: date | None
    description: str
    left_cents: int
    left_net_cents: int
    left_tax_cents: int
    is_session: bool
    is_whole: bool  # nothing of it was credited
    is_held: bool = False  # a package's session that is booked, used or spent: it is not credited whole

    @property
    def left_total_cents(self) -> int:
        """Return what of the line can be credited, with tax."""
        return self.left_net_cents + self.left_tax_cents


@dataclass(frozen=True)
class Follower:
    """Be a document that came after an invoice: it credits some of it (`cents` is negative) or takes its place."""

    invoice_id: int
    number: str | None
    words: str
    cents: int


def followers(session: Session, invoice: Invoice) -> list[Follower]:
    """List the credit notes over an invoice and the invoices that take its place, in the order they were made.

    A package's invoice has none to list: its sessions say what became of each.
    """
    if invoice.issued_at is None or invoice.source is InvoiceSource.PACKAGE:
        return []
    found = session.scalars(
        select(Invoice)
        .where(or_(Invoice.credited_invoice_id == invoice.id, Invoice.corrects_invoice_id == invoice.id))
        .order_by(Invoice.id)
    )
    return [
        Follower(each.id, each.number, "Credit note", -each.total_cents)
        if each.kind is InvoiceKind.CREDIT_NOTE
        else Follower(each.id, each.number, "Replaced by", each.total_cents)
        for each in found
    ]


def creditable(session: Session, invoice: Invoice) -> list[Creditable]:
    """List what of an invoice's lines can still be credited. Its lines must be loaded."""
    found = session.execute(
        select(InvoiceLine.credits_line_id, func.sum(InvoiceLine.net_cents), func.sum(InvoiceLine.tax_cents))
        .where(InvoiceLine.credits_line_id.in_([line.id for line in invoice.lines]))
        .group_by(InvoiceLine.credits_line_id)
    )
    credited = {line_id: (int(net), int(tax)) for line_id, net, tax in found}
    inclusive, held = settings.practice(session).tax_inclusive, _held_ids(session, invoice)
    left = [
        _left(line, *credited.get(line.id, (0, 0)), inclusive=inclusive) for line in invoice.lines if line.released_at is None
    ]
    return [replace(each, is_held=each.line_id in held) for each in left]


def down_to_policy(session: Session, invoice: Invoice, left: list[Creditable], attendee_id: int) -> dict[int, int]:
    """Say how much to credit of each line of a place, so that what stays is what its status bills (rulebook 1.6)."""
    chosen = select(Share).where(Share.attendee_id == attendee_id)
    shares = session.scalars(chosen.options(joinedload(Share.attendee).joinedload(Attendee.client))).all()
    billed = work.shares_cents(session, shares, settings.practice(session)) if shares else {}
    bills = {
        share.id: billed[share.id] - money.share_of(billed[share.id], share.attendee.client.discount_bp) for share in shares
    }
    lines_of_it = {line.id: bills[line.share_id] for line in invoice.lines if line.share_id in bills}
    return {each.line_id: max(0, each.left_cents - lines_of_it.get(each.line_id, each.left_cents)) for each in left}


def credit(
    session: Session,
    who: Actor,
    invoice: Invoice,
    now: datetime,
    *,
    amounts: Mapping[int, int] | None = None,
    freed: Freed = Freed.DO_NOT_INVOICE,
    reason: str = "",
) -> Invoice:
    """Issue a credit note over an invoice: all that is left of it, or so much of each line (`amounts`, by line id).

    What was paid beyond the rest becomes the payer's credit; nothing is refunded. Must run inside `writing()`.

    Raises:
        RefusalError: it is a draft or a credit note, an amount is more than is left, or nothing is to be credited.
    """
    left = creditable(session, invoice)
    note, let_go = _credit(session, who, invoice, left, amounts, now, reason=reason)
    _settle_sessions(session, who, let_go, freed, now)
    return note


def correct(session: Session, who: Actor, invoice: Invoice, now: datetime) -> Invoice:
    """Credit all of an invoice and return a new draft with the same lines; at its issue what was paid is put on it.

    Must run inside `writing()`.

    Raises:
        RefusalError: it is a draft, a credit note or a package's invoice, or it is credited already.
    """
    if invoice.source is InvoiceSource.PACKAGE:
        raise RefusalError("A package is not corrected: credit what is unused of it and sell it anew.")
    left = creditable(session, invoice)
    copied = [line for line in invoice.lines if line.released_at is None]
    note, _ = _credit(session, who, invoice, left, None, now, reason=f"Corrected by a new invoice for {invoice.number}")
    draft = invoices.draft(
        session, who, payer_id=invoice.payer_id, client_id=invoice.client_id, now=now,
        practitioner_id=invoice.practitioner_id, location_id=invoice.location_id, reference=invoice.reference,
    )  # fmt: skip
    draft.corrects_invoice_id, draft.note = invoice.id, invoice.note
    for line, each in zip(copied, left, strict=True):
        invoices.add_line(session, draft, _again(line, each))
    audit.record(session, who, "corrected invoice", "invoice", invoice.id, now, draft_id=draft.id, credit_note=note.number)
    return draft


def write_off(session: Session, who: Actor, invoice: Invoice, now: datetime, *, reason: str) -> int:
    """Give up what is still owed on an invoice; return the cents. It reads Written off, never Paid.

    Raises:
        RefusalError: nothing is owed on it, or no reason is given.
    """
    owed = ledger.owed_cents(session, [invoice.id])[invoice.id] if invoice.issued_at is not None else 0
    if invoice.kind is InvoiceKind.CREDIT_NOTE or owed <= 0:
        raise RefusalError("Nothing is owed on this invoice.")
    if not reason:
        raise RefusalError("Say why it is written off.", field="reason")
    legs = [
        Leg(Account.WRITTEN_OFF, invoice.payer_id, owed, invoice_id=invoice.id),
        Leg(Account.RECEIVABLE, invoice.payer_id, -owed, invoice_id=invoice.id),
    ]
    ledger.post(session, who, MoneyEvent.WRITTEN_OFF, legs, now, memo=reason)
    audit.record(session, who, "wrote off", "invoice", invoice.id, now, amount_cents=owed)
    return owed


def undo_write_off(session: Session, who: Actor, invoice: Invoice, now: datetime) -> int:
    """Let an invoice owe again what was written off; return the cents.

    Raises:
        RefusalError: nothing of it is written off.
    """
    gone = _written_off(session, invoice, now)
    if gone <= 0:
        raise RefusalError("Nothing of this invoice is written off.")
    legs = [
        Leg(Account.RECEIVABLE, invoice.payer_id, gone, invoice_id=invoice.id),
        Leg(Account.WRITTEN_OFF, invoice.payer_id, -gone, invoice_id=invoice.id),
    ]
    ledger.post(session, who, MoneyEvent.WRITTEN_OFF, legs, now, memo="Taken back")
    audit.record(session, who, "took back write-off", "invoice", invoice.id, now, amount_cents=gone)
    return gone


def _credit(
    session: Session,
    who: Actor,
    invoice: Invoice,
    left: list[Creditable],
    amounts: Mapping[int, int] | None,
    now: datetime,
    *,
    reason: str,
) -> tuple[Invoice, list[InvoiceLine]]:
    _check(session, invoice, left, now)
    parts = _parts(left, amounts)
    whole = {each.line_id for each, cents in parts if cents == each.left_cents}
    let_go = [line for line in invoice.lines if line.id in whole]
    _give_back(session, who, invoice, let_go, now)
    note = Invoice(
        kind=InvoiceKind.CREDIT_NOTE, source=invoice.source, payer_id=invoice.payer_id, client_id=invoice.client_id,
        practitioner_id=invoice.practitioner_id, location_id=invoice.location_id, credited_invoice_id=invoice.id,
        reference=invoice.reference, note=reason, created_at=now, created_by_id=who.user_id, lines=[],
    )  # fmt: skip
    session.add(note)
    session.flush()
    inclusive = settings.practice(session).tax_inclusive
    by_id = {line.id: line for line in invoice.lines}
    for position, (each, cents) in enumerate(parts, start=1):
        note.lines.append(_reversed(note.id, position, by_id[each.line_id], each, cents, inclusive=inclusive))
    lines.add_up(note)
    invoices.seal(session, note, now)
    _post(session, who, invoice, note, now)
    audit.record(
        session, who, "issued credit note", "invoice", note.id, now,
        number=note.number, total_cents=note.total_cents, credits=invoice.number,
    )  # fmt: skip
    return note, let_go


def _check(session: Session, invoice: Invoice, left: list[Creditable], now: datetime) -> None:
    if invoice.issued_at is None:
        raise RefusalError("A draft is changed or deleted, not credited.")
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        raise RefusalError("A credit note is not credited. Make a new invoice.")
    if not left:
        raise ClashError("All of this invoice is credited already.")
    if _written_off(session, invoice, now):
        raise RefusalError("Part of this invoice is written off. Take the write-off back first.")


def _parts(left: list[Creditable], amounts: Mapping[int, int] | None) -> list[tuple[Creditable, int]]:
    if amounts is None:
        return [(each, each.left_cents) for each in left]
    parts = []
    for each in left:
        cents = amounts.get(each.line_id)
        if cents is None or (cents == 0 and each.left_cents):
            continue
        if not 0 <= cents <= each.left_cents:
            raise RefusalError(f"At most {money.plainly(each.left_cents)} is left of this line.", field=f"line_{each.line_id}")
        parts.append((each, cents))
    if not parts:
        raise RefusalError("Enter how much of which line is credited.")
    return parts


def _give_back(session: Session, who: Actor, invoice: Invoice, let_go: list[InvoiceLine], now: datetime) -> None:
    """Let the lines go of their sessions; a package's line must be unlinked first, and its session is then gone."""
    if invoice.source is InvoiceSource.PACKAGE:
        sale_id = session.scalars(select(PackageSale.id).where(PackageSale.invoice_id == invoice.id)).one()
        if _held_ids(session, invoice) & {line.id for line in let_go}:
            raise RefusalError("A session of this package is booked, used or spent: its line cannot be credited whole.")
        for line in let_go:
            sessions.credited(session, who, line, now, sale_id=sale_id)
    for line in let_go:
        line.released_at = now
    freed = session.scalars(select(Share).where(Share.id.in_([line.share_id for line in let_go if line.share_id])))
    for share in freed:
        share.released_at, share.bill_again_at = now, None
    session.flush()


def _settle_sessions(session: Session, who: Actor, let_go: list[InvoiceLine], freed: Freed, now: datetime) -> None:
    shares = session.scalars(select(Share).where(Share.id.in_([line.share_id for line in let_go if line.share_id]))).all()
    for share in shares:
        if freed is Freed.BILL_AGAIN:
            share.bill_again_at = now
    if freed is Freed.DO_NOT_INVOICE:
        live = work.live_lines(session, [each.id for each in work.shares_of(session, {share.attendee_id for share in shares})])
        billed = {line.share_id for line in live.values()}
        for attendee_id in sorted({share.attendee_id for share in shares}):
            # Another payer's share of it still stands on an invoice: the place itself cannot be marked.
            if not billed & {each.id for each in work.shares_of(session, [attendee_id])}:
                _mark(session, who, attendee_id, now)
    session.flush()


def _mark(session: Session, who: Actor, attendee_id: int, now: datetime) -> None:
    # Whoever may credit the invoice decides for its sessions, whosever they are.
    attendee = session.get_one(Attendee, attendee_id)
    attendee.do_not_invoice, attendee.billing_changed_at = True, now
    audit.record(session, who, "set do not invoice", "attendee", attendee_id, now, value=True)


def _post(session: Session, who: Actor, invoice: Invoice, note: Invoice, now: datetime) -> None:
    owed = ledger.owed_cents(session, [invoice.id])[invoice.id]
    if note.total_cents > owed:
        releasing.release(session, who, invoice, note.total_cents - owed, now)
    if note.total_cents:
        legs = [
            Leg(Account.INCOME, invoice.payer_id, note.net_cents, invoice_id=note.id),
            Leg(Account.TAX, invoice.payer_id, note.tax_cents, invoice_id=note.id),
            Leg(Account.RECEIVABLE, invoice.payer_id, -note.total_cents, invoice_id=invoice.id),
        ]
        ledger.post(session, who, MoneyEvent.CREDITED, legs, now)


def _held_ids(session: Session, invoice: Invoice) -> set[int]:
    if invoice.source is not InvoiceSource.PACKAGE:
        return set()
    free = set(session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice.id, sessions.is_open())))
    return {line.id for line in invoice.lines if line.minutes is not None and line.id not in free}


def _written_off(session: Session, invoice: Invoice, now: datetime) -> int:
    today = settings.house(session).local_date(now)
    return states.of(session, [invoice], today)[invoice.id].written_off_cents


def _left(line: InvoiceLine, net: int, tax: int, *, inclusive: bool) -> Creditable:
    left_net, left_tax = line.net_cents - net, line.tax_cents - tax
    return Creditable(
        line_id=line.id,
        session_date=line.session_date,
        description=line.description,
        left_cents=left_net + left_tax if inclusive else left_net,
        left_net_cents=left_net,
        left_tax_cents=left_tax,
        is_session=line.share_id is not None,
        is_whole=not (net or tax),
    )


def _reversed(note_id: int, position: int, line: InvoiceLine, left: Creditable, cents: int, *, inclusive: bool) -> InvoiceLine:
    is_rest = cents == left.left_cents
    is_same = is_rest and left.is_whole
    taxed = money.taxed(cents, line.tax_bp, inclusive=inclusive)
    # The last part takes what is left of the tax, so that the parts add up to the line to the cent.
    tax = left.left_tax_cents if is_rest else min(taxed.tax_cents, left.left_tax_cents)
    net = left.left_net_cents if is_rest else (cents - tax if inclusive else cents)
    return InvoiceLine(
        invoice_id=note_id, position=position, session_date=line.session_date, fee_id=line.fee_id, code=line.code,
        description=line.description, quantity=line.quantity if is_same else 1,
        unit_cents=line.unit_cents if is_same else cents, discount_cents=line.discount_cents if is_same else 0,
        tax_bp=line.tax_bp, net_cents=net, tax_cents=tax, total_cents=net + tax, credits_line_id=line.id,
    )  # fmt: skip


def _again(line: InvoiceLine, left: Creditable) -> NewLine:
    # What was credited of the line before stays off it, as a discount.
    before = line.unit_cents * line.quantity
    return NewLine(
        description=line.description, unit_cents=line.unit_cents, quantity=line.quantity, code=line.code,
        session_date=line.session_date, fee_id=line.fee_id, minutes=line.minutes,
        discount_cents=before - left.left_cents, tax_bp=line.tax_bp, share_id=line.share_id,
    )  # fmt: skip
