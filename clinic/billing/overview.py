"""A client's billing overview: what each payer was billed for this client, owes and has unallocated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import ledger, payments, register, sheet, work
from clinic.billing.ledger import PayerSums
from clinic.billing.work import Work
from clinic.models.billing import Invoice
from clinic.models.people import Contact
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


@dataclass(frozen=True)
class Overview:
    """Be the billing overview of one client."""

    client_id: int
    payers: tuple[Billed, ...]
    history: tuple[Event, ...]

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


def of_client(session: Session, who: Actor, client_id: int, now: datetime) -> Overview:
    """Return the client's billing overview, in a fixed number of queries.

    Raises:
        NotFoundError: there is no such client, or they are not theirs to see.
    """
    client = clients.client_for(session, who, client_id)
    today = settings.house(session).local_date(now)
    found = session.scalars(
        select(Invoice)
        .where(Invoice.client_id == client_id)
        .order_by(Invoice.issue_date.desc().nulls_first(), Invoice.id.desc())
        .limit(INVOICES_MAX)
    ).all()
    waiting = work.uninvoiced(session, who, now, client_id=client_id)
    known = {payer.contact_id: payer for payer in contacts.payers_of(session, client_id)}
    payer_ids = list(dict.fromkeys([client.default_payer_id, *(i.payer_id for i in found), *(w.payer_id for w in waiting)]))
    payers = session.scalars(select(Contact).where(Contact.id.in_(payer_ids)))
    names = {payer.id: payer.name for payer in payers}
    sums = ledger.payer_sums(session, payer_ids)
    rows = register.rows_of(session, found, names, today)
    others = _with_others(session, payer_ids, client_id)
    return Overview(
        client_id=client_id,
        payers=tuple(
            Billed(
                payer_id=payer_id,
                name=names[payer_id],
                role=known[payer_id].role if payer_id in known else "",
                reference=known[payer_id].reference if payer_id in known else "",
                is_client=payer_id == client.contact_id,
                rows=tuple(row for row in rows if row.payer_id == payer_id),
                uninvoiced=tuple(each for each in waiting if each.payer_id == payer_id),
                sums=sums[payer_id],
                covers_others=payer_id in others,
            )
            for payer_id in payer_ids
        ),
        history=_history(session, found, today),
    )


def _with_others(session: Session, payer_ids: Sequence[int], client_id: int) -> set[int]:
    other = Invoice.client_id.is_distinct_from(client_id)
    return set(session.scalars(select(Invoice.payer_id).where(Invoice.payer_id.in_(payer_ids), other).distinct()))


def _history(session: Session, found: Sequence[Invoice], today: date) -> tuple[Event, ...]:
    names = payments.methods(session).names
    issued = {invoice.id: invoice for invoice in found if invoice.issued_at is not None}
    paid = payments.settlements(session, list(issued))
    events = [
        Event(invoice.issue_date or today, f"Invoice {invoice.number} issued", "", invoice.total_cents, invoice.id)
        for invoice in issued.values()
    ]
    events += [
        Event(each.received_date, f"Payment, {sheet.method_words(each, names)}", each.taken_by, -each.amount_cents, invoice_id)
        for invoice_id, settled in paid.items()
        for each in settled
    ]
    return tuple(sorted(events, key=lambda event: event.day, reverse=True)[:HISTORY_MAX])
