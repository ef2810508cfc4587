"""First set-up in the browser, while there is no practice."""

from flask import Blueprint, redirect, request, url_for
from flask import session as cookie
from flask_login import login_user

from clinic.forms.setup import SetupForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.people import accounts, passwords
from clinic.practice import founding
from clinic.views.access import SignedIn, actor, now, public
from clinic.views.answer import Answer, page, say
from clinic.views.frame import known

bp = Blueprint("setup", __name__)


@bp.route("/setup", methods=["GET", "POST"])
@public
def setup() -> Answer:
    """Show the form, or found the practice, sign its owner in and open the calendar."""
    with reading() as session:
        if founding.is_founded(session):
            raise NotFoundError("set up already")
    form = SetupForm(request.form)
    if request.method == "GET" or not form.validate():
        return page("setup.html", form=form)
    try:
        owner = _found(_wanted(form))
    except founding.FoundedError:
        return redirect(url_for("auth.sign_in"), 303)
    except RefusalError as error:
        form.refuse(error)
        return page("setup.html", form=form)
    cookie.clear()
    login_user(owner)
    say("Your practice is ready. Its fee and its appointment types are examples to change.")
    return redirect(known("calendar.home") or url_for("account.show"), 303)


def _found(wanted: founding.Founding) -> SignedIn:
    with writing() as session:
        owner = founding.found(session, wanted, now(), address=actor().address)
        assert owner.user_id is not None
        token = accounts.open_session(session, owner.user_id, now(), address=actor().address)
        visit = accounts.visit(session, token, now(), address=actor().address)
    assert visit is not None
    return SignedIn(token, visit)


def _wanted(form: SetupForm) -> founding.Founding:
    practice, name, email = (field.data or "" for field in (form.practice, form.name, form.email))
    passwords.check(form.password.data or "", passwords.personal_parts(practice, name, email))
    return founding.Founding(
        practice=practice, timezone=form.timezone.data, currency=form.currency.data, locale=form.locale.data, name=name,
        email=email, password_hash=accounts.hashed(form.password.data or ""),
    )  # fmt: skip
