"""The hosted page: a customer saves a card or pays, is refused, turns back, or is asked by the bank."""

import http.client
import re
import urllib.parse

import pytest
import stripe

from clinic.demo.stripe_server import StandIn
from tests.demo.conftest import Charge

BACK = "http://127.0.0.1:8000/billing/cards/added?session_id={CHECKOUT_SESSION_ID}"
CANCEL = "http://127.0.0.1:8000/billing?left=1&by=choice"
GOOD = {"card_number": "4242 4242 4242 4242", "expiry": "08 / 40", "cvc": "123"}


class Browser:
    """A browser without JavaScript: it fetches, posts and does not follow."""

    def __init__(self, stand_in: StandIn, session: stripe.checkout.Session) -> None:
        assert session.url is not None
        self.stand_in = stand_in
        self.path = urllib.parse.urlsplit(session.url).path

    def ask(self, fields: dict[str, str] | None = None) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.stand_in.port, timeout=5)
        try:
            if fields is None:
                connection.request("GET", self.path)
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", self.path, urllib.parse.urlencode(fields), kind)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()


@pytest.fixture
def saving(sdk: stripe.StripeClient, cleo: stripe.Customer) -> stripe.checkout.Session:
    return sdk.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": cleo.id,
            "currency": "usd",
            "success_url": BACK,
            "cancel_url": CANCEL,
            "setup_intent_data": {"metadata": {"payer": "7"}},
        }
    )


@pytest.fixture
def paying(sdk: stripe.StripeClient, cleo: stripe.Customer) -> stripe.checkout.Session:
    return sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": cleo.id,
            "success_url": BACK,
            "cancel_url": CANCEL,
            "line_items": [
                {
                    "quantity": 2,
                    "price_data": {"currency": "usd", "unit_amount": 4550, "product_data": {"name": "Invoice <1042>"}},
                }
            ],
            "payment_intent_data": {"description": "Invoice 1042", "metadata": {"attempt": "17"}},
        }
    )


def test_a_saved_card_can_be_charged_at_night(
    stand_in: StandIn, sdk: stripe.StripeClient, saving: stripe.checkout.Session, cleo: stripe.Customer, charge: Charge
) -> None:
    browser = Browser(stand_in, saving)
    status, html, headers = browser.ask()
    assert status == 200
    assert "Save your card" in html
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self' http://127.0.0.1:8000"
    )
    status, _, headers = browser.ask(GOOD)
    assert (status, headers["Location"]) == (303, BACK.replace("{CHECKOUT_SESSION_ID}", saving.id))
    done = sdk.v1.checkout.sessions.retrieve(saving.id, {"expand": ["setup_intent.payment_method"]})
    assert (done.status, done.payment_status, done.customer, done.url) == (
        "complete",
        "no_payment_required",
        cleo.id,
        None,
    )
    assert isinstance(done.setup_intent, stripe.SetupIntent)
    assert (done.setup_intent.status, done.setup_intent.metadata["payer"] if done.setup_intent.metadata else "") == (
        "succeeded",
        "7",
    )
    card = done.setup_intent.payment_method
    assert isinstance(card, stripe.PaymentMethod)
    assert card.card is not None
    assert (card.customer, card.card.last4, card.card.exp_month, card.card.exp_year) == (cleo.id, "4242", 8, 2040)
    read = sdk.v1.setup_intents.retrieve(done.setup_intent.id)
    assert read.payment_method == card.id
    assert charge(card.id).status == "succeeded"


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"card_number": "4242424242424241"}, "card_number", "Your card number is incorrect."),
        ({"card_number": "abc"}, "card_number", "Your card number is incorrect."),
        ({"card_number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "card_number", "Your card number is incorrect."),
        ({"card_number": "4111111111111111"}, "card_number", "used a non test card"),
        ({"card_number": ""}, "card_number", "Enter your card number."),
        ({"expiry": "13 / 40"}, "expiry", "expiration month is invalid"),
        ({"expiry": "01 / 20"}, "expiry", "expiration year is invalid"),
        ({"expiry": "soon"}, "expiry", "Enter the expiry"),
        ({"cvc": "12"}, "cvc", "Enter the 3 digits"),
        ({"card_number": "378282246310005"}, "cvc", "Enter the 4 digits"),
    ],
)
def test_a_mistyped_card_is_shown_again_with_what_is_wrong(
    stand_in: StandIn,
    sdk: stripe.StripeClient,
    saving: stripe.checkout.Session,
    changed: dict[str, str],
    field: str,
    says: str,
) -> None:
    status, html, _ = Browser(stand_in, saving).ask({**GOOD, "name": 'Cleo "<b>"', **changed})
    assert status == 422
    found = re.search(rf'id="{field}-error">([^<]*)<', html)
    assert found is not None
    assert says in found[1].replace("&#x27;", "'")
    assert "Cleo &quot;&lt;b&gt;&quot;" in html
    assert "<b>" not in html
    assert sdk.v1.checkout.sessions.retrieve(saving.id).status == "open"


def test_a_card_that_declines_is_not_saved_but_one_that_declines_later_is(
    stand_in: StandIn, sdk: stripe.StripeClient, saving: stripe.checkout.Session, cleo: stripe.Customer, charge: Charge
) -> None:
    browser = Browser(stand_in, saving)
    status, html, _ = browser.ask({**GOOD, "card_number": "4000000000009995"})
    assert status == 402
    assert "insufficient funds" in html
    assert sdk.v1.payment_methods.list({"customer": cleo.id}).data == []
    assert browser.ask({**GOOD, "card_number": "4000000000000341"})[0] == 303
    card = sdk.v1.payment_methods.list({"customer": cleo.id}).data[0]
    with pytest.raises(stripe.CardError):
        charge(card.id)


def test_paying_takes_the_money_once(stand_in: StandIn, sdk: stripe.StripeClient, paying: stripe.checkout.Session) -> None:
    browser = Browser(stand_in, paying)
    html = browser.ask()[1]
    assert "Pay $91.00" in html
    assert "Invoice &lt;1042&gt; × 2" in html
    for _ in range(2):
        status, _, headers = browser.ask(GOOD)
        assert (status, headers["Location"]) == (303, BACK.replace("{CHECKOUT_SESSION_ID}", paying.id))
    done = sdk.v1.checkout.sessions.retrieve(paying.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "paid", 9100)
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert (done.payment_intent.amount_received, done.payment_intent.metadata["attempt"]) == (9100, "17")
    assert len(stand_in.charges()) == 1
    assert "has been completed" in browser.ask()[1]


def test_a_declined_payment_can_be_tried_with_another_card(
    stand_in: StandIn, sdk: stripe.StripeClient, paying: stripe.checkout.Session
) -> None:
    browser = Browser(stand_in, paying)
    status, html, _ = browser.ask({**GOOD, "card_number": "4000000000000002"})
    assert status == 402
    assert "Your card was declined." in html
    assert 'value="08 / 40"' in html
    assert 'id="cvc" name="cvc" value=""' in html
    assert browser.ask(GOOD)[0] == 303
    assert [tried["paid"] for tried in stand_in.charges()] == [False, True]
    assert len(sdk.v1.payment_intents.list().data) == 1


def test_the_bank_is_asked_and_may_refuse(stand_in: StandIn, sdk: stripe.StripeClient, paying: stripe.checkout.Session) -> None:
    browser = Browser(stand_in, paying)
    asked = {**GOOD, "card_number": "4000002760003184"}
    assert browser.ask(asked)[2]["Location"] == browser.path
    assert "Your bank asks you to confirm" in browser.ask()[1]
    status, html, _ = browser.ask({"authentication": "refuse"})
    assert status == 402
    assert "unable to authenticate" in html
    assert stand_in.charges() == []
    browser.ask(asked)
    assert browser.ask({"authentication": "approve"})[2]["Location"].endswith(paying.id)
    assert [tried["paid"] for tried in stand_in.charges()] == [True]


def test_who_turns_back_leaves_everything_as_it_was(
    stand_in: StandIn, sdk: stripe.StripeClient, saving: stripe.checkout.Session
) -> None:
    html = Browser(stand_in, saving).ask()[1]
    assert '<a href="http://127.0.0.1:8000/billing?left=1&amp;by=choice">Cancel and go back</a>' in html
    assert sdk.v1.checkout.sessions.retrieve(saving.id).status == "open"


def test_a_page_expires_by_time_or_by_wish(
    stand_in: StandIn,
    sdk: stripe.StripeClient,
    saving: stripe.checkout.Session,
    paying: stripe.checkout.Session,
    cleo: stripe.Customer,
) -> None:
    assert sdk.v1.checkout.sessions.expire(paying.id).status == "expired"
    stand_in.move_clock(forward_seconds=25 * 3600)
    for session in (paying, saving):
        status, html, _ = Browser(stand_in, session).ask(GOOD)
        assert status == 200
        assert "This page has expired" in html
        assert sdk.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert stand_in.charges() == []
    assert sdk.v1.payment_methods.list({"customer": cleo.id}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.checkout.sessions.expire(paying.id)


ITEM = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 9000, "product_data": {"name": "Invoice"}}}
SETUP = {"mode": "setup", "success_url": BACK, "currency": "usd"}
PAYMENT = {"mode": "payment", "success_url": BACK, "line_items": [ITEM]}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({**SETUP, "surprise": 1}, "surprise"),
        ({"mode": "setup", "success_url": BACK}, "currency"),
        ({"mode": "setup", "currency": "usd"}, "success_url"),
        ({**SETUP, "mode": "subscription"}, "mode"),
        ({**SETUP, "success_url": "/relative"}, "success_url"),
        ({**SETUP, "success_url": "javascript:alert(1)"}, "success_url"),
        ({**SETUP, "customer": "cus_nobody"}, "customer"),
        ({**SETUP, "line_items": [ITEM]}, "line_items"),
        ({**SETUP, "expires_at": 5}, "expires_at"),
        ({"mode": "payment", "success_url": BACK}, "line_items"),
        ({**PAYMENT, "line_items": [{"quantity": 1}]}, "line_items[0][price_data]"),
        ({**PAYMENT, "line_items": [{**ITEM, "quantity": 0}]}, "line_items[0][quantity]"),
        ({**PAYMENT, "line_items": [{**ITEM, "colour": "red"}]}, "line_items[0][colour]"),
        ({**PAYMENT, "setup_intent_data": {"description": "x"}}, "setup_intent_data"),
    ],
)
def test_a_wrong_session_is_refused_and_named(sdk: stripe.StripeClient, params: dict[str, object], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.checkout.sessions.create(params)  # type: ignore[arg-type]
    assert (refused.value.http_status, refused.value.param) == (400, param)


def test_an_unknown_page_is_not_found(stand_in: StandIn, saving: stripe.checkout.Session) -> None:
    browser = Browser(stand_in, saving)
    browser.path = "/c/pay/cs_test_nothing"
    assert browser.ask()[0] == 404
    assert browser.ask(GOOD)[0] == 404
    browser.path = "/c/pay.css"
    status, css, headers = browser.ask()
    assert status == 200
    assert headers["Content-Type"].startswith("text/css")
    assert "main" in css
