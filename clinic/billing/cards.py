"""Cards kept at the processor: which one a payer is charged on, and what may be shown of it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import String, cast, exists, literal, or_, select
from sqlalchemy.orm import Session

from clinic.billing.stripe_gateway import CardFacts
from clinic.kernel import locales
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import letters, wording
from clinic.messages.letters import Letter
from clinic.models.billing import Invoice
from clinic.models.messages import Message, MessageKind
from clinic.models.money import AutoPayEnrolment, Card
from clinic.models.people import Client, ClientContact, Contact
from clinic.people import clients
from clinic.people.clients import Profile
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor

NO_KEY = "Cards are off: whoever looks after this server sets STRIPE_SECRET_KEY to turn them on."
CARDS_MAX = 10
WARN_AHEAD = timedelta(days=31)
WARNED_MAX = 50  # in one go


@dataclass(frozen=True)
class KeptCard:
    """Be a card as a page may show it."""

    id: int
    brand: str
    last4: str
    expires: str
    is_default: bool
    is_expired: bool
    ends_soon: bool = False

    @property
    def words(self) -> str:
        """Return what tells one card from another: "ending 4242"."""
        return f"ending {self.last4}"


@dataclass(frozen=True)
class Customer:
    """Be a payer as the processor knows them, or the key under which to make them known once."""

    payer_id: int
    name: str
    stripe_customer: str | None
    key: str


def payer_for(session: Session, who: Actor, client_id: int, payer_id: int) -> Contact:
    """Load a payer of one of their clients: the client, a linked contact, or whom an invoice was billed to.

    Raises:
        NotFoundError: the client is not theirs, or the contact never pays for this client.
    """
    return payer_of(session, clients.profile(session, who, client_id), payer_id)


def payer_of(session: Session, client: Profile, payer_id: int) -> Contact:
    """Load a payer of a client who is theirs.

    Raises:
        NotFoundError: the contact never pays for this client.
    """
    client_id = client.head.id
    linked = select(ClientContact.contact_id).where(ClientContact.client_id == client_id)
    billed = select(Invoice.payer_id).where(Invoice.client_id == client_id)
    payer = session.scalar(
        select(Contact).where(
            Contact.id == payer_id,
            or_(Contact.id.in_((client.contact_id, client.default_payer_id)), Contact.id.in_(linked), Contact.id.in_(billed)),
        )
    )
    if payer is None:
        raise NotFoundError("payer")
    return payer


def kept(session: Session, payer_id: int, now: datetime) -> list[KeptCard]:
    """List a payer's cards, the default one first."""
    today = settings.house(session).local_date(now)
    found = session.scalars(
        select(Card)
        .where(Card.contact_id == payer_id, Card.removed_at.is_(None))
        .order_by(Card.is_default.desc(), Card.id.desc())
    )
    return [shown(card, today) for card in found]


def shown(card: Card, today: date) -> KeptCard:
    """Return a card as a page may show it that day."""
    month = (card.exp_year, card.exp_month)
    return KeptCard(
        id=card.id,
        brand=card.brand,
        last4=card.last4,
        expires=f"{card.exp_month:02}/{card.exp_year % 100:02}",
        is_default=card.is_default,
        is_expired=month < (today.year, today.month),
        ends_soon=month == (today.year, today.month),
    )


def default(session: Session, payer_id: int) -> Card | None:
    """Return the card a payer is charged on."""
    return session.scalar(select(Card).where(Card.contact_id == payer_id, Card.is_default, Card.removed_at.is_(None)))


def customer(session: Session, payer: Contact) -> Customer:
    """Return the payer as the processor knows them. The key is the same however often it is asked for."""
    # Two practices, or one set up anew, may share an account at the processor: the key must not.
    seed = f"{settings.practice(session).created_at.isoformat()} {payer.id} {payer.name}"
    key = f"customer-{payer.id}-{sha256(seed.encode()).hexdigest()[:24]}"
    return Customer(payer.id, payer.name, payer.stripe_customer, key)


def know_as(session: Session, who: Actor, payer_id: int, stripe_customer: str, now: datetime) -> str:
    """Write down what the processor calls a payer, unless it is known already; return what they are called."""
    payer = session.get(Contact, payer_id)
    if payer is None:
        raise NotFoundError("payer")
    if payer.stripe_customer is None:
        payer.stripe_customer = stripe_customer
        audit.record(session, who, "became a card customer", "contact", payer_id, now)
    return payer.stripe_customer


def keep(session: Session, who: Actor, stripe_customer: str, facts: CardFacts, now: datetime) -> Card:
    """Keep a card for the payer whom the processor calls so, as their default. Safe to repeat.

    Raises:
        NotFoundError: nobody here is called so.
        RefusalError: the payer has as many cards as one may have.
    """
    known = session.scalar(select(Card).where(Card.stripe_payment_method == facts.payment_method))
    payer_id = session.scalar(select(Contact.id).where(Contact.stripe_customer == stripe_customer))
    if payer_id is None or (known is not None and known.contact_id != payer_id):
        raise NotFoundError("customer")
    if known is not None:
        return known
    others = list(session.scalars(select(Card).where(Card.contact_id == payer_id, Card.removed_at.is_(None))))
    if len(others) >= CARDS_MAX:
        raise RefusalError(f"A payer may have {CARDS_MAX} cards. Remove one first.")
    for other in others:
        other.is_default = False
    session.flush()
    card = Card(
        contact_id=payer_id,
        stripe_payment_method=facts.payment_method,
        brand=facts.brand,
        last4=facts.last4,
        exp_month=facts.exp_month,
        exp_year=facts.exp_year,
        created_at=now,
    )
    session.add(card)
    session.flush()
    audit.record(session, who, "kept a card", "card", card.id, now, payer_id=payer_id)
    return card


def make_default(session: Session, who: Actor, payer_id: int, card_id: int, now: datetime) -> None:
    """Charge this card from now on. Safe to repeat.

    Raises:
        NotFoundError: the payer has no such card.
    """
    chosen = _card_of(session, payer_id, card_id)
    for card in session.scalars(select(Card).where(Card.contact_id == payer_id, Card.is_default)):
        card.is_default = False
    session.flush()
    chosen.is_default = True
    audit.record(session, who, "chose the default card", "card", card_id, now, payer_id=payer_id)


def remove(session: Session, who: Actor, payer_id: int, card_id: int, now: datetime) -> str:
    """Forget a card; the newest of the others becomes the default. Return what the processor calls it, to be let go there.

    Raises:
        NotFoundError: the payer has no such card.
    """
    card = _card_of(session, payer_id, card_id)
    card.removed_at, was_default, card.is_default = now, card.is_default, False
    session.flush()
    left = select(Card).where(Card.contact_id == payer_id, Card.removed_at.is_(None)).order_by(Card.id.desc()).limit(1)
    heir = session.scalar(left) if was_default else None
    if heir is not None:
        heir.is_default = True
    audit.record(session, who, "removed a card", "card", card_id, now, payer_id=payer_id)
    return card.stripe_payment_method


def clients_of(session: Session, payer_id: int) -> list[str]:
    """Name the clients whose invoices go to that payer, or would."""
    billed = select(Invoice.client_id).where(Invoice.payer_id == payer_id, Invoice.client_id.is_not(None))
    found = session.scalars(
        select(Client)
        .where(or_(Client.default_payer_id == payer_id, Client.contact_id == payer_id, Client.id.in_(billed)))
        .order_by(Client.sort_name)
        .limit(20)
    )
    return [client.name for client in found]


def warn_expiring(session: Session, now: datetime) -> int:
    """Write to the payers in AutoPay whose card is good for less than a month; return how many. Once for each card.

    Must run inside `writing()`.
    """
    if not wording.of(session, MessageKind.CARD_EXPIRING).is_on:
        return 0
    house = settings.house(session)
    today = house.local_date(now)
    ahead, ends = today + WARN_AHEAD, Card.exp_year * 12 + Card.exp_month
    once_key = literal("card-expiring-").concat(cast(Card.id, String))
    due = (
        select(Card, AutoPayEnrolment.contact_id)
        .join(AutoPayEnrolment, AutoPayEnrolment.contact_id == Card.contact_id)
        .where(AutoPayEnrolment.ended_at.is_(None), Card.is_default, Card.removed_at.is_(None))
        .where(ends >= today.year * 12 + today.month, ends < ahead.year * 12 + ahead.month)
        .where(~exists().where(Message.once_key == once_key))
        .limit(WARNED_MAX)
    )
    written = 0
    for card, payer_id in session.execute(due).all():
        last = date(card.exp_year + card.exp_month // 12, card.exp_month % 12 + 1, 1) - timedelta(days=1)
        values = {"card": card.last4, "date": locales.day(last, house.locale, long=True)}
        letter = Letter(MessageKind.CARD_EXPIRING, payer_id, values, once_key=f"card-expiring-{card.id}")
        written += letters.write(session, CLOCK, letter, now) is not None
    return written


def _card_of(session: Session, payer_id: int, card_id: int) -> Card:
    card = session.get(Card, card_id)
    if card is None or card.contact_id != payer_id or card.removed_at is not None:
        raise NotFoundError("card")
    return card


def is_kept(session: Session, payer_id: int, payment_method: str) -> bool:
    """Say whether the payer has that card of the processor's."""
    chosen = select(Card.id).where(
        Card.contact_id == payer_id, Card.stripe_payment_method == payment_method, Card.removed_at.is_(None)
    )
    return session.scalar(chosen) is not None
