"""The stand-in as its own process: it starts by its name, keeps its state in a file and survives being killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
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


def test_a_process_killed_before_it_charged_leaves_the_key_free(tmp_path: Path) -> None:
    port, state = _free_port(), str(tmp_path / "stripe.json")
    address = f"http://127.0.0.1:{port}"
    sdk = stripe.StripeClient("sk_test_x", base_addresses={"api": address}, max_network_retries=0)
    charge: stripe.params.PaymentIntentCreateParams = {
        "amount": 9000,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "off_session": True,
        "confirm": True,
    }
    wish = json.dumps({"path": "/v1/payment_intents", "mode": "slow", "seconds": 60}).encode()
    with _running(port, "--state", state) as process:
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{address}/_control/fault", wish, headers)).close()
        threading.Timer(0.5, process.kill).start()
        with pytest.raises(stripe.APIConnectionError):
            sdk.v1.payment_intents.create(charge, {"idempotency_key": "night-1"})
    with _running(port, "--state", state):
        assert sdk.v1.payment_intents.list().data == []
        assert sdk.v1.payment_intents.create(charge, {"idempotency_key": "night-1"}).status == "succeeded"


def test_a_change_cut_short_on_disk_never_happened(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with StandIn.start(state=state) as stand_in:
        client_of(stand_in).v1.customers.create({"name": "Cleo"})
        client_of(stand_in).v1.customers.create({"name": "Otto"})
    state.write_bytes(state.read_bytes()[:-40])
    for _ in range(2):
        with StandIn.start(state=state) as stand_in:
            assert [kept.name for kept in client_of(stand_in).v1.customers.list().data] == ["Cleo"]


def test_what_is_let_go_deleted_or_reset_stays_so_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with StandIn.start(state=state) as stand_in:
        sdk = client_of(stand_in)
        cleo, otto = sdk.v1.customers.create({"name": "Cleo"}), sdk.v1.customers.create({"name": "Otto"})
        card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": cleo.id})
        other = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": otto.id})
        sdk.v1.payment_methods.detach(card.id)
        sdk.v1.customers.delete(otto.id)
    with StandIn.start(state=state) as stand_in:
        sdk = client_of(stand_in)
        assert sdk.v1.customers.retrieve(otto.id).deleted is True
        assert sdk.v1.payment_methods.retrieve(other.id).customer is None
        assert sdk.v1.payment_methods.list({"customer": cleo.id}).data == []
        with pytest.raises(stripe.InvalidRequestError, match="detached"):
            sdk.v1.payment_methods.attach(card.id, {"customer": cleo.id})
        stand_in.reset()
    with StandIn.start(state=state) as stand_in:
        assert client_of(stand_in).v1.customers.list().data == []


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
