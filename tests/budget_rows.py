"""What each page may cost: queries and compressed bytes. A new page adds a row.

`Row(name, who, path, queries=12, kilobytes=8.0, stage=None, headers={})`:

- `path` may be `lambda cast: f"/clients/{cast.cleo_id}"`; `who` is one of the staff ("fay"), "cleo" (portal) or "stranger".
- `stage(session, cast)` writes the rows the page is full with, before it is asked for. Measure a page that holds what a
  busy practice has, not an empty one.
- `headers=HTMX` measures the piece of page that htmx asks for.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.orm import Session

from clinic.billing import document_runs, enrolments, invoices, packages, payments, refunds, visits
from clinic.billing.document_kinds import Wish
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, hours, linking, own_booking, own_packages, package_lines, series, types
from clinic.calendar.occurrences import Choices
from clinic.calendar.package_lines import LineEdit
from clinic.calendar.recurrence import Rule
from clinic.kernel import clock
from clinic.models.billing import Fee, PackageSale, Share
from clinic.models.calendar import Attendee, Item, ItemKind, SeriesUnit, Status
from clinic.models.documents import RunDocument, RunShape
from clinic.models.money import Card, EndedBy, Method, PayLink
from clinic.models.people import Contact, ContactRole, GroupKind
from clinic.models.practice import FeedDetail, Practitioner
from clinic.people import clients, contacts, diagnoses, groups
from clinic.practice.permissions import Actor
from tests import online
from tests.billing.given import given_session
from tests.calendar import weeks
from tests.cast import MADE_AT, NOW, Cast
from tests.night_stage import bills_daily, enrolled, give

HTMX = {"HX-Request": "true"}

QUERIES_MAX = 12  # any page, whatever the number of rows (design, Hypermedia)
KILOBYTES = 8.0


@dataclass(frozen=True)
class Row:
    """State what one page may cost."""

    name: str
    who: str
    path: str | Callable[[Cast], str]
    queries: int = QUERIES_MAX
    kilobytes: float = KILOBYTES
    stage: Callable[[Session, Cast], None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def address(self, cast: Cast) -> str:
        """Return the path with the cast's ids in it."""
        return self.path if isinstance(self.path, str) else self.path(cast)


def _hundred_fees(session: Session, _cast: Cast) -> None:
    session.add_all(Fee(code=f"F{n}", description=f"Fee number {n}", amount_cents=n * 100, minutes=50) for n in range(100))


ACCOUNT = [Row("your account", "fay", "/account/", queries=5, kilobytes=2)]
AUTH = [Row("sign-in", "stranger", "/sign-in", queries=2, kilobytes=2)]


def many_clients(session: Session, cast: Cast) -> None:
    """Fill a page of clients, contacts and groups, and a page of one client's items."""
    for number in range(60):
        details = clients.Details(f"Isolde {number}", "Featherstonhaugh", practitioner_id=cast.pat_id, email="i@x.example")
        client = clients.add(session, cast.fay, details, NOW)
        contact = contacts.add(session, cast.fay, contacts.Details(f"Guardian {number}"), NOW)
        contacts.link(session, cast.fay, client.id, contact.id, ContactRole.GUARDIAN, "PW-1", NOW)
        pair = (client.id, cast.cleo_id)
        groups.add(session, cast.fay, groups.Details(f"Pair {number}", GroupKind.COUPLE, pair, cast.cleo_id), NOW)
        starts_at = NOW + timedelta(days=number - 30)
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=50), "created_at": NOW, "changed_at": NOW}
        item = Item(kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=cast.pat_id, **times)
        session.add(item)
        session.flush()
        for client_id in pair:
            values = {"status_at": NOW, "billing_changed_at": NOW, "fee_cents": 15_000}
            session.add(Attendee(item_id=item.id, client_id=client_id, **values))


PEOPLE = [
    Row("clients", "fay", "/clients", queries=6, kilobytes=4, stage=many_clients),
    Row("clients found", "pat", "/clients?q=feather", queries=6, kilobytes=4, stage=many_clients),
    Row("a client", "fay", lambda cast: f"/clients/{cast.cleo_id}", kilobytes=3, stage=many_clients),
    Row("a client's appointments", "pat", lambda cast: f"/clients/{cast.cleo_id}/appointments", stage=many_clients),
    Row("a client's form", "fay", lambda cast: f"/clients/{cast.cleo_id}/edit", queries=5, kilobytes=3),
    Row("names for a booking", "fay", "/clients/find?person=feather", queries=6, kilobytes=1, stage=many_clients, headers=HTMX),
    Row("contacts", "fay", "/contacts", queries=6, kilobytes=4, stage=many_clients),
    Row("client groups", "fay", "/groups", queries=5, kilobytes=4, stage=many_clients),
]


def many_packages(session: Session, cast: Cast) -> None:
    """Offer forty packages; sell Cleo twenty of them, a hundred sessions in the first, five of those booked."""
    for number in range(40):
        rows = (FeeRow(cast.therapy_fee_id, 5 if number else 100), FeeRow(cast.workbook_fee_id, 1))[: 2 if number else 1]
        package = packages.save(session, cast.fay, Template(name=f"Package {number}", rows=rows), NOW)
        if number < 20:
            sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
            invoice = packages.sell(session, cast.fay, sale, NOW)
        if number == 0:
            for position, line in enumerate(invoice.lines[:5]):
                edit = LineEdit(NOW.date() + timedelta(days=position), True, time(10), overrides_warnings=True)
                package_lines.save(session, cast.fay, invoice.id, line.id, edit, NOW)


PACKAGES = [
    Row("packages", "fay", "/packages", queries=5, kilobytes=3, stage=many_packages),
    Row("a package's form", "fay", "/packages/1/edit", queries=10, kilobytes=3, stage=many_packages),
    Row("selling a package", "fay", lambda cast: f"/packages/sell/{cast.cleo_id}?package=1", kilobytes=4, stage=many_packages),
    Row("a client's packages", "pat", lambda cast: f"/clients/{cast.cleo_id}/packages", queries=11, kilobytes=3,
        stage=many_packages),
    Row("a package invoice of 100 sessions", "pat", "/invoices/1", kilobytes=8, stage=many_packages),
    Row("a package's sessions", "fay", "/invoices/1/sessions", queries=9, kilobytes=3, stage=many_packages, headers=HTMX),
    Row("adjusting a session", "fay", "/invoices/1/package/adjust", queries=8, kilobytes=4, stage=many_packages),
    Row("extending a package", "fay", "/invoices/1/package/extend", queries=6, kilobytes=3, stage=many_packages),
    Row("pointing a package elsewhere", "olga", "/invoices/1/package/repoint", queries=10, kilobytes=3, stage=many_packages),
    Row("refunding a package", "olga", "/invoices/1/package/refund", kilobytes=5, stage=many_packages),
    Row("unused packages", "bill", "/reports/packages", queries=7, kilobytes=3, stage=many_packages),
    Row("reports", "bill", "/reports/", queries=2, kilobytes=3),
    Row("choosing a package to sell", "fay", lambda cast: f"/packages/sell/{cast.cleo_id}", kilobytes=4, stage=many_packages),
    Row("refunding a package, in a pop-up", "olga", "/invoices/1/package/refund", kilobytes=3, stage=many_packages,
        headers=HTMX),
    Row("edit invoice line", "fay", "/invoices/1/lines/5/edit", queries=10, kilobytes=2, stage=many_packages, headers=HTMX),
    Row("book them all", "fay", "/invoices/1/sessions/book-all", queries=10, kilobytes=2, stage=many_packages, headers=HTMX),
]  # fmt: skip
SETTINGS = [
    Row("settings", "olga", "/settings/", queries=2, kilobytes=2),
    Row("settings: practice details", "olga", "/settings/details", queries=3, kilobytes=7),  # 400 time zones
    Row("settings: client billing documents", "olga", "/settings/client-billing/documents", queries=8, kilobytes=3),
    Row("settings: fees", "olga", "/settings/fees/", queries=3, kilobytes=4, stage=_hundred_fees),
    Row("settings: users", "olga", "/settings/users/", queries=5, kilobytes=3),
    Row("settings: places", "olga", "/settings/places/", queries=4, kilobytes=2),
    Row("settings: practitioners", "olga", "/settings/practitioners/", queries=5, kilobytes=2),
]


def many_invoices(session: Session, cast: Cast) -> None:
    """Give Cleo a year of sessions: 60 invoiced and paid, 60 unpaid, 20 uninvoiced, and a long draft (the last)."""
    for number in range(120):
        share = given_session(session, cast)
        (invoice,) = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
        if number % 2:
            payments.record(session, cast.fay, payer_id=invoice.payer_id, method=Method.CASH, amount_cents=invoice.total_cents,
                            now=NOW, invoice_id=invoice.id)  # fmt: skip
    for _ in range(20):
        given_session(session, cast)
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    for number in range(40):
        invoices.add_line(session, draft, invoices.NewLine(description=f"Line {number}", unit_cents=100 + number))


def _with_credit(session: Session, cast: Cast) -> None:
    """Give Cleo a year of sessions, and money on no invoice yet."""
    many_invoices(session, cast)
    payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=10_000_000, now=NOW)
    many_packages(session, cast)
    enrolled(session, cast.cleo_payer_id)


def _many_documents(session: Session, cast: Cast) -> None:
    """Give Cleo 60 invoices and a payment, and let Pat and Olga ask for all of it five times; ten could not be made."""
    for _ in range(60):
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, made, invoices.NewLine("Letter", 2_000))
        invoices.issue(session, cast.fay, made, NOW)
    payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=50_000, now=NOW)
    for who in (cast.olga, cast.pat) * document_runs.RECENT_MAX:
        wish = Wish(NOW.date(), NOW.date(), ("invoice", "credit_note", "receipt"), cast.cleo_id if who == cast.pat else None)
        run = document_runs.ask(session, who, wish, RunShape.PDF, clock.now())
    for left in session.query(RunDocument).filter_by(run_id=run.id).limit(10):
        left.failure = "It could not be printed."


def _documents_of(cast: Cast) -> str:
    return f"/clients/{cast.cleo_id}/billing-documents{_DAYS}"


_DAYS = "?from=2026-11-01&to=2026-11-30&kind=invoice&kind=credit_note&kind=receipt&kind=statement&kind=superbill"
MONEY = [
    Row("a client's billing documents", "pat", _documents_of, kilobytes=5, stage=_many_documents),
    Row("everyone's billing documents", "olga", f"/invoices/documents{_DAYS}", kilobytes=5, stage=_many_documents),
    Row("a series of documents", "pat", "/billing-documents/10", queries=7, kilobytes=3, stage=_many_documents),
    Row("how far a series is", "pat", "/billing-documents/10", queries=6, kilobytes=1, stage=_many_documents, headers=HTMX),
    Row("invoices", "fay", "/invoices/", queries=8, kilobytes=3, stage=many_invoices),
    Row("invoices of a practitioner", "pat", "/invoices/?show=unpaid", queries=9, kilobytes=3, stage=many_invoices),
    Row("uninvoiced work", "fay", "/invoices/?show=uninvoiced", queries=6, kilobytes=3, stage=many_invoices),
    Row("unallocated money", "pat", "/invoices/?show=unallocated", queries=5, kilobytes=3, stage=many_invoices),
    Row("invoicing all of it", "fay", "/invoices/all-uninvoiced", queries=5, kilobytes=3, stage=many_invoices),
    Row("crediting an invoice", "fay", "/invoices/1/credit", queries=10, kilobytes=3, stage=many_invoices),
    Row("an unpaid invoice", "fay", "/invoices/1", kilobytes=3, stage=many_invoices),
    Row("a paid invoice", "fay", "/invoices/2", kilobytes=3, stage=many_invoices),
    Row("a draft's editor", "fay", "/invoices/121", kilobytes=6, stage=many_invoices),
    Row("a draft's lines", "fay", "/invoices/121/draft", kilobytes=5, stage=many_invoices, headers=HTMX),
    Row("a client's billing", "fay", lambda cast: f"/clients/{cast.cleo_id}/billing", kilobytes=5, stage=_with_credit),
]


def busy_day(session: Session, cast: Cast) -> None:
    """Fill a practice's lists and one day: a booked package, an invoiced and paid session, types, fees, an Activity."""
    _hundred_fees(session, cast)
    for number in range(12):
        draft = types.Draft(f"Letter {number}", ItemKind.ACTIVITY, 1 + number, 30, rate_cents=5_000)
        types.add(session, cast.olga, draft, NOW)
    many_packages(session, cast)
    for hour in range(8):
        wanted = booking.Wanted(cast.therapy_id, cast.pat_id, BUSY_DAY + timedelta(hours=14 + hour), 50, cast.cleo_id,
                                overrides_warnings=True, notes="Near the window")  # fmt: skip
        item = booking.book(session, cast.fay, wanted, NOW)
        if hour == 0:
            held = linking.held_line(session, item.attendees[0].id)
            if held:
                linking.unlink(session, cast.fay, held[0].id, NOW)
            (invoice,) = invoices.bill_item(session, cast.fay, item.id, NOW)
            payments.record(session, cast.fay, payer_id=invoice.payer_id, method=Method.CASH, amount_cents=invoice.total_cents,
                            now=NOW, invoice_id=invoice.id)  # fmt: skip


def a_sick_day(session: Session, cast: Cast) -> None:
    """Enter time off over the busy day."""
    busy_day(session, cast)
    hours.add_time_off(session, cast.olga, practitioner_id=cast.pat_id, starts_at=BUSY_DAY + timedelta(hours=5),
                       ends_at=BUSY_DAY + timedelta(hours=29), label="Sick", now=NOW)  # fmt: skip


BUSY_DAY = datetime(2026, 12, 9, tzinfo=UTC)  # a Wednesday; 14:00 UTC is 9 am in the practice
_BOOK = "/calendar/{}/2026-12-09/book?at=17:00&h=8"
CALENDAR_FORMS = [
    Row("the in-line form", "fay", lambda cast: _BOOK.format(cast.pat_id), kilobytes=2, stage=busy_day, headers=HTMX),
    Row("the in-line form on a page", "fay", lambda cast: _BOOK.format(cast.pat_id), kilobytes=4, stage=busy_day),
    Row("add new", "fay", "/calendar/new", kilobytes=4, stage=busy_day),
    Row("the flyout of a package session", "fay", "/calendar/items/7?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row("the flyout of a paid session", "fay", "/calendar/items/6?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row(
        "the flyout of a practitioner’s paid session", "pat", "/calendar/items/6?h=8", kilobytes=2, stage=busy_day, headers=HTMX
    ),
    Row("use package", "fay", "/calendar/items/6/use-package?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row("edit", "fay", "/calendar/items/7/edit?h=8", kilobytes=3, stage=busy_day, headers=HTMX),
    Row("move", "fay", "/calendar/items/7/move?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row("cancel", "fay", "/calendar/items/7/cancel?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row("a no show", "fay", "/calendar/items/7/no-show?h=8", kilobytes=2, stage=busy_day, headers=HTMX),
    Row("mark all attended", "fay", lambda cast: f"/calendar/{cast.pat_id}/2026-12-09/attended", kilobytes=3, stage=busy_day),
    Row("unconfirmed sessions", "fay", "/calendar/unconfirmed", kilobytes=2, stage=busy_day),
    Row("add to invoice", "fay", "/calendar/items/7/add-to-invoice", kilobytes=3, stage=busy_day),
    Row("appointment types", "olga", "/calendar/settings/types", queries=5, kilobytes=3, stage=busy_day),
    Row("an appointment type", "olga", "/calendar/settings/types/1", queries=10, kilobytes=4, stage=busy_day),
    Row("working hours", "olga", "/calendar/settings/hours", queries=7, kilobytes=3),
    Row("time off", "olga", "/calendar/settings/time-off", queries=6, kilobytes=2),
    Row("a sick day over eight bookings", "olga", "/calendar/settings/time-off/1", kilobytes=4, stage=a_sick_day),
]

ROWS: list[Row] = [*ACCOUNT, *AUTH, *SETTINGS]
ROWS += PEOPLE
ROWS += PACKAGES
ROWS += MONEY
ROWS += CALENDAR_FORMS
WEEKS = [
    Row("the week", "fay", weeks.address_of, kilobytes=8, stage=weeks.forty_items),
    Row("a day", "fay", lambda cast: weeks.address_of(cast).replace("week", "day"), kilobytes=5, stage=weeks.forty_items),
    Row("everyone's week, 400 items", "fay", lambda cast: weeks.address_of(cast, 0), kilobytes=20,
        stage=weeks.four_hundred_items),
    Row("the team's day, 80 items", "fay", "/calendar/team?day=2026-11-18", kilobytes=12, stage=weeks.four_hundred_items),
    Row("one day of the week", "fay", lambda cast: f"/calendar/{cast.pat_id}/2026-11-18", kilobytes=3, stage=weeks.forty_items,
        headers=HTMX),
]  # fmt: skip
WEEKS += [
    Row("a change in the week", "fay", lambda cast: f"/calendar/changes?shown=week&day=2026-11-18&practitioner={cast.pat_id}",
        kilobytes=8, stage=weeks.forty_items, headers=HTMX),
]  # fmt: skip
ROWS += WEEKS


def _paid_once(session: Session, cast: Cast) -> None:
    """Let one payment cover 20 invoices, and part of it be given back."""
    for _ in range(20):
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, invoices.NewLine("Letter", 2_000))
        invoices.issue(session, cast.fay, invoice, NOW)
    paid = payments.record(
        session, cast.bill, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=45_000, now=NOW, confirms_more=True
    )
    assert paid.id == 1
    for _ in range(5):
        refunds.record(session, cast.bill, refunds.Wanted(paid.id, 100, Method.CASH), NOW)


def _many_cards(session: Session, _cast: Cast) -> None:
    """Let 100 payers keep a card, none of them in AutoPay."""
    for number in range(100):
        contact = Contact(name=f"Payer Number {number:03}", sort_name=f"payer number {number:03}", created_at=MADE_AT)
        session.add(contact)
        session.flush()
        session.add(Card(contact_id=contact.id, stripe_payment_method=f"pm_many_{number}", brand="visa", last4="4242",
                         exp_month=8, exp_year=2030, created_at=MADE_AT))  # fmt: skip


def _linked(session: Session, cast: Cast) -> None:
    """Let a link lead to what Cleo owes."""
    given_session(session, cast)
    session.add(PayLink(token="a-link", contact_id=cast.cleo_payer_id, created_at=NOW, ends_at=NOW.replace(year=NOW.year + 9)))
    session.flush()


def busy_night(session: Session, cast: Cast) -> None:
    """Let 40 payers be billed and charged tonight, some on hold, some skipped, and some work be left for a person."""
    bills_daily(session, since=date(2026, 1, 10))
    today = clock.local_date(clock.now(), "America/New_York")
    for number in range(40):
        contact = Contact(name=f"Payer {number:02}", created_at=MADE_AT, stripe_customer=f"cus_{number}")
        session.add(contact)
        session.flush()
        give(session, cast, day=today, hour=8 + number % 10, payer_id=contact.id, client_id=cast.otto_id)
        enrolled(session, contact.id)
        session.add(Card(contact_id=contact.id, stripe_payment_method=f"pm_{number}", brand="visa", last4="4242",
                         exp_month=8, exp_year=2034, created_at=MADE_AT))  # fmt: skip
        if number % 10 == 0:
            enrolments.hold(session, cast.fay, contact.id, MADE_AT, reason="Asked to wait for payday")
        if number % 8 == 0:
            give(session, cast, day=today, hour=7, payer_id=contact.id).released_at = MADE_AT
        if number % 20 == 1:
            enrolments.leave(session, cast.fay, contact.id, MADE_AT, reason="The card cannot be charged.", by=EndedBy.NIGHT)


def _worked_today(session: Session, cast: Cast) -> None:
    """Let today bill a payer a session and their part of a divided one that was missed."""
    bills_daily(session, since=date(2026, 1, 10))
    today = clock.local_date(clock.now(), "America/New_York")
    give(session, cast, day=today, hour=9)
    part = give(session, cast, day=today, hour=11, status=Status.NO_SHOW)
    part.amount_cents = 10_000
    session.add(Share(attendee_id=part.attendee_id, payer_id=cast.pellworth_id, amount_cents=5_000))
    _paid_once(session, cast)


NIGHT = [
    Row("a payment", "bill", "/payments/1/", queries=12, kilobytes=4, stage=_paid_once),
    Row("refunding a payment", "bill", "/payments/1/refund", queries=12, kilobytes=4, stage=_paid_once),
    Row("undoing a payment", "bill", "/payments/1/undo", queries=12, kilobytes=4, stage=_paid_once),
    Row("payments by day", "bill", "/invoices/payments/?first=2026-11-01", queries=11, kilobytes=4, stage=_paid_once),
    Row("enrolling several payers", "fay", "/invoices/autopay/enroll", queries=9, kilobytes=4, stage=_many_cards),
    Row("a bill behind a link", "stranger", "/pay/a-link", queries=8, kilobytes=2, stage=_linked),
    Row("a receipt to print", "fay", "/payments/1/print", queries=12, kilobytes=4, stage=_paid_once),
    Row("tonight", "fay", "/invoices/tonight", queries=12, kilobytes=4, stage=busy_night),
    Row("last night", "fay", "/invoices/last-night", queries=9, kilobytes=3),
    Row("how a payer is invoiced", "fay", lambda cast: f"/contacts/{cast.pellworth_id}/invoicing", queries=5, kilobytes=3),
    Row("enrolling in AutoPay", "fay", lambda cast: f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/autopay/",
        queries=12, kilobytes=3, stage=_worked_today),
]  # fmt: skip
ROWS += NIGHT


def a_read_feed(session: Session, cast: Cast) -> None:
    """Give Pat 400 items around today and a feed whose secret is known."""
    today = clock.now().replace(minute=0, second=0, microsecond=0)
    for number in range(400):
        starts_at = today + timedelta(days=number // 8 - 20, hours=number % 8)
        item = Item(kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=starts_at,
                    ends_at=starts_at + timedelta(minutes=50), created_at=NOW, changed_at=NOW)  # fmt: skip
        session.add(item)
        session.flush()
        session.add(Attendee(item_id=item.id, client_id=cast.cleo_id, status_at=NOW, billing_changed_at=NOW))
    pat = session.get_one(Practitioner, cast.pat_id)
    pat.feed_token_hash, pat.feed_detail = hashlib.sha256(b"secret").hexdigest(), FeedDetail.FULL


FEEDS = [
    Row("a calendar feed's page", "pat", lambda cast: f"/calendar/feeds/{cast.pat_id}", queries=4, kilobytes=3),
    Row("a calendar feed of 400 items", "stranger", "/feeds/secret.ics", queries=4, kilobytes=13, stage=a_read_feed),
]
ROWS += FEEDS
MONTHS = [
    Row("a month", "fay", lambda cast: f"/calendar/month?day=2026-11-18&practitioner={cast.pat_id}", kilobytes=5,
        stage=weeks.forty_items),
    Row("everyone's month, 400 items", "fay", "/calendar/month?day=2026-11-18&practitioner=0", kilobytes=6,
        stage=weeks.four_hundred_items),
    Row("a day's sheet", "fay", lambda cast: f"/calendar/sheet?day=2026-11-18&practitioner={cast.pat_id}", kilobytes=3,
        stage=weeks.forty_items),
    Row("the team's sheets, 80 items", "fay", "/calendar/sheet?day=2026-11-18", kilobytes=5, stage=weeks.four_hundred_items),
    Row("what the signs mean", "fay", "/calendar/legend", queries=3, kilobytes=1, headers=HTMX),
]  # fmt: skip
ROWS += MONTHS


def a_changed_group(session: Session, cast: Cast) -> None:
    """Book a couple for 30 coming days, then change one of its members."""
    for number in range(30):
        starts_at = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=2 + number)
        wish = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=starts_at, minutes=50,
                              group_id=cast.couple_id, overrides_warnings=True)  # fmt: skip
        booking.book(session, cast.fay, wish, clock.now())
    ines = clients.add(session, cast.fay, clients.Details("Ines", "Brandt"), NOW)
    couple = groups.Details("Abernathy and Brandt", GroupKind.COUPLE, (cast.cleo_id, ines.id), cast.cleo_id)
    groups.edit(session, cast.fay, cast.couple_id, couple, NOW, version=1)


def full_outbox(session: Session, cast: Cast) -> None:
    """Tell clients of 60 bookings, half of them moved since."""
    for number in range(60):
        starts_at = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=2 + number)
        wish = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, starts_at=starts_at, minutes=50,
                              client_id=cast.cleo_id, overrides_warnings=True)  # fmt: skip
        item = booking.book(session, cast.fay, wish, clock.now())
        if number % 2:
            to = booking.Move(starts_at=starts_at + timedelta(hours=1), overrides_warnings=True)
            booking.move(session, cast.fay, item.id, to, clock.now(), version=item.version)


MESSAGES = [
    Row("the coming items of a changed group", "fay", lambda cast: f"/groups/{cast.couple_id}/coming", kilobytes=4,
        stage=a_changed_group),
    Row("the outbox", "fay", "/messages", queries=6, kilobytes=4, stage=full_outbox),
    Row("a message", "fay", "/messages/1", queries=4, kilobytes=3, stage=full_outbox),
    Row("a client's messages", "fay", lambda cast: f"/clients/{cast.cleo_id}/messages", queries=9, kilobytes=4,
        stage=full_outbox),
    Row("the settings of messages", "olga", "/settings/messages/", queries=6, kilobytes=3),
    Row("the wording of a reminder", "olga", "/settings/messages/reminder", queries=6, kilobytes=3),
]  # fmt: skip
ROWS += MESSAGES


def long_series(session: Session, cast: Cast) -> None:
    """Repeat an appointment 300 times, and put one beside it that does not repeat yet."""
    wanted = booking.Wanted(cast.therapy_id, cast.pat_id, BUSY_DAY + timedelta(hours=15), 50, cast.cleo_id)
    series.book(session, cast.fay, wanted, Rule(SeriesUnit.WEEK, times=300), Choices(), NOW)
    booking.book(session, cast.fay, replace(wanted, starts_at=BUSY_DAY + timedelta(hours=16)), NOW)


SERIES = [
    Row("the flyout of one of 300", "fay", "/calendar/items/7?h=8", kilobytes=2, stage=long_series, headers=HTMX),
    Row("moving one of 300", "fay", "/calendar/items/7/move?h=8", kilobytes=2, stage=long_series, headers=HTMX),
    Row("repeating an appointment", "fay", "/calendar/items/301/repeat?h=8", kilobytes=2, stage=long_series, headers=HTMX),
    Row("a series of 300", "fay", "/calendar/series/1", kilobytes=9, stage=long_series),
]  # fmt: skip
ROWS += SERIES


def one_to_come(session: Session, cast: Cast) -> None:
    """Book one session of Cleo's, three days from now, from a package."""
    rows = (FeeRow(cast.therapy_fee_id, 5),)
    package = packages.save(session, cast.olga, Template(name="Five sessions", rows=rows), NOW)
    sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    packages.sell(session, cast.olga, sale, NOW)
    starts_at = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    wanted = booking.Wanted(cast.therapy_id, cast.pat_id, starts_at, 50, cast.cleo_id, overrides_warnings=True)
    booking.book(session, cast.fay, wanted, clock.now())


PORTAL = [
    Row("the portal's sign-in", "stranger", "/portal/sign-in", queries=3, kilobytes=2),
    Row("the portal", "cleo", "/portal/", queries=11, kilobytes=3, stage=many_clients),
    Row("appointments in the portal", "cleo", "/portal/appointments", queries=6, kilobytes=3, stage=many_clients),
    Row("past ones in the portal", "cleo", "/portal/appointments?which=past", queries=6, kilobytes=3, stage=many_clients),
    Row("cancelling in the portal", "cleo", "/portal/appointments/1/cancel", kilobytes=2, stage=one_to_come),
    Row("moving in the portal", "cleo", "/portal/appointments/1/move", kilobytes=3, stage=one_to_come),
    Row("invoices in the portal", "cleo", "/portal/invoices", queries=11, kilobytes=3, stage=_with_credit),
    Row("an invoice in the portal", "cleo", "/portal/invoices/1", queries=12, kilobytes=3, stage=many_invoices),
    Row("cards in the portal", "cleo", "/portal/cards", queries=8, kilobytes=2, stage=_with_credit),
    Row(
        "joining AutoPay in the portal",
        "cleo",
        lambda cast: f"/portal/cards/{cast.cleo_payer_id}/autopay",
        queries=9,
        kilobytes=3,
        stage=_with_credit,
    ),
    Row("own details in the portal", "cleo", "/portal/details", queries=5, kilobytes=2),
]
ROWS += PORTAL


def shop(session: Session, cast: Cast) -> None:
    """Sell ten packages online, and let Cleo have bought five sessions, two of them booked, beside Pat's full week."""
    sold = [online.on_sale(session, cast) for _ in range(10)]
    made = online.bought(session, sold[0], clock.now(), client_id=cast.cleo_id)
    made.token = "cleos-token"
    sale_id = session.query(PackageSale.id).scalar()
    pack = own_packages.pack(session, cast.cleo_id, sale_id, clock.now())
    for start in own_booking.diary(session, pack, clock.now()).starts[:6:4]:
        own_booking.book(
            session, Actor(user_id=None, client_id=cast.cleo_id), cast.cleo_id, sale_id, cast.therapy_id, start, clock.now()
        )
    stuck = online.ordered(session, sold[0], clock.now())
    stuck.offered = stuck.offered | {"lines": []}
    visits.book(session, online.visit(stuck), clock.now())


ONLINE = [
    Row("what is sold online", "stranger", "/book", queries=7, kilobytes=3, stage=shop),
    Row("a package sold online", "stranger", "/book/packages/1", queries=7, kilobytes=3, stage=shop),
    Row("what was bought online", "stranger", "/book/purchases/cleos-token/sessions", kilobytes=4, stage=shop),
    Row("staff's list of what was bought online", "fay", "/packages/online", queries=5, kilobytes=3, stage=shop),
    Row("what clients changed", "fay", "/calendar/by-clients", queries=7, kilobytes=3, stage=shop),
    Row("settings of online booking", "olga", "/settings/online", queries=6, kilobytes=3, stage=shop),
    Row("a client's packages in the portal", "cleo", "/portal/packages", queries=6, kilobytes=2, stage=shop),
    Row("a client's package in the portal", "cleo", "/portal/packages/1", kilobytes=4, stage=shop),
]
ROWS += ONLINE


def _diagnosed(session: Session, cast: Cast) -> None:
    """Give Cleo six diagnoses."""
    for number in range(6):
        known = diagnoses.Details(f"F4{number}.1", "Generalized anxiety disorder", date(2015, 1, 1))
        diagnoses.add(session, cast.olga, cast.cleo_id, known, NOW)


def _billed(session: Session, cast: Cast) -> None:
    """Give Cleo 30 invoiced sessions, half of them paid."""
    for number in range(30):
        (invoice,) = invoices.bill_attendee(session, cast.fay, given_session(session, cast).attendee_id, NOW)
        if number % 2:
            payments.record(session, cast.fay, payer_id=invoice.payer_id, method=Method.CASH, amount_cents=15_000, now=NOW,
                            invoice_id=invoice.id)  # fmt: skip


def _superbill(session: Session, cast: Cast) -> None:
    """Give Cleo 30 invoiced sessions and six diagnoses."""
    _billed(session, cast)
    _diagnosed(session, cast)


DOCUMENTS = [
    Row(
        "a statement",
        "fay",
        lambda cast: f"/clients/{cast.cleo_id}/billing/{cast.cleo_payer_id}/statement?first=2015-01-01&last=2030-12-31",
        kilobytes=4,
        stage=_billed,
    ),
    Row(
        "a statement in the portal",
        "cleo",
        "/portal/statements?first=2015-01-01&last=2030-12-31",
        kilobytes=4,
        stage=_billed,
    ),
    Row(
        "a superbill", "bill", lambda cast: f"/clients/{cast.cleo_id}/superbill?first=2015-01-01", kilobytes=6, stage=_superbill
    ),
    Row("diagnoses", "pat", lambda cast: f"/clients/{cast.cleo_id}/diagnoses", kilobytes=3, stage=_diagnosed),
    Row("a diagnosis", "pat", lambda cast: f"/clients/{cast.cleo_id}/diagnoses/1", kilobytes=3, stage=_diagnosed),
]
ROWS += DOCUMENTS
