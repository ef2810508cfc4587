"""The stand-in as its own process: it starts by its name, keeps its state in a file and survives being killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stripe

from clinic.demo.stripe_server import StandIn
from tests.demo.conftest import SECRET, Receiver, client_of


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "clinic.demo.stripe_server", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_remembers_customers_cards_charges_and_keys(tmp_path: Path) -> None:
    port, state = _free_port(), str(tmp_path / "stripe.json")
    sdk = stripe.StripeClient("sk_test_x", base_addresses={"api": f"http://127.0.0.1:{port}"}, max_network_retries=0)
    with _running(port, "--state", state) as process:
        cleo = sdk.v1.customers.create({"name": "Cleo"})
        card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": cleo.id})
        charge: stripe.params.PaymentIntentCreateParams = {
            "amount": 9000,
            "currency": "usd",
            "customer": cleo.id,
            "payment_method": card.id,
            "off_session": True,
            "confirm": True,
        }
        paid = sdk.v1.payment_intents.create(charge, {"idempotency_key": "night-1"})
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
        log = process.stderr.read() if process.stderr else ""
    assert log.splitlines()[1:] == [
        "stripe stand-in: POST /v1/customers 200",
        "stripe stand-in: POST /v1/payment_methods/pm_card_visa/attach 200",
        "stripe stand-in: POST /v1/payment_intents 200",
    ]
    with _running(port, "--state", state):
        assert sdk.v1.payment_intents.create(charge, {"idempotency_key": "night-1"}).id == paid.id
        assert [intent.id for intent in sdk.v1.payment_intents.list({"customer": cleo.id}).data] == [paid.id]
        assert sdk.v1.payment_methods.list({"customer": cleo.id}).data[0].id == card.id


def test_a_key_of_a_request_that_died_with_its_process_is_free_again(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with StandIn.start(state=state) as stand_in:
        client_of(stand_in).v1.customers.create({"name": "Cleo"})
        stand_in.store.answers["dead"] = {
            "address": "/v1/customers",
            "params": {"name": "Otto"},
            "created": stand_in.store.now(),
            "request": "req_1",
            "status": None,
            "body": None,
        }
        stand_in.store.save()
    with StandIn.start(state=state) as stand_in:
        made = client_of(stand_in).v1.customers.create({"name": "Otto"}, {"idempotency_key": "dead"})
        assert made.name == "Otto"


def test_an_event_not_yet_delivered_is_delivered_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    nobody = f"http://127.0.0.1:{_free_port()}/"
    with StandIn.start(state=state, webhook_url=nobody, webhook_secret=SECRET) as stand_in:
        sdk = client_of(stand_in)
        sdk.v1.payment_intents.create(
            {
                "amount": 9000,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "off_session": True,
                "confirm": True,
            }
        )
    receiver = Receiver()
    try:
        with StandIn.start(state=state, webhook_url=receiver.url, webhook_secret=SECRET):
            assert [event.type for event in receiver.wait_for(1)] == ["payment_intent.succeeded"]
    finally:
        receiver.close()
