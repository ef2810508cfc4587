"""The outbox: what a change means for its clients is written with it, waits a few minutes, and is sent by the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, joinedload

from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import choices, letters, rendering, wording
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.messages import Message, MessageChoice, MessageKind, MessageState
from clinic.models.people import Client, Contact
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor

NOTHING = ""  # no appointment, as far as the client knows
REMINDERS_MAX = 200  # written in one go
NO_ADDRESS = "No e-mail address is on file."
REPLACED = "A later change took its place."
NOT_NOTIFIED = "Staff chose not to notify."
TAKEN_BACK = "It was put right before it was sent."
OUTDATED = "The appointment was changed since."
PAST = "The appointment has begun."
ELSEWHERE = "It is sent again as another message."


@dataclass(frozen=True)
class Noted:
    """Hold one client's place in an item: what they would be told of it."""

    client_id: int
    says: str


def may_be_told(kind: ItemKind) -> bool:
    """Say whether clients may hear of that kind at all: the one gate of every message (rulebook 2.4)."""
    return not kind.is_silent


def standing(item: Item) -> dict[int, str]:
    """Return by client what a message would say of the item now; take it before a change, for `tell` after it.

    A client without a live place is not in it. The attendees must be loaded.
    """
    if not may_be_told(item.kind) or item.deleted_at is not None:
        return {}
    return {each.client_id: _words_of(item) for each in item.attendees if each.status.is_live}


def tell(
    session: Session, who: Actor, item: Item, before: Mapping[int, str], now: datetime, *, notifies: bool = True
) -> list[Message]:
    """Write down what the item's clients are to be told of a change; return what is queued. Must run inside `writing()`.

    What is still waiting is taken back first, so that one message says all that changed since the client last heard; when it
    all comes to nothing, nothing is sent.

    Args:
        before: `standing(item)` before the change; empty for a new booking.
        notifies: False: staff said not to notify; what was waiting is not sent either.
    """
    after = standing(item)
    queued: list[Message] = []
    for client_id in sorted(before.keys() | after.keys()):
        is_same = before.get(client_id, NOTHING) == after.get(client_id, NOTHING)
        if is_same or not may_be_told(item.kind):
            continue
        says = after.get(client_id, NOTHING)
        told = _take_back(session, item, Noted(client_id, says), before.get(client_id, NOTHING), notifies=notifies)
        if told == says or not notifies or item.starts_at <= now:
            continue
        kind = MessageKind.CHANGE if told and says else MessageKind.CONFIRMATION if says else MessageKind.CANCELLATION
        due_at = now + timedelta(minutes=settings.practice(session).message_grace_minutes)
        queued += _queue(session, who, kind, item, Noted(client_id, says), now, due_at, was=told)
    return queued


def remind(session: Session, now: datetime) -> int:
    """Write the reminders that are due; return how many. Must run inside `writing()`; safe to repeat.

    Nobody is reminded of what was booked when the reminder's time had come already, nor twice of one time.
    """
    if not wording.of(session, MessageKind.REMINDER).is_on:
        return 0
    ahead = timedelta(hours=settings.practice(session).reminder_hours)
    reminded = exists().where(
        Message.item_id == Item.id, Message.client_id == Attendee.client_id, Message.kind == MessageKind.REMINDER,
        Message.about_at == Item.starts_at,
    )  # fmt: skip
    due = (
        select(Attendee.client_id, Item)
        .join(Item, Item.id == Attendee.item_id)
        .join(MessageChoice, and_(MessageChoice.client_id == Attendee.client_id, MessageChoice.reminder))
        .where(Item.starts_at > now, Item.starts_at <= now + ahead, Item.deleted_at.is_(None), Attendee.status == Status.BOOKED)
        .where(Item.kind.in_([kind for kind in ItemKind if may_be_told(kind)]), ~reminded)
        .order_by(Item.starts_at, Attendee.id)
        .limit(REMINDERS_MAX)
    )
    written = 0
    for client_id, item in session.execute(due).all():
        if item.created_at > item.starts_at - ahead:
            continue
        note = Noted(client_id, _words_of(item))
        written += len(_queue(session, CLOCK, MessageKind.REMINDER, item, note, now, now, was=note.says))
    return written


def resend(session: Session, who: Actor, message: Message, now: datetime) -> Message:
    """Send a message once more, worded anew and to the client's present address. Must run inside `writing()`.

    Raises:
        RefusalError: what it says no longer holds, it is about the past, or there is no address.
    """
    if message.state is MessageState.QUEUED and message.tries == 0:
        raise RefusalError("This message waits to be sent already.")
    if message.item_id is None or message.client_id is None:
        return letters.resend(session, who, message, now)
    item = _item(session, message.item_id)
    why = _why_not(item, message, now)
    if why:
        raise RefusalError(f"{why} It is not sent again.")
    client, contact = _recipient(session, message.client_id)
    if not contact.email:
        raise RefusalError("No e-mail address is on file for this client. Add one, then send again.")
    if message.state is MessageState.QUEUED:
        message.state, message.last_error = MessageState.DROPPED, ELSEWHERE
    rendered = rendering.render(session, message.kind, item, client, contact, now)
    again = Message(
        kind=message.kind, client_id=client.id, item_id=item.id, to_address=contact.email, subject=rendered.subject,
        body=rendered.body, ics=rendered.ics, was=message.was, says=message.says, about_at=item.starts_at, created_at=now,
        created_by_id=who.user_id, state=MessageState.QUEUED, next_try_at=now, resends_id=message.id, mail_id=_mail_id(),
    )  # fmt: skip
    session.add(again)
    session.flush()
    audit.record(session, who, "sent again", "message", again.id, now, kind=again.kind.value, item_id=item.id)
    return again


def outdated(session: Session, message: Message, now: datetime) -> str:
    """Say why a queued message must not be sent any more; nothing when it still holds."""
    if message.item_id is None:
        return ""  # a letter about money says what was true when it was written
    return _why_not(_item(session, message.item_id), message, now)


def _queue(
    session: Session, who: Actor, kind: MessageKind, item: Item, note: Noted, now: datetime, due_at: datetime, *, was: str
) -> list[Message]:
    if not may_be_told(item.kind) or not wording.of(session, kind).is_on:
        return []
    if not choices.wants(session, note.client_id, kind):
        return []
    client, contact = _recipient(session, note.client_id)
    rendered = rendering.render(session, kind, item, client, contact, now)
    message = Message(
        kind=kind, client_id=client.id, item_id=item.id, to_address=contact.email, subject=rendered.subject,
        body=rendered.body, ics=rendered.ics, was=was, says=note.says, about_at=item.starts_at, created_at=now,
        created_by_id=who.user_id, state=MessageState.QUEUED if contact.email else MessageState.DROPPED,
        last_error="" if contact.email else NO_ADDRESS, next_try_at=due_at, mail_id=_mail_id(),
    )  # fmt: skip
    session.add(message)
    session.flush()
    return [message] if contact.email else []


def _take_back(session: Session, item: Item, note: Noted, before: str, *, notifies: bool) -> str:
    """Drop what waits about this client's place, and return what the client knows of it, as far as we can tell."""
    told, waiting = before, _waiting(session, item.id, note.client_id)
    for message in waiting:
        # A try may have arrived although it failed, and what is sent again was known before.
        if message.kind is not MessageKind.REMINDER and message.tries == 0 and message.resends_id is None:
            told = message.was
    for message in waiting:
        message.state = MessageState.DROPPED
        message.last_error = NOT_NOTIFIED if not notifies else TAKEN_BACK if told == note.says else REPLACED
    session.flush()
    return told


def _waiting(session: Session, item_id: int, client_id: int) -> Sequence[Message]:
    query = select(Message).where(Message.item_id == item_id, Message.client_id == client_id)
    return session.scalars(query.where(Message.state == MessageState.QUEUED).order_by(Message.id.desc())).all()


def _why_not(item: Item, message: Message, now: datetime) -> str:
    if item.starts_at <= now:
        return PAST
    if not may_be_told(item.kind) or standing(item).get(message.client_id or 0, NOTHING) != message.says:
        return OUTDATED
    return ""


def _item(session: Session, item_id: int) -> Item:
    found = session.scalars(select(Item).where(Item.id == item_id).options(joinedload(Item.attendees))).unique().one_or_none()
    if found is None:
        raise NotFoundError(f"item {item_id}")
    return found


def _recipient(session: Session, client_id: int) -> tuple[Client, Contact]:
    query = select(Client, Contact).join(Contact, Contact.id == Client.contact_id).where(Client.id == client_id)
    client, contact = session.execute(query).one()
    return client, contact


def _words_of(item: Item) -> str:
    # What a client would notice: another time, person, place or way. Notes, fee and room are the practice's own.
    mode = item.mode.value if item.mode else ""
    span = f"{item.starts_at.isoformat()}/{item.ends_at.isoformat()}"
    return f"{span} {item.practitioner_id} {item.location_id or 0} {mode}".strip()


def _mail_id() -> str:
    return f"{uuid4()}@clinic"
