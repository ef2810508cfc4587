"""A payment as it is shown, printed and downloaded: what was received, where it stands, and what was given back."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import packages, payments, refunds, snapshot, whereabouts
from clinic.billing.paper import Paper
from clinic.billing.sheet import Party, party_of
from clinic.billing.whereabouts import Place
from clinic.kernel import locales
from clinic.messages import letters, wording
from clinic.messages.letters import Letter
from clinic.models.billing import Invoice, PackageSale, StoredDocument
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.money import (
    Checkout,
    Dispute,
    DisputeStatus,
    LedgerTransaction,
    Method,
    MoneyEvent,
    Payment,
    Posting,
    Refund,
    RefundStatus,
)
from clinic.models.people import Client, Contact
from clinic.models.practice import User
from clinic.practice import audit, logo, settings
from clinic.practice.permissions import CLOCK, Actor
from clinic.practice.settings import House

Door = Callable[[], AbstractContextManager[Session]]
RECEIPT = "receipt.html"
BY_ITSELF_WITHIN = timedelta(days=1)  # a server that was down for longer writes nobody out of the blue
REFUND_WORDS = {
    RefundStatus.PENDING: "No answer yet",
    RefundStatus.UNKNOWN: "No answer yet",
    RefundStatus.DONE: "Refunded",
    RefundStatus.FAILED: "Failed",
}


@dataclass(frozen=True)
class PaidFor:
    """Be an invoice a payment was put on, and how much of it stands there."""

    invoice_id: int
    number: str
    client: str
    cents: int
    package: str = ""  # "Five sessions, 3 sessions left"


@dataclass(frozen=True)
class GivenBack:
    """Be one refund as a page shows it."""

    refund_id: int
    day: date
    way: str
    cents: int
    words: str
    is_done: bool
    is_open: bool
    message: str
    reason: str
    by: str


@dataclass(frozen=True)
class Receipt:
    """Be everything a receipt says. What only staff see stands in `Record`."""

    payment_id: int
    number: str
    house: House
    practice: Party
    payer: Party
    received_date: date
    way: str
    amount_cents: int
    paid_for: tuple[PaidFor, ...]
    unallocated_cents: int
    refunded: tuple[tuple[date, str, int], ...]
    is_undone: bool
    logo: str  # by its hash

    @property
    def kept_cents(self) -> int:
        """Return what was received less what was given back."""
        return 0 if self.is_undone else self.amount_cents - sum(cents for _, _, cents in self.refunded)


@dataclass(frozen=True)
class Record:
    """Be a payment as staff see it: its receipt, who took it, and what became of it."""

    receipt: Receipt
    payer_id: int
    client_id: int | None
    taken_by: str
    is_card: bool
    refunds: tuple[GivenBack, ...]
    left_cents: int  # what may still be given back
    names: dict[Method, str]
    undone_reason: str
    disputed_cents: int
    dispute_words: str


def of(session: Session, who: Actor, payment_id: int) -> Record:
    """Return a payment of theirs.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    payment = payments.payment_for(session, who, payment_id)
    names, given_back = payments.methods(session).names, _refunds(session, payment)
    places = whereabouts.of(session, payment.id)
    payer, taken_by, dispute = _parties(session, payment)
    under_way = sum(refund.amount_cents for refund, _ in given_back if refund.status in refunds.UNRESOLVED)
    held_back = dispute.amount_cents if dispute is not None and dispute.status is DisputeStatus.OPEN else 0
    return Record(
        receipt=_receipt(session, payment, payer, names, places, given_back),
        payer_id=payment.payer_id,
        client_id=_client_id(session, payment),
        taken_by=taken_by,
        is_card=payment.stripe_payment_intent is not None,
        refunds=tuple(_given_back(refund, names[refund.method], by) for refund, by in given_back),
        left_cents=max(sum(place.cents for place in places) - under_way - held_back, 0),
        names=names,
        undone_reason=payment.reversed_reason,
        disputed_cents=dispute.amount_cents if dispute is not None else 0,
        dispute_words=_DISPUTE_WORDS[dispute.status] if dispute is not None else "",
    )


def pdf(reader: Door, writer: Door, paper: Paper, who: Actor, payment_id: int, now: datetime) -> tuple[str, bytes, str]:
    """Return a receipt's content hash, its PDF and the name of its file. Call it with no door open.

    Raises:
        NotFoundError: there is no such payment, or it is not theirs.
        UnprintableError: this one document could not be made.
    """
    with reader() as session:
        shown = of(session, who, payment_id).receipt
        content = json.dumps([paper.version(RECEIPT), asdict(shown)], sort_keys=True, default=str)
        key = sha256(content.encode()).hexdigest()
        kept = session.get(StoredDocument, key)
        picture = logo.printed(session) if kept is None else None
    name = _file_name(shown.number)
    if kept is not None:
        return key, kept.pdf, name
    made = paper.pdf(RECEIPT, {"receipt": shown, "house": shown.house, "logo": picture})
    with writer() as session:
        if session.get(StoredDocument, key) is None:
            session.add(StoredDocument(content_hash=key, pdf=made, created_at=now))
    return key, made, name


def send(session: Session, who: Actor, payment_id: int, document: tuple[str, str], now: datetime) -> Message:
    """Queue the receipt to the payer's address; `document` is its PDF's hash and name. Must run inside `writing()`.

    Raises:
        NotFoundError: there is no such payment, or it is not theirs.
        RefusalError: the payer has no address, or the practice sends no receipts.
    """
    sent = letters.must_write(session, who, _letter(of(session, who, payment_id), document), now)
    audit.record(session, who, "sent receipt", "payment", payment_id, now, message_id=sent.id)
    return sent


def unsent(session: Session, now: datetime) -> list[int]:
    """List the payments by link of the last day whose payer has an address and was sent no receipt, oldest first."""
    if not wording.of(session, MessageKind.RECEIPT).is_on:
        return []
    found = session.scalars(
        select(Payment.id)
        .join(Checkout, Checkout.payment_id == Payment.id)
        .join(Contact, Contact.id == Payment.payer_id)
        .where(Checkout.closed_at > now - BY_ITSELF_WITHIN, Payment.reversed_at.is_(None), Contact.email != "")
        .order_by(Payment.id)
    ).all()
    # Someone at the desk may have been faster.
    marks = {each: {_once_key(each), _file_name(f"R-{each}")} for each in found}
    known = set[str]().union(*marks.values())
    told = session.execute(
        select(Message.once_key, Message.attachment_name).where(
            or_(Message.once_key.in_(known), Message.attachment_name.in_(known))
        )
    )
    said = {words for row in told for words in row}
    return [each for each in found if not said & marks[each]]


def send_by_itself(session: Session, payment_id: int, document: tuple[str, str] | None, now: datetime) -> Message | None:
    """Queue the receipt of a payment by link; None: it was before. Safe to repeat. Must run inside `writing()`.

    Without a document, as it could not be made, it stands in the outbox as not sent.
    """
    letter = _letter(of(session, CLOCK, payment_id), document, once_key=_once_key(payment_id))
    message = letters.write(session, CLOCK, letter, now)
    if message is not None and document is None:
        message.state, message.last_error = (
            MessageState.DROPPED,
            "The receipt could not be made into a PDF; see the payment's page.",
        )
    return message


def missing_of(session: Session, message_id: int) -> int | None:
    """Return the payment whose receipt a message should have carried and could not; None: nothing is missing of it."""
    message = session.get(Message, message_id)
    if message is None or message.kind is not MessageKind.RECEIPT or message.attachment_hash is not None:
        return None
    begins = _once_key(0).removesuffix("0")
    key = message.once_key or ""
    return int(key.removeprefix(begins)) if key.startswith(begins) else None


def _file_name(number: str) -> str:
    return f"Receipt-{number}.pdf"


def _once_key(payment_id: int) -> str:
    return f"link-receipt-{payment_id}"


def _letter(record: Record, document: tuple[str, str] | None, *, once_key: str | None = None) -> Letter:
    shown = record.receipt
    values = {"amount": shown.house.money(shown.amount_cents), "date": locales.day(shown.received_date, shown.house.locale)}
    return Letter(
        MessageKind.RECEIPT, record.payer_id, values, client_id=record.client_id, once_key=once_key, attachment=document
    )


def _parties(session: Session, payment: Payment) -> tuple[Contact, str, Dispute | None]:
    newest = select(func.max(Dispute.id)).where(Dispute.payment_id == payment.id).scalar_subquery()
    payer, name, dispute, visit_id, purchase_id = session.execute(
        select(Contact, User.name, Dispute, Checkout.id, Checkout.purchase_id)
        .select_from(Contact)
        .outerjoin(Checkout, Checkout.payment_id == payment.id)
        .outerjoin(User, User.id == payment.created_by_id)
        .outerjoin(Dispute, Dispute.id == newest)
        .where(Contact.id == payment.payer_id)
    ).one()
    by_itself = payments.ONLINE if purchase_id else payments.BY_LINK if visit_id else payments.NIGHT
    return payer, name or (by_itself if payment.stripe_payment_intent else ""), dispute


def _receipt(
    session: Session,
    payment: Payment,
    payer: Contact,
    names: dict[Method, str],
    places: list[Place],
    given_back: list[tuple[Refund, str]],
) -> Receipt:
    return Receipt(
        payment_id=payment.id,
        number=f"R-{payment.id}",
        house=settings.house(session),
        practice=party_of(snapshot.practice(session)),
        payer=Party(payer.name, tuple(line.strip() for line in payer.address.splitlines() if line.strip())),
        received_date=payment.received_date,
        way=payments.way_words(payment.method, names[payment.method], payment.reference),
        amount_cents=payment.amount_cents,
        paid_for=_paid_for(session, places),
        unallocated_cents=sum(place.cents for place in places if place.invoice_id is None),
        refunded=tuple(
            (refund.refunded_date, names[refund.method].removesuffix(" on file"), refund.amount_cents)
            for refund, _ in given_back
            if refund.status is RefundStatus.DONE
        ),
        is_undone=payment.reversed_at is not None,
        logo=settings.practice(session).logo_sha256 or "",
    )


def _paid_for(session: Session, places: list[Place]) -> tuple[PaidFor, ...]:
    standing = {place.invoice_id: place.cents for place in places if place.invoice_id}
    found = session.execute(
        select(Invoice.id, Invoice.number, Client, PackageSale.name, packages.left_of_sale().label("left"))
        .outerjoin(Client, Client.id == Invoice.client_id)
        .outerjoin(PackageSale, PackageSale.invoice_id == Invoice.id)
        .where(Invoice.id.in_(standing))
        .order_by(Invoice.issue_date, Invoice.id)
    )
    return tuple(
        PaidFor(row.id, row.number or "", row.Client.name if row.Client else "several clients", standing[row.id],
                _package_words(row.name, row.left) if row.name else "")
        for row in found
    )  # fmt: skip


def _package_words(name: str, left: int) -> str:
    return f"{name}, {left} session{'' if left == 1 else 's'} left"


def _refunds(session: Session, payment: Payment) -> list[tuple[Refund, str]]:
    found = session.execute(
        select(Refund, User.name)
        .outerjoin(User, User.id == Refund.started_by_id)
        .where(Refund.payment_id == payment.id)
        .order_by(Refund.id)
    )
    return [(row.Refund, row.name or "The card processor") for row in found]


def _given_back(refund: Refund, way: str, by: str) -> GivenBack:
    return GivenBack(
        refund_id=refund.id,
        day=refund.refunded_date,
        way="To the card" if refund.stripe_payment_intent else payments.way_words(refund.method, way, refund.reference),
        cents=refund.amount_cents,
        words=REFUND_WORDS[refund.status],
        is_done=refund.status is RefundStatus.DONE,
        is_open=refund.status in (RefundStatus.PENDING, RefundStatus.UNKNOWN),
        message=refund.message,
        reason=refund.reason,
        by=by,
    )


def _client_id(session: Session, payment: Payment) -> int | None:
    """Return the client whose Billing the payment belongs to: the one of the invoice it went on first, else the payer."""
    first = (
        select(Invoice.client_id)
        .join(Posting, Posting.invoice_id == Invoice.id)
        .join(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
        .where(Posting.payment_id == payment.id, LedgerTransaction.event == MoneyEvent.ALLOCATED)
        .order_by(Posting.id)
        .limit(1)
        .scalar_subquery()
    )
    theirs = (
        select(func.min(Client.id))
        .where((Client.contact_id == payment.payer_id) | (Client.default_payer_id == payment.payer_id))
        .scalar_subquery()
    )
    client_id: int | None = session.scalar(select(func.coalesce(first, theirs)))
    return client_id


_DISPUTE_WORDS = {
    DisputeStatus.OPEN: "disputed by the cardholder; the processor holds it back",
    DisputeStatus.WON: "was disputed, and is the practice’s again",
    DisputeStatus.LOST: "was disputed, and went back to the cardholder",
}
