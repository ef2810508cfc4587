"""What clients changed by themselves: each member of staff sees it, of those whose work is theirs to see, until they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.calendar import linking, statuses
from clinic.models.billing import PackageSale
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.people import Client
from clinic.models.practice import AuditEntry, Practitioner, User
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

LOOKS_BACK = timedelta(days=14)
ROWS_MAX = 200
SOLD = "sold package"
BOOKED, MOVED = "booked online", "moved"


@dataclass(frozen=True)
class Row:
    """Be one thing a client did: the newest of what they did to one appointment, or a package they bought."""

    at: datetime
    client_id: int
    client: str
    did: str
    is_late: bool
    comes_to: str  # of a late cancellation: what it bills
    item_id: int | None
    invoice_id: int | None
    starts_at: datetime | None
    was_at: datetime | None
    practitioner: str
    is_new: bool


@dataclass(frozen=True)
class Listed:
    """Hold the rows, the newest first, and the mark that says they were seen."""

    rows: tuple[Row, ...]
    last_id: int
    new_count: int


def count(session: Session, who: Actor, now: datetime) -> int:
    """Return of how many appointments and purchases they have not seen what a client did; in one query."""
    own = who.own_practitioner_id
    asked = {"since": now - LOOKS_BACK, "user": who.user_id} | ({"own": own} if own is not None else {})
    return session.scalar(_unseen_count(is_own=own is not None), asked) or 0


def listed(session: Session, who: Actor, now: datetime) -> Listed:
    """Return what clients did of late, and what of it this person has not seen."""
    seen_id = session.scalar(_seen_id(who.user_id)) or 0
    entries = session.execute(
        _done(now - LOOKS_BACK, who.own_practitioner_id).order_by(AuditEntry.id.desc()).limit(ROWS_MAX)
    ).all()
    newest: dict[tuple[str, int], Any] = {}
    for entry in entries:
        newest.setdefault((entry.object_type, entry.object_id), entry)
    names = _names(session, [entry.detail["by_client"] for entry in newest.values()])
    late = _late(session, [entry for entry in newest.values() if entry.detail.get("status") == Status.LATE_CANCELLED])
    rows = tuple(_row(entry, names, late, is_new=entry.id > seen_id) for entry in newest.values())
    return Listed(rows, max((entry.id for entry in entries), default=seen_id), sum(row.is_new for row in rows))


def see(session: Session, who: Actor, last_id: int) -> None:
    """Remember that this person has seen what clients did up to that mark. Must run inside `writing()`; safe to repeat.

    A mark never goes back, and none lies ahead of what was done.
    """
    last = session.scalar(select(func.max(AuditEntry.id))) or 0
    mark = User.id == who.user_id, User.clients_seen_id < min(last_id, last)
    session.execute(update(User).where(*mark).values(clients_seen_id=min(last_id, last)))


@lru_cache
def _unseen_count(*, is_own: bool) -> Select[int]:
    # Built once: every calendar asks it, and putting the statement together would cost more than asking it.
    found = _done(bindparam("since", type_=AuditEntry.at.type), bindparam("own") if is_own else None)
    done = found.with_only_columns(AuditEntry.object_type, AuditEntry.object_id)
    unseen = done.where(AuditEntry.id > _seen_id(bindparam("user")).scalar_subquery()).distinct().subquery()
    return select(func.count()).select_from(unseen)


def _seen_id(user_id: Any) -> Select[int]:
    return select(User.clients_seen_id).where(User.id == user_id)


def _done(since: Any, own_practitioner_id: Any) -> Select[*tuple[Any, ...]]:
    of_item = and_(AuditEntry.object_type == "item", AuditEntry.action.in_((BOOKED, MOVED, statuses.SET)))
    of_sale = and_(AuditEntry.object_type == "invoice", AuditEntry.action == SOLD)
    query = (
        select(
            AuditEntry.id, AuditEntry.at, AuditEntry.action, AuditEntry.object_type, AuditEntry.object_id, AuditEntry.detail,
            Item.starts_at, Practitioner.name.label("practitioner"), PackageSale.name.label("package"),
        )
        .select_from(AuditEntry)
        .outerjoin(Item, and_(of_item, Item.id == AuditEntry.object_id, Item.deleted_at.is_(None)))
        .outerjoin(PackageSale, and_(of_sale, PackageSale.invoice_id == AuditEntry.object_id))
        .join(Practitioner, Practitioner.id == func.coalesce(Item.practitioner_id, PackageSale.practitioner_id))
        .where(AuditEntry.at > since, AuditEntry.roles == audit.CLIENT, or_(of_item, of_sale))
    )  # fmt: skip
    return query if own_practitioner_id is None else query.where(Practitioner.id == own_practitioner_id)


def _names(session: Session, client_ids: Sequence[int]) -> dict[int, str]:
    return {client.id: client.name for client in session.scalars(select(Client).where(Client.id.in_(client_ids)))}


def _late(session: Session, entries: Sequence[Any]) -> dict[tuple[int, int], str]:
    """Say by item and client what late cancellations come to."""
    if not entries:
        return {}
    practice, house = settings.practice(session), settings.house(session)
    of_them = Attendee.item_id.in_([entry.object_id for entry in entries]), Attendee.status == Status.LATE_CANCELLED
    places = session.scalars(select(Attendee).where(*of_them, Attendee.is_billed)).all()
    held = linking.held_lines(session, [place.id for place in places])
    told = {}
    for place in places:
        cents = 0 if place.do_not_invoice else work.billed_cents(place, practice)
        bills = f"bills {house.money(cents)}" if cents else "bills nothing"
        told[place.item_id, place.client_id] = f"uses up a session of “{held[place.id][1].name}”" if place.id in held else bills
    return told


def _row(entry: Any, names: Mapping[int, str], late: Mapping[tuple[int, int], str], *, is_new: bool) -> Row:
    client_id, is_sale = entry.detail["by_client"], entry.action == SOLD
    is_late = entry.detail.get("status") == Status.LATE_CANCELLED
    did = {SOLD: f"Bought “{entry.package}”", BOOKED: "Booked", MOVED: "Moved"}.get(entry.action, "Cancelled")
    was_at = entry.detail.get("was_at")
    return Row(
        at=entry.at, client_id=client_id, client=names.get(client_id, ""), did="Cancelled late" if is_late else did,
        is_late=is_late, comes_to=late.get((entry.object_id, client_id), "") if is_late else "",
        item_id=None if is_sale else entry.object_id, invoice_id=entry.object_id if is_sale else None,
        starts_at=entry.starts_at, was_at=datetime.fromisoformat(was_at) if was_at else None,
        practitioner=entry.practitioner, is_new=is_new,
    )  # fmt: skip
