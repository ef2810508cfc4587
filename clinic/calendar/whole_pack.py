"""Book them all: every unassigned line of a sold package gets its date, listed line by line before saving (rulebook 3.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import sessions
from clinic.calendar import booking, line_terms, linking, occurrences, recurrence
from clinic.calendar.line_terms import Choice
from clinic.calendar.occurrences import Choices, Occurrence, Plan
from clinic.calendar.recurrence import Rule
from clinic.calendar.series import UnsettledError
from clinic.calendar.terms import Terms, Wanted, agree
from clinic.kernel import clock, locales
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import outbox
from clinic.models.billing import InvoiceLine, PackageSale
from clinic.models.calendar import AppointmentType, Item, SeriesUnit
from clinic.models.practice import Location, Practitioner
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

EVERY_MAX = 52  # weeks
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class AllEdit:
    """Hold what Book them all asks for. `type_ids` names the type of a fee that several have.

    `client_ids` names, by line, whose session of a shared pack it is where that is not `client_id`. `seen_line_ids` are the
    lines that stood in the list when it was shown; None does not say.
    """

    day: date
    wall: time
    every: int = 1
    client_id: int | None = None
    room_id: int | None = None
    type_ids: Mapping[int, int] = field(default_factory=dict)
    client_ids: Mapping[int, int] = field(default_factory=dict)
    notifies: bool = True
    seen_line_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class FeeTypes:
    """Be a fee of unassigned lines that several types have, so that one has to be chosen."""

    fee_id: int
    words: str
    types: tuple[Choice, ...]


@dataclass(frozen=True)
class AllView:
    """Hold what Book them all opens with. Empty lists are not asked for."""

    invoice_id: int
    name: str
    given: str  # "Pat Oyelaran, Harbour Street"
    open_count: int
    good_through: date | None
    fees: tuple[FeeTypes, ...]
    rooms: tuple[Choice, ...]
    clients: tuple[Choice, ...]


@dataclass(frozen=True)
class PackPlan(Plan):
    """Hold the list of dates, each with the line it fills."""

    line_ids: tuple[int, ...]
    words_of: Mapping[date, str]  # "Line 3, 90834 Therapy 50"
    clients: tuple[Choice, ...]  # of a shared pack: for each line one is chosen
    whose: Mapping[date, tuple[int, int]]  # the line and its client


@dataclass(frozen=True)
class _Wish:
    """Hold what one line wants on its date."""

    line: InvoiceLine
    day: date
    wanted: Wanted
    terms: Terms


def opened(session: Session, who: Actor, invoice_id: int) -> AllView:
    """Return what Book them all asks about a package's unassigned lines.

    Raises:
        NotFoundError: the invoice sells no package, or it is not theirs.
    """
    sale = _sale(session, who, invoice_id)
    lines = _open_lines(session, sale)
    first_of = {line.fee_id: line for line in lines if line.fee_id is not None}
    kinds = {fee_id: line_terms.fitting_types(session, who, sale, line) for fee_id, line in first_of.items()}
    people = line_terms.clients_of(session, sale)
    needs_room = any(kind.requires_room for found in kinds.values() for kind in found)
    given = (session.get_one(Practitioner, sale.practitioner_id).name, session.get_one(Location, sale.location_id).name)
    return AllView(
        invoice_id=invoice_id, name=sale.name, given=", ".join(given), open_count=len(lines), good_through=sale.expires_date,
        fees=tuple(
            FeeTypes(fee_id, _words(first_of[fee_id]), tuple(Choice(kind.id, kind.name) for kind in found))
            for fee_id, found in kinds.items() if len(found) > 1
        ),
        rooms=line_terms.rooms_of(session, sale) if needs_room else (),
        clients=tuple(Choice(person.id, person.name) for person in people) if len(people) > 1 else (),
    )  # fmt: skip


def listed(session: Session, who: Actor, invoice_id: int, edit: AllEdit, choices: Choices) -> PackPlan:
    """Return every unassigned line with its date, and what stands in its way; nothing is booked.

    Raises:
        RefusalError: something is missing or does not fit the package.
    """
    sale = _sale(session, who, invoice_id)
    return _plan(session, who, sale, _wishes(session, who, sale, edit), edit, choices)


def book(session: Session, who: Actor, invoice_id: int, edit: AllEdit, choices: Choices, now: datetime) -> int:
    """Book every date of the list that is not skipped, all or none; return how many. Must run inside `writing()`.

    Raises:
        UnsettledError: a date cannot stand and nobody said to skip or move it, or the lines changed meanwhile.
        RefusalError: something is missing or does not fit the package, or every date is skipped.
    """
    sale = _sale(session, who, invoice_id)
    wishes = _wishes(session, who, sale, edit)
    if edit.seen_line_ids not in (None, tuple(wish.line.id for wish in wishes)):
        raise UnsettledError("Someone booked or freed a session of this package meanwhile. Look the list over again.")
    plan = _plan(session, who, sale, wishes, edit, choices)
    if plan.open:
        dates = len(plan.open)
        raise UnsettledError(f"Choose for {dates} {'date' if dates == 1 else 'dates'}: skip or move.")
    if not plan.booked:
        raise RefusalError("Nothing is left to book: every date is skipped.")
    at_of = {each.day: each.starts_at for each in plan.booked}
    told: list[tuple[Item, dict[int, str]]] = []
    for wish in wishes:
        starts_at = at_of.get(wish.day)
        if starts_at is None:
            continue
        ends_at = starts_at + timedelta(minutes=wish.terms.minutes)
        item = booking.book(session, who, replace(wish.wanted, starts_at=starts_at, tells=False), now,
                            terms=replace(wish.terms, ends_at=ends_at))  # fmt: skip
        linking.link(session, who, wish.line.id, item.attendees[0].id, now, reason="Book them all")
        told.append((item, {}))
    outbox.tell_all(session, who, told, now, notifies=edit.notifies)
    audit.record(session, who, "booked all", "invoice", invoice_id, now, booked=len(at_of), every=edit.every)
    return len(at_of)


def _sale(session: Session, who: Actor, invoice_id: int) -> PackageSale:
    query = select(PackageSale).where(PackageSale.invoice_id == invoice_id).options(joinedload(PackageSale.invoice))
    sale = session.scalar(query)
    if sale is None or who.own_practitioner_id not in (None, sale.practitioner_id):
        raise NotFoundError("package")
    return sale


def _open_lines(session: Session, sale: PackageSale) -> Sequence[InvoiceLine]:
    query = select(InvoiceLine).where(InvoiceLine.invoice_id == sale.invoice_id, sessions.is_open())
    return session.scalars(query.order_by(InvoiceLine.position)).all()


def _words(line: InvoiceLine) -> str:
    return f"{line.code} {line.description}".strip()


def _wishes(session: Session, who: Actor, sale: PackageSale, edit: AllEdit) -> list[_Wish]:
    if sale.invoice.issued_at is None:
        raise RefusalError("This invoice is a draft. Issue it, then its sessions can be booked.")
    lines = _open_lines(session, sale)
    if not lines:
        raise RefusalError("Every session of this package is booked.")
    usual = line_terms.client_id_of(session, sale, edit.client_id)
    whose = {line.id: line_terms.client_id_of(session, sale, edit.client_ids.get(line.id, usual)) for line in lines}
    agreed: dict[tuple[int | None, int], tuple[Wanted, Terms]] = {}
    for line in lines:
        key = line.fee_id, whose[line.id]
        if key not in agreed:
            agreed[key] = _agreed(session, who, sale, line, edit, whose[line.id])
    step = timedelta(days=DAYS_PER_WEEK * edit.every)
    if edit.day + step * (len(lines) - 1) > recurrence.LAST_DAY:
        raise RefusalError(f"That reaches past {recurrence.LAST_DAY.year}.", field="date")
    return [_Wish(line, edit.day + step * number, *agreed[line.fee_id, whose[line.id]]) for number, line in enumerate(lines)]


def _agreed(
    session: Session, who: Actor, sale: PackageSale, line: InvoiceLine, edit: AllEdit, client_id: int
) -> tuple[Wanted, Terms]:
    kinds = line_terms.fitting_types(session, who, sale, line)
    kind: AppointmentType = line_terms.type_of(kinds, edit.type_ids.get(line.fee_id or 0))
    zone = settings.house(session).timezone
    # The first day's own instant, or its noon where the clocks skip the time: each date is worked out for itself.
    starts_at = recurrence.instant(edit.day, edit.wall, zone) or clock.instant_at(edit.day, time(12), zone)
    wished = line_terms.wanted(
        session, sale, line, kind, client_id=client_id, room_id=edit.room_id if kind.requires_room else None,
        starts_at=starts_at, minutes=line_terms.usual_minutes([kind], line), overrides_warnings=True, notifies=edit.notifies,
    )  # fmt: skip
    return wished, agree(session, who, wished)


def _plan(
    session: Session, who: Actor, sale: PackageSale, wishes: Sequence[_Wish], edit: AllEdit, choices: Choices
) -> PackPlan:
    """Work the list out, the dates of each fee together: they have one length and one room."""
    found: dict[date, Occurrence] = {}
    for fee_id in dict.fromkeys(wish.line.fee_id for wish in wishes):
        same = [wish for wish in wishes if wish.line.fee_id == fee_id]
        days = [wish.day for wish in same]
        for each in occurrences.on_days(session, who, same[0].wanted, same[0].terms, days, edit.wall, choices):
            found[each.day] = each
    if sale.expires_date is not None:
        last = locales.day(sale.expires_date, settings.house(session).locale)
        for day, each in found.items():
            if day > sale.expires_date:
                found[day] = replace(each, trouble=f"This package is good through {last}.", free=(), is_past_last=True)
    rule = Rule(SeriesUnit.WEEK, edit.every, times=len(wishes))
    people = line_terms.clients_of(session, sale)
    return PackPlan(
        rule=rule, words=recurrence.words(rule), occurrences=tuple(found[wish.day] for wish in wishes), passed_over=(),
        near_miss=None, line_ids=tuple(wish.line.id for wish in wishes),
        words_of={wish.day: f"Line {wish.line.position}, {_words(wish.line)}" for wish in wishes},
        clients=tuple(Choice(person.id, person.name) for person in people) if len(people) > 1 else (),
        whose={wish.day: (wish.line.id, wish.wanted.client_id or 0) for wish in wishes},
    )  # fmt: skip
