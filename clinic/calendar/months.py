"""The month at a glance: what each day holds, in whole weeks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from clinic.calendar import blocks, columns, grid, hours
from clinic.calendar.columns import WEEK_DAYS, Filters
from clinic.calendar.grid import Block, Column
from clinic.kernel import clock
from clinic.models.practice import Practitioner
from clinic.practice.settings import House

BLOCKS_SHOWN = 3
ROWS_MAX = 8_000
WHOLE_DAY = grid.Window(0, 24)


@dataclass(frozen=True)
class Cell:
    """Be one day of the month's page."""

    column: Column
    is_outside: bool  # of the month before or after
    is_closed: bool

    @property
    def shown(self) -> tuple[Block, ...]:
        """Return the day's first items."""
        return self.column.blocks[:BLOCKS_SHOWN]

    @property
    def more(self) -> int:
        """Count the items that are not shown."""
        return max(len(self.column.blocks) - BLOCKS_SHOWN, 0)


def beside(day: date, months: int) -> date:
    """Return the first day of the month so many before (negative) or after the day's own."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def weeks(
    session: Session,
    house: House,
    whose: Sequence[Practitioner],
    day: date,
    now: datetime,
    *,
    filters: Filters | None = None,
) -> list[list[Cell]]:
    """Return the weeks that hold the day's month, four to six: of one practitioner or, given several, of all together."""
    first = columns.week_start(beside(day, 0), house)
    end = beside(day, 1)
    count = -(-(end - first).days // WEEK_DAYS) * WEEK_DAYS
    days = [first + timedelta(days=offset) for offset in range(count)]
    ids = [row.id for row in whose]
    starts_at, ends_at = clock.day_span(first, house.timezone, days=count)
    rows = columns.items(session, ids, starts_at, ends_at, filters or Filters(), most=ROWS_MAX)
    standing: dict[date, list[Block]] = defaultdict(list)
    for row in blocks.gathered(rows, {}, {}, house):
        standing[row.day].append(blocks.block(row, now, house))
    working = {span.day for span in hours.working_spans(session, ids, first, days[-1])}
    off = hours.off_spans(session, ids, starts_at, ends_at)
    today = clock.local_date(now, house.timezone)
    cells = []
    for one in days:
        shades = columns.time_off(off, house, set(ids), one, single=len(ids) == 1)
        column = Column(
            practitioner_id=ids[0], practitioner_name="", profession="", day=one, window=WHOLE_DAY,
            blocks=tuple(sorted(standing[one], key=lambda block: (block.starts_minute, block.item_id))), shades=tuple(shades),
            gaps=(), now_minute=None, is_today=one == today, shows_money=False,
        )  # fmt: skip
        cells.append(Cell(column, is_outside=one.month != day.month, is_closed=one not in working))
    return [cells[at : at + WEEK_DAYS] for at in range(0, count, WEEK_DAYS)]
