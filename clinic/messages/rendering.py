"""A message as its client reads it: the practice's wording filled in, and the appointment as a calendar file."""

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


@dataclass(frozen=True)
class Rendered:
    """Hold a message ready to be sent. `ics` is empty when it carries no calendar file."""

    subject: str
    body: str
    ics: str = ""


def render(session: Session, kind: MessageKind, item: Item, client: Client, contact: Contact, now: datetime) -> Rendered:
    """Return what the client is sent of that kind about the item."""
    practice = settings.practice(session)
    practitioner = session.get_one(Practitioner, item.practitioner_id)
    location = session.get(Location, item.location_id) if item.location_id else None
    words = _filled(
        wording.of(session, kind),
        practice,
        (item.starts_at, item.ends_at),
        {
            "client": client.name,
            "first_name": client.first_name,
            "how": HOW[item.mode],
            "practitioner": practitioner.name,
            "location": _place(location),
        },
    )
    return Rendered(words.subject, words.body, _calendar(kind, item, practice, contact.email, _place(location), now))


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
        return letter(session, shown, made_up | {"date": today, "link": "https://practice.example/pay/…"})
    day = clock.local_date(now, practice.timezone) + timedelta(days=7)
    starts_at = clock.day_start(day, practice.timezone) + timedelta(hours=10)
    values = {
        "client": "Juniper Aldous",
        "first_name": "Juniper",
        "how": HOW[Mode.IN_PERSON],
        "practitioner": "Tamsin Oyelaran",
        "location": "Harbour Street",
    }
    return _filled(shown, practice, (starts_at, starts_at + timedelta(minutes=50)), values)


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


def _place(location: Location | None) -> str:
    return ", ".join([location.name, *location.address.splitlines()]) if location else ""


def _calendar(kind: MessageKind, item: Item, practice: Practice, address: str, place: str, now: datetime) -> str:
    """Return the appointment for the client's own calendar: the same UID always, a higher SEQUENCE after every change."""
    is_cancelled = kind is MessageKind.CANCELLATION
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
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["PARTSTAT"] = vText("ACCEPTED")
    attendee.params["RSVP"] = vText("FALSE")
    event.add("attendee", attendee)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    # A request needs someone who asks; without an address of the practice it is only made known.
    calendar.add("method", "CANCEL" if is_cancelled else "REQUEST" if practice.email else "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical()).decode()
