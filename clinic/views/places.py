"""Locations and rooms."""

from flask import Blueprint, request, url_for

from clinic.forms.places import LocationForm, RoomForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import places
from clinic.practice.permissions import Permission
from clinic.views.access import actor, now, requires
from clinic.views.answer import Answer, page, say
from clinic.views.confirm import confirmed

bp = Blueprint("places", __name__, url_prefix="/settings/places")


@bp.get("/")
@requires(Permission.SETTINGS)
def index() -> Answer:
    """List the locations with their rooms."""
    with reading() as session:
        every_place = places.every_place(session)
    return page("settings/places.html", places=every_place)


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add_location() -> Answer:
    """Add a location."""
    form = LocationForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                places.add_location(session, actor(), form.details(), now())
            say("Location added.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/location.html", form=form, then=url_for(".index"), location=None)


@bp.route("/<int:location_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def change_location(location_id: int) -> Answer:
    """Show or change a location."""
    with reading() as session:
        location = places.location_for(session, location_id)
    form = LocationForm(request.form if request.method == "POST" else None, obj=location)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                places.change_location(session, actor(), location_id, form.details(), now())
            say("Location saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/location.html", form=form, then=url_for(".index"), location=location)


@bp.route("/<int:location_id>/archive", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def archive_location(location_id: int) -> Answer:
    """Offer a location no longer."""
    with reading() as session:
        location = places.location_for(session, location_id)
    return confirmed(
        lambda session: places.archive_location(session, actor(), location_id, now()),
        title=f"Archive {location.name}?",
        words="Nothing new is booked there, nor in its rooms. What is booked already stays.",
        deed="Archive location",
        back=url_for(".change_location", location_id=location_id),
        then=url_for(".index"),
    )


@bp.route("/<int:location_id>/restore", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def restore_location(location_id: int) -> Answer:
    """Offer an archived location again."""
    with reading() as session:
        location = places.location_for(session, location_id)
    return confirmed(
        lambda session: places.restore_location(session, actor(), location_id, now()),
        title=f"Restore {location.name}?",
        words="It may be booked again.",
        deed="Restore location",
        back=url_for(".change_location", location_id=location_id),
        then=url_for(".index"),
        is_danger=False,
    )


@bp.route("/<int:location_id>/rooms/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def add_room(location_id: int) -> Answer:
    """Add a room to a location."""
    with reading() as session:
        location = places.location_for(session, location_id)
    form = RoomForm(request.form if request.method == "POST" else None)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                places.add_room(session, actor(), location_id, name=form.name.data or "", now=now())
            say("Room added.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/room.html", form=form, then=url_for(".index"), location=location, room=None)


@bp.route("/rooms/<int:room_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def rename_room(room_id: int) -> Answer:
    """Show or rename a room."""
    with reading() as session:
        room = places.room_for(session, room_id)
        location = places.location_for(session, room.location_id)
    form = RoomForm(request.form if request.method == "POST" else None, obj=room)
    if request.method == "POST" and form.validate():
        try:
            with writing() as session:
                places.rename_room(session, actor(), room_id, name=form.name.data or "", now=now())
            say("Room saved.")
        except RefusalError as error:
            form.refuse(error)
    return page("settings/room.html", form=form, then=url_for(".index"), location=location, room=room)


@bp.route("/rooms/<int:room_id>/archive", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def archive_room(room_id: int) -> Answer:
    """Offer a room no longer."""
    with reading() as session:
        room = places.room_for(session, room_id)
    return confirmed(
        lambda session: places.archive_room(session, actor(), room_id, now()),
        title=f"Archive room {room.name}?",
        words="Nothing new is booked in it. What is booked already stays.",
        deed="Archive room",
        back=url_for(".rename_room", room_id=room_id),
        then=url_for(".index"),
    )


@bp.route("/rooms/<int:room_id>/restore", methods=["GET", "POST"])
@requires(Permission.SETTINGS)
def restore_room(room_id: int) -> Answer:
    """Offer an archived room again."""
    with reading() as session:
        room = places.room_for(session, room_id)
    return confirmed(
        lambda session: places.restore_room(session, actor(), room_id, now()),
        title=f"Restore room {room.name}?",
        words="It may be booked again.",
        deed="Restore room",
        back=url_for(".rename_room", room_id=room_id),
        then=url_for(".index"),
        is_danger=False,
    )
