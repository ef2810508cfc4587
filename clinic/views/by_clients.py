"""Changed by clients: what they did by themselves in the portal and on the online booking page, until it was seen."""

from flask import Blueprint, request, url_for

from clinic.calendar import by_clients
from clinic.forms.account import SeenForm
from clinic.kernel.database import reading, writing
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page

bp = Blueprint("by_clients", __name__, url_prefix="/calendar/by-clients")


@bp.get("")
@requires(Permission.BOOK)
def index() -> Answer:
    """List what clients changed of late, what was not seen yet first."""
    with reading() as session:
        found = by_clients.listed(session, actor(), now())
    form = SeenForm(last=str(found.last_id))
    return page("calendar/by_clients.html", found=found, seen_form=form)


@bp.route("/seen", methods=["GET", "POST"])
@requires(Permission.BOOK)
def seen() -> Answer:
    """Remember that all of it was seen."""
    form = SeenForm(request.form)
    if request.method == "POST" and form.validate():
        with writing() as session:
            by_clients.see(session, actor(), form.last_id)
    return leave(url_for(".index"))
