"""The tabs over everything about invoices: the list, tonight, last night."""

from flask import current_app, request, url_for

from clinic.practice.permissions import Permission
from clinic.views.access import actor
from clinic.views.frame import Word

TABS = (
    ("All invoices", "invoices.index", Permission.SEE_INVOICES),
    ("Tonight", "night.tonight", Permission.SEE_NIGHT),
    ("Last night", "night.last_night", Permission.SEE_NIGHT),
    ("Payments", "takings.index", Permission.SEE_NIGHT),
    ("Billing documents", "billing_documents.of_practice", Permission.EXPORT_DOCUMENTS),
)


def tabs(current: str | None = None) -> list[Word]:
    """Return the tabs this person may open; `current` is the endpoint of one of them, for a page below it."""
    return [
        Word(label, url_for(endpoint), (current or request.endpoint) == endpoint)
        for label, endpoint, permission in TABS
        if endpoint in current_app.view_functions and actor().may(permission)
    ]
