"""Practitioners: credentials, colours, default locations."""

from flask import Blueprint, request, url_for

from clinic.forms.staff import PractitionerForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import places, practitioners
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.confirm import confirmed

bp = Blueprint("practitioners", __name__, url_prefix="/settings/practitioners")


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """List the practitioners."""
    with reading() as session:
        everyone = practitioners.every_practitioner(session)
        names = {place.id: place.name for place in places.every_place(session)}
    return page("settings/practitioners.html", practitioners=everyone, location_names=names)


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add() -> Answer:
    """Add a practitioner."""
    with reading() as session:
        form = PractitionerForm(
            request.form if request.method == "POST" else None,
            places.every_place(session),
            colour=practitioners.next_colour(session),
        )
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                practitioners.add(session, actor(), form.details(), now())
            say("Practitioner added. Set working hours in Calendar Settings.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/practitioner.html", form=form, then=url_for(".index"), practitioner=None)


@bp.route("/<int:practitioner_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def change(practitioner_id: int) -> Answer:
    """Show or change a practitioner."""
    with reading() as session:
        practitioner = practitioners.practitioner_for(session, practitioner_id)
        every_place = places.every_place(session)
    form = PractitionerForm(request.form if request.method == "POST" else None, every_place, obj=practitioner)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                practitioners.change(session, actor(), practitioner_id, form.details(), now())
            say("Practitioner saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/practitioner.html", form=form, then=url_for(".index"), practitioner=practitioner)


@bp.route("/<int:practitioner_id>/archive", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def archive(practitioner_id: int) -> Answer:
    """Offer a practitioner for no new booking."""
    with reading() as session:
        practitioner = practitioners.practitioner_for(session, practitioner_id)
    return confirmed(
        lambda session: practitioners.archive(session, actor(), practitioner_id, now()),
        title=f"Archive {practitioner.name}?",
        words="Nothing new is booked with them. What is booked already stays in the calendar; move or cancel it there.",
        deed="Archive practitioner",
        back=url_for(".change", practitioner_id=practitioner_id),
        then=url_for(".index"),
    )


@bp.route("/<int:practitioner_id>/restore", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def restore(practitioner_id: int) -> Answer:
    """Offer an archived practitioner again."""
    with reading() as session:
        practitioner = practitioners.practitioner_for(session, practitioner_id)
    return confirmed(
        lambda session: practitioners.restore(session, actor(), practitioner_id, now()),
        title=f"Restore {practitioner.name}?",
        words="They may be booked again.",
        deed="Restore practitioner",
        back=url_for(".change", practitioner_id=practitioner_id),
        then=url_for(".index"),
        is_danger=False,
    )
