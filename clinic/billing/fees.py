"""The fee schedule: what a session or a product costs."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import snapshot
from clinic.kernel import money
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Fee
from clinic.practice import audit
from clinic.practice.permissions import Actor

FEES_MAX = 500
MINUTES_MAX = 24 * 60
UNITS_MAX = 99
_MODIFIER = re.compile(r"[0-9A-Z]{2}( [0-9A-Z]{2}){0,3}")


@dataclass(frozen=True)
class FeeDetails:
    """Hold what a row of the schedule says. Without minutes it is a product."""

    code: str
    description: str
    amount_cents: int
    is_hourly: bool = False
    tax_bp: int = 0
    minutes: int | None = None
    modifier: str = ""
    units: int = 1


def offered(session: Session) -> list[Fee]:
    """List what may be charged today, by code and description."""
    return list(
        session.scalars(select(Fee).where(~Fee.is_archived).order_by(Fee.code, Fee.description, Fee.id).limit(FEES_MAX))
    )


def schedule(session: Session) -> list[Fee]:
    """List the whole schedule, what is offered first."""
    return list(session.scalars(select(Fee).order_by(Fee.is_archived, Fee.code, Fee.description, Fee.id).limit(FEES_MAX)))


def fee_for(session: Session, fee_id: int) -> Fee:
    """Return one fee, an archived one too.

    Raises:
        NotFoundError: there is no such fee.
    """
    found = session.get(Fee, fee_id)
    if found is None:
        raise NotFoundError("no such fee")
    return found


def amount_cents(fee: Fee, minutes: int) -> int:
    """Return what so many minutes cost: the flat amount, or the hourly one by the minute."""
    return money.for_minutes(hourly_cents=fee.amount_cents, minutes=minutes) if fee.is_hourly else fee.amount_cents


def add(session: Session, who: Actor, details: FeeDetails, now: datetime) -> Fee:
    """Put a fee on the schedule. Must run inside `writing()`.

    Raises:
        RefusalError: the schedule is full, or an hourly fee has no minutes.
    """
    if (session.scalar(select(func.count()).select_from(Fee)) or 0) >= FEES_MAX:
        raise RefusalError(f"The schedule holds at most {FEES_MAX} fees.")
    fee = Fee()
    _write(session, fee, details)
    session.add(fee)
    session.flush()
    audit.record(session, who, "added fee", "fee", fee.id, now, amount_cents=fee.amount_cents)
    return fee


def change(session: Session, who: Actor, fee_id: int, details: FeeDetails, now: datetime) -> Fee:
    """Change a fee from now on; what was booked or invoiced keeps its copy. Must run inside `writing()`."""
    fee = fee_for(session, fee_id)
    before_cents = fee.amount_cents
    _write(session, fee, details)
    audit.record(session, who, "changed fee", "fee", fee.id, now, from_cents=before_cents, to_cents=fee.amount_cents)
    return fee


def archive(session: Session, who: Actor, fee_id: int, now: datetime) -> None:
    """Offer the fee no longer; history keeps it. Safe to repeat."""
    fee_for(session, fee_id).is_archived = True
    audit.record(session, who, "archived fee", "fee", fee_id, now)


def restore(session: Session, who: Actor, fee_id: int, now: datetime) -> None:
    """Offer an archived fee again. Safe to repeat."""
    fee_for(session, fee_id).is_archived = False
    audit.record(session, who, "restored fee", "fee", fee_id, now)


def _write(session: Session, fee: Fee, details: FeeDetails) -> None:
    if details.is_hourly and details.minutes is None:
        raise RefusalError("An hourly fee needs its minutes.", field="minutes")
    twin = select(Fee.id).where(
        ~Fee.is_archived,
        func.lower(Fee.code) == details.code.lower(),
        func.lower(Fee.description) == details.description.lower(),
    )
    if any(found != fee.id for found in session.scalars(twin)):
        raise RefusalError("There is a fee with this code and description already.", field="description")
    fee.code, fee.description, fee.amount_cents = details.code, details.description, details.amount_cents
    fee.is_hourly, fee.tax_bp, fee.minutes = details.is_hourly, details.tax_bp, details.minutes
    fee.modifier, fee.units = _modifiers(details.modifier), details.units
    snapshot.forget_fees(session)


def _modifiers(typed: str) -> str:
    tidy = " ".join(typed.upper().replace(",", " ").split())
    if tidy and not _MODIFIER.fullmatch(tidy):
        raise RefusalError(
            "A modifier has two letters or digits, such as 95. At most four, with blanks between.", field="modifier"
        )
    return tidy
