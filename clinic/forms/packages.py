"""The forms of packages: a template, a sale, and one line of a sold package."""

from collections.abc import Sequence
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, FormField, RadioField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from clinic.billing.offers import Offer
from clinic.billing.packages import UNITS_MAX, FeeRow, Sale, Template
from clinic.calendar.linking import Choice
from clinic.calendar.package_lines import LineEdit, LineView
from clinic.forms.base import (
    NAME_CHARS_MAX,
    DayField,
    HouseForm,
    MoneyField,
    OnceForm,
    TimeField,
    WholeField,
    line,
    options,
    text_area,
)
from clinic.kernel import clock
from clinic.models.billing import ExpiryUnit, Package, PackageKind
from clinic.people.clients import SEARCH_CHARS_MAX

ROWS_SHOWN_MIN, ROWS_SPARE, ROWS_MAX = 4, 2, 20
EXPIRES_MAX = 3_650
ID_MAX = 2**31 - 1
MINUTES_MIN, MINUTES_MAX = 5, 24 * 60
Choices = Sequence[tuple[int, str]]


def chosen(value: Any) -> int | None:
    """Read an id from a list of choices; the empty choice is none."""
    if value in (None, "", "None"):
        return None
    number = int(value)
    if not 0 < number <= ID_MAX:
        raise ValueError
    return number


class ManyField(SelectMultipleField):
    """Offer ticks to choose several."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class RowForm(HouseForm):
    """Read one fee of a template and how many of it."""

    fee_id = SelectField("Fee", coerce=chosen, validate_choice=False)
    quantity = WholeField("How many", least=1, most=UNITS_MAX, required=False)


class PackageForm(HouseForm):
    """Read a template."""

    name = line("Name", most=NAME_CHARS_MAX, required=True)
    description = text_area("Description")
    rows = FieldList(FormField(RowForm), min_entries=ROWS_SHOWN_MIN, max_entries=ROWS_MAX)
    kind = RadioField(
        "Price",
        choices=options([(PackageKind.ITEMISED.value, "Itemised"), (PackageKind.PACKAGED.value, "Packaged")]),
        default=PackageKind.ITEMISED.value,
    )
    price = MoneyField("Price of the package", required=False)
    expires_after = WholeField("Expires after", least=1, most=EXPIRES_MAX, required=False)
    expires_unit = SelectField(
        "Counted in",
        choices=options([(ExpiryUnit.MONTHS.value, "months"), (ExpiryUnit.DAYS.value, "days")]),
        default=ExpiryUnit.MONTHS.value,
    )
    practitioners = ManyField("Only with", coerce=int)
    locations = ManyField("Only at", coerce=int)
    online = BooleanField("Enable for online purchase")
    terms = text_area("Terms")

    def offer(self, fees: Choices, practitioners: Choices, locations: Choices) -> None:
        """Fill in what there is to choose from."""
        self.practitioners.choices, self.locations.choices = options(practitioners), options(locations)
        for row in self.rows:
            row.form.fee_id.choices = options([("", ""), *fees])

    def template(self) -> Template:
        """Return what was entered."""
        rows = tuple(
            FeeRow(row.form.fee_id.data, row.form.quantity.data or 1) for row in self.rows if row.form.fee_id.data is not None
        )
        return Template(
            name=self.name.data or "", rows=rows, kind=PackageKind(self.kind.data), price_cents=self.price.data,
            description=self.description.data or "", terms=self.terms.data or "", expires_after=self.expires_after.data,
            expires_unit=ExpiryUnit(self.expires_unit.data), practitioner_ids=tuple(self.practitioners.data or ()),
            location_ids=tuple(self.locations.data or ()), is_online=self.online.data,
        )  # fmt: skip

    @staticmethod
    def shown(package: Package, practitioner_ids: set[int], location_ids: set[int]) -> dict[str, Any]:
        """Return a saved template as the form's own values, with rows to spare."""
        rows = [{"fee_id": row.fee_id, "quantity": row.quantity} for row in package.fees]
        return {
            "name": package.name, "description": package.description, "rows": rows + [{}] * ROWS_SPARE,
            "kind": package.kind.value, "price": package.price_cents, "expires_after": package.expires_after,
            "expires_unit": package.expires_unit.value, "practitioners": sorted(practitioner_ids),
            "locations": sorted(location_ids), "terms": package.terms, "online": package.is_online,
        }  # fmt: skip


class CopyRowForm(HouseForm):
    """Read how many of one fee a client's own copy holds."""

    fee_id = WholeField("Fee", least=0, most=ID_MAX, required=False, widget=HiddenInput())
    quantity = WholeField("How many", least=0, most=UNITS_MAX)


class SellForm(OnceForm):
    """Read a sale: of the package as it is, or of the client's own copy of it."""

    package = SelectField("Package", coerce=chosen)
    payer = SelectField("Bill to", coerce=chosen)
    practitioner = SelectField("Practitioner", coerce=chosen)
    location = SelectField("Location", coerce=chosen)
    rows = FieldList(FormField(CopyRowForm), max_entries=ROWS_MAX)
    price = MoneyField("Price", required=False)
    expires = DayField("Good through", required=False)
    never = BooleanField("No last day")
    mates = ManyField("Shared with", coerce=chosen)
    find = line("Find a client", most=SEARCH_CHARS_MAX, render_kw={"type": "search", "autocomplete": "off"})
    draft = BooleanField("Save as draft")

    @property
    def shared_ids(self) -> list[int]:
        """Return who is ticked to share it, whether or not they may."""
        return [client_id for client_id in self.mates.data or () if client_id]

    @property
    def wanted_name(self) -> str:
        """Return the name typed to find someone else."""
        return (self.find.data or "").strip()[:SEARCH_CHARS_MAX]

    def offer(self, offer: Offer) -> None:
        """Fill in what there is to choose from."""
        self.package.choices = options((row.id, row.name) for row in offer.packages)
        self.payer.choices, self.practitioner.choices = options(offer.payers), options(offer.practitioners)
        self.location.choices, self.mates.choices = options(offer.locations), options(offer.mates)

    @staticmethod
    def shown(offer: Offer) -> dict[str, Any]:
        """Return where a sale begins: the package as it is."""
        copy = offer.copy
        return {
            "package": copy.package_id if copy else None, "payer": offer.payer_id, "practitioner": offer.practitioner_id,
            "location": offer.location_id,
            "rows": [{"fee_id": row.fee_id, "quantity": row.quantity} for row in copy.rows] if copy else [],
        }  # fmt: skip

    def sale(self, client_id: int) -> Sale:
        """Return what was entered."""
        rows = tuple(FeeRow(row.form.fee_id.data or 0, row.form.quantity.data or 0) for row in self.rows)
        return Sale(
            package_id=self.package.data, client_ids=(client_id, *self.shared_ids), payer_id=self.payer.data,
            practitioner_id=self.practitioner.data, location_id=self.location.data, expires_date=self.expires.data,
            never_expires=self.never.data, rows=rows, price_cents=self.price.data,
        )  # fmt: skip


class EditLineForm(OnceForm):
    """Read Edit Invoice Line: the article's own words are its labels."""

    date = DayField("Date", required=False)
    add_appointment = RadioField(
        "Add appointment", choices=options([("yes", "Yes"), ("no", "Unassigned")]), validate_choice=False
    )
    time = TimeField("Time", required=False)
    minutes = WholeField("Duration, optional", least=MINUTES_MIN, most=MINUTES_MAX, required=False)
    type_id = SelectField("Appointment type", coerce=chosen, validate_choice=False)
    client_id = SelectField("Client", coerce=chosen, validate_choice=False)
    room_id = SelectField("Room", coerce=chosen, validate_choice=False)
    seen = WholeField("Appointment", least=0, most=ID_MAX, required=False)
    use = WholeField("Use package", least=1, most=ID_MAX, required=False)
    remove = BooleanField("Remove")
    cancel = BooleanField("Cancel the appointment too")
    overrides_warnings = BooleanField("Book it all the same")
    do_not_notify = BooleanField("Do not notify")
    package_choice = RadioField(
        "The package session",
        choices=options([(Choice.UNLINK.value, "Unlink it"), (Choice.LEAVE.value, "Leave it linked")]),
        validate_choice=False,
    )

    def offer(self, opened: LineView) -> None:
        """Fill in what there is to choose from."""
        for field, choices in ((self.type_id, opened.types), (self.client_id, opened.clients), (self.room_id, opened.rooms)):
            field.choices = options([("", "Choose"), *((choice.id, choice.name) for choice in choices)])
            if not choices:  # not asked, so nothing that came is an answer
                field.data, field.process_errors = None, []

    def take_picked(self, picked: str | None) -> None:
        """Fill in a free time that was pressed: "2026-11-25T09:00", on the practice's wall clock."""
        day, _, wall = (picked or "").partition("T")
        if wall:
            for field, typed in ((self.date, day), (self.time, wall)):
                field.process(MultiDict({field.name: typed}))

    @staticmethod
    def shown(opened: LineView, timezone: str) -> dict[str, Any]:
        """Return how the form opens: on an unlinked line that still has its old date neither choice is set."""
        starts = clock.local(opened.starts_at, timezone).time() if opened.starts_at else None
        is_fresh = opened.session_date is None
        choice = "yes" if (opened.is_linked or is_fresh) and not opened.is_product else None
        return {"date": opened.session_date, "time": starts, "add_appointment": choice}

    def edit(self) -> LineEdit:
        """Return what was entered."""
        return LineEdit(
            day=self.date.data, add_appointment={"yes": True, "no": False}.get(self.add_appointment.data or ""),
            wall=self.time.data, minutes=self.minutes.data, type_id=self.type_id.data, client_id=self.client_id.data,
            room_id=self.room_id.data, removes=self.remove.data, cancels_too=self.cancel.data,
            overrides_warnings=self.overrides_warnings.data, seen_item_id=self.seen.data,
            notifies=not self.do_not_notify.data,
            uses_item_id=self.use.data,
            package_choice=next((each for each in Choice if each.value == self.package_choice.data), None),
        )  # fmt: skip
