"""The card processor: the only file that talks to Stripe, and what its answers mean to this practice."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clinic.billing.declines import verdict_of
from clinic.billing.processor import (
    CardFacts,
    CardSettings,
    Charge,
    DisputeSeen,
    Event,
    ForgedEventError,
    Gateway,
    GatewayError,
    Outcome,
    Purchase,
    RefundAnswer,
    RefundOrder,
    RefundSeen,
    Returned,
    Seen,
    Setup,
    Verdict,
    Visit,
)

if TYPE_CHECKING:
    import stripe

__all__ = [
    "CardFacts", "Charge", "Event", "ForgedEventError", "Gateway", "GatewayError", "Outcome", "Seen", "Setup", "StripeGateway",
    "Verdict", "gateway_from", "verdict_of",
]  # fmt: skip
TIMEOUT_SECONDS = 30
RETRIES_MAX = 1
LIST_MAX = 100
CARD_PARAMS = frozenset({"payment_method", "customer"})


def gateway_from(config: CardSettings) -> Gateway | None:
    """Return the processor that the configuration names; None: card features are off."""
    if not config.STRIPE_SECRET_KEY:
        return None
    return StripeGateway(config.STRIPE_SECRET_KEY, config.STRIPE_API_BASE, config.STRIPE_WEBHOOK_SECRET)


class StripeGateway:
    """Speak to Stripe through its SDK, or to the stand-in when `base` names it."""

    def __init__(self, key: str, base: str = "", webhook_secret: str = "", *, retries: int = RETRIES_MAX) -> None:
        self._key, self._base, self._webhook_secret, self._retries = key, base, webhook_secret, retries
        self._client: stripe.StripeClient | None = None

    def new_customer(self, *, name: str, key: str) -> str:
        """Make a customer, once for each key, and return its id."""
        return str(self._asked(lambda sdk: sdk.v1.customers.create({"name": name}, {"idempotency_key": key})).id)

    def start_setup(self, *, customer: str, currency: str, success_url: str, cancel_url: str) -> str:
        """Return the address of a hosted page that keeps a card for that customer."""
        made = self._asked(
            lambda sdk: sdk.v1.checkout.sessions.create(
                {
                    "mode": "setup",
                    "customer": customer,
                    "currency": currency.lower(),
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                    "allowed_payment_method_types": ["card"],
                }
            )
        )
        if not made.url:
            raise GatewayError("no address")
        return str(made.url)

    def setup(self, session_id: str) -> Setup:
        """Read what a visit to the hosted card page came to."""
        found = self.visit(session_id)
        return found if isinstance(found, Setup) else Setup(found.customer, None)

    def start_payment(self, purchase: Purchase) -> tuple[str, str]:
        """Return the id and the address of a hosted page that takes a payment by card."""
        price = {"currency": purchase.currency.lower(), "unit_amount": purchase.amount_cents,
                 "product_data": {"name": purchase.description}}  # fmt: skip
        made = self._asked(
            lambda sdk: sdk.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "customer": purchase.customer,
                    "line_items": [{"quantity": 1, "price_data": price}],
                    "payment_intent_data": {"description": purchase.description},
                    "success_url": purchase.success_url,
                    "cancel_url": purchase.cancel_url,
                    "expires_at": int(purchase.ends_at.timestamp()),
                    "allowed_payment_method_types": ["card"],
                }
            )
        )
        if not made.url:
            raise GatewayError("no address")
        return str(made.id), str(made.url)

    def visit(self, session_id: str) -> Setup | Visit:
        """Read what a visit to a hosted page came to, whatever the page was for."""
        wanted = ["setup_intent.payment_method", "payment_intent.payment_method"]
        found = self._asked(lambda sdk: sdk.v1.checkout.sessions.retrieve(session_id, {"expand": wanted}))
        intent = found.payment_intent if found.mode == "payment" else found.setup_intent
        method = None if intent is None or isinstance(intent, str) else intent.payment_method
        card = None if method is None or isinstance(method, str) else _facts(method)
        if found.mode != "payment":
            return Setup(customer=_id(found.customer), card=card if found.status == "complete" else None)
        return Visit(
            session=str(found.id),
            customer=_id(found.customer),
            amount_cents=int(found.amount_total or 0),
            payment_intent=_id(intent) or None,
            last4=card.last4 if card else "",
            url=str(found.url or ""),
            is_paid=found.payment_status == "paid",
            is_over=found.status != "open",
        )

    def detach(self, payment_method: str) -> None:
        """Let a card go. Safe to repeat."""
        import stripe

        try:
            self._sdk().v1.payment_methods.detach(payment_method)
        except stripe.InvalidRequestError:
            return  # it was let go before
        except stripe.StripeError as error:
            raise GatewayError(type(error).__name__) from error

    def charge(self, charge: Charge) -> Outcome:
        """Charge a card while its owner is away. Never raises: what cannot be known is UNKNOWN."""
        import stripe

        try:
            intent = self._sdk().v1.payment_intents.create(
                {
                    "amount": charge.amount_cents,
                    "currency": charge.currency.lower(),
                    "customer": charge.customer,
                    "payment_method": charge.payment_method,
                    "allowed_payment_method_types": ["card"],
                    "off_session": True,
                    "confirm": True,
                    "description": charge.description,
                    "metadata": {"attempt": str(charge.attempt_id)},
                },
                {"idempotency_key": charge.key},
            )
        except stripe.CardError as error:
            return _declined(error)
        except stripe.InvalidRequestError as error:
            return _refused(error)
        except stripe.StripeError as error:
            # Lost on the way, too many at once, 409, 5xx, a wrong key: it may have been charged, or may be later.
            return Outcome(Verdict.UNKNOWN, code=_code(error), message="The card processor gave no clear answer.")
        return _read(intent)

    def find(self, *, customer: str, attempt_id: int, since: datetime) -> Outcome | None:
        """Look among the customer's charges for one made for that attempt; None: there is none."""
        since_seconds = int(since.timestamp()) - 60  # the two clocks may differ a little
        page = self._asked(
            lambda sdk: sdk.v1.payment_intents.list(
                {"customer": customer, "created": {"gte": since_seconds}, "limit": LIST_MAX}
            )
        )
        for intent in page.auto_paging_iter():
            if _attempt(intent) == attempt_id:
                return _read(intent)
        return None

    def intent(self, payment_intent: str) -> Seen:
        """Read a charge again."""
        found = self._asked(lambda sdk: sdk.v1.payment_intents.retrieve(payment_intent))
        return Seen(_id(found.customer), _attempt(found), _read(found))

    def refund(self, order: RefundOrder) -> RefundAnswer:
        """Give money back to the card it came from. Never raises: what cannot be known is UNKNOWN."""
        import stripe

        try:
            made = self._sdk().v1.refunds.create(
                {
                    "payment_intent": order.payment_intent,
                    "amount": order.amount_cents,
                    "metadata": {"refund": str(order.refund_id)},
                },
                {"idempotency_key": order.key},
            )
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            return RefundAnswer(Returned.FAILED, message=str(error.user_message or "The card processor refused it."))
        except stripe.StripeError:
            return RefundAnswer(Returned.UNKNOWN, message="The card processor gave no clear answer.")
        return _given_back(made)

    def refunds(self, payment_intent: str) -> list[RefundSeen]:
        """List what was given back of a charge."""
        return self._refunds({"payment_intent": payment_intent})

    def refunds_of_charge(self, charge: str) -> list[RefundSeen]:
        """List what was given back of a charge, by the charge's own id."""
        return self._refunds({"charge": charge})

    def refund_seen(self, refund: str) -> RefundSeen:
        """Read a refund again."""
        return _refund_seen(self._asked(lambda sdk: sdk.v1.refunds.retrieve(refund)))

    def dispute(self, dispute: str) -> DisputeSeen:
        """Read a dispute again."""
        found = self._asked(lambda sdk: sdk.v1.disputes.retrieve(dispute))
        due = _plain(found.evidence_details).get("due_by")
        return DisputeSeen(
            dispute=str(found.id), payment_intent=_id(found.payment_intent), amount_cents=int(found.amount),
            reason=str(found.reason or ""), respond_by=datetime.fromtimestamp(int(due), UTC) if due else None,
            is_won={"won": True, "lost": False}.get(str(found.status)), is_inquiry=str(found.status).startswith("warning"),
        )  # fmt: skip

    def event(self, body: bytes, signature: str) -> Event:
        """Check an event's signature and read its ids.

        Raises:
            ForgedEventError: the signature is not the processor's or too old, or what is signed is no event.
        """
        import stripe

        if not self._webhook_secret:
            raise ForgedEventError("no secret is set")
        try:
            told = stripe.Webhook.construct_event(body, signature, self._webhook_secret)
            return Event(id=str(told.id), type=str(told.type), object_id=str(_plain(told.data.object).get("id", "")))
        except (ValueError, LookupError, TypeError, AttributeError, stripe.SignatureVerificationError) as error:
            raise ForgedEventError(type(error).__name__) from error

    def _refunds(self, of: dict[str, str]) -> list[RefundSeen]:
        page = self._asked(lambda sdk: sdk.v1.refunds.list({**of, "limit": LIST_MAX}))
        return [_refund_seen(each) for each in page.auto_paging_iter()]

    def _asked(self, ask: Any) -> Any:
        import stripe

        try:
            return ask(self._sdk())
        except stripe.StripeError as error:
            raise GatewayError(type(error).__name__) from error

    def _sdk(self) -> "stripe.StripeClient":
        if self._client is None:
            import stripe  # 31 MB: only who uses cards pays for it

            self._client = stripe.StripeClient(
                self._key,
                base_addresses={"api": self._base} if self._base else {},
                max_network_retries=self._retries,
                http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
            )
        return self._client


def _declined(error: Any) -> Outcome:
    told = error.error
    intent = getattr(told, "payment_intent", None)
    code = str(getattr(told, "code", "") or "")
    decline_code = str(getattr(told, "decline_code", "") or "")
    return Outcome(
        verdict_of(code=code, decline_code=decline_code, advice_code=str(getattr(told, "advice_code", "") or "")),
        payment_intent=str(intent["id"]) if intent else None,
        code=decline_code or code,
        message=str(getattr(told, "message", "") or "The card was declined."),
    )


def _refused(error: Any) -> Outcome:
    # A card or customer that is gone will be gone tomorrow; anything else may be mended.
    is_hard = getattr(error, "param", None) in CARD_PARAMS or _code(error) == "resource_missing"
    verdict = Verdict.HARD if is_hard else Verdict.SOFT
    return Outcome(verdict, code=_code(error), message="The card processor refused the request.")


def _read(intent: Any) -> Outcome:
    if intent.status == "succeeded":
        return Outcome(Verdict.SUCCEEDED, payment_intent=str(intent.id))
    if intent.status == "requires_action":
        return Outcome(Verdict.NEEDS_CLIENT, payment_intent=str(intent.id), code="authentication_required",
                       message="The bank asks the cardholder to confirm.")  # fmt: skip
    failed = _plain(getattr(intent, "last_payment_error", None))
    if not failed:
        return Outcome(Verdict.UNKNOWN, payment_intent=str(intent.id), code=str(intent.status))
    code, decline = str(failed.get("code") or ""), str(failed.get("decline_code") or "")
    return Outcome(
        verdict_of(code=code, decline_code=decline, advice_code=str(failed.get("advice_code") or "")),
        payment_intent=str(intent.id),
        code=decline or code,
        message=str(failed.get("message") or "The card was declined."),
    )


def _facts(method: Any) -> CardFacts:
    card = method.card
    return CardFacts(str(method.id), str(card.brand), str(card.last4), int(card.exp_month), int(card.exp_year))


def _refund_seen(made: Any) -> RefundSeen:
    return RefundSeen(_id(made.payment_intent), _number(made, "refund"), int(made.amount), _given_back(made))


def _given_back(made: Any) -> RefundAnswer:
    # A bank may take days to confirm: until it says no, the money is on its way.
    is_failed = made.status in ("failed", "canceled")
    message = f"The bank did not take it back ({getattr(made, 'failure_reason', None) or made.status})." if is_failed else ""
    return RefundAnswer(Returned.FAILED if is_failed else Returned.DONE, str(made.id), message)


def _attempt(intent: Any) -> int | None:
    return _number(intent, "attempt")


def _number(thing: Any, name: str) -> int | None:
    told = str(_plain(thing.metadata).get(name, ""))
    return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else None


def _plain(thing: Any) -> dict[str, Any]:
    if thing is None or isinstance(thing, dict):
        return thing or {}
    plain: dict[str, Any] = thing.to_dict()
    return plain


def _code(error: Any) -> str:
    return str(getattr(error, "code", None) or type(error).__name__)


def _id(thing: Any) -> str:
    return "" if thing is None else str(thing if isinstance(thing, str) else thing.id)
