"""Fees, shares, packages, invoices and the session ledger: what is sold and billed, in whole cents."""

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
    # What a superbill says beside the code; frozen into an invoice when it is issued.
    modifier: Mapped[str] = mapped_column(default="", server_default="")
    units: Mapped[int] = mapped_column(default=1, server_default="1")
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
    is_online: Mapped[bool] = mapped_column(default=False)  # may be bought on the online booking page
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
    # The invoice whose place a draft takes (Correct): what was paid on it is put on this one at issue.
    corrects_invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
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
    credits_line_id: Mapped[int | None] = mapped_column(ForeignKey("invoice_lines.id"), index=True)  # of a credit note
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


class StoredDocument(Base):
    """Hold a rendered PDF under the SHA-256 of its content, so the same content is never rendered twice."""

    __tablename__ = "stored_documents"

    content_hash: Mapped[str] = mapped_column(primary_key=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"), index=True)
    pdf: Mapped[bytes]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
