"""A client's billing overview: what each payer was billed for this client, owes and has unallocated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, true
from sqlalchemy.orm import Session

from clinic.billing import history, joint, ledger, register, whose, work
from clinic.billing.ledger import PayerSums
from clinic.billing.payments import Disputed
from clinic.billing.work import Work
from clinic.models.billing import Invoice
from clinic.models.money import Account
from clinic.models.people import Client, ClientContact, Contact
from clinic.people import clients, contacts
from clinic.practice import settings
from clinic.practice.permissions import Actor

INVOICES_MAX = 300


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
class Overview:
    """Be the billing overview of one client."""

    client_id: int
    payers: tuple[Billed, ...]
    history: tuple[history.Event, ...]
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
    mine = whose.theirs(who)
    named = session.execute(
        select(Invoice, joint.part(client_id), joint.credited(client_id), true() if mine is None else mine)
        .where(joint.names(client_id))
        .order_by(Invoice.issue_date.desc().nulls_first(), Invoice.id.desc())
        .limit(INVOICES_MAX)
    ).all()
    found = [invoice for invoice, *_ in named]
    given = {invoice.id: _Own(cents, int(back), is_open=bool(is_open)) for invoice, cents, back, is_open in named}
    waiting = work.uninvoiced(session, who, now, client_id=client_id)
    payer_ids = list(dict.fromkeys([client.default_payer_id, *(i.payer_id for i in found), *(w.payer_id for w in waiting)]))
    payers = _payers(session, payer_ids, client_id)
    rows = register.rows_of(session, found, {payer_id: row.name for payer_id, row in payers.items()}, today)
    rows = [_own(row, given[row.id]) for row in rows]
    issued = {invoice.id: invoice for invoice in found if invoice.issued_at is not None}
    told = history.of(session, issued, [key for key, row in payers.items() if not row.covers_others])
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
        history=tuple(_closed(event, given) for event in told.events),
        disputes=tuple(each for each in told.disputes if not each.is_lost),
        discount_bp=payers[client.default_payer_id].discount_bp,
    )


@dataclass(frozen=True)
class _Own:
    """Be what of a document is this client's: None where all of it is; and whether whoever asks may open it."""

    cents: int | None
    credited_cents: int
    is_open: bool


def _own(row: register.Row, own: _Own) -> register.Row:
    if own.cents is None:
        return replace(row, is_theirs=own.is_open)
    # The others' sessions on it are not this client's; of what is owed, at most what is left of the client's own.
    left = max(own.cents - own.credited_cents, 0)
    part = replace(row, total_cents=own.cents, balance_cents=min(row.balance_cents, left), is_joint=True)
    # Its first line may name a client of somebody else.
    return replace(part, joint_cents=row.total_cents) if own.is_open else replace(part, subject="Sessions", is_theirs=False)


def _closed(event: history.Event, given: Mapping[int, _Own]) -> history.Event:
    own = given[event.invoice_id] if event.invoice_id is not None else None
    if own is None or own.is_open:
        return event
    shut = replace(event, invoice_id=None)
    if own.cents is None:
        return shut
    return replace(shut, payment_id=None, amount_cents=own.cents if event.is_document else event.amount_cents)


def _payers(session: Session, payer_ids: Sequence[int], client_id: int) -> dict[int, Any]:
    """Return each payer's name, what they are to the client and owe and have in all, whether for others; and the discount."""
    found = session.execute(
        select(
            Contact.id, Contact.name, ClientContact.role, ClientContact.reference,
            joint.covers_others(client_id).label("covers_others"),
            select(Client.discount_bp).where(Client.id == client_id).scalar_subquery().label("discount_bp"),
            ledger.posted(Account.RECEIVABLE).label("owed"), (-ledger.posted(Account.UNALLOCATED)).label("unallocated"),
        )
        .outerjoin(ClientContact, and_(ClientContact.contact_id == Contact.id, ClientContact.client_id == client_id))
        .where(Contact.id.in_(payer_ids))
    )  # fmt: skip
    return {row.id: row for row in found}
