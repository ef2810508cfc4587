"""A client's own discount: what comes off every session's fee put on an invoice from now on, by itself or by hand."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.billing.lines import NewLine
from clinic.kernel import money
from clinic.kernel.errors import RefusalError
from clinic.kernel.money import BP_WHOLE
from clinic.models.billing import Invoice, InvoiceSource
from clinic.models.people import Client
from clinic.people import clients
from clinic.practice import audit
from clinic.practice.permissions import Actor


def by_default(session: Session, invoice: Invoice, new: NewLine) -> NewLine:
    """Return a line picked from the fee schedule less the client's discount, if it is a session's fee.

    A product keeps its price, and so does what a package sells: its price was set for the whole. On the draft each line's
    discount may still be changed.
    """
    if new.minutes is None or invoice.source is InvoiceSource.PACKAGE or invoice.client_id is None:
        return new
    rate = session.get_one(Client, invoice.client_id).discount_bp
    return replace(new, discount_cents=money.share_of(new.unit_cents * new.quantity, rate))


def choose(session: Session, who: Actor, client_id: int, discount_bp: int, now: datetime) -> None:
    """Set a client's discount; what stands on an invoice keeps its own. Must run inside `writing()`. Safe to repeat.

    Raises:
        NotFoundError: there is no such client, or they are not theirs.
        RefusalError: it is not between nothing and the whole fee.
    """
    client = clients.client_for(session, who, client_id)
    if not 0 <= discount_bp <= BP_WHOLE:
        raise RefusalError("Enter a percentage from 0 to 100.", field="discount")
    before, client.discount_bp = client.discount_bp, discount_bp
    audit.record(session, who, "set discount", "client", client_id, now, from_bp=before, to_bp=discount_bp)
