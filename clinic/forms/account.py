"""One's own account: the password, and whether letters about the nights come."""

from wtforms import BooleanField, PasswordField
from wtforms.validators import InputRequired, Length

from clinic.forms.auth import PASSWORD_CHARS_MAX
from clinic.forms.base import HouseForm

TOO_LONG = Length(max=PASSWORD_CHARS_MAX, message=f"At most {PASSWORD_CHARS_MAX} characters.")


class ChangePasswordForm(HouseForm):
    """Ask for the present password and the new one."""

    current = PasswordField(
        "Present password",
        [InputRequired("Enter your present password."), TOO_LONG],
        render_kw={"autocomplete": "current-password"},
    )
    password = PasswordField(
        "New password",
        [InputRequired("Enter a new password."), TOO_LONG],
        render_kw={"autocomplete": "new-password"},
    )


class NightMailForm(HouseForm):
    """Ask whether an e-mail comes in the evening and in the morning."""

    wants_night_mail = BooleanField("E-mail me in the evening what the night will do, and in the morning what it did")
