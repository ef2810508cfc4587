"""Settings of the practice: details, and client billing documents with the cancellation policy."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import document_settings, offers, uninvoiced
from clinic.forms.settings import DetailsForm, DocumentsForm, OnlineForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import details as practice_details
from clinic.practice import logo, settings
from clinic.practice.logo import Picture
from clinic.practice.permissions import Permission
from clinic.views import versions
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, posted, say
from clinic.views.headers import config
from clinic.views.side import purposes, side

bp = Blueprint("settings", __name__, url_prefix="/settings")
PICTURE_BYTES_MAX = 12 * 1024 * 1024  # what a camera makes; a logo may have far less


@bp.url_value_preprocessor
def take_pictures(endpoint: str | None, _values: object) -> None:
    """Read a picture that is much too large, too, so that its refusal stands beside its field and names its size."""
    if endpoint == "settings.documents":
        request.max_content_length = PICTURE_BYTES_MAX


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
        practice, form = settings.practice(session), _details(session, posted())
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                practice_details.change(session, actor(), form.details(practice), now(), shown=form.shown.data)
            say("Practice details saved.")
        except RefusalError as error:
            form.refuse(error)
    both = versions.of_page(form, _details, {practice_details.CHANGED})
    return page("settings/details.html", form=form, then=url_for(".details"), practice=practice, versions=both)


def _details(session: Session, given: Any = None) -> DetailsForm:
    return DetailsForm.of(given, practice_details.current(session))


@bp.get("/missed")
@requires(Permission.SETTINGS)
def missed() -> Answer:
    """Lead to the cancellation policy, which stands with the client billing documents."""
    return redirect(url_for(".documents", _anchor="policy"), 303)


@bp.route("/online", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def online() -> Answer:
    """Show or save whether there is an online booking page, and when clients may book by themselves."""
    with reading() as session:
        practice, packages, form = settings.practice(session), offers.online(session), _online(session, posted())
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                practice_details.change_online_rules(session, actor(), form.rules(), now(), shown=form.shown.data)
            say("Online booking saved.")
        except RefusalError as error:
            form.refuse(error)
    both = versions.of_page(form, _online, {practice_details.CHANGED_ONLINE})
    return page(
        "settings/online.html", form=form, then=url_for(".online"), is_on=practice.is_online_booking_on, packages=packages,
        shop_url=f"{config().BASE_URL}{url_for('book.index')}", takes_cards=config().takes_cards, versions=both,
        has_server=bool(config().SMTP_URL),
    )  # fmt: skip


def _online(session: Session, given: Any = None) -> OnlineForm:
    return OnlineForm.of(given, practice_details.online_rules(session))


@bp.get("/client-billing")
@requires(Permission.SETTINGS)
def client_billing() -> Answer:
    """Lead to the first page of Client billing and insurance."""
    return redirect(url_for(".documents"), 303)


@bp.route("/client-billing/documents", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def documents() -> Answer:
    """Show or save Client billing documents: every field of the page, and a new logo with them."""
    if request.method == "GET":
        return _documents_page()
    with reading() as session:
        form = _documents(session, request.form)
    is_valid = form.validate()
    try:
        picture = _picture(form)
        if is_valid:
            _save_documents(form, picture)
    except RefusalError as error:
        form.refuse(error)
    return _documents_page(form)


def _documents(session: Session, given: Any = None) -> DocumentsForm:
    stands = document_settings.current(session)
    return DocumentsForm.of(given, stands, document_settings.print_of(session, stands))


def _picture(form: DocumentsForm) -> Picture | None:
    """Return the new logo, sent now or with the page before it was refused. No door may be open."""
    sent = request.files.get("logo")
    image = sent.read() if sent is not None and sent.filename else None
    if image is None and not form.kept_logo.data and not form.logo.data:
        return None
    picture = logo.looked_at(form.let_go() if image is None else image)
    form.keep(picture)
    if form.removes_logo.data:
        raise RefusalError("Choose a new logo or remove the one there is: not both.", field="logo")
    return picture


def _save_documents(form: DocumentsForm, picture: Picture | None) -> None:
    with writing() as session:
        wanted = form.wanted(document_settings.current(session))
        document_settings.change(session, actor(), wanted, now(), shown=form.shown.data)
        if picture is not None:
            logo.replace(session, actor(), picture, now())
        elif form.removes_logo.data:
            logo.remove(session, actor(), now())
    say("Client billing documents saved.")


def _documents_page(form: DocumentsForm | None = None) -> Answer:
    with reading() as session:
        practice, current = settings.practice(session), document_settings.current(session)
        if form is None:
            form = DocumentsForm.of(None, current, document_settings.print_of(session, current))
        old, today = uninvoiced.summary(session, now()), settings.house(session).local_date(now())
    form.renumber(current)
    return page(
        "settings/documents.html",
        form=form,
        then=url_for(".documents"),
        practice=practice,
        current=current,
        old=old,
        month_first=today.replace(day=1),
        versions=versions.of_page(form, _documents, document_settings.ACTIONS),
    )
