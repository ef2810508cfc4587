"""Every route of the application, tried by every role and by a stranger."""

import pytest

from clinic.views import access
from tests.conftest import HTMX
from tests.permission_rows import IN_PORTAL, ROWS, STAFF, Row

ENDS_SESSION = {"auth.sign_out", "portal.sign_out"}
IMPLIED = {"HEAD", "OPTIONS"}


def test_every_route_stands_in_the_inventory_and_nothing_else_does(app):
    wanted = {(rule.endpoint, method) for rule in app.url_map.iter_rules() for method in (rule.methods or set()) - IMPLIED}
    listed = [(row.endpoint, row.method) for row in ROWS]
    assert sorted(wanted - set(listed)) == [], "routes without a row in tests/permission_rows.py"
    assert sorted(set(listed) - wanted) == [], "rows of routes that do not exist"


def test_every_row_leads_to_the_route_it_names(app, cast):
    map_ = app.url_map.bind("localhost")
    found = {row: map_.match(row.address(cast).partition("?")[0], method=row.method)[0] for row in ROWS}
    assert [(row, endpoint) for row, endpoint in found.items() if endpoint != row.endpoint] == []


@pytest.mark.parametrize("name", sorted(STAFF))
def test_staff_open_what_their_role_includes_and_nothing_else(as_, cast, name):
    browser, wrong = as_(name), []
    for row in ROWS:
        answer = browser.open(row.address(cast), method=row.method)
        if row.endpoint in ENDS_SESSION:
            browser = as_(name)
        if row.allowed == IN_PORTAL:  # the right of staff is no key to it
            fits = answer.headers.get("Location", "").startswith("/portal/sign-in")
        else:
            fits = _fits(row, name, answer.status_code)
        if not fits:
            wrong.append((row.endpoint, row.method, answer.status_code))
    assert wrong == []


def test_a_stranger_is_sent_to_sign_in_from_everything_that_is_not_public(client, cast):
    wrong = []
    for row in ROWS:
        plain = client.open(row.address(cast), method=row.method)
        piece = client.open(row.address(cast), method=row.method, headers=HTMX)
        if "stranger" in row.allowed:
            fits = plain.status_code not in (403, 500) and "/sign-in" not in plain.headers.get("Location", "")
        else:
            # What the page asks by itself leads nowhere: it must not take a half-typed form away.
            leads = "" if row.endpoint == access.BY_ITSELF else _door_of(row)
            fits = (
                plain.status_code == 303
                and plain.headers["Location"].startswith(_door_of(row))
                and piece.status_code == 401
                and piece.headers.get("HX-Redirect", "").startswith(leads)
                and ("HX-Redirect" in piece.headers) == bool(leads)
            )
        if not fits:
            wrong.append((row.endpoint, row.method, plain.status_code, piece.status_code))
    assert wrong == []


def test_a_client_in_the_portal_opens_its_pages_and_is_a_stranger_to_all_of_staffs(in_portal, cast):
    browser, wrong = in_portal("cleo"), []
    for row in ROWS:
        answer = browser.open(row.address(cast), method=row.method)
        there = answer.headers.get("Location", "")
        if row.endpoint in ENDS_SESSION:
            browser = in_portal("cleo", browser)
        elif row.allowed == IN_PORTAL or "stranger" in row.allowed:
            if answer.status_code in (401, 403, 500) or "/sign-in" in there:
                wrong.append((row.endpoint, row.method, answer.status_code, there))
        elif (answer.status_code, there.partition("?")[0]) != (303, "/sign-in"):
            wrong.append((row.endpoint, row.method, answer.status_code, there))
    assert wrong == []


def _door_of(row: Row) -> str:
    return "/portal/sign-in" if row.allowed == IN_PORTAL else "/sign-in"


def _fits(row: Row, name: str, status: int) -> bool:
    # 303 to sign-in cannot hide here: a signed-in person is never sent there.
    return status not in (401, 403, 500) if name in row.allowed else status == 403
