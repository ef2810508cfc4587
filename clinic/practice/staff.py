"""Who signs in and as what: users and their roles."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, selectinload

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.practice import Practitioner, Role, User, UserRole, WebSession
from clinic.practice import audit
from clinic.practice.permissions import Actor

USERS_MAX = 200
ROLE_WORDS = {
    Role.OWNER: "Owner",
    Role.PRACTITIONER: "Practitioner",
    Role.FRONT_DESK: "Front desk",
    Role.BILLER: "Biller",
}


@dataclass(frozen=True)
class UserDetails:
    """Hold what is known of a user. `practitioner_id`: whose calendar is their own."""

    name: str
    email: str
    roles: frozenset[Role]
    practitioner_id: int | None = None


@dataclass(frozen=True)
class Member:
    """Hold one user as the list shows them."""

    id: int
    name: str
    email: str
    role_words: str
    is_active: bool


def members(session: Session) -> list[Member]:
    """List every user, disabled ones last."""
    users = session.scalars(
        select(User)
        .options(selectinload(User.roles))
        .order_by(User.is_active.desc(), func.lower(User.name), User.id)
        .limit(USERS_MAX)
    )
    return [Member(user.id, user.name, user.email, role_words(roles_of(user)), user.is_active) for user in users]


def user_for(session: Session, user_id: int) -> User:
    """Return one user with their roles.

    Raises:
        NotFoundError: there is no such user.
    """
    found = session.get(User, user_id, options=[selectinload(User.roles)])
    if found is None:
        raise NotFoundError("no such user")
    return found


def roles_of(user: User) -> frozenset[Role]:
    """Return the roles of a user whose roles were loaded."""
    return frozenset(row.role for row in user.roles)


def role_words(roles: frozenset[Role]) -> str:
    """Print roles in their own order: "Owner, Practitioner"."""
    return ", ".join(words for role, words in ROLE_WORDS.items() if role in roles)


def add(session: Session, who: Actor, details: UserDetails, password_hash: str, now: datetime) -> User:
    """Add a user with a first password. Must run inside `writing()`.

    Raises:
        RefusalError: the e-mail is taken, no role is chosen, or the practitioner is somebody else's.
    """
    if (session.scalar(select(func.count()).select_from(User)) or 0) >= USERS_MAX:
        raise RefusalError(f"A practice has at most {USERS_MAX} users.")
    check(session, details)
    user = User(
        name=details.name,
        email=details.email,
        password_hash=password_hash,
        practitioner_id=details.practitioner_id,
        created_at=now,
        roles=[UserRole(role=role) for role in sorted(details.roles)],
    )
    session.add(user)
    session.flush()
    audit.record(session, who, "added user", "user", user.id, now, roles=sorted(details.roles))
    return user


def change(session: Session, who: Actor, user_id: int, details: UserDetails, now: datetime) -> None:
    """Change a user's name, e-mail and roles; it holds from their next click. Must run inside `writing()`.

    Raises:
        RefusalError: as for `add`, or the practice would be left without an owner.
    """
    user = user_for(session, user_id)
    check(session, details, user_id=user_id)
    if Role.OWNER not in details.roles:
        _keep_an_owner(session, user)
    user.name, user.email, user.practitioner_id = details.name, details.email, details.practitioner_id
    kept = [row for row in user.roles if row.role in details.roles]
    new = details.roles - {row.role for row in kept}
    user.roles = kept + [UserRole(role=role) for role in sorted(new)]
    audit.record(session, who, "changed user", "user", user_id, now, roles=sorted(details.roles))


def disable(session: Session, who: Actor, user_id: int, now: datetime) -> None:
    """Sign a user out everywhere and let them in no more; what they did stays. Safe to repeat.

    Raises:
        RefusalError: it is oneself, or the last active owner.
    """
    user = user_for(session, user_id)
    if user.id == who.user_id:
        raise RefusalError("You cannot disable yourself. Ask another owner.")
    _keep_an_owner(session, user)
    user.is_active = False
    _sign_out(session, user_id)
    audit.record(session, who, "disabled user", "user", user_id, now)


def enable(session: Session, who: Actor, user_id: int, now: datetime) -> None:
    """Let a disabled user in again, with the password they had. Safe to repeat."""
    user_for(session, user_id).is_active = True
    audit.record(session, who, "enabled user", "user", user_id, now)


def set_password(session: Session, who: Actor, user_id: int, password_hash: str, now: datetime) -> None:
    """Give a user another password and sign them out everywhere. Must run inside `writing()`."""
    user_for(session, user_id).password_hash = password_hash
    _sign_out(session, user_id)
    audit.record(session, who, "set password", "user", user_id, now)


def check(session: Session, details: UserDetails, *, user_id: int | None = None) -> None:
    """Refuse details that cannot be kept; `user_id` is whose they are.

    Raises:
        RefusalError: the e-mail is taken, no role is chosen, or the practitioner is missing or somebody else's.
    """
    if not details.roles:
        raise RefusalError("Choose at least one role.", field="roles")
    twin = session.scalar(select(User.id).where(func.lower(User.email) == details.email.lower()))
    if twin not in (None, user_id):
        raise RefusalError("Another user signs in with this e-mail.", field="email")
    if details.practitioner_id is None:
        if Role.PRACTITIONER in details.roles:
            raise RefusalError("Choose whose calendar is this person's own.", field="practitioner_id")
        return
    if session.get(Practitioner, details.practitioner_id) is None:
        raise RefusalError("Choose a practitioner from the list.", field="practitioner_id")
    holder = session.scalar(select(User.id).where(User.practitioner_id == details.practitioner_id))
    if holder not in (None, user_id):
        raise RefusalError("Another user has this calendar as their own.", field="practitioner_id")


def _keep_an_owner(session: Session, user: User) -> None:
    if Role.OWNER not in roles_of(user) or not user.is_active:
        return
    others = (
        select(func.count())
        .select_from(User)
        .join(UserRole, UserRole.user_id == User.id)
        .where(UserRole.role == Role.OWNER, User.is_active, User.id != user.id)
    )
    if not session.scalar(others):
        raise RefusalError("The practice needs an owner. Make someone else an owner first.", field="roles")


def _sign_out(session: Session, user_id: int) -> None:
    session.execute(delete(WebSession).where(WebSession.user_id == user_id))
