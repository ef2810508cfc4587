"""Signing in and out."""

from flask import Blueprint, current_app, redirect, request, url_for
from flask import session as cookie
from flask_login import current_user, login_user, logout_user

from clinic.forms.auth import SignInForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import accounts
from clinic.practice.permissions import Permission
from clinic.views.access import SignedIn, actor, now, public, requires
from clinic.views.answer import Answer, page, safe_next

bp = Blueprint("auth", __name__)


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Answer:
    """Show the form, or open a session under a new token."""
    form = SignInForm(request.form if request.method == "POST" else request.args)
    if request.method == "GET" or not form.validate():
        return page("auth/sign_in.html", form=form)
    with reading() as session:
        user = accounts.by_email(session, form.email.data or "")
    if not accounts.matches(user.password_hash if user else None, form.password.data or "") or user is None:
        form.refuse(RefusalError("No account has this e-mail and password.", field="email"))
        return page("auth/sign_in.html", form=form)
    with writing() as session:
        token = accounts.open_session(session, user.id, now(), address=actor().address)
        visit = accounts.visit(session, token, now(), address=actor().address)
    assert visit is not None
    cookie.clear()
    login_user(SignedIn(token, visit))
    return redirect(safe_next(form.next.data, url_for(current_app.config.get("HOME", "health.healthz"))), 303)


@bp.post("/sign-out")
@requires(Permission.SIGNED_IN)
def sign_out() -> Answer:
    """Delete the session and what the browser kept."""
    with writing() as session:
        accounts.close_session(session, current_user.get_id())
    logout_user()
    cookie.clear()
    gone = redirect(url_for("auth.sign_in"), 303)
    gone.headers["Clear-Site-Data"] = '"cache", "storage"'
    return gone
