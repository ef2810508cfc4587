"""Working hours, time off and closed days."""

from flask import Blueprint, g, request, url_for
from sqlalchemy.orm import Session

from clinic.calendar import hours
from clinic.calendar.offer import location_names
from clinic.forms.calendar_settings import WEEKDAYS, TimeOffForm, WeekForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say

bp = Blueprint("hours", __name__, url_prefix="/calendar/settings")


@bp.route("/hours", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def week() -> Answer:
    """List everybody's working hours, and add some."""
    form = WeekForm(request.form if request.method == "POST" else None)
    with reading() as session:
        form.offer(clients.practitioners(session, actor()), location_names(session))
        rows = hours.weeks(session)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                hours.add_week(session, actor(), form.week(), now())
            say("Working hours added.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/settings/hours.html", form=form, then=url_for(".week"), rows=rows, weekdays=WEEKDAYS)


@bp.post("/hours/<int:hours_id>/delete")
@requires(Permission.SETTINGS)
def delete_week(hours_id: int) -> Answer:
    """Delete one row of working hours."""
    with writing() as session:
        hours.delete_week(session, actor(), hours_id, now())
    say("Working hours deleted.")
    return leave(url_for(".week"))


@bp.route("/time-off", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def time_off() -> Answer:
    """List time off and closed days, and add some; bookings inside are shown next."""
    form = TimeOffForm(request.form if request.method == "POST" else None)
    with reading() as session:
        form.offer(_practitioners(session))
        rows = hours.time_off(session, now())
    then = url_for(".time_off")
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                made = hours.add_time_off(session, actor(), **form.span(g.house.timezone), now=now())
                if hours.bookings_within(session, made.id):
                    then = url_for(".bookings", off_id=made.id)
            say("Time off added." if form.practitioner.data else "Closed days added.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/settings/time_off.html", form=form, then=then, rows=rows)


@bp.get("/time-off/<int:off_id>")
@requires(Permission.SETTINGS)
def bookings(off_id: int) -> Answer:
    """List what is booked inside, each to be moved, cancelled or left."""
    with reading() as session:
        off, found = hours.off_label(session, off_id), hours.bookings_within(session, off_id)
    return page("calendar/settings/time_off_bookings.html", off=off, found=found)


@bp.post("/time-off/<int:off_id>/delete")
@requires(Permission.SETTINGS)
def delete_time_off(off_id: int) -> Answer:
    """Delete time off or closed days."""
    with writing() as session:
        hours.delete_time_off(session, actor(), off_id, now())
    say("Deleted.")
    return leave(url_for(".time_off"))


def _practitioners(session: Session) -> list[tuple[int, str]]:
    return clients.practitioners(session, actor())
