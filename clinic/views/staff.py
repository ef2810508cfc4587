"""Users and their roles."""

from flask import Blueprint, g, request, url_for

from clinic.forms.staff import NewUserForm, SeeAllForm, SetPasswordForm, UserForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import accounts, passwords
from clinic.practice import details, practitioners, settings, staff
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.confirm import confirmed

bp = Blueprint("staff", __name__, url_prefix="/settings/users")


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """List the users, and what practitioners may see."""
    with reading() as session:
        members = staff.members(session)
        form = SeeAllForm(see_all=settings.practice(session).practitioners_see_all)
    return page("settings/users.html", form=form, members=members)


@bp.route("/see-all", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def see_all() -> Answer:
    """Say whether practitioners see each other's work."""
    form = SeeAllForm(request.form)
    if request.method == "POST":
        with writing() as session:
            details.let_practitioners_see_all(session, actor(), form.see_all.data, now())
        say("Saved: practitioners see everyone's work." if form.see_all.data else "Saved: practitioners see their own work.")
    with reading() as session:
        members = staff.members(session)
    return page("settings/users.html", form=form, then=url_for(".index"), members=members)


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add() -> Answer:
    """Add a user with a first password."""
    with reading() as session:
        form = NewUserForm(request.form if request.method == "POST" else None, practitioners.every_practitioner(session))
    if request.method == "POST" and form.validate():
        try:
            password_hash = accounts.new_hash(form.password.data or "", form.personal(g.house.name))
            with writing() as session:
                staff.add(session, actor(), form.details(), password_hash, now())
            say("User added. Tell them their password; they can change it under Your account.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/user.html", form=form, then=url_for(".index"), user=None)


@bp.route("/<int:user_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def change(user_id: int) -> Answer:
    """Show or change a user."""
    with reading() as session:
        user = staff.user_for(session, user_id)
        everyone = practitioners.every_practitioner(session)
    filled = {"name": user.name, "email": user.email, "roles": [*staff.roles_of(user)], "practitioner_id": user.practitioner_id}
    form = UserForm(request.form if request.method == "POST" else None, everyone, data=filled)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                staff.change(session, actor(), user_id, form.details(), now())
            say("User saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/user.html", form=form, then=url_for(".index"), user=user)


@bp.route("/<int:user_id>/password", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def set_password(user_id: int) -> Answer:
    """Give a user another password."""
    with reading() as session:
        user = staff.user_for(session, user_id)
    form = SetPasswordForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            personal = passwords.personal_parts(g.house.name, user.name, user.email)
            password_hash = accounts.new_hash(form.password.data or "", personal)
            with writing() as session:
                staff.set_password(session, actor(), user_id, password_hash, now())
            say("Password set. They were signed out everywhere.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/user_password.html", form=form, then=url_for(".index"), user=user)


@bp.route("/<int:user_id>/disable", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def disable(user_id: int) -> Answer:
    """Let a user in no more."""
    with reading() as session:
        user = staff.user_for(session, user_id)
    return confirmed(
        lambda session: staff.disable(session, actor(), user_id, now()),
        title=f"Disable {user.name}?",
        words="They are signed out at once and cannot sign in. What they did stays.",
        deed="Disable user",
        back=url_for(".change", user_id=user_id),
        then=url_for(".index"),
    )


@bp.route("/<int:user_id>/enable", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def enable(user_id: int) -> Answer:
    """Let a disabled user in again."""
    with reading() as session:
        user = staff.user_for(session, user_id)
    return confirmed(
        lambda session: staff.enable(session, actor(), user_id, now()),
        title=f"Enable {user.name}?",
        words="They can sign in again with the password they had.",
        deed="Enable user",
        back=url_for(".change", user_id=user_id),
        then=url_for(".index"),
        is_danger=False,
    )
