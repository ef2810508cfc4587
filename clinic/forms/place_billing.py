"""What is asked when a session is put on an invoice, or kept off every one."""

from wtforms import HiddenField

from clinic.forms.base import HouseForm, OnceForm
from clinic.forms.calendar import ChoiceField


class MarkForm(HouseForm):
    """Take whose place is marked Do not invoice, or freed of the mark."""

    attendee = HiddenField()
    mark = HiddenField()


class AdditionForm(OnceForm):
    """Ask which draft a session joins; none is a new one."""

    share = HiddenField()
    draft = ChoiceField("Put it on")
