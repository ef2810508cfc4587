"""What changed in the calendar since a page of it was shown: a counter that every change moves, and a print of each column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from zlib import crc32

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.calendar.grid import Column
from clinic.models.practice import AuditEntry
from clinic.practice import audit
from clinic.practice.audit import Change

PRINT_BITS = 0xFFFFFF


@dataclass(frozen=True)
class Seen:
    """Say what a page shows: after how many changes, on which day, and a short print of each of its columns."""

    changes: int
    today: date
    prints: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return it as the page hands it back."""
        return f"{self.changes}-{self.today:%y%m%d}-{'.'.join(self.prints)}"

    def is_as(self, words: str) -> bool:
        """Say whether nothing at all was changed since the page that hands this back; its columns need not be read then."""
        return words.startswith(f"{self.changes}-{self.today:%y%m%d}-")


def last_change(session: Session, item_id: int) -> Change | None:
    """Return who changed an item last, and when."""
    return audit.last_change(session, "item", item_id)


_LAST = select(func.max(AuditEntry.id))


def changes(session: Session) -> int:
    """Return a number that grows with every change anyone makes: each writes a row of the audit trail."""
    return session.scalar(_LAST) or 0


def seen(session: Session, columns: Sequence[Column], today: date) -> Seen:
    """Return what a page with these columns shows. Must be read in the same snapshot as the columns."""
    return Seen(changes(session), today, tuple(_print(column) for column in columns))


def news(columns: Sequence[Column], fresh: Seen, words: str) -> list[Column]:
    """Return the columns that look different from what the page shows; all of them when its words cannot be read."""
    known = words.rpartition("-")[2].split(".")
    if len(known) != len(columns):
        return list(columns)
    return [column for column, now, was in zip(columns, fresh.prints, known, strict=True) if now != was]


def _print(column: Column) -> str:
    # The line of the present minute moves by itself; it is no news.
    return f"{crc32(repr(replace(column, now_minute=None)).encode()) & PRINT_BITS:x}"
