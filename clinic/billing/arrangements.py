"""How each payer of a client pays without being asked: the cards kept, AutoPay, and what tonight would charge."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, true
from sqlalchemy.orm import Session

from clinic.billing import autopay, cards, daily, invoices, ledger
from clinic.billing.autopay import Standing
from clinic.billing.cards import KeptCard
from clinic.billing.ledger import PayerSums
from clinic.models.billing import Invoice
from clinic.models.money import Account, AutoPayEnrolment, Card
from clinic.models.people import Client, Contact
from clinic.practice import settings
from clinic.practice.permissions import Actor

OPEN_MAX = 50


@dataclass(frozen=True)
class Arrangement:
    """Be one payer's cards and AutoPay."""

    payer_id: int
    name: str
    cards: tuple[KeptCard, ...]
    sums: PayerSums
    is_enrolled: bool
    is_held: bool
    held_reason: str
    consented_by: str
    enrolled_at: datetime | None
    ended_reason: str
    skipped_for: str = ""  # why the coming night would leave an enrolled payer out, whatever is owed
    consent_text: str = ""
    minimum_cents: int = 0  # less is not charged
    expected_cents: int = 0  # what the end of the day will invoice before the card is charged, where that was asked

    @property
    def card(self) -> KeptCard | None:
        """Return the card that is charged."""
        return next((card for card in self.cards if card.is_default), None)

    @property
    def charge_cents(self) -> int:
        """Return what tonight would charge: the balance as it stands now, and what is expected."""
        return max(self.sums.balance_cents + self.expected_cents, 0)

    @property
    def is_under_minimum(self) -> bool:
        """Say whether that is too little to charge a card."""
        return 0 < self.charge_cents < self.minimum_cents


@dataclass(frozen=True)
class OpenInvoice:
    """Be one invoice that AutoPay would pay."""

    invoice_id: int
    number: str
    client: str
    owed_cents: int
    is_theirs: bool = True


def of(session: Session, payers: Mapping[int, str], now: datetime) -> list[Arrangement]:
    """Return the arrangements of those payers (id to name), in one query."""
    practice, today = settings.practice(session), settings.house(session).local_date(now)
    night = autopay.coming_night(now, practice.timezone)
    newest = select(func.max(AutoPayEnrolment.id)).where(AutoPayEnrolment.contact_id == Contact.id).correlate(Contact)
    found = session.execute(
        select(Contact.id, ledger.posted(Account.RECEIVABLE), -ledger.posted(Account.UNALLOCATED), Card, AutoPayEnrolment,
               *autopay.standing_of(night, now))
        .outerjoin(Card, and_(Card.contact_id == Contact.id, Card.removed_at.is_(None)))
        .outerjoin(AutoPayEnrolment, AutoPayEnrolment.id == newest.scalar_subquery())
        .where(Contact.id.in_(payers))
        .order_by(Card.is_default.desc(), Card.id.desc())
    ).all()  # fmt: skip
    kept: dict[int, list[KeptCard]] = {payer_id: [] for payer_id in payers}
    for payer_id, _, _, card, *_ in found:
        kept[payer_id] += [cards.shown(card, today)] if card is not None else []
    sums = {payer_id: PayerSums(int(owed), int(unallocated)) for payer_id, owed, unallocated, *_ in found}
    last = {payer_id: (row, Standing(*map(bool, standing))) for payer_id, _, _, _, row, *standing in found}

    def skipped_for(payer_id: int) -> str:
        row, standing = last.get(payer_id, (None, None))
        if row is None or standing is None or row.ended_at is not None:
            return ""
        has_card = any(card.is_default for card in kept[payer_id])
        return autopay.hindrance(practice, row, standing, has_card=has_card)

    return [
        replace(
            _of(payer_id, name, kept[payer_id], sums[payer_id], last.get(payer_id, (None,))[0]),
            skipped_for=skipped_for(payer_id),
            minimum_cents=practice.autopay_minimum_cents,
        )
        for payer_id, name in payers.items()
    ]


def of_payer(session: Session, payer: Contact, now: datetime) -> Arrangement:
    """Return one payer's arrangement, with what the end of the day will invoice them; in at most five queries."""
    night = autopay.coming_night(now, settings.practice(session).timezone)
    expected = daily.expected_cents(session, payer, night - timedelta(days=1))
    return replace(of(session, {payer.id: payer.name}, now)[0], expected_cents=expected)


def open_invoices(session: Session, who: Actor, payer_id: int) -> list[OpenInvoice]:
    """List what the payer owes, oldest first, for every client they pay for: what AutoPay will charge.

    Who may not see a client reads "another client" in their place.
    """
    mine, owed = invoices.theirs(who), ledger.owed_of(payer_id).subquery()
    found = session.execute(
        select(Invoice, owed.c.cents, Client, (true() if mine is None else mine).label("is_theirs"))
        .join(owed, owed.c.id == Invoice.id)
        .outerjoin(Client, Client.id == Invoice.client_id)
        .order_by(Invoice.issue_date, Invoice.id)
        .limit(OPEN_MAX)
    )
    return [
        OpenInvoice(row.Invoice.id, row.Invoice.number or "", _client(row), int(row.cents), is_theirs=bool(row.is_theirs))
        for row in found
    ]


def _client(row: Any) -> str:
    if not row.is_theirs:
        return "another client"
    return row.Client.name if row.Client else "several clients"


def _of(payer_id: int, name: str, kept: list[KeptCard], sums: PayerSums, row: AutoPayEnrolment | None) -> Arrangement:
    live = row if row is not None and row.ended_at is None else None
    return Arrangement(
        payer_id=payer_id,
        name=name,
        cards=tuple(kept),
        sums=sums,
        is_enrolled=live is not None,
        is_held=live is not None and live.held_at is not None,
        held_reason=live.held_reason if live is not None else "",
        consented_by=live.consented_by if live is not None else "",
        enrolled_at=live.enrolled_at if live is not None else None,
        consent_text=live.consent_text if live is not None else "",
        ended_reason=row.ended_reason if row is not None and live is None else "",
    )
