"""The outbox: what clients were written, what waits and what failed; of all clients or of one."""

import re
from typing import Any

from flask import Blueprint, current_app, request, url_for

from clinic.billing import receipts
from clinic.forms.base import HouseForm
from clinic.forms.messages import ChoicesForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import choices, letters
from clinic.people import clients, correspondence
from clinic.people.correspondence import Which
from clinic.practice.permissions import Permission
from clinic.views import pages
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.clients import list_tabs, profile_context
from clinic.views.frame import Word
from clinic.views.headers import config

bp = Blueprint("outbox", __name__)
_PAY_LINK = re.compile(re.escape(letters.HERE) + r"/pay/[\w-]+")
WORDS = {Which.ALL: "All", Which.QUEUED: "Queued", Which.SENT: "Sent", Which.FAILED: "Failed", Which.DROPPED: "Not sent"}


@bp.get("/messages")
@requires(Permission.SEE_CLIENTS)
def index() -> Answer:
    """Show a page of the messages to all clients."""
    with reading() as session:
        found = correspondence.page(session, actor(), _which(), number=pages.number())
        failed = correspondence.failed_count(session, actor(), now())
    return page("messages/index.html", tabs=list_tabs(), failed=failed, **_list(found))


@bp.get("/clients/<int:client_id>/messages")
@requires(Permission.SEE_CLIENTS)
def of_client(client_id: int) -> Answer:
    """Show a page of the messages to one client, and what they want to hear."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        found = correspondence.page(session, actor(), _which(), number=pages.number(), client_id=client_id)
        wanted = choices.of(session, client_id)
    with writing() as session:
        clients.looked_at(session, actor(), client_id, now())
    return page(
        "messages/of_client.html", choices_form=ChoicesForm(obj=wanted), may_edit=actor().may(Permission.EDIT_CLIENTS),
        **_list(found), **profile_context(head, "Messages"),
    )  # fmt: skip


@bp.post("/clients/<int:client_id>/messages/choices")
@requires(Permission.EDIT_CLIENTS)
def choose(client_id: int) -> Answer:
    """Keep what one client wants to hear."""
    form = ChoicesForm(request.form)
    with writing() as session:
        clients.client_for(session, actor(), client_id)
        choices.choose(session, actor(), client_id, form.choices, now())
    say("Messages saved.")
    return leave(url_for(".of_client", client_id=client_id))


@bp.get("/clients/<int:client_id>/messages/choices")
@requires(Permission.EDIT_CLIENTS)
def choices_of(client_id: int) -> Answer:
    """Show the client's messages: what was posted here answers there."""
    return leave(url_for(".of_client", client_id=client_id))


@bp.route("/messages/<int:message_id>", methods=["GET"])
@requires(Permission.SEE_CLIENTS)
def show(message_id: int) -> Answer:
    """Show one message as it was or will be sent."""
    return _letter(message_id)


@bp.route("/messages/<int:message_id>/send", methods=["GET", "POST"])
@requires(Permission.SEE_CLIENTS)
def resend(message_id: int) -> Answer:
    """Send one message once more."""
    form = HouseForm()
    if request.method == "GET":
        return _letter(message_id)
    try:
        document = _missing(message_id)
        with writing() as session:
            again = correspondence.resend(session, actor(), message_id, now(), attachment=document)
    except RefusalError as error:
        form.refuse(error)
        return _letter(message_id, form)
    say("It goes out within a minute.")
    return leave(url_for(".show", message_id=again.id))


@bp.route("/messages/<int:message_id>/open", methods=["GET", "POST"])
@requires(Permission.SEE_CLIENTS)
def open_link(message_id: int) -> Answer:
    """Follow a link into the portal: only where nothing is real and no mail leaves, so that the demo's portal can be tried."""
    if not config().is_made_up:
        raise NotFoundError("There is none in a practice: whoever reads the outbox must not enter as the client.")
    form = HouseForm()
    if request.method == "POST":
        try:
            with writing() as session:
                token = correspondence.open_link(session, actor(), message_id, now())
            return leave(url_for("portal.link", link_token=token))
        except RefusalError as error:
            form.refuse(error)
    return _letter(message_id, form if form.complaints else None)


def _missing(message_id: int) -> tuple[str, str] | None:
    """Make the receipt that a letter should have carried, with no door open; refused once more, it says so."""
    with reading() as session:
        correspondence.letter(session, actor(), message_id)
        payment_id = receipts.missing_of(session, message_id)
    if payment_id is None:
        return None
    key, _, name = receipts.pdf(reading, writing, current_app.extensions["paper"], actor(), payment_id, now())
    return key, name


def _letter(message_id: int, form: HouseForm | None = None) -> Answer:
    with reading() as session:
        letter = correspondence.letter(session, actor(), message_id)
    may_resend = letter.may_resend and actor().may(Permission.BOOK if letter.about else Permission.TAKE_PAYMENTS)
    # Whoever may read letters may not pay in the payer's place: the link is shown without its secret.
    body = _PAY_LINK.sub(f"{config().BASE_URL}/pay/…", letter.body).replace(letters.HERE, config().BASE_URL)
    return page("messages/show.html", form=form, letter=letter, body=body, may_resend=may_resend,
                may_open=letter.is_link and config().is_made_up, has_server=_has_server())  # fmt: skip


def _list(found: Any) -> dict[str, Any]:
    here, shown = request.view_args or {}, _which()
    endpoint = request.endpoint or ""
    words = [Word(word, url_for(endpoint, **here, which=each.value), each is shown) for each, word in WORDS.items()]
    return {"found": found, "pages": pages.of(found), "which": shown, "choices": words, "has_server": _has_server()}


def _has_server() -> bool:
    return bool(current_app.config["CLINIC"].SMTP_URL)


def _which() -> Which:
    asked = request.args.get("which", "")
    return Which(asked) if asked in {which.value for which in Which} else Which.ALL
