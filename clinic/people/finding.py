"""Finding a client or a client group by what someone typed, as a booking asks."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from clinic.kernel import locales
from clinic.people import clients, groups
from clinic.practice import settings
from clinic.practice.permissions import Actor

CLIENT, GROUP = "client", "group"
MATCHES_MAX = 8


@dataclass(frozen=True)
class Match:
    """Hold a client or group that fits; `detail` tells two of one name apart."""

    kind: str
    id: int
    name: str
    detail: str


def find(session: Session, who: Actor, text: str, limit: int = MATCHES_MAX) -> list[Match]:
    """Return the clients, then the groups, that fit what was typed: at most `limit`, of those they may see."""
    locale = settings.house(session).locale
    people = [
        Match(CLIENT, row.id, row.name, f"born {locales.day(row.birth_date, locale)}" if row.birth_date else row.email)
        for row in clients.search(session, who, text, limit=limit)
    ]
    # A client may be hidden behind many; a group always keeps a place or two.
    bands = [Match(GROUP, row.id, row.name, row.kind_name) for row in groups.search(session, who, text, limit=limit)]
    room = max(limit - len(bands), limit - 2)
    return (people[:room] + bands)[:limit]
