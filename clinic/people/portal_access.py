"""Who may open a client's portal: granted by staff per client and address, ended at once, and whose bills it shows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import letters, sign_in_links
from clinic.messages.letters import HERE, SWITCHED_OFF
from clinic.models.messages import Message
from clinic.models.people import Client, ClientContact, Contact, ContactKind
from clinic.models.portal import PortalAccess, PortalSession
from clinic.people import clients
from clinic.practice import audit
from clinic.practice.permissions import Actor, Permission

ADDRESSES_PER_CLIENT_MAX = 10
CLIENTS_PER_ADDRESS_MAX = 20
LINK = f"{HERE}/portal/link/{sign_in_links.SECRET}"


@dataclass(frozen=True)
class Access:
    """Hold an address that may open a client's portal."""

    id: int
    email: str
    granted_at: datetime
    signed_in_at: datetime | None


def folded_address(typed: str) -> str:
    """Return an e-mail address as accesses keep it: two spellings of one address are one."""
    return typed.strip().lower()


def of_client(session: Session, client_id: int) -> list[Access]:
    """Return the addresses that may open a client's portal, the oldest first."""
    live = select(PortalAccess).where(PortalAccess.client_id == client_id, PortalAccess.ended_at.is_(None))
    found = session.scalars(live.order_by(PortalAccess.granted_at, PortalAccess.id))
    return [Access(row.id, row.email, row.granted_at, row.signed_in_at) for row in found]


def grant(session: Session, who: Actor, client_id: int, email: str, now: datetime) -> PortalAccess:
    """Let an address open a client's portal. Must run inside `writing()`; safe to repeat.

    Raises:
        NotFoundError: there is no such client, or they are not theirs to see.
        RefusalError: there is no address, or too many may open it already.
    """
    who.must(Permission.EDIT_CLIENTS)
    return _granted(session, who, clients.client_for(session, who, client_id), email, now)


def grant_to_buyer(session: Session, client: Client, email: str, now: datetime) -> PortalAccess | None:
    """Let the address that bought online open the portal of the client it bought for; None: it opens too many already.

    Must run inside `writing()`. Only for a client whom that purchase made: nobody opens a known client's portal by paying.
    """
    try:
        return _granted(session, Actor(user_id=None, for_client_id=client.id), client, email, now)
    except RefusalError:
        return None  # the purchase stands; staff may grant it


def _granted(session: Session, who: Actor, client: Client, email: str, now: datetime) -> PortalAccess:
    address = folded_address(email)
    if not address:
        raise RefusalError("Enter an e-mail address.", field="email")
    found = session.scalar(_live(address).where(PortalAccess.client_id == client.id))
    if found is not None:
        return found
    if len(of_client(session, client.id)) >= ADDRESSES_PER_CLIENT_MAX:
        raise RefusalError(f"At most {ADDRESSES_PER_CLIENT_MAX} addresses may open one client’s portal.", field="email")
    if len(session.scalars(_live(address)).all()) >= CLIENTS_PER_ADDRESS_MAX:
        raise RefusalError(f"One address may open at most {CLIENTS_PER_ADDRESS_MAX} portals.", field="email")
    made = PortalAccess(client_id=client.id, email=address, granted_at=now, granted_by_id=who.user_id)
    session.add(made)
    session.flush()
    audit.record(session, who, "granted portal access", "client", client.id, now, access_id=made.id)
    return made


def access_for(session: Session, who: Actor, client_id: int, access_id: int) -> PortalAccess:
    """Return a live access of a client.

    Raises:
        NotFoundError: it is over, another client's, or the client is not theirs to see.
    """
    clients.client_for(session, who, client_id)
    found = session.get(PortalAccess, access_id)
    if found is None or found.client_id != client_id or found.ended_at is not None:
        raise NotFoundError("access")
    return found


def end(session: Session, who: Actor, client_id: int, access_id: int, now: datetime) -> None:
    """End an access: whoever is in the client's portal by it is out at once. Must run inside `writing()`.

    Raises:
        NotFoundError: it is over already, another client's, or the client is not theirs to see.
    """
    who.must(Permission.EDIT_CLIENTS)
    found = access_for(session, who, client_id, access_id)
    found.ended_at, found.ended_by_id = now, who.user_id
    open_by_it = (PortalSession.access_id == found.id, PortalSession.ended_at.is_(None))
    session.execute(update(PortalSession).where(*open_by_it).values(ended_at=now))
    audit.record(session, who, "ended portal access", "client", client_id, now, access_id=found.id)


def send_link(session: Session, who: Actor, client_id: int, access_id: int, now: datetime) -> Message:
    """Send an address a link into the portal because staff say so. Must run inside `writing()`.

    Raises:
        NotFoundError: the access is over, another client's, or the client is not theirs to see.
        RefusalError: the practice does not send these.
    """
    who.must(Permission.EDIT_CLIENTS)
    found = access_for(session, who, client_id, access_id)
    message = letters.send_link(session, who, found.email, LINK, client_id, now)
    if message is None:
        raise RefusalError(SWITCHED_OFF)
    audit.record(session, who, "sent sign-in link", "client", client_id, now, access_id=found.id, message_id=message.id)
    return message


def ask(session: Session, who: Actor, email: str, now: datetime, *, there: str = "") -> None:
    """Send an address a link into the portal if it has access; the caller says the same either way.

    Must run inside `writing()`, after `throttle.claim`. It goes to the address as staff granted it, never as it was typed. For
    an address without access the same is done and undone, so that how long it takes tells nothing either.

    Args:
        there: what stands behind the link's question mark, so that it leads where the person was going.
    """
    found = session.scalar(_live(folded_address(email)).order_by(PortalAccess.id).limit(1))
    address, client_id = (found.email, found.client_id) if found else (folded_address(email), None)
    kept = session.begin_nested()
    message = letters.send_link(session, who, address, LINK + there, client_id, now)
    if message is not None:
        audit.record(session, who, "asked for sign-in link", "client", client_id, now, message_id=message.id)
    if found is not None:
        kept.commit()
    else:
        kept.rollback()


@dataclass(frozen=True)
class Payer:
    """Hold a payer whose invoices an address may see in a client's portal."""

    contact_id: int
    name: str


def payers(session: Session, client_id: int, email: str) -> list[Payer]:
    """Return the payers whose bills an address may see in a client's portal: the one rule for everything about money there.

    The client's own contact always. Besides, a person who is linked to the client, or is their default payer, and whose
    e-mail is the very address. Never an organisation: what an employer or insurer is billed is between them and the practice.
    A payer may pay for other clients too, so what is shown must also name this client.
    """
    client = session.get(Client, client_id)
    if client is None:
        return []
    linked = select(ClientContact.contact_id).where(ClientContact.client_id == client_id)
    near = or_(Contact.id.in_(linked), Contact.id.in_((client.contact_id, client.default_payer_id)))
    found = session.scalars(
        select(Contact).where(near).order_by(Contact.id != client.contact_id, Contact.sort_name, Contact.id)
    )
    return [Payer(row.id, row.name) for row in found if row.id == client.contact_id or _is_behind(row, email)]


def _is_behind(contact: Contact, email: str) -> bool:
    # Compared here and not in the query: SQLite folds ASCII alone.
    return contact.kind is ContactKind.PERSON and bool(email) and folded_address(contact.email) == folded_address(email)


def _live(email: str) -> Select[PortalAccess]:
    return select(PortalAccess).where(PortalAccess.email == email, PortalAccess.ended_at.is_(None))
