"""The list before a series is saved: date by date whether it is free, what it clashes with, and who pays for it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from clinic.calendar import availability, buffers, hours, matching, recurrence
from clinic.calendar.availability import Span
from clinic.calendar.buffers import Neighbour
from clinic.calendar.recurrence import Rule
from clinic.calendar.terms import Terms, Wanted
from clinic.kernel import clock
from clinic.models.calendar import AppointmentType, Item, ItemKind
from clinic.practice import settings
from clinic.practice.permissions import Actor
from clinic.practice.settings import House

FREE_TIMES_MAX = 3
DAY = timedelta(days=1)
SKIPPED_BY_CLOCKS = "The clocks skip this time on that day."
OWN_CLASH = "The date before reaches into this one."


@dataclass(frozen=True)
class Choices:
    """Hold what was chosen date by date: left out, or at another time of that day."""

    skipped: frozenset[date] = frozenset()
    moved: Mapping[date, time] = field(default_factory=dict)


@dataclass(frozen=True)
class Occurrence:
    """Be one date of the list."""

    day: date
    wall: time
    starts_at: datetime | None  # None: the clocks skip that time
    trouble: str  # why it cannot stand there; empty when it can
    warnings: tuple[str, ...]
    free: tuple[time, ...]  # the nearest free times of that day, for one in trouble
    packages: tuple[str, ...]  # the packages that cover it, one for each place that carries a fee
    bills_cents: int
    is_skipped: bool = False
    is_moved: bool = False
    is_booked: bool = False  # the one that stands already
    is_past_last: bool = False  # no time of that day will do: its package has ended

    @property
    def is_open(self) -> bool:
        """Say whether somebody has to choose: skip or move."""
        return bool(self.trouble) and not self.is_skipped


@dataclass(frozen=True)
class Plan:
    """Hold the whole list."""

    rule: Rule
    words: str
    occurrences: tuple[Occurrence, ...]
    passed_over: tuple[date, ...]  # the first of each month that has no such day
    near_miss: str | None

    @property
    def booked(self) -> tuple[Occurrence, ...]:
        """Return the dates that Save books."""
        return tuple(each for each in self.occurrences if not each.is_skipped and not each.is_booked)

    @property
    def open(self) -> tuple[Occurrence, ...]:
        """Return the dates that somebody has to choose for."""
        return tuple(each for each in self.occurrences if each.is_open)


@dataclass(frozen=True)
class _Ground:
    """Hold what stands in those days already, read once for all dates."""

    house: House
    taken: Sequence[tuple[datetime, datetime, int]]  # start, end, item; by start
    working: Mapping[date, Sequence[hours.WorkingSpan]]
    off: Sequence[hours.OffSpan]
    kind: AppointmentType | None
    beside: Sequence[Neighbour]  # of this practitioner alone; by start

    def in_the_way(self, starts_at: datetime, ends_at: datetime) -> int | None:
        """Return the first item that overlaps a span. None is longer than a day, so only two days are looked at."""
        at = bisect_left(self.taken, starts_at - DAY, key=lambda row: row[0])
        while at < len(self.taken) and self.taken[at][0] < ends_at:
            if self.taken[at][1] > starts_at:
                return self.taken[at][2]
            at += 1
        return None

    def squeezed(self, starts_at: datetime, ends_at: datetime) -> list[str]:
        """Return the buffers that a span leaves too little room for."""
        at = bisect_left(self.beside, starts_at - DAY - buffers.REACH, key=lambda each: each.starts_at)
        until = bisect_left(self.beside, ends_at + buffers.REACH, key=lambda each: each.starts_at)
        return buffers.spoken_against(self.beside[at:until], self.kind, starts_at, ends_at)


def plan(
    session: Session, who: Actor, wanted: Wanted, terms: Terms, rule: Rule, choices: Choices, *, booked: Item | None = None
) -> Plan:
    """Work out the list: the first date is the wish's own, every other keeps its wall-clock time.

    Args:
        booked: the item the series starts from, when that one stands already.

    Raises:
        RefusalError: the rule does not hold.
    """
    house = settings.house(session)
    there = clock.local(wanted.starts_at, house.timezone)
    found = recurrence.days(rule, there.date())
    lines = on_days(session, who, wanted, terms, found.days, there.time(), choices, booked=booked)
    covered = _covered(session, wanted, terms, lines)
    return Plan(
        rule=rule,
        words=recurrence.words(rule),
        occurrences=tuple(covered),
        passed_over=tuple(date(year, month, 1) for year, month in found.passed_over),
        near_miss=_near_miss(session, wanted, terms, covered),
    )


def on_days(
    session: Session, who: Actor, wanted: Wanted, terms: Terms, days: Sequence[date], wall: time, choices: Choices, *,
    booked: Item | None = None,
) -> list[Occurrence]:  # fmt: skip
    """Say of each of these days, in order, whether a wish can stand there at one wall-clock time, and where else it could."""
    house = settings.house(session)
    ground = _ground(session, wanted, terms, days, house)
    drafts: list[tuple[Occurrence, int | None]] = []
    before: Span | None = None
    for day in days:
        made, clash_id, span = _draft(wanted, terms, ground, day, choices.moved.get(day, wall), before)
        is_booked = booked is not None and day == days[0]
        made = replace(made, is_skipped=day in choices.skipped and not is_booked, is_moved=day in choices.moved)
        if is_booked:
            made, clash_id = replace(made, trouble="", warnings=(), is_booked=True, is_moved=False), None
        before = before if made.is_skipped else span or before
        drafts.append((made, clash_id))
    named = _named(session, who, wanted, house, [clash_id for _made, clash_id in drafts if clash_id is not None])
    lines = [replace(made, trouble=named.get(clash_id or 0, made.trouble)) for made, clash_id in drafts]
    return [replace(each, free=_free(ground, terms, each, wall)) if each.trouble else each for each in lines]


def _ground(session: Session, wanted: Wanted, terms: Terms, days: Sequence[date], house: House) -> _Ground:
    from_at, _ = clock.day_span(days[0], house.timezone)
    _, to_at = clock.day_span(days[-1] + DAY, house.timezone)
    taken: list[tuple[datetime, datetime, int]] = []
    beside: list[Neighbour] = []
    mine = Item.practitioner_id == wanted.practitioner_id
    if wanted.is_busy:
        minutes = (AppointmentType.buffer_before_minutes, AppointmentType.buffer_after_minutes)
        query = (
            select(Item.starts_at, Item.ends_at, Item.id, Item.practitioner_id, *minutes)
            .outerjoin(AppointmentType, AppointmentType.id == Item.type_id)
            .where(Item.is_blocking, Item.starts_at > from_at - DAY - buffers.REACH, Item.starts_at < to_at)
            .where(mine if terms.room_id is None else or_(mine, Item.room_id == terms.room_id))
            .order_by(Item.starts_at, Item.id)
        )
        for starts_at, ends_at, item_id, practitioner_id, before, after in session.execute(query):
            taken.append((starts_at, ends_at, item_id))
            if practitioner_id == wanted.practitioner_id:
                beside.append(Neighbour(starts_at, ends_at, before or 0, after or 0))
    working: dict[date, list[hours.WorkingSpan]] = {}
    for span in hours.working_spans(session, [wanted.practitioner_id], days[0], days[-1] + DAY):
        working.setdefault(span.day, []).append(span)
    off = hours.off_spans(session, [wanted.practitioner_id], from_at, to_at)
    kind = session.get(AppointmentType, wanted.type_id) if wanted.type_id else None
    return _Ground(house, taken, working, off, kind, beside)


def _draft(
    wanted: Wanted, terms: Terms, ground: _Ground, day: date, wall: time, before: Span | None
) -> tuple[Occurrence, int | None, Span | None]:
    """Return a date with the item in its way, if any, and the span it would take."""
    starts_at = recurrence.instant(day, wall, ground.house.timezone)
    if starts_at is None:
        return Occurrence(day, wall, None, SKIPPED_BY_CLOCKS, (), (), (), 0), None, None
    ends_at = starts_at + timedelta(minutes=terms.minutes)
    clash_id = ground.in_the_way(starts_at, ends_at)
    trouble = OWN_CLASH if wanted.is_busy and before is not None and before.ends_at > starts_at else ""
    warned = availability.spoken_against(
        [*ground.working.get(day, ()), *ground.working.get(day + DAY, ())], ground.off, location_id=terms.location_id,
        starts_at=starts_at, ends_at=ends_at, timezone=ground.house.timezone,
    )  # fmt: skip
    if wanted.is_busy and clash_id is None:
        warned += ground.squeezed(starts_at, ends_at)
    return Occurrence(day, wall, starts_at, trouble, tuple(warned), (), (), 0), clash_id, Span(starts_at, ends_at)


def _named(session: Session, who: Actor, wanted: Wanted, house: House, clash_ids: list[int]) -> dict[int, str]:
    if not clash_ids:
        return {}
    found = availability.clashes(session, clash_ids, practitioner_id=wanted.practitioner_id)
    return {item_id: availability.refuse_clash(clash, who, house).message for item_id, clash in found.items()}


def _free(ground: _Ground, terms: Terms, line: Occurrence, usual: time) -> tuple[time, ...]:
    begins, ends = clock.day_span(line.day, ground.house.timezone)
    taken = [Span(*row[:2]) for row in ground.taken if row[0] < ends and row[1] > begins]
    taken += [Span(span.starts_at, span.ends_at) for span in ground.off if span.starts_at < ends and span.ends_at > begins]
    around = line.starts_at or recurrence.instant(line.day, usual, ground.house.timezone) or begins
    starts = availability.free_starts(
        ground.working.get(line.day, ()), taken, location_id=terms.location_id, minutes=terms.minutes, around=around,
        timezone=ground.house.timezone,
    )  # fmt: skip
    return tuple(clock.local(start, ground.house.timezone).time() for start in starts[:FREE_TIMES_MAX])


def _covered(session: Session, wanted: Wanted, terms: Terms, lines: Sequence[Occurrence]) -> list[Occurrence]:
    """Say of each date which package it uses and what is billed, taking the packages' lines in the order Save does."""
    billed = [place.client_id for place in terms.places if place.is_billed]
    open_lines = {client_id: _open_lines(session, wanted, terms, client_id) for client_id in billed}
    made = []
    for line in lines:
        if line.is_skipped or line.is_booked:
            made.append(line)
            continue
        used = []
        for client_id in billed:
            fits = (at for at, (_name, last) in enumerate(open_lines[client_id]) if last is None or last >= line.day)
            at = next(fits, None)
            if at is not None:
                used.append(open_lines[client_id].pop(at)[0])
        made.append(replace(line, packages=tuple(used), bills_cents=terms.price.cents * (len(billed) - len(used))))
    return made


def _open_lines(session: Session, wanted: Wanted, terms: Terms, client_id: int) -> list[tuple[str, date | None]]:
    fee_id = terms.price.fee_id
    if not wanted.uses_package or terms.kind is not ItemKind.APPOINTMENT or fee_id is None or terms.location_id is None:
        return []
    return matching.open_lines(
        session, client_id=client_id, fee_id=fee_id, practitioner_id=wanted.practitioner_id, location_id=terms.location_id
    )


def _near_miss(session: Session, wanted: Wanted, terms: Terms, lines: Sequence[Occurrence]) -> str | None:
    """Say before Save why the first date that is billed uses no package, where one has its fee (rulebook 3.4)."""
    billed = [place for place in terms.places if place.is_billed]
    first = next((line for line in lines if line.bills_cents and line.starts_at is not None), None)
    if first is None or len(billed) != 1 or not wanted.uses_package or terms.kind is not ItemKind.APPOINTMENT:
        return None
    if terms.price.fee_id is None or terms.location_id is None:
        return None
    if any(line.packages for line in lines):
        return None  # the list itself says how far the package reaches
    return matching.near_miss(
        session, client_id=billed[0].client_id, fee_id=terms.price.fee_id, practitioner_id=wanted.practitioner_id,
        location_id=terms.location_id, on_date=first.day,
    )  # fmt: skip
