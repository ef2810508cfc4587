"""A client's attended and invoiced sessions, each with what it came to and what of that is paid."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from clinic.billing import snapshot
from clinic.kernel import clock, money
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Fee, Invoice, InvoiceKind, InvoiceLine, Share
from clinic.models.calendar import Attendee, Item, ItemKind, Mode, Status
from clinic.models.money import Account, Posting
from clinic.models.people import Client, Contact
from clinic.models.practice import Location, Practitioner
from clinic.practice import settings
from clinic.practice.permissions import Actor
from clinic.practice.places import OFFICE, TELEHEALTH

LINES_MAX = 500


@dataclass(frozen=True)
class Part:
    """Be one payer's line of a session: what it came to less what was credited, and what of that is paid."""

    payer_id: int
    payer: str
    fee_cents: int
    paid_cents: int


@dataclass(frozen=True)
class Given:
    """Be one session that took place and stands on issued invoices, as a superbill says it."""

    day: date
    code: str
    modifier: str
    units: int
    description: str
    place: str
    practitioner: tuple[str, str, str, str]  # name, credentials, licence, NPI
    parts: tuple[Part, ...]


def exists(session: Session, client_id: int, first: date, last: date, now: datetime, *, given_by: int | None) -> bool:
    """Say whether there is such a session."""
    chosen = _sessions(session, client_id, first, last, now, given_by=given_by).with_only_columns(Attendee.id)
    return session.scalar(chosen.limit(1)) is not None


def clients_with_any(
    session: Session,
    who: Actor,
    first: date,
    last: date,
    now: datetime,
    *,
    client_id: int | None = None,
    given_by: int | None = None,
    location_id: int | None = None,
) -> list[tuple[int, str]]:
    """List the clients of theirs who have such a session, by name; perhaps one alone, of one practitioner or location."""
    chosen = _sessions(session, client_id, first, last, now, given_by=given_by).with_only_columns(Attendee.client_id)
    own = who.own_practitioner_id
    if own is not None:  # of a colleague's client they see what they gave, of their own client everything
        mine = select(Client.id).where(Client.practitioner_id == own)
        chosen = chosen.where(or_(Item.practitioner_id == own, Attendee.client_id.in_(mine)))
    if location_id is not None:
        chosen = chosen.where(Item.location_id == location_id)
    found = session.scalars(select(Client).where(Client.id.in_(chosen)).order_by(Client.sort_name, Client.id))
    return [(client.id, client.name) for client in found]


def of_client(session: Session, client_id: int, first: date, last: date, now: datetime, *, given_by: int | None) -> list[Given]:
    """List those sessions in order; `given_by` one practitioner alone, or None: by whoever.

    Raises:
        RefusalError: there are more than one document holds.
    """
    chosen = _sessions(session, client_id, first, last, now, given_by=given_by)
    found = session.execute(chosen.order_by(Item.starts_at, Attendee.id, Share.position).limit(LINES_MAX + 1)).all()
    if len(found) > LINES_MAX:
        raise RefusalError(f"These days hold more than {LINES_MAX} sessions. Choose fewer days.", field="last")
    invoice_ids = {row.Invoice.id for row in found}
    left = _left(session, invoice_ids)
    paid = _paid(session, invoice_ids, left)
    zone = settings.practice(session).timezone
    sessions: dict[int, Given] = {}
    for row in found:
        line, part = (
            row.InvoiceLine,
            Part(row.payer_id, row.payer, left[row.Invoice.id][row.InvoiceLine.id], paid[row.InvoiceLine.id]),
        )
        before = sessions.get(row.attendee_id)
        modifier, units = snapshot.coding(row.Invoice.snapshot, row.Fee)
        sessions[row.attendee_id] = Given(
            day=clock.local_date(row.starts_at, zone), code=line.code, modifier=modifier, units=units * line.quantity,
            description=row.fee_description or line.description, place=_place(row), practitioner=_practitioner(row),
            parts=(*(before.parts if before is not None else ()), part),
        )  # fmt: skip
    return list(sessions.values())


def _sessions(
    session: Session, client_id: int | None, first: date, last: date, now: datetime, *, given_by: int | None
) -> Select[*tuple[Any, ...]]:
    practice = settings.practice(session)
    took_place: ColumnElement[bool] = Attendee.status.in_((Status.ARRIVED, Status.ATTENDED))
    if practice.past_booked_is_attended:
        took_place = or_(took_place, and_(Attendee.status == Status.BOOKED, Item.ends_at <= now))
    chosen = (
        select(
            InvoiceLine, Invoice, Fee, Location, Practitioner, Attendee.id.label("attendee_id"), Attendee.fee_description,
            Item.starts_at, Item.mode, Item.practitioner_id, Contact.id.label("payer_id"), Contact.name.label("payer"),
        )
        .join(Share, Share.id == InvoiceLine.share_id)
        .join(Attendee, Attendee.id == Share.attendee_id)
        .join(Item, Item.id == Attendee.item_id)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .join(Contact, Contact.id == Invoice.payer_id)
        .join(Practitioner, Practitioner.id == Item.practitioner_id)
        .outerjoin(Location, Location.id == Item.location_id)
        .outerjoin(Fee, Fee.id == InvoiceLine.fee_id)
        .where(
            took_place, Attendee.do_not_invoice.is_(False), InvoiceLine.released_at.is_(None),
            Invoice.kind == InvoiceKind.INVOICE, Invoice.issued_at.is_not(None), Item.kind == ItemKind.APPOINTMENT,
            Item.deleted_at.is_(None), *_between(practice.timezone, first, last),
        )
    )  # fmt: skip
    if client_id is not None:
        chosen = chosen.where(Attendee.client_id == client_id)
    return chosen if given_by is None else chosen.where(Item.practitioner_id == given_by)


def _between(zone: str, first: date, last: date) -> list[ColumnElement[bool]]:
    # The calendar has no instant for the first and the last days there are.
    bounds: list[ColumnElement[bool]] = []
    if first > date(1, 1, 2):
        bounds.append(Item.starts_at >= clock.day_start(first, zone))
    if last < date(9999, 12, 30):
        bounds.append(Item.starts_at < clock.day_start(last + timedelta(days=1), zone))
    return bounds


def _left(session: Session, invoice_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Return what is left of each line of the invoices once credit notes are taken off, by invoice and line."""
    credited = aliased(InvoiceLine)
    back = select(func.coalesce(func.sum(credited.total_cents), 0)).where(credited.credits_line_id == InvoiceLine.id)
    found = session.execute(
        select(InvoiceLine.invoice_id, InvoiceLine.id, InvoiceLine.total_cents - back.correlate(InvoiceLine).scalar_subquery())
        .where(InvoiceLine.invoice_id.in_(invoice_ids))
        .order_by(InvoiceLine.invoice_id, InvoiceLine.position)
    )
    left: dict[int, dict[int, int]] = {}
    for invoice_id, line_id, cents in found:
        left.setdefault(invoice_id, {})[line_id] = max(int(cents), 0)
    return left


def _paid(session: Session, invoice_ids: Collection[int], left: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """Return what is paid of each line: what stands on its invoice, shared over the lines by what is left of them."""
    found = session.execute(
        select(Posting.invoice_id, -func.sum(Posting.amount_cents))
        .where(Posting.invoice_id.in_(invoice_ids), Posting.account == Account.RECEIVABLE, Posting.payment_id.is_not(None))
        .group_by(Posting.invoice_id)
    )
    on_invoice = {invoice_id: int(cents) for invoice_id, cents in found}
    paid: dict[int, int] = {}
    for invoice_id, lines in left.items():
        cents = min(on_invoice.get(invoice_id, 0), sum(lines.values()))
        paid |= zip(lines, money.spread(cents, list(lines.values())), strict=True)
    return paid


def _place(row: Any) -> str:
    is_remote = row.mode in (Mode.PHONE, Mode.VIDEO)
    if row.Location is None:
        return TELEHEALTH if is_remote else OFFICE
    code: str = row.Location.remote_place_of_service if is_remote else row.Location.place_of_service
    return code


def _practitioner(row: Any) -> tuple[str, str, str, str]:
    frozen = (row.Invoice.snapshot or {}).get("practitioner")
    if frozen is not None and row.Invoice.practitioner_id == row.practitioner_id:
        return frozen["name"], frozen["credentials"], frozen["licence"], frozen["npi"]
    now: Practitioner = row.Practitioner
    return now.name, now.credentials, now.licence, now.npi
