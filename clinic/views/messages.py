"""Settings, Clients, Messages: when they go out, and the wording of each kind with its preview."""

from typing import Any

from flask import Blueprint, current_app, request, url_for
from sqlalchemy.orm import Session

from clinic.forms.messages import TimingForm, WordingForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.messages import delivery, rendering, timing, wording
from clinic.practice import settings
from clinic.practice.permissions import Permission
from clinic.views import versions
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, posted, say

bp = Blueprint("messages", __name__, url_prefix="/settings/messages")


@bp.route("/", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def index() -> Answer:
    """Show or save when messages go out; show the kinds and the mail server."""
    with reading() as session:
        practice, kinds, waiting = settings.practice(session), wording.every(session), delivery.waiting_count(session)
        form = _timing(session, posted())
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                timing.change(session, actor(), form.timing, now(), shown=form.shown.data)
            say("Messages saved.")
        except RefusalError as error:
            form.refuse(error)
    both = versions.of_page(form, _timing, {timing.CHANGED})
    return page(
        "messages/settings.html", form=form, then=url_for(".index"), kinds=kinds, waiting=waiting, practice=practice,
        has_server=bool(current_app.config["CLINIC"].SMTP_URL), versions=both,
    )  # fmt: skip


def _timing(session: Session, given: Any = None) -> TimingForm:
    return TimingForm.of(given, timing.current(session))


@bp.route("/<kind>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def template(kind: str) -> Answer:
    """Show or save the wording of one kind; "Preview" shows it filled in and saves nothing."""
    which = wording.kind_named(kind)
    with reading() as session:
        known = wording.of(session, which)
    form = WordingForm.of(posted(), known)
    previews, wanted = "preview" in request.form, form.wording(which)
    shown = None
    try:
        if request.method == "POST" and form.validate() and not previews:
            with writing() as session:
                wording.change(session, actor(), wanted, now(), shown=form.shown.data)
            say(f"{known.word}: wording saved.")
        with reading() as session:
            shown = rendering.preview(session, wanted, now())
    except RefusalError as error:
        form.refuse(error)
    both = versions.of_page(form, lambda door: WordingForm.of(None, wording.of(door, which)), {wording.CHANGED}, kind=kind)
    words = {"versions": both, "known": known, "preview": shown, "placeholders": known.placeholders, "filled": form}
    kept = form if form.complaints or not previews else None  # a preview is neither saved nor refused
    return page("messages/template.html", form=kept, then=url_for(".index"), **words)
