"""The audit trail: one hashed row per thing done, written in the same transaction as the change."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from clinic.kernel.database import connection_of, put
from clinic.models.practice import AuditEntry, User
from clinic.practice.permissions import Actor

_HASHED = ("user_id", "roles", "web_session_id", "address", "action", "object_type", "object_id", "detail", "outcome")
CLIENT = "client"  # what stands under roles when a client did it in the portal
BY_CLIENT = "The client"  # what is said of them then
_LAST_HASH = select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)


@dataclass(frozen=True)
class Change:
    """Say who changed something last; no name when it was done by itself."""

    at: datetime
    name: str | None


def record(
    session: Session,
    who: Actor,
    action: str,
    object_type: str,
    object_id: int | None,
    now: datetime,
    *,
    outcome: str = "done",
    **detail: Any,
) -> None:
    """Write down who did what to which thing. Must run inside `writing()`, so that the chain has one end.

    Args:
        who: for a client, or a hand that acts for one, the roles say "client", and the detail says which under `by_client`.
        action: a verb phrase such as "booked" or "issued invoice".
        detail: ids, amounts and states; never names, notes or anything clinical.
    """
    roles = ",".join(sorted(who.roles))
    client_id = who.client_id if who.client_id is not None else who.for_client_id
    if client_id is not None:
        roles, detail = CLIENT, detail | {"by_client": client_id}
    before = connection_of(session).scalar(_LAST_HASH) or ""
    entry = {
        "at": now, "user_id": who.user_id, "roles": roles, "web_session_id": who.web_session_id,
        "address": who.address, "action": action, "object_type": object_type, "object_id": object_id, "detail": detail,
        "outcome": outcome,
    }  # fmt: skip
    put(session, AuditEntry, [entry | {"hash": chained(before, **entry)}])


def last_change(
    session: Session, object_type: str, object_id: int, *, actions: Collection[str] = (), **detail: str
) -> Change | None:
    """Return who did something to a thing last, and when: anything, or one of these actions, of this detail."""
    query = (
        select(AuditEntry.at, AuditEntry.roles, User.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.object_type == object_type, AuditEntry.object_id == object_id)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    if actions:
        query = query.where(AuditEntry.action.in_(actions))
    for name, value in detail.items():
        query = query.where(AuditEntry.detail[name].as_string() == value)
    row = session.execute(query).one_or_none()
    return Change(row.at, BY_CLIENT if row.roles == CLIENT else row.name) if row else None


def chained(before: str, **entry: Any) -> str:
    """Return the hash of an entry's content over the hash of the one before it."""
    content = [before, entry["at"].isoformat(timespec="microseconds"), *(entry[name] for name in _HASHED)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def chained_of(before: str, entry: AuditEntry | Row[*tuple[Any, ...]]) -> str:
    """Return the hash that a kept entry, or its plain row, must have."""
    return chained(before, at=entry.at, **{name: getattr(entry, name) for name in _HASHED})
