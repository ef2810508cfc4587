"""The days a document covers: from a first to a last day, both included, and the ranges people ask for by name."""

from dataclasses import dataclass
from datetime import date

from clinic.billing import periods
from clinic.kernel.errors import RefusalError


@dataclass(frozen=True)
class Preset:
    """Be a range with a name."""

    words: str
    first: date
    last: date


def presets(today: date) -> tuple[Preset, ...]:
    """Return the ranges people ask for, the one shown when nobody chose (this year) included."""
    last_month = periods.month_ended_before(today)
    return (
        Preset("This month", today.replace(day=1), periods.month_end(today)),
        Preset("Last month", last_month.replace(day=1), last_month),
        Preset("This year", *year_of(today)),
        Preset("Last year", date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    )


def year_of(today: date) -> tuple[date, date]:
    """Return the first and the last day of a day's year."""
    return date(today.year, 1, 1), date(today.year, 12, 31)


def check(first: date, last: date) -> None:
    """Refuse a range that runs backwards.

    Raises:
        RefusalError: it does.
    """
    if last < first:
        raise RefusalError("The last day comes before the first.", field="last")
