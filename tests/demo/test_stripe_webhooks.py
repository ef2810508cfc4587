"""Events and their delivery: signed, repeated until accepted, and badly behaved when a test asks."""

import time
from collections.abc import Callable
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import stripe

from clinic.demo.stripe_server import StandIn
from tests.demo.conftest import SECRET, Charge, Receiver


def _wait(is_so: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    assert is_so()


def test_what_happens_to_money_is_told_signed(
    sdk: stripe.StripeClient, cleo: stripe.Customer, card: stripe.PaymentMethod, charge: Charge, receiver: Receiver
) -> None:
    paid = charge(card.id, "night-1")
    broke = sdk.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": cleo.id})
    with pytest.raises(stripe.CardError):
        charge(broke.id)
    sdk.v1.refunds.create({"payment_intent": paid.id, "amount": 1000})
    events = receiver.wait_for(3)
    assert [event.type for event in events] == [
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
    ]
    assert events[0].data.object["id"] == paid.id
    assert events[0].data.object["metadata"]["attempt"] == "17"
    assert events[0].request is not None
    assert events[0].request.idempotency_key == "night-1"
    assert events[1].data.object["last_payment_error"]["decline_code"] == "generic_decline"
    assert (events[2].data.object["amount_refunded"], events[2].data.object["refunded"]) == (1000, False)
    listed = sdk.v1.events.list({"type": "payment_intent.succeeded"})
    assert [event.id for event in listed.data] == [events[0].id]
    assert sdk.v1.events.retrieve(events[0].id).data.object["id"] == paid.id


def test_a_completed_page_is_told_after_its_payment(
    sdk: stripe.StripeClient, cleo: stripe.Customer, receiver: Receiver
) -> None:
    session = sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": cleo.id,
            "success_url": "http://127.0.0.1:9/paid",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "usd", "unit_amount": 9000, "product_data": {"name": "Invoice 1042"}},
                }
            ],
        }
    )
    assert session.url is not None
    fields = urlencode({"card_number": "4242424242424242", "expiry": "0840", "cvc": "123"}).encode()
    with pytest.raises(OSError, match="refused"):
        # Nobody listens at the practice's address; the page has sent the browser there.
        urlopen(session.url, fields)
    paid, completed = receiver.wait_for(2)
    assert (paid.type, completed.type) == ("payment_intent.succeeded", "checkout.session.completed")
    told = completed.data.object
    assert (told["id"], told["status"], told["payment_status"]) == (session.id, "complete", "paid")
    assert (told["customer"], told["payment_intent"]) == (cleo.id, paid.data.object["id"])


def test_a_wrong_secret_does_not_verify(card: stripe.PaymentMethod, charge: Charge, receiver: Receiver) -> None:
    charge(card.id)
    receiver.wait_for(1)
    payload, signed = receiver.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, signed, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload.replace("9000", "1"), signed, SECRET)


def test_a_replayed_request_makes_no_second_event(card: stripe.PaymentMethod, charge: Charge, sdk: stripe.StripeClient) -> None:
    charge(card.id, "night-1")
    charge(card.id, "night-1")
    assert len(sdk.v1.events.list().data) == 1


def test_delivery_is_tried_again_until_accepted(
    sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn
) -> None:
    receiver.statuses = [500, 404]
    charge(card.id)
    events = receiver.wait_for(3)
    assert len({event.id for event in events}) == 1
    _wait(lambda: sdk.v1.events.retrieve(events[0].id).pending_webhooks == 0)
    assert [tried["status"] for tried in stand_in.deliveries()] == [500, 404, 200]


def test_an_event_can_come_twice(card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn) -> None:
    stand_in.webhooks("duplicate")
    charge(card.id)
    events = receiver.wait_for(2)
    assert len(events) == 2
    assert len({event.id for event in events}) == 1


def test_an_event_can_come_late(card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn) -> None:
    stand_in.webhooks("delayed", seconds=1.5)
    charge(card.id)
    time.sleep(0.15)
    assert receiver.got == []
    assert len(receiver.wait_for(1)) == 1


def test_events_can_overtake_each_other(
    sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn
) -> None:
    stand_in.webhooks("reordered", seconds=3)
    paid = charge(card.id)
    sdk.v1.refunds.create({"payment_intent": paid.id})
    assert [event.type for event in receiver.wait_for(2)] == ["charge.refunded", "payment_intent.succeeded"]


def test_a_forged_event_does_not_verify_and_is_not_repeated(
    card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn
) -> None:
    stand_in.webhooks("forged")
    receiver.statuses = [400]
    charge(card.id)
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.wait_for(1)
    time.sleep(0.2)
    assert len(receiver.got) == 1


def test_held_events_are_sent_when_delivery_is_on_again(
    card: stripe.PaymentMethod, charge: Charge, receiver: Receiver, stand_in: StandIn
) -> None:
    stand_in.webhooks("off")
    charge(card.id)
    time.sleep(0.15)
    assert receiver.got == []
    stand_in.webhooks("normal")
    assert len(receiver.wait_for(1)) == 1


def test_an_event_of_any_kind_can_be_asked_for(receiver: Receiver, stand_in: StandIn) -> None:
    stand_in.emit("charge.dispute.created", {"object": "dispute", "id": "dp_1", "amount": 9000})
    assert receiver.wait_for(1)[0].type == "charge.dispute.created"


def test_no_address_means_no_delivery(card: stripe.PaymentMethod, charge: Charge, stand_in: StandIn) -> None:
    charge(card.id)
    assert stand_in.deliveries() == []
