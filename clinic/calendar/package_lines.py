"""Edit Invoice Line: book, move and unlink the appointment of one line of a sold package (rulebook 3.3, 3.6)."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from clinic.calendar import availability, booking, buffers, line_terms, linking, statuses, types
from clinic.calendar.line_terms import Choice
from clinic.kernel import clock, locales
from clinic.kernel.clock import MissingTimeError
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, PackageSale, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.models.practice import Location, Practitioner
from clinic.practice import settings
from clinic.practice.permissions import Actor, Permission

MODE_WORDS = {"in_person": "in person", "phone": "by phone", "video": "by video"}


@dataclass(frozen=True)
class LineEdit:
    """Hold what the pop-up sends. `add_appointment`: True is Yes, False is Unassigned, None neither.

    `seen_item_id` is the appointment that stood on the line when the pop-up opened (0: none); None does not say.
    """

    day: date | None
    add_appointment: bool | None = None
    wall: time | None = None
    minutes: int | None = None
    type_id: int | None = None
    client_id: int | None = None
    room_id: int | None = None
    removes: bool = False
    cancels_too: bool = False
    overrides_warnings: bool = False
    notifies: bool = True
    seen_item_id: int | None = None
    package_choice: linking.Choice | None = None
    uses_item_id: int | None = None  # an appointment that stands already, to be put on this line


@dataclass(frozen=True)
class LineView:
    """Hold the line as the pop-up opens on it. Empty lists are not asked for."""

    id: int
    number: int
    invoice_id: int
    sale_id: int
    words: str
    amount_cents: int
    given: str  # "Pat Oyelaran, Harbour Street, in person"
    session_date: date | None
    is_product: bool
    item_id: int  # the linked appointment; 0: none
    starts_at: datetime | None  # of the linked appointment
    client_name: str
    minutes: int
    is_duration_locked: bool
    types: tuple[Choice, ...]
    rooms: tuple[Choice, ...]
    clients: tuple[Choice, ...]
    may_cancel: bool

    @property
    def is_linked(self) -> bool:
        """Say whether an appointment stands on the line."""
        return self.starts_at is not None


@dataclass(frozen=True)
class FreeTime:
    """Be a free start on the practice's wall clock: what the button sends and what it says."""

    value: str
    words: str


@dataclass(frozen=True)
class Availability:
    """Answer Check Availability: free, or in words what is in the way and the nearest free times."""

    is_free: bool
    when: str
    why: str = ""
    nearest: tuple[FreeTime, ...] = ()
    warnings: tuple[str, ...] = ()
    own_item_id: int | None = None  # what is in the way is an appointment that this very line may take


def opened(session: Session, who: Actor, invoice_id: int, line_id: int) -> LineView:
    """Return what the pop-up shows of a line.

    Raises:
        NotFoundError: the line is not there, not of that invoice, not of a sold package, or not theirs.
    """
    line, sale = _line(session, who, invoice_id, line_id)
    linked = _linked(session, line)
    kinds = [linked[1].type] if linked and linked[1].type else line_terms.fitting_types(session, who, sale, line)
    people = line_terms.clients_of(session, sale)
    modes = types.modes_of(kinds[0]) if kinds else ()
    given = [session.get_one(Practitioner, sale.practitioner_id).name, session.get_one(Location, sale.location_id).name]
    minutes = linked[1].ends_at - linked[1].starts_at if linked else timedelta(minutes=line_terms.usual_minutes(kinds, line))
    return LineView(
        id=line.id, number=line.position, invoice_id=invoice_id, sale_id=sale.id, amount_cents=line.total_cents,
        words=f"{line.code} {line.description}".strip(),
        given=", ".join([*given, *(MODE_WORDS[mode] for mode in modes[:1])]),
        session_date=line.session_date, is_product=line.minutes is None, item_id=linked[1].id if linked else 0,
        starts_at=linked[1].starts_at if linked else None,
        client_name=linked[0].client.name if linked else people[0].name,
        minutes=int(minutes.total_seconds()) // 60,
        is_duration_locked=linked is not None or (len(kinds) == 1 and not kinds[0].is_duration_flexible),
        types=tuple(Choice(kind.id, kind.name) for kind in kinds) if len(kinds) > 1 else (),
        rooms=line_terms.rooms_of(session, sale) if not linked and any(kind.requires_room for kind in kinds) else (),
        clients=tuple(Choice(person.id, person.name) for person in people) if len(people) > 1 and not linked else (),
        may_cancel=linked is not None and who.may(Permission.BOOK),
    )  # fmt: skip


def check(session: Session, who: Actor, invoice_id: int, line_id: int, edit: LineEdit, now: datetime) -> Availability:
    """Say whether the time is free for the line's appointment, or what clashes and which free times are nearest.

    Raises:
        RefusalError: date or time is missing, or the duration is locked.
    """
    line, sale = _line(session, who, invoice_id, line_id)
    linked = _linked(session, line)
    minutes, starts_at = _span(session, who, sale, line, edit, linked)
    ends_at = starts_at + timedelta(minutes=minutes)
    room_id = linked[1].room_id if linked else edit.room_id
    found = availability.clash(
        session, practitioner_id=sale.practitioner_id, room_id=room_id, starts_at=starts_at, ends_at=ends_at,
        besides_item_id=linked[1].id if linked else None,
    )  # fmt: skip
    house = settings.house(session)
    begins, ends = (clock.local(moment, house.timezone) for moment in (starts_at, ends_at))
    is_same_half = (begins.hour < 12) == (ends.hour < 12)
    when = f"{locales.wall_time(begins, house.locale, marked=not is_same_half)}–{locales.wall_time(ends, house.locale)}"
    assert edit.day is not None
    if found is None:
        warned = _warnings(session, who, sale, line, edit, linked, starts_at=starts_at, ends_at=ends_at)
        return Availability(is_free=True, when=when, warnings=tuple(warned))
    nearest = availability.nearest_free(
        session, practitioner_id=sale.practitioner_id, location_id=sale.location_id, room_id=room_id, day=edit.day,
        minutes=minutes, around=starts_at, now=now,
    )  # fmt: skip
    why = availability.refuse_clash(found, who, house).message
    return Availability(
        is_free=False, when=when, why=why, nearest=tuple(_free_time(at, edit.day, house) for at in nearest),
        own_item_id=found.item_id if not linked and _place_on(session, who, sale, line, found.item_id) else None,
    )  # fmt: skip


def save(session: Session, who: Actor, invoice_id: int, line_id: int, edit: LineEdit, now: datetime) -> None:
    """Do what the pop-up asks: unlink, then book, move, date or clear. Must run inside `writing()`.

    Raises:
        RefusalError: something is missing, locked or does not fit the package.
        ClashError: the time was taken, or the line changed, meanwhile.
    """
    line, sale = _line(session, who, invoice_id, line_id)
    _check_issued(session, line, sale)
    linked = _linked(session, line)
    if edit.seen_item_id not in (None, linked[1].id if linked else 0):
        raise ClashError("Someone changed this line meanwhile. See how it stands now, then decide again.")
    if edit.uses_item_id is not None:
        attendee_id = _place_on(session, who, sale, line, edit.uses_item_id)
        if attendee_id is None:
            raise ClashError("This appointment cannot be put on this line. Nothing was changed.")
        linking.link(session, who, line.id, attendee_id, now, reason="Use package")
        return
    if linked and (edit.removes or edit.add_appointment is False):
        _remove(session, who, line, linked, edit, now)
        linked, edit = None, replace(edit, add_appointment=edit.add_appointment if edit.add_appointment is False else None)
        if edit.add_appointment is None:
            return
    if linked:
        _move(session, who, sale, line, edit, linked, now)
    elif edit.add_appointment:
        _book(session, who, sale, line, edit, now)
    elif edit.add_appointment is None and edit.wall is not None:
        raise RefusalError("Choose Yes to book this appointment, or Unassigned.", field="add_appointment")
    else:
        line.session_date = None if edit.add_appointment is False else edit.day
    session.flush()


def _book(session: Session, who: Actor, sale: PackageSale, line: InvoiceLine, edit: LineEdit, now: datetime) -> None:
    if line.minutes is None:
        raise RefusalError("This line is a product: it has no appointment.", field="add_appointment")
    minutes, starts_at = _span(session, who, sale, line, edit, None)
    kind = line_terms.type_of(line_terms.fitting_types(session, who, sale, line), edit.type_id)
    client_id = line_terms.client_id_of(session, sale, edit.client_id)
    wanted = line_terms.wanted(
        session, sale, line, kind, client_id=client_id, room_id=edit.room_id, starts_at=starts_at, minutes=minutes,
        overrides_warnings=edit.overrides_warnings, notifies=edit.notifies,
    )  # fmt: skip
    try:
        item = booking.book(session, who, wanted, now)
    except RefusalError as refusal:
        _at_time(refusal)
        raise
    attendee_id = session.scalar(select(Attendee.id).where(Attendee.item_id == item.id, Attendee.client_id == client_id))
    assert attendee_id is not None
    linking.link(session, who, line.id, attendee_id, now, reason="Booked from the invoice")


def _move(
    session: Session,
    who: Actor,
    sale: PackageSale,
    line: InvoiceLine,
    edit: LineEdit,
    linked: tuple[Attendee, Item],
    now: datetime,
) -> None:
    item = linked[1]
    if edit.wall is None:
        edit = replace(edit, wall=clock.local(item.starts_at, settings.house(session).timezone).time())
    _minutes, starts_at = _span(session, who, sale, line, edit, linked)
    if starts_at == item.starts_at:
        return
    try:
        booking.move(
            session,
            who,
            item.id,
            booking.Move(
                starts_at=starts_at,
                overrides_warnings=edit.overrides_warnings,
                notifies=edit.notifies,
                package_choice=edit.package_choice,
            ),
            now,
            version=item.version,
        )
    except RefusalError as refusal:
        _at_time(refusal)
        raise


def _remove(
    session: Session, who: Actor, line: InvoiceLine, linked: tuple[Attendee, Item], edit: LineEdit, now: datetime
) -> None:
    attendee, item = linked
    linking.unlink(session, who, line.id, now)
    if edit.add_appointment is False:
        line.session_date = None
    if edit.cancels_too:
        who.must(Permission.BOOK)
        # One of a therapy group; a couple or family is billed once and cancelled whole.
        billed = session.scalars(select(Attendee.id).where(Attendee.item_id == item.id, Attendee.is_billed)).all()
        statuses.set_status(
            session, who, item.id, Status.CANCELLED_BY_PRACTICE, now, attendee_id=attendee.id if len(billed) > 1 else None,
            reason="Cancelled from the package invoice", notifies=edit.notifies,
        )  # fmt: skip


def _warnings(
    session: Session, who: Actor, sale: PackageSale, line: InvoiceLine, edit: LineEdit,
    linked: tuple[Attendee, Item] | None, *, starts_at: datetime, ends_at: datetime,
) -> list[str]:  # fmt: skip
    kinds = [] if linked else line_terms.fitting_types(session, who, sale, line)
    kind = next((kind for kind in kinds if kind.id == edit.type_id), kinds[0] if kinds else None)
    whose = sale.practitioner_id
    said = availability.warnings(
        session, practitioner_id=whose, location_id=sale.location_id, starts_at=starts_at, ends_at=ends_at
    )
    return said + buffers.warnings(
        session, type_id=linked[1].type_id if linked else kind.id if kind else None, practitioner_id=whose,
        starts_at=starts_at, ends_at=ends_at, besides_item_id=linked[1].id if linked else None,
    )  # fmt: skip


def _place_on(session: Session, who: Actor, sale: PackageSale, line: InvoiceLine, item_id: int) -> int | None:
    """Return whose place in an appointment that stands already this line may take."""
    try:
        item = booking.item_for(session, who, item_id)
    except NotFoundError:
        return None
    fitting = {place.attendee_id for place in linking.usable(session, item) if place.sale_id == sale.id}
    return next((each.id for each in item.attendees if each.id in fitting and each.fee_id == line.fee_id), None)


def _free_time(starts_at: datetime, asked: date, house: settings.House) -> FreeTime:
    # On a full day the next days' times are offered, and said with their day.
    there = clock.local(starts_at, house.timezone)
    day = "" if there.date() == asked else f"{locales.day(there.date(), house.locale, weekday=True, year=False)}, "
    return FreeTime(value=f"{there:%Y-%m-%dT%H:%M}", words=day + locales.wall_time(there, house.locale))


def _line(session: Session, who: Actor, invoice_id: int, line_id: int) -> tuple[InvoiceLine, PackageSale]:
    line, sale = linking.line_of_sale(session, who, line_id)
    if line.invoice_id != invoice_id:
        raise NotFoundError("package line")
    return line, sale


def _check_issued(session: Session, line: InvoiceLine, sale: PackageSale) -> None:
    invoice = session.get_one(Invoice, sale.invoice_id)
    if invoice.issued_at is None:
        raise RefusalError("This invoice is a draft. Issue it, then its sessions can be booked.")
    if line.released_at is not None:
        raise RefusalError("This line was credited: its session can no longer be booked.")


def _linked(session: Session, line: InvoiceLine) -> tuple[Attendee, Item] | None:
    if line.share_id is None:
        return None
    options = (joinedload(Attendee.client), joinedload(Attendee.item).joinedload(Item.type))
    share = select(Share.attendee_id).where(Share.id == line.share_id).scalar_subquery()
    attendee = session.scalars(select(Attendee).where(Attendee.id == share).options(*options)).one()
    return attendee, attendee.item


def _span(
    session: Session,
    who: Actor,
    sale: PackageSale,
    line: InvoiceLine,
    edit: LineEdit,
    linked: tuple[Attendee, Item] | None,
) -> tuple[int, datetime]:
    """Return minutes and start, or say which field is missing or does not fit."""
    if edit.day is None:
        raise RefusalError("Enter the appointment's date.", field="date")
    if linked is None and sale.expires_date is not None and edit.day > sale.expires_date:
        good = locales.day(sale.expires_date, settings.house(session).locale)
        raise RefusalError(f"This package is good through {good}.", field="date")
    if edit.wall is None:
        raise RefusalError("Enter the appointment's time.", field="time")
    if linked:
        minutes = int((linked[1].ends_at - linked[1].starts_at).total_seconds()) // 60
        is_locked = True
    else:
        kind = line_terms.type_of(line_terms.fitting_types(session, who, sale, line), edit.type_id)
        minutes, is_locked = line_terms.usual_minutes([kind], line), not kind.is_duration_flexible
    if is_locked and edit.minutes not in (None, minutes):
        raise RefusalError(f"The duration is locked at {minutes} minutes.", field="minutes")
    try:
        return edit.minutes or minutes, clock.instant_at(edit.day, edit.wall, settings.house(session).timezone)
    except MissingTimeError as refusal:
        _at_time(refusal)
        raise


def _at_time(refusal: RefusalError) -> None:
    # Elsewhere the field is called starts_at; in this pop-up it is the time.
    if refusal.field == "starts_at":
        refusal.field = "time"
