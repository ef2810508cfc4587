"""The stand-in for Stripe as the official SDK sees it: customers, cards, charges, refunds and refusals."""

import http.client
import json
import time

import pytest
import stripe

from clinic.demo.stripe_cards import CARDS
from clinic.demo.stripe_server import StandIn
from tests.demo.conftest import Charge


def test_a_customer_is_made_read_changed_and_deleted(sdk: stripe.StripeClient) -> None:
    made = sdk.v1.customers.create({"name": "Cleo", "email": "cleo@example.com", "metadata": {"payer": "7"}})
    assert (made.object, made.livemode, made.metadata["payer"] if made.metadata else None) == ("customer", False, "7")
    sdk.v1.customers.update(made.id, {"name": "Cleo B.", "metadata": {"payer": "", "client": "9"}})
    read = sdk.v1.customers.retrieve(made.id)
    assert (read.name, read.email) == ("Cleo B.", "cleo@example.com")
    assert read.metadata is not None
    assert dict(read.metadata.to_dict()) == {"client": "9"}
    assert sdk.v1.customers.delete(made.id).deleted is True
    assert sdk.v1.customers.retrieve(made.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.customers.update(made.id, {"name": "Ghost"})
    assert refused.value.code == "resource_missing"


def test_a_test_card_becomes_the_customers_own_card(sdk: stripe.StripeClient, cleo: stripe.Customer) -> None:
    card = sdk.v1.payment_methods.attach("pm_card_mastercard", {"customer": cleo.id})
    assert card.id.startswith("pm_")
    assert card.id != "pm_card_mastercard"
    assert card.customer == cleo.id
    assert card.card is not None
    assert (card.card.brand, card.card.last4) == ("mastercard", "4444")
    assert [listed.id for listed in sdk.v1.payment_methods.list({"customer": cleo.id}).data] == [card.id]
    assert sdk.v1.payment_methods.retrieve(card.id).customer == cleo.id


def test_a_card_let_go_is_charged_no_more(sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge) -> None:
    assert charge(card.id).status == "succeeded"
    assert sdk.v1.payment_methods.detach(card.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        charge(card.id)
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        sdk.v1.payment_methods.attach(card.id, {"customer": str(card.customer)})
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        sdk.v1.payment_methods.detach(card.id)


def test_deleting_a_customer_lets_the_cards_go(
    sdk: stripe.StripeClient, cleo: stripe.Customer, card: stripe.PaymentMethod
) -> None:
    sdk.v1.customers.delete(cleo.id)
    assert sdk.v1.payment_methods.retrieve(card.id).customer is None


def test_nobody_is_charged_on_another_customers_card(
    sdk: stripe.StripeClient, card: stripe.PaymentMethod, stand_in: StandIn
) -> None:
    otto = sdk.v1.customers.create({"name": "Otto"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.payment_intents.create(
            {
                "amount": 9000,
                "currency": "usd",
                "customer": otto.id,
                "payment_method": card.id,
                "off_session": True,
                "confirm": True,
            }
        )
    assert (refused.value.code, refused.value.param) == ("resource_missing", "payment_method")
    assert stand_in.charges() == []


def test_a_charge_keeps_what_it_was_told(sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge) -> None:
    made = charge(card.id)
    read = sdk.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge", "payment_method", "customer"]})
    assert (read.amount, read.amount_received, read.currency, read.status) == (9000, 9000, "usd", "succeeded")
    assert (read.description, read.receipt_email, read.metadata["attempt"]) == ("Invoice 1042", "cleo@example.com", "17")
    assert isinstance(read.latest_charge, stripe.Charge)
    assert read.latest_charge.paid
    assert isinstance(read.payment_method, stripe.PaymentMethod)
    assert read.payment_method.id == card.id
    assert isinstance(read.customer, stripe.Customer)
    assert read.customer.name == "Cleo"


def test_charges_are_found_by_customer_and_time(
    sdk: stripe.StripeClient, stand_in: StandIn, cleo: stripe.Customer, card: stripe.PaymentMethod, charge: Charge
) -> None:
    first = charge(card.id)
    stand_in.move_clock(forward_seconds=3600)
    second = charge(card.id)
    found = sdk.v1.payment_intents.list({"customer": cleo.id})
    assert [intent.id for intent in found.data] == [second.id, first.id]
    later = sdk.v1.payment_intents.list({"customer": cleo.id, "created": {"gte": first.created + 60}})
    assert [intent.id for intent in later.data] == [second.id]
    otto = sdk.v1.customers.create({"name": "Otto"})
    assert sdk.v1.payment_intents.list({"customer": otto.id}).data == []


def test_long_lists_come_in_pages(sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge) -> None:
    made = [charge(card.id).id for _ in range(5)]
    page = sdk.v1.payment_intents.list({"limit": 2})
    assert page.has_more
    assert [intent.id for intent in page.data] == made[:2:-1]
    assert [intent.id for intent in page.auto_paging_iter()] == made[::-1]


@pytest.mark.parametrize("test_card", [card for card in CARDS if card.decline], ids=lambda card: card.number)
def test_each_declining_card_says_why(
    sdk: stripe.StripeClient, cleo: stripe.Customer, charge: Charge, stand_in: StandIn, test_card: object
) -> None:
    card = next(listed for listed in CARDS if listed is test_card)
    method = sdk.v1.payment_methods.attach("pm_card_" + card.tokens[0], {"customer": cleo.id})
    with pytest.raises(stripe.CardError) as declined:
        charge(method.id)
    error = declined.value.error
    assert error is not None
    assert error.payment_intent is not None
    assert declined.value.http_status == 402
    assert error.decline_code == card.decline
    assert error.payment_intent["status"] == "requires_payment_method"
    assert error.payment_intent["last_payment_error"]["decline_code"] == card.decline
    assert error.payment_intent["metadata"]["attempt"] == "17"
    assert [(tried["paid"], tried["status"]) for tried in stand_in.charges()] == [(False, "failed")]


@pytest.mark.parametrize(
    ("token", "code", "decline_code", "advice_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required", None),
    ],
)
def test_a_decline_has_the_codes_of_the_table(
    sdk: stripe.StripeClient,
    cleo: stripe.Customer,
    charge: Charge,
    token: str,
    code: str,
    decline_code: str,
    advice_code: str | None,
) -> None:
    method = sdk.v1.payment_methods.attach(token, {"customer": cleo.id})
    with pytest.raises(stripe.CardError) as declined:
        charge(method.id)
    error = declined.value.error
    assert error is not None
    assert (error.code, error.decline_code, error.advice_code) == (code, decline_code, advice_code)


def test_a_declined_intent_is_paid_with_another_card(
    sdk: stripe.StripeClient, cleo: stripe.Customer, card: stripe.PaymentMethod, charge: Charge
) -> None:
    broke = sdk.v1.payment_methods.attach("pm_card_visa_chargeDeclinedInsufficientFunds", {"customer": cleo.id})
    with pytest.raises(stripe.CardError) as declined:
        charge(broke.id)
    assert declined.value.error is not None
    assert declined.value.error.payment_intent is not None
    intent = declined.value.error.payment_intent["id"]
    paid = sdk.v1.payment_intents.confirm(intent, {"payment_method": card.id, "off_session": True})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.payment_intents.confirm(intent, {"payment_method": card.id})
    assert refused.value.code == "payment_intent_unexpected_state"


def test_no_more_is_given_back_than_was_taken(
    sdk: stripe.StripeClient, card: stripe.PaymentMethod, charge: Charge, stand_in: StandIn
) -> None:
    paid = charge(card.id, amount=9000)
    refund = sdk.v1.refunds.create({"payment_intent": paid.id, "amount": 2500, "metadata": {"why": "credit"}})
    assert (refund.amount, refund.status, refund.payment_intent) == (2500, "succeeded", paid.id)
    with pytest.raises(stripe.InvalidRequestError, match=r"\$65\.01.*\$65\.00"):
        sdk.v1.refunds.create({"payment_intent": paid.id, "amount": 6501})
    assert sdk.v1.refunds.create({"charge": stand_in.charges()[0]["id"]}).amount == 6500
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    assert stand_in.charges()[0]["amount_refunded"] == 9000
    assert [listed.amount for listed in sdk.v1.refunds.list({"payment_intent": paid.id}).data] == [6500, 2500]


BASE = {"amount": 9000, "currency": "usd"}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({**BASE, "amuont": 1}, "parameter_unknown", "amuont"),
        ({**BASE, "automatic_payment_methods": {"enabled": True, "foo": 1}}, "parameter_unknown", None),
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": 9000}, "parameter_missing", "currency"),
        ({**BASE, "amount": 49}, "amount_too_small", "amount"),
        ({**BASE, "amount": 0}, "parameter_invalid_integer", "amount"),
        ({**BASE, "amount": -5}, "parameter_invalid_integer", "amount"),
        ({**BASE, "amount": "1e9"}, "parameter_invalid_integer", "amount"),
        ({**BASE, "amount": 10.5}, "parameter_invalid_integer", "amount"),
        ({**BASE, "amount": 100_000_000}, "amount_too_large", "amount"),
        ({**BASE, "currency": "dollars"}, None, "currency"),
        ({**BASE, "confirm": "perhaps"}, None, "confirm"),
        ({**BASE, "off_session": True}, None, "off_session"),
        ({**BASE, "receipt_email": "not an address"}, "email_invalid", "receipt_email"),
        ({**BASE, "customer": "cus_nobody"}, "resource_missing", "customer"),
        ({**BASE, "payment_method": "pm_nothing"}, "resource_missing", "payment_method"),
        ({**BASE, "expand": ["nonsense"]}, None, "expand"),
        ({**BASE, "confirm": True, "payment_method": "pm_card_visa"}, None, "return_url"),
        ({**BASE, "confirm": True, "off_session": True}, "payment_intent_unexpected_state", None),
    ],
)
def test_a_wrong_request_is_refused_and_named(
    sdk: stripe.StripeClient, stand_in: StandIn, params: dict[str, object], code: str | None, param: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.payment_intents.create(params)  # type: ignore[arg-type]
    assert refused.value.http_status == 400
    assert refused.value.code == code
    assert param is None or refused.value.param == param
    assert stand_in.charges() == []


def test_an_unknown_id_is_missing(sdk: stripe.StripeClient) -> None:
    for ask in (
        sdk.v1.payment_intents.retrieve,
        sdk.v1.customers.retrieve,
        sdk.v1.payment_methods.retrieve,
        sdk.v1.setup_intents.retrieve,
        sdk.v1.checkout.sessions.retrieve,
        sdk.v1.events.retrieve,
        sdk.v1.refunds.retrieve,
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            ask("xx_nothing")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


@pytest.mark.parametrize("key", ["pk_test_public", "sk_live_real", "nonsense"])
def test_only_a_secret_test_key_opens(stand_in: StandIn, key: str) -> None:
    stranger = stripe.StripeClient(key, base_addresses={"api": stand_in.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()


def _ask(
    stand_in: StandIn, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", stand_in.port, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_raw_http_is_refused_as_politely(stand_in: StandIn) -> None:
    key = {"Authorization": "Bearer sk_test_x"}
    assert _ask(stand_in, "GET", "/v1/customers")[0] == 401
    assert _ask(stand_in, "GET", "/v1/customers", headers=key)[0] == 200
    assert _ask(stand_in, "GET", "/v1/nothing", headers=key)[0] == 404
    assert _ask(stand_in, "POST", "/v1/customers", "a[b]=1&a=2", key)[0] == 400
    assert _ask(stand_in, "POST", "/v1/customers", "[[[=1", key)[0] == 400
    assert _ask(stand_in, "GET", "/v1/customers", headers={**key, "Host": "evil.example"})[0] == 421


HOSTILE = (
    "amount[%C2%B2]=1",
    "amount[0]=1&amount[99999999999999999999]=2",
    "amount=" + "9" * 5000,
    "amount=%00&currency=usd",
    "amount=9000&currency=usd&metadata=1",
    "amount=9000&currency=usd&metadata[a][b]=1",
    "amount=9000&currency=usd&metadata[" + "k" * 41 + "]=1",
    "amount=9000&currency=usd&description=" + "x" * 10_000,
    "amount=9000&currency=usd&expand=payment_method",
    "amount=9000&currency=usd&expand[]=payment_method.",
    "amount=9000&currency=usd&customer[]=cus_1",
    "amount=9000&currency=usd&automatic_payment_methods=1",
    "&".join(f"a{number}=1" for number in range(1001)),
    "a" + "[b]" * 50 + "=1",
    "%ff%fe=1",
)


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_nonsense_is_the_senders_fault(stand_in: StandIn, body: str) -> None:
    key = {"Authorization": "Bearer sk_test_x"}
    status, answer = _ask(stand_in, "POST", "/v1/payment_intents", body, key)
    assert status == 400
    assert isinstance(answer["error"], dict)
    assert _ask(stand_in, "GET", "/v1/payment_intents?" + body.split("&", maxsplit=1)[0], "", key)[0] == 400


def test_the_control_address_lets_a_process_outside_ask_for_faults(
    stand_in: StandIn, card: stripe.PaymentMethod, charge: Charge
) -> None:
    kind = {"Content-Type": "application/json"}
    wish = {"method": "POST", "path": "/v1/payment_intents", "mode": "error_after", "times": 1}
    assert _ask(stand_in, "POST", "/_control/fault", json.dumps(wish), kind) == (200, {"ok": True})
    with pytest.raises(stripe.APIError):
        charge(card.id)
    status, body = _ask(stand_in, "GET", "/_control/charges")
    assert status == 200
    assert isinstance(body["data"], list)
    assert len(body["data"]) == 1
    assert _ask(stand_in, "POST", "/_control/fault", json.dumps({"mode": "odd", "path": "/"}), kind)[0] == 400
    assert _ask(stand_in, "POST", "/_control/fault", json.dumps({"wrong": 1}), kind)[0] == 400
    assert _ask(stand_in, "POST", "/_control/fault", "no json", kind)[0] == 400
    # What a form on a web page could send is refused.
    assert _ask(stand_in, "POST", "/_control/reset", "{}", {"Content-Type": "text/plain"})[0] == 415
    assert _ask(stand_in, "POST", "/_control/reset", "{}", kind)[0] == 200
    assert (stand_in.charges(), stand_in.log()) == ([], [])


def test_the_log_tells_what_was_asked_but_no_card_number(stand_in: StandIn, sdk: stripe.StripeClient) -> None:
    sdk.v1.payment_methods.create(
        {"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}},
        {"idempotency_key": "save-1"},
    )
    entry = stand_in.log()[-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/payment_methods", 200)
    assert entry["idempotency_key"] == "save-1"
    assert entry["params"]["card"]["exp_year"] == "2040"
    assert "4242424242424242" not in json.dumps(stand_in.log()) + json.dumps(stand_in.store.objects)


def test_a_stopped_stand_in_answers_nobody() -> None:
    stand_in = StandIn.start()
    sdk = stripe.StripeClient("sk_test_x", base_addresses={"api": stand_in.url}, max_network_retries=0)
    sdk.v1.customers.create({"name": "Cleo"})
    stand_in.stop()
    began = time.monotonic()
    with pytest.raises(stripe.APIConnectionError):
        sdk.v1.customers.create({"name": "Otto"})
    assert time.monotonic() - began < 2
