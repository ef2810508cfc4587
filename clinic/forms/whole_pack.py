"""The form of Book them all: from when, how often, and what the lines of a package leave open."""

from collections.abc import Mapping

from wtforms import BooleanField, SelectField

from clinic.calendar.whole_pack import EVERY_MAX, AllEdit, AllView
from clinic.forms.base import DayField, OnceForm, TimeField, WholeField, options
from clinic.forms.packages import ID_MAX, chosen

TYPE = "type-"  # what the choice of a fee's type is called, before the fee's id
CLIENT = "client-"  # what the choice of a line's client is called, before the line's id
LINES_MAX = 100


class BookAllForm(OnceForm):
    """Read Book them all."""

    date = DayField("From")
    time = TimeField("Time")
    every = WholeField("Every, weeks", least=1, most=EVERY_MAX, default=1, render_kw={"inputmode": "numeric"})
    client_id = SelectField("Client", coerce=chosen, validate_choice=False)
    room_id = SelectField("Room", coerce=chosen, validate_choice=False)
    do_not_notify = BooleanField("Do not notify")

    def offer(self, opened: AllView) -> None:
        """Fill in what there is to choose from."""
        for field, choices in ((self.client_id, opened.clients), (self.room_id, opened.rooms)):
            field.choices = options([("", "Choose"), *((choice.id, choice.name) for choice in choices)])
            if not choices:  # not asked, so nothing that came is an answer
                field.data, field.process_errors = None, []

    def edit(self, posted: Mapping[str, str]) -> AllEdit:
        """Return what was entered."""
        return AllEdit(
            day=self.date.data, wall=self.time.data, every=self.every.data, client_id=self.client_id.data,
            room_id=self.room_id.data, type_ids=types_of(posted),
            client_ids=_pairs(posted, CLIENT) if self.client_id.data else {}, notifies=not self.do_not_notify.data,
            seen_line_ids=_line_ids(posted.get("lines")),
        )  # fmt: skip


def types_of(posted: Mapping[str, str]) -> dict[int, int]:
    """Read which type was chosen for each fee that several types have."""
    return _pairs(posted, TYPE)


def _pairs(posted: Mapping[str, str], prefix: str) -> dict[int, int]:
    found = ((_id(name.removeprefix(prefix)), _id(value)) for name, value in posted.items() if name.startswith(prefix))
    return {about: chosen_id for about, chosen_id in found if about is not None and chosen_id is not None}


def _line_ids(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    found = [_id(part) for part in text.split(",")[:LINES_MAX]]
    return tuple(line_id for line_id in found if line_id is not None)


def _id(text: str) -> int | None:
    is_id = text.isascii() and text.isdigit() and len(text) <= len(str(ID_MAX)) and 0 < int(text) <= ID_MAX
    return int(text) if is_id else None
