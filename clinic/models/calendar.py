"""What stands in the calendar: types, working hours, time off, items and their attendees."""

from datetime import date, datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.kernel.database import Base
from clinic.models.people import Client


def _ical_uid() -> str:
    return f"{uuid4()}@clinic"


class ItemKind(StrEnum):
    """Name what an item is. Only an appointment is ever told to anyone but staff."""

    APPOINTMENT = "appointment"
    ACTIVITY = "activity"
    EVENT = "event"

    @property
    def is_silent(self) -> bool:
        """Say whether clients must never hear of it: the one place that every channel asks (rulebook 2.4)."""
        return self is not ItemKind.APPOINTMENT


class Mode(StrEnum):
    """Name how a session is given."""

    IN_PERSON = "in_person"
    PHONE = "phone"
    VIDEO = "video"


class Status(StrEnum):
    """Name what became of an attendee's place. An Activity reads Booked as Scheduled and Attended as Done."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    LATE_CANCELLED = "late_cancelled"
    CANCELLED_BY_CLIENT = "cancelled_by_client"
    CANCELLED_BY_PRACTICE = "cancelled_by_practice"

    @property
    def is_live(self) -> bool:
        """Say whether the attendee still holds the time: a cancelled place does not, a missed one did."""
        return self in (Status.BOOKED, Status.ARRIVED, Status.ATTENDED, Status.NO_SHOW)


class AppointmentType(Base):
    """Hold what can be booked: kind appointment or Activity, its length, rate and locks."""

    __tablename__ = "appointment_types"
    __table_args__ = (
        CheckConstraint("duration_minutes BETWEEN 5 AND 1440", name="duration"),
        CheckConstraint("buffer_before_minutes BETWEEN 0 AND 120 AND buffer_after_minutes BETWEEN 0 AND 120", name="buffers"),
        CheckConstraint("NOT is_online OR kind = 'appointment'", name="online"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[ItemKind]
    colour: Mapped[int]
    duration_minutes: Mapped[int]
    is_duration_flexible: Mapped[bool] = mapped_column(default=False)
    # The default fee of the schedule; None: the type's own rate below.
    fee_id: Mapped[int | None] = mapped_column(ForeignKey("fees.id"))
    rate_cents: Mapped[int] = mapped_column(default=0)
    is_hourly: Mapped[bool] = mapped_column(default=False)
    is_rate_flexible: Mapped[bool] = mapped_column(default=False)
    # Delivery modes offered, in order, joined by commas; empty for an Activity.
    modes: Mapped[str] = mapped_column(default="")
    requires_room: Mapped[bool] = mapped_column(default=False)
    # Minutes wanted free before and after it; they shape warnings, never the overlap rule.
    buffer_before_minutes: Mapped[int] = mapped_column(default=0)
    buffer_after_minutes: Mapped[int] = mapped_column(default=0)
    is_for_all: Mapped[bool] = mapped_column(default=True)
    # Automatic invoicing of an Activity, for organisations and referrers only (rulebook 2.5).
    is_auto_invoiced: Mapped[bool] = mapped_column(default=False)
    # Clients may book it themselves; never an Activity (rulebook 2.4).
    is_online: Mapped[bool] = mapped_column(default=False)
    is_archived: Mapped[bool] = mapped_column(default=False)


class TypePractitioner(Base):
    """Hold who may book a type that is not for all."""

    __tablename__ = "type_practitioners"

    type_id: Mapped[int] = mapped_column(ForeignKey("appointment_types.id"), primary_key=True)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"), primary_key=True)


class WorkingHours(Base):
    """Hold when a practitioner works at a location on a weekday (Monday is 0): minutes of the local day, half-open."""

    __tablename__ = "working_hours"
    __table_args__ = (
        CheckConstraint("0 <= starts_minute AND starts_minute < ends_minute AND ends_minute <= 1440", name="span"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"), index=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    weekday: Mapped[int]
    starts_minute: Mapped[int]
    ends_minute: Mapped[int]
    from_date: Mapped[date | None]
    until_date: Mapped[date | None]  # the last day it holds


class TimeOff(Base):
    """Hold a span without sessions: a practitioner's time off, or the practice's closed days (no practitioner)."""

    __tablename__ = "time_off"
    __table_args__ = (CheckConstraint("starts_at < ends_at", name="span"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioners.id"), index=True)
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    label: Mapped[str] = mapped_column(default="")


class OffDecision(StrEnum):
    """Name what staff did about a booking that stood in time off."""

    MOVED = "moved"
    CANCELLED = "cancelled"
    LEFT = "left"


class TimeOffBooking(Base):
    """Hold what staff decided about one booking that stood in time off, so that the walk through them can be resumed."""

    __tablename__ = "time_off_bookings"

    off_id: Mapped[int] = mapped_column(ForeignKey("time_off.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True, index=True)
    decision: Mapped[OffDecision]
    was_at: Mapped[datetime]  # when it began before that
    decided_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class SeriesUnit(StrEnum):
    """Name what a series counts in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Series(Base):
    """Hold the rule of what repeats: every N days, weeks or months, until a date or so many times.

    Every occurrence is an item of its own; the rule only says how they came about.
    """

    __tablename__ = "series"
    __table_args__ = (
        CheckConstraint("every BETWEEN 1 AND 99", name="every"),
        CheckConstraint("(until_date IS NULL) <> (times IS NULL)", name="one_end"),
        CheckConstraint("times BETWEEN 2 AND 300", name="times"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[SeriesUnit]
    every: Mapped[int]
    until_date: Mapped[date | None]  # the last day it may fall on
    times: Mapped[int | None]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Item(Base):
    """Hold anything in the calendar: an appointment, an Activity or a free-form event. The span is half-open."""

    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="span"),
        Index("ix_items_practitioner_id_starts_at", "practitioner_id", "starts_at"),
        Index("ix_items_room_id_starts_at", "room_id", "starts_at"),
        Index("ix_items_starts_at", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ItemKind]
    type_id: Mapped[int | None] = mapped_column(ForeignKey("appointment_types.id"), index=True)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioners.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("client_groups.id"), index=True)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    # Chosen at booking: Busy or Free. What the overlap rule reads is `is_blocking`: busy, and not freed.
    is_busy: Mapped[bool] = mapped_column(default=True)
    is_blocking: Mapped[bool] = mapped_column(default=True)
    mode: Mapped[Mode | None]
    title: Mapped[str] = mapped_column(default="")
    notes: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    deleted_at: Mapped[datetime | None]
    # What calendar programs know it by, for as long as it exists.
    ical_uid: Mapped[str] = mapped_column(unique=True, default=_ical_uid)
    type: Mapped[AppointmentType | None] = relationship(lazy="raise")
    attendees: Mapped[list["Attendee"]] = relationship(lazy="raise", back_populates="item", order_by="Attendee.id")

    @property
    def sequence(self) -> int:
        """Return the revision that calendar programs compare: it grows with every change."""
        return self.version - 1


class Attendee(Base):
    """Hold one client's place in an item: own status, and the fee if this place carries it."""

    __tablename__ = "attendees"
    __table_args__ = (UniqueConstraint("item_id", "client_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), index=True)
    status: Mapped[Status] = mapped_column(default=Status.BOOKED)
    status_at: Mapped[datetime]
    status_reason: Mapped[str] = mapped_column(default="")
    # Whether the fee, the invoice line and the package session sit on this place (rulebook 1.8).
    is_billed: Mapped[bool] = mapped_column(default=True)
    fee_id: Mapped[int | None] = mapped_column(ForeignKey("fees.id"))
    # Copied when booked: next year's price list must not reach it.
    fee_code: Mapped[str] = mapped_column(default="")
    fee_description: Mapped[str] = mapped_column(default="")
    fee_cents: Mapped[int] = mapped_column(default=0)
    tax_bp: Mapped[int] = mapped_column(default=0)
    # What is billed instead of the fee when the place was missed or cancelled late; None: the fee, by the policy.
    policy_cents: Mapped[int | None]
    do_not_invoice: Mapped[bool] = mapped_column(default=False)
    # When what decides its billing last changed: the nightly run looks back seven days by this.
    billing_changed_at: Mapped[datetime]
    item: Mapped[Item] = relationship(lazy="raise", back_populates="attendees")
    client: Mapped[Client] = relationship(lazy="raise")
