"""The unused part of a sold package given back: a credit note by the lines' own amounts, once the practice confirms (3.9)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import credit_notes, invoices, sold
from clinic.calendar import linking, statuses
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor, Permission


@dataclass(frozen=True)
class Unused:
    """Be one session that can be given back. `starts_at`: it is booked, and giving it back takes the appointment off it."""

    line_id: int
    number: int
    words: str
    left_cents: int  # with tax
    is_expired: bool
    starts_at: datetime | None = None

    @property
    def is_usual(self) -> bool:
        """Say whether it is given back unless someone decides otherwise: free, neither booked nor expired."""
        return self.starts_at is None and not self.is_expired


def unused(session: Session, who: Actor, invoice_id: int, now: datetime) -> list[Unused]:
    """List the sessions of a sold package that nobody has used: free ones, expired ones, and those booked for later.

    Raises:
        NotFoundError: the invoice sells no package, or it is another practitioner's.
    """
    sale = sold.sale_for(session, who, invoice_id)
    invoice = invoices.invoice_for(session, who, invoice_id)
    if invoice.issued_at is None:
        return []
    left = {each.line_id: each.left_total_cents for each in credit_notes.creditable(session, invoice)}
    loose = {each.line_id: each.standing for each in sold.loose_lines(session, invoice_id)}
    booked = _coming(session, invoice_id, now)
    is_over = sold.is_over(session, sale, now)
    return [
        Unused(
            line_id=line.id, number=line.position, words=f"{line.code} {line.description}".strip(), left_cents=left[line.id],
            is_expired=line.id in loose and (is_over or loose[line.id] == "expired"), starts_at=booked.get(line.id),
        )
        for line in invoice.lines
        if line.id in left and (loose.get(line.id) in ("open", "expired") or line.id in booked)
    ]  # fmt: skip


def refund(session: Session, who: Actor, invoice_id: int, line_ids: Collection[int], reason: str, now: datetime) -> Invoice:
    """Credit these unused sessions; what was paid for them becomes the payer's credit, to be refunded from the payment.

    An appointment that stood on one stays in the calendar, unpaid. Must run inside `writing()`.

    Raises:
        NotAllowedError: this person may not refund.
        RefusalError: nothing is chosen, or no reason is given.
        ClashError: one of them was used or given back meanwhile.
    """
    who.must(Permission.REFUND)
    offered = {each.line_id: each for each in unused(session, who, invoice_id, now)}
    if not line_ids:
        raise RefusalError("Tick what is given back.", field="lines")
    if not reason.strip():
        raise RefusalError("Say why: it stands on the credit note.", field="reason")
    if not set(line_ids) <= offered.keys():
        raise ClashError("Some of this was used or given back meanwhile. See how it stands now, then decide again.")
    invoice = invoices.invoice_for(session, who, invoice_id)
    by_id = {line.id: line for line in invoice.lines}
    for line_id in line_ids:
        if offered[line_id].starts_at is not None:
            linking.unlink(session, who, line_id, now)
        by_id[line_id].session_date = None
    left = {each.line_id: each.left_cents for each in credit_notes.creditable(session, invoice)}
    amounts = {line_id: left[line_id] for line_id in line_ids}
    note = credit_notes.credit(session, who, invoice, now, amounts=amounts, reason=reason)
    audit.record(session, who, "refunded package", "invoice", invoice_id, now, sessions=len(set(line_ids)),
                 credit_note=note.number, total_cents=note.total_cents)  # fmt: skip
    return note


def _coming(session: Session, invoice_id: int, now: datetime) -> dict[int, datetime]:
    """Return by line when its appointment begins, where that was not held yet."""
    counts_past = settings.practice(session).past_booked_is_attended
    rows = session.execute(
        select(InvoiceLine.id, Attendee.status, Item)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .join(Item, Item.id == Attendee.item_id)
        .where(InvoiceLine.invoice_id == invoice_id, InvoiceLine.released_at.is_(None))
    )
    return {
        line_id: item.starts_at
        for line_id, status, item in rows
        if statuses.counted(status, item.kind, item.ends_at, now, past_is_attended=counts_past) is Status.BOOKED
    }
