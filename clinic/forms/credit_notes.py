"""What is asked when an invoice is credited, corrected or written off."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import RadioField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from clinic.billing.credit_notes import Creditable, Freed
from clinic.forms.base import MoneyField, OnceForm, line

FREED_NAMES = {
    Freed.DO_NOT_INVOICE: "Do not invoice",
    Freed.BILL_AGAIN: "Bill again, with the next run or by hand",
    Freed.LATER: "Decide later: they are listed under Left for you",
}


class CreditForm(OnceForm):
    """Ask how much of each line is credited and what becomes of its session. Each line has a field, added by `of`."""

    freed = RadioField(
        "Sessions that are credited whole",
        coerce=Freed,
        choices=[SelectChoice(freed, name) for freed, name in FREED_NAMES.items()],
        default=Freed.DO_NOT_INVOICE,
    )
    reason = line("Reason", most=200)

    @staticmethod
    def of(posted: Any, left: Sequence[Creditable], wanted: Mapping[int, int] | None = None) -> "CreditForm":
        """Return the form with a field for every line that can be credited.

        Filled in is what is wanted of each line, or else all that is not of a booked or used package session.
        """
        if wanted is None:
            wanted = {each.line_id: each.left_cents for each in left if not each.is_held}
        fields = {
            f"line_{each.line_id}": MoneyField(
                f"Credit of {each.description}", required=False, default=wanted.get(each.line_id)
            )
            for each in left
        }
        form: CreditForm = type("CreditFormOfLines", (CreditForm,), fields)(posted)
        return form

    def amounts(self, left: Sequence[Creditable]) -> dict[int, int]:
        """Return what was typed for each line; a line left blank is not there."""
        typed = {each.line_id: self[f"line_{each.line_id}"].data for each in left}
        return {line_id: cents for line_id, cents in typed.items() if cents is not None}


class WriteOffForm(OnceForm):
    """Ask why a remainder is given up."""

    reason = line("Reason", most=200, required=True)
