"""The Packages tab of a client's profile."""

from flask import Blueprint

from clinic.calendar import package_view
from clinic.kernel.database import reading
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page
from clinic.views.clients import profile_context

bp = Blueprint("client_packages", __name__)


@bp.get("/clients/<int:client_id>/packages")
@requires(Permission.SEE_PACKAGES)
def packages(client_id: int) -> Answer:
    """List what a client has bought, with what is left of it."""
    with reading() as session:
        profile = clients.profile(session, actor(), client_id)
        rows = package_view.sold_to(session, actor(), client_id, now())
    can_sell = actor().may(Permission.SELL_PACKAGES)
    return page("packages/of_client.html", rows=rows, can_sell=can_sell, **profile_context(profile.head, "Packages"))
