"""Client groups: couples, families and therapy groups, their members and who of them is billed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, selectinload

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.kernel.texts import folded
from clinic.models.calendar import Item
from clinic.models.people import Client, ClientGroup, GroupKind, GroupMember
from clinic.people import clients
from clinic.people.listing import Listing, cut
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

NAME_CHARS_MAX = 120
COUPLE_MEMBERS = 2
GROUPS_SHOWN_MAX = 20
KIND_NAMES = {GroupKind.COUPLE: "Couple", GroupKind.FAMILY: "Family", GroupKind.THERAPY: "Therapy group"}


@dataclass(frozen=True)
class Details:
    """Hold what staff write down about a group. A couple or family bills its billing member, a therapy group bills each."""

    name: str
    kind: GroupKind
    member_ids: tuple[int, ...]
    billing_client_id: int | None


@dataclass(frozen=True)
class Member:
    """Hold one client of a group."""

    client_id: int
    name: str
    is_billed: bool


@dataclass(frozen=True)
class Row:
    """Hold a line of the list of groups."""

    id: int
    name: str
    kind_name: str
    count: int
    billed: str


def seen_by(who: Actor) -> ColumnElement[bool]:
    """Return the condition under which a group is theirs to see: all its members are, or it has an item with them."""
    own = who.own_practitioner_id
    if own is None:
        return true()
    others = (
        select(GroupMember.client_id)
        .join(Client, Client.id == GroupMember.client_id)
        .where(GroupMember.group_id == ClientGroup.id, ~clients.seen_by(who))
    )
    with_them = select(Item.id).where(Item.group_id == ClientGroup.id, Item.practitioner_id == own, Item.deleted_at.is_(None))
    return or_(~exists(others.correlate(ClientGroup)), exists(with_them.correlate(ClientGroup)))


def group_for(session: Session, who: Actor, group_id: int) -> ClientGroup:
    """Return the group, its members loaded.

    Raises:
        NotFoundError: there is none, or it is not theirs to see.
    """
    query = select(ClientGroup).where(ClientGroup.id == group_id, seen_by(who))
    found = session.scalar(query.options(selectinload(ClientGroup.members)))
    if found is None:
        raise NotFoundError("group")
    return found


def members_of(session: Session, group_id: int) -> list[Member]:
    """Return the members of a group by last name."""
    query = (
        select(Client, ClientGroup.billing_client_id)
        .join(GroupMember, GroupMember.client_id == Client.id)
        .join(ClientGroup, ClientGroup.id == GroupMember.group_id)
        .where(GroupMember.group_id == group_id)
        .order_by(Client.sort_name, Client.id)
    )
    return [Member(client.id, client.name, client.id == billing_id) for client, billing_id in session.execute(query)]


def named(session: Session, who: Actor, client_ids: Sequence[int]) -> list[Member]:
    """Return those of the clients they may see, by last name, as members to choose from."""
    query = select(Client).where(Client.id.in_(client_ids), clients.seen_by(who)).order_by(Client.sort_name, Client.id)
    return [Member(client.id, client.name, False) for client in session.scalars(query)]


def add(session: Session, who: Actor, details: Details, now: datetime) -> ClientGroup:
    """Make a group of clients. Must run inside `writing()`.

    Raises:
        RefusalError: the name, the number of members or the billing member does not hold.
    """
    billing_id = _check(session, who, details, kept_ids=frozenset())
    group = ClientGroup(name=details.name, kind=details.kind, billing_client_id=billing_id, created_at=now)
    group.members = [GroupMember(client_id=client_id) for client_id in details.member_ids]
    session.add(group)
    session.flush()
    audit.record(session, who, "added", "client group", group.id, now, members=sorted(details.member_ids))
    return group


def edit(session: Session, who: Actor, group_id: int, details: Details, now: datetime, *, version: int) -> ClientGroup:
    """Change a group; what is booked keeps the attendees it was booked with. Must run inside `writing()`.

    Raises:
        ClashError: someone saved another change since `version`.
        RefusalError: the name, the number of members or the billing member does not hold.
    """
    group = group_for(session, who, group_id)
    if group.version != version:
        raise ClashError("Someone else changed this group since you opened the form. Compare, then save again.")
    before = {member.client_id: member for member in group.members}
    billing_id = _check(session, who, details, kept_ids=frozenset(before))
    group.name, group.sort_name, group.kind = details.name, folded(details.name), details.kind
    group.billing_client_id = billing_id
    group.members = [before.get(client_id) or GroupMember(client_id=client_id) for client_id in details.member_ids]
    group.version += 1
    session.flush()
    audit.record(session, who, "changed", "client group", group.id, now, members=sorted(details.member_ids))
    return group


def set_archived(session: Session, who: Actor, group_id: int, now: datetime, *, is_archived: bool) -> None:
    """Take a group out of lists and searches, or put it back; what is booked stays. Safe to repeat."""
    group = group_for(session, who, group_id)
    if group.is_archived is not is_archived:
        group.is_archived = is_archived
        group.version += 1
        audit.record(session, who, "archived" if is_archived else "brought back", "client group", group.id, now)


def page(session: Session, who: Actor, text: str, *, number: int, is_archived: bool = False) -> Listing[Row]:
    """Return one page of the groups they may see, by name, narrowed by a search over names and members."""
    query = _listed(seen_by(who)).where(ClientGroup.is_archived.is_(is_archived))
    if folded(text):
        query = query.where(_matches(text))
    return cut(session, query.order_by(ClientGroup.sort_name, ClientGroup.id), number, _rows)


def search(session: Session, who: Actor, text: str, *, limit: int) -> list[Row]:
    """Return groups by their name or a member's."""
    if not folded(text):
        return []
    query = _listed(seen_by(who)).where(ClientGroup.is_archived.is_(False), _matches(text))
    return _rows(session.execute(query.order_by(ClientGroup.sort_name, ClientGroup.id).limit(limit)).all())


def groups_of(session: Session, who: Actor, client_id: int) -> list[Row]:
    """Return the groups a client is in, those they may see."""
    mine = exists(
        select(GroupMember.client_id)
        .where(GroupMember.group_id == ClientGroup.id, GroupMember.client_id == client_id)
        .correlate(ClientGroup)
    )
    query = _listed(seen_by(who)).where(mine, ClientGroup.is_archived.is_(False)).order_by(ClientGroup.sort_name)
    return _rows(session.execute(query.limit(GROUPS_SHOWN_MAX)).all())


def _check(session: Session, who: Actor, details: Details, *, kept_ids: frozenset[int]) -> int:
    if not details.name:
        raise RefusalError("Enter name.", field="name")
    if len(details.name) > NAME_CHARS_MAX:
        raise RefusalError(f"At most {NAME_CHARS_MAX} characters.", field="name")
    members = set(details.member_ids)
    most = settings.practice(session).group_clients_max
    if len(members) > most:
        raise RefusalError(f"A group has at most {most} members.", field="members")
    if details.kind is GroupKind.COUPLE and len(members) != COUPLE_MEMBERS:
        raise RefusalError("A couple has two members.", field="members")
    if not members:
        raise RefusalError("Choose the members.", field="members")
    seen = {member.client_id for member in named(session, who, list(members))}
    if members - seen - kept_ids:
        raise RefusalError("Choose clients from the list.", field="members")
    if details.billing_client_id not in members:
        raise RefusalError("Choose which member is billed.", field="billing")
    assert details.billing_client_id is not None
    return details.billing_client_id


def _matches(text: str) -> ColumnElement[bool]:
    words = folded(text[: clients.SEARCH_CHARS_MAX]).split()[: clients.WORDS_MAX]
    member = (
        select(GroupMember.client_id)
        .join(Client, Client.id == GroupMember.client_id)
        .where(GroupMember.group_id == ClientGroup.id)
        .where(*(Client.sort_name.contains(word, autoescape=True) for word in words))
    )
    named_so = and_(*(ClientGroup.sort_name.contains(word, autoescape=True) for word in words))
    return or_(named_so, exists(member.correlate(ClientGroup)))


def _listed(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    count = select(func.count()).where(GroupMember.group_id == ClientGroup.id).correlate(ClientGroup).scalar_subquery()
    return (
        select(ClientGroup.id, ClientGroup.name, ClientGroup.kind, count.label("members"), Client.first_name, Client.last_name)
        .join(Client, Client.id == ClientGroup.billing_client_id)
        .where(condition)
    )


def _rows(found: Sequence[Any]) -> list[Row]:
    return [
        Row(row.id, row.name, KIND_NAMES[row.kind], row.members, f"{row.first_name} {row.last_name}".strip()) for row in found
    ]
