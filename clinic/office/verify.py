"""Recompute what must always be true and name what is off: a sentence each, never a name of a person."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from clinic.calendar import recurrence
from clinic.models import guards
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, SessionEntry, SessionEvent, Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.documents import DocumentRun, RunDocument, RunState
from clinic.models.messages import Message, MessageKind, MessagePart, MessageState
from clinic.models.people import Diagnosis
from clinic.models.practice import AuditEntry, Logo
from clinic.office import verify_books
from clinic.people import portal_visits
from clinic.practice import audit, settings

CHUNK = 2_000
LIVE = tuple(status for status in Status if status.is_live)
STANDING = ("booked", "used", "forfeited", "expired")


def findings(session: Session) -> Iterator[str]:
    """Yield a sentence for everything that is off, across all areas; nothing when all is well. Changes nothing."""
    for check in CHECKS:
        yield from check(session)


def _guards(session: Session) -> Iterator[str]:
    for name in guards.missing(session.connection()):
        yield f"The database lacks the guard {name}."


def _overlaps(session: Session) -> Iterator[str]:
    one, other = aliased(Item), aliased(Item)
    for column, words in ((Item.practitioner_id, "practitioner"), (Item.room_id, "room")):
        # Each is compared with the latest end among those that began before it: once through, not each with each.
        busy_until = func.max(Item.ends_at).over(
            partition_by=column, order_by=(Item.starts_at, Item.id), rows=(None, -1)
        )  # fmt: skip
        blocking = select(Item.id, Item.starts_at, busy_until.label("busy_until")).where(Item.is_blocking, column.is_not(None))
        timed = blocking.subquery()
        late = select(timed.c.id).where(timed.c.starts_at < timed.c.busy_until)
        same = getattr(one, column.key) == getattr(other, column.key)
        clash = and_(same, one.starts_at < other.ends_at, other.starts_at < one.ends_at, one.id != other.id)
        pairs = select(one.id, other.id).join(other, clash).where(one.is_blocking, other.is_blocking, one.id.in_(late))
        for pair in sorted({tuple(sorted(pair)) for pair in session.execute(pairs)}):
            yield f"Items {pair[0]} and {pair[1]} hold the same {words} at the same time."


def _items(session: Session) -> Iterator[str]:
    peopled = select(Attendee.id).where(Attendee.item_id == Item.id)
    is_held = and_(
        Item.is_busy, Item.deleted_at.is_(None), or_(peopled.where(Attendee.status.in_(LIVE)).exists(), ~peopled.exists())
    )
    wrong = or_(and_(is_held, ~Item.is_blocking), and_(~is_held, Item.is_blocking))
    for identity, is_blocking in session.execute(select(Item.id, Item.is_blocking).where(wrong).order_by(Item.id)):
        yield f"Item {identity} {'still holds' if is_blocking else 'does not hold'} its time."


def _series(session: Session) -> Iterator[str]:
    # What repeats was booked from one wish: one type in the calendar for as long as it lasts.
    kinds = select(Item.series_id, func.min(Item.type_id), func.max(Item.type_id), func.count(), func.count(Item.type_id))
    rows = session.execute(kinds.where(Item.series_id.is_not(None)).group_by(Item.series_id))
    for identity, least, most, standing, typed in rows:
        if least != most or typed not in (0, standing):
            yield f"Series {identity} holds items of different types."
        if standing > recurrence.TIMES_MAX:
            yield f"Series {identity} holds {standing} items."


def _packages(session: Session) -> Iterator[str]:
    sums = [func.sum(getattr(SessionEntry, name)).label(name) for name in ("purchased", *STANDING)]
    newest = func.max(SessionEntry.id).label("newest_id")
    stood = select(SessionEntry.line_id, newest, *sums).group_by(SessionEntry.line_id).subquery()
    last = aliased(SessionEntry)
    sells = and_(Invoice.issued_at.is_not(None), InvoiceLine.minutes.is_not(None), InvoiceLine.released_at.is_(None))
    rows = session.execute(
        select(InvoiceLine.id, sells, InvoiceLine.share_id.is_not(None), last.event,
               *(func.coalesce(stood.c[each.name], 0) for each in sums))
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .outerjoin(stood, stood.c.line_id == InvoiceLine.id)
        .outerjoin(last, last.id == stood.c.newest_id)
        .order_by(InvoiceLine.id),
        execution_options={"yield_per": CHUNK},
    )  # fmt: skip
    for identity, is_sold, has_appointment, event, purchased, *standing in rows:
        if purchased != is_sold:
            yield f"Package line {identity} was bought {purchased} times."
        if sorted({0, 1, *standing}) != [0, 1] or sum(standing) > 1:
            yield f"Package line {identity} stands in more than one place of the session ledger."
        if has_appointment and not any(standing):
            yield f"Package line {identity} has an appointment that the session ledger does not know."
        # What a person put there by hand needs no appointment.
        is_adjusted = event is SessionEvent.ADJUSTED
        if not has_appointment and (standing[0] or (standing[1] and not is_adjusted)):
            yield f"Package line {identity} is booked in the session ledger, but has no appointment."


def _links(session: Session) -> Iterator[str]:
    twice = (
        select(InvoiceLine.share_id)
        .where(InvoiceLine.share_id.is_not(None), InvoiceLine.released_at.is_(None))
        .group_by(InvoiceLine.share_id)
        .having(func.count() > 1)
    )
    for identity in session.scalars(twice):
        yield f"Share {identity} stands on two live invoice lines."
    timezone = settings.house(session)
    rows = session.execute(
        select(InvoiceLine.id, InvoiceLine.session_date, Item.starts_at)
        .join(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .join(Item, Item.id == Attendee.item_id),
        execution_options={"yield_per": CHUNK},
    )
    for identity, session_date, starts_at in rows:
        if session_date != timezone.local_date(starts_at):
            yield f"Package line {identity} shows another date than its appointment."
    shared = func.sum(Share.amount_cents)
    split = select(Attendee.id).join(Share, Share.attendee_id == Attendee.id).group_by(Attendee.id, Attendee.fee_cents)
    for identity in session.scalars(split.having(shared != Attendee.fee_cents)):
        yield f"The shares of attendee {identity} do not add up to the fee."


def _messages(session: Session) -> Iterator[str]:
    silent = [kind for kind in ItemKind if kind.is_silent]
    told = select(Message.id).join(Item, Item.id == Message.item_id).where(Item.kind.in_(silent))
    parts = select(MessagePart.message_id).join(Item, Item.id == MessagePart.item_id).where(Item.kind.in_(silent))
    for identity in session.scalars(told.union(parts.distinct())):
        yield f"Message {identity} tells a client of something clients never hear of."
    several = [kind for kind in MessageKind if kind is not kind.of_one]
    left = exists().where(MessagePart.message_id == Message.id, ~MessagePart.is_left_out)
    mixed = select(Message.id).where(Message.state == MessageState.QUEUED, Message.kind.in_(several) != left)
    for identity in session.scalars(mixed):
        yield f"Message {identity} is of another kind than the number of its appointments."
    part = and_(MessagePart.message_id == Message.id, ~MessagePart.is_left_out)
    item_id, says = func.coalesce(MessagePart.item_id, Message.item_id), func.coalesce(MessagePart.says, Message.says)
    booked = exists().where(Attendee.item_id == item_id, Attendee.client_id == Message.client_id)
    waiting = select(Message.id).outerjoin(MessagePart, part).where(Message.state == MessageState.QUEUED)
    strangers = waiting.where(says != "", ~booked).distinct()
    for identity in session.scalars(strangers):
        yield f"Message {identity} waits for a client who is not booked."


def _logo(session: Session) -> Iterator[str]:
    worn = settings.practice(session).logo_sha256
    for kept in session.scalars(select(Logo)):
        if sha256(kept.image).hexdigest() != kept.sha256:
            yield "The logo is not the picture that was taken."
        if kept.sha256 != worn:
            yield "A logo is kept that no document carries."


def _portal(session: Session) -> Iterator[str]:
    for identity in portal_visits.off(session):
        yield f"Portal session {identity} is open without access."


def _documents(session: Session) -> Iterator[str]:
    bare = and_(RunDocument.content_hash.is_(None), RunDocument.failure == "", DocumentRun.state == RunState.DONE)
    held, left = func.count(RunDocument.position), func.count(RunDocument.position).filter(bare)
    rows = session.execute(
        select(DocumentRun.id, DocumentRun.total_count, held, left)
        .outerjoin(RunDocument, RunDocument.run_id == DocumentRun.id)
        .where(DocumentRun.removed_at.is_(None))
        .group_by(DocumentRun.id)
        .order_by(DocumentRun.id)
    )
    for identity, total, there, waiting in rows:
        if there != total:
            yield f"Series of documents {identity} was asked for with {total} and holds {there}."
        if waiting:
            yield f"Series of documents {identity} is over, and {waiting} of it were neither made nor said to have failed."


def _audit(session: Session) -> Iterator[str]:
    before = ""
    columns = AuditEntry.__table__.columns
    for entry in session.execute(select(*columns).order_by(AuditEntry.id), execution_options={"yield_per": CHUNK}):
        if entry.hash != audit.chained_of(before, entry):
            yield f"The audit trail was changed at entry {entry.id}."
            return
        before = entry.hash


def _diagnoses(session: Session) -> Iterator[str]:
    one, other = aliased(Diagnosis), aliased(Diagnosis)
    is_same = and_(one.client_id == other.client_id, one.code == other.code, one.id < other.id)
    meets = and_(
        or_(one.until_date.is_(None), one.until_date >= other.from_date),
        or_(other.until_date.is_(None), other.until_date >= one.from_date),
    )
    for pair in session.execute(select(one.id, other.id).join(other, is_same).where(meets).order_by(one.id, other.id)):
        yield f"Diagnoses {pair[0]} and {pair[1]} say the same of the same days."


CHECKS: tuple[Callable[[Session], Iterator[str]], ...] = (
    _guards, *verify_books.CHECKS, _overlaps, _items, _series, _packages, _links, _messages, _logo, _portal, _documents, _audit,
    _diagnoses,
)  # fmt: skip
