"""One's own account: the password, and whether letters about the nights come."""

from wtforms import BooleanField, HiddenField, PasswordField, RadioField
from wtforms.validators import InputRequired, Length

from clinic.forms.auth import PASSWORD_CHARS_MAX
from clinic.forms.base import HouseForm
from clinic.models.practice import ClientMail

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


class ClientMailForm(HouseForm):
    """Ask of whose calendar an e-mail comes when a client changes something by themselves."""

    client_mail = RadioField("E-mail me when a client books, moves, cancels or buys by themselves", coerce=ClientMail)

    def offer(self, *, has_calendar: bool, sees_all: bool) -> None:
        """Offer what may be chosen: one's own calendar where there is one, everyone's to who sees all of them."""
        own = [(ClientMail.OWN, "In my calendar")] if has_calendar else []
        everyone = [(ClientMail.ALL, "In every calendar")] if sees_all else []
        offered = [*own, *everyone, (ClientMail.NONE, "Never")]
        self.client_mail.choices = offered
        if not self.client_mail.raw_data and self.client_mail.data not in dict(offered):
            self.client_mail.data = offered[0][0] if has_calendar else ClientMail.NONE


class SeenForm(HouseForm):
    """Say up to which row what clients changed was seen."""

    last = HiddenField()

    @property
    def last_id(self) -> int:
        """Return the row; what is no number marks nothing."""
        text = self.last.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
