"""Two versions of one thing: what was typed into a form, and what somebody else made of it meanwhile."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from flask import request, url_for
from sqlalchemy.orm import Session
from wtforms import BooleanField, Field, FileField, HiddenField, SelectField

from clinic.calendar import live
from clinic.calendar.flyout import Flyout
from clinic.forms.base import HouseForm, MoneyField, PageForm, PercentField
from clinic.forms.calendar import CancelForm, ChoiceField, DeleteForm, NoShowForm
from clinic.kernel.database import reading
from clinic.kernel.errors import StaleError
from clinic.practice import audit
from clinic.practice.audit import Change
from clinic.practice.settings import PRACTICE_ID
from clinic.views import filters

NOTHING = "nothing"
TICKED, NOT_TICKED = "ticked", "not ticked"


@dataclass(frozen=True)
class Difference:
    """Be one field in which the two differ, in words."""

    label: str
    typed: str
    stands: str


@dataclass(frozen=True)
class Versions:
    """Hold who changed it last, and every field that was typed otherwise than it stands now."""

    change: Change | None
    differences: tuple[Difference, ...]


def is_stale(form: HouseForm) -> bool:
    """Say whether the form was refused because somebody else was faster."""
    return isinstance(form.note, StaleError)


def compared(typed: HouseForm, stands: HouseForm, change: Change | None) -> Versions:
    """Compare what was posted with the same form as it would open now."""
    found = []
    for mine, theirs in zip(typed, stands, strict=True):
        if mine.name not in request.form or isinstance(mine, HiddenField | BooleanField | FileField):
            continue
        if isinstance(typed, PageForm) and mine.name in typed.is_of_deed:
            continue
        words = (_words(mine), _words(theirs))
        if words[0] != words[1]:
            found.append(Difference(mine.label.text, *words))
    return Versions(change, tuple(found))


def of_page(form: PageForm, opened: Callable[[Session], PageForm], actions: Collection[str], **detail: str) -> Versions | None:
    """Return both versions of a page of settings when somebody else was faster; None otherwise.

    The form then holds the print of what stands, so that whoever read both can send it again and be done.
    """
    if not is_stale(form):
        return None
    with reading() as session:
        stands = opened(session)
        change = audit.last_change(session, "practice", PRACTICE_ID, actions=actions, **detail)
    ticked = [
        Difference(mine.label.text, TICKED if mine.data else NOT_TICKED, TICKED if theirs.data else NOT_TICKED)
        for mine, theirs in zip(form, stands, strict=True)
        if isinstance(mine, BooleanField) and bool(mine.data) != bool(theirs.data) and mine.name not in form.is_of_deed
    ]
    found = compared(form, stands, change)
    form.shown.data = stands.shown.data
    return Versions(change, (*found.differences, *ticked))


def ended(form: CancelForm | NoShowForm | DeleteForm, shown: Flyout, asked: str) -> dict[str, Any]:
    """Return the version the form stands on and, when somebody was faster, what was asked for beside what stands now."""
    if not is_stale(form):
        return {"version": form.version.data or shown.version}
    with reading() as session:
        change = live.last_change(session, shown.item_id)
    when = f"{filters.day_short(shown.starts_at)}, {filters.local_time(shown.starts_at)}"
    stands = ", ".join(filter(None, (shown.status, when)))
    found = Difference("Status", asked or NOTHING, stands)
    fresh_url = url_for("booking.item", item_id=shown.item_id)
    return {"version": shown.version, "fresh_url": fresh_url, "versions": Versions(change, (found,))}


def _words(field: Field) -> str:
    if isinstance(field, ChoiceField):
        return field.shown or NOTHING
    if isinstance(field, SelectField):
        chosen = next((choice for choice in field.iter_choices() if field.coerce(choice[0]) == field.data), None)
        return str(chosen[1]) if chosen else NOTHING
    if field.data is None or field.data == "":
        return NOTHING
    if isinstance(field.data, date):
        return filters.day_short(field.data)
    if isinstance(field.data, time):
        return filters.local_time(field.data)
    if isinstance(field, PercentField):
        return filters.percent(field.data)
    return filters.money_full(field.data) if isinstance(field, MoneyField) else str(field.data)
