"""Changing what is booked: edit, move, cancel, delete. Each is a face of the flyout."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from sqlalchemy.orm import Session

from clinic.calendar import booking, flyout, live, offer, outcomes, scope
from clinic.calendar.flyout import Flyout
from clinic.calendar.offer import EVENT, Offer, Option, Sketch
from clinic.calendar.outcomes import Way
from clinic.calendar.scope import Done
from clinic.calendar.terms import Kept
from clinic.forms.calendar import (
    BookingForm,
    CancelForm,
    DeleteForm,
    MoveForm,
    Place,
    id_or_none,
    shown_version,
    status_of,
    version_of,
)
from clinic.kernel import clock
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import Item
from clinic.practice.permissions import Permission
from clinic.views import gone, leaves, repeats, versions
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, is_piece, leave

bp = Blueprint("changes", __name__)


@dataclass(frozen=True)
class Opened:
    """Hold an item as its edit form opened it."""

    shown: Flyout
    kept: Kept
    offer: Offer
    form: BookingForm
    invoice: str | None  # on which invoice it stands
    correct_url: str | None = None  # where an issued one is corrected


@bp.route("/calendar/items/<int:item_id>/edit", methods=["GET", "POST"])
@requires(Permission.BOOK)
def edit(item_id: int) -> Answer:
    """Show the form, or change what is booked."""
    opened = _opened(item_id)
    if request.method == "GET":
        return answer("calendar/_edit.html", **_edit_context(opened))
    form, was_on = opened.form, leaves.day_of(opened.shown.starts_at)
    done = _save(opened)
    if form.complaints:
        context = _edit_context(opened) | _edit_versions(item_id, form)
        del context["spot"]
        return leaves.in_column("calendar/_edit.html", opened.shown.practitioner_id, was_on, form=form, **context)
    if done:
        return repeats.leave_for(done, "Changed")
    if is_piece() and form.day.data != was_on:
        return leave(leaves.calendar_url(opened.shown.practitioner_id, form.day.data))
    return leaves.with_flyout(item_id)


@bp.route("/calendar/items/<int:item_id>/edit/fields", methods=["GET", "POST"])
@requires(Permission.BOOK)
def edit_fields(item_id: int) -> Answer:
    """Show the form again for the client that is chosen; nothing is changed."""
    return answer("calendar/_edit.html", **_edit_context(_opened(item_id, refits=True)))


@bp.route("/calendar/items/<int:item_id>/move", methods=["GET", "POST"])
@requires(Permission.BOOK)
def move(item_id: int) -> Answer:
    """Show the form, or move."""
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown = flyout.flyout_of(session, actor(), item, now(), with_billings=False)
        form = _move_form(session, item)
    context: dict[str, Any] = {"flyout": shown, "filled": form, "version": form.version.data or shown.version}
    if request.method == "GET":
        return answer("calendar/_move.html", **leaves.flyout_context(shown, leaves.asked_window()) | context)
    was_on = leaves.day_of(shown.starts_at)
    done = _move(form, item_id)
    if form.complaints:
        context |= _move_versions(item_id, form)
        return leaves.in_column("calendar/_move.html", shown.practitioner_id, was_on, form=form, **context)
    if done:
        return repeats.leave_for(done, "Moved")
    if is_piece() and "dragged" in request.form:
        return Response(status=204)  # it stands there already; the page asks for what changed
    whose = form.practitioner.data or shown.practitioner_id
    if is_piece() and (form.day.data, whose) != (was_on, shown.practitioner_id):
        return leave(leaves.calendar_url(whose, form.day.data))
    return leaves.with_flyout(item_id)


@bp.route("/calendar/items/<int:item_id>/cancel", methods=["GET", "POST"])
@requires(Permission.BOOK)
def cancel(item_id: int) -> Answer:
    """Ask who cancelled and say what that bills, or cancel."""
    whose = id_or_none(request.values.get("attendee"))
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown = flyout.flyout_of(session, actor(), item, now())
        ways = outcomes.ways_to_cancel(session, item, shown, now(), attendee_id=whose)
    amount = next((way.cents for way in ways if way.cents is not None), None)
    usual = {"status": ways[0].value if ways else "", "amount": amount, "attendee": whose}
    form = CancelForm(request.form if request.method == "POST" else None, data=usual)
    context: dict[str, Any] = {"flyout": shown, "filled": form, "ways": ways, "person": outcomes.person_of(shown, whose)}
    if request.method == "GET":
        return answer("calendar/_cancel.html", **leaves.flyout_context(shown, leaves.asked_window()) | context)
    done = _cancel(form, item_id, ways, whose)
    if form.complaints:
        context |= versions.ended(form, shown, next((way.word for way in ways if way.value == form.status.data), ""))
        was_on = leaves.day_of(shown.starts_at)
        return leaves.in_column("calendar/_cancel.html", shown.practitioner_id, was_on, form=form, **context)
    return repeats.leave_for(done, "Cancelled") if done else leaves.with_flyout(item_id)


@bp.route("/calendar/items/<int:item_id>/delete", methods=["GET", "POST"])
@requires(Permission.BOOK)
def delete(item_id: int) -> Answer:
    """Say what deleting leaves behind, or delete."""
    with reading() as session:
        shown = flyout.flyout_for(session, actor(), item_id, now())
    day, form = leaves.day_of(shown.starts_at), DeleteForm(request.form)
    if request.method == "GET":
        return answer("calendar/_delete.html", filled=form, **leaves.flyout_context(shown, leaves.asked_window()))
    try:
        with writing() as session:
            booking.refuse_stale(session, actor(), item_id, shown_version(form))
            done = scope.delete(session, actor(), item_id, repeats.asked(), now(), notifies=not form.do_not_notify.data)
    except RefusalError as error:
        form.refuse(error)
        shown_again: dict[str, Any] = {"flyout": shown, "filled": form, "refused": form}
        shown_again |= versions.ended(form, shown, "Deleted")
        return leaves.in_column("calendar/_delete.html", shown.practitioner_id, day, form=form, **shown_again)
    if done:
        return repeats.leave_for(done, "Deleted")
    return leaves.in_column(None, shown.practitioner_id, day, then=leaves.calendar_url(shown.practitioner_id, day))


def _move(form: MoveForm, item_id: int) -> Done | None:
    if form.validate():
        try:
            with writing() as session:
                to, version = form.wanted(g.house.timezone, has_room=bool(form.room.choices)), version_of(form.version.data)
                return scope.move(session, actor(), item_id, to, repeats.asked(), now(), version=version)
        except RefusalError as error:
            form.refuse(error)
    return None


def _cancel(form: CancelForm, item_id: int, ways: tuple[Way, ...], whose: int | None) -> Done | None:
    if form.validate():
        try:
            with writing() as session:
                booking.refuse_stale(session, actor(), item_id, shown_version(form))
                wanted, cents = status_of(form.status.data), form.bills_cents(ways)
                return scope.cancel(
                    session, actor(), item_id, wanted, repeats.asked(), now(), attendee_id=whose, bills_cents=cents,
                    reason=form.reason.data or "", notifies=not form.do_not_notify.data,
                )  # fmt: skip
        except RefusalError as error:
            form.refuse(error)
    return None


def _save(opened: Opened) -> Done | None:
    form, item_id = opened.form, opened.shown.item_id
    is_valid = form.validate()
    try:
        offer.refuse_unnamed(opened.offer)
        if not is_valid:
            return None
        wanted = form.wanted(opened.offer, Place(opened.shown.practitioner_id, None, True), g.house.timezone)
        with writing() as session:
            version = version_of(form.version.data)
            return scope.edit(session, actor(), item_id, wanted, repeats.asked(), now(), version=version)
    except RefusalError as error:
        form.refuse(error)
    return None


def _edit_versions(item_id: int, form: BookingForm) -> dict[str, Any]:
    if not versions.is_stale(form):
        return {}
    stands = _opened(item_id, is_fresh=True)
    with reading() as session:
        change = live.last_change(session, item_id)
    return {"versions": versions.compared(form, stands.form, change), "version": stands.shown.version}


def _move_versions(item_id: int, form: MoveForm) -> dict[str, Any]:
    if not versions.is_stale(form):
        return {}
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        stands = _move_form(session, item, is_fresh=True)
        change = live.last_change(session, item_id)
    return {"versions": versions.compared(form, stands, change), "version": item.version}


def _opened(item_id: int, *, refits: bool = False, is_fresh: bool = False) -> Opened:
    is_posted = request.method == "POST" and not is_fresh
    with reading() as session:
        item = booking.item_for(session, actor(), item_id)
        shown = flyout.flyout_of(session, actor(), item, now(), with_billings=False)
        kept = booking.kept_of(session, item)
        line = booking.invoiced_line(session, kept)
        form = BookingForm(request.form) if is_posted else BookingForm(data=gone.as_booked(item, kept))
        sketch = form.sketch(Place(item.practitioner_id, None, True), g.house.timezone)
        found = offer.offer(
            session, actor(), _still(sketch, item), with_activities=True, kept=kept, kept_type=item.type_id or EVENT
        )
    form.show(found, refits=refits)
    if not is_posted and kept.payer_id:
        form.bill_to.data = kept.payer_id
    number = None if line is None else f"invoice {line.invoice.number}" if line.invoice.number else "a draft invoice"
    is_issued = line is not None and line.invoice.number is not None and actor().may(Permission.EDIT_INVOICES)
    correct_url = url_for("credit_notes.correct", invoice_id=line.invoice_id) if line is not None and is_issued else None
    return Opened(shown, kept, found, form, number, correct_url)


def _still(sketch: Sketch, item: Item) -> Sketch:
    # Who stays is not always in the form: a group never is, nor anyone on an invoice.
    whose = f"group:{item.group_id}" if item.group_id else ""
    whose = whose or (f"client:{item.attendees[0].client_id}" if item.attendees else "")
    if item.group_id or not (sketch.who or sketch.person):
        return Sketch(**{**vars(sketch), "who": whose, "person": "", "searched": ""})
    return sketch


def _edit_context(opened: Opened) -> dict[str, Any]:
    window = leaves.asked_window()
    first_hour: dict[str, Any] = {"h": window.first_hour} if window else {}
    words = f"On {opened.invoice}: fee, client and Bill to stay as they are." if opened.invoice else None
    return leaves.flyout_context(opened.shown, window) | {
        "filled": opened.form,
        "offer": opened.offer,
        "version": opened.form.version.data or opened.shown.version,
        "kept_words": words,
        "correct_url": opened.correct_url,
        "kept_cents": opened.kept.price.cents,
        "fields_url": url_for(".edit_fields", item_id=opened.shown.item_id, **first_hour),
    }


def _move_form(session: Session, item: Item, *, is_fresh: bool = False) -> MoveForm:
    there = clock.local(item.starts_at, g.house.timezone)
    now_at = {"day": there.date(), "starts_at": there.time()}
    form = MoveForm(request.form if request.method == "POST" and not is_fresh else None, data=now_at)
    whose = offer.practitioners_for(session, actor())
    form.practitioner.offer([Option(str(row.id), row.name) for row in whose], item.practitioner_id)
    is_required = item.type is not None and item.type.requires_room
    rooms = offer.rooms_of(session, item.location_id, kept_id=item.room_id, is_required=is_required)
    form.room.offer(rooms, item.room_id)
    return form
