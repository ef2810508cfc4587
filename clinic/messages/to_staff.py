"""Word to staff of what a client did by themselves: to whose calendar it concerns, and to who wants it of everyone's."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from clinic.kernel import clock, locales
from clinic.messages import letters, outbox, rendering, wording
from clinic.messages.letters import HERE
from clinic.models.calendar import Item
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.people import Client
from clinic.models.practice import ClientMail, Practice, Practitioner, User
from clinic.practice import settings
from clinic.practice.permissions import SEES_ALL, Actor

_GAPS = re.compile(r"\n{3,}")


def readers(session: Session, practitioner_id: int) -> Sequence[User]:
    """Return who is written of what a client did in that practitioner's calendar: theirs, and who wants everyone's."""
    see_all = settings.practice(session).practitioners_see_all
    query = select(User).where(User.is_active, User.client_mail != ClientMail.NONE).options(selectinload(User.roles))
    return [
        user
        for user in session.scalars(query.order_by(User.id))
        if user.roles
        and (
            user.practitioner_id == practitioner_id
            or (user.client_mail is ClientMail.ALL and (see_all or SEES_ALL & {each.role for each in user.roles}))
        )
    ]


def tell(
    session: Session, who: Actor, item: Item, before: Mapping[int, str], now: datetime, *, late: str = ""
) -> list[Message]:
    """Write down for staff what a client did to their place in an item; return what is queued. Must run inside `writing()`.

    It waits as long as a client's own message, so that what they take back at once says nothing, and what they change twice
    is told once; of what begins within that time it goes at once. Never of what has begun.

    Args:
        before: `outbox.standing(item)` before the change; empty for a new booking.
        late: what a late cancellation comes to, in words; empty: it is none.
    """
    client_id = who.client_id
    assert client_id is not None
    words = wording.of(session, MessageKind.BY_CLIENT)
    if not words.is_on or not outbox.may_be_told(item.kind):
        return []
    was, says = before.get(client_id, outbox.NOTHING), outbox.standing(item).get(client_id, outbox.NOTHING)
    practice = settings.practice(session)
    grace = timedelta(minutes=practice.message_grace_minutes)
    due_at = now if item.starts_at <= now + grace else now + grace
    queued = []
    waiting = _waiting(session, item.id, client_id)
    for user in readers(session, item.practitioner_id):
        told = was
        for message in waiting.get(user.email, []):
            told = message.was
        for message in waiting.get(user.email, []):
            message.state = MessageState.DROPPED
            message.last_error = outbox.TAKEN_BACK if told == says else outbox.REPLACED
        if told == says or item.starts_at <= now:
            continue
        rendered = rendering.letter(session, words, _values(session, practice, item, client_id, told, says, late))
        queued.append(
            letters.queue(
                session, who, now, kind=words.kind, to_address=user.email, subject=rendered.subject,
                body=_GAPS.sub("\n\n", rendered.body), client_id=client_id, item_id=item.id, was=told, says=says,
                about_at=item.starts_at, next_try_at=due_at,
            )
        )  # fmt: skip
    return queued


def tell_sold(
    session: Session, who: Actor, purchase_id: int, practitioner_id: int, values: Mapping[str, str], now: datetime
) -> list[Message]:
    """Queue word of a package that a client bought online: once for one purchase and reader. Must run inside `writing()`."""
    words = wording.of(session, MessageKind.SOLD_ONLINE)
    if not words.is_on:
        return []
    practitioner = session.get_one(Practitioner, practitioner_id).name
    rendered = rendering.letter(session, words, {**values, "practitioner": practitioner, "link": f"{HERE}/packages/online"})
    written = (
        letters.tell_staff(
            session, who, words.kind, user.email, subject=rendered.subject, body=_GAPS.sub("\n\n", rendered.body),
            once_key=f"sold-online-{purchase_id}-{user.id}", now=now, client_id=who.for_client_id,
        )
        for user in readers(session, practitioner_id)
    )  # fmt: skip
    return [message for message in written if message is not None]


def _waiting(session: Session, item_id: int, client_id: int) -> dict[str, list[Message]]:
    """Return by address what waits about that client's place, the newest first: what was known before the first stands last."""
    query = select(Message).where(
        Message.item_id == item_id, Message.client_id == client_id, Message.kind == MessageKind.BY_CLIENT,
        Message.state == MessageState.QUEUED, Message.tries == 0,
    )  # fmt: skip
    found: dict[str, list[Message]] = {}
    for message in session.scalars(query.order_by(Message.id.desc())):
        found.setdefault(message.to_address, []).append(message)
    return found


def _values(
    session: Session, practice: Practice, item: Item, client_id: int, told: str, says: str, late: str
) -> dict[str, str]:
    if not says:
        did, more = f"cancelled this appointment{' late' if late else ''}", late
    elif not told:
        did, more = "booked this appointment", ""
    else:
        started_at = datetime.fromisoformat(told.partition("/")[0])
        did, more = "moved this appointment", "Before: {}, {}.".format(*_day_and_time(practice, started_at))
    date, time = _day_and_time(practice, item.starts_at)
    return {
        "client": session.get_one(Client, client_id).name, "did": did, "more": more, "date": date, "time": time,
        "ends": _day_and_time(practice, item.ends_at)[1],
        "practitioner": session.get_one(Practitioner, item.practitioner_id).name,
        "link": f"{HERE}/calendar/items/{item.id}",
    }  # fmt: skip


def _day_and_time(practice: Practice, instant: datetime) -> tuple[str, str]:
    house, there = locales.named(practice.locale), clock.local(instant, practice.timezone)
    return locales.day(there.date(), house, weekday=True, long=True), locales.wall_time(there, house)
