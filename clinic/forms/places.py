"""Locations and rooms."""

from clinic.forms.base import NAME_CHARS_MAX, HouseForm, line, text_area
from clinic.forms.settings import ADDRESS_CHARS_MAX


class LocationForm(HouseForm):
    """Ask for a location."""

    name = line("Name", required=True, most=NAME_CHARS_MAX)
    address = text_area("Address", most=ADDRESS_CHARS_MAX, render_kw={"rows": 3})


class RoomForm(HouseForm):
    """Ask for a room's name."""

    name = line("Room name", required=True, most=NAME_CHARS_MAX)
