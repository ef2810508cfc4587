"""A fresh stand-in for Stripe per test, the official SDK pointed at it, and somebody who receives its webhooks."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from clinic.demo.stripe_server import StandIn

SECRET = "whsec_practice"


def client_of(stand_in: StandIn, retries: int = 0) -> stripe.StripeClient:
    """Give the SDK as the app uses it; without retries a test sees each answer."""
    return stripe.StripeClient("sk_test_demo", base_addresses={"api": stand_in.url}, max_network_retries=retries)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Start a stand-in that remembers nothing."""
    with StandIn.start() as running:
        yield running


@pytest.fixture
def sdk(stand_in: StandIn) -> stripe.StripeClient:
    """Give the SDK pointed at the stand-in."""
    return client_of(stand_in)


@pytest.fixture
def cleo(sdk: stripe.StripeClient) -> stripe.Customer:
    """Make Cleo a customer without a card."""
    return sdk.v1.customers.create({"name": "Cleo", "email": "cleo@example.com"})


@pytest.fixture
def card(sdk: stripe.StripeClient, cleo: stripe.Customer) -> stripe.PaymentMethod:
    """Give Cleo a card that pays."""
    return sdk.v1.payment_methods.attach("pm_card_visa", {"customer": cleo.id})


Charge = Callable[..., stripe.PaymentIntent]


@pytest.fixture
def charge(sdk: stripe.StripeClient, cleo: stripe.Customer) -> Charge:
    """Charge one of Cleo's cards while she is away, as the night does."""

    def do(method: str, key: str | None = None, amount: int = 9000, client: stripe.StripeClient = sdk) -> stripe.PaymentIntent:
        return client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "customer": cleo.id,
                "payment_method": method,
                "off_session": True,
                "confirm": True,
                "description": "Invoice 1042",
                "metadata": {"attempt": "17"},
                "receipt_email": "cleo@example.com",
            },
            {"idempotency_key": key} if key else {},
        )

    return do


class Receiver:
    """A webhook address that keeps what it gets, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.got.append((payload, self.headers["Stripe-Signature"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/stripe/webhook"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def wait_for(self, count: int, seconds: float = 10) -> list[stripe.Event]:
        """Give the first `count` events, each with its signature checked by the SDK."""
        end = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < end:
            time.sleep(0.02)
        return [stripe.Webhook.construct_event(payload, signed, SECRET) for payload, signed in self.got]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(stand_in: StandIn) -> Iterator[Receiver]:
    """Listen for the stand-in's webhooks."""
    listening = Receiver()
    stand_in.deliver_to(listening.url, SECRET)
    stand_in.deliverer.retry_seconds = 0.05
    yield listening
    listening.close()
