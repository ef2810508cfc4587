"""Locations and rooms."""

from wtforms import SelectField

from clinic.forms.base import NAME_CHARS_MAX, HouseForm, line, options, text_area
from clinic.forms.settings import ADDRESS_CHARS_MAX
from clinic.practice.places import OFFICE, PLACES_OF_SERVICE, TELEHEALTH, LocationDetails

_PLACES = [(code, f"{code} {words}") for code, words in PLACES_OF_SERVICE.items()]


class LocationForm(HouseForm):
    """Ask for a location."""

    name = line("Name", required=True, most=NAME_CHARS_MAX)
    address = text_area("Address", most=ADDRESS_CHARS_MAX, render_kw={"rows": 3})
    place_of_service = SelectField("Place of service", choices=options(_PLACES), default=OFFICE)
    remote_place_of_service = SelectField("By phone or video", choices=options(_PLACES), default=TELEHEALTH)

    def details(self) -> LocationDetails:
        """Return what was asked."""
        return LocationDetails(
            name=self.name.data or "",
            address=self.address.data or "",
            place_of_service=self.place_of_service.data,
            remote_place_of_service=self.remote_place_of_service.data,
        )


class RoomForm(HouseForm):
    """Ask for a room's name."""

    name = line("Room name", required=True, most=NAME_CHARS_MAX)
