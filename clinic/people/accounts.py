"""Staff accounts: passwords, sign-ins kept on the server, and who a token stands for."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from clinic.models.practice import Practice, User, UserRole, WebSession
from clinic.practice.permissions import Actor

SESSION_LIFE = timedelta(hours=12)
IDLE_MAX = timedelta(minutes=60)
TOUCH_EVERY = timedelta(minutes=1)
_hasher = PasswordHasher()
# Compared when no such account exists, so that both answers take the same time.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class Visit:
    """Hold who is signed in, as plain values; `is_stale` asks for a fresh `seen_at`."""

    actor: Actor
    name: str
    is_stale: bool


def hashed(password: str) -> str:
    """Return the argon2id hash of a password."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Say whether the password is the account's, taking as long when there is no account."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def by_email(session: Session, email: str) -> User | None:
    """Return the active account of that address, whatever its case."""
    return session.scalar(select(User).where(func.lower(User.email) == email.strip().lower(), User.is_active))


def open_session(session: Session, user_id: int, now: datetime, *, address: str) -> str:
    """Sign a user in and return the token for the cookie; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    session.add(WebSession(token_hash=_hash(token), user_id=user_id, created_at=now, seen_at=now, address=address))
    return token


def close_session(session: Session, token: str) -> None:
    """Sign out: a copy of the cookie is dead from now on."""
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def touch(session: Session, token: str, now: datetime) -> None:
    """Note that the session was in use."""
    session.execute(update(WebSession).where(WebSession.token_hash == _hash(token)).values(seen_at=now))


def visit(session: Session, token: str, now: datetime, *, address: str) -> Visit | None:
    """Return whom the token stands for, or None when it is unknown, over twelve hours old or idle for an hour."""
    found = session.execute(
        select(WebSession, User, Practice.practitioners_see_all)
        .join(User, User.id == WebSession.user_id)
        .join(Practice, Practice.id == 1)
        .where(WebSession.token_hash == _hash(token), User.is_active)
    ).one_or_none()
    if found is None:
        return None
    web, user, practitioners_see_all = found
    if now - web.created_at > SESSION_LIFE or now - web.seen_at > IDLE_MAX:
        return None
    roles = frozenset(session.scalars(select(UserRole.role).where(UserRole.user_id == user.id)))
    who = Actor(
        user_id=user.id,
        roles=roles,
        practitioner_id=user.practitioner_id,
        web_session_id=web.id,
        address=address,
        practitioners_see_all=practitioners_see_all,
    )
    return Visit(actor=who, name=user.name, is_stale=now - web.seen_at > TOUCH_EVERY)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
