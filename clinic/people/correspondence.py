"""What clients were written and what waits: read by whoever may see the client, sent again on request."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from clinic.kernel.errors import NotFoundError
from clinic.messages import outbox, sign_in_links, wording
from clinic.models.messages import Message, MessageKind, MessagePart, MessageState
from clinic.models.people import Client
from clinic.people import clients
from clinic.people.listing import Listing, cut
from clinic.practice.permissions import Actor, Permission

STATES = {
    MessageState.QUEUED: "Queued",
    MessageState.SENT: "Sent",
    MessageState.FAILED: "Failed",
    MessageState.DROPPED: "Not sent",
}


class Which(StrEnum):
    """Name what a list of messages shows."""

    ALL = "all"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Row:
    """Hold a line of the outbox."""

    id: int
    client_id: int | None  # None: a letter about several clients, or to staff
    client: str
    kind: str
    to_address: str
    about_at: datetime | None  # when the appointment begins; None: a letter
    created_at: datetime
    state: str
    is_failed: bool
    why: str
    tries: int
    at: datetime  # sent at, or the next try
    more: int  # how many further appointments it tells of


@dataclass(frozen=True)
class Letter:
    """Hold one message as it is read."""

    row: Row
    subject: str
    body: str
    has_calendar: bool
    attachment_name: str
    about: tuple[tuple[int, datetime], ...]  # the appointments it tells of, with their starts
    may_resend: bool
    is_link: bool = False  # it carries a link into the portal, masked here


def page(session: Session, who: Actor, which: Which, *, number: int, client_id: int | None = None) -> Listing[Row]:
    """Return a page of the messages about clients that are theirs to see, the newest first."""
    query = _listed(who)
    if client_id is not None:
        query = query.where(Message.client_id == client_id)
    if which is not Which.ALL:
        query = query.where(Message.state == MessageState(which.value))
    return cut(session, query.order_by(Message.created_at.desc(), Message.id.desc()), number, _rows)


def letter(session: Session, who: Actor, message_id: int) -> Letter:
    """Return one message.

    Raises:
        NotFoundError: there is none, or its client is not theirs to see.
    """
    found = session.execute(_listed(who).where(Message.id == message_id)).one_or_none()
    if found is None:
        raise NotFoundError("message")
    message: Message = found[0]
    is_fresh = message.state is MessageState.QUEUED and message.tries == 0
    about = outbox.told_of(session, message)
    is_link = message.kind is MessageKind.SIGN_IN  # it works once: a new one is sent instead
    body = message.body.replace(sign_in_links.SECRET, sign_in_links.MASK)
    return Letter(_row(*found), message.subject, body, bool(message.ics), message.attachment_name, about,
                  not is_fresh and not is_link, is_link)  # fmt: skip


def open_link(session: Session, who: Actor, message_id: int, now: datetime) -> str:
    """Return a secret that opens the portal as the link in a message would. Must run inside `writing()`.

    Only where nothing is real and no mail leaves may a view hand this to staff (`Config.is_made_up`): in a practice, whoever
    reads the outbox must not be able to enter as the client.

    Raises:
        NotFoundError: there is no such message, or it carries no link.
        RefusalError: the link is over.
    """
    found = session.execute(_listed(who).where(Message.id == message_id)).one_or_none()
    if found is None or found[0].kind is not MessageKind.SIGN_IN:
        raise NotFoundError("message")
    return sign_in_links.mint(session, found[0], now)


def resend(
    session: Session, who: Actor, message_id: int, now: datetime, *, attachment: tuple[str, str] | None = None
) -> Message:
    """Send a message once more. Must run inside `writing()`.

    Args:
        attachment: the hash and name of a stored document, for a letter whose own could not be made when it was written.

    Raises:
        NotFoundError: there is none, or its client is not theirs to see.
        NotAllowedError: it tells of an appointment and they may not book, or of money and they may not take payments.
        RefusalError: it no longer holds.
    """
    found = session.execute(_listed(who).where(Message.id == message_id)).one_or_none()
    if found is None:
        raise NotFoundError("message")
    message: Message = found[0]
    who.must(Permission.BOOK if message.item_id is not None else Permission.TAKE_PAYMENTS)
    return outbox.resend(session, who, message, now, attachment=attachment)


def failed_count(session: Session, who: Actor, now: datetime) -> int:
    """Return how many messages about coming appointments did not arrive."""
    query = select(func.count(Message.id)).join(Client, Client.id == Message.client_id).where(Message.item_id.is_not(None))
    failed: ColumnElement[bool] = or_(
        Message.state == MessageState.FAILED,
        and_(Message.state == MessageState.DROPPED, Message.last_error == outbox.NO_ADDRESS),
    )
    return session.scalar(query.where(failed, Message.about_at > now, clients.seen_by(who))) or 0


def _listed(who: Actor) -> Select[Message, Client | None, int]:
    told_of = select(func.count()).where(MessagePart.message_id == Message.id, ~MessagePart.is_left_out)
    parts = told_of.correlate(Message).scalar_subquery()
    query = select(Message, Client, parts).outerjoin(Client, Client.id == Message.client_id)
    # What names no client is for who may see everyone's.
    return query if who.own_practitioner_id is None else query.where(Message.client_id.is_not(None), clients.seen_by(who))


def _rows(found: Any) -> list[Row]:
    return [_row(row[0], row[1], row[2]) for row in found]


def _row(message: Message, client: Client | None, parts: int) -> Row:
    return Row(
        id=message.id, client_id=message.client_id, client=client.name if client is not None else "",
        kind=wording.NAMES[message.kind], to_address=message.to_address,
        about_at=message.about_at if message.item_id is not None else None, created_at=message.created_at,
        state=STATES[message.state], is_failed=message.state is MessageState.FAILED, why=message.last_error,
        tries=message.tries, at=message.sent_at or message.next_try_at,
        more=max(parts - 1, 0),
    )  # fmt: skip
