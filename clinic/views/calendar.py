"""The calendar's pages: week, day, team day and month, the day on paper, and one column of a page."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, abort, g, request, url_for
from flask_login import current_user
from htmx_flask import request as htmx_request
from sqlalchemy.orm import Session

from clinic.calendar import by_clients, columns, live, months, sheets
from clinic.calendar.columns import EVERYONE, Filters
from clinic.calendar.grid import Column
from clinic.kernel.database import reading, writing
from clinic.people import accounts
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, page, safe_next
from clinic.views.frame import known

bp = Blueprint("calendar", __name__)
STEPS = {"week": timedelta(days=7), "day": timedelta(days=1), "team": timedelta(days=1)}


@dataclass(frozen=True)
class Asked:
    """Say which page of the calendar is asked for: what stands in its address, so that it can be kept and printed."""

    view: str
    day: date
    practitioner_id: int | None
    filters: Filters

    def url(self, **other: Any) -> str:
        """Return the address of this page with something else in it."""
        wanted: dict[str, Any] = {"day": self.day, "practitioner": self.practitioner_id}
        wanted |= {"location": self.filters.location_id, "type": self.filters.type_id}
        if not self.filters.shows_void:
            wanted["void"] = 0
        wanted |= other
        return url_for(wanted.pop("endpoint", f"calendar.{wanted.pop('view', self.view)}"), **wanted)


@bp.get("/")
@requires(Permission.SEE_CALENDAR)
def home() -> Answer:
    """Show this week."""
    return _show("week")


@bp.get("/calendar/week")
@requires(Permission.SEE_CALENDAR)
def week() -> Answer:
    """Show the week that holds the day."""
    return _show("week")


@bp.get("/calendar/day")
@requires(Permission.SEE_CALENDAR)
def day() -> Answer:
    """Show one day of one practitioner."""
    return _show("day")


@bp.get("/calendar/team")
@requires(Permission.SEE_CALENDAR)
def team() -> Answer:
    """Show one day of every practitioner, side by side."""
    return _show("team")


@bp.get("/calendar/month")
@requires(Permission.SEE_CALENDAR)
def month() -> Answer:
    """Show the month that holds the day: each day's hours, sessions and first items."""
    asked = asked_for("month", request.args)
    with reading() as session:
        whose = columns.practitioners(session, actor())
        choices = columns.choices(session, whose)
        asked, shown = _shown(asked, whose)
        weeks = months.weeks(session, g.house, shown, asked.day, now(), filters=asked.filters) if shown else []
        new = unseen(session)
    return page("calendar/month.html", asked=asked, weeks=weeks, choices=choices, by_clients=new, **_around(asked, []))


@bp.get("/calendar/sheet")
@requires(Permission.SEE_CALENDAR)
def sheet() -> Answer:
    """Show a day as a list to print: of one practitioner, or a page for each."""
    asked = asked_for("sheet", request.args)
    with reading() as session:
        whose = columns.practitioners(session, actor())
        if asked.practitioner_id:
            asked, whose = _shown(asked, whose)
        made = sheets.of_day(session, g.house, whose, asked.day, filters=asked.filters)
    back = asked.url(view="day" if asked.practitioner_id else "team")
    return page("calendar/sheet.html", sheets=made, day=asked.day, back=back, printed_at=now())


@bp.route("/calendar/legend", methods=["GET", "POST"])
@requires(Permission.SEE_CALENDAR)
def legend() -> Answer:
    """Show what the signs mean; open or fold it, and remember that."""
    shows, back = actor_shows_legend(), safe_next(request.form.get("back"), url_for(".home"))
    if request.method == "POST":
        shows = request.form.get("shows") == "1"
        with writing() as session:
            accounts.keep_legend(session, actor(), shows=shows)
    return answer("calendar/_legend.html", then=back, shows_legend=shows, back=back)


@bp.get("/calendar/<int:practitioner_id>/<day:day>")
@requires(Permission.SEE_CALENDAR)
def column(practitioner_id: int, day: date) -> Answer:
    """Show one column, as it stands in the page it is asked from."""
    return answer("calendar/_column.html", column=column_beside(practitioner_id, day))


def column_beside(practitioner_id: int, day: date) -> Column:
    """Return a column with the hours and filters of the page the browser shows, so that it can take its place there.

    Opens the reading door itself: call it with no door open.
    """
    asked = _beside(day)
    with reading() as session:
        shown = columns.practitioners(session, actor())
        if asked.view != "team" and asked.practitioner_id != EVERYONE:
            shown = [row for row in shown if row.id == practitioner_id]
        made = _columns(session, asked, shown)
    wanted = (practitioner_id if asked.view == "team" else made[0].practitioner_id if made else None, day)
    found = next((one for one in made if (one.practitioner_id, one.day) == wanted), None)
    if found is None:
        abort(404)
    return found


def beside_url(practitioner_id: int, day: date) -> str:
    """Return the address of the page the browser shows, with that practitioner's day in it."""
    asked = _beside(day)
    shows_all = asked.view == "team" or asked.practitioner_id == EVERYONE
    return asked.url() if shows_all else asked.url(practitioner=practitioner_id)


def _show(view: str) -> Answer:
    asked = asked_for(view, request.args)
    with reading() as session:
        whose = columns.practitioners(session, actor())
        choices = columns.choices(session, whose)
        asked, shown = _shown(asked, whose)
        made = _columns(session, asked, shown)
        seen, new = live.seen(session, made, today()), unseen(session)
    return page("calendar/grid.html", asked=asked, columns=made, choices=choices, seen=seen.words, by_clients=new,
                **_around(asked, made))  # fmt: skip


def unseen(session: Session) -> int:
    """Return how many changes by clients who is asking has not seen; nothing to who does not book."""
    return by_clients.count(session, actor(), now()) if actor().may(Permission.BOOK) else 0


def actor_shows_legend() -> bool:
    """Say whether who is asking keeps the signs explained under the calendar."""
    return bool(current_user.visit.shows_legend)


def columns_of(session: Session, asked: Asked) -> list[Column]:
    """Return the columns of a page of the calendar as they stand now."""
    asked, shown = _shown(asked, columns.practitioners(session, actor()))
    return _columns(session, asked, shown)


def today() -> date:
    """Return the practice's own today."""
    day: date = g.house.local_date(now())
    return day


def hours_frame(made: list[Column]) -> dict[str, Any]:
    """Return what the scale of hours beside these columns needs, and whether one may book in them."""
    return {
        "window": made[0].window if made else None,
        "now_minute": next((one.now_minute for one in made if one.now_minute is not None), None),
        "may_book": actor().may(Permission.BOOK),
    }


def _shown(asked: Asked, whose: list[Any]) -> tuple[Asked, list[Any]]:
    if asked.view == "team":
        return asked, whose
    chosen = asked.practitioner_id if asked.practitioner_id is not None else _usual(whose)
    shown = whose if chosen == EVERYONE else [row for row in whose if row.id == chosen]
    if whose and not shown:
        abort(404)
    return Asked(asked.view, asked.day, chosen, asked.filters), shown


def _columns(session: Any, asked: Asked, shown: list[Any]) -> list[Column]:
    if not shown:
        return []
    if asked.view == "team":
        return columns.team(session, actor(), g.house, shown, asked.day, now(), filters=asked.filters)
    first, count = (columns.week_start(asked.day, g.house), 7) if asked.view == "week" else (asked.day, 1)
    return columns.days(session, actor(), g.house, shown, first, now(), count=count, filters=asked.filters)


def _around(asked: Asked, made: list[Column]) -> dict[str, Any]:
    return hours_frame(made) | {
        "first": made[0].day if made else asked.day,
        "last": made[-1].day if made else asked.day,
        "today": today(),
        "earlier_url": asked.url(day=_beyond(asked, -1)),
        "later_url": asked.url(day=_beyond(asked, 1)),
        "today_url": asked.url(day=today()),
        "new_url": known("booking.new"),
        "settings_url": known("types.index"),
        "may_settle": actor().may(Permission.SETTINGS),
        "shows_legend": actor_shows_legend(),
        "back": asked.url(),
    }


def _beyond(asked: Asked, steps: int) -> date:
    return months.beside(asked.day, steps) if asked.view == "month" else asked.day + steps * STEPS[asked.view]


def _usual(whose: list[Any]) -> int | None:
    own = actor().practitioner_id
    if own is not None and any(row.id == own for row in whose):
        return own
    return whose[0].id if whose else None


def asked_for(view: str, args: Any) -> Asked:
    """Return the page that an address with these arguments asks for."""
    day = args.get("day")
    try:
        wanted = date.fromisoformat(day) if day else today()
    except ValueError:
        abort(404)
    if not 1901 <= wanted.year <= 2198:
        abort(404)
    filters = Filters(_id(args.get("location")), _id(args.get("type")), shows_void=args.get("void") != "0")
    return Asked(view, wanted, _id(args.get("practitioner")), filters)


def _beside(day: date) -> Asked:
    try:
        there = urlsplit((htmx_request.htmx.current_url or "") if htmx_request.htmx else "")
    except ValueError:  # no browser stands there
        abort(400)
    view = there.path.rpartition("/")[2]
    args = {key: values[0] for key, values in parse_qs(there.query).items() if key != "day"}
    return asked_for(view if view in STEPS else "week", args | {"day": day.isoformat()})


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
