"""The portal's appointments: coming and past ones, cancelled or moved by the client within the rules, taken into a calendar."""

from collections.abc import Callable

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from clinic.calendar import own_appointments, own_changes
from clinic.forms.base import OnceForm
from clinic.forms.portal import CancelForm, MoveForm, day_of
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.practice import once
from clinic.views import filters, pages
from clinic.views.access import actor, now, portal
from clinic.views.answer import Answer, page, say
from clinic.views.frame import Word
from clinic.views.portal_door import client

bp = Blueprint("portal_appointments", __name__, url_prefix="/portal/appointments")


@bp.get("")
@portal
def index() -> Answer:
    """Show a page of the client's appointments, those to come or those that are over."""
    is_past = request.args.get("which") == "past"
    listed = own_appointments.past if is_past else own_appointments.coming
    with reading() as session:
        found = listed(session, client().client_id or 0, now(), page=pages.number())
    choices = [Word("Coming", url_for(".index"), not is_past), Word("Past", url_for(".index", which="past"), is_past)]
    return page("portal/appointments.html", found=found, pages=pages.of(found), choices=choices, is_past=is_past)


@bp.get("/<int:item_id>.ics")
@portal
def calendar_file(item_id: int) -> Answer:
    """Hand over one appointment for the client's own calendar program."""
    with reading() as session:
        text = own_appointments.calendar_file(session, actor(), item_id, now())
    return Response(text, mimetype="text/calendar", headers={"Content-Disposition": "attachment; filename=appointment.ics"})


@bp.route("/<int:item_id>/cancel", methods=["GET", "POST"])
@portal
def cancel(item_id: int) -> Answer:
    """Say what cancelling comes to, or cancel."""
    form = CancelForm(request.form if request.method == "POST" else None)

    def do(session: Session) -> None:
        own_changes.cancel(session, actor(), item_id, now(), version=form.known_version, status=form.status.data or "")

    if request.method == "POST":
        _save(form, do, "Cancelled.")
    with reading() as session:
        told = own_changes.cancelling(session, actor(), client().email, item_id, now())
    form.version.data, form.status.data = str(told.change.version), told.status.value
    return page("portal/cancel.html", form=form, filled=form, then=url_for(".index"), told=told)


@bp.route("/<int:item_id>/move", methods=["GET", "POST"])
@portal
def move(item_id: int) -> Answer:
    """Show the free times, or move."""
    form = MoveForm(request.form if request.method == "POST" else None)
    wanted = form.starts_at()

    def do(session: Session) -> None:
        if wanted is None:
            raise RefusalError("Choose a time.")
        own_changes.move(session, actor(), item_id, wanted, now(), version=form.known_version)

    if request.method == "POST":
        _save(form, do, "Moved.")
    with reading() as session:
        told = own_changes.moving(session, actor(), item_id, day_of(request.args.get("day")), now())
    form.version.data = str(told.change.version)
    if told.free is not None:
        form.offer(told.free, filters.local_time)
    here = url_for(".move", item_id=item_id)
    return page("portal/move.html", form=form, filled=form, then=url_for(".index"), told=told, diary=told.free, here=here)


def _save(form: OnceForm, do: Callable[[Session], None], words: str) -> None:
    try:
        form.validate()
        with writing() as session:
            once.claim(session, actor(), form.once.data, now()).location = url_for(".index")
            do(session)
        say(words)
    except RefusalError as error:
        error.field = None if error.field != "once" else error.field
        form.refuse(error)
        if isinstance(error, ClashError):
            form.once.data = once.new_key()
