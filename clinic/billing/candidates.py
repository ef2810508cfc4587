"""Work that an automatic invoice may bill, as plain rows: a run reads thousands of them, and again each one it bills."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam
from sqlalchemy.orm import Session

from clinic.billing import uninvoiced
from clinic.kernel.database import connection_of
from clinic.models.billing import Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from clinic.models.people import Client, Contact
from clinic.models.practice import InvoiceCreation, Practice, Practitioner

CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class Payer:
    """Be whom work is billed to, as far as a run asks."""

    id: int
    name: str
    sort_name: str
    one_invoice_for_all: bool
    invoice_creation: InvoiceCreation
    monthly_from_date: date | None


@dataclass(frozen=True, slots=True)
class Named:
    """Be the appointment type, of which only the name is asked."""

    name: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Be the item in the calendar: what it is, and when, where and by whom it is given."""

    kind: ItemKind
    type: "Named | None"
    starts_at: datetime
    ends_at: datetime
    practitioner_id: int
    practitioner_name: str
    location_id: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Be the client's place in the item, with its fee as copied when booked."""

    item: Slot
    client_id: int
    client_name: str
    status: Status
    is_billed: bool
    do_not_invoice: bool
    fee_id: int | None
    fee_code: str
    fee_description: str
    fee_cents: int
    tax_bp: int
    policy_cents: int | None
    billing_changed_at: datetime
    discount_bp: int  # the client's own


@dataclass(frozen=True, slots=True)
class Candidate:
    """Be one share that may be billed: it stands on no live line."""

    attendee: Place
    id: int
    attendee_id: int
    payer_id: int
    amount_cents: int
    released_at: datetime | None
    bill_again_at: datetime | None


_COLUMNS = (
    Share.id, Share.attendee_id, Share.payer_id, Share.amount_cents, Share.released_at, Share.bill_again_at,
    Attendee.client_id, Client.first_name, Client.last_name, Attendee.status, Attendee.is_billed, Attendee.do_not_invoice,
    Attendee.fee_id, Attendee.fee_code, Attendee.fee_description, Attendee.fee_cents, Attendee.tax_bp, Attendee.policy_cents,
    Attendee.billing_changed_at, Client.discount_bp,
    Item.kind, AppointmentType.name, Item.starts_at, Item.ends_at, Item.practitioner_id, Practitioner.name, Item.location_id,
    Contact.name, Contact.sort_name, Contact.one_invoice_for_all, Contact.invoice_creation, Contact.monthly_from_date,
)  # fmt: skip


def found(session: Session, chosen: Select[Share]) -> list[tuple[Candidate, Payer]]:
    """Read what that query over `uninvoiced.billable` chooses, oldest first, each with its payer."""
    payers: dict[int, Payer] = {}
    read = connection_of(session).execute(_rows(chosen), execution_options={"yield_per": CHUNK_ROWS})
    return [_read(row, payers) for row in read]


def named(
    session: Session, practice: Practice, creation: InvoiceCreation, share_ids: list[int]
) -> list[tuple[Candidate, Payer]]:
    """Read those of the shares that may still be billed: what a run planned is looked at again before it is billed."""
    payers: dict[int, Payer] = {}
    read = connection_of(session).execute(_named(uninvoiced.billable(practice, creation)), {"shares": share_ids})
    return [_read(row, payers) for row in read]


def _read(row: Any, payers: dict[int, Payer]) -> tuple[Candidate, Payer]:
    # The row in the order of `_COLUMNS`: the share, its place, the item, the payer.
    share, place, slot, payer_of = (tuple(part) for part in (row[:6], row[6:20], row[20:27], row[27:]))
    payer = payers.get(share[2])
    if payer is None:
        payer = payers[share[2]] = Payer(share[2], *payer_of)
    client_id, first_name, last_name, *fee = place
    kind, type_name, *times = slot
    item = Slot(kind, Named(type_name) if type_name is not None else None, *times)
    attendee = Place(item, client_id, f"{first_name} {last_name}".strip(), *fee)
    return Candidate(attendee, *share), payer


def _rows(chosen: Select[Share]) -> Select[*tuple[Any, ...]]:
    people = chosen.join(Client, Client.id == Attendee.client_id).join(Practitioner, Practitioner.id == Item.practitioner_id)
    return people.with_only_columns(*_COLUMNS).order_by(Item.starts_at, Share.id)


@lru_cache
def _named(chosen: Select[Share]) -> Select[*tuple[Any, ...]]:
    # Built once: putting the statement together would cost more than asking it.
    return _rows(chosen.where(Share.id.in_(bindparam("shares", expanding=True))))
