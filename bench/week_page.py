#!/usr/bin/env python3
"""Time the complete week page against a bare 10 KB Jinja page of the same application, and weigh what a browser fetches."""

import gc
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flask import Flask, render_template  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402
from jinja2 import ChoiceLoader, DictLoader  # noqa: E402
from sqlalchemy import event  # noqa: E402

from clinic import create_app  # noqa: E402
from clinic.config import Config  # noqa: E402
from clinic.kernel.database import db, writing  # noqa: E402
from clinic.models import guards  # noqa: E402
from clinic.views.access import public  # noqa: E402
from tests import cast as stage  # noqa: E402
from tests.calendar import weeks  # noqa: E402

RUNS = 150
RATIO_MAX = 8.0
KILOBYTE = 1024
BARE_BYTES = 10 * KILOBYTE
BRACKETS = ("BEGIN", "COMMIT", "ROLLBACK", "SET ", "PRAGMA")
# A page as small applications have them: a frame and a table, each cell printed and escaped.
BARE = """<!doctype html><html lang="en"><head><title>{{ title }}</title></head><body><h1>{{ title }}</h1><table>
{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.at }}</td><td class="num">{{ row.amount }}</td></tr>
{% endfor %}</table></body></html>"""
ROW = {"name": "Juniper Aldous & family", "at": "18 Nov 2026, 9:00", "amount": "$150.00"}
PAGES = (
    ("week, 40 items", "/calendar/week?day=2026-11-18&practitioner={pat}"),
    ("day", "/calendar/day?day=2026-11-18&practitioner={pat}"),
    ("team day, 10 practitioners", "/calendar/team?day=2026-11-18"),
    ("everyone's week, 400 items", "/calendar/week?day=2026-11-18&practitioner=0"),
    ("in-line form", "/calendar/{pat}/2026-11-18/book"),
    ("flyout", "/calendar/items/1"),
    ("clients", "/clients"),
    ("a client", "/clients/{cleo}"),
    ("a client's billing", "/clients/{cleo}/billing"),
    ("invoices", "/invoices/"),
    ("an invoice", "/invoices/1"),
    ("packages", "/packages"),
    ("tonight", "/invoices/tonight"),
    ("settings", "/settings/"),
)


def main() -> int:
    """Print the figures; the exit status is 1 when the ratio is above what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        app, cast = filled(folder, weeks.forty_items)
        address = weeks.address_of(cast)
        ratio = timed(app, address)
        weighed("Week of 40 items", signed_in(app), address)
        counted_pages(app, cast, PAGES[:2])
    with tempfile.TemporaryDirectory() as folder:
        app, cast = filled(folder, weeks.four_hundred_items)
        weighed("Week of 400 items, 10 practitioners", signed_in(app), weeks.address_of(cast, 0))
        counted_pages(app, cast, PAGES[2:])
    return int(ratio > RATIO_MAX)


def filled(folder: str, fill: object) -> tuple[Flask, stage.Cast]:
    """Start an application on a practice with a full week, with the bare page beside the real ones."""
    app = create_app(Config(DATABASE_URL=f"sqlite:///{folder}/bench.sqlite", SECRET_KEY="bench"), instance_path=folder)
    app.jinja_loader = ChoiceLoader([app.jinja_loader or DictLoader({}), DictLoader({"bare_bench.html": BARE})])
    rows = [ROW] * (BARE_BYTES // len(render_row()) + 1)
    app.add_url_rule("/bare", "bench.bare", public(lambda: render_template("bare_bench.html", title="Bare", rows=rows)))
    with app.app_context():
        with db.engine.begin() as connection:
            db.metadata.create_all(connection)
            guards.install(connection)
        with writing() as session:
            cast = stage.make(session)
            fill(session, cast)  # type: ignore[operator]
    return app, cast


def render_row() -> str:
    """Return what one row of the bare page comes to."""
    return f'<tr><td>{ROW["name"]}&amp;</td><td>{ROW["at"]}</td><td class="num">{ROW["amount"]}</td></tr>\n'


def signed_in(app: Flask, name: str = "fay") -> FlaskClient:
    """Return a browser with somebody of the staff."""
    browser = app.test_client()
    typed = {"email": stage.email(name), "password": stage.PASSWORD, "csrf_token": token(browser)}
    answer = browser.post("/sign-in", data=typed)
    assert answer.status_code == 303, answer.status_code
    return browser


def token(browser: FlaskClient) -> str:
    """Return the token of the sign-in form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/sign-in").text)
    assert found
    return found[1]


def timed(app: Flask, address: str) -> float:
    """Time both pages in turn, through the whole application, without compression: the median of each."""
    browser, stranger = signed_in(app), app.test_client()
    assert abs(len(stranger.get("/bare").data) - BARE_BYTES) < KILOBYTE
    taken: dict[str, list[float]] = {"/bare": [], address: []}
    gc.collect()
    for run in range(RUNS + 10):
        for who, path in ((stranger, "/bare"), (browser, address)):
            began = time.thread_time()  # of this thread alone: what else the machine does is not the page's cost
            status = who.get(path).status_code
            if run >= 10:
                taken[path].append(time.thread_time() - began)
            assert status == 200
    bare, week = (statistics.median(taken[path]) * 1000 for path in ("/bare", address))
    least = min(taken[address]) / min(taken["/bare"])
    print(f"bare Jinja page, {len(stranger.get('/bare').data) / KILOBYTE:.1f} KB    {bare:8.2f} ms (median of {RUNS})")
    print(f"week page, 40 items, {len(browser.get(address).data) / KILOBYTE:.1f} KB {week:8.2f} ms")
    print(f"ratio                      {week / bare:8.2f}    (at most {RATIO_MAX:g}; of the fastest runs {least:.2f})")
    return week / bare


def weighed(name: str, browser: FlaskClient, address: str) -> None:
    """Print what a browser fetches on its first and on later visits."""
    cache: set[str] = set()
    first, later = (weeks.visited(browser, address, cache) for _ in range(2))
    print(f"{name}: first visit {first.octets / KILOBYTE:.1f} KB in {first.requests} requests, "
          f"later {later.octets / KILOBYTE:.1f} KB in {later.requests}")  # fmt: skip


def counted_pages(app: Flask, cast: stage.Cast, pages: tuple[tuple[str, str], ...]) -> None:
    """Print the queries and compressed bytes of the main pages."""
    browser = signed_in(app, "olga")
    for name, path in pages:
        address = path.format(pat=cast.pat_id, cleo=cast.cleo_id)
        browser.get(address)
        with counted(app) as statements:
            page = browser.get(address, headers={"Accept-Encoding": "br"})
        assert page.status_code == 200, (address, page.status)
        print(f"  {name:32} {len(statements):3} queries {len(page.data) / KILOBYTE:6.1f} KB")


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Collect what is asked of the tables meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().upper().startswith(BRACKETS):
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


if __name__ == "__main__":
    sys.exit(main())
