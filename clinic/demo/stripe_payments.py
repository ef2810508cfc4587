"""Payment intents, the charges they make and the refunds of those charges."""

from clinic.demo import stripe_customers, stripe_disputes, stripe_webhooks
from clinic.demo.stripe_cards import DECLINES, Decline
from clinic.demo.stripe_errors import ApiError, Json, invalid, missing_parameter
from clinic.demo.stripe_params import PAGE, Shape, refuse_small
from clinic.demo.stripe_store import Store, is_within, page, shown

INTENT_CREATE: dict[str, Shape] = {
    "amount": "!amount",
    "currency": "!currency",
    "customer": "text",
    "payment_method": "text",
    "confirm": "boolean",
    "off_session": "boolean",
    "description": "text",
    "metadata": "metadata",
    "receipt_email": "email",
    "return_url": "url",
    "statement_descriptor": "text",
    "statement_descriptor_suffix": "text",
    "error_on_requires_action": "boolean",
    "capture_method": "=automatic|automatic_async",
    "setup_future_usage": "=off_session|on_session",
    "allowed_payment_method_types": ["=card"],
    "automatic_payment_methods": {"enabled": "!boolean", "allow_redirects": "=always|never"},
    "expand": ["text"],
}
INTENT_CONFIRM: dict[str, Shape] = {
    name: INTENT_CREATE[name]
    for name in (
        "payment_method",
        "off_session",
        "receipt_email",
        "return_url",
        "error_on_requires_action",
        "setup_future_usage",
        "expand",
    )
}
INTENT_CANCEL: dict[str, Shape] = {
    "cancellation_reason": "=duplicate|fraudulent|requested_by_customer|abandoned",
    "expand": ["text"],
}
INTENT_LIST: dict[str, Shape] = {**PAGE, "customer": "text", "created": "created"}
CHARGE_LIST: dict[str, Shape] = {**PAGE, "customer": "text", "created": "created", "payment_intent": "text"}


def validate_intent(params: Json) -> None:
    """Refuse what no execution could make right."""
    refuse_small(params["amount"], params["currency"], "amount")
    if params.get("off_session") and not params.get("confirm"):
        raise invalid("off_session can only be used when confirm is true.", param="off_session")
    automatic = params.get("automatic_payment_methods", {})
    if (
        params.get("confirm")
        and not params.get("off_session")
        and not params.get("error_on_requires_action")
        and not params.get("return_url")
        and not params.get("allowed_payment_method_types")
        and automatic.get("allow_redirects") != "never"
    ):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`.",
            param="return_url",
        )


def create_intent(store: Store, params: Json) -> Json:
    """Create a payment intent and, when asked, charge the card at once."""
    customer = params.get("customer")
    if customer is not None:
        store.find("customer", customer, param="customer")
    method = _method_for(store, params["payment_method"], customer) if "payment_method" in params else None
    if params.get("confirm") and method is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    intent = make_intent(store, params, method)
    if params.get("confirm") and method is not None:
        _confirm(store, intent, method, params)
    return intent


def make_intent(store: Store, params: Json, method: Json | None) -> Json:
    """Keep an intent that has not been tried yet."""
    intent = store.add(
        "payment_intent",
        {
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": params.get(
                "automatic_payment_methods", {"allow_redirects": "always", "enabled": True}
            ),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.get("capture_method", "automatic_async"),
            "confirmation_method": "automatic",
            "currency": params["currency"],
            "customer": params.get("customer"),
            "description": params.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": params.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": method["id"] if method else None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": params.get("receipt_email") or None,
            "review": None,
            "setup_future_usage": params.get("setup_future_usage"),
            "shipping": None,
            "source": None,
            "statement_descriptor": params.get("statement_descriptor"),
            "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
            "status": "requires_confirmation" if method else "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        },
    )
    intent["client_secret"] = intent["id"] + "_secret_standin"
    return intent


def _method_for(store: Store, token: str, customer: str | None) -> Json:
    method = stripe_customers.method_named(store, token)
    if method["customer"] is not None and method["customer"] != customer:
        if customer is None:
            raise invalid(
                "The provided PaymentMethod belongs to a Customer. Please include the Customer in the `customer` "
                "parameter on the PaymentIntent.",
                param="payment_method",
            )
        raise _not_attached(token)
    if method["_was_detached"] or (method["_was_used"] and method["customer"] is None):
        raise invalid(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, "
            "or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, "
            "you must attach it to a Customer first.",
            param="payment_method",
        )
    return method


def _not_attached(token: str) -> ApiError:
    message = (
        f"The customer does not have a payment method with the ID {token}. The payment method must be attached to the customer."
    )
    return invalid(message, param="payment_method", code="resource_missing")


def confirm_intent(store: Store, identity: str, params: Json) -> Json:
    """Try, or try again, to charge the card of an intent."""
    intent = store.find("payment_intent", identity, in_path=True)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        raise _unexpected_state(intent, "confirm")
    token = params.get("payment_method") or intent["payment_method"]
    if token is None:
        raise missing_parameter("payment_method")
    method = _method_for(store, token, intent["customer"])
    intent["payment_method"] = method["id"]
    for name in ("receipt_email", "setup_future_usage"):
        if name in params:
            intent[name] = params[name]
    _confirm(store, intent, method, params)
    return intent


def _unexpected_state(intent: Json, verb: str) -> ApiError:
    message = (
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with another status may be used for this."
    )
    return ApiError(
        400,
        "invalid_request_error",
        message,
        code="payment_intent_unexpected_state",
        payment_intent=shown(intent),
    )


def _confirm(store: Store, intent: Json, method: Json, params: Json) -> None:
    decline = method["_decline"]
    may_ask = not params.get("off_session") and not params.get("error_on_requires_action")
    if decline == "authentication_required" and may_ask:
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        return
    attempt(store, intent, method, decline)


def attempt(store: Store, intent: Json, method: Json, decline: str | None) -> Json:
    """Charge the card, or record the decline and refuse (402) with the intent in the error.

    `decline` names a row of DECLINES; None pays.
    """
    method["_was_used"] = True
    intent["payment_method"] = method["id"]
    intent["next_action"] = None
    refusal = DECLINES[decline] if decline else None
    charge = _charge(store, intent, method, refusal)
    intent["latest_charge"] = charge["id"]
    if refusal is not None:
        error = _card_error(charge, method, refusal)
        intent["last_payment_error"] = dict(error.error)
        # What could not be charged keeps no card, as with Stripe: a new try names one again.
        intent["payment_method"] = None
        intent["status"] = "requires_payment_method"
        error.error["payment_intent"] = shown(intent)
        stripe_webhooks.record(store, "payment_intent.payment_failed", intent)
        raise error
    intent.update(amount_received=intent["amount"], status="succeeded", last_payment_error=None)
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["customer"] = intent["customer"]
    stripe_webhooks.record(store, "payment_intent.succeeded", intent)
    if method.get("_is_disputed"):
        stripe_disputes.open_dispute(store, intent["id"])
    return charge


def _card_error(charge: Json, method: Json, decline: Decline) -> ApiError:
    return ApiError(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        advice_code=decline.advice_code,
        network_decline_code=decline.network_decline_code,
        param={"incorrect_cvc": "cvc", "expired_card": "exp_month"}.get(decline.code),
        charge=charge["id"],
        payment_method=shown(method),
    )


def _charge(store: Store, intent: Json, method: Json, decline: Decline | None) -> Json:
    paid = decline is None
    return store.add(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if paid else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "STAND-IN",
            "captured": paid,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "destination": None,
            "dispute": None,
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": _outcome(decline),
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": _card_used(method, intent, is_paid=paid), "type": "card"},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": "succeeded" if paid else "failed",
            "transfer_data": None,
            "transfer_group": None,
        },
    )


def _outcome(decline: Decline | None) -> Json:
    return {
        "advice_code": decline.advice_code if decline else None,
        "network_advice_code": None,
        "network_decline_code": decline.network_decline_code if decline else None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _card_used(method: Json, intent: Json, *, is_paid: bool) -> Json:
    card = {name: value for name, value in method["card"].items() if name != "three_d_secure_usage"}
    return {
        **card,
        "amount_authorized": intent["amount"] if is_paid else None,
        "network": card["brand"],
        "three_d_secure": None,
    }


def cancel_intent(store: Store, identity: str, params: Json) -> Json:
    """Give an unpaid intent up."""
    intent = store.find("payment_intent", identity, in_path=True)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected_state(intent, "cancel")
    intent.update(status="canceled", canceled_at=store.now(), cancellation_reason=params.get("cancellation_reason"))
    return intent


def list_of(store: Store, kind: str, params: Json, url: str) -> Json:
    """List intents, charges or refunds by what they belong to and when they were made."""
    for name in ("customer", "payment_intent", "charge"):
        if name in params:
            store.find(name, params[name], param=name)
    found = store.where(
        kind,
        lambda kept: (
            all(kept[name] == params[name] for name in ("customer", "payment_intent", "charge") if name in params)
            and is_within(kept["created"], params.get("created"))
        ),
    )
    return page(found, params, url)
