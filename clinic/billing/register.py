"""The list of invoices: filtered by state, searched, newest first, in pages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from clinic.billing import invoices, joint, states
from clinic.billing.states import State
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, PackageSale
from clinic.models.money import Account, Posting
from clinic.models.people import Client, ClientContact, Contact
from clinic.people import clients
from clinic.people.listing import Listing, cut
from clinic.practice import settings
from clinic.practice.permissions import Actor

SEARCH_CHARS_MAX = 80


class Shown(StrEnum):
    """Name what the list shows."""

    ALL = "all"
    DRAFT = "draft"
    UNPAID = "unpaid"
    OVERDUE = "overdue"
    PAID = "paid"
    UNINVOICED = "uninvoiced"
    UNALLOCATED = "unallocated"


@dataclass(frozen=True)
class Wish:
    """Say what a list shows: which invoices, of what name, of one client, issued from and until a day (both included)."""

    shown: Shown = Shown.ALL
    text: str = ""
    client_id: int | None = None
    from_date: date | None = None
    until_date: date | None = None


@dataclass(frozen=True)
class Credit:
    """Be a payer with money that is on no invoice yet, and a client on whose Billing it can be put on one."""

    payer_id: int
    payer: str
    client_id: int | None
    client: str
    owed_cents: int
    unallocated_cents: int


@dataclass(frozen=True)
class Row:
    """Be one invoice of a list, as plain values."""

    id: int
    number: str
    day: date
    subject: str
    payer: str
    client: str
    client_id: int | None
    payer_id: int
    state: State
    total_cents: int  # a credit note's is negative
    balance_cents: int
    joint_cents: int | None = None  # of an invoice for several clients: what it comes to for all of them
    is_joint: bool = False  # for several clients: the amounts are one client's part
    is_theirs: bool = True  # whoever asks may open it


def page(session: Session, who: Actor, wish: Wish, *, number: int, today: date) -> Listing[Row]:
    """Return one page of the invoices that are theirs to see: drafts first, then newest first."""
    owed = (
        select(Posting.invoice_id, func.sum(Posting.amount_cents).label("cents"))
        .where(Posting.account == Account.RECEIVABLE)
        .group_by(Posting.invoice_id)
        .subquery()
    )
    query = (
        select(Invoice, Contact.name.label("payer"), Client)
        .join(Contact, Contact.id == Invoice.payer_id)
        .outerjoin(Client, Client.id == Invoice.client_id)
        .outerjoin(owed, owed.c.invoice_id == Invoice.id)
        .where(*_conditions(session, wish, func.coalesce(owed.c.cents, 0), today))
    )
    mine = invoices.theirs(who)
    if mine is not None:
        query = query.where(mine)
    if wish.text.strip():
        query = query.where(_matches(wish.text))
    ordered = query.order_by(Invoice.issue_date.desc().nulls_first(), Invoice.id.desc())
    return cut(session, ordered, number, lambda found: _rows(session, found, today))


def with_credit(session: Session, who: Actor, text: str, *, number: int) -> Listing[Credit]:
    """Return one page of the payers who have unallocated money, most first."""

    def posted(account: Account) -> Any:
        chosen = select(func.coalesce(func.sum(Posting.amount_cents), 0))
        return chosen.where(Posting.payer_id == Contact.id, Posting.account == account).correlate(Contact).scalar_subquery()

    linked = select(ClientContact.client_id).where(ClientContact.contact_id == Contact.id)
    is_payer = or_(Client.default_payer_id == Contact.id, Client.id.in_(linked))
    themselves = select(Client.id).where(Client.contact_id == Contact.id, clients.seen_by(who)).correlate(Contact)
    others = select(func.min(Client.id)).where(is_payer, clients.seen_by(who)).correlate(Contact)
    theirs = func.coalesce(themselves.scalar_subquery(), others.scalar_subquery())
    unallocated = -posted(Account.UNALLOCATED)
    query = (
        select(Contact.id, Contact.name, Client, posted(Account.RECEIVABLE).label("owed"), unallocated.label("unallocated"))
        .outerjoin(Client, Client.id == theirs)
        .where(unallocated > 0)
        .order_by(unallocated.desc(), Contact.id)
    )
    if who.own_practitioner_id is not None:
        query = query.where(Client.id.is_not(None))
    if text.strip():
        query = query.where(func.lower(Contact.name).contains(text.strip()[:SEARCH_CHARS_MAX].lower(), autoescape=True))
    return cut(session, query, number, _credits)


def _credits(found: Sequence[Any]) -> list[Credit]:
    return [
        Credit(
            row.id, row.name, row.Client.id if row.Client else None, row.Client.name if row.Client else "",
            int(row.owed), int(row.unallocated),
        )
        for row in found
    ]  # fmt: skip


def rows_of(session: Session, found: Sequence[Invoice], names: dict[int, str], today: date) -> list[Row]:
    """Return invoices as rows. `names` gives the payers' names by id; the client stays unnamed."""
    return _shape(session, [(invoice, names.get(invoice.payer_id, ""), None) for invoice in found], today)


def subjects(session: Session, found: Collection[Invoice]) -> dict[int, str]:
    """Return what each invoice is for: its first line, how many more, or the package it sold."""
    ids = [invoice.id for invoice in found]
    first = (
        select(InvoiceLine.invoice_id, func.min(InvoiceLine.position).label("position"), func.count().label("lines"))
        .where(InvoiceLine.invoice_id.in_(ids))
        .group_by(InvoiceLine.invoice_id)
        .subquery()
    )
    on_first = and_(first.c.invoice_id == InvoiceLine.invoice_id, first.c.position == InvoiceLine.position)
    query = (
        select(InvoiceLine.invoice_id, InvoiceLine.description, first.c.lines, PackageSale.name)
        .join(first, on_first)
        .outerjoin(PackageSale, PackageSale.invoice_id == InvoiceLine.invoice_id)
    )
    return {
        invoice_id: f"Package: {sold}" if sold else words if lines == 1 else f"{words} and {lines - 1} more"
        for invoice_id, words, lines, sold in session.execute(query)
    }


def _conditions(session: Session, wish: Wish, owed: ColumnElement[Any], today: date) -> list[ColumnElement[bool]]:
    late_before = today - timedelta(days=settings.practice(session).overdue_after_days)
    by_filter: dict[Shown, list[ColumnElement[bool]]] = {
        Shown.ALL: [],
        Shown.DRAFT: [Invoice.issued_at.is_(None)],
        Shown.UNPAID: [owed > 0],
        Shown.OVERDUE: [owed > 0, Invoice.due_date < late_before],
        Shown.PAID: [Invoice.issued_at.is_not(None), owed <= 0, Invoice.kind == InvoiceKind.INVOICE, *_is_settled()],
        Shown.UNINVOICED: [],  # these two are about no invoices: `bulk.groups` and `with_credit`
        Shown.UNALLOCATED: [],
    }
    conditions = by_filter[wish.shown]
    if wish.client_id is not None:
        conditions.append(joint.names(wish.client_id))
    if wish.from_date is not None:
        conditions.append(Invoice.issue_date >= wish.from_date)
    if wish.until_date is not None:
        conditions.append(Invoice.issue_date <= wish.until_date)
    return conditions


def _is_settled() -> list[ColumnElement[bool]]:
    """Say that an invoice that owes nothing was paid: no remainder is written off, and it is not credited whole."""
    gone = select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(
        Posting.invoice_id == Invoice.id, Posting.account == Account.WRITTEN_OFF
    )
    note = aliased(Invoice)
    credited = select(func.coalesce(func.sum(note.total_cents), 0)).where(note.credited_invoice_id == Invoice.id)
    is_kept = credited.correlate(Invoice).scalar_subquery() < Invoice.total_cents
    return [gone.correlate(Invoice).scalar_subquery() == 0, or_(Invoice.total_cents == 0, is_kept), ~states.is_void()]


def _matches(text: str) -> ColumnElement[bool]:
    typed = text.strip()[:SEARCH_CHARS_MAX].lower()
    columns: list[ColumnElement[str]] = [
        func.lower(func.coalesce(Invoice.number, "")),
        func.lower(Contact.name),
        func.lower(func.coalesce(Client.first_name + " " + Client.last_name, "")),
    ]
    # An invoice for several clients names each on their lines.
    on_line = select(InvoiceLine.invoice_id).where(func.lower(InvoiceLine.description).contains(typed, autoescape=True))
    named = and_(Invoice.client_id.is_(None), Invoice.id.in_(on_line))
    return or_(*(column.contains(typed, autoescape=True) for column in columns), named)


def _rows(session: Session, found: Sequence[Any], today: date) -> list[Row]:
    return _shape(session, [(row.Invoice, row.payer, row.Client) for row in found], today)


def _shape(session: Session, found: Sequence[tuple[Invoice, str, Client | None]], today: date) -> list[Row]:
    listed = [invoice for invoice, _, _ in found]
    state, subject = states.of(session, listed, today), subjects(session, listed)
    house = settings.house(session)
    return [
        Row(
            id=invoice.id,
            number=invoice.number or "Draft",
            day=invoice.issue_date or house.local_date(invoice.created_at),
            subject=subject.get(invoice.id, ""),
            payer=payer,
            client=client.name if client is not None else "",
            client_id=invoice.client_id,
            payer_id=invoice.payer_id,
            state=state[invoice.id],
            total_cents=-invoice.total_cents if invoice.kind is InvoiceKind.CREDIT_NOTE else invoice.total_cents,
            balance_cents=state[invoice.id].owed_cents,
        )
        for invoice, payer, client in found
    ]
