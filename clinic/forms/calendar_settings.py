"""Calendar Settings: appointment types, working hours, time off and closed days."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Any

from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.widgets import CheckboxInput, ListWidget

from clinic.calendar.buffers import BUFFER_MAX
from clinic.calendar.hours import Week
from clinic.calendar.offer import MODE_WORDS
from clinic.calendar.types import COLOURS, MINUTES_MAX, MINUTES_MIN, Draft
from clinic.forms.base import NAME_CHARS_MAX, DayField, HouseForm, MoneyField, TimeField, WholeField, line
from clinic.forms.calendar import NO_SUCH, id_or_none
from clinic.kernel import clock
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import AppointmentType, ItemKind, Mode
from clinic.models.practice import FeedDetail

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ALL, SOME = "all", "some"
Named = Sequence[tuple[int, str]]


class ManyField(SelectMultipleField):
    """Offer ticks to choose several."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _many(label: str) -> ManyField:
    return ManyField(label, coerce=lambda text: NO_SUCH if id_or_none(text) is None else id_or_none(text), choices=[],
                     validate_choice=False)  # fmt: skip


def _one(label: str) -> SelectField:
    return SelectField(label, coerce=id_or_none, choices=[], validate_choice=False)


class TypeForm(HouseForm):
    """Ask for an appointment type."""

    kind = RadioField("Kind", choices=[SelectChoice(ItemKind.APPOINTMENT.value, "Appointment"),
                                       SelectChoice(ItemKind.ACTIVITY.value, "Activity")])  # fmt: skip
    name = line("Name", required=True, most=NAME_CHARS_MAX)
    colour = SelectField("Colour", coerce=id_or_none, choices=[], validate_choice=False)
    duration = WholeField("Pre-set duration, minutes", least=MINUTES_MIN, most=MINUTES_MAX, render_kw={"inputmode": "numeric"})
    is_duration_flexible = BooleanField("Allow flexibility")
    fee = _one("Pre-set rate")
    rate = MoneyField("Own rate", required=False, render_kw={"inputmode": "decimal"})
    is_hourly = BooleanField("Per hour")
    is_rate_flexible = BooleanField("Allow flexibility")
    modes = ManyField("How it is given", choices=[SelectChoice(mode.value, MODE_WORDS[mode]) for mode in Mode],
                      validate_choice=False)  # fmt: skip
    requires_room = BooleanField("Requires a room")
    is_online = BooleanField("Clients may book it online")
    buffer_before = WholeField("Free before it, minutes", least=0, most=BUFFER_MAX, required=False)
    buffer_after = WholeField("Free after it, minutes", least=0, most=BUFFER_MAX, required=False)
    is_auto_invoiced = BooleanField("Invoice by itself when it is billed to an organisation or a referrer")
    whose = RadioField("Who may book it", choices=[SelectChoice(ALL, "All practitioners"), SelectChoice(SOME, "Only these")])
    practitioners = _many("Practitioners")

    def offer(self, fees: Named, practitioners: Named, *, colour: int) -> None:
        """Show what may be chosen."""
        self.fee.choices = [SelectChoice("", "Own rate, below"), *(SelectChoice(str(key), name) for key, name in fees)]
        self.practitioners.choices = [SelectChoice(str(key), name) for key, name in practitioners]
        self.colour.choices = [SelectChoice(str(number), f"Colour {number}") for number in COLOURS]
        if self.colour.data is None:
            self.colour.data = colour

    @staticmethod
    def held(kind: AppointmentType, practitioner_ids: Sequence[int]) -> dict[str, Any]:
        """Return a type as the form's fields name it."""
        return {
            "kind": kind.kind.value,
            "name": kind.name,
            "colour": kind.colour,
            "duration": kind.duration_minutes,
            "is_duration_flexible": kind.is_duration_flexible,
            "fee": kind.fee_id,
            "rate": None if kind.fee_id else kind.rate_cents,
            "is_hourly": kind.is_hourly,
            "is_rate_flexible": kind.is_rate_flexible,
            "modes": kind.modes.split(",") if kind.modes else [],
            "requires_room": kind.requires_room,
            "is_online": kind.is_online,
            "buffer_before": kind.buffer_before_minutes or None,
            "buffer_after": kind.buffer_after_minutes or None,
            "is_auto_invoiced": kind.is_auto_invoiced,
            "whose": ALL if kind.is_for_all else SOME,
            "practitioners": list(practitioner_ids),
        }

    def draft(self) -> Draft:
        """Return what was asked.

        Raises:
            RefusalError: neither a fee nor a rate was chosen.
        """
        if self.fee.data is None and self.rate.data is None:
            raise RefusalError("Enter a rate, or choose a fee of the schedule.", field="rate")
        return Draft(
            name=self.name.data or "",
            kind=ItemKind(self.kind.data),
            colour=self.colour.data or NO_SUCH,
            duration_minutes=self.duration.data,
            is_duration_flexible=self.is_duration_flexible.data,
            fee_id=self.fee.data,
            rate_cents=self.rate.data or 0,
            is_hourly=self.is_hourly.data,
            is_rate_flexible=self.is_rate_flexible.data,
            modes=tuple(mode for mode in Mode if mode.value in (self.modes.data or [])),
            requires_room=self.requires_room.data,
            is_online=self.is_online.data,
            buffer_before_minutes=self.buffer_before.data or 0,
            buffer_after_minutes=self.buffer_after.data or 0,
            is_auto_invoiced=self.is_auto_invoiced.data,
            practitioner_ids=None if self.whose.data == ALL else tuple(self.practitioners.data or ()),
        )


class WeekForm(HouseForm):
    """Ask for working hours on several weekdays."""

    practitioner = _one("Practitioner")
    location = _one("Location")
    weekdays = ManyField("Weekdays", coerce=int, choices=[SelectChoice(str(at), name) for at, name in enumerate(WEEKDAYS)])
    starts = TimeField("From")
    ends = TimeField("To")
    from_date = DayField("First day, if not always", required=False)
    until_date = DayField("Last day, if any", required=False)

    def offer(self, practitioners: Named, locations: Named) -> None:
        """Show what may be chosen."""
        self.practitioner.choices = [SelectChoice(str(key), name) for key, name in practitioners]
        self.location.choices = [SelectChoice(str(key), name) for key, name in locations]

    def week(self) -> Week:
        """Return what was asked. Midnight as the end is the end of the day."""
        return Week(
            practitioner_id=self.practitioner.data or NO_SUCH,
            location_id=self.location.data or NO_SUCH,
            weekdays=tuple(self.weekdays.data or ()),
            starts_minute=_minute(self.starts.data),
            ends_minute=_minute(self.ends.data) or clock.MINUTES_PER_DAY,
            from_date=self.from_date.data,
            until_date=self.until_date.data,
        )


class TimeOffForm(HouseForm):
    """Ask for time off or closed days. Without times they are whole days."""

    practitioner = _one("For whom")
    first = DayField("First day")
    starts = TimeField("From, if not the whole day", required=False)
    last = DayField("Last day", required=False)
    ends = TimeField("To, if not the whole day", required=False)
    label = line("What for", most=NAME_CHARS_MAX)

    def offer(self, practitioners: Named) -> None:
        """Show what may be chosen."""
        everyone = SelectChoice("", "The whole practice (closed)")
        self.practitioner.choices = [everyone, *(SelectChoice(str(key), name) for key, name in practitioners)]

    def span(self, timezone: str) -> dict[str, Any]:
        """Return the span as instants; the last day is included.

        Raises:
            MissingTimeError: the clocks skip that time.
        """
        last = self.last.data or self.first.data
        starts_at = clock.day_start(self.first.data, timezone)
        ends_at = clock.day_start(last + timedelta(days=1), timezone)
        if self.starts.data is not None:
            starts_at = clock.instant_at(self.first.data, self.starts.data, timezone)
        if self.ends.data is not None:
            ends_at = clock.instant_at(last, self.ends.data, timezone)
        return {
            "practitioner_id": self.practitioner.data,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "label": self.label.data or "",
        }


class FeedForm(HouseForm):
    """Ask how much a calendar feed tells."""

    detail = RadioField("What it tells", choices=[SelectChoice(FeedDetail.BUSY.value, "Busy only"),
                                                  SelectChoice(FeedDetail.INITIALS.value, "Initials"),
                                                  SelectChoice(FeedDetail.FULL.value, "Full")])  # fmt: skip

    def chosen(self) -> FeedDetail:
        """Return what was chosen."""
        return FeedDetail(self.detail.data)


def _minute(wall: time) -> int:
    return wall.hour * 60 + wall.minute
