"""Fees, packages, invoices, the two ledgers, payments, cards and AutoPay: money in whole cents."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base
from clinic.models.calendar import Attendee


class InvoiceKind(StrEnum):
    """Name a document of account. A credit note has its own numbers."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class InvoiceSource(StrEnum):
    """Name who made an invoice."""

    HAND = "hand"
    DAILY = "daily"
    MONTHLY = "monthly"
    PACKAGE = "package"


class PackageKind(StrEnum):
    """Name how a package is priced: the sum of its fees, or a total shared over them."""

    ITEMISED = "itemised"
    PACKAGED = "packaged"


class ExpiryUnit(StrEnum):
    """Name what a package's life is counted in."""

    DAYS = "days"
    MONTHS = "months"


class SessionEvent(StrEnum):
    """Name what happened to a session of a package."""

    BOUGHT = "bought"
    BOOKED = "booked"
    USED = "used"
    RETURNED = "returned"
    FORFEITED = "forfeited"
    EXPIRED = "expired"
    ADJUSTED = "adjusted"


class Account(StrEnum):
    """Name an account of the double-entry ledger. Debits are positive."""

    RECEIVABLE = "receivable"
    INCOME = "income"
    TAX = "tax"
    UNALLOCATED = "unallocated"
    MONEY = "money"
    WRITTEN_OFF = "written_off"


class MoneyEvent(StrEnum):
    """Name what a ledger transaction records."""

    ISSUED = "issued"
    PAID = "paid"
    ALLOCATED = "allocated"
    RELEASED = "released"
    REFUNDED = "refunded"
    CREDITED = "credited"
    WRITTEN_OFF = "written_off"


class Method(StrEnum):
    """Name a way to pay; what the practice calls it stands in its settings."""

    ONLINE_CARD = "online_card"
    EXTERNAL_CARD = "external_card"
    CASH = "cash"
    CHECK = "check"
    BANK_TRANSFER = "bank_transfer"
    OTHER = "other"


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


class Fee(Base):
    """Hold a row of the fee schedule. A fee without minutes is a product."""

    __tablename__ = "fees"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(default="")
    description: Mapped[str]
    amount_cents: Mapped[int]
    is_hourly: Mapped[bool] = mapped_column(default=False)
    tax_bp: Mapped[int] = mapped_column(default=0)
    minutes: Mapped[int | None]
    is_archived: Mapped[bool] = mapped_column(default=False)


class Share(Base):
    """Hold one payer's part of an attendee's fee: one share unless split. It stands on at most one live invoice line."""

    __tablename__ = "shares"

    id: Mapped[int] = mapped_column(primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("attendees.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    payer_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    amount_cents: Mapped[int]
    # Set when a line of an issued invoice let go of it (credited, unlinked): no run bills it again unasked (rulebook 5.3).
    released_at: Mapped[datetime | None]
    bill_again_at: Mapped[datetime | None]
    attendee: Mapped[Attendee] = relationship(lazy="raise")


class Package(Base):
    """Hold a template: several fees times a quantity, a price and rules."""

    __tablename__ = "packages"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    kind: Mapped[PackageKind]
    price_cents: Mapped[int | None]  # the total of a Packaged one; None for Itemised
    expires_after: Mapped[int | None]  # None: never
    expires_unit: Mapped[ExpiryUnit] = mapped_column(default=ExpiryUnit.MONTHS)
    terms: Mapped[str] = mapped_column(default="")
    is_archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    fees: Mapped[list["PackageFee"]] = relationship(lazy="raise", order_by="PackageFee.position", cascade="all, delete-orphan")


class PackageFee(Base):
    """Hold a fee and how many of it a package has."""

    __tablename__ = "package_fees"
    __table_args__ = (CheckConstraint("quantity BETWEEN 1 AND 100", name="quantity"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), index=True)
    position: Mapped[int]
    fee_id: Mapped[int] = mapped_column(ForeignKey("fees.id"))
    quantity: Mapped[int]
    fee: Mapped[Fee] = relationship(lazy="raise")


class PackagePractitioner(Base):
    """Hold whom a template may be sold for; no row: for everyone."""

    __tablename__ = "package_practitioners"

    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), primary_key=True)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"), primary_key=True)


class PackageLocation(Base):
    """Hold where a template may be sold for; no row: everywhere."""

    __tablename__ = "package_locations"

    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), primary_key=True)


class NumberSeries(Base):
    """Hold the next number of a kind of document. Taken only inside the writing door."""

    __tablename__ = "number_series"

    kind: Mapped[InvoiceKind] = mapped_column(primary_key=True)
    prefix: Mapped[str]
    next_number: Mapped[int]


class Invoice(Base):
    """Hold an invoice or credit note: a draft until `issued_at`, after which its money never changes."""

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("kind", "serial"),
        CheckConstraint("(issued_at IS NULL) = (number IS NULL)", name="number_when_issued"),
        Index("ix_invoices_payer_id_issued_at", "payer_id", "issued_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[InvoiceKind] = mapped_column(default=InvoiceKind.INVOICE)
    source: Mapped[InvoiceSource] = mapped_column(default=InvoiceSource.HAND)
    number: Mapped[str | None] = mapped_column(unique=True)  # as printed: prefix and serial
    serial: Mapped[int | None]
    payer_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioners.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    credited_invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
    reference: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    issued_at: Mapped[datetime | None]
    issue_date: Mapped[date | None] = mapped_column(index=True)
    due_date: Mapped[date | None]
    net_cents: Mapped[int] = mapped_column(default=0)
    tax_cents: Mapped[int] = mapped_column(default=0)
    total_cents: Mapped[int] = mapped_column(default=0)
    # Practice, payer, client and practitioner as they were when issued (rulebook 4.1).
    snapshot: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    lines: Mapped[list["InvoiceLine"]] = relationship(
        lazy="raise", back_populates="invoice", order_by="InvoiceLine.position", cascade="all, delete-orphan"
    )


class InvoiceLine(Base):
    """Hold one line. `share_id` is the work it bills, or the appointment a package line is linked to."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        Index(
            "uq_invoice_lines_live_share",
            "share_id",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        UniqueConstraint("invoice_id", "position"),
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id"))
    position: Mapped[int]
    # The day the line is about; for a package line the appointment's, kept after unlinking until Unassigned is saved.
    session_date: Mapped[date | None]
    fee_id: Mapped[int | None] = mapped_column(ForeignKey("fees.id"))
    code: Mapped[str] = mapped_column(default="")
    description: Mapped[str]
    minutes: Mapped[int | None]  # None: a product
    quantity: Mapped[int] = mapped_column(default=1)
    unit_cents: Mapped[int]
    discount_cents: Mapped[int] = mapped_column(default=0)
    tax_bp: Mapped[int] = mapped_column(default=0)
    net_cents: Mapped[int]
    tax_cents: Mapped[int] = mapped_column(default=0)
    total_cents: Mapped[int]
    share_id: Mapped[int | None] = mapped_column(ForeignKey("shares.id"))
    released_at: Mapped[datetime | None]  # set when the line is credited
    invoice: Mapped[Invoice] = relationship(lazy="raise", back_populates="lines")
    share: Mapped[Share | None] = relationship(lazy="raise")


class PackageSale(Base):
    """Hold one package sold: its invoice, who gives it where, how long it is good, copied from the template."""

    __tablename__ = "package_sales"

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id"), unique=True)
    package_id: Mapped[int | None] = mapped_column(ForeignKey("packages.id"), index=True)
    name: Mapped[str]
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    expires_after: Mapped[int | None]
    expires_unit: Mapped[ExpiryUnit] = mapped_column(default=ExpiryUnit.MONTHS)
    expires_date: Mapped[date | None]  # good through this day; set at issue
    terms: Mapped[str] = mapped_column(default="")
    invoice: Mapped[Invoice] = relationship(lazy="raise")
    clients: Mapped[list["PackageClient"]] = relationship(lazy="raise", cascade="all, delete-orphan")


class PackageClient(Base):
    """Hold a client who may use a sold package; a shared pack has several."""

    __tablename__ = "package_clients"

    sale_id: Mapped[int] = mapped_column(ForeignKey("package_sales.id"), primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), primary_key=True, index=True)


class SessionEntry(Base):
    """Hold one entry of the session ledger, append-only. Remaining is purchased less all the others, as sums."""

    __tablename__ = "session_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    sale_id: Mapped[int] = mapped_column(ForeignKey("package_sales.id"), index=True)
    line_id: Mapped[int | None] = mapped_column(ForeignKey("invoice_lines.id"), index=True)
    attendee_id: Mapped[int | None] = mapped_column(ForeignKey("attendees.id"))
    event: Mapped[SessionEvent]
    # What this entry adds to each count; one event may move a session from one to another (booked -1, used +1).
    purchased: Mapped[int] = mapped_column(default=0)
    booked: Mapped[int] = mapped_column(default=0)
    used: Mapped[int] = mapped_column(default=0)
    forfeited: Mapped[int] = mapped_column(default=0)
    expired: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(default="")


class UnlinkedPair(Base):
    """Hold a line and an attendee that a person unlinked: they are never linked again by themselves (rulebook 3.4)."""

    __tablename__ = "unlinked_pairs"

    line_id: Mapped[int] = mapped_column(ForeignKey("invoice_lines.id"), primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("attendees.id"), primary_key=True)
    at: Mapped[datetime]


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


class StoredDocument(Base):
    """Hold a rendered PDF under the SHA-256 of its content, so the same content is never rendered twice."""

    __tablename__ = "stored_documents"

    content_hash: Mapped[str] = mapped_column(primary_key=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
    pdf: Mapped[bytes]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
