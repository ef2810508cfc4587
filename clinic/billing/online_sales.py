"""What was bought online as staff see it: who bought what, whether the client is new here, and what could not be sold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from clinic.models.billing import Invoice
from clinic.models.online import OnlinePurchase, PurchaseStatus
from clinic.models.people import Client
from clinic.models.practice import Practitioner
from clinic.practice.permissions import Actor

SHOWN_MAX = 200
TWINS_MAX = 3


@dataclass(frozen=True)
class Twin:
    """Be another client of the same name, who may be the same person."""

    client_id: int
    name: str


@dataclass(frozen=True)
class Row:
    """Be one paid purchase. `needs` says why it could not be sold, until someone has seen to it."""

    id: int
    paid_at: datetime | None
    package: str
    practitioner: str
    client_id: int
    client: str
    email: str
    is_new: bool
    twins: tuple[Twin, ...]
    invoice_id: int | None
    number: str
    total_cents: int
    needs: str
    is_settled: bool


def listed(session: Session, who: Actor) -> list[Row]:
    """List what was bought online: what staff must see to first, then the newest; in two queries."""
    needs = _needs()
    query = (
        select(OnlinePurchase, Client, Practitioner.name, Invoice.number)
        .join(Client, Client.id == OnlinePurchase.client_id)
        .join(Practitioner, Practitioner.id == OnlinePurchase.practitioner_id)
        .outerjoin(Invoice, Invoice.id == OnlinePurchase.invoice_id)
        .where(OnlinePurchase.status.in_((PurchaseStatus.SOLD, PurchaseStatus.STRANDED)))
        .order_by(needs.desc(), OnlinePurchase.paid_at.desc(), OnlinePurchase.id.desc())
        .limit(SHOWN_MAX)
    )
    if who.own_practitioner_id is not None:
        query = query.where(OnlinePurchase.practitioner_id == who.own_practitioner_id)
    found = session.execute(query).all()
    twins = _twins(session, [client for purchase, client, *_rest in found if purchase.is_new_client])
    return [
        Row(
            id=purchase.id, paid_at=purchase.paid_at, package=purchase.offered["name"], practitioner=practitioner,
            client_id=client.id, client=client.name, email=purchase.email, is_new=purchase.is_new_client,
            twins=twins.get(client.id, ()), invoice_id=purchase.invoice_id, number=number or "",
            total_cents=purchase.total_cents, needs=purchase.trouble if not purchase.settled_at else "",
            is_settled=purchase.settled_at is not None,
        )
        for purchase, client, practitioner, number in found
    ]  # fmt: skip


def stranded_count(session: Session) -> int:
    """Return how many purchases are paid, not sold, and not seen to."""
    return session.scalar(select(func.count()).select_from(OnlinePurchase).where(_needs())) or 0


def _needs() -> ColumnElement[bool]:
    return (OnlinePurchase.status == PurchaseStatus.STRANDED) & OnlinePurchase.settled_at.is_(None)


def _twins(session: Session, new: Sequence[Client]) -> dict[int, tuple[Twin, ...]]:
    """Return by new client who else has their name."""
    if not new:
        return {}
    names = {client.sort_name for client in new}
    by_name: dict[str, list[Client]] = defaultdict(list)
    for other in session.scalars(select(Client).where(Client.sort_name.in_(names)).order_by(Client.id)):
        by_name[other.sort_name].append(other)
    return {
        client.id: tuple(Twin(each.id, each.name) for each in by_name[client.sort_name] if each.id != client.id)[:TWINS_MAX]
        for client in new
    }
