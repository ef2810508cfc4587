"""Your account: your own password, and where you are signed in."""

from typing import Any

from flask import Blueprint, request, url_for

from clinic.forms.account import ChangePasswordForm, ClientMailForm, NightMailForm
from clinic.forms.base import HouseForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.practice import ClientMail
from clinic.people import accounts
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("/")
@requires(Permission.SIGNED_IN)
def show() -> Answer:
    """Show the account, with an empty form."""
    return _shown(ChangePasswordForm())


@bp.route("/password", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def change_password() -> Answer:
    """Set a new password; every other browser is signed out."""
    form = ChangePasswordForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                known = accounts.start_confirming(session, actor(), now())
            if not accounts.matches(known.password_hash, form.current.data or ""):
                raise RefusalError("This is not your present password.", field="current")
            password_hash = accounts.new_hash(form.password.data or "", known.personal)
            with writing() as session:
                accounts.change_password(session, actor(), password_hash, now())
            say("Password changed. Other browsers were signed out.")
        except RefusalError as error:
            form.refuse(error)
    return _shown(form)


@bp.route("/sessions/<int:session_id>/end", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def end_session(session_id: int) -> Answer:
    """Sign one other browser out."""
    if request.method == "POST":
        with writing() as session:
            accounts.end_session(session, actor(), session_id, now())
        say("That browser was signed out.")
    return leave(url_for(".show"))


@bp.route("/sessions/end-others", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def end_other_sessions() -> Answer:
    """Sign every other browser out."""
    if request.method == "POST":
        with writing() as session:
            accounts.end_other_sessions(session, actor(), now())
        say("Every other browser was signed out.")
    return leave(url_for(".show"))


@bp.route("/night-mail", methods=["GET", "POST"])
@requires(Permission.SEE_NIGHT)
def night_mail() -> Answer:
    """Choose whether an e-mail comes in the evening and in the morning."""
    if request.method == "POST":
        is_wanted = NightMailForm(request.form).wants_night_mail.data
        with writing() as session:
            accounts.want_night_mail(session, actor(), now(), is_wanted=is_wanted)
        say("You are written every evening and morning." if is_wanted else "You are not written about the nights.")
    return leave(url_for(".show"))


@bp.route("/client-mail", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def client_mail() -> Answer:
    """Choose of whose calendar an e-mail comes when a client changes something by themselves."""
    if request.method == "GET":
        return leave(url_for(".show"))
    form = _client_mail_form(request.form)
    if form.validate():
        with writing() as session:
            accounts.want_client_mail(session, actor(), now(), choice=form.client_mail.data)
        say("Saved whether you are written what clients change.")
    return _shown(form)


def _client_mail_form(posted: Any = None, chosen: ClientMail | None = None) -> ClientMailForm:
    form, who = ClientMailForm(posted, client_mail=chosen), actor()
    form.offer(has_calendar=who.practitioner_id is not None, sees_all=who.own_practitioner_id is None)
    return form


def _shown(form: HouseForm) -> Answer:
    with reading() as session:
        user = accounts.own_account(session, actor())
        sessions = accounts.sessions_for(session, actor(), now())
    return page(
        "account/show.html", form=form, then=url_for(".show"), user=user, sessions=sessions, own=actor().practitioner_id,
        password_form=form if isinstance(form, ChangePasswordForm) else ChangePasswordForm(),
        client_form=form if isinstance(form, ClientMailForm) else _client_mail_form(chosen=user.client_mail),
        has_server=bool(config().SMTP_URL), may_book=actor().may(Permission.BOOK),
        night_form=NightMailForm(obj=user) if actor().may(Permission.SEE_NIGHT) else None,
    )  # fmt: skip
