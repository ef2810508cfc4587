"""What clients may change about themselves in the portal: how they are reached, and nothing else."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel.errors import ClashError
from clinic.people import clients
from clinic.practice import audit
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Reach:
    """Hold how a client is reached."""

    email: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True)
class Own:
    """Hold a client's own details as the portal shows them."""

    name: str
    reach: Reach
    version: int


def of(session: Session, who: Actor) -> Own:
    """Return the client's own details.

    Raises:
        NotFoundError: nobody is signed in to the portal.
    """
    client = clients.client_for(session, who, who.client_id or 0)
    contact = client.contact
    return Own(client.name, Reach(contact.email, contact.phone, contact.address), client.version)


def change(session: Session, who: Actor, reach: Reach, now: datetime, *, version: int) -> None:
    """Change how the client is reached; which address opens the portal is the practice's to say. Inside `writing()`.

    Raises:
        NotFoundError: nobody is signed in to the portal.
        ClashError: the practice saved another change since `version`.
    """
    client = clients.client_for(session, who, who.client_id or 0)
    if client.version != version:
        raise ClashError("The practice changed your details since you opened this page. Compare, then save again.")
    contact = client.contact
    fields = [name for name, value in vars(reach).items() if getattr(contact, name) != value]
    if not fields:
        return
    for name in fields:
        setattr(contact, name, getattr(reach, name))
    contact.version += 1
    client.version += 1
    audit.record(session, who, "changed own details", "client", client.id, now, fields=fields)
