"""Money received: recorded once, put on invoices, and the rest kept as the payer's credit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import invoices, ledger, states
from clinic.billing.ledger import Leg
from clinic.kernel import failpoints
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.kernel.money import AMOUNT_MAX_CENTS
from clinic.models.billing import Invoice
from clinic.models.money import (
    METHOD_NAMES,
    Account,
    ChargeAttempt,
    ChargeStatus,
    Checkout,
    Dispute,
    DisputeStatus,
    Method,
    MoneyEvent,
    Payment,
    PaymentMethodName,
    Posting,
)
from clinic.models.people import Client, Contact
from clinic.models.practice import User
from clinic.people import clients
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

# Who took it when none of the staff did.
BY_LINK, ONLINE, NIGHT = "The payer, by link", "The client, online", "The night"
POSTED = failpoints.declare("payment-posted", "a payment is posted and on no invoice yet, its transaction open")
ALLOCATED = failpoints.declare("payment-allocated", "a payment is on its invoices, its transaction open")


@dataclass(frozen=True)
class Methods:
    """Hold what the practice calls each way to pay, and which of them the payment panel offers, in order."""

    names: dict[Method, str]
    offered: tuple[Method, ...]


@dataclass(frozen=True)
class Disputed:
    """Be a payment the cardholder wants back: held by the processor, or given back (`is_lost`)."""

    payment_id: int
    words: str
    amount_cents: int
    is_lost: bool
    respond_by: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True)
class Settlement:
    """Be what one payment put on one invoice, as plain values; nothing of a payment that was disputed and lost."""

    payment_id: int
    received_date: date
    method: Method
    method_name: str
    reference: str
    amount_cents: int
    taken_by: str
    disputed: Disputed | None = None

    @property
    def words(self) -> str:
        """Return how it was paid: "Online card ending 4242", "Check 1021", "Cash"."""
        return way_words(self.method, self.method_name, self.reference)


def way_words(method: Method, name: str, reference: str) -> str:
    """Return how something was paid: "Online card ending 4242", "Check 1021", "Cash"."""
    if method is Method.ONLINE_CARD:
        name = name.removesuffix(" on file")
        return f"{name} ending {reference}" if reference else name
    return f"{name} {reference}" if reference else name


def record(
    session: Session,
    who: Actor,
    *,
    payer_id: int,
    method: Method,
    amount_cents: int,
    now: datetime,
    received_date: date | None = None,
    invoice_id: int | None = None,
    invoice_ids: Sequence[int] = (),
    reference: str = "",
    stripe_payment_intent: str | None = None,
    confirms_more: bool = True,
    is_credit: bool = False,
) -> Payment:
    """Post a payment and put it on the invoice named, on those chosen, or on all oldest first; the rest is unallocated.

    A draft is issued first; with `is_credit` it is put on none, as it was paid for something else. Must run inside `writing()`.

    Raises:
        NotFoundError: the payer or the invoice does not exist or is not theirs.
        ClashError: the invoice is written off; what the card processor holds already is taken all the same.
        RefusalError: the amount or date cannot be, or it is more than is owed and `confirms_more` is not set.
    """
    today = settings.house(session).local_date(now)
    _check(session, payer_id=payer_id, amount_cents=amount_cents, received_date=received_date, today=today)
    invoice = _invoice_of(session, who, invoice_id, payer_id)
    if invoice is not None and invoice.issued_at is None:
        invoices.issue(session, who, invoice, now)
    if invoice is not None and stripe_payment_intent is None:
        states.refuse_written_off(session, invoice)
    owing = [] if is_credit else _asked(session, payer_id, invoice_id, invoice_ids)
    if not confirms_more:
        _check_not_more(session, payer_id, amount_cents, owing)
    payment = Payment(
        payer_id=payer_id, method=method, amount_cents=amount_cents, received_date=received_date or today, created_at=now,
        created_by_id=who.user_id, reference=reference, stripe_payment_intent=stripe_payment_intent,
    )  # fmt: skip
    _post(session, who, payment, now)
    failpoints.reach(POSTED)
    _allocate(session, who, payer_id, [(payment.id, amount_cents)], owing, now)
    failpoints.reach(ALLOCATED)
    audit.record(
        session, who, "recorded payment", "payment", payment.id, now,
        amount_cents=amount_cents, method=method, invoice_id=invoice_id,
    )  # fmt: skip
    return payment


def apply_credit(session: Session, who: Actor, *, payer_id: int, now: datetime, invoice_id: int | None = None) -> int:
    """Put the payer's unallocated money on that invoice, or on their invoices oldest first; return the cents put.

    A draft is issued first, if there is credit. Safe to repeat: what was put on is no longer credit.

    Raises:
        ClashError: the invoice is written off.
    """
    credit = ledger.unallocated_by_payment(session, payer_id)
    invoice = _invoice_of(session, who, invoice_id, payer_id)
    if invoice is not None:
        states.refuse_written_off(session, invoice)
    if not credit:
        return 0
    if invoice is not None and invoice.issued_at is None:
        invoices.issue(session, who, invoice, now)
        credit = ledger.unallocated_by_payment(session, payer_id)  # issuing may have put some on it (Correct)
    put = _allocate(session, who, payer_id, credit, _owing(session, payer_id, invoice_id), now)
    if put:
        audit.record(session, who, "applied credit", "contact", payer_id, now, amount_cents=put, invoice_id=invoice_id)
    return put


def methods(session: Session) -> Methods:
    """Return the ways to pay, as the practice calls and offers them."""
    rows = {row.method: row for row in session.scalars(select(PaymentMethodName))}
    return Methods(
        names={method: rows[method].name if method in rows else name for method, name in METHOD_NAMES.items()},
        offered=tuple(method for method in METHOD_NAMES if method not in rows or rows[method].is_offered),
    )


def payment_for(session: Session, who: Actor, payment_id: int) -> Payment:
    """Load a payment that is theirs to see: its payer pays for one of their clients, or was billed for one.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    condition = theirs(who)
    chosen = select(Payment).where(Payment.id == payment_id)
    payment = session.scalar(chosen if condition is None else chosen.where(condition))
    if payment is None:
        raise NotFoundError("payment")
    return payment


def theirs(who: Actor) -> ColumnElement[bool] | None:
    """Return the condition a payment of theirs meets; None: everyone's are."""
    billed = invoices.theirs(who)
    if billed is None:
        return None
    pays_for = or_(Client.contact_id == Payment.payer_id, Client.default_payer_id == Payment.payer_id)
    client = select(Client.id).where(clients.seen_by(who), pays_for)
    invoice = select(Invoice.id).where(billed, Invoice.payer_id == Payment.payer_id)
    return or_(client.correlate(Payment).exists(), invoice.correlate(Payment).exists())


def settlements(session: Session, invoice_ids: Collection[int]) -> dict[int, list[Settlement]]:
    """Return what was paid on each invoice, payment by payment, oldest first.

    Reversed ones are left out; one that was disputed and lost stays, with nothing on the invoice any more.
    """
    paid = -func.sum(Posting.amount_cents)
    newest = select(func.max(Dispute.id)).where(Dispute.payment_id == Payment.id).correlate(Payment).scalar_subquery()
    found = session.execute(
        select(Posting.invoice_id, Payment, User.name, PaymentMethodName.name, Checkout.id, Checkout.purchase_id, Dispute, paid)
        .join(Payment, Payment.id == Posting.payment_id)
        .outerjoin(User, User.id == Payment.created_by_id)
        .outerjoin(PaymentMethodName, PaymentMethodName.method == Payment.method)
        .outerjoin(Checkout, Checkout.payment_id == Payment.id)
        .outerjoin(Dispute, and_(Dispute.id == newest, Dispute.status != DisputeStatus.WON))
        .where(Posting.account == Account.RECEIVABLE, Posting.invoice_id.in_(invoice_ids))
        .group_by(Posting.invoice_id, Payment.id, User.name, PaymentMethodName.name, Checkout.id, Dispute.id)
        .having(or_(paid != 0, Dispute.status == DisputeStatus.LOST))
        .order_by(Payment.received_date, Payment.id)
    )
    made: dict[int, list[Settlement]] = {invoice_id: [] for invoice_id in invoice_ids}
    for invoice_id, payment, name, called, visit_id, purchase_id, dispute, cents in found:
        assert invoice_id is not None
        method_name = called or METHOD_NAMES[payment.method]
        made[invoice_id].append(
            Settlement(
                payment_id=payment.id,
                received_date=payment.received_date,
                method=payment.method,
                method_name=method_name,
                reference=payment.reference,
                amount_cents=int(cents),
                taken_by=name or taken_by(is_online=purchase_id is not None, is_by_link=visit_id is not None),
                disputed=disputed_of(payment, method_name, dispute) if dispute is not None else None,
            )
        )
    return made


def taken_by(*, is_online: bool, is_by_link: bool) -> str:
    """Say who took a payment that nobody of the staff took."""
    return ONLINE if is_online else BY_LINK if is_by_link else NIGHT


def disputed_of(payment: Payment, method_name: str, dispute: Dispute) -> Disputed:
    """Return what a document or a page says of a disputed payment."""
    return Disputed(
        payment_id=payment.id,
        words=way_words(payment.method, method_name, payment.reference),
        amount_cents=dispute.amount_cents,
        is_lost=dispute.status is DisputeStatus.LOST,
        respond_by=dispute.respond_by,
        closed_at=dispute.closed_at,
    )


def _post(session: Session, who: Actor, payment: Payment, now: datetime) -> None:
    session.add(payment)
    session.flush()
    legs = [
        Leg(Account.MONEY, payment.payer_id, payment.amount_cents, payment_id=payment.id),
        Leg(Account.UNALLOCATED, payment.payer_id, -payment.amount_cents, payment_id=payment.id),
    ]
    ledger.post(session, who, MoneyEvent.PAID, legs, now)


def _check(session: Session, *, payer_id: int, amount_cents: int, received_date: date | None, today: date) -> None:
    if session.get(Contact, payer_id) is None:
        raise NotFoundError("payer")
    if not 0 < amount_cents <= AMOUNT_MAX_CENTS:
        raise RefusalError("Enter an amount above zero.", field="amount")
    if received_date is not None and received_date > today:
        raise RefusalError("A payment cannot be from a day to come.", field="received")


def _invoice_of(session: Session, who: Actor, invoice_id: int | None, payer_id: int) -> Invoice | None:
    if invoice_id is None:
        return None
    invoice = invoices.invoice_for(session, who, invoice_id)
    if invoice.payer_id != payer_id:
        raise NotFoundError("invoice")
    return invoice


def _owing(session: Session, payer_id: int, invoice_id: int | None) -> list[tuple[int, int]]:
    if invoice_id is None:
        return ledger.owed_oldest_first(session, payer_id)
    return [(invoice_id, ledger.owed_cents(session, [invoice_id])[invoice_id])]


def _asked(session: Session, payer_id: int, invoice_id: int | None, invoice_ids: Sequence[int]) -> list[tuple[int, int]]:
    return _chosen(session, payer_id, invoice_ids) if invoice_ids else _owing(session, payer_id, invoice_id)


def _chosen(session: Session, payer_id: int, invoice_ids: Sequence[int]) -> list[tuple[int, int]]:
    owing = [(each, cents) for each, cents in ledger.owed_oldest_first(session, payer_id) if each in invoice_ids]
    if len(owing) != len(set(invoice_ids)):
        raise RefusalError("One of these invoices owes nothing any more. Look again and choose.", field="invoices")
    return owing


def _check_not_more(session: Session, payer_id: int, amount_cents: int, owing: Collection[tuple[int, int]]) -> None:
    house, owed = settings.house(session), sum(cents for _, cents in owing)
    if amount_cents > owed:
        words = f"{house.money(owed)} is owed. Tick to take more; the rest becomes the payer's credit."
        nothing = "Nothing is owed. Tick to keep this as the payer's credit."
        raise RefusalError(words if owed else nothing, field="confirms_more")
    charged = ChargeAttempt.invoice_id.is_(None) | ChargeAttempt.invoice_id.in_([invoice_id for invoice_id, _ in owing])
    is_waiting = ChargeAttempt.status.in_((ChargeStatus.PENDING, ChargeStatus.UNKNOWN))
    waiting = session.scalar(
        select(func.sum(ChargeAttempt.amount_cents)).where(ChargeAttempt.contact_id == payer_id, is_waiting, charged)
    )
    if waiting and amount_cents > owed - waiting:
        words = (
            f"A card charge of {house.money(waiting)} has no answer yet. Tick to take this all the same; what is then too much"
        )
        raise RefusalError(f"{words} becomes the payer's credit.", field="confirms_more")


def _allocate(
    session: Session,
    who: Actor,
    payer_id: int,
    credit: Sequence[tuple[int, int]],
    owing: Sequence[tuple[int, int]],
    now: datetime,
) -> int:
    """Put payments (id, cents left) on invoices (id, cents owed) in the orders given; return the cents put."""
    legs: list[Leg] = []
    waiting = [(payment_id, cents) for payment_id, cents in credit if cents > 0]
    put = 0
    for invoice_id, owed in owing:
        missing = owed
        while missing > 0 and waiting:
            payment_id, left = waiting.pop(0)
            part = min(left, missing)
            legs += [
                Leg(Account.UNALLOCATED, payer_id, part, payment_id=payment_id),
                Leg(Account.RECEIVABLE, payer_id, -part, invoice_id=invoice_id, payment_id=payment_id),
            ]
            missing, put = missing - part, put + part
            if left > part:
                waiting.insert(0, (payment_id, left - part))
    if legs:
        ledger.post(session, who, MoneyEvent.ALLOCATED, legs, now)
    return put
