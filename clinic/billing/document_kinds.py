"""The kinds of billing documents: how each is found for a range of days, and how one is made. A new kind is one entry."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, cast, func, literal, null, or_, select, true, type_coerce
from sqlalchemy.orm import Session, aliased

from clinic.billing import attended, documents, invoices, joint, payments, receipts, statements, superbills
from clinic.billing.documents import Door
from clinic.billing.paper import Paper
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, Share
from clinic.models.calendar import Attendee
from clinic.models.money import Account, LedgerTransaction, Payment, Posting, Refund, RefundStatus
from clinic.models.people import Client, Contact
from clinic.people import clients
from clinic.practice.permissions import Actor, Permission

INVOICE, CREDIT_NOTE, RECEIPT, STATEMENT, SUPERBILL = "invoice", "credit_note", "receipt", "statement", "superbill"
Condition = ColumnElement[bool]
_named = aliased(Client)  # apart from the clients that conditions are about
_client_name = func.coalesce(func.trim(_named.first_name + " " + _named.last_name), "")
Made = tuple[str, bytes, str]  # the hash its PDF is kept under, the PDF, what its file is called


@dataclass(frozen=True)
class Wish:
    """Say which documents are meant: of these kinds and days (both included), of one client or of the whole practice."""

    first: date
    last: date
    kinds: tuple[str, ...]
    client_id: int | None = None
    payer_id: int | None = None
    practitioner_id: int | None = None
    location_id: int | None = None
    with_others: bool = False  # of a client's documents also those that name other clients


@dataclass(frozen=True)
class Subject:
    """Be what one document is about: an invoice, a payment, or whose summary of the days it is (then with a client)."""

    kind: str
    id: int
    client_id: int
    first: date
    last: date


@dataclass(frozen=True)
class Summary:
    """Be a document about the days themselves, such as a statement: one for each payer."""

    subject_id: int
    client_id: int
    name: str


@dataclass(frozen=True)
class Press:
    """Be what documents are made with: the two doors, handed in as an area never opens one, and the renderer."""

    reader: Door
    writer: Door
    paper: Paper


@dataclass(frozen=True)
class Kind:
    """Be one kind: its words, how one is made with no door open, and where it comes from.

    Either `listed`: it was issued on a day and has a row of its own; or `summed`: it is drawn up for the days asked for.
    """

    words: str
    one: str
    make: Callable[[Press, Actor, Subject, datetime], Made]
    listed: Callable[[Actor, Wish, Condition | None], Any] | None = None  # which invoices are about the client
    summed: Callable[[Session, Actor, Wish, datetime], list[Summary]] | None = None
    needs: Permission = Permission.SEE_INVOICES
    is_usual: bool = True  # ticked until someone chooses


def offered(who: Actor) -> dict[str, Kind]:
    """Return the kinds this person may have."""
    return {name: kind for name, kind in KINDS.items() if who.may(kind.needs)}


def usual(who: Actor) -> tuple[str, ...]:
    """Return the kinds that are shown until someone chooses."""
    return tuple(name for name, kind in offered(who).items() if kind.is_usual)


def listed(who: Actor, wish: Wish) -> Any:
    """Return the listed documents wished for as a subquery: kind, id, number, day, payer, amount; None: of no such kind."""
    kinds = offered(who)
    about = _about(wish)  # once: what it names is named in the statement once
    chosen = [kind.listed(who, wish, about) for name, kind in kinds.items() if name in wish.kinds and kind.listed is not None]
    if not chosen:
        return None
    return (chosen[0].union_all(*chosen[1:]) if len(chosen) > 1 else chosen[0]).subquery()


def summed(session: Session, who: Actor, wish: Wish, now: datetime) -> list[tuple[str, Summary]]:
    """Return what is drawn up for the days themselves, of the kinds wished for."""
    kinds = offered(who)
    chosen = [(name, kind.summed) for name, kind in kinds.items() if name in wish.kinds and kind.summed is not None]
    return [(name, each) for name, find in chosen for each in find(session, who, wish, now)]


def _about(wish: Wish) -> Condition | None:
    if wish.client_id is None:
        return None
    return joint.names(wish.client_id) if wish.with_others else Invoice.client_id == wish.client_id


def _invoices(who: Actor, wish: Wish, about: Condition | None) -> Any:
    return _issued(who, wish, about, InvoiceKind.INVOICE, INVOICE, Invoice.total_cents)


def _credit_notes(who: Actor, wish: Wish, about: Condition | None) -> Any:
    return _issued(who, wish, about, InvoiceKind.CREDIT_NOTE, CREDIT_NOTE, -Invoice.total_cents)


def _issued(who: Actor, wish: Wish, about: Condition | None, kind: InvoiceKind, name: str, cents: Any) -> Any:
    query: Any = (
        select(
            literal(name, String).label("kind"), Invoice.id.label("id"), Invoice.number.label("number"),
            Invoice.issue_date.label("day"), Contact.name.label("payer"), type_coerce(cents, Integer).label("cents"),
            Invoice.client_id.label("client_id"), _client_name.label("client"), literal(0, Integer).label("back_cents"),
        )
        .join(Contact, Contact.id == Invoice.payer_id)
        .outerjoin(_named, _named.id == Invoice.client_id)
        .where(Invoice.kind == kind, Invoice.issued_at.is_not(None), Invoice.issue_date.between(wish.first, wish.last))
        .where(*_narrowed(wish, Invoice.payer_id))
    )  # fmt: skip
    mine = invoices.theirs(who)
    if mine is not None:
        query = query.where(mine)
    if wish.practitioner_id is not None:
        query = query.where(Invoice.practitioner_id == wish.practitioner_id)
    if wish.location_id is not None:
        query = query.where(Invoice.location_id == wish.location_id)
    return query if about is None else query.where(about)


def _receipts(who: Actor, wish: Wish, about: Condition | None) -> Any:
    done = (Refund.payment_id == Payment.id, Refund.status == RefundStatus.DONE)
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(*done).correlate(Payment)
    query: Any = (
        select(
            literal(RECEIPT, String).label("kind"), Payment.id.label("id"),
            (literal("R-", String) + cast(Payment.id, String)).label("number"), Payment.received_date.label("day"),
            Contact.name.label("payer"), Payment.amount_cents.label("cents"), type_coerce(null(), Integer).label("client_id"),
            literal("", String).label("client"),
            back.scalar_subquery().label("back_cents"),
        )
        .join(Contact, Contact.id == Payment.payer_id)
        .where(Payment.reversed_at.is_(None), Payment.received_date.between(wish.first, wish.last))
        .where(*_narrowed(wish, Payment.payer_id))
    )  # fmt: skip
    mine = payments.theirs(who)
    if mine is not None:
        query = query.where(mine)
    if wish.practitioner_id is not None:
        query = query.where(_stands_on(Invoice.practitioner_id == wish.practitioner_id))
    if wish.location_id is not None:
        query = query.where(_stands_on(Invoice.location_id == wish.location_id))
    if about is None:
        return query
    ever = select(Posting.payment_id).join(Invoice, Invoice.id == Posting.invoice_id).where(about)
    own = select(Client.contact_id).where(Client.id == wish.client_id).scalar_subquery()
    # First what an index finds, then what still stands there, or nowhere any more: given back, or credit.
    query = query.where(
        or_(Payment.id.in_(ever), Payment.payer_id == own), or_(Payment.payer_id == own, _stands_on(about), ~_stands_on(true()))
    )
    if wish.with_others:
        return query
    return query.where(~_stands_on(or_(Invoice.client_id.is_(None), Invoice.client_id != wish.client_id)))


def _stands_on(condition: Condition) -> Condition:
    """Say that some of a payment stands on an invoice of that kind now."""
    standing = (
        select(Posting.invoice_id)
        .join(Invoice, Invoice.id == Posting.invoice_id)
        .where(Posting.payment_id == Payment.id, Posting.account == Account.RECEIVABLE, condition)
        .group_by(Posting.invoice_id)
        .having(func.sum(Posting.amount_cents) != 0)
    )
    return standing.correlate(Payment).exists()


def _narrowed(wish: Wish, payer: Any) -> list[Condition]:
    return [payer == wish.payer_id] if wish.payer_id is not None else []


def _make_invoice(press: Press, who: Actor, subject: Subject, now: datetime) -> Made:
    return documents.invoice(press.reader, press.writer, press.paper, who, subject.id, now)


def _make_receipt(press: Press, who: Actor, subject: Subject, now: datetime) -> Made:
    return receipts.pdf(press.reader, press.writer, press.paper, who, subject.id, now)


def _statements(session: Session, who: Actor, wish: Wish, _now: datetime) -> list[Summary]:
    if wish.client_id is None:
        return _everyones_statements(session, wish)
    client = select(Client.default_payer_id).where(Client.id == wish.client_id, clients.seen_by(who))
    billed = select(Invoice.payer_id).where(joint.names(wish.client_id), Invoice.issued_at.is_not(None))
    is_one = or_(Contact.id.in_(client), and_(client.exists(), Contact.id.in_(billed)))
    query = select(Contact.id, Contact.name).where(is_one, *_narrowed(wish, Contact.id))
    found = session.execute(query.order_by(func.lower(Contact.name), Contact.id))
    return [Summary(row.id, wish.client_id, row.name) for row in found]


def _everyones_statements(session: Session, wish: Wish) -> list[Summary]:
    """Return one for each client and payer between whom something moved in those days."""
    alone = select(Invoice.client_id, Invoice.payer_id, Invoice.id.label("invoice_id")).where(Invoice.client_id.is_not(None))
    together = (
        select(Attendee.client_id, Invoice.payer_id, Invoice.id.label("invoice_id"))
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .where(Invoice.client_id.is_(None))
    )
    narrowed = [
        column == value
        for column, value in ((Invoice.practitioner_id, wish.practitioner_id), (Invoice.location_id, wish.location_id))
        if value is not None
    ]
    pair = alone.where(*narrowed).union_all(together.where(*narrowed)).subquery()
    moved = (
        select(pair.c.client_id, pair.c.payer_id)
        .join(Posting, (Posting.invoice_id == pair.c.invoice_id) & (Posting.account == Account.RECEIVABLE))
        .join(LedgerTransaction, LedgerTransaction.id == Posting.transaction_id)
        .where(LedgerTransaction.local_date.between(wish.first, wish.last))
        .distinct()
        .subquery()
    )
    found = session.execute(
        select(Client, Contact.id, Contact.name)
        .join(moved, moved.c.client_id == Client.id)
        .join(Contact, Contact.id == moved.c.payer_id)
    )
    made = [
        Summary(payer_id, client.id, name if name == client.name else f"{name} for {client.name}")
        for client, payer_id, name in found
    ]
    return sorted(made, key=lambda each: (each.name.casefold(), each.client_id))


def _make_statement(press: Press, who: Actor, about: Subject, now: datetime) -> Made:
    return statements.statement(
        press.reader, press.writer, press.paper, who, about.client_id, about.id, about.first, about.last, now
    )


def _superbills(session: Session, who: Actor, wish: Wish, now: datetime) -> list[Summary]:
    if wish.payer_id is not None:
        return []
    given_by, place = wish.practitioner_id, wish.location_id
    found = attended.clients_with_any(
        session, who, wish.first, wish.last, now, client_id=wish.client_id, given_by=given_by, location_id=place
    )
    return [Summary(client_id, client_id, name) for client_id, name in found]


def _make_superbill(press: Press, who: Actor, about: Subject, now: datetime) -> Made:
    return superbills.superbill(press.reader, press.writer, press.paper, who, about.client_id, about.first, about.last, now)


KINDS: dict[str, Kind] = {
    INVOICE: Kind("Invoices", "Invoice", _make_invoice, listed=_invoices),
    CREDIT_NOTE: Kind("Credit notes", "Credit note", _make_invoice, listed=_credit_notes),
    RECEIPT: Kind("Receipts", "Receipt", _make_receipt, listed=_receipts),
    STATEMENT: Kind("Statements", "Statement", _make_statement, summed=_statements, is_usual=False),
    SUPERBILL: Kind(
        "Superbills", "Superbill", _make_superbill, summed=_superbills, needs=Permission.SEE_DIAGNOSES, is_usual=False
    ),
}
