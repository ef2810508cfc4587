"""Invoices for several clients at once: which of them name a client, and what of them is that client's."""

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from clinic.models.billing import Invoice, InvoiceLine, Share
from clinic.models.calendar import Attendee


def names(client_id: int) -> ColumnElement[bool]:
    """Return the condition that an invoice is about a client: as its one client, or by a session on it."""
    by_session = (
        select(InvoiceLine.invoice_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(Attendee.client_id == client_id)
    )
    return or_(Invoice.client_id == client_id, and_(Invoice.client_id.is_(None), Invoice.id.in_(by_session)))


def part(client_id: int) -> ColumnElement[int | None]:
    """Return the column of what a client's sessions come to on an invoice for several, tax included; None on any other."""
    own = (
        select(func.coalesce(func.sum(InvoiceLine.total_cents), 0))
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(InvoiceLine.invoice_id == Invoice.id, Attendee.client_id == client_id)
        .correlate(Invoice)
        .scalar_subquery()
    )
    return case((Invoice.client_id.is_(None), own), else_=None)
