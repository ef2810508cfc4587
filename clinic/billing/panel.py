"""The payment panel of an invoice or a payer: what is owed, the credit, and the ways to pay."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from clinic.billing import arrangements, cards, charges, ledger, payments
from clinic.billing.arrangements import OpenInvoice
from clinic.billing.cards import KeptCard
from clinic.kernel import money
from clinic.models.money import Account, Card, ChargeAttempt, Method, Payment
from clinic.models.people import Contact
from clinic.practice import settings
from clinic.practice.permissions import Actor

NO_KEY = "Off: whoever looks after this server sets STRIPE_SECRET_KEY."
NO_CARD = "No card is kept yet. Add one on the client's Billing page."


@dataclass(frozen=True)
class Way:
    """Be one way to pay: `hint` stands beside it, `is_off` says that it cannot be chosen."""

    method: Method
    name: str
    hint: str = ""
    is_off: bool = False

    @property
    def deed(self) -> str:
        """Return what the button does with it: charge a card or add a payment."""
        return "charge" if self.method is Method.ONLINE_CARD else "add"


@dataclass(frozen=True)
class Standing:
    """Be how a payer stands: credit, how they paid last (None: never), the default card, what no answer has come for yet."""

    credit_cents: int
    last_method: Method | None
    card: Card | None
    waiting_cents: int


@dataclass(frozen=True)
class Panel:
    """Be what the payment panel shows."""

    payer_id: int
    payer_name: str
    owed_cents: int
    credit_cents: int
    ways: tuple[Way, ...]
    last_method: Method | None
    today: date
    open: tuple[OpenInvoice, ...] = ()  # to choose from, when it is for more than one invoice
    waiting_cents: int = 0  # a charge the card processor has not answered yet

    @property
    def preselected(self) -> Method | None:
        """Return how the payer paid last, if that way can be chosen."""
        return self.last_method if any(way.method is self.last_method and not way.is_off for way in self.ways) else None

    @property
    def usable_cents(self) -> int:
        """Return how much of the credit there is something to put on."""
        return max(0, min(self.credit_cents, self.owed_cents))

    @property
    def left_cents(self) -> int:
        """Return what remains to be paid when the credit is put on."""
        return self.owed_cents - self.usable_cents

    @property
    def amount_pattern(self) -> str:
        """Return the pattern of what is owed: while the amount fits it, the button names the amount."""
        whole, _, cents = money.plainly(max(0, self.owed_cents)).partition(".")
        return rf"{whole}(\.00?)?" if cents == "00" else rf"{whole}\.{cents}"

    @property
    def prefilled(self) -> dict[str, object]:
        """Return what the form holds before anyone types."""
        return {"amount": self.owed_cents or None, "method": self.preselected, "received": self.today}

    @property
    def methods(self) -> list[tuple[Method, str]]:
        """List the ways that can be chosen."""
        return [(way.method, way.name) for way in self.ways if not way.is_off]


def standing(session: Session, payer_id: int) -> Standing:
    """Return how a payer stands, in one query."""
    paid = select(Payment.method).where(Payment.payer_id == payer_id, Payment.reversed_at.is_(None))
    waiting = select(func.coalesce(func.sum(ChargeAttempt.amount_cents), 0)).where(
        ChargeAttempt.contact_id == payer_id, ChargeAttempt.status.in_(charges.UNRESOLVED)
    )
    credit, last = -ledger.posted(Account.UNALLOCATED), paid.order_by(Payment.id.desc()).limit(1).scalar_subquery()
    default = and_(Card.contact_id == Contact.id, Card.is_default, Card.removed_at.is_(None))
    query = select(credit, last, Card, waiting.scalar_subquery()).outerjoin_from(Contact, Card, default)
    credit_cents, last_method, card, waiting_cents = session.execute(query.where(Contact.id == payer_id)).one()
    return Standing(int(credit_cents), last_method, card, int(waiting_cents))


def of(session: Session, payer: tuple[int, str], owed_cents: int, now: datetime, *, takes_cards: bool) -> Panel:
    """Return the panel for money this payer (id and name) owes."""
    payer_id, payer_name = payer
    methods, today = payments.methods(session), settings.house(session).local_date(now)
    stands = standing(session, payer_id)
    card = cards.shown(stands.card, today) if stands.card is not None else None
    return Panel(
        payer_id=payer_id,
        payer_name=payer_name,
        owed_cents=owed_cents,
        credit_cents=stands.credit_cents,
        ways=tuple(_way(method, methods.names[method], card, takes_cards=takes_cards) for method in methods.offered),
        last_method=stands.last_method,
        today=today,
        waiting_cents=stands.waiting_cents,
    )


def for_payer(session: Session, who: Actor, payer_id: int, now: datetime) -> Panel:
    """Return the panel for all that this payer owes; without the card, which is charged for an invoice or at night."""
    payer = (payer_id, session.get_one(Contact, payer_id).name)
    owed = ledger.payer_owed_cents(session, payer_id)
    shown = of(session, payer, owed, now, takes_cards=False)
    listed = tuple(each for each in arrangements.open_invoices(session, who, payer_id) if each.is_theirs)
    return replace(shown, open=listed if len(listed) > 1 else (), ways=tuple(way for way in shown.ways if not way.is_off))


def _way(method: Method, name: str, card: KeptCard | None, *, takes_cards: bool) -> Way:
    if method is not Method.ONLINE_CARD:
        return Way(method, name)
    if not takes_cards:
        return Way(method, name, NO_KEY, is_off=True)
    if card is None:
        return Way(method, name, NO_CARD, is_off=True)
    return Way(method, name, f"{card.words}, {card.expires}")
