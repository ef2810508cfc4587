"""What each page may cost: queries and compressed bytes. A new page adds a row.

`Row(name, who, path, queries=12, kilobytes=8.0, stage=None, headers={})`:

- `path` may be `lambda cast: f"/clients/{cast.cleo_id}"`; `who` is one of the staff ("fay") or "stranger".
- `stage(session, cast)` writes the rows the page is full with, before it is asked for. Measure a page that holds what a
  busy practice has, not an empty one.
- `headers=HTMX` measures the piece of page that htmx asks for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta

from sqlalchemy.orm import Session

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import package_lines
from clinic.calendar.package_lines import LineEdit
from clinic.models.billing import Fee
from clinic.models.calendar import Attendee, Item, ItemKind
from clinic.models.people import ContactRole, GroupKind
from clinic.people import clients, contacts, groups
from tests.cast import NOW, Cast

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
    Row("clients for a booking", "fay", "/clients/find?q=feather", queries=6, kilobytes=1, stage=many_clients, headers=HTMX),
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
    Row("a package's form", "fay", "/packages/1/edit", queries=9, kilobytes=3, stage=many_packages),
    Row("selling a package", "fay", lambda cast: f"/packages/sell/{cast.cleo_id}", kilobytes=3, stage=many_packages),
    Row("a client's packages", "pat", lambda cast: f"/clients/{cast.cleo_id}/packages", queries=11, kilobytes=3,
        stage=many_packages),
    Row("a package invoice of 100 sessions", "pat", "/invoices/1", kilobytes=8, stage=many_packages),
    Row("a package's sessions", "fay", "/invoices/1/sessions", queries=9, kilobytes=5, stage=many_packages, headers=HTMX),
    Row("edit invoice line", "fay", "/invoices/1/lines/5/edit", queries=10, kilobytes=2, stage=many_packages, headers=HTMX),
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

ROWS: list[Row] = [*ACCOUNT, *AUTH, *SETTINGS]
ROWS += PEOPLE
ROWS += PACKAGES
