"""Settings of the practice: details, and client billing documents with the cancellation policy."""

from flask import Blueprint, redirect, request, url_for

from clinic.billing import document_settings, offers, uninvoiced
from clinic.forms.settings import DetailsForm, DocumentsForm, LogoForm, OnlineForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import details as practice_details
from clinic.practice import logo, settings
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config
from clinic.views.side import purposes, side

bp = Blueprint("settings", __name__, url_prefix="/settings")
PICTURE_BYTES_MAX = 12 * 1024 * 1024  # what a camera makes; a logo may have far less


@bp.url_value_preprocessor
def take_pictures(endpoint: str | None, _values: object) -> None:
    """Read a picture that is much too large, too, so that its refusal stands beside its field and names its size."""
    if endpoint == "settings.change_logo":
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
        practice, packages = settings.practice(session), offers.online(session)
    form = OnlineForm(request.form if request.method == "POST" else None, obj=practice)
    if request.method == "POST" and form.validate():
        with writing() as session:
            practice_details.change_online_rules(session, actor(), form.rules(), now())
        say("Online booking saved.")
    return page(
        "settings/online.html", form=form, then=url_for(".online"), is_on=practice.is_online_booking_on, packages=packages,
        shop_url=f"{config().BASE_URL}{url_for('book.index')}", takes_cards=config().takes_cards,
    )  # fmt: skip


@bp.get("/client-billing")
@requires(Permission.SETTINGS)
def client_billing() -> Answer:
    """Lead to the first page of Client billing and insurance."""
    return redirect(url_for(".documents"), 303)


@bp.route("/client-billing/documents", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def documents() -> Answer:
    """Show or save Client billing documents."""
    if request.method == "GET":
        return _documents()
    with reading() as session:
        current = document_settings.current(session)
    form = DocumentsForm.of(request.form, current)
    if form.validate():
        try:
            with writing() as session:
                document_settings.change(session, actor(), form.wanted(current), now())
            say("Client billing documents saved.")
        except RefusalError as error:
            form.refuse(error)
    return _documents(form)


@bp.route("/client-billing/documents/logo", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def change_logo() -> Answer:
    """Take a logo for every document."""
    if request.method == "GET":
        return redirect(url_for(".documents", _anchor="logo-form"))
    form, sent = LogoForm(), request.files.get("logo")
    try:
        picture = logo.looked_at(sent.read() if sent is not None else b"")
        with writing() as session:
            logo.replace(session, actor(), picture, now())
        say("Logo saved. It stands at the head of every document.")
    except RefusalError as error:
        form.refuse(error)
    return _documents(logo_form=form)


@bp.route("/client-billing/documents/logo/remove", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def remove_logo() -> Answer:
    """Let documents go without a logo."""
    there = url_for(".documents", _anchor="logo-form")
    if request.method == "POST":
        with writing() as session:
            logo.remove(session, actor(), now())
        say("Logo removed.")
        return leave(there)
    return redirect(there)


def _documents(form: DocumentsForm | None = None, logo_form: LogoForm | None = None) -> Answer:
    """Answer with the page of both forms; the one that was posted says how it went."""
    with reading() as session:
        practice, current = settings.practice(session), document_settings.current(session)
        old, today = uninvoiced.summary(session, now()), settings.house(session).local_date(now())
    return page(
        "settings/documents.html",
        form=form or logo_form,
        then=url_for(".documents"),
        practice=practice,
        current=current,
        old=old,
        month_first=today.replace(day=1),
        documents=form or DocumentsForm.of(None, current),
        logo_form=logo_form or LogoForm(),
    )
