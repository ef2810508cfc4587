"""Statements: what a payer was billed for a client and paid in a range of days, between two balances."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from clinic.billing import joint, movements, snapshot, spans
from clinic.billing.movements import Movement, Owing
from clinic.billing.paper import LONG_SECONDS_MAX, Paper
from clinic.billing.sheet import Party, lines_of, party_of
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Invoice, StoredDocument
from clinic.models.money import MoneyEvent, Posting
from clinic.models.people import ClientContact, Contact
from clinic.people import clients, portal_access
from clinic.people.clients import Profile
from clinic.people.portal_visits import Visit
from clinic.practice import logo, settings
from clinic.practice.permissions import Actor
from clinic.practice.settings import House

Door = Callable[[], AbstractContextManager[Session]]
STATEMENT = "statement.html"
LINES_MAX = 1_200
AGES = ((0, "Not late"), (30, "1 to 30 days late"), (60, "31 to 60"), (90, "61 to 90"), (None, "Over 90"))


@dataclass(frozen=True)
class Line:
    """Be one thing that changed what is owed: by `cents`, to `balance_cents`."""

    day: date
    words: str
    cents: int
    balance_cents: int
    invoice_id: int | None
    payment_id: int | None


@dataclass(frozen=True)
class Age:
    """Be what is unpaid and so many days late."""

    words: str
    cents: int


@dataclass(frozen=True)
class Statement:
    """Be everything a statement shows. Who pays for others too has `is_part`: then it is about one client's invoices alone."""

    client_id: int
    payer_id: int
    house: House
    practice: Party
    payer: Party
    client: str
    reference: str
    first: date
    last: date
    opening_cents: int
    lines: tuple[Line, ...]
    invoiced_cents: int
    credited_cents: int  # credit notes and what was written off, negative
    paid_cents: int  # payments less what went back, negative
    closing_cents: int
    is_part: bool
    as_of: date  # the day the ages are counted from
    ages: tuple[Age, ...]  # none when nothing is owed
    credit_cents: int  # received and on no invoice at the end
    footer: str
    logo: str

    @property
    def title(self) -> str:
        """Return what the document is called."""
        return "Statement"


def payers_of(session: Session, who: Actor, client_id: int) -> list[tuple[int, str]]:
    """Return whose statements there are for a client of theirs, by id and name: whom they are billed to first.

    Raises:
        NotFoundError: the client is not theirs.
    """
    found = _payers(session, clients.profile(session, who, client_id))
    return [(row.id, row.name) for row in found if row.is_default or row.has_moved]


def statement_for(
    session: Session, who: Actor, client_id: int, payer_id: int, first: date, last: date, now: datetime
) -> Statement:
    """Return the statement of a client of theirs and one who pays for them, from the first day to the last.

    Raises:
        NotFoundError: the client is not theirs, or the contact never pays for them.
        RefusalError: the range runs backwards, or holds more lines than a statement has.
    """
    spans.check(first, last)
    client = clients.profile(session, who, client_id)
    if payer_id not in {row.id for row in _payers(session, client)}:
        raise NotFoundError("payer")
    return _made(session, client, payer_id, joint.names(client_id), first, last, now)


def own_statement(session: Session, who: Visit, payer_id: int, first: date, last: date, now: datetime) -> Statement:
    """Return the statement that a client sees in the portal: of a payer and of invoices they may see there.

    Raises:
        NotFoundError: this visit may not see the payer.
        RefusalError: the range runs backwards, or holds more lines than a statement has.
    """
    spans.check(first, last)
    client_id = who.client_id or 0
    if payer_id not in dict(own_payers(session, who)):
        raise NotFoundError("payer")
    client = clients.profile(session, Actor(user_id=None, client_id=client_id), client_id)
    return _made(session, client, payer_id, Invoice.client_id == client_id, first, last, now)


def own_payers(session: Session, who: Visit) -> list[tuple[int, str]]:
    """Return whose statements a client sees in the portal, by id and name: their own first."""
    return [(payer.contact_id, payer.name) for payer in portal_access.payers(session, who.client_id or 0, who.email)]


def statement_pdf(
    reader: Door, writer: Door, paper: Paper, who: Actor, client_id: int, payer_id: int, first: date, last: date, now: datetime
) -> tuple[bytes, str]:
    """Return a statement as a PDF and the name of its file. Call it with no door open.

    Raises:
        NotFoundError: the client is not theirs, or the contact never pays for them.
        RefusalError: the range runs backwards, or holds more lines than a statement has.
        UnprintableError: this one document could not be made.
    """
    return statement(reader, writer, paper, who, client_id, payer_id, first, last, now)[1:]


def statement(
    reader: Door, writer: Door, paper: Paper, who: Actor, client_id: int, payer_id: int, first: date, last: date, now: datetime
) -> tuple[str, bytes, str]:
    """Return the hash a statement is kept under, its PDF and the name of its file, as `statement_pdf` makes them."""

    def made_by(session: Session) -> Statement:
        return statement_for(session, who, client_id, payer_id, first, last, now)

    return _kept(reader, writer, paper, made_by, now)


def pdf_of(
    reader: Door, writer: Door, paper: Paper, made_by: Callable[[Session], Statement], now: datetime
) -> tuple[bytes, str]:
    """Return the PDF of the statement that `made_by` returns, rendered once for its content, and the name of its file."""
    return _kept(reader, writer, paper, made_by, now)[1:]


def _kept(
    reader: Door, writer: Door, paper: Paper, made_by: Callable[[Session], Statement], now: datetime
) -> tuple[str, bytes, str]:
    with reader() as session:
        shown = made_by(session)
        content = json.dumps([paper.version(STATEMENT), asdict(shown)], sort_keys=True, default=str)
        key = sha256(content.encode()).hexdigest()
        kept = session.get(StoredDocument, key)
        picture = logo.printed(session) if kept is None else None
    if kept is not None:
        return key, kept.pdf, file_name(shown)
    made = paper.pdf(STATEMENT, {"statement": shown, "house": shown.house, "logo": picture},
                     seconds=LONG_SECONDS_MAX)  # fmt: skip
    with writer() as session:
        if session.get(StoredDocument, key) is None:
            session.add(StoredDocument(content_hash=key, pdf=made, created_at=now))
    return key, made, file_name(shown)


def file_name(shown: Statement) -> str:
    """Return what the file is called: no name of a client's in it, and no two of a series alike."""
    days = f"{shown.first.isoformat()}-to-{shown.last.isoformat()}"
    return f"Statement-{days}-client-{shown.client_id}-payer-{shown.payer_id}.pdf"


def _made(
    session: Session, client: Profile, payer_id: int, named: joint.Condition, first: date, last: date, now: datetime
) -> Statement:
    client_id = client.head.id
    row = session.execute(
        select(Contact, joint.covers_others(client_id).label("covers_others"), ClientContact.reference)
        .outerjoin(ClientContact, (ClientContact.contact_id == Contact.id) & (ClientContact.client_id == client_id))
        .where(Contact.id == payer_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("payer")
    payer, is_part = row.Contact, bool(row.covers_others)
    moved, owing = movements.of_payer(session, payer.id)
    parts = _parts(session, client_id, payer.id, named) if is_part else dict.fromkeys(owing)
    on_invoices = movements.on_invoices(moved, parts)
    told = on_invoices if is_part else movements.in_all(moved)
    before = sum(each.cents for each in told if each.day < first)
    lines = _lines(before, [each for each in told if first <= each.day <= last])
    closing = lines[-1].balance_cents if lines else before
    house = settings.house(session)
    as_of = min(last, house.local_date(now))
    owed = _owed(on_invoices, last)
    practice = snapshot.practice(session)
    sums = _sums([each for each in told if first <= each.day <= last])
    return Statement(
        client_id=client_id, payer_id=payer.id, house=house, practice=party_of(practice),
        payer=Party(payer.name, lines_of(payer.address)), client=client.head.name, reference=row.reference or "",
        first=first, last=last, opening_cents=before, lines=lines, invoiced_cents=sums[0], credited_cents=sums[1],
        paid_cents=sums[2], closing_cents=closing, is_part=is_part, as_of=as_of, ages=_ages(owed, owing, as_of),
        credit_cents=sum(owed.values()) - closing, footer=practice["footer"],
        logo=settings.practice(session).logo_sha256 or "",
    )  # fmt: skip


def _payers(session: Session, client: Profile) -> Sequence[Any]:
    client_id, is_default = client.head.id, Contact.id == client.default_payer_id
    linked = select(ClientContact.contact_id).where(ClientContact.client_id == client_id)
    billed = select(Invoice.payer_id).where(joint.names(client_id))
    moved = select(Posting.id).where(Posting.payer_id == Contact.id).correlate(Contact)
    return session.execute(
        select(Contact.id, Contact.name, is_default.label("is_default"), exists(moved).label("has_moved"))
        .where(or_(is_default, Contact.id == client.contact_id, Contact.id.in_(linked), Contact.id.in_(billed)))
        .order_by(~is_default, Contact.sort_name, Contact.id)
    ).all()


def _parts(session: Session, client_id: int, payer_id: int, named: joint.Condition) -> dict[int, int | None]:
    found = session.execute(
        select(Invoice.id, joint.part(client_id)).where(Invoice.payer_id == payer_id, Invoice.issued_at.is_not(None), named)
    )
    return {invoice_id: cents if cents is None else int(cents) for invoice_id, cents in found}


def _lines(opening_cents: int, told: Sequence[Movement]) -> tuple[Line, ...]:
    if len(told) > LINES_MAX:
        raise RefusalError(f"These days hold {len(told)} lines, and a statement at most {LINES_MAX}. Choose fewer days.",
                           field="last")  # fmt: skip
    lines, balance = [], opening_cents
    for each in told:
        balance += each.cents
        lines.append(Line(each.day, each.words, each.cents, balance, each.invoice_id, each.payment_id))
    return tuple(lines)


def _sums(told: Sequence[Movement]) -> tuple[int, int, int]:
    """Return what was invoiced, credited or written off, and paid less what went back."""
    invoiced = sum(each.cents for each in told if each.event is MoneyEvent.ISSUED)
    credited = sum(each.cents for each in told if each.event in (MoneyEvent.CREDITED, MoneyEvent.WRITTEN_OFF))
    return invoiced, credited, sum(each.cents for each in told) - invoiced - credited


def _owed(on_invoices: Sequence[Movement], last: date) -> dict[int, int]:
    owed: dict[int, int] = {}
    for each in on_invoices:
        if each.day <= last and each.invoice_id is not None:
            owed[each.invoice_id] = owed.get(each.invoice_id, 0) + each.cents
    return owed


def _ages(owed: Mapping[int, int], owing: Mapping[int, Owing], as_of: date) -> tuple[Age, ...]:
    cents = dict.fromkeys((words for _, words in AGES), 0)
    for invoice_id, left in owed.items():
        late = (as_of - (owing[invoice_id].due_date or as_of)).days
        words = next(words for most, words in AGES if most is None or late <= most)
        cents[words] += left
    return tuple(Age(words, each) for words, each in cents.items()) if any(owed.values()) else ()
