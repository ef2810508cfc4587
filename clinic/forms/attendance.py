"""What is asked when a day's sessions are marked as attended."""

from collections.abc import Sequence

from wtforms import SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired

from clinic.calendar.attendance import Unmarked
from clinic.forms.base import HouseForm
from clinic.forms.calendar import id_or_none


class AttendedForm(HouseForm):
    """Ask which sessions took place; all are ticked at first."""

    places = SelectMultipleField(
        "Sessions", choices=[], coerce=id_or_none, validate_choice=False, validators=[InputRequired("Tick at least one.")]
    )

    def offer(self, found: Sequence[Unmarked]) -> None:
        """Offer what is still Booked."""
        self.places.choices = [SelectChoice(str(each.attendee_id), each.client) for each in found]
        if not self.places.raw_data and self.places.data is None:
            self.places.data = [each.attendee_id for each in found]

    @property
    def attendee_ids(self) -> frozenset[int]:
        """Return whose places were ticked."""
        return frozenset(self.places.data or ())
