"""Customers, the cards attached to them, and the intents that saved those cards."""

from datetime import UTC, datetime
from typing import Any

from clinic.demo import stripe_cards
from clinic.demo.stripe_cards import TestCard
from clinic.demo.stripe_errors import ApiError, Json, invalid, missing_parameter, missing_resource
from clinic.demo.stripe_params import PAGE, Shape
from clinic.demo.stripe_store import Store, is_within, page

ADDRESS: Shape = dict.fromkeys(("line1", "line2", "city", "state", "postal_code", "country"), "text")
CUSTOMER: dict[str, Shape] = {
    "name": "text",
    "email": "email",
    "phone": "text",
    "description": "text",
    "address": ADDRESS,
    "preferred_locales": ["text"],
    "invoice_settings": {"default_payment_method": "text"},
    "metadata": "metadata",
    "expand": ["text"],
}
CUSTOMER_CREATE = {**CUSTOMER, "payment_method": "text"}
CUSTOMER_LIST: dict[str, Shape] = {**PAGE, "email": "text", "created": "created"}
METHOD_CREATE: dict[str, Shape] = {
    "type": "!=card",
    "card": {"number": "text", "exp_month": "integer", "exp_year": "integer", "cvc": "text", "token": "text"},
    "billing_details": {"name": "text", "email": "text", "phone": "text", "address": ADDRESS},
    "metadata": "metadata",
    "expand": ["text"],
}
METHOD_LIST: dict[str, Shape] = {**PAGE, "customer": "text", "type": "=card"}
METHOD_ATTACH: dict[str, Shape] = {"customer": "!text", "expand": ["text"]}
ONLY_EXPAND: dict[str, Shape] = {"expand": ["text"]}


def create(store: Store, params: Json) -> Json:
    """Create a customer, with a card when one is named."""
    token = params.pop("payment_method", None)
    params.pop("expand", None)
    customer = store.add("customer", _customer(params))
    if token is not None:
        try:
            attach(store, token, {"customer": customer["id"]})
        except ApiError:
            store.remove("customer", customer["id"])
            raise
    return customer


def _customer(params: Json) -> Json:
    settings = params.get("invoice_settings", {})
    return {
        "address": params.get("address"),
        "balance": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": "STANDIN",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": settings.get("default_payment_method"),
            "footer": None,
            "rendering_options": None,
        },
        "metadata": params.get("metadata", {}),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": params.get("preferred_locales", []),
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def retrieve(store: Store, identity: str) -> Json:
    """Give a customer; a deleted one shows only that it is deleted."""
    customer = store.find("customer", identity, in_path=True)
    if customer.get("deleted"):
        return {"id": identity, "object": "customer", "deleted": True}
    return customer


def update(store: Store, identity: str, params: Json) -> Json:
    """Change what is named and leave the rest; an empty text clears."""
    customer = store.find("customer", identity, param="customer")
    params.pop("expand", None)
    customer["metadata"] = merged(customer["metadata"], params.pop("metadata", {}))
    customer["invoice_settings"].update(params.pop("invoice_settings", {}))
    customer.update({name: value if value != "" else None for name, value in params.items()})
    return customer


def delete(store: Store, identity: str) -> Json:
    """Delete a customer for good; the cards are let go."""
    customer = store.find("customer", identity, in_path=True)
    if customer.get("deleted"):
        raise missing_resource("customer", identity, in_path=True)
    customer["deleted"] = True
    for method in store.where("payment_method", lambda method: method["customer"] == identity):
        _let_go(method)
    return {"id": identity, "object": "customer", "deleted": True}


def list_customers(store: Store, params: Json) -> Json:
    """List customers, by e-mail or time when asked."""
    found = store.where(
        "customer",
        lambda kept: (
            not kept.get("deleted")
            and params.get("email", kept["email"]) == kept["email"]
            and is_within(kept["created"], params.get("created"))
        ),
    )
    return page(found, params, "/v1/customers")


def merged(kept: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Merge metadata as the API does: a named key is replaced, an empty one is removed."""
    return {key: value for key, value in {**kept, **given}.items() if value != ""}


def make_method(
    store: Store, card: TestCard, *, month: int | None = None, year: int | None = None, billing: Json | None = None
) -> Json:
    """Keep a card as a payment method of nobody yet. Its number is not kept."""
    details: Json = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None, **(billing or {})}
    next_year = 1 + year_and_month(store)[0]
    return store.add(
        "payment_method",
        {
            "allow_redisplay": "unspecified",
            "billing_details": details,
            "card": stripe_cards.card_object(card, month=month or 12, year=year or next_year),
            "customer": None,
            "metadata": {},
            "type": "card",
            "_decline": card.decline,
            "_is_disputed": card.is_disputed,
            "_was_detached": False,
            "_was_used": False,
        },
    )


def year_and_month(store: Store) -> tuple[int, int]:
    """Give the stand-in's year and month, to compare a card's expiry with."""
    today = datetime.fromtimestamp(store.now(), UTC)
    return today.year, today.month


def create_method(store: Store, params: Json) -> Json:
    """Create a payment method from a test number or token."""
    given: dict[str, Any] = params.get("card", {})
    if "token" in given:
        card = stripe_cards.BY_TOKEN.get(given["token"])
        if card is None:
            raise missing_resource("token", given["token"], param="card[token]")
        method = make_method(store, card, billing=params.get("billing_details"))
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in given:
                raise missing_parameter(f"card[{name}]")
        card = card_numbered(given["number"])
        month, year = given["exp_month"], given["exp_year"]
        refuse_expiry(store, month=month, year=year)
        method = make_method(store, card, month=month, year=year, billing=params.get("billing_details"))
    method["metadata"] = params.get("metadata", {})
    return method


def card_numbered(number: str) -> TestCard:
    """Find the test card, or refuse the number as a cardholder would read it (402)."""
    digits = number.replace(" ", "").replace("-", "")
    if not stripe_cards.is_well_formed(digits):
        raise ApiError(402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="number")
    card = stripe_cards.BY_NUMBER.get(digits)
    if card is None:
        decline = stripe_cards.DECLINES["test_mode_live_card"]
        raise ApiError(402, "card_error", decline.message, code=decline.code, decline_code=decline.decline_code)
    return card


def refuse_expiry(store: Store, *, month: int, year: int) -> None:
    """Refuse an expiry that is no month or is over (402)."""
    if not 1 <= month <= 12:
        message = "Your card's expiration month is invalid."
        raise ApiError(402, "card_error", message, code="invalid_expiry_month", param="exp_month")
    this_year, this_month = year_and_month(store)
    if stripe_cards.is_past(month=month, year=year, today=(this_year, this_month)) or year > this_year + 50:
        message = "Your card's expiration year is invalid."
        raise ApiError(402, "card_error", message, code="invalid_expiry_year", param="exp_year")


def method_named(store: Store, token: str, *, param: str = "payment_method", in_path: bool = False) -> Json:
    """Find a payment method, or make one when the id is a test token such as pm_card_visa."""
    card = stripe_cards.BY_TOKEN.get(token)
    if card is not None and token.startswith("pm_card_"):
        return make_method(store, card)
    return store.find("payment_method", token, param=param, in_path=in_path)


def attach(store: Store, token: str, params: Json) -> Json:
    """Give a card to a customer; one that was let go, or was used alone, stays unusable."""
    customer = store.find("customer", params["customer"], param="customer")
    method = method_named(store, token, in_path=True)
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise invalid("The payment method you provided has already been attached to a customer.")
    if method["_was_detached"] or method["_was_used"]:
        raise invalid(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again."
        )
    method["customer"] = customer["id"]
    return method


def detach(store: Store, identity: str) -> Json:
    """Take a card from its customer, for good."""
    method = store.find("payment_method", identity, in_path=True)
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    customer = store.find("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == identity:
        customer["invoice_settings"]["default_payment_method"] = None
    _let_go(method)
    return method


def _let_go(method: Json) -> None:
    method["customer"] = None
    method["_was_detached"] = True


def list_methods(store: Store, params: Json) -> Json:
    """List one customer's cards."""
    if "customer" not in params:
        raise missing_parameter("customer")
    store.find("customer", params["customer"], param="customer")
    found = store.where("payment_method", lambda method: method["customer"] == params["customer"])
    return page(found, params, "/v1/payment_methods")


def customer_methods(store: Store, customer: str, params: Json) -> Json:
    """List the cards below a customer's own address."""
    store.find("customer", customer, in_path=True)
    answer = list_methods(store, {**params, "customer": customer})
    return {**answer, "url": f"/v1/customers/{customer}/payment_methods"}


def make_setup_intent(store: Store, customer: str | None, params: Json) -> Json:
    """Begin saving a card for use without the customer there."""
    intent = store.add(
        "setup_intent",
        {
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "customer": customer,
            "description": params.get("description"),
            "last_setup_error": None,
            "latest_attempt": None,
            "mandate": None,
            "metadata": params.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
        },
    )
    intent["client_secret"] = intent["id"] + "_secret_standin"
    return intent
