"""The form every other form is built on, and the fields of this house: money, days, times, texts."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any, Generic, TypeVar

from wtforms import Field, Form, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.fields.core import UnboundField
from wtforms.meta import DefaultMeta
from wtforms.validators import DataRequired, Length, Optional, StopValidation
from wtforms.widgets import TextInput

from clinic.kernel import money
from clinic.kernel.errors import ClashError, RefusalError
from clinic.practice import once

NAME_CHARS_MAX = 120
LINE_CHARS_MAX = 200
TEXT_CHARS_MAX = 4_000
FIRST_YEAR, LAST_YEAR = 1900, 2199
NOT_OFFERED = "Choose from the list."
FieldT = TypeVar("FieldT", bound=Field)
Value = TypeVar("Value")
_WALL_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::\d{2})?\s*([ap])?\.?(?:m\.?)?", re.IGNORECASE | re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff]")


class HouseForm(Form):
    """Read a posted form, keep what was typed, and carry refusals from the rules back to the field they are about."""

    class Meta(DefaultMeta):
        """Say in a sentence of this house that a choice, one or several, is none of those offered."""

        def bind_field(self, form: Any, unbound_field: "UnboundField[FieldT]", options: Any) -> FieldT:
            """Make a field of the form."""
            field = super().bind_field(form, unbound_field, options)
            if isinstance(field, SelectField):
                # Newer than the stubs: what cannot be read, and what can be and is not offered.
                for name in ("invalid_value_message", "invalid_choice_message"):
                    setattr(field, name, getattr(field, name) or NOT_OFFERED)
            return field

    clashed = False
    note: RefusalError | None = None  # a refusal of the form as a whole

    def refuse(self, error: RefusalError, field: str | None = None) -> None:
        """Put a rule's refusal beside its field, or over the form when it names none that this form has."""
        self.clashed = self.clashed or isinstance(error, ClashError)
        target = self._fields.get(error.field or field or "")
        if isinstance(error, ClashError) or target is None or isinstance(target, HiddenField):
            self.note = error
        if target is not None:
            target.errors = [*target.errors, error.message]

    @property
    def complaints(self) -> bool:
        """Say whether anything is refused."""
        return self.note is not None or any(field.errors for field in self)


class PageForm(HouseForm):
    """Be a whole page of settings: it carries the print of what stood when it was opened (`standing.print_of`)."""

    shown = HiddenField()
    # What is done once with the page is no setting, and is not compared with what stands.
    is_of_deed: frozenset[str] = frozenset()


class OnceForm(HouseForm):
    """Carry the one-time key of a form that books, issues, charges or records money."""

    once = HiddenField()

    def __init__(self, formdata: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(formdata, *args, **kwargs)
        # What was posted without a key must not pass as if it had one.
        if not self.once.data and not formdata:
            self.once.data = once.new_key()

    def refuse(self, error: RefusalError, field: str | None = None) -> None:
        """Put a refusal in its place; a form that came without a good key goes back with a fresh one."""
        super().refuse(error, field)
        if not self.once.data or error.field == "once":
            self.once.data = once.new_key()


def stripped(value: str | None) -> str:
    """Drop surrounding blanks and control characters no person types."""
    return _CONTROL.sub("", value or "").strip()


def wall_time(typed: str) -> time:
    """Read a wall-clock time.

    Raises:
        ValueError: it is none.
    """
    match = _WALL_TIME.fullmatch(typed)
    if not match:
        raise ValueError
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, minute)


def line(label: str, *, most: int = LINE_CHARS_MAX, required: bool = False, **kwargs: Any) -> StringField:
    """Make a one-line text field of at most that many characters."""
    # DataRequired: blanks alone are nothing.
    first = DataRequired(f"Enter {label[0].lower() + label[1:]}.") if required else Optional(strip_whitespace=True)
    long = Length(max=most, message=f"At most {most} characters.")
    return StringField(label, [first, long], filters=[stripped], **kwargs)


def text_area(label: str, *, most: int = TEXT_CHARS_MAX, **kwargs: Any) -> TextAreaField:
    """Make a field for several lines of text."""
    return TextAreaField(label, [Length(max=most, message=f"At most {most} characters.")], filters=[_lines], **kwargs)


def options(pairs: Iterable[tuple[Any, str]]) -> list[SelectChoice]:
    """Turn values and the words for them into what a list of choices offers."""
    return [SelectChoice(value, words) for value, words in pairs]


def _lines(value: str | None) -> str:
    return "\n".join(stripped(row) for row in (value or "").replace("\r\n", "\n").split("\n")).strip()


class _TypedField(Field, ABC, Generic[Value]):
    """Keep the typed text beside the value it was read as, so that a refused form shows what was typed."""

    widget = TextInput()
    invalid = "Enter a value."

    def __init__(self, label: str, *, required: bool = True, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.required = required

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])[:LINE_CHARS_MAX]
        return "" if self.data is None else self.printed(self.data)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        """Read the posted text; what cannot be read leaves no value and an error that says why."""
        self.data = None
        typed = str(valuelist[0]).strip() if valuelist else ""
        if not typed:
            return
        try:
            self.data = self.read(typed)
        except RefusalError as error:
            raise ValueError(error.message) from error
        except ValueError as error:
            raise ValueError(self.invalid) from error

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms calls it so
        """Ask for the value when it is required and missing."""
        if self.data is None and self.required and not self.process_errors:
            raise StopValidation(self.invalid)

    @abstractmethod
    def read(self, typed: str) -> Value:
        """Turn text into the field's value.

        Raises:
            RefusalError: it cannot be read, and the error says why.
            ValueError: it cannot be read.
        """

    def printed(self, value: Value) -> str:
        """Turn the field's value into text."""
        return str(value)


class MoneyField(_TypedField[int]):
    """Read an amount as cents."""

    invalid = "Enter an amount such as 150 or 150.00."

    def __init__(self, label: str, *, least_cents: int = 0, most_cents: int = money.AMOUNT_MAX_CENTS, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.least_cents, self.most_cents = least_cents, most_cents

    def read(self, typed: str) -> int:
        """Read cents within the bounds."""
        return money.parse(typed, least_cents=self.least_cents, most_cents=self.most_cents)

    def printed(self, value: int) -> str:
        """Print cents as a bare number."""
        return money.plainly(value)


class PercentField(_TypedField[int]):
    """Read a percentage as basis points."""

    invalid = "Enter a percentage from 0 to 100."

    def read(self, typed: str) -> int:
        """Read basis points."""
        return money.parse_percent(typed)

    def printed(self, value: int) -> str:
        """Print a bare percentage."""
        return money.percent(value).removesuffix(" %")


class PartField(_TypedField[tuple[int | None, int | None]]):
    """Read a part of an amount: "60 %" as a rate, "90" or "90.00" as cents."""

    invalid = "Enter an amount such as 90.00, or a percentage such as 60 %."

    def read(self, typed: str) -> tuple[int | None, int | None]:
        """Read the rate in basis points, or the cents: one of the two."""
        if typed.endswith("%"):
            return money.parse_percent(typed), None
        return None, money.parse(typed)

    def printed(self, value: tuple[int | None, int | None]) -> str:
        """Print what was read."""
        rate_bp, cents = value
        return money.percent(rate_bp) if rate_bp is not None else money.plainly(cents or 0)


class WholeField(_TypedField[int]):
    """Read a whole number within bounds, both included."""

    def __init__(self, label: str, *, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.least, self.most = least, most
        self.invalid = f"Enter a whole number from {least} to {most}."

    def read(self, typed: str) -> int:
        """Read the number."""
        if not typed.isascii() or not typed.lstrip("-").isdigit() or len(typed) > 12:
            raise ValueError
        if not self.least <= int(typed) <= self.most:
            raise ValueError
        return int(typed)


class _DateInput(TextInput):
    input_type = "date"


class _TimeInput(TextInput):
    input_type = "time"


class DayField(_TypedField[date]):
    """Read a day in the form browsers send: 2026-11-18."""

    widget = _DateInput()
    invalid = "Enter a date that exists, such as 2026-11-18."

    def read(self, typed: str) -> date:
        """Read the day."""
        day = datetime.strptime(typed, "%Y-%m-%d").date()
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError
        return day

    def printed(self, value: date) -> str:
        """Print the day as browsers expect it."""
        return value.isoformat()


class TimeField(_TypedField[time]):
    """Read a wall-clock time: 14:30, 2:30 pm, 2pm."""

    widget = _TimeInput()
    invalid = "Enter a time such as 14:30."

    def read(self, typed: str) -> time:
        """Read the time."""
        return wall_time(typed)

    def printed(self, value: time) -> str:
        """Print the time as browsers expect it."""
        return f"{value:%H:%M}"
