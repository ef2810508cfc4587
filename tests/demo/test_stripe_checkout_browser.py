"""The hosted page in Chromium: the strict policy lets the browser back to the practice, JavaScript or not."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe
from playwright.sync_api import Browser

from clinic.demo.stripe_server import StandIn


class _Practice(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Back at the practice</title>")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def practice() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Practice)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("javascript", [False, True])
def test_a_customer_corrects_the_number_saves_the_card_and_is_back(
    stand_in: StandIn,
    sdk: stripe.StripeClient,
    cleo: stripe.Customer,
    practice: str,
    chromium: Browser,
    javascript: bool,
) -> None:
    session = sdk.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": cleo.id,
            "currency": "usd",
            "success_url": practice + "/cards/added?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": practice + "/cards",
        }
    )
    assert session.url is not None
    context = chromium.new_context(java_script_enabled=javascript)
    page = context.new_page()
    page.goto(session.url)
    page.get_by_label("Card number").fill("4242 4242 4242 4241")
    page.get_by_label("Expiry (MM / YY)").fill("08 / 40")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Save card").click()
    assert page.get_by_text("Your card number is incorrect.").is_visible()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Save card").click()
    assert page.url == f"{practice}/cards/added?session_id={session.id}"
    assert page.title() == "Back at the practice"
    context.close()
    assert len(sdk.v1.payment_methods.list({"customer": cleo.id}).data) == 1


def test_cancel_leads_back_without_a_card(
    sdk: stripe.StripeClient, cleo: stripe.Customer, practice: str, chromium: Browser
) -> None:
    session = sdk.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": cleo.id,
            "currency": "usd",
            "success_url": practice + "/cards/added",
            "cancel_url": practice + "/cards",
        }
    )
    assert session.url is not None
    page = chromium.new_page()
    page.goto(session.url)
    page.get_by_role("link", name="Cancel and go back").click()
    assert page.url == practice + "/cards"
    page.close()
    assert sdk.v1.payment_methods.list({"customer": cleo.id}).data == []
