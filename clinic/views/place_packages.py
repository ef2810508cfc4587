"""From the flyout to a package: put a booked session on one that was sold already."""

from typing import Any

from flask import Blueprint, request, url_for

from clinic.calendar import booking, flyout, linking
from clinic.forms.place_packages import UsePackageForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import leaves
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer

bp = Blueprint("place_packages", __name__)


@bp.route("/calendar/items/<int:item_id>/use-package", methods=["GET", "POST"])
@requires(Permission.LINK_PACKAGES)
def use_package(item_id: int) -> Answer:
    """List the packages that have a session for what is booked, or use one."""
    form = UsePackageForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and _used(form, item_id):
        return leaves.with_flyout(item_id)
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown, found = flyout.flyout_of(session, actor(), item, now()), linking.usable(session, item)
    context: dict[str, Any] = {"filled": form, "flyout": shown, "usable": found}
    if request.method == "GET":
        return answer("calendar/_use_package.html", **leaves.flyout_context(shown, leaves.asked_window()) | context)
    day = leaves.day_of(shown.starts_at)
    return leaves.in_column("calendar/_use_package.html", shown.practitioner_id, day, form=form, **context)


def _used(form: UsePackageForm, item_id: int) -> bool:
    try:
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            booking.item_for(session, actor(), item_id)
            linking.use(session, actor(), item_id, *form.place_and_line(), now())
            key.location = url_for("booking.item", item_id=item_id)
    except RefusalError as error:
        form.refuse(error)
    return not form.complaints
