"""Working hours, time off and closed days."""

from flask import Blueprint, g, request, url_for
from sqlalchemy.orm import Session

from clinic.calendar import absences, hours
from clinic.calendar.offer import Option, location_names
from clinic.forms.absences import AbsenceForm
from clinic.forms.calendar import NO_SUCH, id_or_none, version_of
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
                if absences.open_count(session, made.id):
                    then = url_for(".bookings", off_id=made.id)
            say("Time off added." if form.practitioner.data else "Closed days added.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/settings/time_off.html", form=form, then=then, rows=rows)


@bp.route("/time-off/<int:off_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def bookings(off_id: int) -> Answer:
    """Walk through what is booked inside, one by one: each is moved, cancelled or left."""
    is_posted = request.method == "POST"
    form = AbsenceForm(request.form if is_posted else None)
    if is_posted and form.validate():
        _settle(form, off_id)
    if is_posted and not form.complaints:
        return leave(url_for(".bookings", off_id=off_id))
    asked = form.item.data if is_posted else request.args.get("item")
    with reading() as session:
        walk = absences.walk_for(session, off_id, now(), item_id=id_or_none(asked))
        if walk.current:
            form.practitioner.offer(_options(session), walk.current.practitioner_id)
            form.start_at(walk.current.starts_at, g.house.timezone)
    return page("calendar/settings/time_off_bookings.html", form=form if is_posted else None, filled=form, walk=walk)


def _settle(form: AbsenceForm, off_id: int) -> None:
    item_id, notifies = id_or_none(form.item.data) or NO_SUCH, not form.do_not_notify.data
    try:
        with writing() as session:
            if form.deed.data == "cancel":
                reason = form.reason.data or ""
                absences.cancel(session, actor(), off_id, item_id, now(), reason=reason, notifies=notifies)
            elif form.deed.data == "leave":
                absences.leave(session, actor(), off_id, item_id, now())
            else:
                to, version = form.wanted(g.house.timezone, has_room=False), version_of(form.version.data)
                absences.move(session, actor(), off_id, item_id, to, now(), version=version)
    except RefusalError as error:
        form.refuse(error)


def _options(session: Session) -> list[Option]:
    return [Option(str(key), name) for key, name in _practitioners(session)]


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
