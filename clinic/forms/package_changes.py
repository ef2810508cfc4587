"""The forms that change a sold package: adjust, extend, point elsewhere, refund what is unused."""

from wtforms import BooleanField, RadioField, SelectField

from clinic.billing.sold import Standing
from clinic.forms.base import DayField, OnceForm, line, options
from clinic.forms.packages import ManyField, chosen

STANDINGS = options(
    [
        (Standing.USED.value, "Used"),
        (Standing.FORFEITED.value, "Forfeited: missed and spent"),
        (Standing.OPEN.value, "Free to be booked"),
    ]
)


class AdjustForm(OnceForm):
    """Read where a session without an appointment is put, and why."""

    which = SelectField("Session", coerce=chosen)
    standing = RadioField("Put it to", choices=STANDINGS)
    reason = line("Why", required=True)


class ExtendForm(OnceForm):
    """Read a package's new last day, and why."""

    expires = DayField("Good through", required=False)
    never = BooleanField("No last day")
    reason = line("Why", required=True)


class LastDayForm(OnceForm):
    """Read a draft's last day: nothing of it has begun, so nobody is asked why."""

    expires = DayField("Good through", required=False)
    never = BooleanField("No last day")


class RefundForm(OnceForm):
    """Read which unused sessions are given back, and why."""

    # What was given back is offered no longer: posted twice, it must still answer with the first result.
    lines = ManyField("Sessions", coerce=int, validate_choice=False)
    reason = line("Why", required=True)


class RepointForm(OnceForm):
    """Read who gives what is still unassigned of a package, and where, and why."""

    practitioner = SelectField("Practitioner", coerce=chosen)
    location = SelectField("Location", coerce=chosen)
    reason = line("Why", required=True)
