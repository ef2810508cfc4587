"""A message as its client reads it: the practice's wording filled in, and the appointment as a calendar file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event, vCalAddress, vText
from sqlalchemy.orm import Session

from clinic.kernel import clock, locales
from clinic.messages import wording
from clinic.messages.wording import Wording
from clinic.models.calendar import Item, Mode
from clinic.models.messages import MessageKind
from clinic.models.people import Client, Contact
from clinic.models.practice import Location, Practice, Practitioner
from clinic.practice import settings

PRODUCT = "-//Clinic//Messages//EN"
HOW = {None: "in person", Mode.IN_PERSON: "in person", Mode.PHONE: "by phone", Mode.VIDEO: "by video"}
SUMMARY = "Appointment"
PREVIEWED = 3  # so many dates stand in the preview of a message about several


@dataclass(frozen=True)
class Rendered:
    """Hold a message ready to be sent. `ics` is empty when it carries no calendar file."""

    subject: str
    body: str
    ics: str = ""


def render(
    session: Session, kind: MessageKind, items: Sequence[Item], client: Client, contact: Contact, now: datetime
) -> Rendered:
    """Return what the client is sent of that kind about the items, which are in time order; a kind of one has one."""
    practice = settings.practice(session)
    told = [_told(session, item) for item in items]
    values = {"client": client.name, "first_name": client.first_name} | _values(kind, told, practice)
    words = _filled(wording.of(session, kind), practice, told[0].span, values)
    return Rendered(words.subject, words.body, _calendar(kind, items, told, practice, contact.email, now))


@dataclass(frozen=True)
class _Told:
    """Hold what a message says of one appointment."""

    span: tuple[datetime, datetime]
    how: str
    practitioner: str
    location: str

    @property
    def where(self) -> str:
        return f"{self.how[0].upper()}{self.how[1:]}, with {self.practitioner}\n{self.location}".strip()


def _told(session: Session, item: Item) -> _Told:
    location = session.get(Location, item.location_id) if item.location_id else None
    practitioner = session.get_one(Practitioner, item.practitioner_id)
    return _Told((item.starts_at, item.ends_at), HOW[item.mode], practitioner.name, _place(location))


def _values(kind: MessageKind, told: Sequence[_Told], practice: Practice) -> dict[str, str]:
    if kind is kind.of_one:
        return {"how": told[0].how, "practitioner": told[0].practitioner, "location": told[0].location}
    return {"count": str(len(told)), "dates": _dates(told, practice)}


def _dates(told: Sequence[_Told], practice: Practice) -> str:
    """List appointments a line each, in groups of those with the same person at the same place."""
    house = locales.named(practice.locale)
    groups: list[tuple[str, list[str]]] = []
    for each in told:
        starts, ends = (clock.local(moment, practice.timezone) for moment in each.span)
        day = locales.day(starts.date(), house, weekday=True, long=True)
        line = f"{day}, {locales.wall_time(starts, house)} to {locales.wall_time(ends, house)}"
        if not groups or groups[-1][0] != each.where:
            groups.append((each.where, []))
        groups[-1][1].append(line)
    return "\n\n".join("\n".join([*lines, where]) for where, lines in groups)


def preview(session: Session, shown: Wording, now: datetime) -> Rendered:
    """Return a message of that wording about a made-up client, next week at ten.

    Raises:
        RefusalError: the wording does not hold.
    """
    wording.check(shown)
    practice = settings.practice(session)
    if shown.kind in wording.LETTERS:
        house = settings.house(session)
        today = locales.day(house.local_date(now), house.locale, long=True)
        made_up = {"payer": "Juniper Aldous", "amount": house.money(15_000), "for": "invoice 2026-1187", "card": "4242"}
        made_up |= {"client": "Juniper Aldous", "first_name": "Juniper", "package": "Five sessions", "count": "2 sessions"}
        made_up |= {"did": "moved this appointment", "time": "10:00 am", "ends": "10:50 am", "practitioner": "Tamsin Oyelaran"}
        made_up |= {"what": "invoice", "number": "2026-1187", "until": today, "here": "It is attached."}
        made_up |= {"more": "Before: the day before, 9:00 am." if shown.kind is MessageKind.BY_CLIENT else "They are new here."}
        where = {
            MessageKind.SIGN_IN: "portal/link/…", MessageKind.BOUGHT_ONLINE: "portal/sign-in",
            MessageKind.BY_CLIENT: "calendar/items/12", MessageKind.SOLD_ONLINE: "packages/online",
        }.get(shown.kind, "pay/…")  # fmt: skip
        return letter(session, shown, made_up | {"date": today, "link": f"https://practice.example/{where}"})
    day = clock.local_date(now, practice.timezone) + timedelta(days=7)
    starts_at = clock.day_start(day, practice.timezone) + timedelta(hours=10)
    weeks = PREVIEWED if shown.kind is not shown.kind.of_one else 1
    spans = [(starts_at + timedelta(weeks=week), starts_at + timedelta(weeks=week, minutes=50)) for week in range(weeks)]
    told = [_Told(span, HOW[Mode.IN_PERSON], "Tamsin Oyelaran", "Harbour Street") for span in spans]
    values = {"client": "Juniper Aldous", "first_name": "Juniper"} | _values(shown.kind, told, practice)
    return _filled(shown, practice, spans[0], values)


def letter(session: Session, shown: Wording, values: dict[str, str]) -> Rendered:
    """Return a letter about money with the practice's own values filled in beside those given."""
    practice = settings.practice(session)
    known = values | {"practice": practice.name, "phone": practice.phone or practice.email}
    return Rendered(" ".join(wording.filled(shown.subject, known).split()), wording.filled(shown.body, known))


def _filled(shown: Wording, practice: Practice, span: tuple[datetime, datetime], values: dict[str, str]) -> Rendered:
    house = locales.named(practice.locale)
    starts, ends = (clock.local(moment, practice.timezone) for moment in span)
    known = values | {
        "date": locales.day(starts.date(), house, weekday=True, long=True),
        "time": locales.wall_time(starts, house),
        "ends": locales.wall_time(ends, house),
        "practice": practice.name,
        "phone": practice.phone or practice.email,
    }
    subject = " ".join(wording.filled(shown.subject, known).split())
    return Rendered(subject, wording.filled(shown.body, known))


def calendar_file(session: Session, item: Item, now: datetime) -> str:
    """Return one appointment to be taken into any calendar: only made known, with nobody asked to come."""
    practice = settings.practice(session)
    return _calendar(MessageKind.CONFIRMATIONS, [item], [_told(session, item)], practice, "", now)


def _place(location: Location | None) -> str:
    return ", ".join([location.name, *location.address.splitlines()]) if location else ""


def _calendar(
    kind: MessageKind, items: Sequence[Item], told: Sequence[_Told], practice: Practice, address: str, now: datetime
) -> str:
    """Return the appointments for the client's own calendar: the same UID always, a higher SEQUENCE after every change.

    A request or cancellation may hold one appointment only (RFC 5546): several are made known.
    """
    is_cancelled = kind.of_one is MessageKind.CANCELLATION
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    # A request needs someone who asks; without an address of the practice it is only made known, too.
    method = "CANCEL" if is_cancelled else "REQUEST" if practice.email else "PUBLISH"
    calendar.add("method", method if kind is kind.of_one else "PUBLISH")
    for item, each in zip(items, told, strict=True):
        calendar.add_component(_event(item, each.location, practice, address if kind is kind.of_one else "", now, is_cancelled))
    return bytes(calendar.to_ical()).decode()


def _event(item: Item, place: str, practice: Practice, address: str, now: datetime, is_cancelled: bool) -> Event:
    event = Event()
    event.add("uid", item.ical_uid)
    event.add("sequence", item.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", item.starts_at)
    event.add("dtend", item.ends_at)
    event.add("summary", f"{SUMMARY}, {practice.name}")
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    if place:
        event.add("location", place)
    if practice.email:
        organiser = vCalAddress(f"mailto:{practice.email}")
        organiser.params["CN"] = vText(practice.name)
        event.add("organizer", organiser)
    if address:
        attendee = vCalAddress(f"mailto:{address}")
        attendee.params["PARTSTAT"] = vText("ACCEPTED")
        attendee.params["RSVP"] = vText("FALSE")
        event.add("attendee", attendee)
    return event
