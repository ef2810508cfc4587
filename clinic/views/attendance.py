"""Marking a day's past sessions as attended, and the days that still wait for it."""

from datetime import date

from flask import Blueprint, request, url_for

from clinic.calendar import attendance, terms
from clinic.forms.attendance import AttendedForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say

bp = Blueprint("attendance", __name__)


@bp.route("/calendar/<int:practitioner_id>/<day:day>/attended", methods=["GET", "POST"])
@requires(Permission.BOOK)
def mark(practitioner_id: int, day: date) -> Answer:
    """List a day's past sessions that are still Booked, or mark those that are ticked as Attended."""
    with reading() as session:
        whose = terms.practitioner_for(session, actor(), practitioner_id).name
        found = attendance.of_day(session, actor(), practitioner_id, day, now())
    form = AttendedForm(request.form if request.method == "POST" else None)
    form.offer(found)
    then = url_for("calendar.day", day=day, practitioner=practitioner_id)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                count = attendance.mark_attended(session, actor(), practitioner_id, day, form.attendee_ids, now())
            say(f"{count} marked as Attended.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/attended.html", form=form, then=then, found=found, whose=whose, day=day, back_url=then)


@bp.get("/calendar/unconfirmed")
@requires(Permission.BOOK)
def unconfirmed() -> Answer:
    """List the days with sessions that nobody has marked."""
    with reading() as session:
        days = attendance.open_days(session, actor(), now())
    return page("calendar/unconfirmed.html", days=days)
