"""The grid as arithmetic: which hours show, where an item stands in its column, what is free between items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache

ROW_MINUTES = 5
SLOT_MINUTES = 30
SPAN_ROWS_MAX = 144  # the stylesheet has no longer one
LANE_TWELFTHS = 12
FREE_TWELFTHS = 4  # beside a busy item, Free takes the last third
FREE_LANES_MAX = 2  # of which each still can be read and pressed; from three on all are equally wide
FIRST_HOUR, LAST_HOUR = 8, 18  # shown when nothing says otherwise


@dataclass(frozen=True)
class Window:
    """Hold the hours a grid shows: from the first, up to and not including the last."""

    first_hour: int
    last_hour: int

    def __str__(self) -> str:
        """Return it as an address has it."""
        return f"{self.first_hour}-{self.last_hour}"

    @property
    def hours(self) -> range:
        """Return the hours shown."""
        return range(self.first_hour, self.last_hour)

    def row(self, minute: int) -> int:
        """Return the grid row (from 1) of a minute of the day, kept inside the window."""
        inside = min(max(minute, self.first_hour * 60), self.last_hour * 60 - ROW_MINUTES)
        return (inside - self.first_hour * 60) // ROW_MINUTES + 1

    def rows(self, starts_minute: int, ends_minute: int) -> int:
        """Return how many rows a span covers inside the window; at least one."""
        starts = max(starts_minute, self.first_hour * 60)
        ends = min(ends_minute, self.last_hour * 60)
        return min(max(-(-(ends - starts) // ROW_MINUTES), 1), SPAN_ROWS_MAX)


@dataclass(frozen=True)
class Slot:
    """Be half an hour that offers to book: its row, and its time as "14:30"."""

    row: str
    at: str


@dataclass(frozen=True)
class Mark:
    """Be a sign with its word; the word is for those who do not see the sign."""

    icon: str
    word: str
    text: str = ""


@dataclass(frozen=True)
class Block:
    """Hold one item as the grid prints it. Minutes count from the local day's midnight; the end is exclusive."""

    item_id: int
    practitioner_id: int
    name: str
    type_name: str
    starts_at: datetime
    ends_at: datetime
    starts_minute: int
    ends_minute: int
    colour: int
    is_blocking: bool
    is_free: bool
    is_void: bool
    is_session: bool
    phase: str  # "past", "live" or ""
    amount_cents: int | None = None
    money: str = ""  # "pencil", "ring", "half", "check"
    word: str = ""  # stands where the amount would: Cancelled
    marks: tuple[Mark, ...] = ()
    status: Mark | None = None
    is_late: bool = False
    invoiced_cents: int = 0
    lane: str = ""
    version: int = 0

    @property
    def minutes(self) -> int:
        """Return how long it is."""
        return self.ends_minute - self.starts_minute

    @property
    def size(self) -> str:
        """Return the class of an item with room for one line or two only."""
        return "one" if self.minutes < 25 else "two" if self.minutes <= 30 else ""


@dataclass(frozen=True)
class Shade:
    """Be a stretch of a column where nobody works: closed hours, or time off with its label."""

    starts_minute: int
    ends_minute: int
    label: str | None = None


@dataclass(frozen=True)
class Gap:
    """Be free working time between two items, as the agenda offers it."""

    starts_minute: int
    ends_minute: int

    @property
    def words(self) -> str:
        """Say how long it is: "1 h 10 min"."""
        hours, minutes = divmod(self.ends_minute - self.starts_minute, 60)
        return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)


@dataclass(frozen=True)
class Column:
    """Hold one day of one practitioner (0: of everyone), top to bottom."""

    practitioner_id: int
    practitioner_name: str
    profession: str
    day: date
    window: Window
    blocks: tuple[Block, ...]
    shades: tuple[Shade, ...]
    gaps: tuple[Gap, ...]
    now_minute: int | None
    is_today: bool
    shows_money: bool
    is_team: bool = False
    is_current: bool = False
    total_cents: int | None = None

    @property
    def is_closed(self) -> bool:
        """Say whether nobody works and nothing stands here, so that the column may fold."""
        return not self.blocks and not self.gaps

    @property
    def session_count(self) -> int:
        """Count the sessions that were or will be given."""
        return sum(block.is_session and not block.is_void for block in self.blocks)

    @property
    def booked_tenths(self) -> int:
        """Return the busy hours in tenths."""
        return -(-sum(block.minutes for block in self.blocks if block.is_blocking) // 6)

    @property
    def invoiced_cents(self) -> int:
        """Return what stands on issued invoices for this day's work."""
        return sum(block.invoiced_cents for block in self.blocks)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Return the half hours at which a free-standing link offers to book."""
        return _slots(self.window)

    @property
    def entries(self) -> list[tuple[str, Block | Gap | None]]:
        """Return items, gaps and the now-line in time order: the same list is the agenda of a narrow screen."""
        found: list[tuple[int, int, str, Block | Gap | None]] = []
        found += [(block.starts_minute, 1, "block", block) for block in self.blocks]
        found += [(gap.starts_minute, 2, "gap", gap) for gap in self.gaps]
        if self.now_minute is not None:
            found.append((self.now_minute, 0, "now", None))
        found.sort(key=lambda entry: entry[:2])
        return [(kind, thing) for _minute, _order, kind, thing in found]


@cache
def _slots(window: Window) -> tuple[Slot, ...]:
    minutes = range(window.first_hour * 60, window.last_hour * 60, SLOT_MINUTES)
    return tuple(Slot(str(window.row(minute)), f"{minute // 60:02}:{minute % 60:02}") for minute in minutes)


def window_for(working: Iterable[tuple[int, int]], items: Iterable[tuple[int, int]]) -> Window:
    """Return the hours to show: working hours and one hour around, and whatever stands outside them."""
    starts = [start - 60 for start, _ in working]
    ends = [end + 60 for _, end in working]
    if not starts:
        starts, ends = [FIRST_HOUR * 60], [LAST_HOUR * 60]
    for starts_minute, ends_minute in items:
        starts.append(starts_minute)
        ends.append(ends_minute)
    return Window(max(min(starts) // 60, 0), min(-(-max(ends) // 60), 24))


def in_lanes(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Stand overlapping items side by side, in time order: Free ones to the right of busy ones, the rest in even lanes."""
    ordered = sorted(
        blocks, key=lambda block: (block.starts_minute, block.is_free or block.is_void, -block.minutes, block.item_id)
    )
    placed: list[Block] = []
    cluster: list[Block] = []
    ends = -1
    for block in ordered:
        if cluster and block.starts_minute >= ends:
            placed += _beside(cluster)
            cluster = []
        cluster.append(block)
        ends = max(ends, block.ends_minute) if len(cluster) > 1 else block.ends_minute
    return tuple(placed + _beside(cluster))


def _beside(cluster: list[Block]) -> list[Block]:
    lanes: list[int] = []  # each lane's end
    lane_of: dict[int, int] = {}
    # What holds the time stands left of what does not.
    for block in sorted(cluster, key=lambda block: (not block.is_blocking, block.starts_minute)):
        free = next((at for at, end in enumerate(lanes) if end <= block.starts_minute), len(lanes))
        lanes[free : free + 1] = [block.ends_minute]
        lane_of[block.item_id] = free
    if len(lanes) < 2:
        return cluster
    busy = {lane_of[block.item_id] for block in cluster if block.is_blocking}
    beside = len(lanes) - 1
    if busy == {0} and beside <= FREE_LANES_MAX:
        wide = FREE_TWELFTHS // beside
        free_from = LANE_TWELFTHS - FREE_TWELFTHS + 1
        widths = [(1, LANE_TWELFTHS - FREE_TWELFTHS), *((free_from + at * wide, wide) for at in range(beside))]
    else:
        count = min(len(lanes), LANE_TWELFTHS)
        wide = LANE_TWELFTHS // count
        widths = [(at % count * wide + 1, wide) for at in range(len(lanes))]
    return [replace(block, lane="c{} w{}".format(*widths[lane_of[block.item_id]])) for block in cluster]


def closed(working: Sequence[tuple[int, int]], window: Window) -> tuple[Shade, ...]:
    """Return the stretches of the window outside working hours."""
    shades, at = [], window.first_hour * 60
    for starts, ends in sorted(working):
        if starts > at:
            shades.append(Shade(at, starts))
        at = max(at, ends)
    if at < window.last_hour * 60:
        shades.append(Shade(at, window.last_hour * 60))
    return tuple(shades)


def free_between(working: Sequence[tuple[int, int]], taken: Iterable[tuple[int, int]]) -> tuple[Gap, ...]:
    """Return the working time that nothing blocks, in stretches of at least a quarter of an hour."""
    gaps = []
    blocked = sorted(taken)
    for starts, ends in sorted(working):
        at = starts
        for from_minute, to_minute in blocked:
            if to_minute <= at or from_minute >= ends:
                continue
            if from_minute - at >= 15:
                gaps.append(Gap(at, from_minute))
            at = max(at, to_minute)
        if ends - at >= 15:
            gaps.append(Gap(at, ends))
    return tuple(gaps)
