"""The list before a series is saved: shown, shown again when something changed meanwhile, and at last booked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import request, url_for
from sqlalchemy.orm import Session

from clinic.calendar.occurrences import Choices, Plan
from clinic.calendar.scope import Done, Scope
from clinic.calendar.series import UnsettledError
from clinic.forms.base import HouseForm, OnceForm
from clinic.forms.series import AT, DO, choices_of, scope_of
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import RefusalError
from clinic.practice import once
from clinic.views import leaves
from clinic.views.access import actor, now
from clinic.views.answer import Answer, leave, say

LISTED = "listed"
NOT_A_TIME = "Enter a time such as 14:30."
_OWN = ("csrf_token", "once", "change", LISTED, "fine")


@dataclass(frozen=True)
class Listed:
    """Hold the list with what was typed in it, and why it was not saved."""

    plan: Plan
    unread: dict[date, str]
    fine: frozenset[str]  # the days that were fine when the list was last shown
    refusal: HouseForm | None
    once: str


def save(
    form: OnceForm,
    location: str,
    listed: Callable[[Session, Choices], Plan],
    book: Callable[[Session, Choices], object],
) -> Listed | None:
    """Book the list if it was seen, settled and still holds; or else return it to be shown.

    Raises:
        RefusalError: the booking or the rule itself does not hold.
    """
    choices, unread = choices_of(request.form)
    refusal: RefusalError | None = RefusalError(NOT_A_TIME) if unread else None
    if LISTED in request.form and refusal is None:
        try:
            with writing() as session:
                key = once.claim(session, actor(), form.once.data, now())
                book(session, choices)
                key.location = location
        except UnsettledError as error:
            refusal = error
        else:
            return None
    with reading() as session:
        plan = listed(session, choices)
    refused = HouseForm() if refusal else None
    if refused and refusal:
        refused.refuse(refusal)
    fine = frozenset(request.form.get("fine", "").split(","))
    return Listed(plan, unread, fine, refused, form.once.data or once.new_key())


def asked() -> Scope:
    """Return how much of a series the posted change is for."""
    return scope_of(request.form)


def leave_for(done: Done, verb: str) -> Answer:
    """Go to the series' own page, which lists every date and what was left alone."""
    say(done.sentence(verb))
    return leave(url_for("series.show", series_id=done.series_id))


def show(found: Listed, practitioner_id: int, day: date, **context: Any) -> Answer:
    """Answer with the list: in the grid beside its row, or on a page of its own."""
    return leaves.in_column("calendar/_dates.html", practitioner_id, day, form=found.refusal, **context_of(found), **context)


def context_of(found: Listed, *, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a template shows of the list; what else was posted is carried, `besides` what the template sends itself."""
    carried = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in (*_OWN, *besides) and not name.startswith((DO, AT))
    ]
    fine = ",".join(each.day.isoformat() for each in found.plan.occurrences if not each.trouble)
    return {
        "plan": found.plan,
        "unread": found.unread,
        "was_fine": found.fine,
        "fine": fine,
        "refusal": found.refusal,
        "once_key": found.once,
        "carried": carried,
    }
