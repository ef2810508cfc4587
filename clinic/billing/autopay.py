"""AutoPay: whose balance the night charges, for how much, and why someone is skipped."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from clinic.billing import charges, ledger, pay_links, payments
from clinic.billing.charges import WINDOW_HOURS, in_window
from clinic.billing.ledger import PayerSums
from clinic.kernel import clock
from clinic.kernel.errors import RefusalError
from clinic.models.money import AutoPayEnrolment, Card, ChargeAttempt, ChargePurpose, Dispute, DisputeStatus, Payment
from clinic.models.people import Contact
from clinic.models.practice import Practice
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor

OWES_NOTHING = "Owes nothing"
TRIED = "Charged or tried already this night"
NO_CARD = "No card is kept"
CLOSED = "6 AM came before it was this card’s turn. It is charged the next night."


@dataclass(frozen=True)
class Outlook:
    """Be what a night would do for one enrolled payer: charge so much, or skip them for a reason."""

    payer_id: int
    payer_name: str
    card_last4: str
    balance_cents: int
    credit_cents: int
    charge_cents: int
    skipped_for: str
    is_held: bool

    @property
    def is_charged(self) -> bool:
        """Say whether the card is charged."""
        return not self.skipped_for


@dataclass(frozen=True)
class Standing:
    """Say what keeps a night from charging a payer, besides a hold and a missing card."""

    is_tried: bool
    is_unanswered: bool
    is_disputed: bool
    is_paying: bool


@dataclass(frozen=True)
class _Facts:
    enrolment: AutoPayEnrolment
    payer: Contact
    card: Card | None
    sums: PayerSums
    standing: Standing


def coming_night(now: datetime, timezone: str) -> date:
    """Return the local date of the window that is open, or opens next."""
    there = clock.local(now, timezone)
    return there.date() if there.hour < WINDOW_HOURS else there.date() + timedelta(days=1)


def due_payer_ids(session: Session, now: datetime) -> list[int]:
    """List the enrolled payers whose window is open and who were not charged in it yet."""
    practice = settings.practice(session)
    night = clock.local_date(now, practice.timezone)
    if not in_window(now, practice.timezone, night):
        return []
    tried = _tried(night)
    found = session.scalars(
        select(AutoPayEnrolment.contact_id)
        .where(AutoPayEnrolment.ended_at.is_(None), AutoPayEnrolment.contact_id.not_in(tried))
        .order_by(AutoPayEnrolment.contact_id)
    )
    return list(found)


def start_attempt(session: Session, payer_id: int, now: datetime) -> ChargeAttempt | None:
    """Put the payer's credit on their invoices and write down the charge of what is left; None: nothing is to be charged.

    Must run inside `writing()`. All that was true when the night began is asked again here.
    """
    practice = settings.practice(session)
    night = clock.local_date(now, practice.timezone)
    if not in_window(now, practice.timezone, night):
        return None
    facts = _facts(session, night, now, payer_id=payer_id)
    if not facts or _hindrance(facts[0], practice):
        return None
    payments.apply_credit(session, CLOCK, payer_id=payer_id, now=now)
    owed = ledger.payer_owed_cents(session, payer_id)
    card, customer = facts[0].card, facts[0].payer.stripe_customer
    if card is None or customer is None or too_little(owed, practice):
        return None
    return charges.start(
        session,
        CLOCK,
        purpose=ChargePurpose.AUTOPAY,
        card=card,
        stripe_customer=customer,
        amount_cents=owed,
        description="Balance",
        now=now,
    )


def check_left_over(session: Session, payer_id: int, night: date, now: datetime) -> None:
    """Refuse, after the window has closed, to pass over a payer whom that night would still have charged.

    Raises:
        RefusalError: they are left for the next night; who reads what the night did is told.
    """
    if any(each.is_charged for each in outlook(session, night, now, payer_id=payer_id)):
        raise RefusalError(CLOSED)


def outlook(
    session: Session,
    night: date,
    now: datetime,
    *,
    expected_cents: Mapping[int, int] | None = None,
    payer_id: int | None = None,
) -> list[Outlook]:
    """Say what that night would still do for every enrolled payer, by name; in a fixed number of queries.

    Args:
        expected_cents: what the end of the day will invoice each payer before the cards are charged.
    """
    practice = settings.practice(session)
    expected = expected_cents or {}
    found = _facts(session, night, now, payer_id=payer_id)
    return [_outlook(facts, practice, expected.get(facts.payer.id, 0)) for facts in found]


def standing_of(night: date, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the columns beside a payer's contact that a `Standing` of that night is made of, in its order."""
    unanswered = select(ChargeAttempt.contact_id).where(ChargeAttempt.status.in_(charges.UNRESOLVED))
    return tuple(Contact.id.in_(each) for each in (_tried(night), unanswered, _disputing(), pay_links.paying(now)))


def hindrance(practice: Practice, enrolment: AutoPayEnrolment, standing: Standing, *, has_card: bool) -> str:
    """Say why the night does not charge a payer, whatever is owed; nothing when it would."""
    if practice.restored_at is not None:
        return "AutoPay is off since a backup was restored"
    if enrolment.held_at is not None:
        return enrolment.held_reason or "On hold"
    if standing.is_tried:
        return TRIED
    if standing.is_unanswered:
        return "An earlier charge has not been answered yet"
    if standing.is_disputed:
        return "A payment is disputed"
    if standing.is_paying:
        return "Paying by a link right now"
    return "" if has_card else NO_CARD


def would_charge_cents(sums: PayerSums) -> int:
    """Return what a payer with these sums would be charged: credit comes first."""
    return max(sums.balance_cents, 0)


def confirm_restored(session: Session, who: Actor, now: datetime) -> None:
    """Let the nights charge again after a backup was restored: a person has compared the books with the processor.

    Must run inside `writing()`. Safe to repeat.
    """
    practice = settings.practice(session)
    if practice.restored_at is not None:
        practice.restored_at = None
        audit.record(session, who, "confirmed after restoring", "practice", practice.id, now)


def _outlook(facts: _Facts, practice: Practice, expected_cents: int) -> Outlook:
    owed = facts.sums.owed_cents + expected_cents
    credit = min(facts.sums.unallocated_cents, owed)
    reason = _hindrance(facts, practice) or too_little(owed - credit, practice)
    return Outlook(
        payer_id=facts.payer.id,
        payer_name=facts.payer.name,
        card_last4=facts.card.last4 if facts.card is not None else "",
        balance_cents=owed,
        credit_cents=credit,
        charge_cents=owed - credit,
        skipped_for=reason,
        is_held=facts.enrolment.held_at is not None,
    )


def _hindrance(facts: _Facts, practice: Practice) -> str:
    has_card = facts.card is not None and facts.payer.stripe_customer is not None
    return hindrance(practice, facts.enrolment, facts.standing, has_card=has_card)


def too_little(cents: int, practice: Practice) -> str:
    """Say why so much is not charged; nothing when it is enough."""
    if cents <= 0:
        return OWES_NOTHING
    return "Under the card minimum" if cents < practice.autopay_minimum_cents else ""


def _tried(night: date) -> Select[int]:
    return select(ChargeAttempt.contact_id).where(
        ChargeAttempt.purpose == ChargePurpose.AUTOPAY, ChargeAttempt.local_date == night
    )


def _disputing() -> Select[int]:
    return select(Payment.payer_id).join(Dispute, Dispute.payment_id == Payment.id).where(Dispute.status == DisputeStatus.OPEN)


def _facts(session: Session, night: date, now: datetime, *, payer_id: int | None) -> list[_Facts]:
    chosen = (
        select(
            AutoPayEnrolment,
            Contact,
            Card,
            *standing_of(night, now),
        )
        .join(Contact, Contact.id == AutoPayEnrolment.contact_id)
        .outerjoin(Card, and_(Card.contact_id == Contact.id, Card.is_default, Card.removed_at.is_(None)))
        .where(AutoPayEnrolment.ended_at.is_(None))
        .order_by(Contact.sort_name, Contact.id)
    )
    if payer_id is not None:
        chosen = chosen.where(Contact.id == payer_id)
    found = session.execute(chosen).all()
    sums = _sums(session, [payer.id for _, payer, *_ in found])
    return [
        _Facts(
            enrolment=enrolment,
            payer=payer,
            card=card,
            sums=sums[payer.id],
            standing=Standing(*map(bool, standing)),
        )
        for enrolment, payer, card, *standing in found
    ]


def _sums(session: Session, payer_ids: Collection[int]) -> dict[int, PayerSums]:
    return ledger.payer_sums(session, payer_ids) if payer_ids else {}
