"""What became of a session and what that bills: asked before it is saved."""

from typing import Any

from flask import Blueprint, request

from clinic.calendar import booking, flyout, outcomes, statuses
from clinic.calendar.outcomes import Way
from clinic.forms.calendar import NoShowForm, id_or_none, shown_version
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views import leaves, versions
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer

bp = Blueprint("outcomes", __name__)


@bp.route("/calendar/items/<int:item_id>/no-show", methods=["GET", "POST"])
@requires(Permission.BOOK)
def no_show(item_id: int) -> Answer:
    """Say what a no show bills and let it be changed, or mark it."""
    whose = id_or_none(request.values.get("attendee"))
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown = flyout.flyout_of(session, actor(), item, now())
        way = outcomes.no_show(session, item, shown, attendee_id=whose)
    form = NoShowForm(request.form if request.method == "POST" else None, data={"amount": way.cents})
    context: dict[str, Any] = {"flyout": shown, "filled": form, "way": way, "person": outcomes.person_of(shown, whose)}
    if request.method == "GET":
        return answer("calendar/_no_show.html", **leaves.flyout_context(shown, leaves.asked_window()) | context)
    _mark(form, item_id, way, whose)
    if form.complaints:
        context |= versions.ended(form, shown, "No show")
        was_on = leaves.day_of(shown.starts_at)
        return leaves.in_column("calendar/_no_show.html", shown.practitioner_id, was_on, form=form, **context)
    return leaves.with_flyout(item_id)


def _mark(form: NoShowForm, item_id: int, way: Way, whose: int | None) -> None:
    if form.validate():
        try:
            with writing() as session:
                booking.refuse_stale(session, actor(), item_id, shown_version(form))
                cents, why = way.typed_cents(form.amount.data), form.reason.data or ""
                statuses.set_status(
                    session, actor(), item_id, way.status, now(), attendee_id=whose, reason=why, bills_cents=cents
                )
        except RefusalError as error:
            form.refuse(error)
