"""The session ledger of sold packages: what became of each session, append-only, and what its lines stand at."""

from calendar import monthrange
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from clinic.models.billing import ExpiryUnit, Invoice, InvoiceLine, PackageSale, SessionEntry, SessionEvent
from clinic.practice import settings
from clinic.practice.permissions import Actor

# The count a session of a line stands in after an event; after the others it stands in none and may be booked.
COUNT_OF = {
    SessionEvent.BOOKED: "booked",
    SessionEvent.USED: "used",
    SessionEvent.FORFEITED: "forfeited",
    SessionEvent.EXPIRED: "expired",
}
STANDING = ("booked", "used", "forfeited", "expired")


def bought(session: Session, who: Actor, invoice: Invoice, now: datetime) -> None:
    """Start the life of a package when its invoice is issued: its last day, and a session per line that is not a product.

    Does nothing for an invoice that sells no package. Must run inside `writing()`.
    """
    sale = session.scalar(select(PackageSale).where(PackageSale.invoice_id == invoice.id))
    if sale is None:
        return
    if sale.expires_date is None and sale.expires_after is not None:
        first = invoice.issue_date or settings.house(session).local_date(now)
        sale.expires_date = last_day(first, sale.expires_after, sale.expires_unit)
    lines = session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id, InvoiceLine.minutes.is_not(None)))
    session.add_all(
        SessionEntry(sale_id=sale.id, line_id=line.id, event=SessionEvent.BOUGHT, purchased=1, at=now, user_id=who.user_id,
                     reason="Invoice issued")
        for line in lines
    )  # fmt: skip
    session.flush()


def last_day(first: date, count: int, unit: ExpiryUnit) -> date:
    """Return the day a package is good through; a month without that day ends on its last one."""
    if unit is ExpiryUnit.DAYS:
        return first + timedelta(days=count)
    year, month = divmod(first.year * 12 + first.month - 1 + count, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def move(
    session: Session,
    who: Actor,
    line: InvoiceLine,
    event: SessionEvent,
    now: datetime,
    *,
    sale_id: int,
    attendee_id: int | None,
    reason: str = "",
) -> None:
    """Write that a line's session now stands where the event leaves it. Safe to repeat: what already stands writes nothing."""
    count = COUNT_OF.get(event)
    put(session, who, line, event, count, now, sale_id=sale_id, attendee_id=attendee_id, reason=reason)


def put(
    session: Session,
    who: Actor,
    line: InvoiceLine,
    event: SessionEvent,
    count: str | None,
    now: datetime,
    *,
    sale_id: int,
    attendee_id: int | None = None,
    reason: str = "",
) -> None:
    """Write that a line's session now stands in that count (None: it may be booked). Safe to repeat."""
    sums = select(*(func.coalesce(func.sum(getattr(SessionEntry, name)), 0) for name in STANDING))
    before = session.execute(sums.where(SessionEntry.line_id == line.id)).one()
    deltas = {name: int(name == count) - int(stood) for name, stood in zip(STANDING, before, strict=True)}
    if not any(deltas.values()):
        return
    entry = SessionEntry(sale_id=sale_id, line_id=line.id, attendee_id=attendee_id, event=event, at=now, user_id=who.user_id,
                         reason=reason, **deltas)  # fmt: skip
    session.add(entry)
    session.flush()


def note(session: Session, who: Actor, sale_id: int, reason: str, now: datetime) -> None:
    """Write what became of a package as a whole: no count moves, but who and why stand in its ledger."""
    entry = SessionEntry(sale_id=sale_id, event=SessionEvent.ADJUSTED, at=now, user_id=who.user_id, reason=reason)
    session.add(entry)
    session.flush()


def credited(session: Session, who: Actor, line: InvoiceLine, now: datetime, *, sale_id: int) -> None:
    """Write that a line's unused session was credited: it is no longer one of those bought, nor expired or spent."""
    if line.minutes is not None:
        put(session, who, line, SessionEvent.ADJUSTED, None, now, sale_id=sale_id, reason="Credited")
        session.add(
            SessionEntry(sale_id=sale_id, line_id=line.id, event=SessionEvent.ADJUSTED, purchased=-1, at=now,
                         user_id=who.user_id, reason="Credited")
        )  # fmt: skip
        session.flush()


def is_open() -> ColumnElement[bool]:
    """Say, in a query over invoice lines, that a line may take an appointment: it has none, is not credited and not spent.

    An expired one may, too: the package's last day is compared with the appointment's, not with today.
    """
    spent = select(func.coalesce(func.sum(SessionEntry.booked + SessionEntry.used + SessionEntry.forfeited), 0))
    spent = spent.where(SessionEntry.line_id == InvoiceLine.id)
    is_free = InvoiceLine.share_id.is_(None) & InvoiceLine.released_at.is_(None) & InvoiceLine.minutes.is_not(None)
    return is_free & (spent.correlate(InvoiceLine).scalar_subquery() == 0)
