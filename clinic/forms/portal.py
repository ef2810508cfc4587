"""What is typed to grant access to the portal and to get into it."""

import re
from datetime import date
from typing import Any

from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired, Regexp

from clinic.forms.base import HouseForm, OnceForm, line, text_area
from clinic.forms.book import TimeForm
from clinic.forms.people import ADDRESS_CHARS_MAX, PHONE_CHARS_MAX, VERSION_DIGITS_MAX
from clinic.people.own_details import Reach

_DAY = re.compile(r"2\d{3}-\d{2}-\d{2}", re.ASCII)
_EMAIL = Regexp(r"[^@\s]+@[^@\s]+\Z", message="Enter an e-mail address such as name@example.com.")


class _AddressForm(HouseForm):
    def validate_email(self, field: Any) -> None:
        """Refuse what cannot be an address."""
        if field.data:
            _EMAIL(self, field)


class GrantForm(_AddressForm):
    """Ask which address may open the portal."""

    email = line("E-mail address", required=True, render_kw={"type": "email", "autocomplete": "off"})


class DetailsForm(_AddressForm):
    """Ask how the client is reached."""

    email = line("E-mail", render_kw={"type": "email", "autocomplete": "email"})
    phone = line("Phone", most=PHONE_CHARS_MAX, render_kw={"type": "tel", "autocomplete": "tel"})
    address = text_area("Address", most=ADDRESS_CHARS_MAX, render_kw={"rows": 3, "autocomplete": "street-address"})
    version = HiddenField()

    @property
    def known_version(self) -> int:
        """Return the version the form was opened with."""
        return version_of(self.version.data)

    def reach(self) -> Reach:
        """Return what was typed, for the rules."""
        return Reach(self.email.data or "", self.phone.data or "", self.address.data or "")


class CancelForm(OnceForm):
    """Confirm that an appointment is cancelled as it was shown."""

    version = HiddenField()
    status = HiddenField()

    @property
    def known_version(self) -> int:
        """Return the version the form was opened with."""
        return version_of(self.version.data)


class MoveForm(TimeForm):
    """Ask for another time of an appointment as it was shown."""

    version = HiddenField()

    @property
    def known_version(self) -> int:
        """Return the version the form was opened with."""
        return version_of(self.version.data)


def version_of(typed: str | None) -> int:
    """Read a version; what is no number fits no version."""
    text = typed or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < VERSION_DIGITS_MAX else -1


class AskForm(_AddressForm):
    """Ask where a sign-in link is to go; `next` is where the person was going."""

    email = line("Your e-mail address", required=True, render_kw={"type": "email", "autocomplete": "email"})
    next = HiddenField()


def day_of(typed: str | None) -> date | None:
    """Read a day as the portal's links write it; None: it is none."""
    text = typed or ""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


class JoinForm(OnceForm):
    """Ask for consent to AutoPay."""

    agrees = BooleanField("I have read this text and agree", [InputRequired("Tick that you agree.")])


class RemoveCardForm(OnceForm):
    """Confirm that a card goes, and AutoPay with it where the page said so."""

    leaves = HiddenField()
