"""Whole weeks for measuring: 40 items a practitioner, as a busy practice has them, some billed, paid, cancelled or by video."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from clinic.billing import invoices, payments
from clinic.demo import people
from clinic.models.billing import Share
from clinic.models.calendar import Attendee, Item, ItemKind, Mode, Status, WorkingHours
from clinic.models.money import Method
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from tests.calendar.stage import at
from tests.cast import MADE_AT, NOW, Cast
from tests.hostile import read

WEEK = "/calendar/week?day=2026-11-18&practitioner={}"
MONDAY, DAYS, HOURS = -2, 5, 8  # the Monday of the Wednesday everybody knows; five days of eight sessions
STATUSES = (
    Status.ATTENDED,
    Status.BOOKED,
    Status.BOOKED,
    Status.NO_SHOW,
    Status.BOOKED,
    Status.ATTENDED,
    Status.LATE_CANCELLED,
)
MODES = (Mode.IN_PERSON, Mode.IN_PERSON, Mode.VIDEO, Mode.IN_PERSON, Mode.PHONE)


@dataclass(frozen=True)
class Visit:
    """Say what a page cost a browser."""

    requests: int
    octets: int
    page_octets: int


def forty_items(session: Session, cast: Cast) -> None:
    """Fill Pat's week: 40 sessions of 40 clients, the first ten billed, five of those paid."""
    items = _week(session, cast, cast.pat_id, 0)
    for number, item in enumerate(items[:10]):
        for invoice in invoices.bill_item(session, cast.fay, item.id, NOW):
            if number % 2:
                payments.record(session, cast.fay, payer_id=invoice.payer_id, method=Method.CASH,
                                amount_cents=invoice.total_cents, now=NOW, invoice_id=invoice.id)  # fmt: skip


def four_hundred_items(session: Session, cast: Cast) -> None:
    """Fill the week of ten practitioners with 40 sessions each, ten of Pat's billed."""
    forty_items(session, cast)
    _week(session, cast, cast.piet_id, 1)
    for number in range(2, 10):
        first, last = people.CLIENTS[number]
        other = Practitioner(name=f"{first} {last}", profession="Counsellor", colour=number, location_id=cast.harbour_id)
        session.add(other)
        session.flush()
        session.add_all(
            WorkingHours(
                practitioner_id=other.id, location_id=cast.harbour_id, weekday=day, starts_minute=540, ends_minute=1020
            )
            for day in range(DAYS)
        )
        _week(session, cast, other.id, number)


def visited(browser: FlaskClient, address: str, cache: set[str] | None = None) -> Visit:
    """Open a page as a browser with that cache does: the page and what it links to, in compressed bytes."""
    known = set() if cache is None else cache
    headers = {"Accept-Encoding": "br"}
    page = browser.get(address, headers=headers)
    assert page.status_code == 200
    html = browser.get(address).text
    files = [one for one in dict.fromkeys(read(html).files) if urlsplit(one).path not in known]
    octets = sum(len(browser.get(one, headers=headers).data) for one in files)
    known.update(urlsplit(one).path for one in files)
    return Visit(1 + len(files), len(page.data) + octets, len(page.data))


def address_of(cast: Cast, practitioner_id: int | None = None) -> str:
    """Return the week's address; 0 is everyone's."""
    return WEEK.format(cast.pat_id if practitioner_id is None else practitioner_id)


def _week(session: Session, cast: Cast, practitioner_id: int, whose: int) -> list[Item]:
    items = []
    for number in range(DAYS * HOURS):
        first, last = people.CLIENTS[(number + whose * 7) % len(people.CLIENTS)]
        contact = Contact(name=f"{first} {last}", created_at=MADE_AT)
        session.add(contact)
        session.flush()
        client = Client(contact_id=contact.id, first_name=first, last_name=last, sort_name=f"{last} {first}".casefold(),
                        default_payer_id=contact.id, practitioner_id=practitioner_id, created_at=MADE_AT)  # fmt: skip
        starts_at = at(9 + number % HOURS, days=MONDAY + number // HOURS)
        item = Item(
            kind=ItemKind.APPOINTMENT, type_id=(cast.therapy_id, cast.intake_id)[number % 5 == 0], mode=MODES[number % 5],
            practitioner_id=practitioner_id, location_id=cast.harbour_id, starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=50), is_blocking=True, created_at=MADE_AT, changed_at=MADE_AT,
        )  # fmt: skip
        session.add_all([client, item])
        session.flush()
        status = STATUSES[number % 7]
        attendee = Attendee(
            item_id=item.id, client_id=client.id, status=status, status_at=MADE_AT, fee_id=cast.therapy_fee_id,
            fee_code="90834", fee_description="Therapy, 50 minutes", fee_cents=15_000, billing_changed_at=MADE_AT,
        )  # fmt: skip
        session.add(attendee)
        session.flush()
        session.add(Share(attendee_id=attendee.id, payer_id=contact.id, amount_cents=15_000))
        item.is_blocking = status.is_live
        items.append(item)
    session.flush()
    return items
