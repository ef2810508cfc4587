"""Signing in and out."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask import session as cookie
from flask_login import current_user, login_user, logout_user

from clinic.forms.auth import SignInForm
from clinic.kernel.database import writing
from clinic.kernel.errors import RefusalError
from clinic.people import accounts, throttle
from clinic.practice.permissions import Permission
from clinic.views.access import SignedIn, actor, now, public, requires
from clinic.views.answer import Answer, page, safe_next
from clinic.views.frame import known

bp = Blueprint("auth", __name__)


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Answer:
    """Show the form, or open a session under a new token."""
    form = SignInForm(request.form if request.method == "POST" else request.args)
    there = safe_next(form.next.data, known("calendar.home") or url_for("account.show"))
    if request.method == "GET":
        return redirect(there, 303) if current_user.is_authenticated else page("auth/sign_in.html", form=form)
    if not form.validate():
        return page("auth/sign_in.html", form=form)
    try:
        with writing() as session:
            attempt = accounts.start_sign_in(session, form.email.data or "", now(), address=actor().address)
        is_right = accounts.matches(attempt.password_hash, form.password.data or "")
    except throttle.ThrottledError as error:
        return _held_back(form, error)
    with writing() as session:
        entry = accounts.finish_sign_in(session, attempt, now(), is_right=is_right, address=actor().address)
    if entry is None:
        form.refuse(RefusalError("No account has this e-mail and password.", field="email"))
        return page("auth/sign_in.html", form=form)
    _enter(entry)
    return redirect(there, 303)


@bp.post("/sign-out")
@requires(Permission.SIGNED_IN)
def sign_out() -> Answer:
    """Delete the session and what the browser kept."""
    with writing() as session:
        accounts.sign_out(session, actor(), current_user.get_id(), now())
    logout_user()
    cookie.clear()
    gone = redirect(url_for("auth.sign_in"), 303)
    gone.headers["Clear-Site-Data"] = '"cache", "storage"'
    return gone


def _enter(entry: accounts.Entry) -> None:
    # Whatever stood in the browser's cookie before is of no use afterwards, another sign-in included.
    if current_user.is_authenticated:
        with writing() as session:
            accounts.close_session(session, current_user.get_id())
    cookie.clear()
    login_user(SignedIn(entry.token, entry.visit))


def _held_back(form: SignInForm, error: throttle.ThrottledError) -> Answer:
    form.refuse(error)
    answer = make_response(render_template("auth/sign_in.html", form=form), 429)
    answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return answer
