"""The practice itself: its settings, places, people who sign in, its audit trail and its jobs."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base


class Role(StrEnum):
    """Name what a user is to the practice; a user may be several."""

    OWNER = "owner"
    PRACTITIONER = "practitioner"
    FRONT_DESK = "front_desk"
    BILLER = "biller"


class InvoiceCreation(StrEnum):
    """Name when invoices make themselves. AS_PRACTICE is only a contact's choice."""

    DAILY = "daily"
    MONTHLY = "monthly"
    MANUALLY = "manually"
    AS_PRACTICE = "as_practice"


class FeedDetail(StrEnum):
    """Name how much a practitioner's calendar feed tells."""

    BUSY = "busy"
    INITIALS = "initials"
    FULL = "full"


class ClientMail(StrEnum):
    """Name of whose calendar a user is written when a client books, moves, cancels or buys by themselves."""

    NONE = "none"
    OWN = "own"
    ALL = "all"


class JobStatus(StrEnum):
    """Name how far one job came for one local date."""

    RUNNING = "running"
    DONE = "done"
    MISSED = "missed"


class Practice(Base):
    """Hold the one practice of this installation and its settings (one row, id 1)."""

    __tablename__ = "practice"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    locale: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    tax_id: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    invoice_creation: Mapped[InvoiceCreation] = mapped_column(default=InvoiceCreation.MANUALLY)
    # The first local date whose work the daily run may bill; None while Invoice Creation is not Daily.
    daily_from_date: Mapped[date | None]
    # When Daily was chosen: older work since `daily_from_date` was taken along on purpose.
    daily_chosen_at: Mapped[datetime | None]
    # The first local date whose work the monthly run may bill; None while Invoice Creation is not Monthly.
    monthly_from_date: Mapped[date | None]
    due_days: Mapped[int] = mapped_column(default=14)
    overdue_after_days: Mapped[int] = mapped_column(default=0)
    document_footer: Mapped[str] = mapped_column(default="")
    # What stands at the head of every document; None: nothing.
    logo_sha256: Mapped[str | None] = mapped_column(ForeignKey("logos.sha256"))
    line_description: Mapped[str] = mapped_column(default="")
    bills_zero_fees: Mapped[bool] = mapped_column(default=False)
    tax_inclusive: Mapped[bool] = mapped_column(default=False)
    # Set at the first issue: from then on the currency and the tax setting are locked.
    money_locked_at: Mapped[datetime | None]
    past_booked_is_attended: Mapped[bool] = mapped_column(default=True)
    cancellation_window_hours: Mapped[int] = mapped_column(default=24)
    late_cancel_bp: Mapped[int] = mapped_column(default=10_000)
    no_show_bp: Mapped[int] = mapped_column(default=10_000)
    group_clients_max: Mapped[int] = mapped_column(default=15)
    practitioners_see_all: Mapped[bool] = mapped_column(default=False)
    # Who leaves a browser alone for so long is signed out of it.
    idle_minutes: Mapped[int] = mapped_column(default=60)
    # Clients are told of a change so many minutes after it, so that a corrected mistake sends nothing.
    message_grace_minutes: Mapped[int] = mapped_column(default=3)
    reminder_hours: Mapped[int] = mapped_column(default=24)
    # So many days before a package expires its clients are warned; 0: not at all.
    package_warning_days: Mapped[int] = mapped_column(default=14)
    autopay_minimum_cents: Mapped[int] = mapped_column(default=50)
    # Whether the public online booking page is there; how soon a client may book by themselves, and how far ahead (9.2).
    is_online_booking_on: Mapped[bool] = mapped_column(default=False)
    online_lead_hours: Mapped[int] = mapped_column(default=12)
    online_days_ahead: Mapped[int] = mapped_column(default=60)
    # Set when a backup was restored: AutoPay stays off until a person confirms.
    restored_at: Mapped[datetime | None]


class Logo(Base):
    """Hold the picture at the head of documents under the SHA-256 of its bytes."""

    __tablename__ = "logos"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    image: Mapped[bytes]
    mimetype: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    created_at: Mapped[datetime]


class Location(Base):
    """Hold a place where sessions are given; every appointment has one."""

    __tablename__ = "locations"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    # What a superbill says of where a session took place (two digits, `practice/places.py`): in person, and by phone or video.
    place_of_service: Mapped[str] = mapped_column(default="11", server_default="11")
    remote_place_of_service: Mapped[str] = mapped_column(default="10", server_default="10")
    is_archived: Mapped[bool] = mapped_column(default=False)


class Room(Base):
    """Hold a room of a location; two busy items never share one."""

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), index=True)
    name: Mapped[str]
    is_archived: Mapped[bool] = mapped_column(default=False)


class Practitioner(Base):
    """Hold who gives sessions, as the calendar and the documents name them."""

    __tablename__ = "practitioners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    profession: Mapped[str] = mapped_column(default="")
    credentials: Mapped[str] = mapped_column(default="")
    licence: Mapped[str] = mapped_column(default="")
    npi: Mapped[str] = mapped_column(default="")
    colour: Mapped[int] = mapped_column(default=1)
    # Where a booking lands when nothing else says.
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    is_archived: Mapped[bool] = mapped_column(default=False)
    # The calendar feed. Its address carries the token; only its hash is kept here. None: no feed.
    feed_token_hash: Mapped[str | None] = mapped_column(unique=True)
    feed_reset_at: Mapped[datetime | None]
    feed_detail: Mapped[FeedDetail] = mapped_column(default=FeedDetail.BUSY)


class User(Base):
    """Hold a member of staff who signs in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]  # the sign-in name, unique whatever its case
    name: Mapped[str]
    password_hash: Mapped[str]
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioners.id"), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    # Whether the signs are explained under the calendar.
    shows_legend: Mapped[bool] = mapped_column(default=False)
    # Whether they are written in the evening what the night will do, and in the morning what it did.
    wants_night_mail: Mapped[bool] = mapped_column(default=False)
    client_mail: Mapped[ClientMail] = mapped_column(default=ClientMail.OWN)
    # The last row of the audit trail up to which they have seen what clients changed by themselves.
    clients_seen_id: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    roles: Mapped[list["UserRole"]] = relationship(lazy="raise", back_populates="user", cascade="all, delete-orphan")


Index("uq_users_email_lower", func.lower(User.email), unique=True)


class UserRole(Base):
    """Hold one role of one user."""

    __tablename__ = "user_roles"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(primary_key=True)
    user: Mapped[User] = relationship(lazy="raise", back_populates="roles")


class WebSession(Base):
    """Hold a sign-in. The cookie carries the token; only its hash is kept here."""

    __tablename__ = "web_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(default="")


class SignInThrottle(Base):
    """Count failed sign-ins per account and per address, and hold back-off until `blocked_until_at`."""

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    last_failed_at: Mapped[datetime]
    blocked_until_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Hold one thing done or tried: append-only, each entry hashed over the one before."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_object", "object_type", "object_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    roles: Mapped[str]
    web_session_id: Mapped[int | None]
    address: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcome: Mapped[str] = mapped_column(default="done")
    hash: Mapped[str]


class FormKey(Base):
    """Hold the one-time key of a posted form and where its first result stands."""

    __tablename__ = "form_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"))  # who posted it in the portal
    posted_at: Mapped[datetime]
    location: Mapped[str] = mapped_column(default="")


class JobRun(Base):
    """Hold one job for one practice-local date: claimed once, resumed if it died, never doubled."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "local_date"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str]
    local_date: Mapped[date]
    status: Mapped[JobStatus]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    host: Mapped[str] = mapped_column(default="")
    done_count: Mapped[int] = mapped_column(default=0)
    failed_count: Mapped[int] = mapped_column(default=0)


class JobFailure(Base):
    """Hold one record that a job left behind, and why, so that it can be shown and retried."""

    __tablename__ = "job_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("job_runs.id"), index=True)
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    reason: Mapped[str]
    at: Mapped[datetime]


class Heartbeat(Base):
    """Hold when the scheduler's tick last ran to its end (one row, id 1)."""

    __tablename__ = "heartbeat"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ticked_at: Mapped[datetime]
    host: Mapped[str] = mapped_column(default="")
