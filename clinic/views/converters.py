"""What may stand in an address: ids a database can hold, and days that exist."""

from datetime import date

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter, ValidationError

from clinic.forms.base import FIRST_YEAR, LAST_YEAR

ID_MAX = 2**31 - 1


class IdConverter(IntegerConverter):
    """Match whole numbers up to the largest id, in plain digits."""

    regex = r"[0-9]+"

    def __init__(self, map: object, *_args: object, **_kwargs: object) -> None:  # noqa: A002 - Werkzeug's name
        super().__init__(map, max=ID_MAX)  # type: ignore[arg-type]


class DayConverter(BaseConverter):
    """Match a day such as 2026-11-18."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        """Read the day; one that does not exist is an address that does not exist."""
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise ValidationError from error
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValidationError
        return day

    def to_url(self, value: date | str) -> str:
        """Write the day."""
        return value if isinstance(value, str) else value.isoformat()


def register(app: Flask) -> None:
    """Replace Flask's `int` and add `day`."""
    app.url_map.strict_slashes = False  # a slash more or less is the same page
    app.url_map.converters["int"] = IdConverter
    app.url_map.converters["day"] = DayConverter
