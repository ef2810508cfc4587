"""Superbills: a receipt for the sessions a client attended, with what an insurer asks for to pay the client back."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from itertools import chain

from sqlalchemy.orm import Session

from clinic.billing import attended, snapshot, spans
from clinic.billing.attended import Given
from clinic.billing.paper import LONG_SECONDS_MAX, Paper
from clinic.billing.sheet import Party, lines_of, party_of
from clinic.models.billing import StoredDocument
from clinic.people import clients, diagnoses
from clinic.people.clients import Profile
from clinic.people.diagnoses import Details
from clinic.practice import audit, logo, settings
from clinic.practice.permissions import Actor, Permission
from clinic.practice.places import PLACES_OF_SERVICE
from clinic.practice.settings import House

Door = Callable[[], AbstractContextManager[Session]]
SUPERBILL = "superbill.html"
LETTERS = "ABCDEFGHIJKL"  # as many diagnoses as a claim form has room for
POINTERS_MAX = 4


@dataclass(frozen=True)
class Row:
    """Be one attended session. `pointers` are the letters of the diagnoses that held on its day; `given_by` counts from 1."""

    day: date
    code: str
    modifier: str
    units: int
    description: str
    place: str
    pointers: str
    given_by: int
    fee_cents: int
    paid_cents: int


@dataclass(frozen=True)
class Superbill:
    """Be everything a superbill shows."""

    client_id: int
    house: House
    practice: Party
    client: Party
    birth_date: date | None
    first: date
    last: date
    diagnoses: tuple[tuple[str, str, str], ...]  # letter, code, description
    practitioners: tuple[Party, ...]
    rows: tuple[Row, ...]
    places: tuple[tuple[str, str], ...]  # code, words
    paid_by: tuple[tuple[str, int], ...]  # name, cents; when others than the client paid
    is_own_only: bool  # it holds the sessions of one practitioner alone, who sees no others
    logo: str

    @property
    def fee_cents(self) -> int:
        """Return what the sessions came to."""
        return sum(row.fee_cents for row in self.rows)

    @property
    def paid_cents(self) -> int:
        """Return what of it is paid."""
        return sum(row.paid_cents for row in self.rows)


def has_sessions(session: Session, who: Actor, client_id: int, first: date, last: date, now: datetime) -> bool:
    """Say whether a superbill of these days would name a session.

    Raises:
        NotFoundError: the client is not theirs.
    """
    client = clients.profile(session, who, client_id)
    return attended.exists(session, client_id, first, last, now, given_by=_only(who, client))


def superbill_for(session: Session, who: Actor, client_id: int, first: date, last: date, now: datetime) -> Superbill:
    """Return the superbill of a client of theirs, from the first day to the last.

    What was frozen when a session was invoiced is said as it was then: code, modifier, units and who gave it. Diagnoses are
    those that held on a session's day.

    Raises:
        NotAllowedError: they may not see diagnoses.
        NotFoundError: the client is not theirs.
        RefusalError: the range runs backwards, or holds more sessions than a superbill has.
    """
    who.must(Permission.SEE_DIAGNOSES)
    spans.check(first, last)
    client = clients.profile(session, who, client_id)
    only = _only(who, client)
    given = attended.of_client(session, client_id, first, last, now, given_by=only)
    listed = _listed([known.details for known in diagnoses.of_client(session, client_id)], given)
    people = tuple(dict.fromkeys(each.practitioner for each in given))
    payers = _paid_by(given)
    return Superbill(
        client_id=client_id, house=settings.house(session), practice=party_of(snapshot.practice(session)),
        client=Party(client.head.name, lines_of(client.details.address)), birth_date=client.head.birth_date,
        first=first, last=last,
        diagnoses=tuple((letter, each.code, each.description) for letter, each in listed),
        practitioners=tuple(_party(*person) for person in people),
        rows=tuple(_row(each, listed, people.index(each.practitioner) + 1) for each in given),
        places=tuple((code, PLACES_OF_SERVICE.get(code, "")) for code in sorted({each.place for each in given})),
        paid_by=() if set(payers) <= {client.contact_id} else tuple(payers.values()),
        is_own_only=only is not None, logo=settings.practice(session).logo_sha256 or "",
    )  # fmt: skip


def superbill_pdf(
    reader: Door, writer: Door, paper: Paper, who: Actor, client_id: int, first: date, last: date, now: datetime
) -> tuple[bytes, str]:
    """Return a superbill as a PDF, rendered once for its content, and the name of its file. Call it with no door open.

    It is written down who took it: a superbill tells what a client is treated for.

    Raises:
        NotAllowedError: they may not see diagnoses.
        NotFoundError: the client is not theirs.
        RefusalError: the range runs backwards, or holds more sessions than a superbill has.
        UnprintableError: this one document could not be made.
    """
    return superbill(reader, writer, paper, who, client_id, first, last, now)[1:]


def superbill(
    reader: Door, writer: Door, paper: Paper, who: Actor, client_id: int, first: date, last: date, now: datetime
) -> tuple[str, bytes, str]:
    """Return the hash a superbill is kept under, its PDF and the name of its file, as `superbill_pdf` makes them."""
    with reader() as session:
        shown = superbill_for(session, who, client_id, first, last, now)
        content = json.dumps([paper.version(SUPERBILL), asdict(shown)], sort_keys=True, default=str)
        key = sha256(content.encode()).hexdigest()
        kept = session.get(StoredDocument, key)
        picture = logo.printed(session) if kept is None else None
    made = kept.pdf if kept is not None else paper.pdf(
        SUPERBILL, {"superbill": shown, "house": shown.house, "logo": picture}, seconds=LONG_SECONDS_MAX
    )  # fmt: skip
    with writer() as session:
        if session.get(StoredDocument, key) is None:
            session.add(StoredDocument(content_hash=key, pdf=made, created_at=now))
        audit.record(session, who, "took superbill", "client", client_id, now)
    return key, made, file_name(shown)


def file_name(shown: Superbill) -> str:
    """Return what the file is called: no name of a client's in it, and no two of a series alike."""
    return f"Superbill-{shown.first.isoformat()}-to-{shown.last.isoformat()}-client-{shown.client_id}.pdf"


def _only(who: Actor, client: Profile) -> int | None:
    # As with invoices: of a colleague's client they see what they gave, of their own client everything.
    own = who.own_practitioner_id
    return own if own != client.details.practitioner_id else None


def _listed(known: Sequence[Details], given: Sequence[Given]) -> list[tuple[str, Details]]:
    days = {each.day for each in given}
    held = [each for each in known if any(each.holds_on(day) for day in days)]
    return list(zip(LETTERS, held, strict=False))


def _row(each: Given, listed: Sequence[tuple[str, Details]], given_by: int) -> Row:
    return Row(
        each.day, each.code, each.modifier, each.units, each.description, each.place,
        pointers=" ".join([letter for letter, known in listed if known.holds_on(each.day)][:POINTERS_MAX]),
        given_by=given_by,
        fee_cents=sum(part.fee_cents for part in each.parts),
        paid_cents=sum(part.paid_cents for part in each.parts),
    )  # fmt: skip


def _party(name: str, credentials: str, licence: str, npi: str) -> Party:
    under = (f"Licence {licence}" if licence else "", f"NPI {npi}" if npi else "")
    return Party(f"{name}, {credentials}" if credentials else name, tuple(line for line in under if line))


def _paid_by(given: Sequence[Given]) -> dict[int, tuple[str, int]]:
    paid: dict[int, tuple[str, int]] = {}
    for part in chain.from_iterable(each.parts for each in given):
        if part.paid_cents:
            paid[part.payer_id] = part.payer, paid.get(part.payer_id, ("", 0))[1] + part.paid_cents
    return paid
