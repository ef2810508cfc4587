"""What staff type about clients, their contacts and groups."""

import re
from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField, SelectMultipleField
from wtforms.validators import Optional, Regexp

from clinic.forms.base import NAME_CHARS_MAX, DayField, HouseForm, OnceForm, line, options, text_area
from clinic.models.people import ContactKind, GroupKind
from clinic.people import clients, contacts, groups

ADDRESS_CHARS_MAX = 500
PHONE_CHARS_MAX = 40
ID_MAX = 2**31 - 1
VERSION_DIGITS_MAX = 10
_EMAIL = Regexp(r"[^@\s]+@[^@\s]+\Z", message="Enter an e-mail address such as name@example.com.")
_ITEM = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
KINDS = options([(ContactKind.PERSON.value, "Person"), (ContactKind.ORGANISATION.value, "Organisation")])


def row_id(typed: Any) -> int:
    """Read an id that a database can hold, or refuse it."""
    number = int(typed)
    if not 0 < number <= ID_MAX:
        raise ValueError
    return number


def _id_or_none(typed: Any) -> int | None:
    return row_id(typed) if typed else None


class _Reached(HouseForm):
    email = line("E-mail", render_kw={"type": "email", "autocomplete": "off"})
    phone = line("Phone", most=PHONE_CHARS_MAX, render_kw={"type": "tel", "autocomplete": "off"})
    address = text_area("Address", most=ADDRESS_CHARS_MAX, render_kw={"rows": 3, "autocomplete": "off"})

    def validate_email(self, field: Any) -> None:
        """Refuse what cannot be an address."""
        if field.data:
            _EMAIL(self, field)


class _Versioned(HouseForm):
    version = HiddenField()

    @property
    def known_version(self) -> int:
        """Return the version the form was opened with; what is no number fits no version."""
        typed = str(self.version.data or "")
        return int(typed) if typed.isdecimal() and len(typed) < VERSION_DIGITS_MAX else -1


class ClientForm(_Reached, _Versioned, OnceForm):
    """Ask about a client."""

    first_name = line("First name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "off"})
    last_name = line("Last name", most=NAME_CHARS_MAX, render_kw={"autocomplete": "off"})
    birth_date = DayField("Birth date", required=False)
    practitioner_id = SelectField("Practitioner", coerce=_id_or_none, choices=[])
    notes = text_area("Notes, for staff only", render_kw={"rows": 4})
    is_new = BooleanField("This is someone else: add them anyway")

    def details(self) -> clients.Details:
        """Return what was typed, for the rules."""
        return clients.Details(
            first_name=self.first_name.data or "",
            last_name=self.last_name.data or "",
            birth_date=self.birth_date.data,
            practitioner_id=self.practitioner_id.data,
            email=self.email.data or "",
            phone=self.phone.data or "",
            address=self.address.data or "",
            notes=self.notes.data or "",
        )


class ContactForm(_Reached, _Versioned):
    """Ask about a contact."""

    name = line("Name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "off"})
    kind = RadioField("This is a", choices=KINDS, default=ContactKind.PERSON.value)

    def details(self) -> contacts.Details:
        """Return what was typed, for the rules."""
        return contacts.Details(
            name=self.name.data or "",
            kind=ContactKind(self.kind.data),
            email=self.email.data or "",
            phone=self.phone.data or "",
            address=self.address.data or "",
        )


class LinkForm(HouseForm):
    """Ask what a contact is to a client."""

    role = SelectField(
        "What they are to the client", choices=options((role.value, name) for role, name in contacts.ROLE_NAMES.items())
    )
    reference = line("Reference", most=NAME_CHARS_MAX, render_kw={"autocomplete": "off"})
    is_default = BooleanField("Bill this client's sessions here unless a booking says otherwise")


class NewLinkForm(ContactForm, LinkForm):
    """Ask about a contact who is not known yet, and what they are to the client."""


class PayerForm(HouseForm):
    """Ask whom a client's sessions are billed to."""

    payer_id = RadioField("Bill to", coerce=row_id, choices=[])


class GroupForm(_Versioned):
    """Ask about a group: its name, kind, members and who of them is billed."""

    name = line("Name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "off"})
    kind = RadioField(
        "This is a",
        choices=options((kind.value, name) for kind, name in groups.KIND_NAMES.items()),
        default=GroupKind.COUPLE.value,
    )
    members = SelectMultipleField("Members", [Optional()], coerce=row_id, choices=[], validate_choice=False)
    billing = RadioField("Billed", [Optional()], coerce=_id_or_none, choices=[], validate_choice=False)
    find = line("Find a client", most=clients.SEARCH_CHARS_MAX, render_kw={"type": "search", "autocomplete": "off"})

    def details(self) -> groups.Details:
        """Return what was typed, for the rules."""
        ids = tuple(dict.fromkeys(self.members.data or ()))
        return groups.Details(
            name=self.name.data or "", kind=GroupKind(self.kind.data), member_ids=ids, billing_client_id=self.billing.data
        )


class ComingForm(HouseForm):
    """Ask which coming items take a change of a group's members."""

    take = SelectMultipleField("Coming items", coerce=str, choices=[], validate_choice=False)  # "12-3": item 12, version 3
    do_not_notify = BooleanField("Do not notify")

    @property
    def versions(self) -> dict[int, int]:
        """Return the items that are ticked, each with the version it was shown with; nonsense is one that is not there."""
        found = [_ITEM.fullmatch(typed) for typed in self.take.data or ()]
        return dict((int(match[1]), int(match[2])) if match else (0, 0) for match in found)

    def is_ticked(self, item_id: int) -> bool:
        """Say whether an item is ticked; before anybody chose, all are."""
        return not self.take.raw_data or item_id in self.versions
