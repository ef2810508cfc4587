"""What happens in the made-up practice at an instant."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

Deed = Callable[[Session], None]


@dataclass(frozen=True)
class Moment:
    """Be something done at an instant, inside a writing door that others may share."""

    at: datetime
    do: Deed
