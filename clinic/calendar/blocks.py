"""What an item says in the grid: whose it is, what became of it, what it costs and whether that is paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from clinic.calendar.grid import Block, Mark
from clinic.calendar.linking import PackageLabel
from clinic.kernel import clock, locales
from clinic.models.calendar import ItemKind, Mode, Status
from clinic.practice.settings import House

DAY_MINUTES = clock.MINUTES_PER_DAY
NEUTRAL_COLOUR = 0
_MODES = {Mode.PHONE: Mark("phone", "By phone"), Mode.VIDEO: Mark("camera", "Video")}
_SILENT = Mark("mute", "Activity, the client is not told")
_REPEATS = Mark("again", "Repeats")
_CANCELLED = (Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)
_APPOINTMENT_WORDS = {
    Status.ATTENDED: Mark("", "Attended"),
    Status.NO_SHOW: Mark("barred", "No show"),
    Status.LATE_CANCELLED: Mark("barred", "Late cancelled"),
}


class Joined(Protocol):
    """Be one row of the grid's query: an item and, if any, one of its attendees."""

    id: int
    kind: ItemKind
    practitioner_id: int
    version: int
    starts_at: datetime
    ends_at: datetime
    is_blocking: bool
    is_busy: bool
    mode: Mode | None
    series_id: int | None
    title: str
    type_name: str | None
    colour: int | None
    group_name: str | None
    attendee_id: int | None
    status: Status | None
    status_at: datetime
    is_billed: bool
    do_not_invoice: bool
    fee_cents: int
    policy_cents: int | None
    first_name: str
    last_name: str


class Billed(Protocol):
    """Be one share of an attendee's fee and the live line it stands on, if any."""

    attendee_id: int
    amount_cents: int
    line_id: int | None
    total_cents: int | None
    issued_at: datetime | None
    due_date: date | None
    invoice_cents: int | None
    owed_cents: int | None
    sale_id: int | None


@dataclass(frozen=True)
class ItemRow:
    """Hold an item with all its attendees, on the local day it is shown on."""

    joined: tuple[Joined, ...]
    day: date
    starts_minute: int
    ends_minute: int
    shares: tuple[Billed, ...]
    package: PackageLabel | None

    @property
    def practitioner_id(self) -> int:
        """Return whose column it stands in."""
        return self.joined[0].practitioner_id


def minutes_in(day: date, starts_at: datetime, ends_at: datetime, house: House) -> tuple[int, int]:
    """Return the wall-clock minutes a span covers of a local day, the end exclusive, also across a change of clocks."""
    begins, ends = clock.day_span(day, house.timezone)
    starts = 0 if starts_at <= begins else clock.minute_of_day(starts_at, house.timezone)
    if ends_at >= ends:
        return starts, DAY_MINUTES
    stops = clock.minute_of_day(ends_at, house.timezone)
    if stops <= starts:  # the clocks went back in between
        stops = min(starts + int((ends_at - max(starts_at, begins)).total_seconds()) // 60, DAY_MINUTES)
    return starts, stops


def gathered(
    rows: Sequence[Joined],
    money: Mapping[int, Sequence[Billed]],
    packages: Mapping[int, PackageLabel],
    house: House,
) -> list[ItemRow]:
    """Put the attendees of each item together and place it on every local day it touches."""
    by_item: dict[int, list[Joined]] = {}
    for row in rows:
        by_item.setdefault(row.id, []).append(row)
    found = []
    for joined in by_item.values():
        ids = [row.attendee_id for row in joined if row.attendee_id is not None]
        shares = tuple(share for identity in ids for share in money.get(identity, ()))
        package = next((packages[identity] for identity in ids if identity in packages), None)
        starts_at, ends_at = joined[0].starts_at, joined[0].ends_at
        day = house.local_date(starts_at)
        while clock.day_start(day, house.timezone) < ends_at:
            starts, ends = minutes_in(day, starts_at, ends_at, house)
            found.append(ItemRow(tuple(joined), day, starts, ends, shares, package))
            day += timedelta(days=1)
    return found


def block(row: ItemRow, now: datetime, house: House) -> Block:
    """Return what the grid prints of an item."""
    first = row.joined[0]
    live = [one for one in row.joined if one.status is not None and one.status.is_live]
    is_void = first.attendee_id is not None and not live
    late_before = house.local_date(now) - timedelta(days=house.overdue_after_days)
    amount, money, is_late = _amount(row, late_before)
    status = _status(row, now, house)
    if is_late and status is None:
        status = Mark("late", "Overdue")
    shows_amount = amount is not None and not (is_void and first.status is not Status.LATE_CANCELLED)
    return Block(
        item_id=first.id,
        practitioner_id=first.practitioner_id,
        name=_name(first),
        type_name=_type_name(first),
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        starts_minute=row.starts_minute,
        ends_minute=row.ends_minute,
        colour=first.colour if first.colour is not None else NEUTRAL_COLOUR,
        is_blocking=first.is_blocking,
        is_free=not first.is_busy,
        is_void=is_void,
        is_session=first.kind is ItemKind.APPOINTMENT,
        phase="past" if first.ends_at <= now else "live" if first.starts_at <= now else "",
        amount_cents=amount if shows_amount else None,
        money=money if shows_amount else "",
        word="Cancelled" if is_void and first.status is not Status.LATE_CANCELLED else "",
        marks=_marks(row),
        status=status,
        is_late=is_late and status is not None and status.icon == "late",
        invoiced_cents=sum(share.total_cents or 0 for share in row.shares if share.issued_at is not None),
        version=first.version,
    )


def _name(first: Joined) -> str:
    if first.group_name:
        return first.group_name
    if first.attendee_id is not None:
        return f"{first.first_name} {first.last_name}".strip()
    return first.title or first.type_name or "Event"


def _type_name(first: Joined) -> str:
    return first.type_name or ("Event" if first.kind is ItemKind.EVENT else "")


def _amount(row: ItemRow, late_before: date) -> tuple[int | None, str, bool]:
    """Return the amount, the sign before it, and whether it is late: due before that day."""
    if row.package is not None:
        return None, "", False
    lined = [share for share in row.shares if share.line_id is not None]
    if not lined:
        owed = [_uninvoiced_cents(one) for one in row.joined if one.attendee_id is not None and one.is_billed]
        wanted = [cents for cents in owed if cents]
        return (sum(wanted), "pencil", False) if wanted and row.shares else (None, "", False)
    amount = sum(share.total_cents or 0 for share in lined)
    late = any((share.owed_cents or 0) > 0 and share.due_date is not None and share.due_date < late_before for share in lined)
    waiting_cents = _waiting_cents(row)
    if waiting_cents or any(share.issued_at is None for share in lined):
        return amount + waiting_cents, "pencil", late
    owed_cents = sum(share.owed_cents or 0 for share in lined)
    if owed_cents <= 0:
        return amount, "check", False
    return amount, "half" if owed_cents < sum(share.invoice_cents or 0 for share in lined) else "ring", late


def _waiting_cents(row: ItemRow) -> int:
    """Return what of an item is on no invoice yet, where other parts of it are."""
    bills = {one.attendee_id for one in row.joined if one.is_billed and one.status not in _CANCELLED and _uninvoiced_cents(one)}
    return sum(share.amount_cents for share in row.shares if share.line_id is None and share.attendee_id in bills)


def _uninvoiced_cents(one: Joined) -> int:
    if one.do_not_invoice:
        return 0
    return one.fee_cents if one.policy_cents is None else one.policy_cents


def _marks(row: ItemRow) -> tuple[Mark, ...]:
    first = row.joined[0]
    marks = []
    if row.package is not None:
        marks.append(Mark("stack", "Package session", f"{row.package.number}/{row.package.of}"))
    if first.group_name:
        marks.append(Mark("people", "Clients", str(len(_present(row)))))
    if first.series_id is not None:
        marks.append(_REPEATS)
    if first.kind is ItemKind.ACTIVITY:
        marks.append(_SILENT)
    elif first.mode in _MODES:
        marks.append(_MODES[first.mode])
    return tuple(marks)


def _present(row: ItemRow) -> tuple[Joined, ...]:
    """Return who is not cancelled; of what is cancelled whole, everyone."""
    return tuple(one for one in row.joined if one.status not in _CANCELLED) or row.joined


def _status(row: ItemRow, now: datetime, house: House) -> Mark | None:
    present = _present(row)
    first = present[0]
    status = first.status
    if first.kind is ItemKind.ACTIVITY or first.attendee_id is None:
        busy = "Busy" if first.is_busy else "Free"
        kind = "Activity" if first.kind is ItemKind.ACTIVITY else "Event"
        if status in _CANCELLED:
            return None
        return Mark("", "Free") if not first.is_busy else Mark("", f"{kind}, {busy}")
    if status is Status.ARRIVED:
        at = locales.wall_time(clock.local(first.status_at, house.timezone), house.locale, marked=False)
        return Mark("dot", f"Arrived {at}")
    if len({one.status for one in present}) > 1:
        return Mark("", _counted(present))
    if row.package is not None and row.package.number == row.package.of and first.ends_at > now:
        return Mark("", "Last session of package")
    return _APPOINTMENT_WORDS.get(status) if status is not None else None


def _counted(joined: Sequence[Joined]) -> str:
    counts = {
        word: sum(one.status is status for one in joined)
        for status, word in (
            (Status.ATTENDED, "Attended"),
            (Status.NO_SHOW, "no show"),
            (Status.LATE_CANCELLED, "late cancelled"),
        )
    }
    return ", ".join(f"{word} {count}" for word, count in counts.items() if count) or f"{len(joined)} clients"
