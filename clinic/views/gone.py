"""What somebody else deleted meanwhile: what was typed over it comes back as a booking, and nothing is lost."""

from datetime import date, time
from typing import Any

from flask import Flask, g, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from clinic.calendar import booking, live, offer
from clinic.calendar.booking import DeletedError
from clinic.calendar.offer import EVENT
from clinic.calendar.terms import Kept
from clinic.forms.base import HouseForm
from clinic.forms.calendar import BookingForm, Place
from clinic.kernel import clock, money
from clinic.kernel.database import reading
from clinic.kernel.errors import ClashError
from clinic.models.calendar import Item
from clinic.practice import once
from clinic.practice.audit import Change
from clinic.views import booking as places
from clinic.views import failures, filters, leaves
from clinic.views.access import actor
from clinic.views.answer import Answer, answer, is_piece

TYPED = {"changes.edit", "changes.edit_fields", "changes.move"}  # what is posted there can be booked anew


def register(app: Flask) -> None:
    """Bind the answer to every address of a deleted item."""

    @app.errorhandler(DeletedError)
    def deleted(error: DeletedError) -> Answer:
        if request.method == "GET" and not is_piece():
            return failures.error_page(404)
        with reading() as session:
            words = _words(live.last_change(session, error.item.id))
        return _again(error.item, words) if request.method == "POST" and request.endpoint in TYPED else _told(error.item, words)


def as_booked(item: Item, kept: Kept) -> dict[str, Any]:
    """Return an item as the fields of the booking form would open with it."""
    there = clock.local(item.starts_at, g.house.timezone)
    whose = f"group:{item.group_id}" if item.group_id else ""
    return {
        "who": whose or (f"client:{kept.client_id}" if kept.client_id else ""),
        "day": there.date(),
        "starts_at": there.time(),
        "minutes": kept.minutes,
        "fee": kept.price.fee_id,
        "amount": kept.price.cents,
        "mode": item.mode,
        "location": item.location_id,
        "room": item.room_id,
        "busy": "busy" if item.is_busy else "free",
        "title": item.title,
        "notes": item.notes,
    }


def _words(change: Change | None) -> str:
    if change is None:
        return "This was deleted meanwhile."
    return f"{change.name or 'The clock'} deleted this at {filters.local_time(change.at)}."


def _again(item: Item, words: str) -> Answer:
    with reading() as session:
        form = BookingForm(_typed(item, booking.kept_of(session, item)))
        day = form.day.data or leaves.day_of(item.starts_at)
        whose = form.practitioner.data if request.endpoint == "changes.move" else None
        place = Place(whose or item.practitioner_id, day, with_activities=True)
        found = offer.offer(session, actor(), form.sketch(place, g.house.timezone), with_activities=True)
    form.show(found)
    form.refuse(ClashError(f"{words} Nothing you typed is lost: book it again, or leave it."))
    shown = places.leaf(form, found, found.practitioner_id, day, None) | {"save_words": "Book it again"}
    del shown["spot"]
    minute, minutes = places.span(form)
    return leaves.in_column(
        "calendar/_form.html", item.practitioner_id, leaves.day_of(item.starts_at), form=form, minute=minute, minutes=minutes,
        **shown,
    )  # fmt: skip


def _typed(item: Item, kept: Kept) -> MultiDict[str, str]:
    """Return what was posted, and what its form did not ask for as the item had it."""
    typed = MultiDict(request.form)
    usual = as_booked(item, kept) | {"type": item.type_id or EVENT, "bill_to": kept.payer_id}
    usual["amount"] = money.plainly(kept.price.cents)
    for name, value in usual.items():
        if name not in typed and value is not None:
            typed[name] = _text(value)
    typed["once"] = once.new_key()
    return typed


def _text(value: object) -> str:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _told(item: Item, words: str) -> Answer:
    form = HouseForm()
    form.refuse(ClashError(words))
    day = leaves.day_of(item.starts_at)
    minute = leaves.minute_of(item.starts_at)
    at = f"{minute // 60:02}:{minute % 60:02}"
    client = item.attendees[0].client_id if len(item.attendees) == 1 else None
    context: dict[str, Any] = {
        "refused": words,
        "book_url": url_for("booking.book", practitioner_id=item.practitioner_id, day=day, at=at, client=client),
        "back_url": leaves.calendar_url(item.practitioner_id, day),
    }
    minutes = booking.minutes_of(item)
    if request.method == "GET":
        window = leaves.asked_window()
        spot = leaves.spot(window, minute, minutes) if window else None
        return make_response(answer("calendar/_gone.html", spot=spot, **context), 409)
    context |= {"minute": minute, "minutes": minutes}
    return leaves.in_column("calendar/_gone.html", item.practitioner_id, day, form=form, **context)
