"""What the portal's shell shows: its pages, and who is in it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import current_app, get_flashed_messages, request, url_for
from markupsafe import Markup

from clinic.views.portal_door import client


@dataclass(frozen=True)
class Word:
    """Be one word of the portal's bar."""

    label: str
    url: str
    current: bool


class Box(NamedTuple):
    """Be one figure on the portal's first page: a label, a figure, a small line that says or does something; red is late."""

    label: str
    figure: str
    line: str | Markup = ""
    kind: str | None = None


# The portal's pages in their order. A word shows as soon as its endpoint exists; a blueprint is current for one word.
PAGES = (
    ("Home", "portal.home"),
    ("Appointments", "portal_appointments.index"),
    ("Packages", "portal_packages.index"),
    ("Invoices", "portal_invoices.index"),
    ("Cards", "portal_cards.index"),
    ("Details", "portal_details.details"),
)
# A page without a word of its own stands under another's.
PART_OF = {"portal_statements": "portal_invoices"}


def shown() -> dict[str, Any]:
    """Return what the shell shows on a page of the portal; nothing that costs a query."""
    who = client()
    return {
        "home_url": url_for("portal.home"),
        "nav": [
            Word(
                label, url_for(endpoint), endpoint.partition(".")[0] == PART_OF.get(request.blueprint or "", request.blueprint)
            )
            for label, endpoint in PAGES
            if endpoint in current_app.view_functions and who.client_id is not None
        ],
        "initials": "".join(part[0] for part in (who.name or who.email).split()[:2]).upper(),
        "user_name": who.name,
        "portal_email": who.email,
        "switch_url": url_for("portal.choose") if who.has_others else None,
        "sign_out_url": url_for("portal.sign_out"),
        "flashes": [{"words": words} for words in get_flashed_messages()],
    }
