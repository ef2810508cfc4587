"""What the practice says of itself, and the rules of the house that the owner sets."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel import clock, locales, money
from clinic.kernel.errors import RefusalError
from clinic.practice import audit, settings, standing
from clinic.practice.permissions import Actor

GROUP_CLIENTS_USUAL = 15
CHANGED, CHANGED_ONLINE = "changed practice details", "changed online booking"
CHANGED_MISSED = "changed missed-session rules"


@dataclass(frozen=True)
class Details:
    """Hold what stands at the head of documents, and how the practice reads time and money."""

    name: str
    address: str
    phone: str
    email: str
    tax_id: str
    timezone: str
    currency: str
    locale: str
    idle_minutes: int
    group_clients_max: int = GROUP_CLIENTS_USUAL  # how many clients a group, and what is booked for it, may have


@dataclass(frozen=True)
class MissedRules:
    """Hold what a missed or cancelled session bills, and what becomes of one that nobody marked."""

    past_booked_is_attended: bool
    cancellation_window_hours: int
    late_cancel_bp: int
    no_show_bp: int


@dataclass(frozen=True)
class OnlineRules:
    """Hold whether the public online booking page is there, and when clients may book by themselves."""

    is_online_booking_on: bool
    online_lead_hours: int
    online_days_ahead: int


def current(session: Session) -> Details:
    """Return what the practice says of itself now."""
    practice = settings.practice(session)
    return Details(**{each.name: getattr(practice, each.name) for each in fields(Details)})


def change(session: Session, who: Actor, details: Details, now: datetime, *, shown: str | None = None) -> None:
    """Change what the practice says of itself. Issued documents keep what they said. Must run inside `writing()`.

    Args:
        shown: the print of what stood when the page was opened (`standing.print_of`).

    Raises:
        StaleError: someone changed the page since it was opened.
        RefusalError: the zone, locale or currency is not one we know, or the currency is locked.
    """
    practice = settings.practice(session)
    standing.refuse_stale(shown, standing.print_of(current(session)))
    clock.zone(details.timezone)
    if details.locale not in locales.LOCALES:
        raise RefusalError("Choose a language and country from the list.", field="locale")
    if details.currency not in money.SYMBOLS:
        raise RefusalError("Choose a currency from the list.", field="currency")
    if details.currency != practice.currency and practice.money_locked_at is not None:
        raise RefusalError("The currency is locked: invoices were issued in it.", field="currency")
    changed = [name for name, value in vars(details).items() if getattr(practice, name) != value]
    for name in changed:
        setattr(practice, name, getattr(details, name))
    audit.record(session, who, CHANGED, "practice", practice.id, now, changed=changed)


def missed_rules(session: Session) -> MissedRules:
    """Return what missed sessions bill."""
    practice = settings.practice(session)
    return MissedRules(
        past_booked_is_attended=practice.past_booked_is_attended,
        cancellation_window_hours=practice.cancellation_window_hours,
        late_cancel_bp=practice.late_cancel_bp,
        no_show_bp=practice.no_show_bp,
    )


def change_missed_rules(session: Session, who: Actor, rules: MissedRules, now: datetime) -> None:
    """Change what missed sessions bill from now on. Must run inside `writing()`. Safe to repeat."""
    practice = settings.practice(session)
    if rules == missed_rules(session):
        return
    for name, value in vars(rules).items():
        setattr(practice, name, value)
    audit.record(session, who, CHANGED_MISSED, "practice", practice.id, now, **vars(rules))


def online_rules(session: Session) -> OnlineRules:
    """Return what clients may book by themselves."""
    practice = settings.practice(session)
    return OnlineRules(**{each.name: getattr(practice, each.name) for each in fields(OnlineRules)})


def change_online_rules(session: Session, who: Actor, rules: OnlineRules, now: datetime, *, shown: str | None = None) -> None:
    """Change what clients may book by themselves from now on. Must run inside `writing()`.

    Raises:
        StaleError: someone changed the page since it was opened.
    """
    practice = settings.practice(session)
    standing.refuse_stale(shown, standing.print_of(online_rules(session)))
    for name, value in vars(rules).items():
        setattr(practice, name, value)
    audit.record(session, who, CHANGED_ONLINE, "practice", practice.id, now, **vars(rules))


def let_practitioners_see_all(session: Session, who: Actor, value: bool, now: datetime) -> None:
    """Say whether practitioners see and change each other's work. Safe to repeat."""
    practice = settings.practice(session)
    practice.practitioners_see_all = value
    audit.record(session, who, "changed what practitioners see", "practice", practice.id, now, see_all=value)
