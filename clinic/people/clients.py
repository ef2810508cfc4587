"""Clients: added, found, changed and archived, each with a contact of their own to be billed as."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.kernel.texts import digits, folded
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.people.listing import Listing, cut
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

NAME_CHARS_MAX = 120
SEARCH_CHARS_MAX = 80
WORDS_MAX = 6
TWINS_MAX = 5
DIGITS_MIN = 3
FIRST_BIRTH_YEAR = 1890
_PHONE_MARKS = " -()./+"


@dataclass(frozen=True)
class Details:
    """Hold what staff write down about a client."""

    first_name: str
    last_name: str = ""
    birth_date: date | None = None
    practitioner_id: int | None = None
    email: str = ""
    phone: str = ""
    address: str = ""
    notes: str = ""

    @property
    def name(self) -> str:
        """Return the name as staff and documents write it."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def sort_name(self) -> str:
        """Return what lists sort and the search compares."""
        return folded(f"{self.last_name} {self.first_name}")


@dataclass(frozen=True)
class Head:
    """Hold what stands over every tab of a client's profile."""

    id: int
    name: str
    birth_date: date | None
    practitioner: str
    is_archived: bool


@dataclass(frozen=True)
class Profile:
    """Hold a client as the overview and the form show them."""

    head: Head
    details: Details
    version: int
    contact_id: int
    default_payer_id: int


@dataclass(frozen=True)
class Row:
    """Hold a line of the list of clients. `next_at` is their next appointment."""

    id: int
    name: str
    birth_date: date | None
    practitioner: str
    phone: str
    email: str
    next_at: datetime | None = None


def seen_by(who: Actor) -> ColumnElement[bool]:
    """Return the condition under which a client is theirs to see: own clients, and whoever has an item with them.

    A client in the portal sees themselves alone.
    """
    if who.client_id is not None:
        return Client.id == who.client_id
    own = who.own_practitioner_id
    if own is None:
        return true()
    with_them = (
        select(Attendee.id)
        .join(Item, Item.id == Attendee.item_id)
        .where(Attendee.client_id == Client.id, Item.practitioner_id == own, Item.deleted_at.is_(None))
    )
    return or_(Client.practitioner_id == own, exists(with_them.correlate(Client)))


def client_for(session: Session, who: Actor, client_id: int) -> Client:
    """Return the client, their own contact loaded.

    Raises:
        NotFoundError: there is none, or they are not theirs to see.
    """
    found = session.scalar(select(Client).where(Client.id == client_id, seen_by(who)).options(joinedload(Client.contact)))
    if found is None:
        raise NotFoundError("client")
    return found


def profile(session: Session, who: Actor, client_id: int) -> Profile:
    """Return the client as plain values.

    Raises:
        NotFoundError: there is none, or they are not theirs to see.
    """
    query = select(Client, Practitioner.name).outerjoin(Practitioner, Practitioner.id == Client.practitioner_id)
    found = session.execute(query.where(Client.id == client_id, seen_by(who)).options(joinedload(Client.contact))).one_or_none()
    if found is None:
        raise NotFoundError("client")
    client, practitioner = found
    head = Head(
        id=client.id,
        name=client.name,
        birth_date=client.birth_date,
        practitioner=practitioner or "",
        is_archived=client.is_archived,
    )
    details = Details(
        first_name=client.first_name,
        last_name=client.last_name,
        birth_date=client.birth_date,
        practitioner_id=client.practitioner_id,
        email=client.contact.email,
        phone=client.contact.phone,
        address=client.contact.address,
        notes=client.notes,
    )
    return Profile(head, details, client.version, client.contact_id, client.default_payer_id)


def looked_at(session: Session, who: Actor, client_id: int, now: datetime) -> None:
    """Write down that a client's profile was read. Must run inside `writing()`."""
    audit.record(session, who, "read profile", "client", client_id, now)


def add(
    session: Session, who: Actor, details: Details, now: datetime, *, is_new: bool = False, by_self: bool = False
) -> Client:
    """Add a client, their own contact and, as default payer, themselves. Must run inside `writing()`.

    Args:
        is_new: staff were told of possible duplicates and say that this is someone else.
        by_self: they came by themselves, by buying online; the audit trail says so.

    Raises:
        RefusalError: a field does not hold, or a client with this name and birth date is there already.
    """
    _check(session, who, details, now, is_kept=False)
    same = [] if is_new else twins(session, who, details)
    if same:
        raise RefusalError("A client with this name is here already. Open them, or add this one anyway.", field="is_new")
    contact = Contact(name=details.name, created_at=now, email=details.email, phone=details.phone, address=details.address)
    session.add(contact)
    session.flush()
    client = Client(
        contact_id=contact.id,
        default_payer_id=contact.id,
        first_name=details.first_name,
        last_name=details.last_name,
        sort_name=details.sort_name,
        birth_date=details.birth_date,
        practitioner_id=details.practitioner_id,
        notes=details.notes,
        created_at=now,
    )
    session.add(client)
    session.flush()
    by = replace(who, for_client_id=client.id) if by_self else who
    audit.record(session, by, "added", "client", client.id, now, practitioner_id=details.practitioner_id)
    return client


def edit(session: Session, who: Actor, client_id: int, details: Details, now: datetime, *, version: int) -> Client:
    """Change a client, and their own contact in step. Must run inside `writing()`.

    Raises:
        ClashError: someone saved another change since `version`.
        RefusalError: a field does not hold.
    """
    client = client_for(session, who, client_id)
    if client.version != version:
        raise ClashError("Someone else changed this client since you opened the form. Compare, then save again.")
    _check(session, who, details, now, is_kept=details.practitioner_id == client.practitioner_id)
    before = profile(session, who, client_id).details
    client.first_name, client.last_name, client.sort_name = details.first_name, details.last_name, details.sort_name
    client.birth_date, client.practitioner_id, client.notes = details.birth_date, details.practitioner_id, details.notes
    contact = client.contact
    contact.name, contact.sort_name = details.name, folded(details.name)
    contact.email, contact.phone, contact.address = details.email, details.phone, details.address
    contact.version += 1
    client.version += 1
    fields = [name for name in vars(details) if getattr(details, name) != getattr(before, name)]
    audit.record(session, who, "changed", "client", client.id, now, fields=fields)
    return client


def archive(session: Session, who: Actor, client_id: int, now: datetime) -> None:
    """Take a client out of lists and searches; everything about them stays. Safe to repeat."""
    client = client_for(session, who, client_id)
    if not client.is_archived:
        client.is_archived = True
        client.version += 1
        audit.record(session, who, "archived", "client", client.id, now)


def bring_back(session: Session, who: Actor, client_id: int, now: datetime) -> None:
    """Put an archived client back into lists and searches. Safe to repeat."""
    client = client_for(session, who, client_id)
    if client.is_archived:
        client.is_archived = False
        client.version += 1
        audit.record(session, who, "brought back", "client", client.id, now)


def twins(session: Session, who: Actor, details: Details) -> list[Row]:
    """Return clients of the same name whose birth date is the same, or not known on one side."""
    same_name: ColumnElement[bool] = and_(Client.sort_name == details.sort_name, seen_by(who))
    if details.birth_date is not None:
        same_name = and_(same_name, or_(Client.birth_date == details.birth_date, Client.birth_date.is_(None)))
    return _rows(session.execute(_listed().where(same_name).limit(TWINS_MAX)).all())


def search(session: Session, who: Actor, text: str, *, limit: int) -> list[Row]:
    """Return clients by name in any order, e-mail or phone, best first: those with a name that begins so."""
    if not folded(text):
        return []
    wanted = _listed().where(seen_by(who), Client.is_archived.is_(False), _matches(text))
    first = _words(text)[0]
    best = case((Client.sort_name.startswith(first, autoescape=True), 0), (_begins(first), 1), else_=2)
    return _rows(session.execute(wanted.order_by(best, Client.sort_name, Client.id).limit(limit)).all())


def page(session: Session, who: Actor, text: str, *, number: int, now: datetime, is_archived: bool = False) -> Listing[Row]:
    """Return one page of the clients they may see, by last name, narrowed by a search."""
    query = _listed().where(seen_by(who), Client.is_archived.is_(is_archived))
    if folded(text):
        query = query.where(_matches(text))
    found = cut(session, query.order_by(Client.sort_name, Client.id), number, _rows)
    coming = _next_at(session, who, [row.id for row in found.rows], now)
    rows = [Row(**{**vars(row), "next_at": coming.get(row.id)}) for row in found.rows]
    return Listing(rows=rows, number=found.number, total=found.total)


def practitioners(session: Session, who: Actor, *, besides: int | None = None) -> list[tuple[int, str]]:
    """Return whom a client may be given to: every practitioner, or for someone confined only themselves.

    Args:
        besides: the one who has the client now, offered too so that an edit keeps them.
    """
    offered: ColumnElement[bool] = Practitioner.is_archived.is_(False)
    if who.own_practitioner_id is not None:
        offered = and_(offered, Practitioner.id == who.own_practitioner_id)
    query = select(Practitioner.id, Practitioner.name).where(or_(offered, Practitioner.id == besides))
    return [(row.id, row.name) for row in session.execute(query.order_by(Practitioner.name, Practitioner.id))]


def _check(session: Session, who: Actor, details: Details, now: datetime, *, is_kept: bool) -> None:
    if not details.first_name:
        raise RefusalError("Enter first name.", field="first_name")
    for field in ("first_name", "last_name"):
        if len(getattr(details, field)) > NAME_CHARS_MAX:
            raise RefusalError(f"At most {NAME_CHARS_MAX} characters.", field=field)
    born = details.birth_date
    if born is not None and born.year < FIRST_BIRTH_YEAR:
        raise RefusalError("Enter the year of birth in full.", field="birth_date")
    if born is not None and born > settings.house(session).local_date(now):
        raise RefusalError("This day is still to come.", field="birth_date")
    wanted = details.practitioner_id
    if is_kept:
        return
    own = who.own_practitioner_id
    if own is not None and wanted != own:
        raise RefusalError("You can only give a client to yourself.", field="practitioner_id")
    if wanted is not None and session.get(Practitioner, wanted) is None:
        raise RefusalError("Choose a practitioner from the list.", field="practitioner_id")


def _words(text: str) -> list[str]:
    return folded(text[:SEARCH_CHARS_MAX]).replace(",", " ").split()[:WORDS_MAX] or [folded(text[:SEARCH_CHARS_MAX])]


def _begins(word: str) -> ColumnElement[bool]:
    return Client.sort_name.contains(" " + word, autoescape=True)


def _matches(text: str) -> ColumnElement[bool]:
    named = and_(*(Client.sort_name.contains(word, autoescape=True) for word in _words(text)))
    return or_(named, reached_by(text))


def reached_by(text: str) -> ColumnElement[bool]:
    """Return the condition under which a contact's e-mail or phone holds what was typed."""
    typed = text[:SEARCH_CHARS_MAX].strip()
    reached: ColumnElement[bool] = func.lower(Contact.email).contains(typed.lower(), autoescape=True)
    number = digits(typed)
    if len(number) >= DIGITS_MIN and not folded(typed).strip("0123456789" + _PHONE_MARKS):
        bare: ColumnElement[str] = func.trim(Contact.phone)
        for mark in _PHONE_MARKS:
            bare = func.replace(bare, mark, "")
        reached = or_(reached, bare.contains(number, autoescape=True))
    return reached


def _listed() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Client.id, Client.first_name, Client.last_name, Client.birth_date, Practitioner.name.label("practitioner"),
            Contact.phone, Contact.email,
        )
        .join(Contact, Contact.id == Client.contact_id)
        .outerjoin(Practitioner, Practitioner.id == Client.practitioner_id)
    )  # fmt: skip


def _rows(found: Sequence[Any]) -> list[Row]:
    return [
        Row(row.id, f"{row.first_name} {row.last_name}".strip(), row.birth_date, row.practitioner or "", row.phone, row.email)
        for row in found
    ]


def _next_at(session: Session, who: Actor, client_ids: list[int], now: datetime) -> dict[int, datetime]:
    query = (
        select(Attendee.client_id, func.min(Item.starts_at).label("starts_at"))
        .join(Item, Item.id == Attendee.item_id)
        .where(Attendee.client_id.in_(client_ids), Item.starts_at > now, Item.kind == ItemKind.APPOINTMENT)
        .where(Item.deleted_at.is_(None), Attendee.status.in_([status for status in Status if status.is_live]))
        .group_by(Attendee.client_id)
    )
    if who.own_practitioner_id is not None:
        query = query.where(Item.practitioner_id == who.own_practitioner_id)
    return {row.client_id: row.starts_at for row in session.execute(query)}
