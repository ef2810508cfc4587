"""What a list of pages says of itself: where it stands and where the pages beside it are."""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from clinic.people.listing import Listing

QUERY_CHARS_MAX = 120


@dataclass(frozen=True)
class Pages:
    """Hold what the pagination macro shows."""

    first: int
    last: int
    total: int
    previous_url: str | None
    next_url: str | None


def number() -> int:
    """Return the page asked for, 1 when the address names none that can be read."""
    typed = request.args.get("page", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and 0 < len(typed) < 7 else 1


def words() -> str:
    """Return what was searched for, cut to what a name can be."""
    return request.args.get("q", "")[:QUERY_CHARS_MAX]


def of(listing: Listing[Any]) -> Pages:
    """Return the pages around this one, under the same address and filters."""
    kept = {key: value[:QUERY_CHARS_MAX] for key, value in request.args.items() if key != "page"}

    def url(page: int) -> str:
        return url_for(request.endpoint or "", **{**(request.view_args or {}), **kept, "page": page})

    return Pages(
        first=listing.first,
        last=listing.last,
        total=listing.total,
        previous_url=url(listing.number - 1) if listing.number > 1 else None,
        next_url=url(listing.number + 1) if listing.has_next else None,
    )
