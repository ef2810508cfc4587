"""Why a place was cancelled or missed: the reason that was given, who said so, and when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from clinic.calendar import statuses
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.practice import AuditEntry, User
from clinic.practice import audit

# What a client's own cancellation in the portal gives as its reason: whoever reads it sees by whom it was.
IN_PORTAL = "By the client, in the portal"
ASKED = (Status.NO_SHOW, Status.LATE_CANCELLED, Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE)


# What the audit trail tells of a status that was set: its detail, the roles of who set it, and their name.
SAID = (AuditEntry.detail, AuditEntry.roles, User.name)
Said = tuple[Any, Any, Any]


class Place(Protocol):
    """Be what is known of one client's place in an item."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def item_id(self) -> int: ...  # noqa: D102
    @property
    def status(self) -> Status | None: ...  # noqa: D102
    @property
    def status_reason(self) -> str: ...  # noqa: D102
    @property
    def status_at(self) -> datetime: ...  # noqa: D102


@dataclass(frozen=True)
class Reason:
    """Say why, when and by whom; `by` is empty where it was done by itself, `words` where nobody gave a reason."""

    status: Status
    words: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Told:
    """Be a reason as a flyout tells it; `who` names the places it holds for, where that is not everyone's."""

    word: str
    who: str
    words: str
    at: datetime
    by: str


def of(session: Session, places: Iterable[Place]) -> dict[int, Reason]:
    """Return by place why it was cancelled or missed. One query for all of them, and none where no place is."""
    asked = {place.id: place for place in places if place.status in ASKED}
    if not asked:
        return {}
    query = (
        select(*SAID)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(
            AuditEntry.object_type == "item",
            AuditEntry.object_id.in_({place.item_id for place in asked.values()}),
            AuditEntry.action == statuses.SET,
        )
        .order_by(AuditEntry.id)
    )
    return _reasons(asked, session.execute(query).all())


def beside_item(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Read with one item who set its statuses: `SAID` may stand among the columns, a row for each time, the oldest first."""
    of_item = (AuditEntry.object_type == "item", AuditEntry.object_id == Item.id, AuditEntry.action == statuses.SET)
    joined = query.outerjoin(AuditEntry, and_(*of_item)).outerjoin(User, User.id == AuditEntry.user_id)
    return joined.order_by(AuditEntry.id)


def told(kind: ItemKind, attendees: Sequence[Attendee], said: Iterable[Said]) -> tuple[Told, ...]:
    """Return the reasons of an item's places, with their clients loaded: those that are the same are told once.

    Args:
        said: who set statuses of the item, as `SAID` reads it, the oldest first.
    """
    found = _reasons({place.id: place for place in attendees if place.status in ASKED}, said)
    alike: dict[Reason, list[str]] = {}
    for attendee in attendees:
        if attendee.id in found:
            alike.setdefault(found[attendee.id], []).append(attendee.client.name)
    return tuple(
        Told(statuses.word(kind, each.status), ", ".join(names) if len(names) < len(attendees) else "", each.words, each.at,
             each.by)
        for each, names in alike.items()
    )  # fmt: skip


def _reasons(asked: Mapping[int, Place], said: Iterable[Said]) -> dict[int, Reason]:
    by: dict[int, str] = {}
    for detail, roles, name in said:
        place = asked.get(int((detail or {}).get("attendee_id") or 0))
        if place is not None and place.status == detail.get("status"):
            by[place.id] = audit.BY_CLIENT if roles == audit.CLIENT else name or ""
    return {
        place.id: Reason(place.status, "" if place.status_reason == IN_PORTAL else place.status_reason, place.status_at,
                         by.get(place.id, ""))
        for place in asked.values()
        if place.status is not None
    }  # fmt: skip
