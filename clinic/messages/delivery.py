"""Delivery: each message is claimed before it is sent and settled after, so that nothing is open while we wait."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.messages import outbox, sign_in_links
from clinic.models.billing import StoredDocument
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.practice import settings

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480))
TRIES_MAX = len(BACK_OFF) + 1
BATCH_MAX = 100
# Longer than any try takes: whoever dies while sending leaves a message that is tried again after this.
LEASE = timedelta(minutes=10)
UNKNOWN = "The last try did not come to an end."


@dataclass(frozen=True)
class Outgoing:
    """Hold what goes to the mail server, as plain values."""

    message_id: int
    mail_id: str
    from_name: str
    from_address: str
    to_address: str
    subject: str
    body: str
    ics: str
    method: str  # of the calendar file
    tried_at: datetime
    attachment_name: str = ""
    attachment: bytes = b""


def due_ids(session: Session, now: datetime, kind: MessageKind | None = None) -> list[int]:
    """Return the messages whose next try has come, the oldest first; of one kind, or of all."""
    query = select(Message.id).where(Message.state == MessageState.QUEUED, Message.next_try_at <= now)
    if kind is not None:
        query = query.where(Message.kind == kind)
    return list(session.scalars(query.order_by(Message.next_try_at, Message.id).limit(BATCH_MAX)))


def claim(session: Session, message_id: int, now: datetime) -> Outgoing | None:
    """Write the try down and return what to send; None: another process has it, or it does not hold any more.

    Must run inside `writing()`.
    """
    message = session.get_one(Message, message_id)
    if message.state is not MessageState.QUEUED or message.next_try_at > now:
        return None
    why = outbox.outdated(session, message, now)
    if why:
        message.state, message.last_error = MessageState.DROPPED, why
        return None
    if message.tries >= TRIES_MAX:
        message.state = MessageState.FAILED
        return None
    message.tries += 1
    message.next_try_at, message.last_error = now + LEASE, UNKNOWN
    practice = settings.practice(session)
    method = next((row.removeprefix("METHOD:") for row in message.ics.splitlines() if row.startswith("METHOD:")), "")
    return Outgoing(
        message_id=message.id, mail_id=message.mail_id, from_name=practice.name, from_address=practice.email,
        to_address=message.to_address, subject=message.subject, body=_body(session, message, now), ics=message.ics,
        method=method, tried_at=now, attachment_name=message.attachment_name, attachment=_attached(session, message),
    )  # fmt: skip


def _body(session: Session, message: Message, now: datetime) -> str:
    if message.kind is not MessageKind.SIGN_IN:
        return message.body
    return message.body.replace(sign_in_links.SECRET, sign_in_links.mint(session, message, now))


def _attached(session: Session, message: Message) -> bytes:
    document = session.get(StoredDocument, message.attachment_hash) if message.attachment_hash else None
    return document.pdf if document is not None else b""


def settle(session: Session, message_id: int, now: datetime, *, error: str = "", is_final: bool = False) -> None:
    """Keep what became of a try: sent, to be tried again later, or given up. Must run inside `writing()`.

    Args:
        error: why it failed; empty: it was sent.
        is_final: trying again cannot help.
    """
    message = session.get_one(Message, message_id)
    message.last_error = error
    if not error:
        message.state, message.sent_at = MessageState.SENT, now
        document = session.get(StoredDocument, message.attachment_hash) if message.attachment_hash else None
        if document is not None:
            document.sent_at = document.sent_at or now  # what was sent is kept
        return
    if message.state is not MessageState.QUEUED:
        return  # taken back meanwhile
    if is_final or message.tries >= TRIES_MAX:
        message.state = MessageState.FAILED
    else:
        message.next_try_at = now + BACK_OFF[message.tries - 1]


def waiting_count(session: Session) -> int:
    """Return how many messages wait to be sent."""
    return session.scalar(select(func.count(Message.id)).where(Message.state == MessageState.QUEUED)) or 0
