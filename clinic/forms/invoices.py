"""What is typed into invoices and payments."""

from collections.abc import Sequence
from typing import Any

from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from clinic.billing.invoices import NewLine
from clinic.forms.base import (
    NAME_CHARS_MAX,
    DayField,
    HouseForm,
    MoneyField,
    OnceForm,
    PercentField,
    WholeField,
    line,
    options,
    text_area,
)
from clinic.models.billing import Fee
from clinic.models.money import Method

CODE_CHARS_MAX = 20
QUANTITY_MAX = 1000
NOTE_CHARS_MAX = 500
ID_MAX = 2**31 - 1  # the largest id a database holds


def row_id(text: Any) -> int:
    """Read a row's id, as a database can hold it."""
    number = int(text)
    if not 0 < number <= ID_MAX:
        raise ValueError("Choose from the list.")
    return number


class ConfirmForm(OnceForm):
    """Carry only the one-time key: issuing, applying credit, billing a session."""


class NewInvoiceForm(OnceForm):
    """Ask whom a client's invoice is billed to."""

    payer = RadioField("Billed to", [InputRequired("Choose who pays.")], coerce=int)

    def __init__(self, *args: Any, payers: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.payer.choices = options(payers)


class LineForm(OnceForm):
    """Ask for a line in full: what, when, how many, for how much."""

    description = line("Description", required=True)
    session_date = DayField("Date", required=False)
    code = line("Code", most=CODE_CHARS_MAX)
    quantity = WholeField("Quantity", least=1, most=QUANTITY_MAX, default=1)
    unit = MoneyField("Unit amount")
    discount = MoneyField("Discount", required=False)
    tax = PercentField("Tax, %", required=False)

    def new_line(self, *, fee_id: int | None = None, minutes: int | None = None) -> NewLine:
        """Return the line as the rules take it."""
        return NewLine(
            description=self.description.data or "",
            unit_cents=self.unit.data,
            quantity=self.quantity.data,
            code=self.code.data or "",
            session_date=self.session_date.data,
            discount_cents=self.discount.data or 0,
            tax_bp=self.tax.data or 0,
            fee_id=fee_id,
            minutes=minutes,
        )


class FeeLineForm(OnceForm):
    """Ask for a row of the fee schedule and how many of it."""

    fee = SelectField("Fee", coerce=int)
    quantity = WholeField("Quantity", least=1, most=QUANTITY_MAX, default=1)
    session_date = DayField("Date", required=False)

    def __init__(self, *args: Any, fees: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fee.choices = options(fees)

    def new_line(self, fee: Fee, unit_cents: int) -> NewLine:
        """Return the line that this fee makes."""
        return NewLine(
            description=fee.description,
            unit_cents=unit_cents,
            quantity=self.quantity.data,
            code=fee.code,
            session_date=self.session_date.data,
            tax_bp=fee.tax_bp,
            fee_id=fee.id,
            minutes=fee.minutes,
        )


class SessionsForm(OnceForm):
    """Ask which uninvoiced sessions go on the invoice."""

    share = SelectMultipleField(
        "Sessions",
        coerce=row_id,
        choices=[],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )

    def validate_share(self, field: SelectMultipleField) -> None:
        """Ask for at least one."""
        if not field.data:
            raise ValidationError("Tick the sessions to add.")


class WordsForm(HouseForm):
    """Ask what an invoice says beside its lines."""

    reference = line("Reference", most=NAME_CHARS_MAX, render_kw={"autocomplete": "off"})
    remark = text_area("Note", most=NOTE_CHARS_MAX, render_kw={"rows": 2})


class PaymentForm(OnceForm):
    """Ask how and how much was paid. The first payment preselects no method."""

    method = RadioField("Payment method", [InputRequired("Choose a payment method.")], coerce=Method)
    amount = MoneyField("Amount", least_cents=1)
    received = DayField("Date", required=False)
    reference = line("Reference", most=60)
    confirms_more = BooleanField("Take more than is owed")
    invoices = SelectMultipleField(
        "Put it on",
        coerce=row_id,
        choices=[],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )

    def __init__(self, *args: Any, methods: Sequence[tuple[Method, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method.choices = options(methods)

    def payment(self) -> dict[str, Any]:
        """Return what was received, as the rules take it."""
        return {
            "method": self.method.data,
            "amount_cents": self.amount.data,
            "received_date": self.received.data,
            "reference": self.reference.data or "",
            "confirms_more": self.confirms_more.data,
            "invoice_ids": tuple(self.invoices.data or ()),
        }


class DiscountForm(HouseForm):
    """Ask what comes off every session of a client."""

    discount = PercentField("Discount, percent of the fee", render_kw={"inputmode": "decimal"})
