"""What is typed to grant access to the portal and to get into it."""

from typing import Any

from wtforms import HiddenField
from wtforms.validators import Regexp

from clinic.forms.base import HouseForm, line

_EMAIL = Regexp(r"[^@\s]+@[^@\s]+\Z", message="Enter an e-mail address such as name@example.com.")


class _AddressForm(HouseForm):
    def validate_email(self, field: Any) -> None:
        """Refuse what cannot be an address."""
        if field.data:
            _EMAIL(self, field)


class GrantForm(_AddressForm):
    """Ask which address may open the portal."""

    email = line("E-mail address", required=True, render_kw={"type": "email", "autocomplete": "off"})


class AskForm(_AddressForm):
    """Ask where a sign-in link is to go; `next` is where the person was going."""

    email = line("Your e-mail address", required=True, render_kw={"type": "email", "autocomplete": "email"})
    next = HiddenField()
