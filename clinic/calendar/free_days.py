"""Free times as a client chooses among them: a month of days, and the times of one of them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from clinic.calendar import months, online
from clinic.calendar.columns import WEEK_DAYS
from clinic.calendar.online import Wish
from clinic.practice import settings


@dataclass(frozen=True)
class Cell:
    """Be one day of the month shown; `count` free times may be chosen on it."""

    day: date
    count: int
    is_chosen: bool


@dataclass(frozen=True)
class FreeDays:
    """Be a month of days with their free times, and the times of the day chosen."""

    month: date  # its first day
    weeks: tuple[tuple[Cell | None, ...], ...]
    previous: date | None
    following: date | None
    chosen: date | None
    starts: tuple[datetime, ...]
    last: date  # the last day that may be booked

    @property
    def weekdays(self) -> list[str]:
        """Return the names of the columns, from the week's first day on."""
        first = next(at for at, cell in enumerate(self.weeks[0]) if cell is not None)
        begins = self.month - timedelta(days=first)
        return [f"{begins + timedelta(days=offset):%A}" for offset in range(WEEK_DAYS)]

    @property
    def is_free(self) -> bool:
        """Say whether any day of the month has a free time."""
        return any(cell is not None and cell.count for week in self.weeks for cell in week)


def of(
    session: Session, wish: Wish | None, now: datetime, *, day: date | None, until: date | None, besides: datetime | None = None
) -> FreeDays:
    """Return the free times of a wish in the month of a day; without one, of the first month that has any.

    Args:
        wish: None: nothing can be booked, so nothing is free.
        until: the last day that it may fall on, beside how far ahead clients may book.
        besides: a time that is not offered, as it stands there already.
    """
    first, last = online.span(session, now)
    last = min(last, until) if until else last
    month, found = months.beside(max(day or first, first), 0), []
    if wish is not None:
        asked = (first, last) if day is None else (max(first, month), min(last, months.beside(month, 1) - timedelta(days=1)))
        found = online.slots(session, wish, *asked, now)
    house = settings.house(session)
    by_day: dict[date, list[datetime]] = defaultdict(list)
    for slot in found:
        if slot.starts_at != besides:
            by_day[house.local_date(slot.starts_at)].append(slot.starts_at)
    if day is None and by_day:
        month = months.beside(min(by_day), 0)
    chosen = day if day in by_day else min((each for each in by_day if months.beside(each, 0) == month), default=None)
    before, after = months.beside(month, -1), months.beside(month, 1)
    return FreeDays(
        month=month, weeks=_weeks(month, house.locale.first_weekday, by_day, chosen),
        previous=max(before, first) if after > first and month > first else None, following=after if after <= last else None,
        chosen=chosen, starts=tuple(by_day[chosen]) if chosen else (), last=last,
    )  # fmt: skip


def _weeks(
    month: date, first_weekday: int, by_day: dict[date, list[datetime]], chosen: date | None
) -> tuple[tuple[Cell | None, ...], ...]:
    lead = (month.weekday() - first_weekday) % WEEK_DAYS
    length = (months.beside(month, 1) - month).days
    days: list[Cell | None] = [None] * lead
    for each in (month + timedelta(days=offset) for offset in range(length)):
        days.append(Cell(each, len(by_day.get(each, ())), each == chosen))
    days += [None] * (-len(days) % WEEK_DAYS)
    return tuple(tuple(days[at : at + WEEK_DAYS]) for at in range(0, len(days), WEEK_DAYS))
