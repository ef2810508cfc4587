"""Calendar Settings, and under it Appointment Types."""

from typing import Any

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import fees
from clinic.calendar import types
from clinic.forms.calendar_settings import ALL, TypeForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import AppointmentType, ItemKind, Mode
from clinic.people import clients
from clinic.practice.permissions import Permission
from clinic.practice.settings import house
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.confirm import confirmed

bp = Blueprint("types", __name__, url_prefix="/calendar/settings")
FRESH = {"kind": ItemKind.APPOINTMENT.value, "whose": ALL, "modes": [Mode.IN_PERSON.value], "duration": 50}


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """Show what Calendar Settings has."""
    return page("calendar/settings/index.html")


@bp.get("/types")
@requires(Permission.SETTINGS)
def listing() -> Answer:
    """List the appointment types."""
    with reading() as session:
        rows, archived = types.listed(session), types.listed(session, is_archived=True)
    return page("calendar/settings/types.html", rows=rows, archived=archived)


@bp.route("/types/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add() -> Answer:
    """Add an appointment type."""
    form = TypeForm(request.form) if request.method == "POST" else TypeForm(data=FRESH)
    with reading() as session:
        _offer(session, form, None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                types.add(session, actor(), form.draft(), now())
            say("Appointment type added.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/settings/type.html", form=form, then=url_for(".listing"), kind=None)


@bp.route("/types/<int:type_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def edit(type_id: int) -> Answer:
    """Show or change an appointment type."""
    with reading() as session:
        kind, is_used = types.type_for(session, type_id), types.is_used(session, type_id)
        held = TypeForm.held(kind, types.practitioner_ids(session, type_id))
        form = TypeForm(request.form) if request.method == "POST" else TypeForm(data=held)
        _offer(session, form, kind)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                types.edit(session, actor(), type_id, form.draft(), now())
            say("Appointment type saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("calendar/settings/type.html", form=form, then=url_for(".listing"), kind=kind, is_used=is_used)


@bp.route("/types/<int:type_id>/archive", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def archive(type_id: int) -> Answer:
    """Offer a type no longer."""
    with reading() as session:
        kind = types.type_for(session, type_id)
    return confirmed(
        lambda session: types.archive(session, actor(), type_id, now(), is_archived=True),
        title=f"Archive {kind.name}?",
        words="It can be booked no longer. What was booked as it stays as it is.",
        deed="Archive type",
        back=url_for(".edit", type_id=type_id),
        then=url_for(".listing"),
    )


@bp.route("/types/<int:type_id>/restore", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def restore(type_id: int) -> Answer:
    """Offer an archived type again."""
    with reading() as session:
        kind = types.type_for(session, type_id)
    return confirmed(
        lambda session: types.archive(session, actor(), type_id, now(), is_archived=False),
        title=f"Bring {kind.name} back?",
        words="It can be booked again.",
        deed="Bring type back",
        back=url_for(".edit", type_id=type_id),
        then=url_for(".listing"),
        is_danger=False,
    )


def _offer(session: Session, form: TypeForm, kind: AppointmentType | None) -> None:
    shown = house(session)
    offered: list[Any] = [fee for fee in fees.offered(session) if fee.minutes is not None or fee.is_hourly]
    if kind and kind.fee_id and kind.fee_id not in {fee.id for fee in offered}:
        offered.insert(0, fees.fee_for(session, kind.fee_id))
    named = [
        (fee.id, f"{fee.description}, {shown.money_short(fee.amount_cents)}{' an hour' if fee.is_hourly else ''}")
        for fee in offered
    ]
    colour = kind.colour if kind else types.next_free_colour(session)
    form.offer(named, clients.practitioners(session, actor()), colour=colour)
