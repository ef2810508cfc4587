"""What is asked about messages: their wording, when they go out, and what a client wants to hear."""

from typing import Any

from wtforms import BooleanField

from clinic.forms.base import HouseForm, PageForm, WholeField, line, text_area
from clinic.messages.choices import Choices
from clinic.messages.timing import GRACE_MINUTES_MAX, REMINDER_HOURS_MAX, WARNING_DAYS_MAX, Timing
from clinic.messages.wording import BODY_CHARS_MAX, SUBJECT_CHARS_MAX, Wording
from clinic.models.messages import MessageKind
from clinic.practice.standing import print_of


class TimingForm(PageForm):
    """Ask when messages go out."""

    message_grace_minutes = WholeField("Minutes before the client is told", least=0, most=GRACE_MINUTES_MAX)
    reminder_hours = WholeField("Hours before an appointment to remind", least=1, most=REMINDER_HOURS_MAX)
    package_warning_days = WholeField("Days before a package expires to warn", least=0, most=WARNING_DAYS_MAX)

    @classmethod
    def of(cls, posted: Any, current: Timing) -> "TimingForm":
        """Return the form as posted, or filled with what stands."""
        return cls(posted, data=vars(current) | {"shown": print_of(current)})

    @property
    def timing(self) -> Timing:
        """Return what was entered."""
        return Timing(self.message_grace_minutes.data, self.reminder_hours.data, self.package_warning_days.data)


class WordingForm(PageForm):
    """Ask for the wording of one kind of message."""

    is_on = BooleanField("Send these messages")
    subject = line("Subject", most=SUBJECT_CHARS_MAX)
    body = text_area("Text", most=BODY_CHARS_MAX, render_kw={"rows": 14})

    @classmethod
    def of(cls, posted: Any, current: Wording) -> "WordingForm":
        """Return the form as posted, or filled with what stands."""
        return cls(posted, obj=current, shown=print_of(current))

    def wording(self, kind: MessageKind) -> Wording:
        """Return what was entered."""
        body: Any = self.body.data
        return Wording(kind, self.subject.data or "", f"{body or ''}\n", is_on=self.is_on.data)


class ChoicesForm(HouseForm):
    """Ask what a client wants to hear."""

    confirmation = BooleanField("Confirmations")
    change = BooleanField("Changes")
    cancellation = BooleanField("Cancellations")
    reminder = BooleanField("Reminders")
    package_expiring = BooleanField("Warnings before a package expires")

    @property
    def choices(self) -> Choices:
        """Return what was chosen."""
        return Choices(**{name: self[name].data for name in vars(Choices())})
