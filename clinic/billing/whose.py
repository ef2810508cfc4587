"""Whose an invoice is: what of it somebody who sees only their own may open."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from clinic.billing import joint
from clinic.models.billing import Invoice, InvoiceSource
from clinic.models.calendar import Attendee, Item
from clinic.models.people import Client
from clinic.practice.permissions import Actor


def theirs(who: Actor) -> ColumnElement[bool] | None:
    """Return the condition an invoice of theirs meets; None: everyone's are.

    Of one client: it was made out under their name, or the client is theirs. Of several clients: every session on it is
    theirs (they gave it, or its client is theirs), whoever made it out; else it would tell of a colleague's sessions.
    """
    own = who.own_practitioner_id
    if own is None:
        return None
    mine = select(Client.id).where(Client.practitioner_id == own)
    # A package is one practitioner's, whoever its clients are.
    is_one = or_(Invoice.client_id.is_not(None), Invoice.source == InvoiceSource.PACKAGE)
    on_it = joint.sessions(Item.id).join(Item, Item.id == Attendee.item_id).join(Client, Client.id == Attendee.client_id)
    others = on_it.where(Item.practitioner_id != own, Client.practitioner_id.is_distinct_from(own))
    of_one = and_(is_one, or_(Invoice.practitioner_id == own, Invoice.client_id.in_(mine)))
    of_several = and_(~is_one, or_(Invoice.practitioner_id == own, on_it.exists()), ~others.exists())
    return or_(of_one, of_several)


def opened(session: Session, who: Actor, invoice_ids: Collection[int]) -> set[int]:
    """Return which of those invoices they may open; without a query where all are theirs."""
    condition = theirs(who)
    if condition is None or not invoice_ids:
        return set(invoice_ids)
    return set(session.scalars(select(Invoice.id).where(Invoice.id.in_(invoice_ids), condition)))
