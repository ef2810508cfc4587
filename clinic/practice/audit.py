"""The audit trail: one hashed row per thing done, written in the same transaction as the change."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.kernel.database import put
from clinic.models.practice import AuditEntry
from clinic.practice.permissions import Actor

_LAST_HASH = select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)


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
        action: a verb phrase such as "booked" or "issued invoice".
        detail: ids, amounts and states; never names, notes or anything clinical.
    """
    before = session.connection().scalar(_LAST_HASH) or ""
    entry = AuditEntry(
        at=now,
        user_id=who.user_id,
        roles=",".join(sorted(who.roles)),
        web_session_id=who.web_session_id,
        address=who.address,
        action=action,
        object_type=object_type,
        object_id=object_id,
        detail=detail,
        outcome=outcome,
    )
    entry.hash = chained(before, entry)
    put(session, [entry])


def chained(before: str, entry: AuditEntry) -> str:
    """Return the hash of an entry over the hash of the one before it."""
    content = [
        before, entry.at.isoformat(timespec="microseconds"), entry.user_id, entry.roles, entry.web_session_id, entry.address,
        entry.action, entry.object_type, entry.object_id, entry.detail, entry.outcome,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
