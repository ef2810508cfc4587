"""Where the calendar's forms and flyouts stand: beside their row in the grid, or on a page of their own."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from flask import current_app, g, request, url_for
from htmx_flask import request as htmx_request

from clinic.calendar import flyout
from clinic.calendar.flyout import Flyout
from clinic.calendar.grid import Window
from clinic.forms.base import HouseForm
from clinic.forms.series import scope_of
from clinic.kernel import clock, locales
from clinic.kernel.database import reading
from clinic.practice import once
from clinic.views.access import actor, now
from clinic.views.answer import Answer, answer, is_piece
from clinic.views.calendar import STEPS, beside_url, column_beside

LAST_HOUR = 24
_COLUMN = re.compile(r"column-(\d{1,9})-(\d{4}-\d\d-\d\d)", re.ASCII)
VIEWS = (*STEPS, "month")
# The faces of one item. A plain browser sees each as a page of its own.
LEAVES = frozenset({
    "booking.item", "booking.status", "booking.status_of", "changes.edit", "changes.edit_fields", "changes.move",
    "changes.cancel", "changes.delete", "outcomes.no_show", "series.repeat", "place_packages.use_package",
})  # fmt: skip
UP_SHARE = 3  # a start in the last third of the grid opens upwards


@dataclass(frozen=True)
class Spot:
    """Hold the grid rows beside which a leaf stands; `first_hour` is the grid's, handed on from leaf to leaf."""

    row: int
    rows: int
    is_up: bool
    first_hour: int


def spot(window: Window, minute: int, minutes: int) -> Spot:
    """Return the place of so many minutes from a minute of the day."""
    row = window.row(minute)
    all_rows = window.rows(window.first_hour * 60, window.last_hour * 60)
    return Spot(row, window.rows(minute, minute + minutes), row * UP_SHARE > all_rows * (UP_SHARE - 1), window.first_hour)


def asked_window() -> Window | None:
    """Return the hours of the grid that asks for a leaf (`h` in the address), or None for a plain browser."""
    typed = request.args.get("h", "")
    if not is_piece() or not typed.isascii() or not typed.isdigit() or len(typed) > 2 or int(typed) >= LAST_HOUR:
        return None
    return Window(int(typed), max(int(typed) + 10, 18) if int(typed) < 14 else LAST_HOUR)


def minute_of(moment: datetime) -> int:
    """Return the minute of the practice's day."""
    return clock.minute_of_day(moment, g.house.timezone)


def day_of(moment: datetime) -> date:
    """Return the practice's day."""
    day: date = g.house.local_date(moment)
    return day


def ghost(minute: int, minutes: int, who: str) -> str:
    """Return what the ghost in the grid says: "3:00–3:50 Isolde Kattegat"."""
    ends = (minute + minutes) % clock.MINUTES_PER_DAY
    first, last = (locales.wall_time(time(*divmod(at, 60)), g.house.locale, marked=False) for at in (minute, ends))
    return f"{first}–{last} {who}".strip()


def calendar_url(practitioner_id: int, day: date) -> str:
    """Return the page of the calendar one came from, with that practitioner's day in it; the week, come from nowhere."""
    if is_piece():
        return beside_url(practitioner_id, day)
    view = _view_left() or "week"
    return url_for(f"calendar.{view}", day=day, practitioner=None if view == "team" else practitioner_id)


def _view_left() -> str | None:
    """Return the page of the calendar a plain browser left for a leaf: its address says, on the first step its Referer."""
    told = request.args.get("view") or (request.referrer or "").partition("?")[0].rpartition("/calendar/")[2]
    return told if told in VIEWS else None


def keep_view(endpoint: str, values: dict[str, Any]) -> None:
    """Hand on from leaf to leaf which page of the calendar a plain browser left, for every address of one."""
    if endpoint in LEAVES and request and request.endpoint in LEAVES and not is_piece():
        values.setdefault("view", _view_left())


def flyout_context(shown: Flyout, window: Window | None) -> dict[str, Any]:
    """Return what the flyout's template needs beside the flyout."""
    minute = minute_of(shown.starts_at)
    minutes = max((shown.ends_at - shown.starts_at).seconds // 60, 5)
    ids = {each.invoice_id for billing in shown.billings for each in billing.invoices}
    ids |= {billing.package.invoice_id for billing in shown.billings if billing.package}
    day = day_of(shown.starts_at)
    at = f"{minute // 60:02}:{minute % 60:02}"
    place = shown.one.attendee_id if shown.one else ""  # a package sold from here is used for this place
    urls = {
        "client": _known("clients.overview", client_id=shown.client_id),
        "book": url_for("booking.book", practitioner_id=shown.practitioner_id, day=day, at=at),
        "invoice": _known("invoices.create_from_item", item_id=shown.item_id),
        "invoices": {each: _known("invoices.show", invoice_id=each) if each in shown.opens else None for each in ids},
        "sell": _known("packages.sell", client_id=shown.client_id, attendee=place) if shown.may_sell else None,
    }
    return {
        "flyout": shown,
        "urls": urls,
        "spot": spot(window, minute, minutes) if window else None,
        "once_key": once.new_key(),
        "back_url": calendar_url(shown.practitioner_id, day),
        "scope": scope_of(request.form),
    }


def with_flyout(item_id: int, *, refused: HouseForm | None = None) -> Answer:
    """Answer a change with the column and the flyout open in it; a plain browser goes to the flyout's page."""
    with reading() as session:
        shown = flyout.flyout_for(session, actor(), item_id, now())
    day = day_of(shown.starts_at)
    words = refused.note.message if refused and refused.note else None
    return in_column(
        "calendar/_flyout.html", shown.practitioner_id, day, form=refused, then=url_for("booking.item", item_id=item_id),
        refused=words, flyout=shown,
    )  # fmt: skip


def in_column(
    leaf: str | None, practitioner_id: int, day: date, *, form: HouseForm | None = None, then: str | None = None, **context: Any
) -> Answer:
    """Answer htmx with the column and the leaf in it, a plain browser with the leaf alone, or with `then` once it worked."""
    if not is_piece():
        if "flyout" in context:
            context = flyout_context(context["flyout"], None) | context
        return answer(leaf or "calendar/_flyout.html", form=form, then=then, **{"spot": None, **context})
    column = column_beside(*(_asking_column() or (practitioner_id, day)))
    if "flyout" in context:
        context = flyout_context(context["flyout"], column.window) | context
    elif leaf:
        context["spot"] = spot(column.window, context.pop("minute"), context.pop("minutes"))
    return answer("calendar/_column.html", form=form, then=then, column=column, leaf=leaf, **context)


def _asking_column() -> tuple[int, date] | None:
    """Return the column htmx will put the answer in: what it shows may have been moved elsewhere meanwhile."""
    found = _COLUMN.fullmatch((htmx_request.htmx.target or "") if htmx_request.htmx else "")
    try:
        return (int(found[1]), date.fromisoformat(found[2])) if found else None
    except ValueError:
        return None


def _known(endpoint: str, **values: Any) -> str | None:
    if endpoint not in current_app.view_functions or None in values.values():
        return None
    return url_for(endpoint, **values)
