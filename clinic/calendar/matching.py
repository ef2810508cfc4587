"""Which line of which sold package an appointment may use, and why it just misses one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from clinic.billing import sessions
from clinic.kernel import locales
from clinic.models.billing import Invoice, InvoiceLine, PackageClient, PackageSale, Share, UnlinkedPair
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.practice import Location, Practitioner
from clinic.practice import settings

MISSED = (Status.NO_SHOW, Status.LATE_CANCELLED)


@dataclass(frozen=True)
class Candidate:
    """Name the line a booking would use: "Uses “Five sessions”, 3 left"."""

    line_id: int
    sale_id: int
    invoice_id: int
    name: str
    left: int  # open sessions of this fee in that package, this one included


@dataclass(frozen=True)
class Usable:
    """Be a package that a booked place may use, with the first line it would take."""

    attendee_id: int
    line_id: int
    sale_id: int
    name: str
    left: int
    number: str | None
    good_through: date | None
    is_missed: bool  # the place was missed or cancelled late, so that using the package spends the session
    was_unlinked: bool  # somebody took the place off this package, so that it uses it by hand only

    @property
    def value(self) -> str:
        """Return what choosing it posts."""
        return f"{self.attendee_id}-{self.line_id}"


@dataclass(frozen=True)
class _Sold:
    """Hold what deciding needs of a sold package that has lines of the fee."""

    sale: PackageSale
    open_lines: int


def candidate(
    session: Session,
    *,
    client_id: int,
    fee_id: int,
    practitioner_id: int,
    location_id: int,
    on_date: date,
    attendee_id: int | None = None,
) -> Candidate | None:
    """Return the line to use: earliest expiry first, then oldest sale, then line order (rulebook 3.4).

    Args:
        attendee_id: whose packages unlinked by hand are passed over; None when a person chooses.
    """
    query = (
        _open_lines(client_id, fee_id)
        .where(PackageSale.practitioner_id == practitioner_id, PackageSale.location_id == location_id)
        .where(PackageSale.expires_date.is_(None) | (PackageSale.expires_date >= on_date))
    )
    if attendee_id is not None:
        query = query.where(~_was_unlinked().where(UnlinkedPair.attendee_id == attendee_id).exists())
    found = session.execute(query.add_columns(PackageSale).order_by(*_in_order()).limit(1)).first()
    if found is None:
        return None
    line, sale = found
    same_sale = _open_lines(client_id, fee_id).where(PackageSale.id == sale.id)
    left = session.scalar(select(func.count()).select_from(same_sale.subquery())) or 0
    return Candidate(line_id=line.id, sale_id=sale.id, invoice_id=sale.invoice_id, name=sale.name, left=left)


def open_lines(
    session: Session, *, client_id: int, fee_id: int, practitioner_id: int, location_id: int
) -> list[tuple[str, date | None]]:
    """List the lines that bookings of this kind would use one after another, as `candidate` takes them: package, last day."""
    query = (
        _open_lines(client_id, fee_id)
        .where(PackageSale.practitioner_id == practitioner_id, PackageSale.location_id == location_id)
        .with_only_columns(PackageSale.name, PackageSale.expires_date)
        .order_by(*_in_order())
    )
    return [(name, expires) for name, expires in session.execute(query)]


def near_miss(
    session: Session, *, client_id: int, fee_id: int, practitioner_id: int, location_id: int, on_date: date
) -> str | None:
    """Say why a package of this client that has this fee cannot be used; None when one can, or none has it."""
    sold = _sold(session, client_id, fee_id)
    missed = [(_why_not(session, one, practitioner_id, location_id, on_date), one) for one in sold]
    if not missed or not all(why for why, _one in missed):
        return None
    # The one that comes nearest: something left, and the fewest reasons against it; of two, the newer.
    why, nearest = min(missed, key=lambda pair: (pair[1].open_lines == 0, len(pair[0]), -pair[1].sale.id))
    return f"“{nearest.sale.name}” has this fee, but {' and '.join(why)}."


def package_of(
    session: Session,
    *,
    client_id: int,
    fee_id: int | None,
    practitioner_id: int,
    location_id: int | None,
    starts_at: datetime,
    attendee_id: int | None = None,
) -> tuple[Candidate | None, str | None]:
    """Return the package line such a booking would use, or else in a sentence the package it just misses.

    Args:
        attendee_id: who is booked already, whose packages unlinked by hand are passed over.
    """
    if fee_id is None or location_id is None:
        return None, None
    on_date = settings.house(session).local_date(starts_at)
    asked = {"client_id": client_id, "fee_id": fee_id, "practitioner_id": practitioner_id, "location_id": location_id}
    found = candidate(session, **asked, on_date=on_date, attendee_id=attendee_id)
    return (found, None) if found else (None, near_miss(session, **asked, on_date=on_date))


def another_fee(session: Session, *, client_id: int, fee_id: int, on_date: date) -> str | None:
    """Note which package of this client has sessions left, but of another fee only; None when there is none (3.4)."""
    query = (
        _lines(client_id)
        .where(sessions.is_open(), InvoiceLine.fee_id != fee_id)
        .where(PackageSale.expires_date.is_(None) | (PackageSale.expires_date >= on_date))
        .with_only_columns(PackageSale.name, InvoiceLine.code, InvoiceLine.description)
        .order_by(*_in_order())
        .limit(1)
    )
    found = session.execute(query).first()
    if found is None:
        return None
    return f"“{found.name}” is not used: its sessions are {f'{found.code} {found.description}'.strip()}, another fee."


def usable(session: Session, item: Item, attendees: Iterable[Attendee]) -> list[Usable]:
    """List for each of these places the packages it may use, in the order of rulebook 3.4; past sessions too."""
    on_date = settings.house(session).local_date(item.starts_at)
    mine = aliased(InvoiceLine)
    on_line = select(mine.id).where(mine.share_id == Share.id, mine.released_at.is_(None)).exists()
    shares = select(Share.attendee_id).group_by(Share.attendee_id).having(func.count() == 1)
    free = select(Share.attendee_id).where(Share.attendee_id.in_(shares), ~on_line)  # whole, and on no invoice
    query = (
        _lines()
        .join(Attendee, (Attendee.client_id == PackageClient.client_id) & (Attendee.fee_id == InvoiceLine.fee_id))
        .where(Attendee.id.in_([attendee.id for attendee in attendees]), Attendee.id.in_(free), sessions.is_open())
        .where(PackageSale.practitioner_id == item.practitioner_id, PackageSale.location_id == item.location_id)
        .where(PackageSale.expires_date.is_(None) | (PackageSale.expires_date >= on_date))
        .with_only_columns(Attendee.id, InvoiceLine.id, PackageSale.id, PackageSale.name, Invoice.number,
                           PackageSale.expires_date, Attendee.status,
                           _was_unlinked().where(UnlinkedPair.attendee_id == Attendee.id).exists())
        .order_by(Attendee.id, *_in_order())
    )  # fmt: skip
    found: dict[tuple[int, int], Usable] = {}
    for attendee_id, line_id, sale_id, name, number, last, status, was_unlinked in session.execute(query):
        first = found.get((attendee_id, sale_id)) or Usable(
            attendee_id, line_id, sale_id, name, 0, number, last, status in MISSED, was_unlinked
        )
        found[attendee_id, sale_id] = replace(first, left=first.left + 1)
    return list(found.values())


def misfit(session: Session, sale: PackageSale, line: InvoiceLine, attendee: Attendee, item: Item) -> str | None:
    """Say why an appointment does not fit the line of a sold package: client, fee, practitioner, location or last day."""
    sold = _Sold(sale, open_lines=1)
    on_date = settings.house(session).local_date(item.starts_at)
    why = _why_not(session, sold, item.practitioner_id, item.location_id, on_date)
    if session.get(PackageClient, (sale.id, attendee.client_id)) is None:
        why.append("it was not sold to this client")
    if attendee.fee_id != line.fee_id:
        why.append("its line is another fee")
    return f"“{sale.name}” cannot be used: {' and '.join(why)}." if why else None


def outgrown(
    session: Session, sale: PackageSale, line: InvoiceLine, attendee: Attendee, item: Item, *, is_elsewhere: bool
) -> str | None:
    """Say why what was just changed of a linked appointment takes it out of its package; None: it stays (rulebook 3.5).

    What it did not fit before is not asked again: the package was pointed elsewhere, or somebody left it linked.

    Args:
        is_elsewhere: its client, fee, practitioner or location changed, not only its time.
    """
    if is_elsewhere:
        return misfit(session, sale, line, attendee, item)
    on_date = settings.house(session).local_date(item.starts_at)
    why = _expired(session, sale, on_date) if on_date != line.session_date else None
    return f"“{sale.name}” cannot be used: {why}." if why else None


def numbers(session: Session, invoice_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return for each session line of these invoices which session it is and of how many; products are not counted."""
    rows = session.execute(
        select(InvoiceLine.id, InvoiceLine.invoice_id)
        .where(InvoiceLine.invoice_id.in_(list(invoice_ids)), InvoiceLine.minutes.is_not(None))
        .order_by(InvoiceLine.invoice_id, InvoiceLine.position)
    ).all()
    lines_of: dict[int, list[int]] = {}
    for line_id, invoice_id in rows:
        lines_of.setdefault(invoice_id, []).append(line_id)
    return {line_id: (at, len(ids)) for ids in lines_of.values() for at, line_id in enumerate(ids, start=1)}


def _was_unlinked() -> Select[int]:
    # Not the next line of this fee in the same package either: that would undo by itself what somebody did by hand.
    theirs = aliased(InvoiceLine)
    pairs = select(UnlinkedPair.line_id).join(theirs, theirs.id == UnlinkedPair.line_id)
    return pairs.where(theirs.fee_id == InvoiceLine.fee_id, theirs.invoice_id == InvoiceLine.invoice_id)


def _in_order() -> tuple[Any, ...]:
    never = PackageSale.expires_date.is_(None)
    return never, PackageSale.expires_date, Invoice.issued_at, PackageSale.id, InvoiceLine.position


def _open_lines(client_id: int, fee_id: int) -> Select[InvoiceLine]:
    return _lines(client_id).where(InvoiceLine.fee_id == fee_id, sessions.is_open())


def _lines(client_id: int | None = None) -> Select[InvoiceLine]:
    query = (
        select(InvoiceLine)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .join(PackageSale, PackageSale.invoice_id == Invoice.id)
        .join(PackageClient, PackageClient.sale_id == PackageSale.id)
        .where(Invoice.issued_at.is_not(None), InvoiceLine.released_at.is_(None), InvoiceLine.minutes.is_not(None))
    )
    return query if client_id is None else query.where(PackageClient.client_id == client_id)


def _sold(session: Session, client_id: int, fee_id: int) -> list[_Sold]:
    having = _lines(client_id).where(InvoiceLine.fee_id == fee_id).with_only_columns(PackageSale.id).distinct()
    sales = session.scalars(select(PackageSale).where(PackageSale.id.in_(having)).order_by(PackageSale.id)).all()
    open_query = _open_lines(client_id, fee_id).with_only_columns(PackageSale.id, func.count()).group_by(PackageSale.id)
    open_of = dict(session.execute(open_query).all())
    return [_Sold(sale, open_of.get(sale.id, 0)) for sale in sales]


def _why_not(session: Session, sold: _Sold, practitioner_id: int, location_id: int | None, on_date: date) -> list[str]:
    sale = sold.sale
    why = []
    if sold.open_lines == 0:
        why.append("no session of it is left")
    if sale.practitioner_id != practitioner_id:
        why.append(f"it is with {session.get_one(Practitioner, sale.practitioner_id).name}")
    if sale.location_id != location_id:
        why.append(f"it is for {session.get_one(Location, sale.location_id).name}")
    if expired := _expired(session, sale, on_date):
        why.append(expired)
    return why


def _expired(session: Session, sale: PackageSale, on_date: date) -> str | None:
    if sale.expires_date is None or sale.expires_date >= on_date:
        return None
    return f"it is good through {locales.day(sale.expires_date, settings.house(session).locale)}"
