"""What the package part of an invoice shows: the counts, every line with its appointment, and the session ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import ledger, packages, sessions
from clinic.billing.packages import Counts
from clinic.calendar import linking
from clinic.models.billing import ExpiryUnit, InvoiceLine, PackageClient, PackageSale, SessionEntry, SessionEvent, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.online import OnlinePurchase
from clinic.models.people import Client
from clinic.models.practice import Location, Practitioner, User
from clinic.people import clients
from clinic.practice import settings
from clinic.practice.permissions import Actor, Permission

SALES_MAX = 100
_UNUSED = ("Unassigned", "Booked", "Expired")
_EVENT_WORDS = {
    SessionEvent.BOUGHT: "Bought",
    SessionEvent.BOOKED: "Booked",
    SessionEvent.USED: "Used",
    SessionEvent.RETURNED: "Returned",
    SessionEvent.FORFEITED: "Forfeited",
    SessionEvent.EXPIRED: "Expired",
    SessionEvent.ADJUSTED: "Adjusted",
}


@dataclass(frozen=True)
class LineView:
    """Hold a line as the package part shows it.

    `state` is one word: Used, Booked, Missed, Forfeited, Unassigned, Expired, Credited, Product. `session` is which session of
    the package it is (0: a product).
    """

    id: int
    number: int
    session: int
    words: str
    amount_cents: int
    session_date: date | None
    state: str
    starts_at: datetime | None = None
    item_id: int | None = None
    client_name: str = ""
    may_edit: bool = False
    is_held: bool = False  # used because its time has passed, though nobody said so

    @property
    def mark(self) -> str:
        """Return the class of the line's square: used, booked or open."""
        return {"Unassigned": "open", "Booked": "booked"}.get(self.state, "used")


@dataclass(frozen=True)
class EntryView:
    """Hold what was written in the session ledger at one moment: "Bought, lines 1–5"."""

    at: datetime
    what: str
    lines: str
    who: str
    why: str


@dataclass(frozen=True)
class SaleView:
    """Hold a sold package as its invoice shows it."""

    id: int
    invoice_id: int
    name: str
    clients: str
    practitioner: str
    location: str
    counts: Counts
    good_through: date | None
    lasts: str  # how long it is good while it has no last day
    balance_cents: int
    is_draft: bool
    is_over: bool
    may_change: bool  # adjust and extend
    may_repoint: bool
    may_refund: bool
    terms: str
    bought_at: datetime | None  # on the online booking page
    lines: tuple[LineView, ...]
    entries: tuple[EntryView, ...]

    @property
    def open_ids(self) -> set[int]:
        """Return the lines that may still be booked."""
        return {line.id for line in self.lines if line.state == "Unassigned"}

    @property
    def may_book_all(self) -> bool:
        """Say whether there are unassigned lines that this person may book."""
        return any(line.may_edit and line.state == "Unassigned" for line in self.lines)


@dataclass(frozen=True)
class SaleRow:
    """Hold a sold package as a list shows it."""

    id: int
    invoice_id: int
    number: str | None
    name: str
    practitioner: str
    location: str
    good_through: date | None
    lasts: str  # how long it is good while it has no last day
    counts: Counts
    owed_cents: int


def sale_for_invoice(
    session: Session, who: Actor, invoice_id: int, now: datetime, *, balance_cents: int | None = None
) -> SaleView | None:
    """Return the package sold on an invoice; None when it sells none or is not theirs.

    Args:
        balance_cents: what is owed on the invoice, from whoever has asked the ledger already.
    """
    rows = session.execute(
        select(PackageSale, Practitioner.name, Location.name, OnlinePurchase.paid_at, Client)
        .join(Practitioner, Practitioner.id == PackageSale.practitioner_id)
        .join(Location, Location.id == PackageSale.location_id)
        .join(PackageClient, PackageClient.sale_id == PackageSale.id)
        .join(Client, Client.id == PackageClient.client_id)
        .outerjoin(OnlinePurchase, OnlinePurchase.invoice_id == PackageSale.invoice_id)
        .where(PackageSale.invoice_id == invoice_id)
        .options(joinedload(PackageSale.invoice))
        .order_by(Client.sort_name, Client.id)
    ).all()
    if not rows or who.own_practitioner_id not in (None, rows[0][0].practitioner_id):
        return None
    sale, practitioner, location, bought_at, _client = rows[0]
    people = [client.name for *_same, client in rows]
    if balance_cents is None:
        balance_cents = ledger.owed_cents(session, [invoice_id])[invoice_id]
    is_over = sale.expires_date is not None and sale.expires_date < settings.house(session).local_date(now)
    is_draft = sale.invoice.issued_at is None
    can_edit = not is_draft and who.may(Permission.LINK_PACKAGES)
    entries = session.execute(
        select(SessionEntry, User.name)
        .outerjoin(User, User.id == SessionEntry.user_id)
        .where(SessionEntry.sale_id == sale.id)
        .order_by(SessionEntry.id)
    ).all()  # fmt: skip
    written = packages.tally(entry for entry, _user in entries)
    standing = _standing(entry for entry, _user in entries)
    lines = _lines(session, sale, now, standing, is_over=is_over, can_edit=can_edit, is_shared=len(people) > 1)
    held = sum(line.is_held for line in lines)
    return SaleView(
        id=sale.id, invoice_id=invoice_id, name=sale.name, clients=", ".join(people), practitioner=practitioner,
        location=location, counts=written.at(held=held, is_over=is_over), good_through=sale.expires_date, lasts=_lasting(sale),
        balance_cents=balance_cents, is_draft=is_draft, is_over=is_over, may_change=who.may(Permission.SELL_PACKAGES),
        may_repoint=not is_draft and who.may(Permission.REPOINT_PACKAGES),
        may_refund=not is_draft and who.may(Permission.REFUND) and any(line.state in _UNUSED for line in lines),
        terms=sale.terms, bought_at=bought_at, lines=lines,
        entries=_entries(entries, {line.id: line.number for line in lines}, bought_at),
    )  # fmt: skip


def sold_to(session: Session, who: Actor, client_id: int, now: datetime) -> list[SaleRow]:
    """List the packages a client may use, newest first.

    Raises:
        NotFoundError: the client is not theirs.
    """
    clients.client_for(session, who, client_id)
    query = (
        select(PackageSale, Practitioner.name, Location.name)
        .join(PackageClient, PackageClient.sale_id == PackageSale.id)
        .join(Practitioner, Practitioner.id == PackageSale.practitioner_id)
        .join(Location, Location.id == PackageSale.location_id)
        .where(PackageClient.client_id == client_id)
        .options(joinedload(PackageSale.invoice))
        .order_by(PackageSale.id.desc())
        .limit(SALES_MAX)
    )
    if who.own_practitioner_id is not None:
        query = query.where(PackageSale.practitioner_id == who.own_practitioner_id)
    found = session.execute(query).all()
    counted = packages.counts(session, [sale.id for sale, _name, _place in found], now)
    owed = ledger.owed_cents(session, [sale.invoice_id for sale, _name, _place in found])
    return [
        SaleRow(
            id=sale.id, invoice_id=sale.invoice_id, number=sale.invoice.number, name=sale.name, practitioner=name,
            location=place, good_through=sale.expires_date, lasts=_lasting(sale), counts=counted[sale.id],
            owed_cents=owed[sale.invoice_id],
        )
        for sale, name, place in found
    ]  # fmt: skip


def _lasting(sale: PackageSale) -> str:
    # A draft's time begins on the day it is issued.
    if sale.expires_after is None:
        return "No last day"
    unit = "month" if sale.expires_unit is ExpiryUnit.MONTHS else "day"
    return f"{sale.expires_after} {unit}{'' if sale.expires_after == 1 else 's'} from issue"


def _standing(entries: Iterable[SessionEntry]) -> dict[int, str]:
    """Return by line the count its session stands in, as the ledger has it; one that may be booked is left out."""
    by_line: dict[int, list[SessionEntry]] = {}
    for entry in entries:
        by_line.setdefault(entry.line_id or 0, []).append(entry)
    tallied = {line_id: packages.tally(rows) for line_id, rows in by_line.items()}
    return {
        line_id: next(name for name in sessions.STANDING if getattr(counts, name))
        for line_id, counts in tallied.items()
        if any(getattr(counts, name) for name in sessions.STANDING)
    }


def _lines(
    session: Session, sale: PackageSale, now: datetime, standing: dict[int, str], *, is_over: bool, can_edit: bool,
    is_shared: bool,
) -> tuple[LineView, ...]:  # fmt: skip
    rows = session.execute(
        select(InvoiceLine, Attendee, Item, Client)
        .outerjoin(Share, Share.id == InvoiceLine.share_id)
        .outerjoin(Attendee, Attendee.id == Share.attendee_id)
        .outerjoin(Item, Item.id == Attendee.item_id)
        .outerjoin(Client, Client.id == Attendee.client_id)
        .where(InvoiceLine.invoice_id == sale.invoice_id)
        .order_by(InvoiceLine.position)
    ).all()
    counts_past = settings.practice(session).past_booked_is_attended
    at = {line.id: at for at, line in enumerate((row[0] for row in rows if row[0].minutes is not None), start=1)}
    return tuple(
        LineView(
            id=line.id, number=line.position, session=at.get(line.id, 0),
            words=f"{line.code} {line.description}".strip(), amount_cents=line.total_cents, session_date=line.session_date,
            state=_loose(line, standing.get(line.id), is_over=is_over)
            if attendee is None or item is None or line.released_at is not None
            else _linked(attendee, item, now, counts_past=counts_past),
            starts_at=item.starts_at if item else None, item_id=item.id if item else None,
            client_name=client.name if client and is_shared else "",
            may_edit=can_edit and line.released_at is None, is_held=_is_held(line, attendee, item, now) and counts_past,
        )
        for line, attendee, item, client in rows
    )  # fmt: skip


def _loose(line: InvoiceLine, standing: str | None, *, is_over: bool) -> str:
    if line.released_at is not None:
        return "Credited"
    if line.minutes is None:
        return "Product"
    if standing is not None:
        return standing.capitalize()
    return "Expired" if is_over else "Unassigned"


def _linked(attendee: Attendee, item: Item, now: datetime, *, counts_past: bool) -> str:
    if attendee.status is Status.ATTENDED:
        return "Used"
    if attendee.status in (Status.BOOKED, Status.ARRIVED):
        return "Used" if counts_past and item.ends_at <= now else "Booked"
    return "Missed"


def _is_held(line: InvoiceLine, attendee: Attendee | None, item: Item | None, now: datetime) -> bool:
    is_over = item is not None and item.ends_at <= now and line.released_at is None
    return is_over and attendee is not None and attendee.status in (Status.BOOKED, Status.ARRIVED)


def _entries(
    rows: Sequence[tuple[SessionEntry, str | None]], number_of: dict[int, int], bought_at: datetime | None
) -> tuple[EntryView, ...]:
    # What one deed wrote for several lines is told once: "Bought, lines 1–5". The newest comes first.
    told = []
    for _key, same in groupby(rows, key=lambda row: (row[0].at, row[0].event, row[0].user_id, row[0].reason)):
        group = list(same)
        entry, user = group[0]
        is_online = entry.reason == linking.BY_CLIENT or (bought_at is not None and entry.event is SessionEvent.BOUGHT)
        who = user or ("The client, online" if is_online else "By the clock")
        told.append(EntryView(entry.at, _EVENT_WORDS[entry.event], _numbered(group, number_of), who, entry.reason))
    return tuple(reversed(told))


def _numbered(group: Sequence[tuple[SessionEntry, str | None]], number_of: dict[int, int]) -> str:
    # "1–4, 7"; nothing for what concerns the package as a whole.
    numbers = sorted(number_of[each.line_id] for each, _user in group if each.line_id in number_of)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("–".join(str(number) for number in run) for run in runs)
