"""Which billing documents are asked for: days, kinds, and perhaps whose."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from wtforms import BooleanField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from clinic.billing.document_kinds import Wish
from clinic.forms.base import DayField, OnceForm, options
from clinic.forms.calendar import id_or_none
from clinic.models.documents import RunShape
from clinic.practice import once

Named = Sequence[tuple[int, str]]


class DocumentsForm(OnceForm):
    """Ask for the days and kinds, and which button was pressed: show them, print them, or download a zip."""

    first = DayField("From", name="from")
    last = DayField("To", name="to")
    kind = SelectMultipleField("Kinds", option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False))
    payer = SelectField("Billed to", coerce=id_or_none)
    practitioner = SelectField("Practitioner", coerce=id_or_none)
    location = SelectField("Location", coerce=id_or_none)
    others = BooleanField("Those that name other clients, too")

    def __init__(
        self,
        *args: Any,
        kinds: Mapping[str, str],
        payers: Named = (),
        practitioners: Named = (),
        locations: Named = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.names = tuple(kinds)
        self.kind.choices = options(kinds.items())
        for field, everyone, named in (
            (self.payer, "Everyone", payers),
            (self.practitioner, "All practitioners", practitioners),
            (self.location, "All locations", locations),
        ):
            field.choices = options([("", everyone), *named])

    def choose(self, first: date, last: date, kinds: Sequence[str]) -> None:
        """Put what is shown into what the address leaves out or says unreadably; it brings no key."""
        self.once.data = once.new_key()
        for field, day in ((self.first, first), (self.last, last)):
            if field.data is None:
                field.data, field.raw_data, field.process_errors = day, None, []
        self.kind.data = [name for name in self.kind.data or () if name in self.names] or list(kinds)

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Ask for at least one kind, too."""
        is_good = super().validate(*args, **kwargs)
        if not self.kind.data:
            self.kind.errors = [*self.kind.errors, "Choose at least one kind."]
        return is_good and bool(self.kind.data)

    def wish(self, client_id: int | None) -> Wish:
        """Return what is asked for."""
        return Wish(
            first=self.first.data, last=self.last.data, kinds=tuple(self.kind.data or ()), client_id=client_id,
            payer_id=self.payer.data, practitioner_id=self.practitioner.data, location_id=self.location.data,
            with_others=self.others.data,
        )  # fmt: skip

    def narrowed(self) -> dict[str, Any]:
        """Return what an address says to show the same again."""
        said = {"from": self.first.data.isoformat(), "to": self.last.data.isoformat(), "kind": self.kind.data}
        chosen = {"payer": self.payer.data, "practitioner": self.practitioner.data, "location": self.location.data}
        return said | {name: each for name, each in chosen.items() if each} | ({"others": "y"} if self.others.data else {})


def shape_of(pressed: str) -> RunShape | None:
    """Return what a pressed button asks for; None: only to be shown them."""
    return RunShape(pressed) if pressed in {shape.value for shape in RunShape} else None
