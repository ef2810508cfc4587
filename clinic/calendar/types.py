"""Appointment types: what can be booked, of kind appointment or Activity, for how long, at which rate, by whom."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import fees
from clinic.calendar.buffers import BUFFER_MAX
from clinic.kernel import money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Fee
from clinic.models.calendar import AppointmentType, Item, ItemKind, Mode, TypePractitioner
from clinic.models.practice import Practitioner
from clinic.practice import audit
from clinic.practice.permissions import Actor

TYPES_MAX = 300
COLOURS = range(1, 16)  # 0 is for free-form events
MINUTES_MIN, MINUTES_MAX = 5, 24 * 60
KINDS = (ItemKind.APPOINTMENT, ItemKind.ACTIVITY)


@dataclass(frozen=True)
class Draft:
    """Ask for an appointment type as its form has it."""

    name: str
    kind: ItemKind
    colour: int
    duration_minutes: int
    is_duration_flexible: bool = False
    fee_id: int | None = None  # the schedule's fee; None: the type's own rate
    rate_cents: int = 0
    is_hourly: bool = False
    is_rate_flexible: bool = False
    modes: tuple[Mode, ...] = ()
    requires_room: bool = False
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    is_auto_invoiced: bool = False
    is_online: bool = False
    practitioner_ids: tuple[int, ...] | None = field(default=None)  # None: all


@dataclass(frozen=True)
class TypeRow:
    """Show a type in the list."""

    id: int
    name: str
    kind: ItemKind
    colour: int
    minutes: int
    is_duration_flexible: bool
    rate_cents: int
    is_hourly: bool
    is_rate_flexible: bool
    fee: str | None
    is_online: bool
    is_archived: bool


@dataclass(frozen=True)
class Price:
    """Hold what a booking copies onto its attendee: code, words, cents and tax."""

    fee_id: int | None
    code: str
    description: str
    cents: int
    tax_bp: int
    is_hourly: bool = field(default=False, compare=False)


def listed(session: Session, *, is_archived: bool = False) -> list[TypeRow]:
    """List the types, appointments first, by name."""
    rows = session.execute(
        select(AppointmentType, Fee)
        .outerjoin(Fee, Fee.id == AppointmentType.fee_id)
        .where(AppointmentType.is_archived == is_archived)
        .order_by(AppointmentType.kind.desc(), func.lower(AppointmentType.name), AppointmentType.id)
        .limit(TYPES_MAX)
    )
    return [
        TypeRow(
            id=kind.id, name=kind.name, kind=kind.kind, colour=kind.colour, minutes=kind.duration_minutes,
            is_duration_flexible=kind.is_duration_flexible, rate_cents=fee.amount_cents if fee else kind.rate_cents,
            is_hourly=fee.is_hourly if fee else kind.is_hourly, is_rate_flexible=kind.is_rate_flexible,
            fee=" ".join(part for part in (fee.code, fee.description) if part) if fee else None, is_online=kind.is_online,
            is_archived=kind.is_archived,
        )
        for kind, fee in rows
    ]  # fmt: skip


def type_for(session: Session, type_id: int) -> AppointmentType:
    """Return the type, archived or not.

    Raises:
        NotFoundError: there is none.
    """
    found = session.get(AppointmentType, type_id)
    if found is None:
        raise NotFoundError(f"type {type_id}")
    return found


def practitioner_ids(session: Session, type_id: int) -> tuple[int, ...]:
    """Return who may book a type that is not for all."""
    query = select(TypePractitioner.practitioner_id).where(TypePractitioner.type_id == type_id)
    return tuple(session.scalars(query.order_by(TypePractitioner.practitioner_id)))


def is_used(session: Session, type_id: int) -> bool:
    """Say whether anything was ever booked as this type: from then on its kind is fixed."""
    return bool(session.scalar(select(exists().where(Item.type_id == type_id))))


def next_free_colour(session: Session) -> int:
    """Return the first colour that no type in use has, or else the one that the fewest have."""
    used = Counter(session.scalars(select(AppointmentType.colour).where(~AppointmentType.is_archived)))
    return min(COLOURS, key=lambda colour: (used[colour], colour))


def bookable_types(
    session: Session,
    who: Actor,
    practitioner_id: int,
    *,
    with_activities: bool,
) -> list[AppointmentType]:
    """List what may be booked with that practitioner: appointments first, by name."""
    if who.own_practitioner_id not in (None, practitioner_id):
        raise NotFoundError(f"practitioner {practitioner_id}")
    named = exists().where(TypePractitioner.type_id == AppointmentType.id, TypePractitioner.practitioner_id == practitioner_id)
    query = (
        select(AppointmentType)
        .where(~AppointmentType.is_archived, or_(AppointmentType.is_for_all, named))
        .order_by(AppointmentType.kind.desc(), func.lower(AppointmentType.name), AppointmentType.id)
        .limit(TYPES_MAX)
    )
    if not with_activities:
        query = query.where(AppointmentType.kind != ItemKind.ACTIVITY)
    return list(session.scalars(query))


def may_book(session: Session, kind: AppointmentType, practitioner_id: int) -> bool:
    """Say whether that type may be booked with that practitioner now."""
    if kind.is_archived:
        return False
    return kind.is_for_all or session.get(TypePractitioner, (kind.id, practitioner_id)) is not None


def modes_of(kind: AppointmentType) -> tuple[Mode, ...]:
    """Return the delivery modes a type offers, in order; none for an Activity."""
    return tuple(Mode(word) for word in kind.modes.split(",") if word)


def price_of(session: Session, kind: AppointmentType, *, minutes: int) -> Price:
    """Return what the type itself costs for so many minutes: the schedule's fee, or its own rate."""
    if kind.fee_id is not None:
        return price_of_fee(fees.fee_for(session, kind.fee_id), minutes=minutes)
    cents = money.for_minutes(hourly_cents=kind.rate_cents, minutes=minutes) if kind.is_hourly else kind.rate_cents
    return Price(None, "", kind.name, cents, 0, kind.is_hourly)


def price_of_fee(fee: Fee, *, minutes: int) -> Price:
    """Return what a fee of the schedule costs for so many minutes."""
    return Price(fee.id, fee.code, fee.description, fees.amount_cents(fee, minutes), fee.tax_bp, fee.is_hourly)


def add(session: Session, who: Actor, draft: Draft, now: datetime) -> AppointmentType:
    """Add a type. Must run inside `writing()`."""
    _check(session, draft, None)
    made = AppointmentType(name=draft.name, kind=draft.kind, colour=draft.colour, duration_minutes=draft.duration_minutes)
    _fill(made, draft)
    session.add(made)
    session.flush()
    _say_who(session, made, draft)
    audit.record(session, who, "added appointment type", "appointment type", made.id, now, **_detail(draft))
    return made


def edit(session: Session, who: Actor, type_id: int, draft: Draft, now: datetime) -> AppointmentType:
    """Change a type. What is booked already keeps its own length and fee. Must run inside `writing()`.

    Raises:
        RefusalError: its kind was changed though something was booked as it.
    """
    kind = type_for(session, type_id)
    if draft.kind is not kind.kind and is_used(session, type_id):
        raise RefusalError("Something was booked as this type, so its kind stays. Add another type instead.", field="kind")
    _check(session, draft, type_id)
    _fill(kind, draft)
    _say_who(session, kind, draft)
    audit.record(session, who, "changed appointment type", "appointment type", type_id, now, **_detail(draft))
    return kind


def archive(session: Session, who: Actor, type_id: int, now: datetime, *, is_archived: bool) -> None:
    """Take a type out of the booking forms, or bring it back; what was booked keeps it. Must run inside `writing()`."""
    kind = type_for(session, type_id)
    if kind.is_archived != is_archived:
        if not is_archived:
            _refuse_taken_name(session, kind.name, type_id)
        kind.is_archived = is_archived
        action = "archived appointment type" if is_archived else "brought back appointment type"
        audit.record(session, who, action, "appointment type", type_id, now)


def _check(session: Session, draft: Draft, type_id: int | None) -> None:
    if draft.kind not in KINDS:
        raise RefusalError("Choose Appointment or Activity.", field="kind")
    if not MINUTES_MIN <= draft.duration_minutes <= MINUTES_MAX:
        raise RefusalError(f"Enter minutes from {MINUTES_MIN} to {MINUTES_MAX}.", field="duration")
    for field_name in ("buffer_before", "buffer_after"):
        if not 0 <= getattr(draft, f"{field_name}_minutes") <= BUFFER_MAX:
            raise RefusalError(f"Enter minutes from 0 to {BUFFER_MAX}.", field=field_name)
    if draft.colour not in COLOURS:
        raise RefusalError("Choose a colour from the list.", field="colour")
    if draft.kind is ItemKind.APPOINTMENT and not draft.modes:
        raise RefusalError("Choose at least one way it is given.", field="modes")
    _refuse_taken_name(session, draft.name, type_id)
    if draft.fee_id is not None:
        _check_fee(session, draft.fee_id)
    if draft.practitioner_ids is not None:
        _check_practitioners(session, draft.practitioner_ids)


def _refuse_taken_name(session: Session, name: str, type_id: int | None) -> None:
    same = select(AppointmentType.id).where(func.lower(AppointmentType.name) == name.lower(), ~AppointmentType.is_archived)
    if any(found != type_id for found in session.scalars(same)):
        raise RefusalError("Another type has this name.", field="name")


def _check_fee(session: Session, fee_id: int) -> None:
    fee = session.get(Fee, fee_id)
    if fee is None or fee.is_archived:
        raise RefusalError("Choose a fee from the list.", field="fee")
    if fee.minutes is None and not fee.is_hourly:
        raise RefusalError("This fee is a product. Choose a fee with minutes.", field="fee")


def _check_practitioners(session: Session, ids: tuple[int, ...]) -> None:
    if not ids:
        raise RefusalError("Choose at least one practitioner.", field="practitioners")
    known = set(session.scalars(select(Practitioner.id).where(Practitioner.id.in_(ids), ~Practitioner.is_archived)))
    if set(ids) - known:
        raise RefusalError("Choose practitioners from the list.", field="practitioners")


def _fill(kind: AppointmentType, draft: Draft) -> None:
    is_activity = draft.kind is ItemKind.ACTIVITY
    kind.name, kind.kind, kind.colour = draft.name, draft.kind, draft.colour
    kind.duration_minutes, kind.is_duration_flexible = draft.duration_minutes, draft.is_duration_flexible
    kind.fee_id, kind.is_rate_flexible = draft.fee_id, draft.is_rate_flexible
    kind.rate_cents = 0 if draft.fee_id else draft.rate_cents
    kind.is_hourly = draft.is_hourly and not draft.fee_id
    # An Activity has neither delivery mode nor room (A1).
    kind.modes = "" if is_activity else ",".join(mode.value for mode in Mode if mode in draft.modes)
    kind.buffer_before_minutes, kind.buffer_after_minutes = draft.buffer_before_minutes, draft.buffer_after_minutes
    kind.requires_room = draft.requires_room and not is_activity
    kind.is_auto_invoiced = draft.is_auto_invoiced and is_activity
    kind.is_online = draft.is_online and not is_activity
    kind.is_for_all = draft.practitioner_ids is None


def _say_who(session: Session, kind: AppointmentType, draft: Draft) -> None:
    session.execute(delete(TypePractitioner).where(TypePractitioner.type_id == kind.id))
    session.add_all(TypePractitioner(type_id=kind.id, practitioner_id=each) for each in set(draft.practitioner_ids or ()))
    session.flush()


def _detail(draft: Draft) -> dict[str, Any]:
    return {
        "kind": draft.kind.value, "minutes": draft.duration_minutes, "fee_id": draft.fee_id, "rate_cents": draft.rate_cents,
        "flexible_duration": draft.is_duration_flexible, "flexible_rate": draft.is_rate_flexible,
        "online": draft.is_online,
    }  # fmt: skip
