"""What people type on the online booking page: an order for a package, and the free time of a session."""

from datetime import UTC, datetime
from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField
from wtforms.validators import Regexp

from clinic.billing.storefront import Order, Ware
from clinic.calendar.free_days import FreeDays
from clinic.forms.base import FIRST_YEAR, LAST_YEAR, NAME_CHARS_MAX, DayField, HouseForm, OnceForm, WholeField, line, options
from clinic.forms.people import ID_MAX, PHONE_CHARS_MAX

STAMP = "%Y-%m-%dT%H:%MZ"
_EMAIL = Regexp(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z", message="Enter an e-mail address such as name@example.com.")


class OrderForm(OnceForm):
    """Ask who buys a package, and with whom and where it is used."""

    giver = SelectField("With whom and where", choices=[], validate_choice=False)
    first_name = line("First name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "given-name"})
    last_name = line("Last name", most=NAME_CHARS_MAX, required=True, render_kw={"autocomplete": "family-name"})
    email = line("E-mail", required=True, render_kw={"type": "email", "autocomplete": "email"})
    phone = line("Phone", most=PHONE_CHARS_MAX, render_kw={"type": "tel", "autocomplete": "tel"})
    agrees = BooleanField("I agree to these terms")
    seen = HiddenField()

    def offer(self, ware: Ware, *, is_known: bool) -> None:
        """Fill in what there is to choose from; who is signed in to the portal is not asked who they are."""
        choices = [(giver.value, f"{giver.practitioner}, {giver.location}") for giver in ware.givers]
        self.giver.choices = options([("", "Choose"), *choices])
        if is_known:
            for name in ("first_name", "last_name", "email", "phone"):
                del self[name]

    def validate_email(self, field: Any) -> None:
        """Refuse what cannot be an address."""
        _EMAIL(self, field)

    def order(self, package_id: int, *, client_id: int | None = None, email: str = "") -> Order:
        """Return what was entered."""
        seen = str(self.seen.data or "")
        typed = {name: getattr(self, name).data or "" for name in ("first_name", "last_name", "email", "phone") if name in self}
        return Order(
            **({"first_name": "", "last_name": "", "email": email, "phone": ""} | typed),
            package_id=package_id, agrees=self.agrees.data, giver=self.giver.data or "", client_id=client_id,
            seen_cents=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 12 else None,
        )  # fmt: skip


class LookForm(HouseForm):
    """Read which kind of session is looked at, and around which day: both may be missing or wrong, then the first is shown."""

    type = WholeField("Session", least=1, most=ID_MAX, required=False)
    day = DayField("Day", required=False)


class TimeForm(OnceForm):
    """Ask for one of the free times of a day."""

    starts = RadioField("Time", choices=[], validate_choice=False)

    def offer(self, diary: FreeDays, words: Any) -> None:
        """Fill in the free times of the day that is shown; `words` prints an instant."""
        self.starts.choices = options([(f"{start:{STAMP}}", words(start)) for start in diary.starts])

    def starts_at(self) -> datetime | None:
        """Return the instant chosen; None: none was, or it cannot be read."""
        try:
            found = datetime.strptime(self.starts.data or "", STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
        return found if FIRST_YEAR < found.year < LAST_YEAR else None


class BookForm(TimeForm):
    """Ask for the free time of a session."""

    type = WholeField("Session", least=1, most=ID_MAX)
