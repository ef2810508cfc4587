"""First set-up: one practice with everything its first appointment and its first invoice need."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel import clock, locales, money
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import Fee, InvoiceKind, NumberSeries
from clinic.models.calendar import AppointmentType, ItemKind, Mode, WorkingHours
from clinic.models.money import METHOD_NAMES, PaymentMethodName
from clinic.models.practice import InvoiceCreation, Location, Practice, Practitioner, Role, User, UserRole
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

WORKDAYS = range(5)  # Monday to Friday
OPENS_MINUTE, CLOSES_MINUTE = 9 * 60, 17 * 60
SESSION_MINUTES, ACTIVITY_MINUTES = 50, 30
# A round figure to change: a fee of nothing would never be billed.
FEE_CENTS = 10_000
PREFIXES = {InvoiceKind.INVOICE: "INV-", InvoiceKind.CREDIT_NOTE: "CN-"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class FoundedError(ClashError):
    """Refuse a second first set-up."""


@dataclass(frozen=True)
class Founding:
    """Say what first set-up asks. The password comes hashed: hashing takes too long for the writing door."""

    practice: str
    timezone: str
    currency: str
    locale: str
    name: str
    email: str
    password_hash: str


def is_founded(session: Session) -> bool:
    """Say whether first set-up has been done."""
    return session.get(Practice, settings.PRACTICE_ID) is not None


def found(session: Session, wanted: Founding, now: datetime, *, address: str = "") -> Actor:
    """Make the practice, its owner as its first practitioner, and what they need on the first day.

    Must run inside `writing()`: of two set-ups at once the second is refused.

    Raises:
        FoundedError: there is a practice already.
        RefusalError: the zone, currency or locale is not one of the lists, or a name or the e-mail is missing.
    """
    if is_founded(session):
        raise FoundedError("This practice has been set up already. Sign in.")
    _check(wanted)
    session.add(
        Practice(
            id=settings.PRACTICE_ID, name=wanted.practice, timezone=wanted.timezone, currency=wanted.currency,
            locale=wanted.locale, email=wanted.email, created_at=now, invoice_creation=InvoiceCreation.MANUALLY,
        )
    )  # fmt: skip
    session.add_all(NumberSeries(kind=kind, prefix=prefix, next_number=1) for kind, prefix in PREFIXES.items())
    session.add_all(PaymentMethodName(method=method, name=name) for method, name in METHOD_NAMES.items())
    owner = _make_owner(session, wanted, now, address=address)
    _make_types(session)
    audit.record(session, owner, "founded practice", "practice", settings.PRACTICE_ID, now)
    return owner


def _check(wanted: Founding) -> None:
    if not wanted.practice.strip():
        raise RefusalError("Enter the practice's name.", field="practice")
    if not wanted.name.strip():
        raise RefusalError("Enter your name.", field="name")
    if not _EMAIL.fullmatch(wanted.email):
        raise RefusalError("Enter an e-mail address such as you@example.org.", field="email")
    clock.zone(wanted.timezone)
    if wanted.currency not in money.SYMBOLS:
        raise RefusalError("Choose a currency from the list.", field="currency")
    if wanted.locale not in locales.LOCALES:
        raise RefusalError("Choose a locale from the list.", field="locale")


def _make_owner(session: Session, wanted: Founding, now: datetime, *, address: str) -> Actor:
    location = Location(name="Main office")
    session.add(location)
    session.flush()
    practitioner = Practitioner(name=wanted.name, location_id=location.id)
    session.add(practitioner)
    session.flush()
    session.add_all(
        WorkingHours(practitioner_id=practitioner.id, location_id=location.id, weekday=weekday, starts_minute=OPENS_MINUTE,
                     ends_minute=CLOSES_MINUTE)
        for weekday in WORKDAYS
    )  # fmt: skip
    user = User(email=wanted.email, name=wanted.name, password_hash=wanted.password_hash, practitioner_id=practitioner.id,
                created_at=now)  # fmt: skip
    session.add(user)
    session.flush()
    roles = frozenset({Role.OWNER, Role.PRACTITIONER})
    session.add_all(UserRole(user_id=user.id, role=role) for role in sorted(roles))
    return Actor(user_id=user.id, roles=roles, practitioner_id=practitioner.id, address=address)


def _make_types(session: Session) -> None:
    fee = Fee(description=f"Session, {SESSION_MINUTES} minutes", amount_cents=FEE_CENTS, minutes=SESSION_MINUTES)
    session.add(fee)
    session.flush()
    session.add_all(
        [
            AppointmentType(
                name="Session", kind=ItemKind.APPOINTMENT, colour=1, duration_minutes=SESSION_MINUTES,
                is_duration_flexible=True, fee_id=fee.id, is_rate_flexible=True,
                modes=",".join((Mode.IN_PERSON, Mode.PHONE, Mode.VIDEO)),
            ),
            AppointmentType(
                name="Report or call", kind=ItemKind.ACTIVITY, colour=5, duration_minutes=ACTIVITY_MINUTES,
                is_duration_flexible=True, rate_cents=FEE_CENTS, is_hourly=True, is_rate_flexible=True,
            ),
        ]
    )  # fmt: skip
    session.flush()
