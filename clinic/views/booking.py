"""Booking in the grid and on a page of its own, and the flyout of what is booked."""

from datetime import date, time
from typing import Any

from flask import Blueprint, g, request, url_for

from clinic.calendar import booking, flyout, offer, series, statuses
from clinic.calendar.offer import Offer
from clinic.forms.calendar import BookingForm, Place, StatusForm, id_or_none
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.practice.permissions import Permission
from clinic.views import leaves, new_clients, repeats
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, answer, is_piece, leave, page, say
from clinic.views.repeats import Listed

bp = Blueprint("booking", __name__)
bp.app_url_defaults(leaves.keep_view)
USUAL_START = time(9)


@bp.route("/calendar/<int:practitioner_id>/<day:day>/book", methods=["GET", "POST"])
@requires(Permission.BOOK)
def book(practitioner_id: int, day: date) -> Answer:
    """Show the in-line form, or book and answer with the day."""
    place = Place(practitioner_id or None, day, with_activities=True)
    form, found = _filled(place)
    if request.method == "GET":
        return answer("calendar/_form.html", **leaf(form, found, practitioner_id, day, leaves.asked_window()))
    column_url = url_for("calendar.column", practitioner_id=practitioner_id or found.practitioner_id, day=day)
    there = leaves.calendar_url(found.practitioner_id, day)
    leaf_day = (practitioner_id or found.practitioner_id, day)
    listed = _save(form, found, place, column_url if is_piece() else there)
    if not form.complaints and not listed:
        return leaves.in_column(None, *leaf_day, then=there)
    minute, minutes = span(form)
    shown = leaf(form, found, practitioner_id, day, None) | {"minute": minute, "minutes": minutes}
    del shown["spot"]
    if listed:
        return _dates(listed, found, leaf_day, shown)
    clash_id = form.clash.item_id if form.clash else None
    return leaves.in_column("calendar/_form.html", *leaf_day, form=form, clash_id=clash_id, **shown)


@bp.route("/calendar/<int:practitioner_id>/<day:day>/book/fields", methods=["GET", "POST"])
@requires(Permission.BOOK)
def fields(practitioner_id: int, day: date) -> Answer:
    """Show the in-line form again with the fields of what is chosen; nothing is booked."""
    form, found = _filled(Place(practitioner_id or None, day, with_activities=True), refits=True)
    return answer("calendar/_form.html", form=form, **leaf(form, found, practitioner_id, day, leaves.asked_window()))


@bp.route("/calendar/new", methods=["GET", "POST"])
@requires(Permission.BOOK)
def new() -> Answer:
    """Show the full form, which has every type but Activities, or book and go to that week."""
    place = Place(None, None, with_activities=False)
    form, found = _filled(place)
    shown: dict[str, Any] = {
        "filled": form,
        "offer": found,
        "fields_url": url_for(".new_fields"),
        "back_url": url_for("calendar.home"),
    }
    if request.method == "GET":
        return page("calendar/new.html", **shown)
    starts_on = form.day.data
    there = leaves.calendar_url(found.practitioner_id, starts_on) if starts_on else url_for("calendar.home")
    listed = _save(form, found, place, there)
    if form.complaints:
        return page("calendar/new.html", form=form, **shown)
    if listed and starts_on:
        return _dates(listed, found, (found.practitioner_id, starts_on), shown | {"book_url": url_for(".new")})
    say(f"{found.type_name} is booked.")
    return leave(there)


@bp.route("/calendar/new/fields", methods=["GET", "POST"])
@requires(Permission.BOOK)
def new_fields() -> Answer:
    """Show the full form again with the fields of what is chosen; nothing is booked."""
    form, found = _filled(Place(None, None, with_activities=False), refits=True)
    shown: dict[str, Any] = {
        "filled": form,
        "offer": found,
        "fields_url": url_for(".new_fields"),
        "back_url": url_for("calendar.home"),
    }
    if is_piece():
        return answer("calendar/_new.html", form=form, **shown)
    return page("calendar/new.html", form=form if form.complaints else None, **shown)


@bp.get("/calendar/items/<int:item_id>")
@requires(Permission.SEE_CALENDAR)
def item(item_id: int) -> Answer:
    """Show the flyout."""
    with reading() as session:
        shown = flyout.flyout_for(session, actor(), item_id, now())
    return answer("calendar/_flyout.html", **leaves.flyout_context(shown, leaves.asked_window()))


@bp.post("/calendar/items/<int:item_id>/status")
@requires(Permission.BOOK)
def status(item_id: int) -> Answer:
    """Set the status that was pressed, of one attendee or of all."""
    form = StatusForm(request.form)
    try:
        with writing() as session:
            statuses.set_status(session, actor(), item_id, form.wanted, now(), attendee_id=id_or_none(form.attendee.data))
    except RefusalError as error:
        form.refuse(error)
    return leaves.with_flyout(item_id, refused=form)


@bp.get("/calendar/items/<int:item_id>/status")
@requires(Permission.SEE_CALENDAR)
def status_of(item_id: int) -> Answer:
    """Show the flyout: what was posted here answers there too."""
    return item(item_id)


def _filled(place: Place, *, refits: bool = False) -> tuple[BookingForm, Offer]:
    form = BookingForm(request.form) if request.method == "POST" else BookingForm(data=_asked(place))
    found = _offered(form, place)
    if refits and new_clients.added(form, found):
        found = _offered(form, place)
    form.show(found, refits=refits)
    return form, found


def _offered(form: BookingForm, place: Place) -> Offer:
    with reading() as session:
        return offer.offer(session, actor(), form.sketch(place, g.house.timezone), with_activities=place.with_activities)


def _asked(place: Place) -> dict[str, Any]:
    hour, _, minute = request.args.get("at", "").partition(":")
    is_time = all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute))
    starts = time(int(hour), int(minute)) if is_time and int(hour) < 24 and int(minute) < 60 else USUAL_START
    client_id = id_or_none(request.args.get("client"))
    return {
        "starts_at": starts,
        "day": place.day or g.house.local_date(now()),
        "who": f"client:{client_id}" if client_id else "",
    }


def _save(form: BookingForm, found: Offer, place: Place, location: str) -> Listed | None:
    """Book what the form asks for, or return the list of its dates first; what is refused stays in the form."""
    is_valid = form.validate()
    try:
        _refuse_unfit(form, found, place)
        if not is_valid:
            return None
        wanted = form.wanted(found, place, g.house.timezone)
        rule = form.rule()
        if rule is not None:
            return repeats.save(
                form,
                location,
                lambda session, choices: series.listed(session, actor(), wanted, rule, choices),
                lambda session, choices: series.book(session, actor(), wanted, rule, choices, now()),
            )
        with writing() as session:
            key = once.claim(session, actor(), form.once.data, now())
            booking.book(session, actor(), wanted, now())
            key.location = location
    except RefusalError as error:
        form.refuse(error)
    return None


def _dates(listed: Listed, found: Offer, leaf_day: tuple[int, date], shown: dict[str, Any]) -> Answer:
    who = found.person.name if found.person else found.type_name
    context = {name: shown[name] for name in ("minute", "minutes", "back_url") if name in shown}
    return repeats.show(
        listed, *leaf_day, root="book", title=f"Repeat {who}", here=shown["book_url"], change_url=shown["fields_url"], **context
    )


def _refuse_unfit(form: BookingForm, found: Offer, place: Place) -> None:
    if not form.type.raw_data:
        raise RefusalError("Choose an appointment type.", field="type")
    if form.type.data != found.type_id:
        where = "" if place.with_activities else " Activities are booked in the calendar itself."
        raise RefusalError(f"Choose a type from the list.{where}", field="type")
    if form.is_stale:
        raise RefusalError(f"These are now the fields of {found.type_name}. Check them, then save again.")
    offer.refuse_unnamed(found)


def leaf(form: BookingForm, found: Offer, practitioner_id: int, day: date, window: Any) -> dict[str, Any]:
    """Return what the in-line form's template needs."""
    minute, minutes = span(form)
    who = found.person.name if found.person else ""
    first_hour: dict[str, Any] = {"h": request.args["h"]} if "h" in request.args else {}
    return {
        "filled": form,
        "offer": found,
        "book_day": day,
        "spot": leaves.spot(window, minute, minutes) if window else None,
        "ghost": leaves.ghost(minute, minutes, who),
        "book_url": url_for("booking.book", practitioner_id=practitioner_id, day=day),
        "fields_url": url_for("booking.fields", practitioner_id=practitioner_id, day=day, **first_hour),
        "back_url": leaves.calendar_url(found.practitioner_id, day),
        "chooses_practitioner": practitioner_id == 0,
    }


def span(form: BookingForm) -> tuple[int, int]:
    """Return the minute of the day at which what is asked for starts, and how many it lasts."""
    starts = form.starts_at.data or USUAL_START
    return starts.hour * 60 + starts.minute, form.minutes.data or 60
