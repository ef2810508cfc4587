"""The fee schedule."""

from flask import Blueprint, request, url_for

from clinic.billing import fees
from clinic.forms.fees import FeeForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.confirm import confirmed

bp = Blueprint("fees", __name__, url_prefix="/settings/fees")


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """List the schedule."""
    with reading() as session:
        schedule = fees.schedule(session)
    return page("settings/fees.html", schedule=schedule)


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add() -> Answer:
    """Put a fee on the schedule."""
    form = FeeForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                fees.add(session, actor(), form.details(), now())
            say("Fee added.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/fee.html", form=form, then=url_for(".index"), fee=None)


@bp.route("/<int:fee_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def change(fee_id: int) -> Answer:
    """Show or change a fee."""
    with reading() as session:
        fee = fees.fee_for(session, fee_id)
    form = FeeForm(request.form if request.method == "POST" else None, obj=fee)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                fees.change(session, actor(), fee_id, form.details(), now())
            say("Fee saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/fee.html", form=form, then=url_for(".index"), fee=fee)


@bp.route("/<int:fee_id>/archive", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def archive(fee_id: int) -> Answer:
    """Offer a fee no longer."""
    with reading() as session:
        fee = fees.fee_for(session, fee_id)
    return confirmed(
        lambda session: fees.archive(session, actor(), fee_id, now()),
        title=f"Archive {fee.description}?",
        words="It is offered no longer. What was booked, sold or invoiced with it stays as it is.",
        deed="Archive fee",
        back=url_for(".change", fee_id=fee_id),
        then=url_for(".index"),
    )


@bp.route("/<int:fee_id>/restore", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def restore(fee_id: int) -> Answer:
    """Offer an archived fee again."""
    with reading() as session:
        fee = fees.fee_for(session, fee_id)
    return confirmed(
        lambda session: fees.restore(session, actor(), fee_id, now()),
        title=f"Restore {fee.description}?",
        words="It is offered again from now on.",
        deed="Restore fee",
        back=url_for(".change", fee_id=fee_id),
        then=url_for(".index"),
        is_danger=False,
    )
