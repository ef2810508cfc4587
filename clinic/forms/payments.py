"""What is typed about a payment that was taken: giving it back, or undoing it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from wtforms import BooleanField, RadioField
from wtforms.validators import InputRequired

from clinic.forms.base import DayField, MoneyField, OnceForm, line, options
from clinic.models.money import Method


class RefundForm(OnceForm):
    """Ask how much is given back, how and why."""

    method = RadioField("How", [InputRequired("Choose how the money is given back.")], coerce=Method)
    amount = MoneyField("Amount", least_cents=1)
    refunded = DayField("Date", required=False)
    reference = line("Reference", most=60)
    reason = line("Why", required=True)
    holds_autopay = BooleanField("Hold AutoPay for this payer")

    def __init__(self, *args: Any, methods: Sequence[tuple[Method, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method.choices = options(methods)

    @property
    def day(self) -> date | None:
        """Return when it was given back; None: today."""
        day: date | None = self.refunded.data
        return day


class UndoForm(OnceForm):
    """Ask why a payment was a mistake."""

    reason = line("What was the mistake", required=True)
