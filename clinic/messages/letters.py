"""Letters: what payers are written about money, staff about a night, clients of the way in; no appointment is behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.messages import rendering, wording
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.people import Contact
from clinic.practice import audit
from clinic.practice.permissions import Actor

# Stands in a text for this server's own address, which only whoever sends or shows it knows. No wording can hold it.
HERE = "{address}"
NO_ADDRESS = "No e-mail address is on file."
SWITCHED_OFF = "These messages are switched off. Turn them on under Settings, Messages."


@dataclass(frozen=True)
class Letter:
    """Be what is to be written to whom. `once_key`: it is written once, however often it is asked for."""

    kind: MessageKind
    contact_id: int
    values: Mapping[str, str] = field(default_factory=dict)
    client_id: int | None = None
    once_key: str | None = None
    attachment: tuple[str, str] | None = None  # a stored document's hash, and the name of its file
    invoice_id: int | None = None  # the invoice that it brings, attached or behind a link
    to_address: str = ""  # where it goes instead of the payer's own address


def write(session: Session, who: Actor, letter: Letter, now: datetime) -> Message | None:
    """Queue a letter to a payer; None: it was written before, or the practice does not send these.

    Without an address it stands in the outbox as not sent. Must run inside `writing()`.
    """
    words = wording.of(session, letter.kind)
    if not words.is_on or _is_written(session, letter.once_key):
        return None
    contact = session.get_one(Contact, letter.contact_id)
    rendered = rendering.letter(session, words, {"payer": contact.name, **letter.values})
    return queue(
        session, who, now, kind=letter.kind, to_address=letter.to_address or contact.email, subject=rendered.subject,
        body=rendered.body, contact_id=contact.id, client_id=letter.client_id, invoice_id=letter.invoice_id,
        once_key=letter.once_key,
        attachment_hash=letter.attachment[0] if letter.attachment else None,
        attachment_name=letter.attachment[1] if letter.attachment else "",
    )  # fmt: skip


def must_write(session: Session, who: Actor, letter: Letter, now: datetime) -> Message:
    """Queue a letter that someone asked for.

    Raises:
        RefusalError: the payer has no address, or the practice does not send these.
    """
    if not session.get_one(Contact, letter.contact_id).email:
        raise RefusalError("No e-mail address is on file for this payer. Add one, then send it.")
    message = write(session, who, letter, now)
    if message is None:
        raise RefusalError(SWITCHED_OFF)
    return message


def tell_staff(
    session: Session,
    who: Actor,
    kind: MessageKind,
    address: str,
    *,
    subject: str,
    body: str,
    once_key: str,
    now: datetime,
    client_id: int | None = None,
) -> Message | None:
    """Queue a letter to one of the staff; None: it was written before."""
    if _is_written(session, once_key):
        return None
    return queue(session, who, now, kind=kind, to_address=address, subject=subject, body=body, once_key=once_key,
                 client_id=client_id)  # fmt: skip


def send_link(session: Session, who: Actor, address: str, link: str, client_id: int | None, now: datetime) -> Message | None:
    """Queue a link into the portal to an address that may open it; None: the practice does not send these."""
    words = wording.of(session, MessageKind.SIGN_IN)
    if not words.is_on:
        return None
    rendered = rendering.letter(session, words, {"link": link})
    return queue(session, who, now, kind=MessageKind.SIGN_IN, to_address=address, subject=rendered.subject,
                  body=rendered.body, client_id=client_id)  # fmt: skip


def resend(
    session: Session, who: Actor, message: Message, now: datetime, *, attachment: tuple[str, str] | None = None
) -> Message:
    """Send a letter once more, word for word, to the payer's present address; with its document, or the one given.

    Raises:
        RefusalError: there is no address, or it waits to be sent.
    """
    contact = session.get(Contact, message.contact_id) if message.contact_id else None
    address = contact.email if contact is not None else message.to_address
    if not address:
        raise RefusalError("No e-mail address is on file for this payer. Add one, then send again.")
    if message.state is MessageState.QUEUED:
        message.state, message.last_error = MessageState.DROPPED, "It is sent again as another message."
    again = queue(
        session, who, now, kind=message.kind, to_address=address, subject=message.subject, body=message.body,
        contact_id=message.contact_id, client_id=message.client_id, invoice_id=message.invoice_id, resends_id=message.id,
        attachment_hash=attachment[0] if attachment else message.attachment_hash,
        attachment_name=attachment[1] if attachment else message.attachment_name,
    )  # fmt: skip
    audit.record(session, who, "sent again", "message", again.id, now, kind=again.kind.value)
    return again


def _is_written(session: Session, once_key: str | None) -> bool:
    return once_key is not None and session.scalar(select(Message.id).where(Message.once_key == once_key)) is not None


def queue(session: Session, who: Actor, now: datetime, *, to_address: str, **written: object) -> Message:
    """Put a message in the outbox, to go at once unless it says when; without an address it stands there as not sent."""
    message = Message(
        to_address=to_address, created_at=now, created_by_id=who.user_id,
        state=MessageState.QUEUED if to_address else MessageState.DROPPED, last_error="" if to_address else NO_ADDRESS,
        mail_id=f"{uuid4()}@clinic", **{"about_at": now, "next_try_at": now, **written},
    )  # fmt: skip
    session.add(message)
    session.flush()
    return message
