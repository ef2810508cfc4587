"""All items of one client, past and coming, Activities included: what their profile lists under Appointments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import states, work
from clinic.calendar import matching, statuses
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Mode, Status
from clinic.models.people import ClientGroup
from clinic.models.practice import Location, Practice, Practitioner
from clinic.people.listing import Listing, cut
from clinic.practice import settings
from clinic.practice.permissions import Actor


class Which(StrEnum):
    """Name the choices over the list."""

    ALL = "all"
    COMING = "coming"
    PAST = "past"
    ACTIVITIES = "activities"


@dataclass(frozen=True)
class OnInvoice:
    """Hold an invoice a session stands on. `number` is empty on a draft."""

    id: int
    number: str
    state: str
    words: str


@dataclass(frozen=True)
class Row:
    """Hold one item of a client: `fee_cents` is what it bills, None if nothing; `package` such as "Five sessions 3/5"."""

    item_id: int
    kind: ItemKind
    starts_at: datetime
    ends_at: datetime
    what: str
    group: str
    practitioner: str
    location: str
    mode: Mode | None
    status: str
    is_past: bool
    is_struck: bool
    fee_cents: int | None
    invoices: tuple[OnInvoice, ...] = ()
    package: str = ""

    @property
    def is_activity(self) -> bool:
        """Say whether it is an Activity, of which the client is not told."""
        return self.kind is ItemKind.ACTIVITY


def items_of(
    session: Session, who: Actor, client_id: int, *, which: Which = Which.ALL, page: int = 1, now: datetime
) -> Listing[Row]:
    """Return one page of a client's items, the newest first; those to come, the next first.

    Someone confined to their own calendar sees the items they hold with the client, so none of a stranger's.
    """
    query = _wanted(who, client_id, which, now)

    def shape(found: Sequence[Any]) -> list[Row]:
        practice = settings.practice(session)
        lines = _lines(session, [row[0].id for row in found], settings.house(session).local_date(now))
        return [_row(row, practice, now, lines.get(row[0].id, ())) for row in found]

    return cut(session, query, page, shape)


def coming_count(session: Session, who: Actor, client_id: int, now: datetime) -> int:
    """Return how many items a client still has to come."""
    query = _wanted(who, client_id, Which.COMING, now).order_by(None)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _wanted(who: Actor, client_id: int, which: Which, now: datetime) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            Attendee,
            Practitioner.name.label("practitioner"),
            Location.name.label("location"),
            ClientGroup.name.label("group"),
            AppointmentType.name.label("type_name"),
        )
        .join(Item, Item.id == Attendee.item_id)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(ClientGroup, ClientGroup.id == Item.group_id)
        .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
        .where(Attendee.client_id == client_id, Item.deleted_at.is_(None))
        .options(joinedload(Attendee.item))
    )
    if who.own_practitioner_id is not None:
        query = query.where(Item.practitioner_id == who.own_practitioner_id)
    if which is Which.ACTIVITIES:
        query = query.where(Item.kind == ItemKind.ACTIVITY)
    if which is Which.COMING:
        return query.where(Item.ends_at > now).order_by(Item.starts_at, Item.id)
    if which is Which.PAST:
        query = query.where(Item.ends_at <= now)
    return query.order_by(Item.starts_at.desc(), Item.id.desc())


def _row(found: Any, practice: Practice, now: datetime, lines: Sequence["_Line"]) -> Row:
    attendee: Attendee = found[0]
    item = attendee.item
    package = next((line.package for line in lines if line.package), "")
    bills = attendee.is_billed and not attendee.do_not_invoice
    return Row(
        item_id=item.id,
        kind=item.kind,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        what=found.type_name or item.title or "Event",
        group=found.group or "",
        practitioner=found.practitioner,
        location=found.location or "",
        mode=item.mode,
        status=statuses.word(item.kind, _counted(attendee.status, item, practice, now)),
        is_past=item.ends_at <= now,
        is_struck=not attendee.status.is_live,
        fee_cents=sum(line.cents for line in lines) if lines else work.billed_cents(attendee, practice) if bills else None,
        invoices=tuple(line.invoice for line in lines),
        package=package,
    )


def _counted(status: Status, item: Item, practice: Practice, now: datetime) -> Status:
    return statuses.counted(status, item.kind, item.ends_at, now, past_is_attended=practice.past_booked_is_attended)


@dataclass(frozen=True)
class _Line:
    invoice: OnInvoice
    cents: int
    package: str


def _lines(session: Session, attendee_ids: list[int], today: date) -> dict[int, list[_Line]]:
    query = (
        select(Share.attendee_id, Invoice, InvoiceLine.id, InvoiceLine.total_cents, PackageSale.name)
        .join(InvoiceLine, InvoiceLine.share_id == Share.id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .outerjoin(PackageSale, PackageSale.invoice_id == Invoice.id)
        .where(Share.attendee_id.in_(attendee_ids), InvoiceLine.released_at.is_(None))
        .order_by(Share.position, Invoice.id)
    )
    found = session.execute(query).all()
    known = states.of(session, {row[1].id: row[1] for row in found}.values(), today) if found else {}
    sold = {invoice.id for _, invoice, _, _, package in found if package}
    numbers = matching.numbers(session, sold) if sold else {}
    lined: dict[int, list[_Line]] = {}
    for attendee_id, invoice, line_id, cents, package in found:
        place, of = numbers.get(line_id, (0, 0))
        state = known[invoice.id]
        on = OnInvoice(invoice.id, invoice.number or "", state.word, state.words)
        lined.setdefault(attendee_id, []).append(_Line(on, cents, f"{package} {place}/{of}" if package else ""))
    return lined
