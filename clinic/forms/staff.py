"""Practitioners, users and their roles."""

import re
from collections.abc import Sequence
from typing import Any

from wtforms import BooleanField, PasswordField, SelectField, SelectMultipleField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import CheckboxInput

from clinic.forms.account import TOO_LONG
from clinic.forms.base import NAME_CHARS_MAX, HouseForm, line
from clinic.models.practice import Practitioner, Role
from clinic.people import passwords
from clinic.practice.places import Place
from clinic.practice.practitioners import COLOURS, PractitionerDetails
from clinic.practice.staff import ROLE_WORDS, UserDetails

COLOUR_WORDS = (
    "Grey", "Blue", "Coral", "Green", "Violet", "Brown", "Teal", "Plum", "Olive", "Indigo", "Rose", "Emerald", "Mauve", "Ochre",
    "Sky", "Copper",
)  # fmt: skip
NOBODY = 0
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def chosen_id(value: Any) -> int:
    """Read a choice's id; what is no id is no choice."""
    return int(value) if str(value).isascii() and str(value).isdigit() and len(str(value)) < 10 else NOBODY - 1


class PractitionerForm(HouseForm):
    """Ask for a practitioner."""

    name = line("Name", required=True, most=NAME_CHARS_MAX)
    profession = line("Profession", most=NAME_CHARS_MAX)
    credentials = line("Credentials", most=60)
    licence = line("Licence", most=60)
    npi = line("NPI", most=10, render_kw={"inputmode": "numeric"})
    colour = SelectField("Colour in the calendar", coerce=chosen_id)
    location_id = SelectField("Default location", coerce=chosen_id)

    def __init__(self, posted: Any, places: Sequence[Place], **kwargs: Any) -> None:
        super().__init__(posted, **kwargs)
        kept = self.location_id.data
        self.colour.choices = [SelectChoice(number, COLOUR_WORDS[number]) for number in range(COLOURS)]
        offered = [SelectChoice(place.id, place.name) for place in places if not place.is_archived or place.id == kept]
        self.location_id.choices = [SelectChoice(NOBODY, "None"), *offered]

    def details(self) -> PractitionerDetails:
        """Return what was asked."""
        return PractitionerDetails(
            name=self.name.data or "",
            profession=self.profession.data or "",
            credentials=self.credentials.data or "",
            licence=self.licence.data or "",
            npi=self.npi.data or "",
            colour=self.colour.data,
            location_id=self.location_id.data or None,
        )


class UserForm(HouseForm):
    """Ask who someone is and what they may do."""

    name = line("Name", required=True, most=NAME_CHARS_MAX)
    email = line("E-mail", required=True, render_kw={"type": "email", "autocomplete": "off"})
    roles = SelectMultipleField(
        "Roles", choices=[SelectChoice(role.value, words) for role, words in ROLE_WORDS.items()], option_widget=CheckboxInput()
    )
    practitioner_id = SelectField("Own calendar", coerce=chosen_id)

    def __init__(self, posted: Any, practitioners: Sequence[Practitioner], **kwargs: Any) -> None:
        super().__init__(posted, **kwargs)
        kept = self.practitioner_id.data
        offered = [SelectChoice(row.id, row.name) for row in practitioners if not row.is_archived or row.id == kept]
        self.practitioner_id.choices = [SelectChoice(NOBODY, "None"), *offered]

    def validate_email(self, field: Any) -> None:
        """Refuse what cannot be an address."""
        if not EMAIL.fullmatch(field.data or ""):
            raise ValidationError("Enter an e-mail address such as name@practice.example.")

    def details(self) -> UserDetails:
        """Return what was asked."""
        return UserDetails(
            name=self.name.data or "",
            email=self.email.data or "",
            roles=frozenset(Role(value) for value in self.roles.data or []),
            practitioner_id=self.practitioner_id.data or None,
        )


class SetPasswordForm(HouseForm):
    """Ask for a password to hand to someone."""

    password = PasswordField(
        "New password", [InputRequired("Enter a password."), TOO_LONG], render_kw={"autocomplete": "new-password"}
    )


class NewUserForm(UserForm):
    """Ask for a new user and a first password."""

    password = PasswordField(
        "First password", [InputRequired("Enter a password."), TOO_LONG], render_kw={"autocomplete": "new-password"}
    )

    def personal(self, practice_name: str) -> list[str]:
        """Return what must not stand in the password."""
        return passwords.personal_parts(practice_name, self.name.data or "", self.email.data or "")


class SeeAllForm(HouseForm):
    """Ask whether practitioners see each other's work."""

    see_all = BooleanField("Practitioners see and change each other's calendars, clients and invoices")
