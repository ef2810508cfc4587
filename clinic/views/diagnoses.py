"""A client's diagnoses: listed, written down, changed and taken back."""

from flask import Blueprint, g, redirect, request, url_for

from clinic.forms.diagnoses import DiagnosisForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.people import clients, diagnoses
from clinic.practice import standing
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, leave, page, posted, say
from clinic.views.clients import profile_context

bp = Blueprint("diagnoses", __name__, url_prefix="/clients/<int:client_id>/diagnoses")


@bp.get("")
@requires(Permission.SEE_DIAGNOSES)
def index(client_id: int) -> Answer:
    """List a client's diagnoses in order."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        known = diagnoses.of_client(session, client_id)
    with writing() as session:
        clients.looked_at(session, actor(), client_id, now())
    return page(
        "diagnoses/index.html", known=known, today=g.house.local_date(now()),
        can_edit=actor().may(Permission.EDIT_DIAGNOSES), **profile_context(head, "Overview"),
    )  # fmt: skip


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_DIAGNOSES)
def add(client_id: int) -> Answer:
    """Show the form, or write a diagnosis down."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
    today = g.house.local_date(now())
    form = DiagnosisForm(posted(), data={"from_date": today})
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                diagnoses.add(session, actor(), client_id, form.details(), now())
            say("The diagnosis is saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("diagnoses/form.html", form=form, then=url_for(".index", client_id=client_id), client=head, known=None)


@bp.route("/<int:diagnosis_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_DIAGNOSES)
def change(client_id: int, diagnosis_id: int) -> Answer:
    """Show or change a diagnosis."""
    with reading() as session:
        head = clients.profile(session, actor(), client_id).head
        known = diagnoses.found(session, actor(), client_id, diagnosis_id)
    shown = standing.print_of(known.details)
    form = DiagnosisForm(posted(), data=vars(known.details) | {"shown": shown})
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                diagnoses.change(session, actor(), client_id, diagnosis_id, form.details(), now(), shown=form.shown.data)
            say("The diagnosis is saved.")
        except RefusalError as error:
            form.refuse(error)
            form.shown.data = shown  # what stands is named in the page: saving again is over that
    return page("diagnoses/form.html", form=form, then=url_for(".index", client_id=client_id), client=head, known=known)


@bp.route("/<int:diagnosis_id>/remove", methods=["GET", "POST"])
@requires(Permission.EDIT_DIAGNOSES)
def remove(client_id: int, diagnosis_id: int) -> Answer:
    """Take a diagnosis back that was a mistake."""
    if request.method == "GET":
        with reading() as session:
            diagnoses.found(session, actor(), client_id, diagnosis_id)
        return redirect(url_for(".change", client_id=client_id, diagnosis_id=diagnosis_id))
    with writing() as session:
        diagnoses.remove(session, actor(), client_id, diagnosis_id, now())
    say("The diagnosis is removed.")
    return leave(url_for(".index", client_id=client_id))
