"""What repeats: repeating what is booked, a series on a page of its own, and what a change of several came to."""

from datetime import date
from typing import Any

from flask import Blueprint, g, request, url_for

from clinic.calendar import booking, flyout, series
from clinic.calendar.flyout import Flyout
from clinic.forms.series import RepeatForm
from clinic.kernel.database import reading
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views import leaves, repeats
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, leave, page, say
from clinic.views.repeats import Listed

bp = Blueprint("series", __name__)


@bp.route("/calendar/items/<int:item_id>/repeat", methods=["GET", "POST"])
@requires(Permission.BOOK)
def repeat(item_id: int) -> Answer:
    """Ask how it repeats, list the dates, or book them all."""
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown = flyout.flyout_of(session, actor(), item, now(), with_billings=False)
    form = RepeatForm(request.form if request.method == "POST" else None, data={"repeat_unit": "week"})
    if request.method == "GET":
        return answer("calendar/_repeat.html", **leaves.flyout_context(shown, leaves.asked_window()), filled=form)
    day = leaves.day_of(shown.starts_at)
    back_url = leaves.calendar_url(shown.practitioner_id, day)
    listed = _listed(form, item_id, back_url)
    if form.complaints or "change" in request.form:
        return leaves.in_column("calendar/_repeat.html", shown.practitioner_id, day, form=form, filled=form, flyout=shown)
    if listed:
        return _dates(listed, shown, day, back_url)
    say(f"{shown.who} repeats now.")
    return leave(back_url)


@bp.get("/calendar/series/<int:series_id>")
@requires(Permission.SEE_CALENDAR)
def show(series_id: int) -> Answer:
    """Show every date of a series, and why a change of several leaves some of them alone."""
    with reading() as session:
        shown = series.series_for(session, actor(), series_id, now())
    back_url = leaves.calendar_url(shown.practitioner_id, g.house.local_date(now())) if shown.rows else url_for("calendar.home")
    return page("calendar/series.html", series=shown, back_url=back_url)


def _listed(form: RepeatForm, item_id: int, location: str) -> Listed | None:
    is_valid = form.validate()
    try:
        rule = form.rule()
        if rule is None or not is_valid or "change" in request.form:
            return None
        return repeats.save(
            form,
            location,
            lambda session, choices: series.listed_of(session, actor(), item_id, rule, choices),
            lambda session, choices: series.repeat(
                session, actor(), item_id, rule, choices, now(), notifies=not form.do_not_notify.data
            ),
        )
    except RefusalError as error:
        form.refuse(error)
    return None


def _dates(listed: Listed, shown: Flyout, day: date, back_url: str) -> Answer:
    minute = leaves.minute_of(shown.starts_at)
    minutes = max((shown.ends_at - shown.starts_at).seconds // 60, 5)
    here = url_for(".repeat", item_id=shown.item_id)
    urls: dict[str, Any] = {"here": here, "change_url": here, "back_url": back_url}
    return repeats.show(
        listed, shown.practitioner_id, day, minute=minute, minutes=minutes, root="flyout", title=f"Repeat {shown.who}", **urls
    )
