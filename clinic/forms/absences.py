"""What is asked about each booking that stands in time off."""

from datetime import datetime
from typing import Any

from wtforms import HiddenField

from clinic.calendar.statuses import REASON_CHARS_MAX
from clinic.forms.base import DayField, TimeField, line
from clinic.forms.calendar import MoveForm
from clinic.kernel import clock


class AbsenceForm(MoveForm):
    """Ask what becomes of one booking in time off: moved to a typed time or to one that was offered, cancelled or left."""

    day = DayField("Day", required=False)
    starts_at = TimeField("Start", required=False)
    reason = line("Reason, staff only", most=REASON_CHARS_MAX)
    item = HiddenField()
    to = HiddenField()  # an offered time: 2026-11-26T10:00
    deed = HiddenField()

    def start_at(self, starts_at: datetime, timezone: str) -> None:
        """Show the booking's own time of day until another is typed."""
        if self.starts_at.raw_data is None:
            self.starts_at.data = clock.local(starts_at, timezone).time()

    def validate(self, extra_validators: Any = None) -> bool:
        """Read the offered time that was pressed, if one was."""
        if self.to.data:
            day, _, wall = str(self.to.data).partition("T")
            for field, typed in ((self.day, day), (self.starts_at, wall)):
                field.process_errors = []
                field.raw_data = [typed]
                try:
                    field.process_formdata([typed])
                except ValueError as error:
                    field.process_errors = [str(error)]
        is_valid: bool = super().validate(extra_validators)
        if is_valid and self.deed.data not in ("cancel", "leave"):
            for field in (self.day, self.starts_at):
                field.errors = [] if field.data is not None else [field.invalid]
        return not self.complaints
