"""What is asked when a session is put on an invoice, or kept off every one."""

from collections.abc import Sequence
from typing import Any

from wtforms import HiddenField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from clinic.billing import shares
from clinic.forms.base import HouseForm, OnceForm, PartField
from clinic.forms.calendar import ChoiceField


class MarkForm(HouseForm):
    """Take whose place is marked Do not invoice, or freed of the mark."""

    attendee = HiddenField()
    mark = HiddenField()


class AdditionForm(OnceForm):
    """Ask which draft a session joins; none is a new one."""

    share = HiddenField()
    draft = ChoiceField("Put it on")


class DivideForm(OnceForm):
    """Ask who pays which part of a session's fee; a part left blank is what the others leave."""

    attendee = HiddenField()

    def __init__(self, formdata: Any = None, *, payers: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(formdata, **kwargs)
        for at in range(shares.SHARES_MAX):
            nobody = [SelectChoice("", "Nobody")] if at else []
            field: Any = self[f"payer_{at}"]
            field.choices = [*nobody, *(SelectChoice(str(payer_id), name) for payer_id, name in payers)]

    @staticmethod
    def filled(parts: Sequence[shares.Part]) -> dict[str, Any]:
        """Return what the form holds for a fee divided so."""
        held: dict[str, Any] = {}
        for at, part in enumerate(parts):
            held |= {f"payer_{at}": part.payer_id, f"part_{at}": (None, part.amount_cents)}
        return held

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """List the pairs of fields, payer and part."""
        return [(self[f"payer_{at}"], self[f"part_{at}"]) for at in range(shares.SHARES_MAX)]

    def wishes(self) -> list[shares.Wish]:
        """Return who pays what, as the rules take it."""
        return [
            shares.Wish(payer.data, *(part.data if part.data is not None else (None, None)))
            for payer, part in self.rows
            if payer.data is not None
        ]


for _at in range(shares.SHARES_MAX):
    setattr(DivideForm, f"payer_{_at}", ChoiceField(f"Payer {_at + 1}"))
    setattr(DivideForm, f"part_{_at}", PartField("Amount or %", required=False))
