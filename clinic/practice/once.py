"""One-time keys of forms: what is posted twice answers with the first result."""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel.errors import AlreadyPostedError, RefusalError
from clinic.models.practice import FormKey
from clinic.practice.permissions import Actor

KEY_CHARS_MIN, KEY_CHARS_MAX = 20, 64


def new_key() -> str:
    """Return a fresh key for a form that books, issues, charges or records money."""
    return secrets.token_urlsafe(24)


def claim(session: Session, who: Actor, key: str | None, now: datetime) -> FormKey:
    """Take the form's key; the caller sets `location` on what is returned. Must run inside `writing()`.

    Raises:
        AlreadyPostedError: the key was used; its first result stands at the error's location.
        RefusalError: the form came without a key.
    """
    if not key or not KEY_CHARS_MIN <= len(key) <= KEY_CHARS_MAX or not key.isascii():
        raise RefusalError("This form is out of date. Check it and send it again.", field="once")
    used = session.get(FormKey, key)
    if used is not None:
        if (used.user_id, used.client_id) != (who.user_id, who.client_id):
            raise RefusalError("This form is out of date. Check it and send it again.", field="once")
        raise AlreadyPostedError(used.location)
    claimed = FormKey(key=key, user_id=who.user_id, client_id=who.client_id, posted_at=now, location="")
    session.add(claimed)
    session.flush()
    return claimed
