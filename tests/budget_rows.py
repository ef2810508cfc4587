"""What each page may cost: queries and compressed bytes. A new page adds a row.

`Row(name, who, path, queries=12, kilobytes=8.0, stage=None, headers={})`:

- `path` may be `lambda cast: f"/clients/{cast.cleo_id}"`; `who` is one of the staff ("fay") or "stranger".
- `stage(session, cast)` writes the rows the page is full with, before it is asked for. Measure a page that holds what a
  busy practice has, not an empty one.
- `headers=HTMX` measures the piece of page that htmx asks for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tests.cast import Cast

QUERIES_MAX = 12  # any page, whatever the number of rows (design, Hypermedia)
KILOBYTES = 8.0


@dataclass(frozen=True)
class Row:
    """State what one page may cost."""

    name: str
    who: str
    path: str | Callable[[Cast], str]
    queries: int = QUERIES_MAX
    kilobytes: float = KILOBYTES
    stage: Callable[[Session, Cast], None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def address(self, cast: Cast) -> str:
        """Return the path with the cast's ids in it."""
        return self.path if isinstance(self.path, str) else self.path(cast)


ACCOUNT = [Row("your account", "fay", "/account/", queries=5, kilobytes=2)]
AUTH = [Row("sign-in", "stranger", "/sign-in", queries=2, kilobytes=2)]

ROWS: list[Row] = [*ACCOUNT, *AUTH]
