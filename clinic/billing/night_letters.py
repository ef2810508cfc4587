"""Letters to staff about a night: in the evening what it will do, in the morning what it did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import night
from clinic.billing.charges import WINDOW_HOURS
from clinic.billing.night import LastNight, Tonight
from clinic.kernel import clock, locales
from clinic.messages import letters
from clinic.messages.letters import HERE
from clinic.models.messages import Message, MessageKind
from clinic.models.practice import User, UserRole
from clinic.practice import settings
from clinic.practice.permissions import CLOCK, RIGHTS, Permission
from clinic.practice.settings import House

EVENING_HOUR = 18
MORNING_HOUR = WINDOW_HOURS
LATE_HOURS = 6  # a letter about a night that comes later than this tells nothing
ROWS_MAX = 40


@dataclass(frozen=True)
class Due:
    """Be the evening's or the morning's letter, and whom it goes to (user id and address)."""

    kind: MessageKind
    called: str
    subject: str
    body: str
    readers: tuple[tuple[int, str], ...]


def due(session: Session, now: datetime) -> Due | None:
    """Return the letter of this evening or morning that somebody who wants it has not got yet. Changes nothing."""
    house = settings.house(session)
    there = clock.local(now, house.timezone)
    if EVENING_HOUR <= there.hour < EVENING_HOUR + LATE_HOURS:
        kind, called = MessageKind.TONIGHT, f"tonight-{there.date().isoformat()}"
    elif MORNING_HOUR <= there.hour < MORNING_HOUR + LATE_HOURS:
        kind, called = MessageKind.LAST_NIGHT, f"last-night-{there.date().isoformat()}"
    else:
        return None
    waiting = [user for user in _readers(session) if not _is_written(session, f"{called}-{user.id}")]
    if not waiting:
        return None
    subject, body = _evening(session, house, now) if kind is MessageKind.TONIGHT else _morning(session, house, now)
    return Due(kind, called, subject, body, tuple((user.id, user.email) for user in waiting))


def write(session: Session, found: Due, now: datetime) -> None:
    """Queue a letter for who wants it: once for one night and person. Must run inside `writing()`; safe to repeat."""
    for user_id, address in found.readers:
        letters.tell_staff(
            session, CLOCK, found.kind, address, subject=found.subject, body=found.body,
            once_key=f"{found.called}-{user_id}", now=now,
        )  # fmt: skip


def _readers(session: Session) -> Sequence[User]:
    roles = [role for role, rights in RIGHTS.items() if Permission.SEE_NIGHT in rights]
    may_see = select(UserRole.user_id).where(UserRole.role.in_(roles))
    query = select(User).where(User.wants_night_mail, User.is_active, User.id.in_(may_see))
    return session.scalars(query.order_by(User.id)).all()


def _is_written(session: Session, once_key: str) -> bool:
    return session.scalar(select(Message.id).where(Message.once_key == once_key)) is not None


def _evening(session: Session, house: House, now: datetime) -> tuple[str, str]:
    found = night.tonight(session, now)
    return f"Tonight at {house.name}, {_day(house, found.day)}", evening(found, house)


def _morning(session: Session, house: House, now: datetime) -> tuple[str, str]:
    found = night.last_night(session, now)
    return f"Last night at {house.name}, {_day(house, found.night)}", morning(found, house)


def evening(found: Tonight, house: House) -> str:
    """Say what the night does: first what waits for a person, then who is charged, who is not and why, and what is billed."""
    skipped = [*found.held, *found.skipped]
    return _letter(
        _part("Left for you", (f"{each.name}, {_day(house, each.day)}, {house.money(each.amount_cents)}: {each.words}"
                               for each in found.left)),
        _part(f"Will be charged: {house.money(found.charged_cents)}",
              (f"{each.payer_name}, card {each.card_last4}: {house.money(each.charge_cents)}" for each in found.charged)),
        _part("Not charged", (f"{each.payer_name}: {each.skipped_for}" for each in skipped)),
        _part(f"Will be invoiced: {house.money(found.planned_cents)}",
              (f"{_billed(each.payer_name, each.client_names)}: {house.money(each.total_cents)}" for each in found.planned)),
        f"Change or hold it: {HERE}/invoices/tonight",
    )  # fmt: skip


def morning(found: LastNight, house: House) -> str:
    """Say what the night did: what did not run first, then what went wrong, then the rest."""
    silent, sums = [], found.sums
    if found.charging.status is not None and not found.charging.is_done:
        silent.append("AutoPay did not run in its hours. It waits for the next night.")
    if not found.invoicing.is_done:
        silent.append("The end of the day has not run. It is caught up by itself.")
    paid = [each for each in found.tried if each.is_paid]
    unpaid = [each for each in found.tried if not each.is_paid]
    return _letter(
        _part("ATTENTION", silent) if silent else "",
        _part("Failed", (f"{each.name}: {each.words}" for each in found.failures), sums.failed_count) if found.failures else "",
        _part("Declined or without an answer",
              (f"{each.payer}, {house.money(each.amount_cents)}: {each.words}. {each.message} {each.follow_up}"
               for each in unpaid), sums.unpaid_count),
        _part("AutoPay ended", (f"{each.name}: {each.words}" for each in found.ended), sums.ended_count) if found.ended else "",
        _part(f"Charged: {house.money(sums.paid_cents)}",
              (f"{each.payer}: {house.money(each.amount_cents)}" for each in paid), sums.paid_count),
        _part(f"Invoiced: {house.money(sums.made_cents)}",
              (f"{each.number}, {_billed(each.payer, each.client)}: {house.money(each.total_cents)}" for each in found.made),
              sums.made_count),
        f"See it in full: {HERE}/invoices/last-night?night={found.night.isoformat()}",
    )  # fmt: skip


def _billed(payer: str, clients: str) -> str:
    return payer if payer == clients else f"{payer}, for {clients}"


def _part(title: str, rows: Iterable[str], count: int = 0) -> str:
    """Return a title over its rows; `count` is how many there are when not all of them were read."""
    listed = [" ".join(row.split()) for row in rows]
    beyond = max(count, len(listed)) - ROWS_MAX
    more = [f"and {beyond} more"] if beyond > 0 else []
    return "\n".join([title, *(f"- {row}" for row in [*listed[:ROWS_MAX], *more] or ["nothing"])])


def _letter(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _day(house: House, day: date) -> str:
    return locales.day(day, house.locale, weekday=True)
