"""The series of document numbers: gap-free, unique, and settable upwards only."""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from clinic.kernel.database import connection_of
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Invoice, InvoiceKind, NumberSeries
from clinic.practice import audit
from clinic.practice.permissions import Actor

DIGITS_MIN = 4
NUMBER_MAX = 999_999_999
PREFIX_CHARS_MAX = 12
FIRST_PREFIXES = {InvoiceKind.INVOICE: "INV-", InvoiceKind.CREDIT_NOTE: "CN-"}
_TAKE = (
    update(NumberSeries)
    .where(NumberSeries.kind == bindparam("series"))
    .values(next_number=NumberSeries.next_number + 1)
    .returning(NumberSeries.next_number, NumberSeries.prefix)
)


def take_next(session: Session, kind: InvoiceKind) -> tuple[int, str]:
    """Take the next number of that kind: the serial and the number as printed.

    Must run inside `writing()`: the lock is what makes it unique, the transaction what keeps it gap-free.
    """
    session.flush()
    taken = connection_of(session).execute(_TAKE, {"series": kind}).first()
    if taken is None:
        series_of(session, kind)
        return take_next(session, kind)
    serial = taken.next_number - 1
    return serial, f"{taken.prefix}{serial:0{DIGITS_MIN}}"


def series_of(session: Session, kind: InvoiceKind) -> NumberSeries:
    """Return the series of a kind; the first time it is asked for inside `writing()`, begin it at 1."""
    # Numbers are taken past the session, so what it remembers of the row may be old.
    series = session.get(NumberSeries, kind, populate_existing=True)
    if series is None:
        series = NumberSeries(kind=kind, prefix=FIRST_PREFIXES[kind], next_number=1)
        session.add(series)
    return series


def set_next(
    session: Session, who: Actor, kind: InvoiceKind, next_number: int, now: datetime, *, prefix: str | None = None
) -> None:
    """Let the series go on from a higher number, under another prefix if one is given.

    Raises:
        RefusalError: the number is lower than the next one, or the prefix could print a number twice.
    """
    series = series_of(session, kind)
    if next_number < series.next_number:
        raise RefusalError(f"Numbers only go up: the next one is {series.next_number}.", field="next_number")
    if next_number > NUMBER_MAX:
        raise RefusalError(f"Choose a number up to {NUMBER_MAX}.", field="next_number")
    if prefix is not None and prefix != series.prefix:
        _check_prefix(session, kind, prefix)
        series.prefix = prefix
    series.next_number = next_number
    audit.record(session, who, "set the next number", "number_series", None, now, kind=kind, next_number=next_number)


def _check_prefix(session: Session, kind: InvoiceKind, prefix: str) -> None:
    if len(prefix) > PREFIX_CHARS_MAX:
        raise RefusalError(f"A prefix has at most {PREFIX_CHARS_MAX} characters.", field="prefix")
    if prefix[-1:].isdigit():
        # "2026" before 7 would print what "202" before 67 prints.
        raise RefusalError("End the prefix with a letter or a sign, such as 2026-.", field="prefix")
    others = session.scalars(select(NumberSeries.prefix).where(NumberSeries.kind != kind))
    used = session.scalar(
        select(Invoice.id).where(Invoice.kind != kind, Invoice.number.startswith(prefix, autoescape=True)).limit(1)
    )
    if prefix in list(others) or (prefix and used is not None):
        raise RefusalError("Another kind of document has this prefix.", field="prefix")
