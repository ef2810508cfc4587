"""Settings of the practice: details, missed sessions, client billing documents."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import document_settings, uninvoiced
from clinic.forms.settings import DetailsForm, DocumentsForm, MissedForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import details as practice_details
from clinic.practice import settings
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.side import purposes, side

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.app_context_processor
def at_the_left() -> dict[str, object]:
    """Give the pages of Settings the words at their left."""
    return {"settings_side": side}


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """Show every page of the settings and what it is for."""
    return page("settings/index.html", purposes=purposes())


@bp.route("/details", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def details() -> Answer:
    """Show or save what the practice says of itself."""
    with reading() as session:
        practice = settings.practice(session)
    form = DetailsForm(request.form if request.method == "POST" else None, obj=practice)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                practice_details.change(session, actor(), form.details(practice), now())
            say("Practice details saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/details.html", form=form, then=url_for(".details"), practice=practice)


@bp.route("/missed", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def missed() -> Answer:
    """Show or save what missed and cancelled sessions bill."""
    with reading() as session:
        practice = settings.practice(session)
    form = MissedForm(request.form if request.method == "POST" else None, obj=practice)
    if request.method == "POST" and form.validate():
        with writing() as session:
            practice_details.change_missed_rules(session, actor(), form.rules(), now())
        say("Missed sessions saved.")
    return page("settings/missed.html", form=form, then=url_for(".missed"))


@bp.get("/client-billing")
@requires(Permission.SETTINGS)
def client_billing() -> Answer:
    """Lead to the first page of Client billing and insurance."""
    return redirect(url_for(".documents"), 303)


@bp.route("/client-billing/documents", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def documents() -> Answer:
    """Show or save Client billing documents."""
    with reading() as session:
        practice = settings.practice(session)
        current = document_settings.current(session)
        old = uninvoiced.summary(session, now())
    form = DocumentsForm.of(request.form if request.method == "POST" else None, current)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                document_settings.change(session, actor(), form.wanted(current), now())
            say("Client billing documents saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/documents.html", form=form, then=url_for(".documents"), practice=practice, current=current, old=old)
