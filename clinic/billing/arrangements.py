"""How each payer of a client pays without being asked: the cards kept, AutoPay, and what tonight would charge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, true
from sqlalchemy.orm import Session

from clinic.billing import autopay, cards, invoices, ledger
from clinic.billing.autopay import Standing
from clinic.billing.cards import KeptCard
from clinic.billing.ledger import PayerSums
from clinic.models.billing import Invoice
from clinic.models.money import AutoPayEnrolment, Card
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
    skipped_for: str = ""  # why the coming night would leave an enrolled payer out, besides owing nothing
    consent_text: str = ""

    @property
    def card(self) -> KeptCard | None:
        """Return the card that is charged."""
        return next((card for card in self.cards if card.is_default), None)

    @property
    def charge_cents(self) -> int:
        """Return what tonight would charge, as the balance stands now."""
        return autopay.would_charge_cents(self.sums)


@dataclass(frozen=True)
class OpenInvoice:
    """Be one invoice that AutoPay would pay."""

    invoice_id: int
    number: str
    client: str
    owed_cents: int
    is_theirs: bool = True


def of(session: Session, payers: Mapping[int, str], sums: Mapping[int, PayerSums], now: datetime) -> list[Arrangement]:
    """Return the arrangements of those payers (id to name), in one query."""
    practice, today = settings.practice(session), settings.house(session).local_date(now)
    night = autopay.coming_night(now, practice.timezone)
    newest = select(func.max(AutoPayEnrolment.id)).where(AutoPayEnrolment.contact_id == Contact.id).correlate(Contact)
    found = session.execute(
        select(Contact.id, Card, AutoPayEnrolment, *autopay.standing_of(night, now))
        .outerjoin(Card, and_(Card.contact_id == Contact.id, Card.removed_at.is_(None)))
        .outerjoin(AutoPayEnrolment, AutoPayEnrolment.id == newest.scalar_subquery())
        .where(Contact.id.in_(payers))
        .order_by(Card.is_default.desc(), Card.id.desc())
    ).all()
    kept: dict[int, list[KeptCard]] = {payer_id: [] for payer_id in payers}
    for payer_id, card, *_ in found:
        kept[payer_id] += [cards.shown(card, today)] if card is not None else []
    last = {payer_id: (row, Standing(*map(bool, standing))) for payer_id, _, row, *standing in found}

    def skipped_for(payer_id: int) -> str:
        row, standing = last.get(payer_id, (None, None))
        if row is None or standing is None or row.ended_at is not None:
            return ""
        has_card = any(card.is_default for card in kept[payer_id])
        cents = autopay.would_charge_cents(sums[payer_id])
        hindrance = autopay.hindrance(practice, row, standing, has_card=has_card)
        return hindrance or (autopay.too_little(cents, practice) if cents else "")

    return [
        _of(payer_id, payers[payer_id], kept[payer_id], sums[payer_id], last.get(payer_id, (None,))[0], skipped_for(payer_id))
        for payer_id in payers
    ]


def of_payer(session: Session, payer: Contact, now: datetime) -> Arrangement:
    """Return one payer's arrangement."""
    return of(session, {payer.id: payer.name}, ledger.payer_sums(session, [payer.id]), now)[0]


def open_invoices(session: Session, who: Actor, payer_id: int) -> list[OpenInvoice]:
    """List what the payer owes, oldest first, for every client they pay for: what AutoPay will charge.

    Who may not see a client reads "another client" in their place.
    """
    owed = dict(ledger.owed_oldest_first(session, payer_id)[:OPEN_MAX])
    mine = invoices.theirs(who)
    found = session.execute(
        select(Invoice.id, Invoice.number, Client, (true() if mine is None else mine).label("is_theirs"))
        .outerjoin(Client, Client.id == Invoice.client_id)
        .where(Invoice.id.in_(owed))
    ).all()
    rows = {row.id: row for row in found}
    return [
        OpenInvoice(each, rows[each].number or "", _client(rows[each]), cents, is_theirs=bool(rows[each].is_theirs))
        for each, cents in owed.items()
    ]


def _client(row: Any) -> str:
    if not row.is_theirs:
        return "another client"
    return row.Client.name if row.Client else "several clients"


def _of(
    payer_id: int, name: str, kept: list[KeptCard], sums: PayerSums, row: AutoPayEnrolment | None, skipped_for: str
) -> Arrangement:
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
        skipped_for=skipped_for,
    )
