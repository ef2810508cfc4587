"""What a booking form asks of someone who is not a client yet."""

import re

from wtforms import HiddenField

from clinic.forms.base import HouseForm, line
from clinic.kernel.errors import RefusalError
from clinic.people.clients import Details

PHONE_CHARS_MAX = 40
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class NewClientFields(HouseForm):
    """Ask how someone new is reached; the name is what was typed for the client."""

    new_phone = line("Phone", most=PHONE_CHARS_MAX, render_kw={"type": "tel", "autocomplete": "off"})
    new_email = line("E-mail", render_kw={"type": "email", "autocomplete": "off"})
    add_client = HiddenField()

    def details(self, name: str, practitioner_id: int) -> Details:
        """Return the new client: the last word is the last name.

        Raises:
            RefusalError: the e-mail address cannot be one, or the phone number is too long.
        """
        phone, email = self.new_phone.data or "", self.new_email.data or ""
        if email and not _EMAIL.fullmatch(email):
            raise RefusalError("Enter an e-mail address such as name@example.com.", field="new_email")
        if len(phone) > PHONE_CHARS_MAX:
            raise RefusalError(f"At most {PHONE_CHARS_MAX} characters.", field="new_phone")
        first, _, last = name.strip().rpartition(" ")
        return Details(first.strip() or last, last if first else "", None, practitioner_id, email, phone)
