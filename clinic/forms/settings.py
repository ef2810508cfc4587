"""The practice's settings: details, and client billing documents with the cancellation policy."""

from base64 import b64decode, b64encode
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from wtforms import BooleanField, FileField, HiddenField, RadioField, SelectField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from clinic.billing.document_settings import DocumentSettings, MethodName
from clinic.calendar.online import DAYS_AHEAD_MAX, LEAD_HOURS_MAX
from clinic.forms.base import PageForm, PercentField, WholeField, line, text_area
from clinic.kernel import locales, money
from clinic.kernel.errors import RefusalError
from clinic.models.money import METHOD_NAMES, Method
from clinic.models.practice import InvoiceCreation, Practice
from clinic.practice import invoice_creation
from clinic.practice.details import Details, MissedRules, OnlineRules
from clinic.practice.logo import NO_PICTURE, Picture
from clinic.practice.standing import print_of

REGIONS = {
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
}  # fmt: skip
ADDRESS_CHARS_MAX = 500
WINDOWS = (24, 48, 72)
EMAIL_KW = {"type": "email", "autocomplete": "email"}


@cache
def timezones() -> tuple[str, ...]:
    """List the zones a practice may be in; old aliases are left out."""
    return tuple(sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS))


GROUP_CLIENTS_MAX = 50


class DetailsForm(PageForm):
    """Ask what the practice says of itself."""

    name = line("Practice name", required=True, most=120)
    address = text_area("Address", most=ADDRESS_CHARS_MAX, render_kw={"rows": 3})
    phone = line("Phone", most=40, render_kw={"type": "tel"})
    email = line("E-mail", render_kw=EMAIL_KW)
    tax_id = line("Tax ID", most=40)
    # The rules know which of these exist and what is locked; a locked one is not posted.
    locale = SelectField("Language and country", validate_choice=False)
    timezone = SelectField("Time zone", validate_choice=False)
    currency = SelectField("Currency", validate_choice=False)
    idle_minutes = WholeField("Sign out after minutes without use", least=5, most=720)
    group_clients_max = WholeField("Clients in a group, at most", least=2, most=GROUP_CLIENTS_MAX, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted({*timezones(), self.timezone.data or "UTC"})
        self.locale.choices = [SelectChoice(locale.tag, locale.name) for locale in locales.LOCALES.values()]
        self.timezone.choices = [SelectChoice(name, name.replace("_", " ")) for name in zones]
        self.currency.choices = [SelectChoice(code, code) for code in money.SYMBOLS]

    @classmethod
    def of(cls, posted: Any, current: Details) -> "DetailsForm":
        """Return the form as posted, or filled with what stands."""
        return cls(posted, data=vars(current) | {"shown": print_of(current)})

    def details(self, practice: Practice) -> Details:
        """Return what was asked; what was not posted stays."""
        return Details(
            name=self.name.data or "",
            address=self.address.data or "",
            phone=self.phone.data or "",
            email=self.email.data or "",
            tax_id=self.tax_id.data or "",
            timezone=self.timezone.data or practice.timezone,
            currency=self.currency.data or practice.currency,
            locale=self.locale.data or practice.locale,
            idle_minutes=self.idle_minutes.data,
            group_clients_max=self.group_clients_max.data or practice.group_clients_max,
        )


class OnlineForm(PageForm):
    """Ask whether there is an online booking page, and when clients may book by themselves."""

    is_online_booking_on = BooleanField("Online booking page")
    online_lead_hours = WholeField("Hours ahead, at least", least=0, most=LEAD_HOURS_MAX)
    online_days_ahead = WholeField("Days ahead, at most", least=1, most=DAYS_AHEAD_MAX)

    @classmethod
    def of(cls, posted: Any, current: OnlineRules) -> "OnlineForm":
        """Return the form as posted, or filled with what stands."""
        return cls(posted, data=vars(current) | {"shown": print_of(current)})

    def rules(self) -> OnlineRules:
        """Return what was asked."""
        return OnlineRules(
            is_online_booking_on=self.is_online_booking_on.data,
            online_lead_hours=self.online_lead_hours.data,
            online_days_ahead=self.online_days_ahead.data,
        )


class DocumentsForm(PageForm):
    """Ask for everything about client billing documents. Each way to pay has a name and a tick, added below.

    A new logo comes beside the fields, as a file; one that came with a refused page is carried in it, so that it is not lost.
    """

    is_of_deed = frozenset({"old_work", "removes_logo"})

    invoice_creation = RadioField(
        "Invoice Creation",
        choices=[SelectChoice(creation.value, creation.value.capitalize()) for creation in invoice_creation.OFFERED],
    )
    old_work = RadioField(
        "Bill",
        choices=[SelectChoice("today", "From today"), SelectChoice("too", "Those too")],
        default="today",
        validate_choice=False,
    )
    due_days = WholeField("Due after, days", least=0, most=365)
    overdue_after_days = WholeField("Overdue after more days", least=0, most=90)
    prefix = line("Number prefix", most=12)
    next_number = WholeField("Next number", least=1, most=999_999_999)
    seen_number = HiddenField()  # the next number when the page was opened
    cancellation_window_hours = RadioField("Cancelled late within", coerce=int)
    late_cancel_bp = PercentField("Late cancelled bills, percent of the fee", render_kw={"inputmode": "decimal"})
    no_show_bp = PercentField("No show bills, percent of the fee", render_kw={"inputmode": "decimal"})
    past_booked_is_attended = BooleanField("A past session that nobody marked counts as attended")
    line_description = line("Default description")
    document_footer = text_area("Footer", most=1_000, render_kw={"rows": 3})
    logo = FileField("Logo", render_kw={"accept": "image/png,image/jpeg"})
    kept_logo = HiddenField()
    removes_logo = BooleanField("Remove the logo")
    bills_zero_fees = BooleanField("Make an invoice for a session without a charge, too")
    tax = SelectField(
        "Prices",
        choices=[SelectChoice("added", "Tax is added to prices"), SelectChoice("inside", "Prices include tax")],
        validate_choice=False,
    )

    @classmethod
    def of(cls, posted: Any, current: DocumentSettings, shown: str) -> "DocumentsForm":
        """Return the form as posted, or filled with what stands."""
        data = {
            **vars(current),
            **vars(current.missed),
            "invoice_creation": current.invoice_creation.value,
            "tax": "inside" if current.tax_inclusive else "added",
            "seen_number": current.next_number,
            "shown": shown,
        }
        for method, called in current.methods.items():
            data |= {method.value: called.name, f"offers_{method.value}": called.is_offered}
        form = cls(posted, data=data)
        # A window that was set before, whatever it is, can be kept.
        hours = sorted({*WINDOWS, current.missed.cancellation_window_hours})
        form.cancellation_window_hours.choices = [SelectChoice(each, f"{each} hours") for each in hours]
        return form

    def wanted(self, current: DocumentSettings) -> DocumentSettings:
        """Return what was asked; what was not posted stays."""
        return DocumentSettings(
            invoice_creation=InvoiceCreation(self.invoice_creation.data),
            takes_old_work=self.old_work.data == "too",
            due_days=self.due_days.data,
            overdue_after_days=self.overdue_after_days.data,
            prefix=self.prefix.data or "",
            next_number=None if str(self.next_number.data) == self.seen_number.data else self.next_number.data,
            line_description=self.line_description.data or "",
            document_footer=self.document_footer.data or "",
            bills_zero_fees=self.bills_zero_fees.data,
            missed=MissedRules(
                past_booked_is_attended=self.past_booked_is_attended.data,
                cancellation_window_hours=self.cancellation_window_hours.data,
                late_cancel_bp=self.late_cancel_bp.data,
                no_show_bp=self.no_show_bp.data,
            ),
            tax_inclusive=self.tax.data == "inside" if self.tax.data else current.tax_inclusive,
            methods={method: MethodName(name.data or "", offers.data) for method, name, offers in self.method_fields()},
        )

    def let_go(self) -> bytes:
        """Return the picture that came with this page before it was refused; it is carried no more unless it is kept again.

        Raises:
            RefusalError: it is not what this form carried.
        """
        carried, self.kept_logo.data = self.kept_logo.data or "", ""
        try:
            return b64decode(carried, validate=True)
        except ValueError:
            raise RefusalError(NO_PICTURE, field="logo") from None

    def keep(self, picture: Picture) -> None:
        """Carry a good picture until the page is saved."""
        self.kept_logo.data = b64encode(picture.image).decode()

    def renumber(self, current: DocumentSettings) -> None:
        """Show the number as it stands now, where nobody typed another."""
        if str(self.next_number.data) == self.seen_number.data:
            self.next_number.data = current.next_number
            self.next_number.raw_data, self.seen_number.data = [str(current.next_number)], str(current.next_number)

    def method_fields(self) -> list[tuple[Method, Any, Any]]:
        """List each way to pay with its name field and its tick."""
        return [(method, self[method.value], self[f"offers_{method.value}"]) for method in Method]


for _method in Method:
    setattr(DocumentsForm, _method.value, line(f"Name of {METHOD_NAMES[_method]}", required=True, most=40))
    setattr(DocumentsForm, f"offers_{_method.value}", BooleanField(f"{METHOD_NAMES[_method]} offered"))
