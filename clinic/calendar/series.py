"""What repeats: a series is listed before it is booked, booked whole or not at all, and shown date by date."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from clinic.billing import work
from clinic.calendar import booking, occurrences, recurrence, statuses
from clinic.calendar.occurrences import Choices, Plan
from clinic.calendar.recurrence import Rule
from clinic.calendar.terms import Kept, Terms, Wanted, agree
from clinic.kernel import locales
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.messages import outbox
from clinic.models.billing import InvoiceSource
from clinic.models.calendar import Attendee, Item, Series, Status
from clinic.models.people import ClientGroup
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

_KEEPS_SESSION = (Status.ATTENDED, Status.NO_SHOW, Status.LATE_CANCELLED)


class UnsettledError(ClashError):
    """Ask what shall become of the dates that cannot stand where they are."""


@dataclass(frozen=True)
class Row:
    """Be one date of a series as it stands; `why_left` says why a change of several leaves it alone."""

    item_id: int
    starts_at: datetime
    ends_at: datetime
    status: str
    why_left: str


@dataclass(frozen=True)
class Shown:
    """Hold a series for its page."""

    series_id: int
    who: str
    practitioner_id: int
    words: str
    rows: tuple[Row, ...]


def listed(session: Session, who: Actor, wanted: Wanted, rule: Rule, choices: Choices) -> Plan:
    """Return the list of a series about to be booked; nothing is booked.

    Raises:
        RefusalError: the booking or the rule does not hold.
    """
    return occurrences.plan(session, who, wanted, agree(session, who, wanted), rule, choices)


def book(session: Session, who: Actor, wanted: Wanted, rule: Rule, choices: Choices, now: datetime) -> Series:
    """Book every date of the list that is not skipped, all or none. Must run inside `writing()`.

    Raises:
        UnsettledError: a date is taken or left out by the clocks, and nobody said to skip or move it.
        RefusalError: the booking or the rule does not hold, or nothing of it is left to book.
    """
    terms = agree(session, who, wanted)
    plan = occurrences.plan(session, who, wanted, terms, rule, choices)
    made = _made(session, who, rule, now)
    _book_all(session, who, wanted, terms, plan, made, now)
    return made


def listed_of(session: Session, who: Actor, item_id: int, rule: Rule, choices: Choices) -> Plan:
    """Return the list of a series that starts from what is booked already; nothing is booked.

    Raises:
        RefusalError: it repeats already, it was cancelled, or the rule does not hold.
    """
    item = booking.item_for(session, who, item_id)
    wanted, terms = _again(session, who, item)
    return occurrences.plan(session, who, wanted, terms, rule, choices, booked=item)


def repeat(
    session: Session, who: Actor, item_id: int, rule: Rule, choices: Choices, now: datetime, *, notifies: bool = True
) -> Series:
    """Book what is booked already again, on every date of the list, all or none. Must run inside `writing()`.

    Raises:
        UnsettledError: a date is taken or left out by the clocks, and nobody said to skip or move it.
        RefusalError: it repeats already, it was cancelled, or the rule does not hold.
    """
    item = booking.item_for(session, who, item_id)
    wanted, terms = _again(session, who, item)
    plan = occurrences.plan(session, who, wanted, terms, rule, choices, booked=item)
    made = _made(session, who, rule, now)
    item.series_id = made.id
    _book_all(session, who, replace(wanted, notifies=notifies), terms, plan, made, now)
    return made


def wanted_of(item: Item, kept: Kept) -> Wanted:
    """Return the wish that would leave a booked item just as it is."""
    return Wanted(
        type_id=item.type_id, practitioner_id=item.practitioner_id, starts_at=item.starts_at, minutes=kept.minutes,
        client_id=kept.client_id, group_id=item.group_id, location_id=item.location_id, room_id=item.room_id, mode=item.mode,
        is_busy=item.is_busy, notes=item.notes, title=item.title,
    )  # fmt: skip


def words_of(session: Session, item: Item) -> str:
    """Say how an item repeats and which of them it is: "Every week until 18 Dec, 3 of 10"; empty when it does not."""
    if item.series_id is None:
        return ""
    query = select(Series, Item.starts_at).join(Item, Item.series_id == Series.id)
    rows = session.execute(query.where(Series.id == item.series_id, Item.deleted_at.is_(None)).order_by(Item.starts_at)).all()
    starts = [starts_at for _series, starts_at in rows]
    house = settings.house(session)
    last = house.local_date(starts[-1])
    until = locales.day(last, house.locale, year=last.year != house.local_date(item.starts_at).year)
    number = sum(start <= item.starts_at for start in starts)
    return f"{recurrence.words(rule_of(rows[0][0]))} until {until}, {number} of {len(starts)}"


def rule_of(row: Series) -> Rule:
    """Return the rule a series keeps."""
    return Rule(row.unit, row.every, row.until_date, row.times)


def items_of(session: Session, series_id: int) -> list[Item]:
    """Return what stands of a series with types, attendees and clients, by time."""
    query = _standing(series_id).options(joinedload(Item.type), selectinload(Item.attendees).joinedload(Attendee.client))
    return list(session.scalars(query))


def series_for(session: Session, who: Actor, series_id: int, now: datetime) -> Shown:
    """Return a series for its page.

    Raises:
        NotFoundError: there is none, or nothing of it stands in a calendar of theirs.
    """
    row = session.get(Series, series_id)
    own = who.own_practitioner_id
    found = [item for item in items_of(session, series_id) if own in (None, item.practitioner_id)] if row else []
    ever = select(Item.practitioner_id).where(Item.series_id == series_id)
    if row is None or own not in (None, *session.scalars(ever)):
        raise NotFoundError(f"series {series_id}")
    left = why_left(session, who, found, now)
    past_is_attended = settings.practice(session).past_booked_is_attended
    rows = tuple(
        Row(item.id, item.starts_at, item.ends_at, _status(item, now, past_is_attended=past_is_attended), left.get(item.id, ""))
        for item in found
    )
    first = found[0] if found else None
    return Shown(series_id, _title(session, first), first.practitioner_id if first else 0, recurrence.words(rule_of(row)), rows)


def why_left(session: Session, who: Actor, items: list[Item], now: datetime) -> dict[int, str]:
    """Say of each item that a change of several never touches why: past, invoiced, used, cancelled, or another's."""
    shares = work.shares_of(session, [place.id for item in items for place in item.attendees])
    lines = work.live_lines(session, [share.id for share in shares]) if shares else {}
    line_of = {share.attendee_id: lines[share.id] for share in shares if share.id in lines}
    found: dict[int, str] = {}
    for item in items:
        held = [(place, line_of[place.id]) for place in item.attendees if place.id in line_of]
        billed = next((line for _p, line in held if line.invoice.source is not InvoiceSource.PACKAGE), None)
        if item.starts_at <= now:
            found[item.id] = "past"
        elif billed is not None:
            found[item.id] = f"on invoice {billed.invoice.number}" if billed.invoice.number else "on a draft invoice"
        elif any(place.status in _KEEPS_SESSION for place, _line in held):
            found[item.id] = "its package session is used"
        elif item.attendees and not any(place.status.is_live for place in item.attendees):
            found[item.id] = "cancelled"
        elif who.own_practitioner_id not in (None, item.practitioner_id):
            found[item.id] = "in another calendar"
    return found


def _title(session: Session, item: Item | None) -> str:
    if item is None:
        return ""
    group = session.get(ClientGroup, item.group_id) if item.group_id else None
    return group.name if group else ", ".join(place.client.name for place in item.attendees) or item.title


def _standing(series_id: int) -> Select[Item]:
    return select(Item).where(Item.series_id == series_id, Item.deleted_at.is_(None)).order_by(Item.starts_at, Item.id)


def _status(item: Item, now: datetime, *, past_is_attended: bool) -> str:
    shown = {
        statuses.counted(place.status, item.kind, item.ends_at, now, past_is_attended=past_is_attended)
        for place in item.attendees
    }
    return ", ".join(sorted(statuses.word(item.kind, status) for status in shown))


def _again(session: Session, who: Actor, item: Item) -> tuple[Wanted, Terms]:
    if item.series_id is not None:
        raise RefusalError("It repeats already. Change the series instead.")
    live = [place for place in item.attendees if place.status.is_live]
    if item.attendees and not live:
        raise RefusalError("It was cancelled. Book it again first.")
    archived = next((place.client for place in live if place.client.is_archived), None)
    if archived is not None:
        raise RefusalError(f"{archived.name} is archived. Bring the client back first.")
    if item.type is not None and item.type.is_archived:
        raise RefusalError(f"{item.type.name} is not offered any more.")
    kept = booking.kept_of(session, item)
    ids = {place.client_id for place in live}
    kept = replace(kept, places=tuple(place for place in kept.places if place.client_id in ids))
    wanted = wanted_of(item, kept)
    return wanted, agree(session, who, wanted, kept)


def _made(session: Session, who: Actor, rule: Rule, now: datetime) -> Series:
    made = Series(unit=rule.unit, every=rule.every, until_date=rule.until_date, times=rule.times, created_at=now,
                  created_by_id=who.user_id)  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _book_all(session: Session, who: Actor, wanted: Wanted, terms: Terms, plan: Plan, made: Series, now: datetime) -> None:
    if plan.open:
        dates = len(plan.open)
        raise UnsettledError(f"Choose for {dates} {'date' if dates == 1 else 'dates'}: skip or move.")
    if not plan.booked:
        raise RefusalError("Nothing is left to book: every date is skipped.")
    made_items: list[Item] = []
    for each in plan.booked:
        assert each.starts_at is not None
        # The list knows which dates a package covers; the others need not look for one.
        on_day = replace(wanted, starts_at=each.starts_at, overrides_warnings=True, accepts_unpaid=True,
                         uses_package=bool(each.packages), tells=False)  # fmt: skip
        ends_at = each.starts_at + timedelta(minutes=terms.minutes)
        agreed = replace(terms, ends_at=ends_at)
        made_items.append(booking.book(session, who, on_day, now, terms=agreed, series_id=made.id))
    outbox.tell_all(session, who, [(item, {}) for item in made_items], now, notifies=wanted.notifies)
    skipped = [each.day.isoformat() for each in plan.occurrences if each.is_skipped]
    audit.record(session, who, "repeated", "series", made.id, now, unit=made.unit.value, every=made.every,
                 booked=len(plan.booked), skipped=skipped)  # fmt: skip
