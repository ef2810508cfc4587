"""A client's own packages as they see them: what is left, booked and until when; drafts never, and nobody else's days."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from clinic.billing import packages
from clinic.billing.packages import Counts
from clinic.kernel.errors import NotFoundError
from clinic.models.billing import Invoice, InvoiceLine, PackageClient, PackageSale, SessionEntry, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.practice import Location, Practitioner
from clinic.practice import settings

SALES_MAX = 50
# What a client reads of a session, and the class of its square.
LEFT, BOOKED, USED, MISSED, FORFEITED, EXPIRED = "Left", "Booked", "Used", "Missed", "Forfeited", "Expired"
MARKS = {LEFT: "open", BOOKED: "booked"}
CALL = "Its sessions are booked with the practice. Please call."


@dataclass(frozen=True)
class OwnSession:
    """Be one session of a package: which it is, and where it stands."""

    number: int
    words: str
    state: str
    starts_at: datetime | None  # of one's own appointment
    item_id: int | None
    is_others: bool  # of somebody the package is shared with

    @property
    def mark(self) -> str:
        """Return the class of its square."""
        return MARKS.get(self.state, "used")


@dataclass(frozen=True)
class OpenLine:
    """Be a line that may take an appointment."""

    line_id: int
    fee_id: int | None
    minutes: int | None


@dataclass(frozen=True)
class Pack:
    """Be a sold package as the client it was sold to sees it."""

    sale_id: int
    name: str
    practitioner_id: int
    practitioner: str
    location_id: int
    location: str
    good_through: date | None
    is_over: bool
    terms: str
    counts: Counts
    sessions: tuple[OwnSession, ...]
    products: tuple[str, ...]
    open_lines: tuple[OpenLine, ...]
    is_given: bool  # its practitioner and its location are still there

    @property
    def dates(self) -> tuple[OwnSession, ...]:
        """Return the sessions with an appointment of one's own, in time order."""
        return tuple(sorted((each for each in self.sessions if each.starts_at), key=lambda each: (each.starts_at, each.number)))

    @property
    def may_book(self) -> bool:
        """Say whether there is a session to book, and someone to book it with."""
        return bool(self.open_lines) and not self.is_over and self.is_given


def packs(session: Session, client_id: int, now: datetime) -> list[Pack]:
    """List the packages a client may use, those with something left first, then the newest; in three queries."""
    found = session.execute(_sold(client_id).order_by(PackageSale.id.desc()).limit(SALES_MAX)).all()
    return sorted(_made(session, client_id, found, now), key=lambda pack: not pack.counts.remaining)


def pack(session: Session, client_id: int, sale_id: int, now: datetime) -> Pack:
    """Return one package a client may use.

    Raises:
        NotFoundError: there is none, it was not sold to them, or it is a draft.
    """
    found = _made(session, client_id, session.execute(_sold(client_id).where(PackageSale.id == sale_id)).all(), now)
    if not found:
        raise NotFoundError("package")
    return found[0]


def _sold(client_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(PackageSale, Practitioner, Location)
        .join(PackageClient, PackageClient.sale_id == PackageSale.id)
        .join(Invoice, Invoice.id == PackageSale.invoice_id)
        .join(Practitioner, Practitioner.id == PackageSale.practitioner_id)
        .join(Location, Location.id == PackageSale.location_id)
        .where(PackageClient.client_id == client_id, Invoice.issued_at.is_not(None))
    )


def _made(session: Session, client_id: int, found: Sequence[Any], now: datetime) -> list[Pack]:
    lines = _lines(session, [sale.invoice_id for sale, *_given in found])
    today = settings.house(session).local_date(now)
    counts_past = settings.practice(session).past_booked_is_attended
    made = []
    for sale, practitioner, location in found:
        rows = lines[sale.invoice_id]
        is_over = sale.expires_date is not None and sale.expires_date < today
        held = sum(counts_past and _is_held(row, now) for row in rows)
        written = Counts(*(sum(int(row[name]) for row in rows) for name in packages.SUMMED))
        numbers = count(1)
        own = [row for row in rows if row["line"].minutes is not None and row["line"].released_at is None]
        made.append(
            Pack(
                sale_id=sale.id, name=sale.name, practitioner_id=practitioner.id, practitioner=practitioner.name,
                location_id=location.id, location=location.name, good_through=sale.expires_date, is_over=is_over,
                terms=sale.terms, counts=written.at(held=held, is_over=is_over),
                sessions=tuple(
                    _session(row, next(numbers), client_id, is_over=is_over, is_held=counts_past and _is_held(row, now))
                    for row in own
                ),
                products=tuple(row["line"].description for row in rows
                               if row["line"].minutes is None and row["line"].released_at is None),
                open_lines=tuple(OpenLine(row["line"].id, row["line"].fee_id, row["line"].minutes) for row in own
                                 if _state(row, is_over=is_over, is_held=False) == LEFT),
                is_given=not practitioner.is_archived and not location.is_archived,
            )
        )  # fmt: skip
    return made


def _lines(session: Session, invoice_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Read the lines of those invoices with what the session ledger says of each and the appointment on it, in one query."""
    sums = [func.coalesce(func.sum(getattr(SessionEntry, name)), 0).label(name) for name in packages.SUMMED]
    rows = session.execute(
        select(InvoiceLine, Attendee, Item, *sums)
        .outerjoin(SessionEntry, SessionEntry.line_id == InvoiceLine.id)
        .outerjoin(Share, Share.id == InvoiceLine.share_id)
        .outerjoin(Attendee, Attendee.id == Share.attendee_id)
        .outerjoin(Item, Item.id == Attendee.item_id)
        .where(InvoiceLine.invoice_id.in_(invoice_ids))
        .group_by(InvoiceLine.id, Attendee.id, Item.id)
        .order_by(InvoiceLine.invoice_id, InvoiceLine.position)
    ).all()
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line, attendee, item, *stood in rows:
        standing = dict(zip(packages.SUMMED, stood, strict=True))
        found[line.invoice_id].append({"line": line, "attendee": attendee, "item": item, **standing})
    return found


def _is_held(row: dict[str, Any], now: datetime) -> bool:
    item, attendee = row["item"], row["attendee"]
    if item is None or row["line"].released_at is not None:
        return False
    return bool(item.ends_at <= now) and attendee.status in (Status.BOOKED, Status.ARRIVED)


def _state(row: dict[str, Any], *, is_over: bool, is_held: bool) -> str:
    if row["attendee"] is not None:
        status = row["attendee"].status
        if status is Status.ATTENDED or is_held:
            return USED
        return BOOKED if status in (Status.BOOKED, Status.ARRIVED) else MISSED
    stands = next((name for name in packages.SUMMED[1:] if row[name]), None)
    return stands.capitalize() if stands else EXPIRED if is_over else LEFT


def _session(row: dict[str, Any], number: int, client_id: int, *, is_over: bool, is_held: bool) -> OwnSession:
    attendee, item = row["attendee"], row["item"]
    is_own = attendee is not None and attendee.client_id == client_id
    return OwnSession(
        number=number, words=row["line"].description, state=_state(row, is_over=is_over, is_held=is_held),
        starts_at=item.starts_at if is_own else None, item_id=item.id if is_own else None,
        is_others=attendee is not None and not is_own,
    )  # fmt: skip
