"""What lies on a shelf of billing documents: those of a range of days as a list, newest first, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import document_kinds, joint, states
from clinic.billing.document_kinds import KINDS, RECEIPT, Summary, Wish
from clinic.models.billing import Invoice
from clinic.models.people import Client, Contact
from clinic.people import clients
from clinic.people.listing import Listing, cut
from clinic.practice import settings
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Row:
    """Be one document of the list, as plain values. `client` is named where the list is of several."""

    kind: str
    id: int
    number: str
    day: date
    payer: str
    client: str
    cents: int  # a credit note's is negative
    state: str
    state_words: str
    is_for_several: bool

    @property
    def one(self) -> str:
        """Return what kind of document it is."""
        return KINDS[self.kind].one

    @property
    def is_receipt(self) -> bool:
        """Say whether it is about a payment and not an invoice."""
        return self.kind == RECEIPT


@dataclass(frozen=True)
class Shelf:
    """Be what the page shows for a wish: a page of documents, what is drawn up for the days, and what is left out."""

    listing: Listing[Row]
    summaries: tuple[tuple[str, Summary], ...]
    others_count: int  # documents that name other clients, left out

    @property
    def total(self) -> int:
        """Return how many documents a run of these would have."""
        return self.listing.total + len(self.summaries)


def shelf(session: Session, who: Actor, wish: Wish, *, number: int, now: datetime) -> Shelf:
    """Return a page of the documents wished for that are theirs to see, newest first."""
    found = document_kinds.listed(who, wish)
    listing: Listing[Row] = Listing(rows=(), number=1, total=0)
    if found is not None:
        ordered = select(found).order_by(found.c.day.desc(), found.c.kind, found.c.id.desc())
        today = settings.house(session).local_date(now)
        listing = cut(session, ordered, number, lambda rows: _rows(session, rows, wish, today))
    summaries = tuple(document_kinds.summed(session, who, wish, now))
    return Shelf(listing, summaries, _others(session, who, wish, listing.total))


def payers_of(session: Session, who: Actor, client_id: int) -> list[tuple[int, str]]:
    """Return who was billed for a client of theirs, by name; nobody for another's."""
    is_theirs = select(Client.id).where(Client.id == client_id, clients.seen_by(who)).exists()
    about = select(Invoice.payer_id).where(joint.names(client_id), Invoice.issued_at.is_not(None))
    found = session.execute(
        select(Contact.id, Contact.name).where(is_theirs, Contact.id.in_(about)).order_by(Contact.name, Contact.id)
    )
    return [(row.id, row.name) for row in found]


def _others(session: Session, who: Actor, wish: Wish, shown: int) -> int:
    if wish.client_id is None or wish.with_others:
        return 0
    every = document_kinds.listed(who, replace(wish, with_others=True))
    return (session.scalar(select(func.count()).select_from(every)) or 0) - shown if every is not None else 0


def _rows(session: Session, found: Sequence[Any], wish: Wish, today: date) -> list[Row]:
    ids = [row.id for row in found if row.kind != RECEIPT]
    billed = {invoice.id: invoice for invoice in session.scalars(select(Invoice).where(Invoice.id.in_(ids)))} if ids else {}
    state = states.of(session, list(billed.values()), today) if ids else {}
    rows = []
    for row in found:
        of_invoice = state.get(row.id) if row.kind != RECEIPT else None
        rows.append(
            Row(
                kind=row.kind,
                id=row.id,
                number=row.number,
                day=row.day,
                payer=row.payer,
                client=row.client if wish.client_id is None else "",
                cents=int(row.cents),
                state=of_invoice.word if of_invoice and row.kind == document_kinds.INVOICE else "",
                state_words=_words(row, of_invoice),
                is_for_several=row.kind != RECEIPT and row.client_id is None,
            )
        )
    return rows


def _words(row: Any, state: states.State | None) -> str:
    if row.kind == document_kinds.INVOICE and state is not None:
        return state.words
    if row.kind == RECEIPT and row.back_cents:
        return "Refunded" if row.back_cents >= row.cents else "Part refunded"
    return ""
