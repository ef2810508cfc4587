"""Invoices for several clients at once, and the credit notes over them: which name a client, and what of them is theirs."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, Share
from clinic.models.calendar import Attendee
from clinic.models.people import Contact

Condition = ColumnElement[bool]

# The line that a credit note's line reverses: the session stands there alone.
_credited = aliased(InvoiceLine)


def names(client_id: int) -> ColumnElement[bool]:
    """Return the condition that a document is about a client: as its one client, or by a session on it or credited by it."""
    by_session = (
        select(InvoiceLine.id, InvoiceLine.invoice_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(Attendee.client_id == client_id)
        .cte("by_session")
    )
    reversed_by = select(_credited.invoice_id).join(by_session, by_session.c.id == _credited.credits_line_id)
    of_several = or_(Invoice.id.in_(select(by_session.c.invoice_id)), Invoice.id.in_(reversed_by))
    return or_(Invoice.client_id == client_id, and_(Invoice.client_id.is_(None), of_several))


def part(client_id: int) -> ColumnElement[int | None]:
    """Return the column of what a client's sessions come to on a document for several, tax included; None on any other.

    A credit note's is negative.
    """
    own = _sum(sessions(InvoiceLine.total_cents).where(Attendee.client_id == client_id))
    signed = case((Invoice.kind == InvoiceKind.CREDIT_NOTE, -own), else_=own)
    return case((Invoice.client_id.is_(None), signed), else_=None)


def credited(client_id: int) -> ColumnElement[int]:
    """Return the column of what credit notes took back of a client's sessions on an invoice, tax included."""
    return _sum(
        select(_credited.total_cents)
        .join(InvoiceLine, InvoiceLine.id == _credited.credits_line_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(InvoiceLine.invoice_id == Invoice.id, Attendee.client_id == client_id)
        .correlate(Invoice)
    )


def covers_others(client_id: int) -> ColumnElement[bool]:
    """Return the condition that the contact a query is about has an invoice that is not about that client alone."""
    return exists().where(Invoice.payer_id == Contact.id, Invoice.client_id.is_distinct_from(client_id))


def sessions(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Select of the sessions on a document, one row for each: a credit note's are those of the lines it reverses."""
    return (
        select(*columns)
        .select_from(InvoiceLine)
        .outerjoin(_credited, _credited.id == InvoiceLine.credits_line_id)
        .join(Share, Share.id == func.coalesce(InvoiceLine.share_id, _credited.share_id))
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(InvoiceLine.invoice_id == Invoice.id)
        .correlate(Invoice)
    )


def _sum(chosen: Select[*tuple[Any, ...]]) -> ColumnElement[int]:
    cents = chosen.selected_columns[0]
    return chosen.with_only_columns(func.coalesce(func.sum(cents), 0)).scalar_subquery()
