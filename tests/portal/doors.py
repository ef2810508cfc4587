"""Ways into the portal for tests: access granted by the desk, and the link that a mail would carry."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.messages import sign_in_links
from clinic.models.messages import Message, MessageKind
from clinic.models.portal import PortalAccess
from clinic.people import portal_access
from tests.cast import Cast

ADDRESSES = {"cleo": "cleo@clients.example", "otto": "otto@clients.example"}


def granted(session: Session, cast: Cast, client_id: int, email: str, now: datetime) -> PortalAccess:
    """Let an address open a client's portal."""
    return portal_access.grant(session, cast.fay, client_id, email, now)


def link_to(session: Session, cast: Cast, access: PortalAccess, now: datetime) -> str:
    """Return the secret of a link that is mailed to the address of an access."""
    message = portal_access.send_link(session, cast.fay, access.client_id, access.id, now)
    return sign_in_links.mint(session, message, now)


def last_message(session: Session) -> Message | None:
    """Return the newest message that carries a link."""
    query = select(Message).where(Message.kind == MessageKind.SIGN_IN).order_by(Message.id.desc()).limit(1)
    return session.scalar(query)
