"""The range of days a document is asked for: read from its address, kept in it, and offered by name."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import g

from clinic.billing import spans
from clinic.forms.spans import SpanForm
from clinic.kernel.errors import RefusalError
from clinic.views.access import now
from clinic.views.frame import Word


def asked(form: SpanForm) -> tuple[date, date]:
    """Return the first and the last day asked for, this year when none is.

    Raises:
        RefusalError: one is no day, or they run backwards.
    """
    if not form.validate():
        raise RefusalError("Choose the days again: one of them does not exist.")
    return form.days(g.house.local_date(now()))


def address(form: SpanForm) -> dict[str, Any]:
    """Return what an address says of the days that are shown; nothing when they were refused."""
    if form.complaints or form.first.data is None or form.last.data is None:
        return {}
    return {"first": form.first.data.isoformat(), "last": form.last.data.isoformat()}


def presets(form: SpanForm, url: Callable[..., str]) -> list[Word]:
    """Return the ranges with a name as links; `url` is given the days."""
    return [
        Word(
            each.words,
            url(first=each.first.isoformat(), last=each.last.isoformat()),
            (each.first, each.last) == (form.first.data, form.last.data),
        )
        for each in spans.presets(g.house.local_date(now()))
    ]
