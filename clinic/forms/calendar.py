"""What is asked when something is booked, changed, moved or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired

from clinic.calendar import statuses
from clinic.calendar.availability import Clash, OverlapError, WarnedError
from clinic.calendar.booking import Move, Same, Wanted
from clinic.calendar.linking import Choice
from clinic.calendar.offer import Offer, Option, Sketch
from clinic.calendar.outcomes import Way
from clinic.calendar.statuses import REASON_CHARS_MAX
from clinic.calendar.terms import TITLE_CHARS_MAX, Bills
from clinic.forms.base import DayField, HouseForm, MoneyField, OnceForm, TimeField, WholeField, line, text_area
from clinic.forms.new_client import NewClientFields
from clinic.forms.series import RepeatFields
from clinic.kernel import clock
from clinic.kernel.errors import RefusalError
from clinic.models.calendar import Mode, Status

ID_MAX = 2**31 - 1
NO_SUCH = -1  # what nonsense is read as: no row has it, so the rule refuses it and names the field
BUSY, FREE = "busy", "free"
PERSON_CHARS_MAX = 120


@dataclass(frozen=True)
class Place:
    """Say where a form stands: in a column of the grid, on a page of its own, or over an item being changed."""

    practitioner_id: int | None
    day: date | None
    with_activities: bool


def id_or_none(text: Any) -> int | None:
    """Read a posted id; nothing typed is None, nonsense is an id that no row has."""
    typed = str(text).strip() if text is not None else ""
    if typed in ("", "None"):
        return None
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else NO_SUCH


def _mode(text: Any) -> Mode | None:
    return Mode(text) if text in {mode.value for mode in Mode} else None


class ChoiceField(SelectField):
    """Offer a list that the rules, not the form, hold to."""

    def __init__(self, label: str, *, coerce: Any = id_or_none, **kwargs: Any) -> None:
        super().__init__(label, coerce=coerce, choices=[], validate_choice=False, **kwargs)

    def offer(self, options: Sequence[Option], chosen: object) -> None:
        """Show these options; when nothing was posted or known, this one is chosen."""
        self.choices = [SelectChoice(option.value, option.label) for option in options]
        if not self.raw_data and self.data is None:
            self.data = chosen

    @property
    def shown(self) -> str:
        """Return the label of what is chosen."""
        options: Any = self.choices or ()
        return next((str(option.label) for option in options if option.value == str(self.data)), "")


class BookingForm(RepeatFields, NewClientFields, OnceForm):
    """Ask for everything a booking may need; the template shows what the type has."""

    type = ChoiceField("Appointment type")
    person = line("Client or group", most=PERSON_CHARS_MAX, render_kw={"autocomplete": "off", "list": "people"})
    who = RadioField("More than one fits", choices=[], validate_choice=False)
    searched = HiddenField()
    title = line("What it is", most=TITLE_CHARS_MAX)
    practitioner = ChoiceField("Practitioner")
    day = DayField("Day", required=False)
    starts_at = TimeField("Start")
    minutes = WholeField("Minutes", least=5, most=24 * 60, required=False, render_kw={"inputmode": "numeric"})
    fee = ChoiceField("Fee")
    amount = MoneyField("Other amount", required=False, render_kw={"inputmode": "decimal", "class_": "num"})
    bill_to = ChoiceField("Bill to")
    bills = RadioField("The group is billed", choices=[], validate_choice=False)
    mode = ChoiceField("How", coerce=_mode)
    location = ChoiceField("Location")
    room = ChoiceField("Room")
    busy = RadioField(
        "This time in the diary is", choices=[SelectChoice(BUSY, "Busy"), SelectChoice(FREE, "Free")], validate_choice=False
    )
    notes = text_area("Notes, staff only", render_kw={"rows": 2})
    no_package = BooleanField("Do not use the package")
    accepts_unpaid = BooleanField("Book it unpaid")
    overrides_warnings = BooleanField("Book anyway")
    do_not_notify = BooleanField("Do not notify")
    package_choice = RadioField(
        "The package session",
        choices=[SelectChoice(Choice.UNLINK.value, "Unlink it"), SelectChoice(Choice.LEAVE.value, "Leave it linked")],
        validate_choice=False,
    )
    as_free = HiddenField()
    shown = HiddenField()  # the type whose fields stood in the form
    version = HiddenField()

    clash: Clash | None = None
    warnings: Sequence[str] = ()

    def sketch(self, place: Place, timezone: str) -> Sketch:
        """Return what is chosen so far, whatever of it holds."""
        return Sketch(
            practitioner_id=place.practitioner_id or self.practitioner.data,
            type_id=self._stood if self.type.data in (None, NO_SUCH) else self.type.data,
            person=self.person.data or "",
            who=self.who.data or "",
            searched=self.searched.data or "",
            starts_at=self._instant(place, timezone),
            minutes=None if self.is_stale else self.minutes.data,
            fee_id=None if self.is_stale or self.fee.data == NO_SUCH else self.fee.data,
            location_id=self.location.data if self.location.data != NO_SUCH else None,
            room_id=self.room.data,
            bills="" if self.is_stale else self.bills.data or "",
        )

    def show(self, offer: Offer, *, refits: bool = False) -> None:
        """Put what is offered into the fields.

        Args:
            refits: the form is only shown again, so a payer who is not one of this person may give way.
        """
        if self.is_stale:
            for field in (self.minutes, self.fee, self.amount, self.mode, self.room):
                field.data, field.raw_data, field.process_errors = None, None, []
        self.practitioner.offer(offer.practitioners, offer.practitioner_id)
        self.type.offer(offer.types, offer.type_id)
        self.fee.offer(offer.fees, offer.fee_id)
        self.bill_to.offer(offer.payers, offer.payer_id)
        self.mode.offer(offer.modes, None)
        self.location.offer(offer.locations, offer.location_id)
        self.room.offer(offer.rooms, None)
        self.bills.choices = [SelectChoice(option.value, option.label) for option in offer.bills_options]
        self.bills.data = next((each.value for each in offer.bills_options if each.value.startswith(str(offer.bills))), None)
        self.who.choices = [SelectChoice(f"{match.kind}:{match.id}", _told_apart(match)) for match in offer.matches]
        if offer.person is not None:
            self.who.data = f"{offer.person.kind}:{offer.person.id}"
            self.person.data = self.searched.data = offer.person.name
            self.person.raw_data = None
        elif not offer.matches:
            self.who.data = ""
        else:
            self.searched.data = self.person.data
        if self.minutes.data is None and not self.minutes.process_errors:
            self.minutes.data, self.minutes.raw_data = offer.minutes, None
        # A payer of the person before is not one of this person.
        if refits and not self.bill_to.shown:
            self.bill_to.data = offer.payer_id
        self.shown.data = str(offer.type_id)

    @property
    def is_stale(self) -> bool:
        """Say whether the fields that stood in the form are those of another type than the one chosen."""
        return self._stood is not None and self.type.data not in (None, NO_SUCH, self._stood)

    @property
    def _stood(self) -> int | None:
        """Return the type whose fields stood in the form, as far as that can be read."""
        posted = (self.shown.raw_data or [""])[0]
        is_plain = posted.isascii() and posted.removeprefix("-").isdigit() and len(posted) < 10
        return int(posted) if is_plain and self.type.raw_data else None

    def wanted(self, offer: Offer, place: Place, timezone: str) -> Wanted:
        """Return the wish, for the rules to judge.

        Raises:
            RefusalError: the clocks skip that time, or a choice is missing that no rule can fill in.
        """
        starts_at = self._instant(place, timezone, refuses=True)
        assert starts_at is not None
        is_activity = not offer.is_appointment and not offer.is_event
        busy = FREE if self.as_free.data else self.busy.data
        if not offer.is_appointment and busy not in (BUSY, FREE):
            raise RefusalError("Choose Busy or Free.", field="busy")
        return Wanted(
            type_id=None if offer.is_event else offer.type_id,
            practitioner_id=offer.practitioner_id,
            starts_at=starts_at,
            minutes=self.minutes.data or offer.minutes,
            client_id=None if offer.is_event else offer.client_id,
            group_id=None if offer.is_event else offer.group_id,
            location_id=None if is_activity else self.location.data,
            room_id=self.room.data,
            mode=self.mode.data,
            fee_id=None if offer.is_event else self.fee.data,
            fee_cents=None if offer.is_event else self.amount.data,
            payer_id=None if offer.is_event or offer.bills is Bills.EACH else self.bill_to.data,
            bills=offer.bills,
            is_busy=busy != FREE if not offer.is_appointment else True,
            notes=self.notes.data or "",
            uses_package=not self.no_package.data,
            title=(self.title.data or "") if offer.is_event else "",
            overrides_warnings=self.overrides_warnings.data,
            accepts_unpaid=self.accepts_unpaid.data,
            package_choice=chosen(self.package_choice.data),
            notifies=not self.do_not_notify.data,
        )

    def refuse(self, error: RefusalError, field: str | None = None) -> None:
        """Keep the clash or the warnings beside the refusal, so that the form can show them first."""
        super().refuse(error, field)
        if isinstance(error, OverlapError):
            self.clash = error.clash
        if isinstance(error, OverlapError):
            self.starts_at.errors = ["Taken."]
        if isinstance(error, WarnedError):
            self.warnings = error.warnings

    def _instant(self, place: Place, timezone: str, *, refuses: bool = False) -> datetime | None:
        day = place.day or self.day.data
        if day is None or self.starts_at.data is None:
            if refuses:
                raise RefusalError("Enter the day.", field="day")
            return None
        try:
            return clock.instant_at(day, self.starts_at.data, timezone)
        except RefusalError:
            if refuses:
                raise
            return None


class MoveForm(HouseForm):
    """Ask for another start, practitioner or room."""

    day = DayField("Day")
    starts_at = TimeField("Start")
    practitioner = ChoiceField("Practitioner")
    room = ChoiceField("Room")
    overrides_warnings = BooleanField("Move anyway")
    do_not_notify = BooleanField("Do not notify")
    package_choice = RadioField(
        "The package session",
        choices=[SelectChoice(Choice.UNLINK.value, "Unlink it"), SelectChoice(Choice.LEAVE.value, "Leave it linked")],
        validate_choice=False,
    )
    version = HiddenField()
    warnings: Sequence[str] = ()

    def refuse(self, error: RefusalError, field: str | None = None) -> None:
        """Keep the warnings beside the refusal."""
        super().refuse(error, field)
        if isinstance(error, OverlapError):
            self.starts_at.errors = ["Taken."]
        if isinstance(error, WarnedError):
            self.warnings = error.warnings

    def wanted(self, timezone: str, *, has_room: bool) -> Move:
        """Return the wish.

        Raises:
            MissingTimeError: the clocks skip that time.
        """
        return Move(
            starts_at=clock.instant_at(self.day.data, self.starts_at.data, timezone),
            practitioner_id=self.practitioner.data,
            room_id=self.room.data if has_room and self.room.raw_data else Same.SAME,
            overrides_warnings=self.overrides_warnings.data,
            package_choice=chosen(self.package_choice.data),
            notifies=not self.do_not_notify.data,
        )


class CancelForm(HouseForm):
    """Ask who cancelled or did not come, why, and what that bills."""

    status = RadioField("Cancelled", choices=[], validate_choice=False, validators=[InputRequired("Choose one.")])
    amount = MoneyField("Bills", required=False, render_kw={"inputmode": "decimal"})
    reason = line("Reason, staff only", most=REASON_CHARS_MAX)
    do_not_notify = BooleanField("Do not notify")
    attendee = HiddenField()
    version = HiddenField()

    def validate(self, extra_validators: Any = None) -> bool:
        """Read the amount only where the chosen way has one."""
        if self.status.data not in tuple(statuses.MISSED):
            self.amount.process_errors = []
        return super().validate(extra_validators)

    def bills_cents(self, ways: Sequence[Way]) -> int | None:
        """Return what the chosen way bills, if it is another amount than the one shown."""
        way = next((way for way in ways if way.value == self.status.data), None)
        return way.typed_cents(self.amount.data) if way else None


class NoShowForm(HouseForm):
    """Ask what a no show bills, and why."""

    amount = MoneyField("Bills", required=False, render_kw={"inputmode": "decimal"})
    reason = line("Reason, staff only", most=REASON_CHARS_MAX)
    version = HiddenField()


class DeleteForm(HouseForm):
    """Ask whether the client is told."""

    do_not_notify = BooleanField("Do not notify")
    version = HiddenField()


class StatusForm(HouseForm):
    """Take the word that was pressed."""

    status = HiddenField()
    attendee = HiddenField()

    @property
    def wanted(self) -> Status:
        """Return the status.

        Raises:
            RefusalError: there is no such status.
        """
        return status_of(self.status.data)


def status_of(text: object) -> Status:
    """Read a posted status.

    Raises:
        RefusalError: there is no such status.
    """
    found = next((status for status in Status if status.value == text), None)
    if found is None:
        raise RefusalError("Choose a status from the list.", field="status")
    return found


def version_of(text: object) -> int:
    """Read the version a form was opened with; nonsense is a version nothing has."""
    return id_or_none(text) or NO_SUCH


def shown_version(form: CancelForm | NoShowForm | DeleteForm) -> int | None:
    """Return the version that stood in the form; None when it has none."""
    return version_of(form.version.data) if form.version.data else None


def chosen(text: object) -> Choice | None:
    """Read what becomes of a package session; None when nobody chose."""
    return next((choice for choice in Choice if choice.value == text), None)


def _told_apart(match: Any) -> str:
    return f"{match.name}, {match.detail}" if match.detail else str(match.name)
