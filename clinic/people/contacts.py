"""Contacts: who can be billed or written to, and what each is to a client."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.kernel.texts import folded
from clinic.models.people import Client, ClientContact, Contact, ContactKind, ContactRole
from clinic.people import clients
from clinic.people.listing import Listing, cut
from clinic.practice import audit
from clinic.practice.permissions import Actor

NAME_CHARS_MAX = 120
CONTACTS_PER_CLIENT_MAX = 20
NAMES_SHOWN_MAX = 3
MATCHES_MAX = 8
THEMSELVES = "Client"
ROLE_NAMES = {role: role.value.capitalize() for role in ContactRole}


@dataclass(frozen=True)
class Details:
    """Hold what staff write down about a contact."""

    name: str
    kind: ContactKind = ContactKind.PERSON
    email: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True)
class Payer:
    """Hold someone a client's sessions can be billed to, and what they are to the client."""

    contact_id: int
    name: str
    role: str
    reference: str
    is_default: bool


@dataclass(frozen=True)
class Linked:
    """Hold what a contact is to a client. `is_default`: sessions are billed to them unless said otherwise."""

    contact_id: int
    name: str
    role: ContactRole
    role_name: str
    reference: str
    email: str
    phone: str
    is_default: bool


@dataclass(frozen=True)
class Row:
    """Hold a line of the list of contacts: `pays_for` names a few clients, `more` counts the others."""

    id: int
    name: str
    is_organisation: bool
    email: str
    phone: str
    pays_for: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Paid:
    """Hold a client a contact is linked to."""

    client_id: int
    name: str
    role_name: str
    reference: str
    is_default: bool


def contact_for(session: Session, who: Actor, contact_id: int) -> Contact:
    """Return the contact.

    Raises:
        NotFoundError: there is none, or it is a person known only through clients who are not theirs.
    """
    found = session.scalar(select(Contact).where(Contact.id == contact_id, _seen_by(who)))
    if found is None:
        raise NotFoundError("contact")
    return found


def client_of(session: Session, contact_id: int) -> int | None:
    """Return the client whose own contact this is; such a contact is changed with its client."""
    return session.scalar(select(Client.id).where(Client.contact_id == contact_id))


def add(session: Session, who: Actor, details: Details, now: datetime) -> Contact:
    """Add a contact that is linked to nobody yet. Must run inside `writing()`.

    Raises:
        RefusalError: the name does not hold.
    """
    _check(details)
    contact = Contact(
        name=details.name, kind=details.kind, email=details.email, phone=details.phone, address=details.address, created_at=now
    )
    session.add(contact)
    session.flush()
    audit.record(session, who, "added", "contact", contact.id, now, kind=details.kind.value)
    return contact


def edit(session: Session, who: Actor, contact_id: int, details: Details, now: datetime, *, version: int) -> Contact:
    """Change a contact. Must run inside `writing()`.

    Raises:
        ClashError: someone saved another change since `version`.
        RefusalError: the name does not hold, or the contact is a client, who is changed in their profile.
    """
    contact = contact_for(session, who, contact_id)
    if client_of(session, contact_id) is not None:
        raise RefusalError("This is a client: change them in their profile.")
    if contact.version != version:
        raise ClashError("Someone else changed this contact since you opened the form. Compare, then save again.")
    _check(details)
    fields = [name for name in vars(details) if getattr(details, name) != getattr(contact, name)]
    for name in fields:
        setattr(contact, name, getattr(details, name))
    contact.sort_name = folded(details.name)
    contact.version += 1
    audit.record(session, who, "changed", "contact", contact.id, now, fields=fields)
    return contact


def link(
    session: Session, who: Actor, client_id: int, contact_id: int, role: ContactRole, reference: str, now: datetime
) -> ClientContact:
    """Say what a contact is to a client; linking again changes role and reference. Must run inside `writing()`.

    Raises:
        RefusalError: the contact is the client themselves, or the client has as many as fit.
    """
    client = clients.client_for(session, who, client_id)
    contact = contact_for(session, who, contact_id)
    if contact.id == client.contact_id:
        raise RefusalError("This is the client. Choose someone else.")
    linked = _link(session, client_id, contact_id)
    if linked is None:
        count = session.scalar(select(func.count()).where(ClientContact.client_id == client_id)) or 0
        if count >= CONTACTS_PER_CLIENT_MAX:
            raise RefusalError(f"A client has at most {CONTACTS_PER_CLIENT_MAX} contacts.")
        linked = ClientContact(client_id=client_id, contact_id=contact_id, role=role, reference=reference)
        session.add(linked)
    linked.role, linked.reference = role, reference
    session.flush()
    audit.record(session, who, "linked contact", "client", client_id, now, contact_id=contact_id, role=role.value)
    return linked


def unlink(session: Session, who: Actor, client_id: int, contact_id: int, now: datetime) -> None:
    """Take a contact off a client; what was billed to it stays. Must run inside `writing()`.

    Raises:
        RefusalError: the client's sessions are billed to it unless said otherwise.
        NotFoundError: it is not linked.
    """
    client = clients.client_for(session, who, client_id)
    linked = _link(session, client_id, contact_id)
    if linked is None:
        raise NotFoundError("link")
    if client.default_payer_id == contact_id:
        raise RefusalError("This client's sessions are billed here. Choose another payer first.", field="payer_id")
    session.delete(linked)
    audit.record(session, who, "unlinked contact", "client", client_id, now, contact_id=contact_id)


def set_default_payer(session: Session, who: Actor, client_id: int, contact_id: int, now: datetime) -> None:
    """Choose whom a client's sessions are billed to unless a booking says otherwise. Safe to repeat.

    Raises:
        RefusalError: the contact is neither the client nor linked to them.
    """
    client = clients.client_for(session, who, client_id)
    if contact_id not in {payer.contact_id for payer in payers_of(session, client_id)}:
        raise RefusalError("Choose the client or one of their contacts.", field="payer_id")
    if client.default_payer_id != contact_id:
        client.default_payer_id = contact_id
        audit.record(session, who, "chose payer", "client", client_id, now, contact_id=contact_id)


def payers_of(session: Session, client_id: int) -> list[Payer]:
    """Return whom a client's sessions can be billed to: the client first, then their contacts by name."""
    client = session.scalar(select(Client).where(Client.id == client_id).options(joinedload(Client.contact)))
    if client is None:
        raise NotFoundError("client")
    own = Payer(client.contact_id, client.name, THEMSELVES, "", client.default_payer_id == client.contact_id)
    return [own, *(Payer(c.contact_id, c.name, c.role_name, c.reference, c.is_default) for c in linked(session, client_id))]


def linked_to(session: Session, who: Actor, client_id: int) -> list[Linked]:
    """Return the contacts of a client with what each is to them, by name."""
    clients.client_for(session, who, client_id)
    return linked(session, client_id)


def found_link(session: Session, who: Actor, client_id: int, contact_id: int) -> Linked | None:
    """Return what a contact is to a client, or None when they are not linked."""
    return next((linked for linked in linked_to(session, who, client_id) if linked.contact_id == contact_id), None)


def is_organisation_or_referrer(session: Session, contact_id: int, *, client_id: int | None = None) -> bool:
    """Say whether a payer is an organisation, or a referrer of that client (of any, when none is named)."""
    contact = session.get(Contact, contact_id)
    if contact is not None and contact.kind is ContactKind.ORGANISATION:
        return True
    refers = and_(ClientContact.contact_id == contact_id, ClientContact.role == ContactRole.REFERRER)
    if client_id is not None:
        refers = and_(refers, ClientContact.client_id == client_id)
    return bool(session.scalar(select(exists().where(refers))))


def page(session: Session, who: Actor, text: str, *, number: int) -> Listing[Row]:
    """Return one page of the contacts who are not clients themselves, by name, narrowed by a search."""
    query = _listed().where(_seen_by(who), ~_is_client())
    if folded(text):
        query = query.where(_matches(text))
    found = cut(session, query.order_by(Contact.sort_name, Contact.id), number, _rows)
    names = _paid_names(session, who, [row.id for row in found.rows])
    rows = [replace(row, pays_for=names[row.id][0], more=names[row.id][1]) if row.id in names else row for row in found.rows]
    return Listing(rows=rows, number=found.number, total=found.total)


def search(session: Session, who: Actor, text: str, *, besides_client_id: int, limit: int = MATCHES_MAX) -> list[Row]:
    """Return contacts that could be linked to a client: other clients too, but not who is linked already."""
    if not folded(text):
        return []
    taken = select(ClientContact.contact_id).where(ClientContact.client_id == besides_client_id)
    own = select(Client.contact_id).where(Client.id == besides_client_id)
    query = _listed().where(_seen_by(who), _matches(text), Contact.id.not_in(taken), Contact.id.not_in(own))
    return _rows(session.execute(query.order_by(Contact.sort_name, Contact.id).limit(limit)).all())


def pays_for(session: Session, who: Actor, contact_id: int, *, number: int) -> Listing[Paid]:
    """Return one page of the clients a contact is linked to, those they may see, by last name."""
    contact_for(session, who, contact_id)
    query = (
        select(Client, ClientContact)
        .join(ClientContact, ClientContact.client_id == Client.id)
        .where(ClientContact.contact_id == contact_id, clients.seen_by(who))
        .order_by(Client.sort_name, Client.id)
    )

    def shape(found: Sequence[Any]) -> list[Paid]:
        return [
            Paid(client.id, client.name, ROLE_NAMES[link.role], link.reference, client.default_payer_id == contact_id)
            for client, link, _ in found
        ]

    return cut(session, query, number, shape)


def _check(details: Details) -> None:
    if not details.name:
        raise RefusalError("Enter name.", field="name")
    if len(details.name) > NAME_CHARS_MAX:
        raise RefusalError(f"At most {NAME_CHARS_MAX} characters.", field="name")


def _is_client() -> ColumnElement[bool]:
    return exists(select(Client.id).where(Client.contact_id == Contact.id).correlate(Contact))


def _seen_by(who: Actor) -> ColumnElement[bool]:
    if who.own_practitioner_id is None:
        return true()
    linked = select(ClientContact.id).where(ClientContact.contact_id == Contact.id)
    theirs = linked.join(Client, Client.id == ClientContact.client_id).where(clients.seen_by(who))
    themselves = select(Client.id).where(Client.contact_id == Contact.id, clients.seen_by(who))
    # An organisation is nobody's secret, and a person linked to no client says nothing of any.
    of_nobody = and_(~exists(linked.correlate(Contact)), ~_is_client())
    return or_(
        Contact.kind == ContactKind.ORGANISATION, of_nobody, exists(theirs.correlate(Contact)),
        exists(themselves.correlate(Contact)),
    )  # fmt: skip


def _matches(text: str) -> ColumnElement[bool]:
    words = folded(text[: clients.SEARCH_CHARS_MAX]).split()[: clients.WORDS_MAX]
    named = and_(*(Contact.sort_name.contains(word, autoescape=True) for word in words))
    return or_(named, clients.reached_by(text))


def _listed() -> Select[*tuple[Any, ...]]:
    return select(Contact.id, Contact.name, Contact.kind, Contact.email, Contact.phone).where(Contact.is_archived.is_(False))


def _rows(found: Sequence[Any]) -> list[Row]:
    return [Row(row.id, row.name, row.kind is ContactKind.ORGANISATION, row.email, row.phone) for row in found]


def _link(session: Session, client_id: int, contact_id: int) -> ClientContact | None:
    return session.scalar(
        select(ClientContact).where(ClientContact.client_id == client_id, ClientContact.contact_id == contact_id)
    )


def linked(session: Session, client_id: int) -> list[Linked]:
    """Return the contacts of a client whom the caller may see, by name."""
    query = (
        select(ClientContact, Contact, Client.default_payer_id)
        .join(Contact, Contact.id == ClientContact.contact_id)
        .join(Client, Client.id == ClientContact.client_id)
        .where(ClientContact.client_id == client_id)
        .order_by(Contact.sort_name, Contact.id)
    )
    return [
        Linked(contact.id, contact.name, link.role, ROLE_NAMES[link.role], link.reference, contact.email, contact.phone,
               contact.id == default_id)
        for link, contact, default_id in session.execute(query)
    ]  # fmt: skip


def _paid_names(session: Session, who: Actor, contact_ids: list[int]) -> dict[int, tuple[tuple[str, ...], int]]:
    place = func.row_number().over(partition_by=ClientContact.contact_id, order_by=(Client.sort_name, Client.id))
    ranked = (
        select(
            ClientContact.contact_id, Client.first_name, Client.last_name, place.label("place"),
            func.count().over(partition_by=ClientContact.contact_id).label("clients"),
        )
        .join(Client, Client.id == ClientContact.client_id)
        .where(ClientContact.contact_id.in_(contact_ids), clients.seen_by(who))
        .subquery()
    )  # fmt: skip
    names: dict[int, tuple[tuple[str, ...], int]] = {}
    shown = select(ranked).where(ranked.c.place <= NAMES_SHOWN_MAX).order_by(ranked.c.contact_id, ranked.c.place)
    for row in session.execute(shown):
        before = names.get(row.contact_id, ((), 0))[0]
        names[row.contact_id] = ((*before, f"{row.first_name} {row.last_name}".strip()), max(0, row.clients - NAMES_SHOWN_MAX))
    return names
