"""What a card processor is asked and answers, whichever it is: plain values that may leave a door."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """Name what became of a charge. Only UNKNOWN may still have moved money without our knowing."""

    SUCCEEDED = "succeeded"
    SOFT = "soft"
    HARD = "hard"
    NEEDS_CLIENT = "needs_client"
    UNKNOWN = "unknown"


class GatewayError(Exception):
    """Say that the processor did not answer, or not with what was asked for."""


class ForgedEventError(Exception):
    """Say that an event does not carry the processor's signature."""


@dataclass(frozen=True)
class Charge:
    """Be what is sent to have a card charged; sent again with the same key it must be the same to the letter."""

    amount_cents: int
    currency: str
    customer: str
    payment_method: str
    key: str
    attempt_id: int
    description: str


@dataclass(frozen=True)
class Outcome:
    """Be the processor's answer about a charge."""

    verdict: Verdict
    payment_intent: str | None = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class CardFacts:
    """Be what may be known of a card that the processor keeps."""

    payment_method: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True)
class Setup:
    """Be a visit to the hosted card page: whose it is, and the card if one was kept."""

    customer: str
    card: CardFacts | None


@dataclass(frozen=True)
class Seen:
    """Be a charge as the processor has it now: whose, made for which attempt, and what became of it."""

    customer: str
    attempt_id: int | None
    outcome: Outcome


class Returned(StrEnum):
    """Name what became of a refund. Only UNKNOWN may still move money without our knowing."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RefundOrder:
    """Be what is sent to give money back to a card; sent again with the same key it must be the same to the letter."""

    payment_intent: str
    amount_cents: int
    key: str
    refund_id: int


@dataclass(frozen=True)
class RefundAnswer:
    """Be the processor's answer about a refund."""

    returned: Returned
    stripe_refund: str | None = None
    message: str = ""


@dataclass(frozen=True)
class RefundSeen:
    """Be a refund as the processor has it now. `refund_id` is ours, None when it was made on the processor's own pages."""

    payment_intent: str
    refund_id: int | None
    amount_cents: int
    answer: RefundAnswer


@dataclass(frozen=True)
class Purchase:
    """Be what a hosted payment page is opened for."""

    customer: str
    currency: str
    amount_cents: int
    description: str  # a number, never what was done
    success_url: str
    cancel_url: str
    ends_at: datetime


@dataclass(frozen=True)
class Visit:
    """Be a visit to the hosted payment page as the processor has it now."""

    session: str
    customer: str
    amount_cents: int
    payment_intent: str | None
    last4: str
    url: str  # of the page while it is open
    is_paid: bool
    is_over: bool


@dataclass(frozen=True)
class DisputeSeen:
    """Be a dispute as the processor has it now. `is_won` None: it is open."""

    dispute: str
    payment_intent: str
    amount_cents: int
    reason: str
    respond_by: datetime | None
    is_won: bool | None
    is_inquiry: bool = False  # the bank only asks: no money is held back


@dataclass(frozen=True)
class Event:
    """Be a signed event: only its ids are believed, the object's state is read again."""

    id: str
    type: str
    object_id: str


class CardSettings(Protocol):
    """Be the part of the configuration that cards need."""

    @property
    def STRIPE_SECRET_KEY(self) -> str:  # noqa: N802 - the environment's name
        """Return the processor's key, empty when cards are off."""

    @property
    def STRIPE_WEBHOOK_SECRET(self) -> str:  # noqa: N802
        """Return the secret that events are signed with."""

    @property
    def STRIPE_API_BASE(self) -> str:  # noqa: N802
        """Return the stand-in's address; empty for the processor itself."""


class Gateway(Protocol):
    """Be a card processor."""

    def new_customer(self, *, name: str, key: str) -> str:
        """Make a customer, once for each key, and return its id."""

    def start_setup(self, *, customer: str, currency: str, success_url: str, cancel_url: str) -> str:
        """Return the address of a hosted page that keeps a card for that customer."""

    def setup(self, session_id: str) -> Setup:
        """Read what a visit to the hosted page came to."""

    def detach(self, payment_method: str) -> None:
        """Let a card go. Safe to repeat."""

    def charge(self, charge: Charge) -> Outcome:
        """Charge a card while its owner is away. Never raises: what cannot be known is UNKNOWN."""

    def find(self, *, customer: str, attempt_id: int, since: datetime) -> Outcome | None:
        """Look among the customer's charges for one made for that attempt; None: there is none."""

    def intent(self, payment_intent: str) -> Seen:
        """Read a charge again."""

    def start_payment(self, purchase: Purchase) -> tuple[str, str]:
        """Return the id and the address of a hosted page that takes a payment by card."""

    def visit(self, session_id: str) -> Setup | Visit:
        """Read what a visit to a hosted page came to, whatever the page was for."""

    def refund(self, order: RefundOrder) -> RefundAnswer:
        """Give money back to the card it came from. Never raises: what cannot be known is UNKNOWN."""

    def refunds(self, payment_intent: str) -> list[RefundSeen]:
        """List what was given back of a charge."""

    def refunds_of_charge(self, charge: str) -> list[RefundSeen]:
        """List what was given back of a charge, by the charge's own id."""

    def refund_seen(self, refund: str) -> RefundSeen:
        """Read a refund again."""

    def dispute(self, dispute: str) -> DisputeSeen:
        """Read a dispute again."""

    def event(self, body: bytes, signature: str) -> Event:
        """Check an event's signature and read its ids."""
