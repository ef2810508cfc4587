"""What is asked of payments by day: which days, and perhaps one way to pay."""

from datetime import date
from typing import Any

from wtforms import SelectField

from clinic.forms.base import DayField, HouseForm, options
from clinic.models.money import Method


def _method(text: Any) -> Method | None:
    return Method(text) if text else None


class TakingsForm(HouseForm):
    """Ask for the first and last day and a method."""

    first = DayField("From", required=False)
    last = DayField("Until", required=False)
    method = SelectField("Method", coerce=_method, validate_choice=False)

    def __init__(self, *args: Any, names: dict[Method, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method.choices = options([("", "Every way"), *((method.value, name) for method, name in names.items())])

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last day; what is left out is this month up to today."""
        last = self.last.data or max(today, self.first.data or today)
        return self.first.data or last.replace(day=1), last
