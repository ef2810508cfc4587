"""One key, one effect: what the stand-in answers when a request comes again, is lost or goes wrong."""

import threading
import time

import pytest
import stripe

from clinic.demo.stripe_server import StandIn
from tests.demo.conftest import Charge, client_of

INTENTS = "/v1/payment_intents"


def _headers(error: stripe.StripeError) -> dict[str, str]:
    return dict(error.headers or {})


def test_the_same_key_gets_the_same_answer_and_one_charge(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    first = charge(card.id, "night-1")
    again = charge(card.id, "night-1")
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert first.last_response is not None
    assert first.last_response.headers is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(stand_in.charges()) == 1
    assert charge(card.id, "night-2").id != first.id
    assert len(stand_in.charges()) == 2


def test_a_key_is_refused_for_other_parameters(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    charge(card.id, "night-1", amount=9000)
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as refused:
        charge(card.id, "night-1", amount=9001)
    assert refused.value.http_status == 400
    assert len(stand_in.charges()) == 1


def test_a_key_is_refused_at_another_address(sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge) -> None:
    charge(card.id, "night-1")
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        sdk.v1.customers.create({"name": "Otto"}, {"idempotency_key": "night-1"})


def test_a_decline_is_kept_like_a_success(
    stand_in: StandIn, sdk: stripe.StripeClient, cleo: stripe.Customer, charge: Charge
) -> None:
    broke = sdk.v1.payment_methods.attach("pm_card_visa_chargeDeclinedInsufficientFunds", {"customer": cleo.id})
    seen = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            charge(broke.id, "night-1")
        seen.append((declined.value.json_body, "Idempotent-Replayed" in _headers(declined.value)))
    assert seen[0][0] == seen[1][0]
    assert [replayed for _, replayed in seen] == [False, True]
    assert len(stand_in.charges()) == 1


def test_a_500_after_charging_is_kept_so_a_retry_charges_nothing(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    stand_in.fault(INTENTS, "error_after")
    for replayed in (False, True):
        with pytest.raises(stripe.APIError) as failed:
            charge(card.id, "night-1")
        assert failed.value.http_status == 500
        assert ("Idempotent-Replayed" in _headers(failed.value)) is replayed
    assert [tried["paid"] for tried in stand_in.charges()] == [True]


def test_a_500_before_charging_charges_nothing_and_frees_the_key(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    stand_in.fault(INTENTS, "error_before")
    with pytest.raises(stripe.APIError):
        charge(card.id, "night-1")
    assert stand_in.charges() == []
    assert charge(card.id, "night-1").status == "succeeded"


def test_a_request_lost_on_the_way_in_did_nothing(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    stand_in.fault(INTENTS, "lost_before")
    with pytest.raises(stripe.APIConnectionError):
        charge(card.id, "night-1")
    assert stand_in.charges() == []
    assert (stand_in.log()[-1]["status"], stand_in.log()[-1]["fault"]) == (None, "lost_before")
    assert charge(card.id, "night-1").status == "succeeded"
    assert len(stand_in.charges()) == 1


def test_an_answer_lost_on_the_way_back_is_found_again_by_its_key(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    stand_in.fault(INTENTS, "lost_after")
    with pytest.raises(stripe.APIConnectionError):
        charge(card.id, "night-1")
    assert len(stand_in.charges()) == 1
    assert charge(card.id, "night-1").latest_charge == stand_in.charges()[0]["id"]
    assert len(stand_in.charges()) == 1


def test_the_sdks_own_retry_charges_once(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    stand_in.fault(INTENTS, "lost_after")
    assert charge(card.id, client=client_of(stand_in, retries=2)).status == "succeeded"
    assert len(stand_in.charges()) == 1
    assert [entry["is_replayed"] for entry in stand_in.log() if entry["path"] == INTENTS] == [False, True]


def test_too_many_requests_charge_nothing(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    stand_in.fault(INTENTS, "rate_limited")
    with pytest.raises(stripe.RateLimitError):
        charge(card.id, "night-1")
    assert stand_in.charges() == []
    assert charge(card.id, "night-1").status == "succeeded"


def test_a_fault_strikes_only_where_and_as_often_as_asked(
    stand_in: StandIn, sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge
) -> None:
    stand_in.fault(INTENTS, "rate_limited", times=2)
    assert sdk.v1.payment_intents.list().data == []
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            charge(card.id)
    assert charge(card.id).status == "succeeded"


def test_the_same_key_twice_at_once_is_a_conflict(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    stand_in.fault(INTENTS, "slow", seconds=1.0)
    first: list[stripe.PaymentIntent] = []
    slow = threading.Thread(target=lambda: first.append(charge(card.id, "night-1", client=client_of(stand_in))))
    slow.start()
    while not any(kept["status"] is None for kept in list(stand_in.store.answers.values())):
        time.sleep(0.01)
    with pytest.raises(stripe.APIError) as refused:
        charge(card.id, "night-1")
    assert (refused.value.http_status, refused.value.error.code if refused.value.error else None) == (
        409,
        "idempotency_key_in_use",
    )
    slow.join()
    assert charge(card.id, "night-1").id == first[0].id
    assert len(stand_in.charges()) == 1


def test_what_was_refused_before_it_ran_leaves_the_key_free(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charge(card.id, "night-1", amount=10)
    assert refused.value.code == "amount_too_small"
    assert charge(card.id, "night-1", amount=9000).status == "succeeded"


def test_after_a_day_the_key_is_new_again(stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge) -> None:
    charge(card.id, "night-1")
    stand_in.move_clock(forward_seconds=23 * 3600)
    charge(card.id, "night-1")
    assert len(stand_in.charges()) == 1
    stand_in.move_clock(forward_seconds=2 * 3600)
    charge(card.id, "night-1")
    assert len(stand_in.charges()) == 2


def test_an_endless_key_is_refused(card: stripe.PaymentMethod, charge: Charge) -> None:
    assert charge(card.id, "k" * 255).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        charge(card.id, "k" * 256)
