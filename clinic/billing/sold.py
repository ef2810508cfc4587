"""A sold package after the sale: corrected by hand, extended, pointed elsewhere and expired, all through the session ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import sessions
from clinic.kernel import locales
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, SessionEntry, SessionEvent
from clinic.models.practice import Location, Practitioner
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor, Permission


class Standing(StrEnum):
    """Name where a person may put a session that has no appointment."""

    OPEN = "open"
    USED = "used"
    FORFEITED = "forfeited"


@dataclass(frozen=True)
class LooseLine:
    """Be a session that no appointment stands on, with the word for where it stands."""

    line_id: int
    number: int
    words: str
    standing: str  # "open", "used", "forfeited" or "expired"
    total_cents: int


def sale_for(session: Session, who: Actor, invoice_id: int) -> PackageSale:
    """Return the package sold on an invoice, the invoice with it.

    Raises:
        NotFoundError: it sells none, or is another practitioner's.
    """
    wanted = select(PackageSale).where(PackageSale.invoice_id == invoice_id).options(joinedload(PackageSale.invoice))
    sale = session.scalar(wanted)
    if sale is None or who.own_practitioner_id not in (None, sale.practitioner_id):
        raise NotFoundError("package")
    return sale


def loose_lines(session: Session, invoice_id: int) -> list[LooseLine]:
    """List the sessions of a package invoice that no appointment stands on and that were not credited."""
    rows = session.execute(
        select(InvoiceLine, *(func.coalesce(func.sum(getattr(SessionEntry, name)), 0) for name in sessions.STANDING))
        .outerjoin(SessionEntry, SessionEntry.line_id == InvoiceLine.id)
        .where(InvoiceLine.invoice_id == invoice_id, InvoiceLine.minutes.is_not(None))
        .where(InvoiceLine.share_id.is_(None), InvoiceLine.released_at.is_(None))
        .group_by(InvoiceLine.id)
        .order_by(InvoiceLine.position)
    ).all()
    return [
        LooseLine(
            line_id=line.id, number=line.position, words=f"{line.code} {line.description}".strip(),
            standing=next((name for name, count in zip(sessions.STANDING, stood, strict=True) if count), Standing.OPEN.value),
            total_cents=line.total_cents,
        )
        for line, *stood in rows
    ]  # fmt: skip


def adjust(session: Session, who: Actor, invoice_id: int, line_id: int, standing: Standing, reason: str, now: datetime) -> None:
    """Put a session where it belongs by hand, such as one that was given before this practice kept its calendar here.

    Must run inside `writing()`.

    Raises:
        RefusalError: no reason is given, the package is a draft, or its last day has passed.
        ClashError: an appointment stands on the line; its status decides.
    """
    sale = _issued(session, who, invoice_id)
    _check_reason(reason)
    loose = next((each for each in loose_lines(session, invoice_id) if each.line_id == line_id), None)
    if loose is None:
        raise ClashError("Choose a session without an appointment: where one is linked, its status decides.", field="which")
    if standing is Standing.OPEN and is_over(session, sale, now):
        raise RefusalError("The last day of this package has passed. Extend it first.", field="standing")
    if loose.standing == standing.value:
        raise RefusalError("It stands there already.", field="standing")
    line = session.get_one(InvoiceLine, line_id)
    count = None if standing is Standing.OPEN else standing.value
    sessions.put(session, who, line, SessionEvent.ADJUSTED, count, now, sale_id=sale.id, reason=reason)
    audit.record(session, who, "adjusted package session", "invoice_line", line_id, now, standing=standing.value)


def extend(session: Session, who: Actor, invoice_id: int, until: date | None, reason: str, now: datetime) -> None:
    """Make a package good for longer; what had expired may be booked again. None: without a last day.

    A draft's last day is simply set: nothing of it has begun. Must run inside `writing()`.

    Raises:
        RefusalError: no reason is given, or that day is not later than the present last day, or over already.
    """
    sale = sale_for(session, who, invoice_id)
    house = settings.house(session)
    if until is not None and until < house.local_date(now):
        raise RefusalError("The last day cannot be in the past.", field="expires")
    if sale.invoice.issued_at is None:
        sale.expires_date, sale.expires_after = until, sale.expires_after if until is not None else None
        return
    _check_reason(reason)
    before = sale.expires_date
    if before is None:
        raise RefusalError("This package has no last day: nothing needs to be extended.", field="expires")
    if until is not None and until <= before:
        raise RefusalError(f"Choose a day after {locales.day(before, house.locale)}, its present last day.", field="expires")
    sale.expires_date = until
    through = f"Good through {locales.day(until, house.locale)}" if until is not None else "No last day any more"
    why = f"{through}, was {locales.day(before, house.locale)}: {reason}"
    sessions.note(session, who, sale.id, why, now)
    for loose in loose_lines(session, invoice_id):
        if loose.standing == "expired":
            line = session.get_one(InvoiceLine, loose.line_id)
            sessions.put(session, who, line, SessionEvent.ADJUSTED, None, now, sale_id=sale.id, reason=why)
    audit.record(session, who, "extended package", "invoice", invoice_id, now, until=until.isoformat() if until else "")


def repoint(
    session: Session, who: Actor, invoice_id: int, reason: str, now: datetime, *, practitioner_id: int, location_id: int
) -> None:
    """Let what is still unassigned be given by another practitioner or elsewhere; booked sessions stay as they are.

    Must run inside `writing()`.

    Raises:
        NotAllowedError: only the owner may.
        RefusalError: no reason is given, nothing changes, or no session is left to give.
    """
    who.must(Permission.REPOINT_PACKAGES)
    sale = _issued(session, who, invoice_id)
    _check_reason(reason)
    if (sale.practitioner_id, sale.location_id) == (practitioner_id, location_id):
        raise RefusalError("Choose another practitioner or another location.", field="practitioner")
    person, place = session.get(Practitioner, practitioner_id), session.get(Location, location_id)
    if person is None or person.is_archived:
        raise RefusalError("Choose from the list.", field="practitioner")
    if place is None or place.is_archived:
        raise RefusalError("Choose from the list.", field="location")
    if not any(loose.standing in (Standing.OPEN.value, "expired") for loose in loose_lines(session, invoice_id)):
        raise RefusalError("No session of it is unassigned.")
    was = session.get_one(Practitioner, sale.practitioner_id).name, session.get_one(Location, sale.location_id).name
    sale.practitioner_id, sale.location_id = practitioner_id, location_id
    # Whose work it is decides who may open the invoice, and the new practitioner books from it.
    sale.invoice.practitioner_id, sale.invoice.location_id = practitioner_id, location_id
    why = f"With {person.name} at {place.name}, was {was[0]} at {was[1]}: {reason}"
    sessions.note(session, who, sale.id, why, now)
    audit.record(session, who, "pointed package elsewhere", "invoice", invoice_id, now, practitioner_id=practitioner_id,
                 location_id=location_id)  # fmt: skip


def is_over(session: Session, sale: PackageSale, now: datetime) -> bool:
    """Say whether the package's last day has passed; through that day it is good."""
    return sale.expires_date is not None and sale.expires_date < settings.house(session).local_date(now)


def due_to_expire(session: Session, now: datetime) -> Sequence[int]:
    """Return the sold packages whose last day has passed and that still have a session nobody booked or spent."""
    today = settings.house(session).local_date(now)
    written = select(func.coalesce(func.sum(SessionEntry.expired), 0)).where(SessionEntry.line_id == InvoiceLine.id)
    return session.scalars(
        select(PackageSale.id)
        .join(Invoice, Invoice.id == PackageSale.invoice_id)
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .where(PackageSale.expires_date < today, Invoice.issued_at.is_not(None), sessions.is_open())
        .where(written.correlate(InvoiceLine).scalar_subquery() == 0)
        .distinct()
        .order_by(PackageSale.id)
    ).all()


def expire(session: Session, sale_id: int, now: datetime) -> int:
    """Write down that what was not booked by the last day has expired; return how many. Must run inside `writing()`.

    Safe to repeat. An appointment from before that day may still take such a session: its date is what counts.
    """
    sale = session.get_one(PackageSale, sale_id)
    is_draft = session.get_one(Invoice, sale.invoice_id).issued_at is None
    if is_draft or sale.expires_date is None or not is_over(session, sale, now):
        return 0
    why = f"Good through {locales.day(sale.expires_date, settings.house(session).locale)}"
    loose = [each for each in loose_lines(session, sale.invoice_id) if each.standing == Standing.OPEN.value]
    for each in loose:
        line = session.get_one(InvoiceLine, each.line_id)
        sessions.move(session, CLOCK, line, SessionEvent.EXPIRED, now, sale_id=sale.id, attendee_id=None, reason=why)
    return len(loose)


def _issued(session: Session, who: Actor, invoice_id: int) -> PackageSale:
    sale = sale_for(session, who, invoice_id)
    if sale.invoice.issued_at is None:
        raise RefusalError("This invoice is a draft. Issue it first.")
    return sale


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise RefusalError("Say why: it stands in the session ledger.", field="reason")
