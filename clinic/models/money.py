"""The ledger, payments, cards and AutoPay: what is paid, in whole cents."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base


class Account(StrEnum):
    """Name an account of the double-entry ledger. Debits are positive."""

    RECEIVABLE = "receivable"
    INCOME = "income"
    TAX = "tax"
    UNALLOCATED = "unallocated"
    MONEY = "money"
    WRITTEN_OFF = "written_off"
    DISPUTED = "disputed"  # money the processor holds back while a cardholder disputes a payment


class MoneyEvent(StrEnum):
    """Name what a ledger transaction records."""

    ISSUED = "issued"
    PAID = "paid"
    ALLOCATED = "allocated"
    RELEASED = "released"
    REFUNDED = "refunded"
    CREDITED = "credited"
    WRITTEN_OFF = "written_off"
    REVERSED = "reversed"  # a payment recorded by mistake
    REFUND_FAILED = "refund_failed"  # the bank sent a refund back
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class Method(StrEnum):
    """Name a way to pay; what the practice calls it stands in its settings."""

    ONLINE_CARD = "online_card"
    EXTERNAL_CARD = "external_card"
    CASH = "cash"
    CHECK = "check"
    BANK_TRANSFER = "bank_transfer"
    OTHER = "other"


# What the ways to pay are called until the practice calls them otherwise.
METHOD_NAMES = {
    Method.ONLINE_CARD: "Online card on file",
    Method.EXTERNAL_CARD: "External card",
    Method.CASH: "Cash",
    Method.CHECK: "Check",
    Method.BANK_TRANSFER: "Bank transfer",
    Method.OTHER: "Other",
}


class ChargePurpose(StrEnum):
    """Name why a card is charged."""

    AUTOPAY = "autopay"
    PANEL = "panel"


class ChargeStatus(StrEnum):
    """Name where a charge stands. PENDING and UNKNOWN are unresolved."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    NEEDS_CLIENT = "needs_client"


class RefundStatus(StrEnum):
    """Name where a refund stands. PENDING and UNKNOWN are unresolved."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"


class DisputeStatus(StrEnum):
    """Name where a dispute stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class EndedBy(StrEnum):
    """Name who ended a payer's AutoPay."""

    STAFF = "staff"
    NIGHT = "night"  # its card could not be charged
    CLIENT = "client"  # in the portal


class LedgerTransaction(Base):
    """Hold one money event, append-only; its postings sum to zero."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[MoneyEvent]
    at: Mapped[datetime]
    local_date: Mapped[date] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: the clock
    memo: Mapped[str] = mapped_column(default="")
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)
    postings: Mapped[list["Posting"]] = relationship(lazy="raise", back_populates="transaction")


class Posting(Base):
    """Hold one leg of a transaction, append-only: debit positive, credit negative, in cents."""

    __tablename__ = "postings"
    __table_args__ = (
        Index("ix_postings_payer_id_account", "payer_id", "account"),
        CheckConstraint("amount_cents <> 0", name="not_zero"),
        CheckConstraint("account <> 'receivable' OR invoice_id IS NOT NULL", name="receivable_names_invoice"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[Account]
    payer_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), index=True)
    amount_cents: Mapped[int]
    transaction: Mapped[LedgerTransaction] = relationship(lazy="raise", back_populates="postings")


class Payment(Base):
    """Hold money received from a payer. Where it went stands in the postings that name it."""

    __tablename__ = "payments"
    __table_args__ = (CheckConstraint("amount_cents > 0", name="positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    payer_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    method: Mapped[Method]
    amount_cents: Mapped[int]
    received_date: Mapped[date] = mapped_column(index=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reference: Mapped[str] = mapped_column(default="")  # a check's number, the card's last four digits
    stripe_payment_intent: Mapped[str | None] = mapped_column(unique=True)
    reversed_at: Mapped[datetime | None]  # set when it was recorded by mistake and undone
    reversed_reason: Mapped[str] = mapped_column(default="")


class Refund(Base):
    """Hold money given back from a payment: to its card, written down before the processor is asked, or by hand."""

    __tablename__ = "refunds"
    __table_args__ = (
        Index(
            "uq_refunds_unresolved",
            "payment_id",
            unique=True,
            sqlite_where=text("status IN ('pending', 'unknown')"),
            postgresql_where=text("status IN ('pending', 'unknown')"),
        ),
        CheckConstraint("amount_cents > 0", name="positive"),
        CheckConstraint("(status = 'done') = (transaction_id IS NOT NULL) OR status = 'failed'", name="posted_when_done"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))  # whose payment it takes back first
    method: Mapped[Method]
    amount_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    reference: Mapped[str] = mapped_column(default="")
    refunded_date: Mapped[date] = mapped_column(index=True)
    status: Mapped[RefundStatus] = mapped_column(default=RefundStatus.PENDING)
    message: Mapped[str] = mapped_column(default="")
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)  # None: by hand, or made at the processor
    stripe_payment_intent: Mapped[str | None]
    stripe_refund: Mapped[str | None] = mapped_column(unique=True)
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)
    started_at: Mapped[datetime]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    finished_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)


class Dispute(Base):
    """Hold a cardholder's dispute of a payment: the processor holds the money back until it is won or lost."""

    __tablename__ = "disputes"
    __table_args__ = (CheckConstraint("amount_cents > 0", name="positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stripe_dispute: Mapped[str] = mapped_column(unique=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), index=True)
    amount_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    status: Mapped[DisputeStatus] = mapped_column(default=DisputeStatus.OPEN)
    respond_by: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)
    closing_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)


class PayLink(Base):
    """Hold a secret address at which a payer pays an invoice, or all that they owe, without signing in."""

    __tablename__ = "pay_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))  # None: all that is owed, oldest first
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ends_at: Mapped[datetime]


class Checkout(Base):
    """Hold a visit to the processor's payment page; what it came to is booked once, whoever tells first.

    It began at a pay link, or at an online purchase, which has one visit.
    """

    __tablename__ = "checkouts"
    __table_args__ = (
        CheckConstraint("amount_cents > 0", name="positive"),
        CheckConstraint("(link_id IS NULL) <> (purchase_id IS NULL)", name="one_beginning"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("pay_links.id"), index=True)
    purchase_id: Mapped[int | None] = mapped_column(ForeignKey("online_purchases.id"), unique=True)
    stripe_session: Mapped[str] = mapped_column(unique=True)
    stripe_customer: Mapped[str]
    amount_cents: Mapped[int]
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None]  # paid, or known to have ended unpaid
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), unique=True)


class PaymentMethodName(Base):
    """Hold what the practice calls a way to pay, and whether the panel offers it."""

    __tablename__ = "payment_method_names"

    method: Mapped[Method] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_offered: Mapped[bool] = mapped_column(default=True)


class Card(Base):
    """Hold a card kept at the processor: what may be shown of it and its token, never its number."""

    __tablename__ = "cards"
    __table_args__ = (
        Index(
            "uq_cards_default",
            "contact_id",
            unique=True,
            sqlite_where=text("is_default AND removed_at IS NULL"),
            postgresql_where=text("is_default AND removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    stripe_payment_method: Mapped[str] = mapped_column(unique=True)
    brand: Mapped[str]
    last4: Mapped[str]
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    is_default: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class AutoPayEnrolment(Base):
    """Hold a payer's consent to be charged overnight: who, when, to which text, and how it ended."""

    __tablename__ = "autopay_enrolments"
    __table_args__ = (
        Index(
            "uq_autopay_enrolments_live",
            "contact_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    consented_by: Mapped[str]
    consent_text: Mapped[str]
    enrolled_at: Mapped[datetime]
    enrolled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    held_at: Mapped[datetime | None]
    held_reason: Mapped[str] = mapped_column(default="")
    soft_declines: Mapped[int] = mapped_column(default=0)  # nights running
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str] = mapped_column(default="")
    ended_by: Mapped[EndedBy | None]
    # What the night or the client ended stands on Tonight until someone has seen it or the payer is enrolled again.
    end_seen_at: Mapped[datetime | None]


class ChargeAttempt(Base):
    """Hold a charge, written down before the card is touched and finished after: the key is never replaced."""

    __tablename__ = "charge_attempts"
    __table_args__ = (
        Index(
            "uq_charge_attempts_night",
            "contact_id",
            "local_date",
            unique=True,
            sqlite_where=text("purpose = 'autopay'"),
            postgresql_where=text("purpose = 'autopay'"),
        ),
        Index(
            "uq_charge_attempts_unresolved",
            "contact_id",
            unique=True,
            sqlite_where=text("status IN ('pending', 'unknown')"),
            postgresql_where=text("status IN ('pending', 'unknown')"),
        ),
        CheckConstraint("amount_cents > 0", name="positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[ChargePurpose]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    local_date: Mapped[date] = mapped_column(index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))  # the panel's; None: oldest first
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"))
    amount_cents: Mapped[int]
    currency: Mapped[str]
    description: Mapped[str]  # what the processor is told: a number, never what was done
    stripe_customer: Mapped[str]
    stripe_payment_method: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    status: Mapped[ChargeStatus] = mapped_column(default=ChargeStatus.PENDING)
    decline_code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(default="")
    follow_up: Mapped[str] = mapped_column(default="")  # what was done about a decline
    stripe_payment_intent: Mapped[str | None] = mapped_column(unique=True)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), unique=True)
    started_at: Mapped[datetime]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    finished_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)


class WebhookEvent(Base):
    """Hold that an event of the processor took effect: once each."""

    __tablename__ = "webhook_events"

    event: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    received_at: Mapped[datetime]
