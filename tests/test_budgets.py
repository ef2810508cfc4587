"""What pages cost a slow line: queries and compressed bytes, page by page."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event

from clinic.kernel.database import db
from tests.budget_rows import QUERIES_MAX, ROWS, Row
from tests.calendar import weeks

# What opens and closes a transaction asks nothing of the tables.
BRACKETS = ("BEGIN", "COMMIT", "ROLLBACK", "SET ", "SHOW ", "PRAGMA")
BYTES_PER_KILOBYTE = 1024


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_page_stays_within_its_budget(app, cast, client, as_, in_portal, write, row: Row):
    if row.stage is not None:
        with write() as session:
            row.stage(session, cast)
    browser = client if row.who == "stranger" else in_portal("cleo") if row.who == "cleo" else as_(row.who)
    headers = {"Accept-Encoding": "br", **row.headers}
    browser.get(row.address(cast), headers=headers)  # templates are compiled, `seen_at` is written
    with counted(app) as statements:
        answer = browser.get(row.address(cast), headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get("Content-Encoding") == "br" or len(answer.data) < 500
    assert len(answer.data) <= row.kilobytes * BYTES_PER_KILOBYTE, f"{len(answer.data)} bytes"
    assert len(statements) <= row.queries, "\n".join([f"{len(statements)} queries", *statements])


def test_the_first_visit_to_the_week_fetches_little_and_later_ones_only_the_page(as_, cast, write):
    with write() as session:
        weeks.forty_items(session, cast)
    browser, cache = as_("fay"), set()
    first = weeks.visited(browser, weeks.address_of(cast), cache)
    assert first.requests <= 4
    assert first.octets <= 32 * BYTES_PER_KILOBYTE
    later = weeks.visited(browser, weeks.address_of(cast), cache)
    assert later.requests == 1
    assert later.octets <= 8 * BYTES_PER_KILOBYTE


def test_no_budget_allows_more_queries_than_the_house_does():
    assert [row.name for row in ROWS if row.queries > QUERIES_MAX] == []


def test_the_names_of_budgets_are_their_own():
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that the application sends to the database meanwhile."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, _values, _context, _many):
        if not statement.lstrip().upper().startswith(BRACKETS):
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
