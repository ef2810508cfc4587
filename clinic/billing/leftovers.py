"""What the nights leave for a person: work let go, too old or billed by hand, drafts, and what was never answered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Integer, and_, cast, func, null, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from clinic.billing import charges, daily, periods, refunds, uninvoiced, work
from clinic.billing.daily import Survey
from clinic.kernel import clock
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, InvoiceSource, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.money import ChargeAttempt, Payment, Refund
from clinic.models.people import Contact
from clinic.models.practice import InvoiceCreation, Practice
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

LEFT_MAX = 100
UNCONFIRMED_DAYS = timedelta(days=60)
DRAFT_AGE = timedelta(days=1)
RELEASED = "It was on an invoice or a package and was let go."
OLDER = "It is on no invoice, and older than what a run looks back on."
PASSED = "It is on no invoice, and the run of its day has passed."


@dataclass(frozen=True)
class Left:
    """Be one thing the night does not touch until someone says. Which ids are set says what can be said."""

    name: str
    day: date
    amount_cents: int
    words: str
    share_id: int | None = None
    line_id: int | None = None
    attempt_id: int | None = None
    payment_id: int | None = None
    client_id: int | None = None
    invoice_id: int | None = None

    @property
    def is_released(self) -> bool:
        """Say whether it was on an invoice or package before."""
        return self.words == RELEASED


def all_of(session: Session, survey: Survey, day: date, now: datetime) -> list[Left]:
    """List what is left for a person, oldest first within its kind. `day` is the date that the coming run bills."""
    practice = settings.practice(session)
    works = [each for planned in survey.planned for each in planned.works] + [held.work for held in survey.held]
    seen = {each.share_id for each in works if each.session_date < day}
    left = _unanswered(session, now) + _drafts(session, now) + _waiting(session, practice, day, seen)
    left += [
        Left(
            held.work.client_name, held.work.session_date, held.work.total_cents,
            f"A line typed by hand on {_called(held.invoice_number)} has the same client, date and fee.",
            share_id=held.work.share_id, line_id=held.line_id,
        )
        for held in survey.held
    ]  # fmt: skip
    if practice.invoice_creation is not InvoiceCreation.MANUALLY:
        left += _unconfirmed(session, practice, now)
    return left


def bill_again(session: Session, who: Actor, share_id: int, now: datetime) -> None:
    """Let the coming night bill a session. Safe to repeat.

    Raises:
        NotFoundError: there is no such session.
        ClashError: it stands on an invoice again.
    """
    share = _free_share(session, share_id)
    share.bill_again_at = now
    audit.record(session, who, "asked to bill again", "share", share_id, now)


def do_not_invoice(session: Session, who: Actor, share_id: int, now: datetime) -> None:
    """Mark a session as never to be invoiced. Safe to repeat.

    Raises:
        NotFoundError: there is no such session.
        ClashError: it stands on an invoice again.
    """
    work.set_do_not_invoice(session, who, _free_share(session, share_id).attendee_id, True, now)


def link_typed(session: Session, who: Actor, share_id: int, line_id: int, now: datetime) -> None:
    """Say that a line typed by hand bills this session.

    Raises:
        NotFoundError: there is no such session or line.
        ClashError: one of them is taken meanwhile.
        RefusalError: the line is about another client or payer.
    """
    share = _free_share(session, share_id)
    line = session.scalar(select(InvoiceLine).where(InvoiceLine.id == line_id).options(joinedload(InvoiceLine.invoice)))
    if line is None or line.released_at is not None or line.invoice.source is InvoiceSource.PACKAGE:
        raise NotFoundError("line")
    if line.share_id is not None:
        raise ClashError("That line bills another session by now.")
    attendee = session.get_one(Attendee, share.attendee_id)
    if line.invoice.client_id != attendee.client_id:
        raise RefusalError("That line is about another client.")
    line.share_id = share_id
    session.flush()
    audit.record(session, who, "linked typed line", "invoice_line", line_id, now, share_id=share_id)


def _free_share(session: Session, share_id: int) -> Share:
    share = session.get(Share, share_id)
    if share is None:
        raise NotFoundError("share")
    line = work.live_lines(session, [share_id]).get(share_id)
    if line is not None:
        raise ClashError(f"This session stands on {_called(line.invoice.number)} by now.")
    return share


def _called(number: str | None) -> str:
    return f"invoice {number}" if number else "a draft"


def _waiting(session: Session, practice: Practice, day: date, seen: Collection[int]) -> list[Left]:
    """List work that was let go, and work that no coming run bills; in one query. `seen` shares are the coming run's."""
    live = select(InvoiceLine.id).where(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None))
    is_released: ColumnElement[bool] = Share.released_at.is_not(None)
    if practice.invoice_creation is InvoiceCreation.MANUALLY:
        is_released &= Contact.invoice_creation == InvoiceCreation.MONTHLY
    found = session.execute(
        select(Share, Contact)
        .join(Share.attendee)
        .join(Attendee.item)
        .join(Contact, Contact.id == Share.payer_id)
        .outerjoin(Item.type)
        .where(
            or_(is_released, _is_older(practice, day)), Share.bill_again_at.is_(None), ~live.exists(),
            Item.deleted_at.is_(None), Attendee.is_billed, ~Attendee.do_not_invoice,
            Attendee.status.not_in(work.NEVER_BILLED),
        )
        .options(joinedload(Share.attendee).options(joinedload(Attendee.client), joinedload(Attendee.item)))
        .order_by(Item.starts_at, Share.id)
        .limit(LEFT_MAX + len(seen))
    ).all()  # fmt: skip
    cents = work.shares_cents(session, [share for share, _ in found], practice)
    coming = {*seen, *_of_coming_month(session, practice, day, [(share, payer) for share, payer in found])}
    left = []
    for share, payer in found:
        on, since = clock.local_date(share.attendee.item.starts_at, practice.timezone), daily.billed_from(payer, practice)
        is_old = since is not None and on >= since and (cents[share.id] > 0 or practice.bills_zero_fees)
        if share.id not in coming and (share.released_at is not None or is_old):
            words = RELEASED if share.released_at is not None else OLDER if on < day - periods.LOOK_BACK else PASSED
            left.append(Left(share.attendee.client.name, on, cents[share.id], words, share_id=share.id))
    return left[:LEFT_MAX]


def _of_coming_month(
    session: Session, practice: Practice, day: date, found: Collection[tuple[Share, Contact]]
) -> Collection[int]:
    """Return which shares of the month before the next monthly run bills, since they were entered or changed late."""
    kinds = (InvoiceCreation.AS_PRACTICE, InvoiceCreation.MONTHLY)
    is_monthly = practice.invoice_creation is InvoiceCreation.MONTHLY
    theirs = [
        (share, payer)
        for share, payer in found
        if share.released_at is None and payer.invoice_creation in kinds[0 if is_monthly else 1 :]
    ]
    if not theirs:
        return ()
    month = periods.monthly(periods.month_end(day))
    seen, failed = daily.seen_by(session, month)
    return [share.id for share, payer in theirs if daily.is_due(share, payer, practice, month, seen, failed)]


def _is_older(practice: Practice, day: date) -> ColumnElement[bool]:
    """Say which work of payers billed by runs may be left: of a day, or for the monthly ones of a month, that has ended."""
    edges = {InvoiceCreation.DAILY: day, InvoiceCreation.MONTHLY: day.replace(day=1)}
    older = []
    since = daily.left_from(practice) or practice.monthly_from_date
    for creation, from_date in (
        (practice.invoice_creation, since),
        (InvoiceCreation.MONTHLY, None),
    ):
        edge = edges.get(creation)
        if edge is None:
            continue
        of_payer = InvoiceCreation.AS_PRACTICE if from_date is not None else creation
        is_theirs = [Contact.invoice_creation == of_payer, uninvoiced.is_automatic(),
                     Item.starts_at < clock.day_start(edge, practice.timezone)]  # fmt: skip
        if from_date is not None:
            is_theirs.append(Item.starts_at >= clock.day_start(from_date, practice.timezone))
        else:
            # A day's slack for the zone: the exact day is looked at row by row.
            is_theirs.append(Contact.monthly_from_date <= func.date(Item.starts_at))
        if not practice.past_booked_is_attended:
            is_theirs.append(Attendee.status != Status.BOOKED)
        older.append(and_(*is_theirs))
    return or_(*older)


def _drafts(session: Session, now: datetime) -> list[Left]:
    """List drafts over a day old that hold sessions: no run bills those, and nobody has issued them."""
    found = session.execute(
        select(Invoice, Contact.name)
        .join(Contact, Contact.id == Invoice.payer_id)
        .where(
            Invoice.issued_at.is_(None), Invoice.created_at <= now - DRAFT_AGE,
            select(InvoiceLine.id).where(InvoiceLine.invoice_id == Invoice.id, InvoiceLine.share_id.is_not(None)).exists(),
        )
        .order_by(Invoice.id)
        .limit(LEFT_MAX)
    )  # fmt: skip
    zone = settings.practice(session).timezone
    return [
        Left(name, clock.local_date(draft.created_at, zone), draft.total_cents,
             "A draft that holds sessions: they are billed only when someone issues it.", invoice_id=draft.id)
        for draft, name in found
    ]  # fmt: skip


def _unconfirmed(session: Session, practice: Practice, now: datetime) -> list[Left]:
    if practice.past_booked_is_attended:
        return []
    since = now - UNCONFIRMED_DAYS
    live = select(InvoiceLine.id).where(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None))
    found = session.scalars(
        select(Share)
        .join(Share.attendee)
        .join(Attendee.item)
        .where(
            Attendee.status == Status.BOOKED, Item.ends_at <= now, Item.starts_at >= since, Item.deleted_at.is_(None),
            Attendee.is_billed, ~Attendee.do_not_invoice, ~live.exists(),
        )
        .options(joinedload(Share.attendee).options(joinedload(Attendee.client), joinedload(Attendee.item)))
        .order_by(Item.starts_at, Share.id)
        .limit(LEFT_MAX)
    )  # fmt: skip
    return [
        Left(
            share.attendee.client.name, clock.local_date(share.attendee.item.starts_at, practice.timezone),
            share.amount_cents, "Still Booked: nobody has said whether it took place.", client_id=share.attendee.client_id,
        )
        for share in found
    ]  # fmt: skip


def _unanswered(session: Session, now: datetime) -> list[Left]:
    """List charges and refunds whose answer never came, in one query: nothing looks into them any more."""
    none, since = cast(null(), Integer), now - charges.KEY_LIFE
    charged = (
        select(Contact.name, ChargeAttempt.local_date, ChargeAttempt.amount_cents, ChargeAttempt.started_at,
               ChargeAttempt.id.label("attempt_id"), none.label("payment_id"))
        .join(Contact, Contact.id == ChargeAttempt.contact_id)
        .where(ChargeAttempt.status.in_(charges.UNRESOLVED), ChargeAttempt.started_at <= since)
    )  # fmt: skip
    refunded = (
        select(Contact.name, Refund.refunded_date, Refund.amount_cents, Refund.started_at, none, Refund.payment_id)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Contact, Contact.id == Payment.payer_id)
        .where(Refund.status.in_(refunds.UNRESOLVED), Refund.started_at <= since)
    )
    either = union_all(charged, refunded).order_by("started_at").limit(LEFT_MAX)
    return [
        Left(
            row.name, row.local_date, row.amount_cents,
            f"The card processor never said whether this {'charge' if row.attempt_id else 'refund'} was made. "
            "Look in its own pages.",
            attempt_id=row.attempt_id, payment_id=row.payment_id,
        )
        for row in session.execute(either)
    ]  # fmt: skip
