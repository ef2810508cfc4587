"""Signing in."""

from wtforms import HiddenField, PasswordField
from wtforms.validators import InputRequired, Length

from clinic.forms.base import HouseForm, line

PASSWORD_CHARS_MAX = 200


class SignInForm(HouseForm):
    """Ask for e-mail and password; `next` is where the person was going."""

    email = line("E-mail", required=True, render_kw={"type": "email", "autocomplete": "username"})
    password = PasswordField(
        "Password",
        [InputRequired("Enter your password."), Length(max=PASSWORD_CHARS_MAX)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()
