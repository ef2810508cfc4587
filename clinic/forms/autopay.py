"""What is typed about AutoPay: who consented, and why the nights are to wait."""

from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired

from clinic.forms.base import NAME_CHARS_MAX, HouseForm, OnceForm, line


class EnrolForm(OnceForm):
    """Ask who consented, and that they did."""

    consented_by = line("Who consented", most=NAME_CHARS_MAX, required=True)
    agrees = BooleanField("They have read this text and agree", [InputRequired("Tick that they agree.")])


class HoldForm(HouseForm):
    """Ask why, or nothing."""

    reason = line("Why, in a word", most=NAME_CHARS_MAX)


class CardReturnForm(HouseForm):
    """Carry which visit to the hosted page the card comes from."""

    session_id = HiddenField()
