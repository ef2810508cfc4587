"""What is typed about AutoPay: who consented, and why the nights are to wait."""

from wtforms import BooleanField, HiddenField, SelectMultipleField
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from clinic.forms.base import NAME_CHARS_MAX, HouseForm, OnceForm, line
from clinic.forms.invoices import row_id


class EnrolForm(OnceForm):
    """Ask who consented, and that they did."""

    consented_by = line("Who consented", most=NAME_CHARS_MAX, required=True)
    agrees = BooleanField("They have read this text and agree", [InputRequired("Tick that they agree.")])


class EnrolManyForm(OnceForm):
    """Ask who of several, how they consented, and that they did. Nobody is chosen beforehand."""

    payers = SelectMultipleField(
        "Payers",
        coerce=row_id,
        choices=[],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    how = line("How they consented", most=NAME_CHARS_MAX, required=True)
    agrees = BooleanField("Each of them has read this text and agrees", [InputRequired("Tick that they agree.")])

    def validate_payers(self, field: SelectMultipleField) -> None:
        """Ask for at least one."""
        if not field.data:
            raise ValidationError("Tick who is to be enrolled.")


class HoldForm(HouseForm):
    """Ask why, or nothing."""

    reason = line("Why, in a word", most=NAME_CHARS_MAX)


class CardReturnForm(HouseForm):
    """Carry which visit to the hosted page the card comes from."""

    session_id = HiddenField()
