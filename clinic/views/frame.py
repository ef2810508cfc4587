"""What the shell around every page shows: the practice's name, the words at the top, whose page it is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, current_app, g, get_flashed_messages, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import night, online_sales
from clinic.kernel.database import reading
from clinic.practice.permissions import Permission
from clinic.views import portal_frame
from clinic.views.access import actor


@dataclass(frozen=True)
class Word:
    """Be one word of a bar."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class Alarm:
    """Be the red line over every page, with where to look."""

    title: str
    words: str
    url: str
    link: str


@dataclass(frozen=True)
class Coming:
    """Be how many invoices the coming night makes, or cards it charges, and where that is told."""

    url: str
    count: int


NIGHT, NIGHT_EVERY = "clinic-night", timedelta(minutes=1)
# Label, the endpoint it leads to, the right it needs, the blueprints it is current for.
WAYS_IN: tuple[tuple[str, str, Permission, tuple[str, ...]], ...] = (
    (
        "Schedule",
        "calendar.home",
        Permission.SEE_CALENDAR,
        ("calendar", "booking", "by_clients", "changes", "feeds", "types", "hours"),
    ),
    (
        "Clients",
        "clients.index",
        Permission.SEE_CLIENTS,
        (
            "clients",
            "contacts",
            "payer_invoicing",
            "groups",
            "client_billing",
            "client_packages",
            "cards",
            "autopay",
            "outbox",
            "portal_access",
            "statements",
            "superbills",
            "diagnoses",
        ),
    ),
    (
        "Invoices",
        "invoices.index",
        Permission.SEE_INVOICES,
        (
            "invoices",
            "invoice_lines",
            "payments",
            "receipts",
            "refunds",
            "takings",
            "night",
            "enrolling",
            "bulk",
            "credit_notes",
        ),
    ),
    (
        "Packages",
        "packages.index",
        Permission.SEE_PACKAGES,
        ("packages", "package_changes", "package_lines", "whole_pack", "online_sales"),
    ),
    ("Reports", "reports.index", Permission.SEE_NIGHT, ("reports",)),
    ("Settings", "settings.index", Permission.SETTINGS, ("settings", "fees", "messages", "places", "practitioners", "staff")),
)


def register(app: Flask) -> None:
    """Give every template what the shell shows."""
    app.context_processor(frame)
    app.extensions[NIGHT] = (None, None, 0)  # when it was asked for last, the alarm, and how many the coming night bills

    @app.before_request
    def look_at_the_night() -> None:
        # Asked once a minute in each process, so that a page costs no query for it.
        if request.method != "GET" or not g.get("actor") or not g.actor.may(Permission.SEE_NIGHT):
            return
        asked_at, *_ = app.extensions[NIGHT]
        if asked_at is None or g.now - asked_at >= NIGHT_EVERY:
            with reading() as session:
                app.extensions[NIGHT] = (g.now, _found(session), night.count(session, g.now))


def frame() -> dict[str, Any]:
    """Return the shell's own names; nothing that costs a query."""
    if "house" not in g:
        return {}
    shown: dict[str, Any] = {"practice_name": g.house.name, "has_logo": g.house.has_logo}
    if g.get("client") is not None:
        return shown | portal_frame.shown()
    if g.get("actor") and g.actor.user_id is not None:
        shown |= {
            "nav": _nav(),
            "initials": "".join(part[0] for part in g.user_name.split()[:2]).upper(),
            "user_name": g.user_name,
            "account_url": url_for("account.show"),
            "sign_out_url": url_for("auth.sign_out"),
            "flashes": [{"words": words} for words in get_flashed_messages()],
            "alarm": _alarm(),
            "tonight": _tonight(),
            "nav_search_url": known("clients.index"),
        }
    return shown


def _alarm() -> Alarm | None:
    found: night.Alarm | int | None = current_app.extensions[NIGHT][1]
    if found is None or not g.actor.may(Permission.SEE_NIGHT):
        return None
    if isinstance(found, int):
        title = f"{found} online purchase{'' if found == 1 else 's'} paid, but not sold."
        where = url_for("online_sales.index")
        return Alarm(title, "The money is the client’s credit.", where, "See what was bought online")
    if found.is_tonight:
        return Alarm(found.title, found.words, url_for("night.tonight", _anchor="ended"), "See whose")
    return Alarm(found.title, found.words, url_for("night.last_night"), "See last night")


def _found(session: Session) -> night.Alarm | int | None:
    """Look for what must not go unseen: a night, or else how many online purchases could not be sold."""
    return night.alarm(session, g.now) or online_sales.stranded_count(session) or None


def _tonight() -> Coming | None:
    if not g.actor.may(Permission.SEE_NIGHT):
        return None
    *_, count = current_app.extensions[NIGHT]
    return Coming(url_for("night.tonight"), count)


def count_tonight(count: int) -> None:
    """Show that count from now on: whoever looks at Tonight reads the same number over it."""
    asked_at, found, _ = current_app.extensions[NIGHT]
    current_app.extensions[NIGHT] = (asked_at, found, count)


def look_again() -> None:
    """Ask for the red line anew at the next page: what it says has changed."""
    current_app.extensions[NIGHT] = (None, None, 0)


def _nav() -> list[Word]:
    return [
        Word(label, url_for(endpoint), request.blueprint in blueprints)
        for label, endpoint, permission, blueprints in WAYS_IN
        if endpoint in current_app.view_functions and actor().may(permission)
    ]


def known(endpoint: str) -> str | None:
    """Return the address of an endpoint, or None while this application has no such page."""
    return url_for(endpoint) if endpoint in current_app.view_functions else None
