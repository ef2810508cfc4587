"""Every part of the look, in Chromium: nothing sideways, nothing refused by the policy, no finding by axe."""

import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.look import gallery

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'"
WIDTHS = (390, 1024, 1440)
SHOTS = os.environ.get("GALLERY_SHOTS")  # a folder, when someone wants to look
NAMES = list(gallery.pages())


class _Gallery(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, directory=str(gallery.ROOT / "clinic"), **more)

    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            super().do_GET()
            return
        _, theme, name = self.path.split("?")[0].split("/")
        page = gallery.partial(name) if theme == "partial" else gallery.render(name, theme)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the gallery."""
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("GALLERY_PORT", "0"))), _Gallery) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open a tab of a usual size."""
    tab = chromium.new_page(viewport={"width": 1440, "height": 900})
    yield tab
    tab.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_passes_axe_and_keeps_the_policy(page: Page, address: str, width: int, theme: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size({"width": width, "height": 844})
    for name in NAMES:
        page.goto(f"{address}/{theme}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            complaints.append(f"{name} scrolls sideways")
        page.evaluate("scrollTo(0, 0)")
        for finding in (
            Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}).response["violations"]
        ):
            complaints.append(f"{name}: {finding['id']}: {[node['html'][:120] for node in finding['nodes'][:3]]}")
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png")
    assert not complaints, "\n".join(complaints)


def test_the_payment_button_follows_the_method_and_the_amount_without_script(chromium: Browser, address: str) -> None:
    tab = chromium.new_page(java_script_enabled=False)
    tab.goto(f"{address}/light/unpaid")
    button = tab.locator(".pay .primary")
    assert button.inner_text() == "Charge $150"
    tab.get_by_label("Cash").check()
    assert button.inner_text() == "Add $150 payment"
    tab.get_by_label("Amount").fill("60")
    assert button.inner_text() == "Add this payment"
    tab.get_by_label("Amount").fill("150")
    assert button.inner_text() == "Add $150 payment"
    tab.close()


def test_at_390_another_day_is_one_tap_and_no_request(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/light/week")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("#d-18 .body").is_visible()
    page.get_by_role("link", name="19 Thu").click()
    assert page.locator("#d-19 .body").is_visible()
    assert not page.locator("#d-18 .body").is_visible()
    assert asked == []


def test_a_flyout_opens_beside_its_item_and_escape_gives_the_focus_back(page: Page, address: str) -> None:
    page.goto(f"{address}/light/live")
    item = page.locator("#item-Noor-Halvorsen-1000")
    item.focus()
    page.keyboard.press("Enter")
    leaf = page.locator(".leaf.flyout:not(.wait)")
    leaf.wait_for()
    beside, opened = item.bounding_box(), leaf.bounding_box()
    assert beside
    assert opened
    assert opened["x"] >= beside["x"] + beside["width"]
    assert page.locator(".item.sel").count() == 1
    page.keyboard.press("Escape")
    assert leaf.count() == 0
    assert page.evaluate("document.activeElement.id") == "item-Noor-Halvorsen-1000"
    assert page.locator(".item.sel").count() == 0


def test_arrows_go_between_items_and_slots_and_n_books(page: Page, address: str) -> None:
    page.goto(f"{address}/light/live")
    page.locator("#d-18 .slot").nth(14).focus()
    page.keyboard.press("n")
    form = page.locator("form.leaf")
    form.wait_for()
    assert page.evaluate("document.activeElement.closest('form.leaf') !== null")
    page.keyboard.press("Escape")
    assert form.count() == 0
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.className")
    page.keyboard.press("ArrowRight")
    assert "slot" in below or "item" in below
    assert page.evaluate("document.activeElement.closest('.day').id") == "d-19"


def test_opening_one_form_closes_the_other(page: Page, address: str) -> None:
    page.goto(f"{address}/light/live")
    for day in ("d-19", "d-17"):
        page.locator(f"#{day} .slot").nth(19).dispatch_event("click")
        page.locator(f"#{day} form.leaf").wait_for()
        assert page.locator("form.leaf").count() == 1


def test_a_pop_up_holds_the_focus_and_says_what_to_mend(page: Page, address: str) -> None:
    page.goto(f"{address}/light/package")
    assert page.locator("dialog:modal").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"


def test_sending_disables_the_button_and_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/light/unpaid")
    page.evaluate("document.querySelector('.pay').addEventListener('submit', event => event.preventDefault())")
    button = page.locator(".pay .primary")
    button.click()
    expect(button).to_be_disabled()  # a moment later, when the browser has read the form
    assert button.inner_text() == "Charging…"
