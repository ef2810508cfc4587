"""Who is in the portal: a link is used up, a session opens, a client is chosen, and it ends."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from clinic.kernel.errors import NotFoundError
from clinic.messages import sign_in_links
from clinic.messages.sign_in_links import hashed
from clinic.models.people import Client
from clinic.models.portal import PortalAccess, PortalLink, PortalSession
from clinic.practice import audit
from clinic.practice.permissions import Actor

IDLE = timedelta(hours=1)
LIFE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=1)  # what is over is deleted after so long


@dataclass(frozen=True)
class Visit:
    """Hold who is in the portal, as plain values. `client_id` None: the address has several clients and none is chosen yet."""

    session_id: int
    email: str
    client_id: int | None
    name: str
    first_name: str
    has_others: bool  # the address may open other portals too
    is_stale: bool

    def actor(self, address: str) -> Actor:
        """Return the client as who is asking: no right of staff, and only what is theirs."""
        return Actor(user_id=None, client_id=self.client_id, address=address)


@dataclass(frozen=True)
class Choice:
    """Hold one of the clients whose portals an address may open."""

    access_id: int
    name: str
    is_open: bool


def enter(session: Session, link_token: str, now: datetime, *, address: str) -> str | None:
    """Use a link up and open a session; return the token for the cookie, or None when the link is used, over or none at all.

    Must run inside `writing()`. With one client to choose from, theirs is open at once.
    """
    email = sign_in_links.use(session, link_token, now)
    if email is None:
        return None
    live = session.scalars(select(PortalAccess).where(PortalAccess.email == email, PortalAccess.ended_at.is_(None))).all()
    if not live:
        return None
    token = secrets.token_urlsafe(32)
    opened = PortalSession(token_hash=hashed(token), email=email, created_at=now, seen_at=now, address=address)
    session.add(opened)
    session.flush()
    if len(live) == 1:
        _open(session, opened, live[0], now, address)
    return token


_OTHER = aliased(PortalAccess)
_COUNT = (
    select(func.count())
    .where(_OTHER.email == PortalSession.email, _OTHER.ended_at.is_(None))
    .correlate(PortalSession)
    .scalar_subquery()
)
# Written once, as every page of the portal asks it.
_VISIT = (
    select(PortalSession, PortalAccess.ended_at, Client, _COUNT)
    .outerjoin(PortalAccess, PortalAccess.id == PortalSession.access_id)
    .outerjoin(Client, Client.id == PortalAccess.client_id)
    .where(PortalSession.token_hash == bindparam("token_hash"), PortalSession.ended_at.is_(None))
)


def visit(session: Session, token: str, now: datetime) -> Visit | None:
    """Return whom the token stands for; None when it is unknown, over, idle for too long, or access has ended."""
    found = session.execute(_VISIT, {"token_hash": hashed(token)}).one_or_none()
    if found is None:
        return None
    kept, access_ended_at, client, count = found
    if now - kept.created_at > LIFE or now - kept.seen_at > IDLE or access_ended_at is not None or not count:
        return None
    return Visit(
        session_id=kept.id, email=kept.email, client_id=client.id if client else None, name=client.name if client else "",
        first_name=client.first_name if client else "", has_others=count > 1, is_stale=now - kept.seen_at > TOUCH_EVERY,
    )  # fmt: skip


def touch(session: Session, session_id: int, now: datetime) -> None:
    """Note that the session was in use."""
    session.execute(update(PortalSession).where(PortalSession.id == session_id).values(seen_at=now))


def choices(session: Session, who: Visit) -> list[Choice]:
    """Return the clients whose portals the address may open, by name."""
    query = (
        select(PortalAccess.id, Client)
        .join(Client, Client.id == PortalAccess.client_id)
        .where(PortalAccess.email == who.email, PortalAccess.ended_at.is_(None))
        .order_by(Client.sort_name, Client.id)
    )
    return [Choice(access_id, client.name, client.id == who.client_id) for access_id, client in session.execute(query)]


def choose(session: Session, who: Visit, access_id: int, now: datetime, *, address: str) -> None:
    """Open the portal of another client of the same address. Must run inside `writing()`.

    Raises:
        NotFoundError: the address may not open that one.
    """
    access = session.get(PortalAccess, access_id)
    kept = session.get(PortalSession, who.session_id)
    if access is None or kept is None or access.email != kept.email or access.ended_at is not None or kept.ended_at is not None:
        raise NotFoundError("access")
    _open(session, kept, access, now, address)


def sign_out(session: Session, who: Visit, now: datetime, *, address: str) -> None:
    """End a session: a copy of its cookie is dead from now on. Must run inside `writing()`."""
    session.execute(update(PortalSession).where(PortalSession.id == who.session_id).values(ended_at=now))
    if who.client_id is not None:
        audit.record(session, who.actor(address), "signed out of portal", "client", who.client_id, now)


def tidy(session: Session, now: datetime) -> int:
    """Delete links and sessions that are over; return how many. Must run inside `writing()`; safe to repeat."""
    is_over = or_(
        PortalSession.ended_at < now - KEPT,
        PortalSession.created_at < now - LIFE - KEPT,
        PortalSession.seen_at < now - IDLE - KEPT,
    )
    gone: Sequence[int] = session.scalars(delete(PortalSession).where(is_over).returning(PortalSession.id)).all()
    links = session.scalars(delete(PortalLink).where(PortalLink.ends_at < now - KEPT).returning(PortalLink.id)).all()
    return len(gone) + len(links)


def off(session: Session) -> list[int]:
    """Return the sessions that are open where no access is: by another address, or by one that has ended."""
    wrong = or_(PortalAccess.email != PortalSession.email, PortalAccess.ended_at.is_not(None))
    joined = select(PortalSession.id).join(PortalAccess, PortalAccess.id == PortalSession.access_id)
    return list(session.scalars(joined.where(and_(PortalSession.ended_at.is_(None), wrong)).order_by(PortalSession.id)))


def _open(session: Session, kept: PortalSession, access: PortalAccess, now: datetime, address: str) -> None:
    kept.access_id, kept.seen_at, access.signed_in_at = access.id, now, now
    who = Actor(user_id=None, client_id=access.client_id, address=address)
    audit.record(session, who, "signed in to portal", "client", access.client_id, now, access_id=access.id)
