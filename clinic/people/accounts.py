"""Staff accounts: passwords, sign-ins kept on the server, and who a token stands for."""

import hashlib
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, delete, func, select, true, update
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.practice import ClientMail, Practice, User, UserRole, WebSession
from clinic.people import passwords, throttle
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor, Permission

SESSION_LIFE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
# A hash takes 64 MB: this many at once, others wait their turn for so long.
HASHES_AT_ONCE_MAX = 2
HASH_WAIT = timedelta(seconds=4)
SESSIONS_LISTED_MAX = 50
_hasher = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
_turns = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
# Compared when no such account exists, so that both answers take the same time. Nobody knows a password for it.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$xg3wckZQnRJA+1WieEPaAQ$BnUnY/Fucq+hyHQ4TLtkM8Dow7xc3cA65YekkNREABk"


class BusyError(throttle.ThrottledError):
    """Refuse to hash one more password while others wait for their turn."""

    def __init__(self) -> None:
        super().__init__(HASH_WAIT)
        self.message = "Many people are signing in at once. Try again in a moment."


@dataclass(frozen=True)
class Visit:
    """Hold who is signed in, as plain values; `is_stale` asks for a fresh `seen_at`."""

    actor: Actor
    name: str
    is_stale: bool
    shows_legend: bool = False


@dataclass(frozen=True)
class Attempt:
    """Hold a sign-in that was counted and whose password is still to be looked at. No account: both are None."""

    email: str
    user_id: int | None
    password_hash: str | None


@dataclass(frozen=True)
class Entry:
    """Hold a sign-in that worked: the token for the cookie, and whom it stands for."""

    token: str
    visit: Visit


@dataclass(frozen=True)
class Known:
    """Hold what a new password is judged by: the present one's hash, and names that must not stand in it."""

    password_hash: str
    personal: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Hold one sign-in of a user as the account page lists it."""

    id: int
    created_at: datetime
    seen_at: datetime
    address: str
    is_here: bool


def hashed(password: str) -> str:
    """Return the argon2id hash of a password. Never call it inside a door: it takes a while."""
    with _Turn():
        return _hasher.hash(password)


def new_hash(password: str, personal: Iterable[str]) -> str:
    """Return the hash of a new password that is not easy to guess. Never call it inside a door.

    Raises:
        PasswordError: it is too short or too easy to guess.
    """
    passwords.check(password, personal)
    return hashed(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Say whether the password is the account's, taking as long when there is no account. Never inside a door."""
    with _Turn():
        try:
            return _hasher.verify(password_hash or _NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def by_email(session: Session, email: str) -> User | None:
    """Return the active account of that address, whatever its case."""
    return session.scalar(select(User).where(func.lower(User.email) == email.strip().lower(), User.is_active))


def start_sign_in(session: Session, email: str, now: datetime, *, address: str) -> Attempt:
    """Count a sign-in before its password is looked at. Must run inside `writing()`.

    Raises:
        ThrottledError: this account or address has to wait.
    """
    throttle.claim(session, throttle.guards(email, address), now)
    user = by_email(session, email)
    return Attempt(email, user.id if user else None, user.password_hash if user else None)


def finish_sign_in(session: Session, attempt: Attempt, now: datetime, *, is_right: bool, address: str) -> Entry | None:
    """Open a session when the password was right; write either outcome down. Must run inside `writing()`."""
    nobody = Actor(user_id=None, address=address)
    if not is_right or attempt.user_id is None:
        audit.record(session, nobody, "signed in", "user", attempt.user_id, now, outcome="refused")
        return None
    account, place = throttle.guards(attempt.email, address)
    throttle.release(session, account)
    throttle.give_back(session, place)
    session.execute(delete(WebSession).where(WebSession.created_at < now - SESSION_LIFE))
    token = open_session(session, attempt.user_id, now, address=address)
    signed_in = visit(session, token, now, address=address)
    if signed_in is None:  # disabled while the password was looked at
        return None
    audit.record(session, signed_in.actor, "signed in", "user", attempt.user_id, now)
    return Entry(token, signed_in)


def open_session(session: Session, user_id: int, now: datetime, *, address: str) -> str:
    """Sign a user in and return the token for the cookie; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    session.add(WebSession(token_hash=_hash(token), user_id=user_id, created_at=now, seen_at=now, address=address))
    session.flush()
    return token


def close_session(session: Session, token: str) -> None:
    """Drop a sign-in: a copy of its cookie is dead from now on."""
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def sign_out(session: Session, who: Actor, token: str, now: datetime) -> None:
    """Drop the sign-in and write it down. Must run inside `writing()`."""
    close_session(session, token)
    audit.record(session, who, "signed out", "user", who.user_id, now)


def sessions_for(session: Session, who: Actor, now: datetime) -> list[Place]:
    """List where this person is signed in, the latest use first."""
    found = session.scalars(
        select(WebSession)
        .where(WebSession.user_id == who.user_id, WebSession.created_at > now - SESSION_LIFE)
        .order_by(WebSession.seen_at.desc())
        .limit(SESSIONS_LISTED_MAX)
    )
    return [Place(row.id, row.created_at, row.seen_at, row.address, row.id == who.web_session_id) for row in found]


def end_session(session: Session, who: Actor, session_id: int, now: datetime) -> None:
    """End one of one's own sign-ins elsewhere. Must run inside `writing()`.

    Raises:
        NotFoundError: it is not this person's, or is over already.
    """
    found = session.get(WebSession, session_id)
    if found is None or found.user_id != who.user_id:
        raise NotFoundError("no such session")
    session.delete(found)
    audit.record(session, who, "ended session", "web_session", session_id, now)


def end_other_sessions(session: Session, who: Actor, now: datetime) -> None:
    """End all of one's own sign-ins but this one. Must run inside `writing()`. Safe to repeat."""
    session.execute(delete(WebSession).where(WebSession.user_id == who.user_id, WebSession.id != who.web_session_id))
    audit.record(session, who, "ended other sessions", "user", who.user_id, now)


def own_account(session: Session, who: Actor) -> User:
    """Return the row of whoever is asking.

    Raises:
        NotFoundError: the clock asks, which has no account.
    """
    found = session.get(User, who.user_id) if who.user_id is not None else None
    if found is None:
        raise NotFoundError("no account")
    return found


def start_confirming(session: Session, who: Actor, now: datetime) -> Known:
    """Count a try at one's own present password before it is looked at. Must run inside `writing()`.

    Raises:
        ThrottledError: too many were wrong.
    """
    user = own_account(session, who)
    throttle.claim(session, [throttle.account_guard(user.email)], now)
    return Known(user.password_hash, tuple(passwords.personal_parts(settings.house(session).name, user.name, user.email)))


def want_night_mail(session: Session, who: Actor, now: datetime, *, is_wanted: bool) -> None:
    """Choose whether one is written about the nights. Must run inside `writing()`; safe to repeat.

    Raises:
        NotAllowedError: they may not see what the nights do.
    """
    who.must(Permission.SEE_NIGHT)
    user = own_account(session, who)
    if user.wants_night_mail != is_wanted:
        user.wants_night_mail = is_wanted
        audit.record(session, who, "chose night mail", "user", user.id, now, is_wanted=is_wanted)


def want_client_mail(session: Session, who: Actor, now: datetime, *, choice: ClientMail) -> None:
    """Choose of whose calendar one is written when a client changes something. Must run inside `writing()`; safe to repeat.

    Raises:
        RefusalError: they are confined to their own work and ask for everyone's.
    """
    if choice is ClientMail.ALL and who.own_practitioner_id is not None:
        raise RefusalError("You see your own calendar only.", field="client_mail")
    user = own_account(session, who)
    if user.client_mail is not choice:
        user.client_mail = choice
        audit.record(session, who, "chose client mail", "user", user.id, now, choice=choice.value)


def change_password(session: Session, who: Actor, password_hash: str, now: datetime) -> None:
    """Set one's own password and end one's other sign-ins. Must run inside `writing()`."""
    user = own_account(session, who)
    user.password_hash = password_hash
    throttle.release(session, throttle.account_guard(user.email))
    end_other_sessions(session, who, now)
    audit.record(session, who, "changed password", "user", user.id, now)


def keep_legend(session: Session, who: Actor, *, shows: bool) -> None:
    """Remember whether this user wants the calendar's signs explained. Must run inside `writing()`; safe to repeat."""
    own_account(session, who).shows_legend = shows


def touch(session: Session, token: str, now: datetime) -> None:
    """Note that the session was in use."""
    session.execute(update(WebSession).where(WebSession.token_hash == _hash(token)).values(seen_at=now))


# Written once, as every page asks it.
_VISIT = (
    select(WebSession, User, Practice, UserRole.role)
    .join(User, User.id == WebSession.user_id)
    .join(Practice, Practice.id == 1)
    .outerjoin(UserRole, UserRole.user_id == User.id)
    .where(WebSession.token_hash == bindparam("token_hash"), User.is_active)
)


def visit(session: Session, token: str, now: datetime, *, address: str) -> Visit | None:
    """Return whom the token stands for, or None when it is unknown, over twelve hours old or idle for too long."""
    found = session.execute(_VISIT, {"token_hash": _hash(token)}).all()
    if not found:
        return None
    web, user, practice, _role = found[0]
    if now - web.created_at > SESSION_LIFE or now - web.seen_at > timedelta(minutes=practice.idle_minutes):
        return None
    who = Actor(
        user_id=user.id,
        roles=frozenset(role for *_, role in found if role is not None),
        practitioner_id=user.practitioner_id,
        web_session_id=web.id,
        address=address,
        practitioners_see_all=practice.practitioners_see_all,
    )
    return Visit(actor=who, name=user.name, is_stale=now - web.seen_at > TOUCH_EVERY, shows_legend=user.shows_legend)


def actor_of(session: Session, user_id: int) -> Actor | None:
    """Return a user as who asks, with the rights they have now; None: they may not sign in any more.

    What they asked for goes on with it after their request has ended.
    """
    chosen = select(User, Practice.practitioners_see_all, UserRole.role).outerjoin(UserRole, UserRole.user_id == User.id)
    found = session.execute(chosen.join(Practice, true()).where(User.id == user_id, User.is_active)).all()
    if not found:
        return None
    user, see_all, _ = found[0]
    roles = frozenset(role for *_, role in found if role is not None)
    return Actor(user_id=user.id, roles=roles, practitioner_id=user.practitioner_id, practitioners_see_all=see_all)


class _Turn:
    """Wait for one of the few turns at hashing, and give up before the whole server waits."""

    def __enter__(self) -> None:
        if not _turns.acquire(timeout=HASH_WAIT.total_seconds()):
            raise BusyError

    def __exit__(self, *_error: object) -> None:
        _turns.release()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
