"""Drafts: those a session may be put on (rulebook 2.5), and what one says beside its lines."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import invoices, work
from clinic.billing.work import Work
from clinic.kernel import clock
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, InvoiceSource
from clinic.models.people import Client
from clinic.practice import settings
from clinic.practice.permissions import Actor

DRAFTS_MAX = 20


@dataclass(frozen=True)
class OpenDraft:
    """Be a draft of the payer that this session may join."""

    invoice_id: int
    made_on: date
    line_count: int
    total_cents: int


@dataclass(frozen=True)
class Addition:
    """Hold one uninvoiced share of an item, who would see its line, and the drafts it may join."""

    work: Work
    is_seen_by_client: bool
    drafts: tuple[OpenDraft, ...]


def additions(session: Session, who: Actor, item_id: int, now: datetime) -> list[Addition]:
    """List what of an item is on no invoice yet, with the drafts of its payers, oldest first."""
    waiting = work.uninvoiced(session, who, now, item_id=item_id)
    if not waiting:
        return []
    zone = settings.practice(session).timezone
    condition = invoices.theirs(who)
    chosen = (
        select(Invoice, func.count(InvoiceLine.id))
        .outerjoin(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .where(
            Invoice.issued_at.is_(None),
            Invoice.kind == InvoiceKind.INVOICE,
            Invoice.source != InvoiceSource.PACKAGE,
            Invoice.payer_id.in_({each.payer_id for each in waiting}),
            or_(Invoice.client_id.is_(None), Invoice.client_id.in_({each.client_id for each in waiting})),
        )
        .group_by(Invoice.id)
        .order_by(Invoice.id)
        .limit(DRAFTS_MAX)
    )
    found = session.execute(chosen if condition is None else chosen.where(condition)).all()
    named = session.scalars(select(Client).where(Client.id.in_({each.client_id for each in waiting})))
    contact_ids = {client.id: client.contact_id for client in named}
    return [
        Addition(
            each,
            contact_ids[each.client_id] == each.payer_id,
            tuple(
                OpenDraft(draft.id, clock.local_date(draft.created_at, zone), count, draft.total_cents)
                for draft, count in found
                if draft.payer_id == each.payer_id and draft.client_id in (None, each.client_id)
            ),
        )
        for each in waiting
    ]


def put(session: Session, who: Actor, item_id: int, share_id: int, now: datetime, *, invoice_id: int | None) -> Invoice:
    """Put an item's share on a draft, a new one without an id. Must run inside `writing()`.

    Raises:
        NotFoundError: the draft is not theirs.
        ClashError: it is on an invoice already, or the draft was issued meanwhile.
        RefusalError: this share is not waiting, bills nothing, or is billed to someone else.
    """
    share = work.share_for_line(session, share_id)
    attendee = work.attendee_for(session, who, share.attendee_id)
    if attendee.item_id != item_id:
        raise RefusalError("Choose what to put on the invoice.", field="share")
    if invoice_id is None:
        draft = invoices.draft(session, who, payer_id=share.payer_id, client_id=attendee.client_id, now=now)
    else:
        draft = invoices.invoice_for(session, who, invoice_id)
    invoices.add_share(session, draft, share_id)
    return draft


def word(session: Session, who: Actor, invoice_id: int, *, reference: str, note: str) -> None:
    """Put the payer's reference and a note for them on a draft. Safe to repeat.

    Raises:
        NotFoundError: there is no such invoice, or it is not theirs.
        ClashError: it was issued meanwhile; what is issued never changes.
    """
    draft = invoices.invoice_for(session, who, invoice_id)
    if draft.issued_at is not None:
        raise ClashError(f"Invoice {draft.number} was issued; what is issued never changes.")
    draft.reference, draft.note = reference, note
    session.flush()
