"""The outbox: what a change means for its clients is written with it, waits a few minutes, and is sent by the clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, selectinload

from clinic.kernel.errors import RefusalError
from clinic.messages import choices, letters, rendering, sign_in_links, wording
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.messages import Message, MessageChoice, MessageKind, MessagePart, MessageState
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
    """Hold one client's place in an item: what they would be told of it, and what they knew before."""

    item: Item
    says: str
    was: str


@dataclass(frozen=True)
class _Waiting:
    """Be what waits to be sent about one client's place: a message, or the part of one that tells of several."""

    message: Message
    part: MessagePart | None

    @property
    def was(self) -> str:
        return self.part.was if self.part else self.message.was


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
    return tell_all(session, who, [(item, before)], now, notifies=notifies)


def tell_all(
    session: Session, who: Actor, changes: Iterable[tuple[Item, Mapping[int, str]]], now: datetime, *, notifies: bool = True
) -> list[Message]:
    """Write down what a change of several items tells their clients: all that is of one kind in one message to each.

    Must run inside `writing()`. Each item comes with its `standing` before the change.
    """
    told_of = [(item, before) for item, before in changes if may_be_told(item.kind)]
    waiting = _waiting(session, [item.id for item, _before in told_of])
    shrunk: dict[int, tuple[Message, str]] = {}
    notes: dict[tuple[int, MessageKind], list[Noted]] = {}
    for item, before in told_of:
        after = standing(item)
        for client_id in sorted(before.keys() | after.keys()):
            was, says = before.get(client_id, NOTHING), after.get(client_id, NOTHING)
            if was == says:
                continue
            told = _take_back(waiting.get((item.id, client_id), []), was, says, shrunk, notifies=notifies)
            if told == says or not notifies or item.starts_at <= now:
                continue
            kind = MessageKind.CHANGE if told and says else MessageKind.CONFIRMATION if says else MessageKind.CANCELLATION
            notes.setdefault((client_id, kind), []).append(Noted(item, says, told))
    session.flush()
    for message, why in shrunk.values():
        _shrink(session, message, why, now)
    due_at = now + timedelta(minutes=settings.practice(session).message_grace_minutes)
    queued: list[Message] = []
    for (client_id, kind), found in notes.items():
        queued += _queue(session, who, kind, client_id, found, now, due_at)
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
        words = _words_of(item)
        written += len(_queue(session, CLOCK, MessageKind.REMINDER, client_id, [Noted(item, words, words)], now, now))
    return written


def resend(
    session: Session, who: Actor, message: Message, now: datetime, *, attachment: tuple[str, str] | None = None
) -> Message:
    """Send a message once more, worded anew and to the client's present address. Must run inside `writing()`.

    Raises:
        RefusalError: what it says no longer holds, it is about the past, or there is no address.
    """
    if message.state is MessageState.QUEUED and message.tries == 0:
        raise RefusalError("This message waits to be sent already.")
    if message.kind is MessageKind.SIGN_IN:
        raise RefusalError("A link works once. Send a new one from the client’s profile.")
    if message.item_id is None or message.client_id is None or message.kind is MessageKind.BY_CLIENT:
        return letters.resend(session, who, message, now, attachment=attachment)
    notes, why = _still_holding(session, message, now)
    if not notes:
        raise RefusalError(f"{why} It is not sent again.")
    if not _recipient(session, message.client_id)[1].email:
        raise RefusalError("No e-mail address is on file for this client. Add one, then send again.")
    if message.state is MessageState.QUEUED:
        message.state, message.last_error = MessageState.DROPPED, ELSEWHERE
    again = _write(session, who, message.kind, message.client_id, notes, now, now, resends_id=message.id)
    audit.record(session, who, "sent again", "message", again.id, now, kind=again.kind.value, item_id=again.item_id)
    return again


def outdated(session: Session, message: Message, now: datetime) -> str:
    """Say why a queued message must not be sent any more; nothing when it still holds.

    Of a message about several, what no longer holds is left out first; the rest may still be sent.
    """
    if message.kind is MessageKind.SIGN_IN:
        return sign_in_links.outdated(session, message, now)
    if message.item_id is None:
        return ""  # a letter about money says what was true when it was written
    notes, why = _still_holding(session, message, now)
    if notes and why:
        held = {note.item.id for note in notes}
        for part in _parts(session, message):
            part.is_left_out = part.is_left_out or part.item_id not in held
        session.flush()
        _shrink(session, message, why, now)
    return "" if notes else why


def told_of(session: Session, message: Message) -> tuple[tuple[int, datetime], ...]:
    """Return the appointments a message tells of, with their starts; of one that told of several and is dropped, all."""
    if message.item_id is None:
        return ()
    if message.kind is message.kind.of_one:
        return ((message.item_id, message.about_at),)
    parts = _parts(session, message)
    left = [part for part in parts if not part.is_left_out] or parts
    return tuple((part.item_id, part.about_at) for part in left)


def _queue(
    session: Session, who: Actor, kind: MessageKind, client_id: int, notes: Sequence[Noted], now: datetime, due_at: datetime
) -> list[Message]:
    kind = kind if len(notes) == 1 else kind.of_several
    if not wording.is_on(session, kind) or not choices.wants(session, client_id, kind):
        return []
    message = _write(session, who, kind, client_id, notes, now, due_at)
    return [message] if message.state is MessageState.QUEUED else []


def _write(
    session: Session, who: Actor, kind: MessageKind, client_id: int, notes: Sequence[Noted], now: datetime, due_at: datetime,
    *, resends_id: int | None = None,
) -> Message:  # fmt: skip
    notes = sorted(notes, key=lambda note: (note.item.starts_at, note.item.id))
    client, contact = _recipient(session, client_id)
    first, is_one = notes[0], kind is kind.of_one
    rendered = rendering.render(session, kind, [note.item for note in notes], client, contact, now)
    message = Message(
        kind=kind, client_id=client.id, item_id=first.item.id, to_address=contact.email, subject=rendered.subject,
        body=rendered.body, ics=rendered.ics, was=first.was if is_one else NOTHING, says=first.says if is_one else NOTHING,
        about_at=first.item.starts_at, created_at=now, created_by_id=who.user_id,
        state=MessageState.QUEUED if contact.email else MessageState.DROPPED, last_error="" if contact.email else NO_ADDRESS,
        next_try_at=due_at, resends_id=resends_id, mail_id=_mail_id(),
    )  # fmt: skip
    session.add(message)
    session.flush()
    if not is_one:
        session.add_all(
            MessagePart(message_id=message.id, item_id=note.item.id, was=note.was, says=note.says, about_at=note.item.starts_at)
            for note in notes
        )
        session.flush()
    return message


def _take_back(
    waiting: Sequence[_Waiting], before: str, says: str, shrunk: dict[int, tuple[Message, str]], *, notifies: bool
) -> str:
    """Drop what waits about a client's place, and return what the client knows of it, as far as we can tell.

    Messages that tell of several lose that one; they come back in `shrunk`, to be worded anew once all is taken back.
    """
    told = before
    for each in waiting:
        message = each.message
        # A try may have arrived although it failed, and what is sent again was known before.
        if message.kind is not MessageKind.REMINDER and message.tries == 0 and message.resends_id is None:
            told = each.was
    why = NOT_NOTIFIED if not notifies else TAKEN_BACK if told == says else REPLACED
    for each in waiting:
        if each.part is None:
            each.message.state, each.message.last_error = MessageState.DROPPED, why
        else:
            each.part.is_left_out = True
            shrunk[each.message.id] = (each.message, why)
    return told


def _shrink(session: Session, message: Message, why: str, now: datetime) -> None:
    """Word a message about several anew for what is left of it; about a single one it becomes an ordinary message."""
    left = [part for part in _parts(session, message) if not part.is_left_out]
    if not left:
        message.state, message.last_error = MessageState.DROPPED, why
        return
    items = _items(session, [part.item_id for part in left])
    message.item_id, message.about_at = items[0].id, left[0].about_at
    if len(left) == 1:
        message.kind, message.was, message.says = message.kind.of_one, left[0].was, left[0].says
        left[0].is_left_out = True
    rendered = rendering.render(session, message.kind, items, *_recipient(session, message.client_id or 0), now)
    message.subject, message.body, message.ics = rendered.subject, rendered.body, rendered.ics
    session.flush()


def _waiting(session: Session, item_ids: Sequence[int]) -> dict[tuple[int, int], list[_Waiting]]:
    """Return by item and client what waits about their places, the newest first."""
    several = [kind for kind in MessageKind if kind is not kind.of_one]
    several.append(MessageKind.BY_CLIENT)  # word to staff is their own matter
    alone = select(Message).where(Message.item_id.in_(item_ids), Message.kind.not_in(several))
    parts = (
        select(MessagePart, Message)
        .join(Message, Message.id == MessagePart.message_id)
        .where(MessagePart.item_id.in_(item_ids), ~MessagePart.is_left_out)
    )
    queued = session.scalars(alone.where(Message.state == MessageState.QUEUED))
    found = [(row.item_id or 0, _Waiting(row, None)) for row in queued]
    together = session.execute(parts.where(Message.state == MessageState.QUEUED))
    found += [(part.item_id, _Waiting(message, part)) for part, message in together]
    waiting: dict[tuple[int, int], list[_Waiting]] = {}
    for item_id, each in sorted(found, key=lambda row: -row[1].message.id):
        waiting.setdefault((item_id, each.message.client_id or 0), []).append(each)
    return waiting


def _still_holding(session: Session, message: Message, now: datetime) -> tuple[list[Noted], str]:
    """Return what a message may still say, and why the rest of it, if any, may not be said."""
    said = [(message.item_id or 0, message.says, message.was)]
    if message.kind is not message.kind.of_one:
        said = [(part.item_id, part.says, part.was) for part in _parts(session, message) if not part.is_left_out]
    notes, why = [], OUTDATED if not said else ""
    items = _items(session, [item_id for item_id, _says, _was in said])
    for item, (_item_id, says, was) in zip(items, said, strict=True):
        reason = _why_not(item, message.client_id or 0, says, now)
        why = why or reason
        if not reason:
            notes.append(Noted(item, says, was))
    return notes, why


def _why_not(item: Item, client_id: int, says: str, now: datetime) -> str:
    if item.starts_at <= now:
        return PAST
    if not may_be_told(item.kind) or standing(item).get(client_id, NOTHING) != says:
        return OUTDATED
    return ""


def _parts(session: Session, message: Message) -> Sequence[MessagePart]:
    query = select(MessagePart).where(MessagePart.message_id == message.id)
    return session.scalars(query.order_by(MessagePart.about_at, MessagePart.item_id)).all()


def _items(session: Session, item_ids: Sequence[int]) -> list[Item]:
    """Load those items in that order, with their attendees."""
    query = select(Item).where(Item.id.in_(item_ids)).options(selectinload(Item.attendees))
    found = {item.id: item for item in session.scalars(query)}
    return [found[item_id] for item_id in item_ids]


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
