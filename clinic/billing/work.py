"""Work done and not on an invoice yet: which attendee's share may be billed, for how much, in which words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from clinic.kernel import clock, locales, money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import InvoiceLine, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.people import Client, Contact
from clinic.models.practice import Practice, Practitioner
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

WORK_MAX = 300
NEVER_BILLED = frozenset({Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE})
BY_POLICY = frozenset({Status.NO_SHOW, Status.LATE_CANCELLED})
_SUFFIXES = {Status.NO_SHOW: ", no show", Status.LATE_CANCELLED: ", late cancelled"}


class Kind(Protocol):
    """Be an appointment type, as far as a line's words ask."""

    @property
    def name(self) -> str:
        """Return what it is called."""


class Slot(Protocol):
    """Be an item in the calendar, as far as a line's words ask."""

    @property
    def starts_at(self) -> datetime:
        """Return when it starts."""

    @property
    def type(self) -> Kind | None:
        """Return its type; None: a free-form event."""


class Place(Protocol):
    """Be a client's place in an item, as far as its bill asks."""

    @property
    def status(self) -> Status:
        """Return what became of it."""

    @property
    def is_billed(self) -> bool:
        """Say whether the fee sits on this place."""

    @property
    def do_not_invoice(self) -> bool:
        """Say whether someone marked it so."""

    @property
    def fee_description(self) -> str:
        """Return the fee's words as copied."""

    @property
    def fee_cents(self) -> int:
        """Return the fee as copied."""

    @property
    def policy_cents(self) -> int | None:
        """Return what is billed instead when it was missed."""


class Part(Protocol):
    """Be a share of a place's fee."""

    @property
    def id(self) -> int:
        """Return which."""

    @property
    def attendee_id(self) -> int:
        """Return whose place."""

    @property
    def amount_cents(self) -> int:
        """Return how much of the fee."""

    @property
    def attendee(self) -> Place:
        """Return the place."""


@dataclass(frozen=True)
class Work:
    """Be one uninvoiced share, as plain values. `amount_cents` is less the client's discount."""

    share_id: int
    attendee_id: int
    item_id: int
    client_id: int
    client_name: str
    payer_id: int
    payer_name: str
    session_date: date
    description: str
    amount_cents: int
    is_released: bool
    is_silent: bool  # an Activity: the client hears of it only by this line
    is_billed_together: bool = False  # its payer wants one invoice for all clients


def billed_cents(attendee: Place, practice: Practice) -> int:
    """Return what the attendee's place bills: the fee, or by the status policy what is billed instead."""
    if attendee.status in NEVER_BILLED:
        return 0
    if attendee.status in BY_POLICY:
        if attendee.policy_cents is not None:
            return attendee.policy_cents
        rate = practice.no_show_bp if attendee.status is Status.NO_SHOW else practice.late_cancel_bp
        return money.share_of(attendee.fee_cents, rate)
    return attendee.fee_cents


def shares_cents(session: Session, shares: Collection[Part], practice: Practice) -> dict[int, int]:
    """Return what each share bills, in at most one query. The shares' attendees must be loaded."""
    missed = [share for share in shares if share.attendee.status in BY_POLICY]
    cents = {share.id: share.amount_cents for share in shares}
    # A share that is the whole fee has no others beside it.
    cents |= {share.id: billed_cents(share.attendee, practice) for share in missed}
    by_policy = {share.attendee_id: share.attendee for share in missed if share.amount_cents != share.attendee.fee_cents}
    siblings: dict[int, list[Share]] = {}
    for each in shares_of(session, by_policy) if by_policy else []:
        siblings.setdefault(each.attendee_id, []).append(each)
    for attendee_id, attendee in by_policy.items():
        parts = money.spread(billed_cents(attendee, practice), [each.amount_cents for each in siblings[attendee_id]])
        cents |= {each.id: part for each, part in zip(siblings[attendee_id], parts, strict=True)}
    return cents


def describe(attendee: Place, item: Slot, practice: Practice, practitioner_name: str) -> str:
    """Return a line's words: the fee's as copied at booking, or the practice's default description."""
    day = locales.day(clock.local_date(item.starts_at, practice.timezone), locales.named(practice.locale))
    kind = item.type.name if item.type is not None else "Session"
    words = attendee.fee_description
    if not words:
        words = practice.line_description or kind
        for name, value in (("{date}", day), ("{practitioner}", practitioner_name), ("{type}", kind)):
            words = words.replace(name, value)
    return words + _SUFFIXES.get(attendee.status, "")


def share_for_line(session: Session, share_id: int) -> Share:
    """Load a share with its attendee, item and type, as a line needs them.

    Raises:
        NotFoundError: there is no such share, or its item was deleted.
    """
    options = joinedload(Share.attendee).options(joinedload(Attendee.client), joinedload(Attendee.item).joinedload(Item.type))
    share = session.scalar(select(Share).where(Share.id == share_id).options(options))
    if share is None or share.attendee.item.deleted_at is not None:
        raise NotFoundError("share")
    return share


def check_billable(attendee: Place, practice: Practice) -> None:
    """Refuse what bills nothing, in a sentence.

    Raises:
        RefusalError: the place carries no fee, was cancelled, or is marked Do not invoice.
    """
    if not attendee.is_billed:
        raise RefusalError("This session is billed to another member of the group.")
    if attendee.do_not_invoice:
        raise RefusalError("This session is marked Do not invoice. Take the mark away first.")
    if attendee.status in NEVER_BILLED:
        raise RefusalError("A cancelled session bills nothing.")
    if attendee.status in BY_POLICY and attendee.fee_cents and not billed_cents(attendee, practice):
        raise RefusalError("By the practice's policy this missed session bills nothing.")


def uninvoiced(
    session: Session,
    who: Actor,
    now: datetime,
    *,
    client_id: int | None = None,
    payer_id: int | None = None,
    item_id: int | None = None,
    from_date: date | None = None,
    until_date: date | None = None,
    most: int = WORK_MAX,
) -> list[Work]:
    """List what is done, billable and on no invoice, drafts included: oldest first, at most so many.

    Of one item (`item_id`) it is listed before it is done, too: a person may bill it ahead.
    """
    practice = settings.practice(session)
    chosen = _uninvoiced(who)
    if item_id is not None:
        chosen = chosen.where(Attendee.item_id == item_id)
    else:
        chosen = chosen.where(Item.starts_at <= now)
        if not practice.past_booked_is_attended:
            chosen = chosen.where(Attendee.status != Status.BOOKED)
    chosen = _narrowed(chosen, practice, from_date, until_date)
    if client_id is not None:
        chosen = chosen.where(Attendee.client_id == client_id)
    if payer_id is not None:
        chosen = chosen.where(Share.payer_id == payer_id)
    found = session.execute(chosen.order_by(Item.starts_at, Share.id).limit(most)).all()
    cents = shares_cents(session, [share for share, _, _ in found], practice)
    return [
        Work(
            share_id=share.id,
            attendee_id=share.attendee_id,
            item_id=share.attendee.item_id,
            client_id=share.attendee.client_id,
            client_name=share.attendee.client.name,
            payer_id=payer.id,
            payer_name=payer.name,
            session_date=clock.local_date(share.attendee.item.starts_at, practice.timezone),
            description=describe(share.attendee, share.attendee.item, practice, practitioner_name),
            amount_cents=cents[share.id] - money.share_of(cents[share.id], share.attendee.client.discount_bp),
            is_released=share.released_at is not None,
            is_silent=share.attendee.item.kind.is_silent,
            is_billed_together=payer.one_invoice_for_all,
        )
        for share, payer, practitioner_name in found
        if cents[share.id] or practice.bills_zero_fees
    ]


def attendee_for(session: Session, who: Actor, attendee_id: int) -> Attendee:
    """Load an attendee with client, item and type.

    Raises:
        NotFoundError: there is none, its item was deleted, or it is not theirs.
    """
    options = (joinedload(Attendee.client), joinedload(Attendee.item).joinedload(Item.type))
    attendee = session.scalar(select(Attendee).where(Attendee.id == attendee_id).options(*options))
    if attendee is None or attendee.item.deleted_at is not None:
        raise NotFoundError("attendee")
    if who.own_practitioner_id not in (None, attendee.item.practitioner_id, attendee.client.practitioner_id):
        raise NotFoundError("attendee")
    return attendee


def set_do_not_invoice(session: Session, who: Actor, attendee_id: int, value: bool, now: datetime) -> None:
    """Mark a place as never to be invoiced, or take the mark away. Safe to repeat.

    Raises:
        RefusalError: it stands on an invoice, so it is too late for the mark.
    """
    attendee = attendee_for(session, who, attendee_id)
    if value and live_lines(session, _share_ids(session, [attendee_id])):
        raise RefusalError("This session is on an invoice already.")
    if attendee.do_not_invoice == value:
        return
    attendee.do_not_invoice = value
    attendee.billing_changed_at = now
    audit.record(session, who, "set do not invoice", "attendee", attendee_id, now, value=value)


def live_lines(session: Session, share_ids: Collection[int]) -> dict[int, InvoiceLine]:
    """Return the live line, its invoice loaded, of every share that has one; drafts count."""
    if not share_ids:
        return {}
    found = session.scalars(
        select(InvoiceLine)
        .where(InvoiceLine.share_id.in_(share_ids), InvoiceLine.released_at.is_(None))
        .options(joinedload(InvoiceLine.invoice))
    )
    return {line.share_id: line for line in found if line.share_id is not None}


def shares_of(session: Session, attendee_ids: Collection[int]) -> list[Share]:
    """List the shares of those places in order."""
    chosen = select(Share).where(Share.attendee_id.in_(attendee_ids)).order_by(Share.attendee_id, Share.position, Share.id)
    return list(session.scalars(chosen))


def _narrowed(
    chosen: Select[Share, Contact, str], practice: Practice, from_date: date | None, until_date: date | None
) -> Select[Share, Contact, str]:
    if not practice.bills_zero_fees:
        chosen = chosen.where(~_bills_nothing(practice))  # before the limit, which they would use up
    if from_date is not None:
        chosen = chosen.where(Item.starts_at >= clock.day_start(from_date, practice.timezone))
    if until_date is not None:
        chosen = chosen.where(Item.starts_at < clock.day_start(until_date + timedelta(days=1), practice.timezone))
    return chosen


def _bills_nothing(practice: Practice) -> ColumnElement[bool]:
    rates = {Status.NO_SHOW: practice.no_show_bp, Status.LATE_CANCELLED: practice.late_cancel_bp}
    free = [status for status, rate in rates.items() if not rate]
    return or_(
        and_(Attendee.status.not_in(BY_POLICY), Share.amount_cents == 0),
        and_(Attendee.status.in_(BY_POLICY), func.coalesce(Attendee.policy_cents, -1) == 0),
        and_(Attendee.status.in_(free), Attendee.policy_cents.is_(None)),
    )


def _share_ids(session: Session, attendee_ids: Collection[int]) -> list[int]:
    return [share.id for share in shares_of(session, attendee_ids)]


def _uninvoiced(who: Actor) -> Select[Share, Contact, str]:
    chosen = (
        select(Share, Contact, Practitioner.name)
        .join(Share.attendee)
        .join(Attendee.item)
        .join(Contact, Contact.id == Share.payer_id)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(InvoiceLine, and_(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None)))
        .where(
            InvoiceLine.id.is_(None),
            Item.deleted_at.is_(None),
            Attendee.is_billed,
            Attendee.do_not_invoice.is_(False),
            Attendee.status.not_in(NEVER_BILLED),
        )
        .options(
            joinedload(Share.attendee).options(joinedload(Attendee.client), joinedload(Attendee.item).joinedload(Item.type))
        )
    )
    own = who.own_practitioner_id
    if own is not None:
        mine = select(Client.id).where(Client.practitioner_id == own)
        chosen = chosen.where(or_(Item.practitioner_id == own, Attendee.client_id.in_(mine)))
    return chosen
