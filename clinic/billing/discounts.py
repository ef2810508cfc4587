"""A client's own discount: what comes off the fee of every session put on an invoice from now on."""

from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.kernel.money import BP_WHOLE
from clinic.people import clients
from clinic.practice import audit
from clinic.practice.permissions import Actor


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
