"""A client's billing overview: what each payer was billed for this client, owes and has unallocated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from clinic.billing import payments, register, work
from clinic.billing.ledger import PayerSums
from clinic.billing.payments import Disputed, Settlement
from clinic.billing.work import Work
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceKind
from clinic.models.money import Account, Posting
from clinic.models.people import Client, ClientContact, Contact
from clinic.people import clients, contacts
from clinic.practice import settings
from clinic.practice.permissions import Actor

INVOICES_MAX = 300
HISTORY_MAX = 12


@dataclass(frozen=True)
class Billed:
    """Be one payer of a client: `rows` name this client; `sums` hold all of the payer's, other clients' included."""

    payer_id: int
    name: str
    role: str
    reference: str
    is_client: bool
    rows: tuple[register.Row, ...]
    uninvoiced: tuple[Work, ...]
    sums: PayerSums
    covers_others: bool

    @property
    def owed_cents(self) -> int:
        """Return what is owed on the invoices that name this client; drafts owe nothing yet."""
        return sum(row.balance_cents for row in self.rows if row.state.word != "Draft")

    @property
    def uninvoiced_count(self) -> int:
        """Return how many sessions are uninvoiced."""
        return len(self.uninvoiced)

    @property
    def uninvoiced_cents(self) -> int:
        """Return what the uninvoiced sessions come to."""
        return sum(each.amount_cents for each in self.uninvoiced)

    @property
    def balance_cents(self) -> int:
        """Return this client's part: with credit taken off where the payer has no other client."""
        return self.owed_cents - (0 if self.covers_others else self.sums.unallocated_cents)


@dataclass(frozen=True)
class Event:
    """Be one line of the history: an invoice issued or a payment received."""

    day: date
    words: str
    by: str
    amount_cents: int
    invoice_id: int | None
    payment_id: int | None = None


@dataclass(frozen=True)
class Overview:
    """Be the billing overview of one client."""

    client_id: int
    payers: tuple[Billed, ...]
    history: tuple[Event, ...]
    disputes: tuple[Disputed, ...] = ()
    discount_bp: int = 0

    @property
    def balance_cents(self) -> int:
        """Return this client's parts together."""
        return sum(payer.balance_cents for payer in self.payers)

    @property
    def owed_cents(self) -> int:
        """Return what is unpaid on invoices that name this client."""
        return sum(payer.owed_cents for payer in self.payers)

    @property
    def unallocated_cents(self) -> int:
        """Return the payers' credit."""
        return sum(payer.sums.unallocated_cents for payer in self.payers)

    @property
    def uninvoiced_cents(self) -> int:
        """Return what is done and on no invoice."""
        return sum(payer.uninvoiced_cents for payer in self.payers)

    @property
    def unpaid(self) -> list[register.Row]:
        """List the invoices that owe something."""
        return [row for payer in self.payers for row in payer.rows if row.balance_cents and row.state.word != "Draft"]


def of_client(session: Session, who: Actor, client: clients.Profile, now: datetime) -> Overview:
    """Return the billing overview of a client of theirs, in a fixed number of queries."""
    client_id = client.head.id
    today = settings.house(session).local_date(now)
    found = session.scalars(
        select(Invoice)
        .where(Invoice.client_id == client_id)
        .order_by(Invoice.issue_date.desc().nulls_first(), Invoice.id.desc())
        .limit(INVOICES_MAX)
    ).all()
    waiting = work.uninvoiced(session, who, now, client_id=client_id)
    payer_ids = list(dict.fromkeys([client.default_payer_id, *(i.payer_id for i in found), *(w.payer_id for w in waiting)]))
    payers = _payers(session, payer_ids, client_id)
    rows = register.rows_of(session, found, {payer_id: row.name for payer_id, row in payers.items()}, today)
    issued = {invoice.id: invoice for invoice in found if invoice.issued_at is not None}
    ahead = [key for key, row in payers.items() if row.unallocated and not row.covers_others]
    paid = payments.settlements(session, list(issued), credit_of=ahead)
    return Overview(
        client_id=client_id,
        payers=tuple(
            Billed(
                payer_id=payer_id,
                name=payers[payer_id].name,
                role=contacts.ROLE_NAMES[payers[payer_id].role] if payers[payer_id].role else "",
                reference=payers[payer_id].reference or "",
                is_client=payer_id == client.contact_id,
                rows=tuple(row for row in rows if row.payer_id == payer_id),
                uninvoiced=tuple(each for each in waiting if each.payer_id == payer_id),
                sums=PayerSums(int(payers[payer_id].owed), int(payers[payer_id].unallocated)),
                covers_others=payers[payer_id].covers_others,
            )
            for payer_id in payer_ids
        ),
        history=_history(issued, paid, today, settings.house(session).timezone),
        disputes=tuple(each for each in _disputes(paid) if not each.is_lost),
        discount_bp=payers[client.default_payer_id].discount_bp,
    )


def _payers(session: Session, payer_ids: Sequence[int], client_id: int) -> dict[int, Any]:
    """Return each payer's name, what they are to the client and owe and have in all, whether for others; and the discount."""
    others = exists().where(Invoice.payer_id == Contact.id, Invoice.client_id.is_distinct_from(client_id))

    def posted(account: Account) -> Any:
        chosen = select(func.coalesce(func.sum(Posting.amount_cents), 0))
        return chosen.where(Posting.payer_id == Contact.id, Posting.account == account).scalar_subquery()

    found = session.execute(
        select(
            Contact.id, Contact.name, ClientContact.role, ClientContact.reference, others.label("covers_others"),
            select(Client.discount_bp).where(Client.id == client_id).scalar_subquery().label("discount_bp"),
            posted(Account.RECEIVABLE).label("owed"), (-posted(Account.UNALLOCATED)).label("unallocated"),
        )
        .outerjoin(ClientContact, and_(ClientContact.contact_id == Contact.id, ClientContact.client_id == client_id))
        .where(Contact.id.in_(payer_ids))
    )  # fmt: skip
    return {row.id: row for row in found}


def _disputes(paid: Mapping[int, Sequence[Settlement]]) -> Sequence[Disputed]:
    # A payment may stand on several invoices.
    found = {each.payment_id: each.disputed for settled in paid.values() for each in settled if each.disputed is not None}
    return list(found.values())


def _history(
    issued: Mapping[int, Invoice], paid: Mapping[int, Sequence[Settlement]], today: date, timezone: str
) -> tuple[Event, ...]:
    events = [_issued(invoice, today) for invoice in issued.values()]
    # Money on no invoice yet, of payers who pay for nobody else: here it is found again, to be refunded for example.
    events += [
        Event(
            each.received_date, f"{'Payment' if invoice_id else 'Credit'}, {each.words}", each.taken_by, -each.amount_cents,
            invoice_id or None, each.payment_id,
        )
        for invoice_id, settled in paid.items()
        for each in settled
        if each.amount_cents
    ]  # fmt: skip
    events += [
        Event(clock.local_date(each.closed_at, timezone), f"Disputed and lost, {each.words}", "", each.amount_cents, None,
              each.payment_id)
        for each in _disputes(paid)
        if each.is_lost and each.closed_at is not None
    ]  # fmt: skip
    return tuple(sorted(events, key=lambda event: event.day, reverse=True)[:HISTORY_MAX])


def _issued(invoice: Invoice, today: date) -> Event:
    if invoice.kind is InvoiceKind.CREDIT_NOTE:
        return Event(invoice.issue_date or today, f"Credit note {invoice.number}", "", -invoice.total_cents, invoice.id)
    return Event(invoice.issue_date or today, f"Invoice {invoice.number} issued", "", invoice.total_cents, invoice.id)
