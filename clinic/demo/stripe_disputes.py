"""Disputes: a cardholder's bank takes a charge's money back until it is won or lost."""

from clinic.demo import stripe_webhooks
from clinic.demo.stripe_errors import Json, invalid
from clinic.demo.stripe_store import Store

RESPOND_SECONDS = 9 * 24 * 3600
ENDS = ("won", "lost", "warning_closed")


def open_dispute(store: Store, payment_intent: str, *, amount: int | None = None, reason: str = "fraudulent") -> Json:
    """Dispute a charge that was paid, as the cardholder's bank would, and tell of it."""
    intent = store.find("payment_intent", payment_intent, param="payment_intent")
    if intent["status"] != "succeeded":
        raise invalid("Only a charge that was paid can be disputed.", param="payment_intent")
    charge = store.find("charge", intent["latest_charge"])
    dispute = store.add(
        "dispute",
        {
            "amount": amount if amount is not None else charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": charge["currency"],
            "evidence": {},
            "evidence_details": {
                "due_by": store.now() + RESPOND_SECONDS,
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "metadata": {},
            "payment_intent": payment_intent,
            "reason": reason,
            "status": "needs_response",
        },
    )
    charge.update(dispute=dispute["id"], disputed=True)
    stripe_webhooks.record(store, "charge.dispute.created", dispute)
    stripe_webhooks.record(store, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(store: Store, identity: str, status: str) -> Json:
    """Let the bank decide a dispute, and tell of it."""
    if status not in ENDS:
        raise invalid(f"Invalid status: must be one of {', '.join(ENDS)}", param="status")
    dispute = store.find("dispute", identity, param="dispute")
    dispute["status"] = status
    if status == "won":
        stripe_webhooks.record(store, "charge.dispute.funds_reinstated", dispute)
    stripe_webhooks.record(store, "charge.dispute.closed", dispute)
    return dispute
