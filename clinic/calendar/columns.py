"""The days of the calendar as they stand now: items, hours, time off and money, read in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from clinic.calendar import blocks, grid, hours, linking
from clinic.calendar.grid import Column
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, Share
from clinic.models.calendar import AppointmentType, Attendee, Item
from clinic.models.money import Account, Posting
from clinic.models.people import Client, ClientGroup
from clinic.models.practice import Location, Practitioner
from clinic.practice.permissions import Actor, Permission
from clinic.practice.settings import House

EVERYONE = 0  # as a practitioner's id: all of them
WEEK_DAYS = 7
ITEMS_MAX = 1_000


# Written once: to build such a statement anew for every page takes longer than to run it.
_ITEMS = (
    select(
        Item.id, Item.kind, Item.practitioner_id, Item.series_id, Item.version, Item.starts_at, Item.ends_at,
        Item.is_blocking, Item.is_busy, Item.mode, Item.title, AppointmentType.name.label("type_name"),
        AppointmentType.colour, ClientGroup.name.label("group_name"), Attendee.id.label("attendee_id"),
        Attendee.status, Attendee.status_at, Attendee.is_billed, Attendee.do_not_invoice,
        Attendee.fee_cents, Attendee.policy_cents, Client.first_name, Client.last_name,
    )
    .select_from(Item)
    .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
    .outerjoin(ClientGroup, ClientGroup.id == Item.group_id)
    .outerjoin(Attendee, Attendee.item_id == Item.id)
    .outerjoin(Client, Client.id == Attendee.client_id)
    .where(
        Item.practitioner_id.in_(bindparam("ids", expanding=True)),
        Item.deleted_at.is_(None),
        Item.starts_at < bindparam("ends_at"),
        # A day is the longest an item can be, so the index on the start bounds the search on both sides.
        Item.starts_at > bindparam("day_before"),
        Item.ends_at > bindparam("starts_at"),
    )
    .order_by(Item.starts_at, Item.id, Attendee.id)
)  # fmt: skip
_PLACES = select(Location.id, Location.name).where(~Location.is_archived).order_by(Location.name)
_TYPES = select(AppointmentType.id, AppointmentType.name).where(~AppointmentType.is_archived).order_by(AppointmentType.name)
_OWED = (
    select(func.sum(Posting.amount_cents))
    .where(Posting.invoice_id == Invoice.id, Posting.account == Account.RECEIVABLE)
    .scalar_subquery()
)
_MONEY = (
    select(
        Share.attendee_id, Share.amount_cents, InvoiceLine.id.label("line_id"), InvoiceLine.total_cents, Invoice.issued_at,
        Invoice.due_date, Invoice.total_cents.label("invoice_cents"), _OWED.label("owed_cents"),
        PackageSale.id.label("sale_id"),
    )
    .select_from(Share)
    .outerjoin(InvoiceLine, (InvoiceLine.share_id == Share.id) & InvoiceLine.released_at.is_(None))
    .outerjoin(Invoice, Invoice.id == InvoiceLine.invoice_id)
    .outerjoin(PackageSale, PackageSale.invoice_id == Invoice.id)
    .where(Share.attendee_id.in_(bindparam("attendee_ids", expanding=True)))
)  # fmt: skip


@dataclass(frozen=True)
class Filters:
    """Say what the grid leaves out: None shows all."""

    location_id: int | None = None
    type_id: int | None = None
    shows_void: bool = True


@dataclass(frozen=True)
class Choice:
    """Be one option of a filter."""

    id: int
    name: str


@dataclass(frozen=True)
class Choices:
    """Hold what the calendar can be narrowed to."""

    practitioners: tuple[Choice, ...]
    locations: tuple[Choice, ...]
    types: tuple[Choice, ...]


@dataclass(frozen=True)
class _Read:
    items: Sequence[blocks.ItemRow]
    working: Mapping[tuple[int, date], list[tuple[int, int]]]
    time_off: Sequence[hours.OffSpan]


def practitioners(session: Session, who: Actor) -> list[Practitioner]:
    """List whose calendars this person may open, by name."""
    query = select(Practitioner).where(~Practitioner.is_archived).order_by(Practitioner.name)
    if who.own_practitioner_id is not None:
        query = query.where(Practitioner.id == who.own_practitioner_id)
    return list(session.scalars(query))


def choices(session: Session, whose: Sequence[Practitioner]) -> Choices:
    """List what the filters offer."""
    places, types = session.execute(_PLACES), session.execute(_TYPES)
    return Choices(
        practitioners=tuple(Choice(row.id, row.name) for row in whose),
        locations=tuple(Choice(row.id, row.name) for row in places),
        types=tuple(Choice(row.id, row.name) for row in types),
    )


def days(
    session: Session,
    who: Actor,
    house: House,
    whose: Sequence[Practitioner],
    first: date,
    now: datetime,
    *,
    count: int = WEEK_DAYS,
    filters: Filters | None = None,
) -> list[Column]:
    """Return a column per day, of one practitioner or, given several, of all of them together."""
    read = _read(session, who, house, [row.id for row in whose], first, count, filters or Filters())
    several = len(whose) != 1
    window = _window(read, first, count)
    made = []
    for day in (first + timedelta(days=offset) for offset in range(count)):
        ids = [row.id for row in whose]
        column = _column(read, house, ids, day, now, window, shows_money=who.may(Permission.SEE_INVOICES))
        name, profession = ("", "") if several else (whose[0].name, whose[0].profession)
        made.append(
            replace(
                column,
                practitioner_id=EVERYONE if several else whose[0].id,
                practitioner_name=name,
                profession=profession,
            )
        )
    return _with_current(made, clock.local_date(now, house.timezone))


def team(
    session: Session,
    who: Actor,
    house: House,
    whose: Sequence[Practitioner],
    day: date,
    now: datetime,
    *,
    filters: Filters | None = None,
) -> list[Column]:
    """Return a column per practitioner for one day, side by side."""
    read = _read(session, who, house, [row.id for row in whose], day, 1, filters or Filters())
    window = _window(read, day, 1)
    shows_money = who.may(Permission.SEE_INVOICES)
    made = [
        replace(
            _column(read, house, [row.id], day, now, window, shows_money=shows_money),
            practitioner_name=row.name,
            profession=row.profession,
            is_team=True,
        )
        for row in whose
    ]
    return [replace(column, is_current=at == 0) for at, column in enumerate(made)]


def week_start(day: date, house: House) -> date:
    """Return the first day of the week a day lies in, as the locale has it."""
    return day - timedelta(days=(day.weekday() - house.locale.first_weekday) % WEEK_DAYS)


def _with_current(made: list[Column], today: date) -> list[Column]:
    shown = [column.day for column in made]
    # On a narrow screen one day shows first: today, or the next day somebody works.
    open_days = [column.day for column in made if not column.is_closed] or [shown[0]]
    current = next((day for day in open_days if day >= today), open_days[0]) if today in shown else open_days[0]
    total = sum(column.invoiced_cents for column in made)
    last = shown[-1]
    return [
        replace(column, is_current=column.day == current, total_cents=total if column.day == last and len(made) > 1 else None)
        for column in made
    ]


def _window(read: _Read, first: date, count: int) -> grid.Window:
    wanted = {first + timedelta(days=offset) for offset in range(count)}
    working = [span for (_id, day), spans in read.working.items() if day in wanted for span in spans]
    return grid.window_for(working, ((row.starts_minute, row.ends_minute) for row in read.items))


def _column(
    read: _Read,
    house: House,
    ids: Sequence[int],
    day: date,
    now: datetime,
    window: grid.Window,
    *,
    shows_money: bool,
) -> Column:
    wanted = set(ids)
    today = clock.local_date(now, house.timezone)
    stand = [blocks.block(row, now, house) for row in read.items if row.day == day and row.practitioner_id in wanted]
    working = sorted(span for identity in ids for span in read.working.get((identity, day), []))
    off = time_off(read.time_off, house, wanted, day, single=len(wanted) == 1)
    taken = [(block.starts_minute, block.ends_minute) for block in stand if block.is_blocking]
    taken += [(shade.starts_minute, shade.ends_minute) for shade in off]
    return Column(
        practitioner_id=ids[0],
        practitioner_name="",
        profession="",
        day=day,
        window=window,
        blocks=grid.in_lanes(stand),
        shades=(*grid.closed(working, window), *off),
        gaps=grid.free_between(working, taken) if len(wanted) == 1 else (),
        now_minute=_now_minute(now, house, window) if day == today else None,
        is_today=day == today,
        shows_money=shows_money,
    )


def _now_minute(now: datetime, house: House, window: grid.Window) -> int | None:
    minute = clock.minute_of_day(now, house.timezone)
    return minute if window.first_hour * 60 <= minute < window.last_hour * 60 else None


def time_off(spans: Sequence[hours.OffSpan], house: House, wanted: set[int], day: date, *, single: bool) -> list[grid.Shade]:
    """Return what closes a day, in a column of one practitioner (single) or of several."""
    starts, ends = clock.day_span(day, house.timezone)
    shades = []
    for span in spans:
        if span.starts_at >= ends or span.ends_at <= starts:
            continue
        # In a column of everyone only what closes the practice is a shade.
        is_own = single and span.practitioner_id in wanted
        if span.practitioner_id is None or is_own:
            kind = "Time off" if is_own else "Closed"
            begin, end = blocks.minutes_in(day, span.starts_at, span.ends_at, house)
            shades.append(grid.Shade(begin, end, f"{kind}: {span.label}" if span.label else kind))
    return shades


def _read(session: Session, who: Actor, house: House, ids: Sequence[int], first: date, count: int, filters: Filters) -> _Read:
    starts_at, ends_at = clock.day_span(first, house.timezone, days=count)
    rows = items(session, ids, starts_at, ends_at, filters)
    attendee_ids = [row.attendee_id for row in rows if row.attendee_id is not None]
    money = _money(session, attendee_ids) if who.may(Permission.SEE_INVOICES) else {}
    packages = linking.label_for(session, attendee_ids) if attendee_ids else {}
    working: dict[tuple[int, date], list[tuple[int, int]]] = defaultdict(list)
    for span in hours.working_spans(session, ids, first, first + timedelta(days=count - 1)):
        working[span.practitioner_id, span.day].append((span.starts_minute, span.ends_minute))
    return _Read(
        items=blocks.gathered(rows, money, packages, house),
        working=working,
        time_off=hours.off_spans(session, ids, starts_at, ends_at),
    )


def items(
    session: Session, ids: Sequence[int], starts_at: datetime, ends_at: datetime, filters: Filters, *, most: int = ITEMS_MAX
) -> Sequence[blocks.Joined]:
    """List the items of those practitioners that touch the span, a row for each attendee, in time order."""
    query = _ITEMS.limit(most)
    if filters.location_id is not None:
        query = query.where(Item.location_id == filters.location_id)
    if filters.type_id is not None:
        query = query.where(Item.type_id == filters.type_id)
    asked = {"ids": list(ids), "starts_at": starts_at, "ends_at": ends_at, "day_before": starts_at - timedelta(days=1)}
    rows: Sequence[blocks.Joined] = session.execute(query, asked).all()
    return rows if filters.shows_void else [row for row in rows if row.status is None or row.status.is_live]


def _money(session: Session, attendee_ids: Sequence[int]) -> dict[int, list[blocks.Billed]]:
    found: dict[int, list[blocks.Billed]] = defaultdict(list)
    if attendee_ids:
        for row in session.execute(_MONEY, {"attendee_ids": list(attendee_ids)}):
            found[row.attendee_id].append(row)
    return found
