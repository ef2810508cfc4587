"""The words at the left of Settings: every page there is, in its group."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from clinic.views.frame import Word


@dataclass(frozen=True)
class Group:
    """Be a heading and the pages under it. The heading leads to the first of them."""

    label: str
    url: str
    pages: list[Word]


# Group, its own address if it has one, and its pages: label, endpoint, what the page is for.
GROUPS: tuple[tuple[str, str | None, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Practice",
        None,
        (
            ("Details", "settings.details", "Name, address, tax ID, time zone, currency"),
            ("Locations and rooms", "places.index", "Where sessions are given"),
            ("Practitioners", "practitioners.index", "Who gives them, with credentials and colours"),
            ("Users and roles", "staff.index", "Who signs in, and what they may do"),
            ("Missed sessions", "settings.missed", "What late cancelled and no show bill: on Client billing documents"),
        ),
    ),
    (
        "Clients",
        None,
        (
            ("Messages", "messages.index", "What clients are told, when, and in which words"),
            ("Online booking", "settings.online", "The public page where packages are bought, and how soon clients may book"),
        ),
    ),
    (
        "Client billing and insurance",
        "settings.client_billing",
        (
            (
                "Client billing documents",
                "settings.documents",
                "When invoices are made, cancellation policy, numbers, footer, ways to pay",
            ),
            ("Fees and taxes", "fees.index", "The fee schedule"),
        ),
    ),
)


def side() -> list[Group]:
    """Return the groups with the pages this application has."""
    return [
        Group(label, url_for(own or pages[0][1]), [_word(name, endpoint) for name, endpoint, _ in pages if _is_known(endpoint)])
        for label, own, pages in GROUPS
    ]


def purposes() -> dict[str, str]:
    """Return what each page is for, by its label."""
    return {name: purpose for _, _, pages in GROUPS for name, endpoint, purpose in pages if _is_known(endpoint)}


def _word(label: str, endpoint: str) -> Word:
    blueprint = endpoint.partition(".")[0]
    current = request.endpoint == endpoint if blueprint == "settings" else request.blueprint == blueprint
    return Word(label, url_for(endpoint), current)


def _is_known(endpoint: str) -> bool:
    return endpoint in current_app.view_functions
