"""A list cut into pages, so that none is ever longer than a screen or two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

PAGE_ROWS_MAX = 50
T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """Hold one page of a list: its rows, its number from 1, and how many rows there are in all."""

    rows: Sequence[T]
    number: int
    total: int

    @property
    def first(self) -> int:
        """Return the place of the first row in the whole list."""
        return (self.number - 1) * PAGE_ROWS_MAX + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Return the place of the last row in the whole list."""
        return (self.number - 1) * PAGE_ROWS_MAX + len(self.rows)

    @property
    def has_next(self) -> bool:
        """Say whether rows follow."""
        return self.last < self.total


def cut(
    session: Session, query: Select[*tuple[Any, ...]], number: int, shape: Callable[[Sequence[Any]], Sequence[T]]
) -> Listing[T]:
    """Return that page of what the query finds; a number past the end gives the last page.

    Args:
        shape: turns the page's database rows into what the list shows.
    """
    number = max(1, number)
    counted = query.add_columns(func.count().over().label("total"))
    found = session.execute(counted.limit(PAGE_ROWS_MAX).offset((number - 1) * PAGE_ROWS_MAX)).all()
    if not found and number > 1:
        total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        return cut(session, query, max(1, -(-total // PAGE_ROWS_MAX)), shape)
    return Listing(rows=shape(found), number=number, total=found[0].total if found else 0)
