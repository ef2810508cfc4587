"""Clients, Overview, Portal: who may open a client's portal; granted, sent a link and ended by staff."""

from flask import Blueprint, request, url_for

from clinic.forms.portal import GrantForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients, portal_access
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("portal_access", __name__, url_prefix="/clients/<int:client_id>/portal")


@bp.route("", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def grant(client_id: int) -> Answer:
    """Ask for an address, the client's own already filled in; or let it open the portal."""
    with reading() as session:
        known = clients.profile(session, actor(), client_id)
    form = GrantForm(request.form if request.method == "POST" else None, data={"email": known.details.email})
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                made = portal_access.grant(session, actor(), client_id, form.email.data or "", now())
                sends = "send" in request.form and portal_access.send_link(session, actor(), client_id, made.id, now())
            say(f"Access granted. {_sent()}" if sends else "Access granted.")
        except RefusalError as error:
            form.refuse(error)
    then = url_for("clients.overview", client_id=client_id)
    return page("clients/portal.html", form=form, then=then, client=known.head, **_mail())


@bp.route("/<int:access_id>/link", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def send_link(client_id: int, access_id: int) -> Answer:
    """Ask before an address is sent a link into the portal; then send it."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        email = portal_access.access_for(session, actor(), client_id, access_id).email
    form = GrantForm()
    if request.method == "POST":
        try:
            with writing() as session:
                portal_access.send_link(session, actor(), client_id, access_id, now())
            say(_sent())
        except RefusalError as error:
            form.refuse(error)
    then = url_for("clients.overview", client_id=client_id)
    return page("clients/portal_link.html", form=form, then=then, client=head, email=email, **_mail())


@bp.route("/<int:access_id>/end", methods=["GET", "POST"])
@requires(Permission.EDIT_CLIENTS)
def end(client_id: int, access_id: int) -> Answer:
    """Ask before an address loses the portal; then end it at once."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        email = portal_access.access_for(session, actor(), client_id, access_id).email
    if request.method == "GET":
        return page("clients/portal_end.html", client=head, email=email)
    with writing() as session:
        portal_access.end(session, actor(), client_id, access_id, now())
    say("Access ended.")
    return leave(url_for("clients.overview", client_id=client_id))


def _mail() -> dict[str, bool]:
    return {"has_server": bool(config().SMTP_URL), "may_settle": actor().may(Permission.SETTINGS)}


def _sent() -> str:
    return "A link is on its way." if config().SMTP_URL else "No mail server is set: the link stays in the outbox."
