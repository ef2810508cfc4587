"""A stranger buys a package on a phone, on the processor's own page, and books two of its sessions; staff see them."""

# ruff: noqa: F811

import re
import socket
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from clinic.calendar import hours
from clinic.config import Config
from clinic.kernel import clock
from clinic.office import verify
from tests import online
from tests.browser.conftest import enter, too_small
from tests.night_fixtures import stand_in  # noqa: F401

MORNING, NOON = 9 * 60, 12 * 60


@pytest.fixture
def port():
    """Find a port, as the processor's page leads back to the practice's own address."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


@pytest.fixture
def config(database, stand_in, port):
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL=f"http://localhost:{port}",
                  STRIPE_SECRET_KEY="sk_test_demo", STRIPE_WEBHOOK_SECRET="whsec", STRIPE_API_BASE=stand_in.url)  # fmt: skip


@pytest.fixture
def shop(app, config, port, write, cast):
    """Serve the practice, which sells five sessions with Pat, at Harbour Street or in Mill Lane; give its address."""
    with write() as session:
        week = hours.Week(cast.pat_id, cast.mill_id, (5, 6), MORNING, NOON)
        hours.add_week(session, cast.olga, week, clock.now())
        online.on_sale(session, cast)
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("localhost", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield config.BASE_URL
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_a_package_is_bought_and_its_sessions_are_booked(visit, shop, stand_in, rows, javascript) -> None:
    name = "Bruno" if javascript else "Berta"
    with visit(javascript=javascript, width=390, height=844) as page:
        page.goto(f"{shop}/book")
        check(page, javascript=javascript)
        page.get_by_role("link", name="Buy Five sessions").click()
        page.get_by_label("With whom and where").select_option(label="Pat Oyelaran, Mill Lane")
        page.get_by_label("First name").fill(name)
        page.get_by_label("Last name").fill("Buyer")
        page.get_by_label("E-mail").fill(f"{name}@post.example")
        page.get_by_role("button", name="Go on to pay $651.73").click()
        expect(page.get_by_text("Agree to the terms")).to_be_visible()
        check(page, javascript=javascript)
        page.get_by_label("I agree to these terms").check()
        page.get_by_role("button", name="Go on to pay $651.73").click()
        expect(page).to_have_url(re.compile(f"^{stand_in.url}/c/pay/"))
        pay(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Five sessions")
        expect(page).to_have_url(re.compile("/sessions$"))
        book(page, "5")
        page.get_by_role("link", name=re.compile("free time")).last.click()
        book(page, "4")
        expect(page.locator(".rows li")).to_have_count(2)
        check(page, javascript=javascript)
        page.goto(f"{shop}/book/packages/1")
        expect(page.get_by_role("button", name="Go on to pay $651.73")).to_be_visible()
    with visit() as page:
        enter(page, shop)
        page.goto(f"{shop}/packages")
        page.get_by_role("link", name="Bought online").click()
        row = page.locator("tr", has_text=f"{name} Buyer")
        expect(row).to_contain_text("new client")
        row.get_by_role("link", name=re.compile("^INV-|^[0-9]")).click()
        expect(page.locator("#sale-words")).to_have_text("5 bought: 2 booked, 3 left")
        expect(page.get_by_text("bought online")).to_be_visible()
    with rows() as session:
        assert list(verify.findings(session)) == []


def pay(page: Page) -> None:
    """Pay on the stand-in's page."""
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile("^Pay")).click()


def book(page: Page, left: str) -> None:
    """Choose the first free time of the day and book it."""
    expect(page.locator(".figs dd.fig").first).to_have_text(left)
    page.locator("#times input[type=radio]").first.check()
    page.get_by_role("button", name="Book this session").click()
    expect(page.locator("#booked")).to_contain_text("Booked.")


def check(page: Page, *, javascript: bool) -> None:
    """Nothing sticks out sideways, nothing is too small for a phone, and axe finds nothing."""
    if javascript:
        assert too_small(page) == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
        found = Axe().run(page)
        assert not found.violations_count, f"{page.url}: {found.generate_report()}"
