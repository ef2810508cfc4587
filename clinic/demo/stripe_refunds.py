"""Refunds: money given back from a charge, never more than is left of it."""

from clinic.demo import stripe_webhooks
from clinic.demo.stripe_errors import Json, invalid, missing_resource
from clinic.demo.stripe_params import PAGE, Shape
from clinic.demo.stripe_store import Store

CREATE: dict[str, Shape] = {
    "payment_intent": "text",
    "charge": "text",
    "amount": "amount",
    "reason": "=duplicate|fraudulent|requested_by_customer",
    "metadata": "metadata",
    "expand": ["text"],
}
LIST: dict[str, Shape] = {**PAGE, "charge": "text", "payment_intent": "text", "created": "created"}


def validate(params: Json) -> None:
    """Refuse a refund of nothing named."""
    if "payment_intent" not in params and "charge" not in params:
        raise invalid("One of the following params should be provided: payment_intent or charge.")


def create(store: Store, params: Json) -> Json:
    """Give money back, never more than was captured and not yet given back."""
    charge = _charge_named(store, params)
    left_cents = charge["amount_captured"] - charge["amount_refunded"]
    if left_cents == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount_cents = params.get("amount", left_cents)
    if amount_cents > left_cents:
        raise invalid(
            f"Refund amount ({dollars(amount_cents)}) is greater than unrefunded amount on charge ({dollars(left_cents)})",
            param="amount",
        )
    refund = store.add(
        "refund",
        {
            "amount": amount_cents,
            "balance_transaction": None,
            "charge": charge["id"],
            "currency": charge["currency"],
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": params.get("metadata", {}),
            "payment_intent": charge["payment_intent"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    charge["amount_refunded"] += amount_cents
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    stripe_webhooks.record(store, "charge.refunded", charge)
    return refund


def _charge_named(store: Store, params: Json) -> Json:
    if "charge" in params:
        charge = store.find("charge", params["charge"], param="charge")
        if params.get("payment_intent", charge["payment_intent"]) != charge["payment_intent"]:
            raise missing_resource("payment_intent", params["payment_intent"], param="payment_intent")
    else:
        intent = store.find("payment_intent", params["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise invalid(message, code="charge_not_refundable")
        charge = store.find("charge", intent["latest_charge"])
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} failed and cannot be refunded.")
    return charge


def dollars(cents: int) -> str:
    """Print cents as Stripe's messages do."""
    digits = f"{cents:03d}"
    return f"${digits[:-2]}.{digits[-2:]}"
