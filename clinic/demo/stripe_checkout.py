"""Checkout sessions: what the practice asks for and what completing the hosted page changes."""

from copy import deepcopy

from clinic.demo import stripe_customers, stripe_payments, stripe_webhooks
from clinic.demo.stripe_cards import DECLINES
from clinic.demo.stripe_errors import ApiError, Json, invalid, missing_parameter
from clinic.demo.stripe_params import AMOUNT_MAX_CENTS, PAGE, Shape, refuse_small
from clinic.demo.stripe_store import Store, is_within, page

LIFE_SECONDS = 24 * 3600
LIFE_SECONDS_MIN = 30 * 60
LINE_ITEMS_MAX = 100

SESSION_CREATE: dict[str, Shape] = {
    "mode": "!=payment|setup",
    "success_url": "!url",
    "cancel_url": "url",
    "currency": "currency",
    "customer": "text",
    "customer_email": "email",
    "customer_creation": "=always|if_required",
    "client_reference_id": "text",
    "metadata": "metadata",
    "locale": "text",
    "submit_type": "=auto|book|donate|pay",
    "ui_mode": "=hosted_page",
    "expires_at": "integer",
    "billing_address_collection": "=auto|required",
    "allowed_payment_method_types": ["=card"],
    "line_items": [
        {
            "quantity": "!integer",
            "price_data": {
                "currency": "!currency",
                "unit_amount": "!amount",
                "product_data": {"name": "!text", "description": "text", "metadata": "metadata"},
            },
        }
    ],
    "payment_intent_data": {
        "description": "text",
        "metadata": "metadata",
        "receipt_email": "email",
        "setup_future_usage": "=off_session|on_session",
        "statement_descriptor": "text",
        "statement_descriptor_suffix": "text",
    },
    "setup_intent_data": {"description": "text", "metadata": "metadata"},
    "expand": ["text"],
}
SESSION_LIST: dict[str, Shape] = {
    **PAGE,
    "customer": "text",
    "payment_intent": "text",
    "status": "=open|complete|expired",
    "created": "created",
}


def validate(params: Json) -> None:
    """Refuse what no execution could make right."""
    if params["mode"] == "payment":
        _validate_payment(params)
        return
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise missing_parameter("currency")
    for name in ("line_items", "payment_intent_data", "submit_type"):
        if name in params:
            raise invalid(f"You can not pass `{name}` in `setup` mode.", param=name)


def _validate_payment(params: Json) -> None:
    items = params.get("line_items", [])
    if not items:
        raise missing_parameter("line_items")
    if len(items) > LINE_ITEMS_MAX:
        raise invalid(f"At most {LINE_ITEMS_MAX} line items.", param="line_items")
    if "setup_intent_data" in params:
        raise invalid("You can not pass `setup_intent_data` in `payment` mode.", param="setup_intent_data")
    for position, item in enumerate(items):
        place = f"line_items[{position}]"
        if "price_data" not in item:
            raise missing_parameter(f"{place}[price_data]")
        if "product_data" not in item["price_data"]:
            raise missing_parameter(f"{place}[price_data][product_data]")
        if item["quantity"] < 1:
            raise invalid("This value must be greater than or equal to 1.", param=f"{place}[quantity]")
    currencies = {item["price_data"]["currency"] for item in items}
    if len(currencies) > 1 or params.get("currency", *currencies) not in currencies:
        raise invalid("All line items must have the same currency.", param="line_items")
    total_cents = _total(items)
    refuse_small(total_cents, currencies.pop(), "line_items")
    if total_cents > AMOUNT_MAX_CENTS:
        raise invalid("The total is too large.", param="line_items", code="amount_too_large")


def _total(items: list[Json]) -> int:
    return sum(int(item["quantity"]) * int(item["price_data"]["unit_amount"]) for item in items)


def create(store: Store, params: Json) -> Json:
    """Open a session and its hosted page."""
    customer = None
    if "customer" in params:
        if "customer_email" in params:
            raise invalid("You may only specify one of these parameters: customer, customer_email.")
        customer = store.find("customer", params["customer"], param="customer")
    expires_at = params.get("expires_at", store.now() + LIFE_SECONDS)
    if not store.now() + LIFE_SECONDS_MIN - 60 <= expires_at <= store.now() + LIFE_SECONDS + 60:
        message = "The `expires_at` timestamp must be from 30 minutes to 24 hours from Checkout Session creation."
        raise invalid(message, param="expires_at")
    session = store.add("checkout.session", _session(params, expires_at))
    session["url"] = f"{store.base}/c/pay/{session['id']}"
    if params["mode"] == "setup":
        intent = stripe_customers.make_setup_intent(
            store, customer["id"] if customer else None, params.get("setup_intent_data", {})
        )
        session["setup_intent"] = intent["id"]
    return session


# What a session of this stand-in never uses, but every session shows.
_UNUSED: Json = {
    "after_expiration": None,
    "allow_promotion_codes": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "client_secret": None,
    "consent": None,
    "consent_collection": None,
    "custom_fields": [],
    "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
    "discounts": None,
    "invoice": None,
    "invoice_creation": None,
    "payment_link": None,
    "payment_method_options": {},
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "subscription": None,
}


def _session(params: Json, expires_at: int) -> Json:
    is_payment = params["mode"] == "payment"
    items = params.get("line_items", [])
    total_cents = _total(items) if is_payment else None
    return {
        **deepcopy(_UNUSED),
        "amount_subtotal": total_cents,
        "amount_total": total_cents,
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "currency": items[0]["price_data"]["currency"] if is_payment else params.get("currency"),
        "customer": params.get("customer"),
        "customer_creation": params.get("customer_creation", "if_required") if is_payment else None,
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": params["mode"],
        "payment_intent": None,
        "payment_method_collection": "always",
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if is_payment else "no_payment_required",
        "setup_intent": None,
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "total_details": ({"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if is_payment else None),
        "ui_mode": "hosted_page",
        "_items": items,
        "_intent_data": params.get("payment_intent_data", {}),
        # A card the page has accepted and whose bank still wants the customer's word.
        "_waiting_method": None,
    }


def retrieve(store: Store, identity: str) -> Json:
    """Give a session; one whose time is over has expired."""
    session = store.find("checkout.session", identity, in_path=True)
    expire_if_over(store, session)
    return session


def expire_if_over(store: Store, session: Json) -> None:
    """Close an open session whose time is over."""
    if session["status"] == "open" and store.now() >= session["expires_at"]:
        session.update(status="expired", url=None)


def expire(store: Store, identity: str) -> Json:
    """Close an open session at the practice's wish."""
    session = retrieve(store, identity)
    if session["status"] != "open":
        message = "Only Checkout Sessions with a status in ['open'] can be expired."
        raise ApiError(400, "invalid_request_error", message)
    session.update(status="expired", url=None)
    return session


def list_sessions(store: Store, params: Json) -> Json:
    """List sessions by customer, payment, status and time."""
    for kept in store.objects["checkout.session"].values():
        expire_if_over(store, kept)
    found = store.where(
        "checkout.session",
        lambda session: (
            all(session[name] == params[name] for name in ("customer", "payment_intent", "status") if name in params)
            and is_within(session["created"], params.get("created"))
        ),
    )
    return page(found, params, "/v1/checkout/sessions")


def accept(store: Store, session: Json, method: Json, *, decline: str | None, email: str | None) -> None:
    """Save or charge the card and complete the session, or refuse (402) and leave it open."""
    if session["mode"] == "setup":
        _save_card(store, session, method, decline)
    else:
        _take_payment(store, session, method, decline)
    customer = store.get("customer", session["customer"]) or {}
    session.update(
        status="complete",
        url=None,
        customer_details={
            "address": None,
            "email": customer.get("email") or session["customer_email"] or email,
            "name": method["billing_details"]["name"],
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
    )
    session["_waiting_method"] = None
    stripe_webhooks.record(store, "checkout.session.completed", session)


def _save_card(store: Store, session: Json, method: Json, decline: str | None) -> None:
    intent = store.find("setup_intent", session["setup_intent"])
    if decline is not None:
        refusal = DECLINES[decline]
        error = ApiError(402, "card_error", refusal.message, code=refusal.code, decline_code=refusal.decline_code)
        intent["last_setup_error"] = dict(error.error)
        raise error
    intent.update(payment_method=method["id"], status="succeeded", last_setup_error=None)
    # A customer deleted while the page was open keeps no card.
    customer = store.get("customer", session["customer"])
    if customer is not None and not customer.get("deleted"):
        method["customer"] = session["customer"]


def _take_payment(store: Store, session: Json, method: Json, decline: str | None) -> None:
    if session["payment_intent"] is None:
        amounts = {"amount": session["amount_total"], "currency": session["currency"]}
        wanted = {**session["_intent_data"], **amounts, "customer": session["customer"]}
        intent = stripe_payments.make_intent(store, wanted, None)
        session["payment_intent"] = intent["id"]
    else:
        intent = store.find("payment_intent", session["payment_intent"])
    stripe_payments.attempt(store, intent, method, decline)
    session["payment_status"] = "paid"
