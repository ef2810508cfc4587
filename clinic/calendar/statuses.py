"""What became of an item: statuses per attendee, and what each does to the time, the fee and the package session."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.calendar import availability, booking, linking, matching
from clinic.calendar.seats import is_there
from clinic.kernel import money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import outbox
from clinic.models.billing import Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.practice import Practice
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

REASON_CHARS_MAX = 200
SET = "set status"  # in the audit trail
CANCELLED = (Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)
MISSED = matching.MISSED
WORDS = {
    Status.BOOKED: "Booked",
    Status.ARRIVED: "Arrived",
    Status.ATTENDED: "Attended",
    Status.NO_SHOW: "No show",
    Status.LATE_CANCELLED: "Late cancelled",
    Status.CANCELLED_BY_CLIENT: "Cancelled by client",
    Status.CANCELLED_BY_PRACTICE: "Cancelled by practice",
}
_ACTIVITY_WORDS = {
    Status.BOOKED: "Scheduled",
    Status.ATTENDED: "Done",
    Status.CANCELLED_BY_PRACTICE: "Cancelled",
    Status.CANCELLED_BY_CLIENT: "Cancelled",
}
_OFFERED = (Status.BOOKED, Status.ARRIVED, Status.ATTENDED, Status.NO_SHOW)


def word(kind: ItemKind, status: Status) -> str:
    """Return what staff call a status; an Activity is Scheduled, Done or Cancelled."""
    return (_ACTIVITY_WORDS if kind is ItemKind.ACTIVITY else WORDS)[status]


def allowed(kind: ItemKind) -> tuple[Status, ...]:
    """Return the statuses an attendee of that kind of item may have."""
    if kind is ItemKind.ACTIVITY:
        return tuple(_ACTIVITY_WORDS)
    return tuple(Status) if kind is ItemKind.APPOINTMENT else ()


def offered(kind: ItemKind) -> tuple[Status, ...]:
    """Return the statuses set with one word; cancelling is a step of its own."""
    return tuple(status for status in allowed(kind) if status in _OFFERED)


def counted(status: Status, kind: ItemKind, ends_at: datetime, now: datetime, *, past_is_attended: bool) -> Status:
    """Return what a status counts as: a past Booked one is Attended unless the practice turned that off.

    A past Scheduled Activity is Done whatever the practice says of sessions (rulebook 2.6).
    """
    is_done = kind is ItemKind.ACTIVITY or (kind is ItemKind.APPOINTMENT and past_is_attended)
    return Status.ATTENDED if status is Status.BOOKED and ends_at <= now and is_done else status


def is_late(practice: Practice, starts_at: datetime, now: datetime) -> bool:
    """Say whether cancelling now lies inside the practice's window."""
    hours_left = (starts_at - now).total_seconds()
    return hours_left < practice.cancellation_window_hours * 3600


def policy_cents(practice: Practice, status: Status, fee_cents: int) -> int | None:
    """Return what a missed or late cancelled place bills by the practice's policy; None for every other status."""
    if status not in MISSED:
        return None
    return money.share_of(fee_cents, practice.no_show_bp if status is Status.NO_SHOW else practice.late_cancel_bp)


def set_status(
    session: Session,
    who: Actor,
    item_id: int,
    status: Status,
    now: datetime,
    *,
    attendee_id: int | None = None,
    reason: str = "",
    bills_cents: int | None = None,
    notifies: bool = True,
    tells: bool = True,
) -> Item:
    """Set the status of one attendee, or of all: fold it into what holds the time, the fee and the package.

    Must run inside `writing()`. Safe to repeat: who has the status already is left alone.

    Args:
        bills_cents: what a missed or late cancelled place bills instead of the practice's policy.
        tells: False leaves the telling to the caller, who changes several at once (`outbox.tell_all`).

    Raises:
        RefusalError: this kind of item has no such status, or it cannot bill that amount.
        OverlapError: a cancelled item would hold its time again, but the time is taken.
    """
    item = booking.item_for(session, who, item_id)
    chosen = [each for each in item.attendees if attendee_id in (None, each.id)]
    if attendee_id is not None and not chosen:
        raise NotFoundError(f"attendee {attendee_id}")
    if status not in allowed(item.kind) or not chosen:
        raise RefusalError("This cannot have that status.", field="status")
    _check_amount(session, chosen, status, bills_cents)
    chosen = [each for each in chosen if each.status is not status or bills_cents not in (None, each.policy_cents)]
    if not chosen:
        return item
    was_blocking, told = item.is_blocking, outbox.standing(item)
    _mark(chosen, status, reason, now)
    _hold(session, who, item, was_blocking=was_blocking, now=now)
    _hand_over_fee(session, item, now)
    practice = settings.practice(session)
    for attendee in chosen:
        _settle(session, who, item, attendee, practice, now, bills_cents)
        audit.record(session, who, SET, "item", item.id, now, status=status.value, attendee_id=attendee.id)
    billed = [each for each in item.attendees if each.is_billed]
    if len(billed) == 1 and billed[0] not in chosen:  # the package session of a couple follows whoever is there
        linking.on_status(session, who, billed[0], now)
    session.flush()
    if tells:
        outbox.tell(session, who, item, told, now, notifies=notifies)
    return item


def _mark(chosen: Sequence[Attendee], status: Status, reason: str, now: datetime) -> None:
    for attendee in chosen:
        attendee.status, attendee.status_at = status, now
        attendee.status_reason, attendee.billing_changed_at = reason[:REASON_CHARS_MAX], now


def _check_amount(session: Session, chosen: Sequence[Attendee], status: Status, bills_cents: int | None) -> None:
    if bills_cents is None:
        return
    billed = [each for each in chosen if each.is_billed]
    if status not in MISSED or len(billed) != 1:
        raise RefusalError("There is no one amount to choose here.", field="amount")
    if not 0 <= bills_cents <= billed[0].fee_cents:
        most = settings.house(session).money(billed[0].fee_cents)
        raise RefusalError(f"Enter an amount up to the fee, {most}.", field="amount")


def _hold(session: Session, who: Actor, item: Item, *, was_blocking: bool, now: datetime) -> None:
    holds = booking.blocks(item)
    if holds and not was_blocking:
        taken = availability.clash(
            session, practitioner_id=item.practitioner_id, room_id=item.room_id, starts_at=item.starts_at,
            ends_at=item.ends_at, besides_item_id=item.id,
        )  # fmt: skip
        if taken is not None:
            raise availability.refuse_clash(taken, who, settings.house(session))
    with booking.guarded(session):
        item.is_blocking = holds
        item.version += 1
        item.changed_at = now


def _settle(
    session: Session, who: Actor, item: Item, attendee: Attendee, practice: Practice, now: datetime, bills_cents: int | None
) -> None:
    attendee.policy_cents = None
    if item.kind is not ItemKind.APPOINTMENT or not attendee.is_billed:
        return
    attendee.policy_cents = bills_cents
    linking.on_status(session, who, attendee, now)
    if attendee.policy_cents is None and linking.held_line(session, attendee.id) is None:
        attendee.policy_cents = policy_cents(practice, attendee.status, attendee.fee_cents)


def _hand_over_fee(session: Session, item: Item, now: datetime) -> None:
    """Keep the one fee of a couple, family or Activity on someone who is there: it bills if anyone attended (1.8)."""
    billed = [each for each in item.attendees if each.is_billed]
    if len(billed) != 1 or len(item.attendees) == 1 or is_there(billed[0]):
        return
    heir = next((each for each in item.attendees if is_there(each)), None)
    shares = work.shares_of(session, [billed[0].id])
    if heir is None or work.live_lines(session, [share.id for share in shares]):
        return
    was = billed[0]
    heir.fee_id, heir.fee_code, heir.fee_description = was.fee_id, was.fee_code, was.fee_description
    heir.fee_cents, heir.tax_bp, heir.do_not_invoice = was.fee_cents, was.tax_bp, was.do_not_invoice
    was.fee_id, was.fee_code, was.fee_description, was.fee_cents, was.tax_bp = None, "", "", 0, 0
    was.is_billed, heir.is_billed = False, True
    was.billing_changed_at = heir.billing_changed_at = now
    for share in session.scalars(select(Share).where(Share.attendee_id == was.id)):
        share.attendee_id = heir.id
