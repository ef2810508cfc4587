"""How much old work stands on no invoice: what switching to daily invoices asks about."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, Select, and_, case, distinct, func, null, or_, select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import work
from clinic.kernel import clock
from clinic.models.billing import InvoiceLine, Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from clinic.models.people import ClientContact, Contact, ContactKind, ContactRole
from clinic.models.practice import InvoiceCreation, Practice
from clinic.practice import settings

MISSED_MAX = 5_000


@dataclass(frozen=True)
class Uninvoiced:
    """Hold how many sessions are on no invoice, what they come to before tax, and the first one's day."""

    count: int
    cents: int
    oldest_date: date | None
    month_count: int = 0  # of these, since the first of this month
    month_cents: int = 0

    @property
    def earlier_count(self) -> int:
        """Return how many are from before this month."""
        return self.count - self.month_count

    @property
    def earlier_cents(self) -> int:
        """Return what those come to."""
        return self.cents - self.month_cents


def summary(session: Session, now: datetime) -> Uninvoiced:
    """Count the work before today that daily invoices would bill if they had been on all along."""
    practice = settings.practice(session)
    today = clock.local_date(now, practice.timezone)
    old = billable(practice).where(Item.starts_at < clock.day_start(today, practice.timezone))
    plain = old.where(Attendee.status.not_in(work.BY_POLICY))
    if not practice.bills_zero_fees:
        plain = plain.where(Share.amount_cents > 0)
    month_at = clock.day_start(today.replace(day=1), practice.timezone)
    is_late, nothing = Item.starts_at >= month_at, null()
    count, cents, oldest_at, month_count, month_cents = session.execute(
        plain.with_only_columns(
            func.count(distinct(Attendee.id)), func.coalesce(func.sum(Share.amount_cents), 0), func.min(Item.starts_at),
            func.count(distinct(case((is_late, Attendee.id), else_=nothing))),
            func.coalesce(func.sum(case((is_late, Share.amount_cents), else_=0)), 0),
        )
    ).one()  # fmt: skip
    missed = old.where(Attendee.status.in_(work.BY_POLICY)).limit(MISSED_MAX)
    shares = session.scalars(missed.options(joinedload(Share.attendee).joinedload(Attendee.item))).all()
    billed = work.shares_cents(session, shares, practice)
    kept = [share for share in shares if billed[share.id] or practice.bills_zero_fees]
    starts = [share.attendee.item.starts_at for share in kept] + ([oldest_at] if oldest_at else [])
    late = [share for share in kept if share.attendee.item.starts_at >= month_at]
    return Uninvoiced(
        count=count + len({share.attendee_id for share in kept}),
        cents=int(cents) + sum(billed[share.id] for share in kept),
        oldest_date=clock.local_date(min(starts), practice.timezone) if starts else None,
        month_count=month_count + len({share.attendee_id for share in late}),
        month_cents=int(month_cents) + sum(billed[share.id] for share in late),
    )


def billable(practice: Practice, creation: InvoiceCreation = InvoiceCreation.DAILY) -> Select[Share]:
    """Return the query for shares that an automatic invoice may bill: on no live line, and not to be left for a person.

    `creation` says whose: of payers invoiced daily (all who do as the practice does, while nothing is chosen yet) or monthly.
    """
    follows = creation is InvoiceCreation.DAILY or practice.invoice_creation is InvoiceCreation.MONTHLY
    theirs = (creation, InvoiceCreation.AS_PRACTICE) if follows else (creation,)
    return _billable(theirs, takes_booked=practice.past_booked_is_attended)


@lru_cache
def _billable(theirs: tuple[InvoiceCreation, ...], *, takes_booked: bool) -> Select[Share]:
    # Built once: a run asks it for every invoice.
    chosen = (
        select(Share)
        .join(Share.attendee)
        .join(Attendee.item)
        .join(Contact, Contact.id == Share.payer_id)
        .outerjoin(Item.type)
        .outerjoin(InvoiceLine, and_(InvoiceLine.share_id == Share.id, InvoiceLine.released_at.is_(None)))
        .where(
            InvoiceLine.id.is_(None),
            Item.deleted_at.is_(None),
            Attendee.is_billed,
            ~Attendee.do_not_invoice,
            Attendee.status.not_in(work.NEVER_BILLED),
            or_(Share.released_at.is_(None), Share.bill_again_at.is_not(None)),
            Contact.invoice_creation.in_(theirs),
            is_automatic(),
        )
    )
    return chosen if takes_booked else chosen.where(Attendee.status != Status.BOOKED)


def is_automatic() -> ColumnElement[bool]:
    """Say what bills itself: of Activities only by their type's switch, to organisations and referrers (rulebook 2.5)."""
    refers = (
        select(ClientContact.contact_id)
        .where(
            ClientContact.contact_id == Share.payer_id,
            ClientContact.client_id == Attendee.client_id,
            ClientContact.role == ContactRole.REFERRER,
        )
        .exists()
    )
    may = and_(AppointmentType.is_auto_invoiced, or_(Contact.kind == ContactKind.ORGANISATION, refers))
    return case((Item.kind == ItemKind.ACTIVITY, may), else_=True)
