"""The secret links in messages: made when a message leaves, kept only as a hash, so that nobody who reads the outbox has one.

A queued message holds `SECRET` in the link's place. Each try at sending fills in a secret of its own, and all of one message
are over together: 20 minutes after it was asked for, or as soon as one of them is used.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.models.messages import Message
from clinic.models.portal import PortalAccess, PortalLink

LIFE = timedelta(minutes=20)
SECRET = "{secret}"  # noqa: S105 - stands in a text for what only the mail itself carries. No wording can hold it.
MASK = "…"
LATE = "The link’s 20 minutes went by."
USED = "The link was used."
ENDED = "The address has no access any more."


def hashed(token: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def outdated(session: Session, message: Message, now: datetime) -> str:
    """Say why a message with a link must not be sent any more; nothing when it still holds."""
    if now >= message.created_at + LIFE:
        return LATE
    of_it = select(PortalLink.id).where(PortalLink.message_id == message.id)
    if session.scalar(of_it.where(PortalLink.used_at.is_not(None)).limit(1)) is not None:
        return USED
    live = select(PortalAccess.id).where(PortalAccess.email == message.to_address, PortalAccess.ended_at.is_(None))
    return "" if session.scalar(live.limit(1)) is not None else ENDED


def mint(session: Session, message: Message, now: datetime) -> str:
    """Make a secret for one try at sending a message, and return it. Must run inside `writing()`.

    Raises:
        RefusalError: the message must not be sent any more.
    """
    why = outdated(session, message, now)
    if why:
        raise RefusalError(f"{why} Send a new one.")
    token = secrets.token_urlsafe(32)
    ends_at = message.created_at + LIFE
    session.add(PortalLink(token_hash=hashed(token), message_id=message.id, email=message.to_address, created_at=now,
                           ends_at=ends_at))  # fmt: skip
    session.flush()
    return token


def is_good(session: Session, token: str, now: datetime) -> bool:
    """Say whether a link may still be used; using it up is another thing."""
    found = select(PortalLink.id).where(PortalLink.token_hash == hashed(token), PortalLink.used_at.is_(None))
    return session.scalar(found.where(PortalLink.ends_at > now)) is not None


def use(session: Session, token: str, now: datetime) -> str | None:
    """Use a link up, and every other one of its message; return its address, or None when it is used, over or none at all.

    Must run inside `writing()`. The update is conditional: of two at once, one wins.
    """
    found = session.scalar(select(PortalLink).where(PortalLink.token_hash == hashed(token)))
    if found is None:
        return None
    good = (PortalLink.message_id == found.message_id, PortalLink.used_at.is_(None), PortalLink.ends_at > now)
    taken = session.execute(update(PortalLink).where(*good).values(used_at=now).returning(PortalLink.id)).all()
    return found.email if taken else None
