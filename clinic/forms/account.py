"""One's own account: the password."""

from wtforms import PasswordField
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
