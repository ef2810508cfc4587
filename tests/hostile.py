"""What hostile tests need: a practice with one of everything, the forms of a page as a browser reads them, and nasty values."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import document_runs, invoices, packages, pay_links, payments, refunds, visits
from clinic.billing.document_kinds import Wish
from clinic.billing.lines import NewLine
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, feed, hours, series
from clinic.calendar.booking import Wanted
from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import Rule
from clinic.demo.stripe_server import StandIn
from clinic.kernel import clock
from clinic.models.billing import PackageSale, Share
from clinic.models.calendar import SeriesUnit, WorkingHours
from clinic.models.documents import RunShape
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Card, ChargeAttempt, ChargePurpose, ChargeStatus, Method
from clinic.models.people import ContactRole
from clinic.people import clients, contacts, diagnoses
from clinic.people.diagnoses import Details
from tests import online
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW, PASSWORD, Cast
from tests.night_stage import with_card
from tests.portal import doors

SPRING = "2026-03-08"  # in New York the clocks skip 02:30
SCRIPT = "\"'></title><script>alert(1)</script>"
HUGE = "99999999999999999999"
PRINTABLE = ("1e9", "-5", "12,345.678", "2026-02-30", "25:61", "🙂💥", SCRIPT, "' OR 1=1 --", "%s%n{{7*7}}", "٣", "NaN")
NASTY = (
    *PRINTABLE, "", " ", HUGE, "-2147483649", "2147483648", "999999", "0", "0" * 5_000, "x" * 10_000, "0001-01-01",
    "9999-12-31", SPRING, "\u202egnp.exe\u2066", "\x1b[31m\r\nSet-Cookie: a=b", "\u2028\ufffe", "a\0b",
)  # fmt: skip
WRONG_IDS = ("0", "-1", "999999", "2147483647", "2147483648", HUGE, "abc", "None", "")
WRONG_KEYS = ("", "x", "é" * 30, "k" * 65, "k" * 10_000)
RAW = (b"%ed%a0%80", b"%ff%fe", b"%", b"%zz", b"\xed\xa0\x80", b"%c0%ae", b"%00")
TEXTS = ("text", "search", "email", "tel", "number", "date", "time", "url", "textarea")


@dataclass
class Field:
    """Be one control: its name, its kind and what a browser would send for it."""

    name: str
    kind: str
    value: str = ""
    is_on: bool = True
    options: list[str] = field(default_factory=list)


@dataclass
class Form:
    """Be a form of a page, with the address it posts to."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # further addresses its controls post to
    target: str = ""
    around: tuple[dict[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its controls, each once."""
        return tuple(dict.fromkeys(one.name for one in self.fields))

    @property
    def texts(self) -> set[str]:
        """Return the names of the controls that are typed into."""
        return {one.name for one in self.fields if one.kind in TEXTS}

    def typed(self, name: str) -> str:
        """Return what stands in the first control of that name."""
        return next((one.value for one in self.fields if one.name == name), "")

    def plausible(self) -> dict[str, list[str]]:
        """Return what somebody who fills it in might send; only the first of several buttons is pressed."""
        sent: dict[str, list[str]] = {}
        for one in self.fields:
            if one.kind == "submit" and one.name in sent:
                continue
            if one.kind == "radio" and not one.is_on and any(
                other.is_on for other in self.fields if other.name == one.name and other.kind == "radio"
            ):  # fmt: skip
                continue
            if one.kind == "checkbox" and not one.is_on:
                continue
            if one.kind == "radio" and one.name in sent:
                continue
            sent.setdefault(one.name, []).append(one.value or _filled(one))
        return sent

    @property
    def root_id(self) -> str | None:
        """Return the id of the element htmx puts the answer in place of, if it stands on the page."""
        if self.target.startswith("#"):
            return self.target[1:]
        kind = self.target.removeprefix("closest ")
        for element in reversed(self.around):
            if kind.startswith(".") and kind[1:] in element.get("class", "").split():
                return element.get("id")
        return None


class _Reader(HTMLParser):
    """Read the forms of a page and the first element's id."""

    VOID = frozenset(("input", "meta", "link", "br", "img", "hr", "col", "wbr", "source"))

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.files: list[str] = []  # what a browser fetches beside the page
        self.first_id: str | None = None
        self._stack: list[tuple[str, dict[str, str]]] = []
        self._select: Field | None = None
        self._area: Field | None = None
        self._form: Form | None = None
        self._seen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = {name: value or "" for name, value in attrs}
        if not self._seen:
            self.first_id, self._seen = found.get("id"), True
        if tag not in self.VOID:
            self._stack.append((tag, found))
        if tag == "form":
            around = tuple(each for _tag, each in self._stack)
            self._form = Form(found.get("hx-post") or found.get("action", ""), found.get("method", "get").lower(),
                              target=found.get("hx-target", ""), around=around)  # fmt: skip
            if found.get("hx-post"):
                self._form.method = "post"
            self.forms.append(self._form)
        if tag in ("script", "img") or (tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload")):
            self.files += [found[name] for name in ("src", "href") if found.get(name, "").startswith("/")]
        self.links += [found[name] for name in ("href", "hx-get") if found.get(name, "").startswith("/")]
        if self._form is not None:
            self._note(tag, found, self._form)

    def _note(self, tag: str, found: dict[str, str], form: Form) -> None:
        if tag != "form":
            form.others += [found[name] for name in ("formaction", "hx-post") if found.get(name)]
        if tag == "option" and self._select is not None:
            value = found.get("value", "")
            self._select.options.append(value)
            if "selected" in found or (not self._select.value and value):
                self._select.value = value
        if "name" not in found or "disabled" in found or tag not in ("input", "select", "textarea", "button"):
            return
        kind = {"select": "select", "textarea": "textarea", "button": "submit"}.get(tag, found.get("type", "text"))
        one = Field(found["name"], kind, found.get("value", "on" if kind == "checkbox" else ""), "checked" in found)
        form.fields.append(one)
        self._select = one if tag == "select" else self._select
        self._area = one if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        """Keep what stands in a text area."""
        if self._area is not None:
            self._area.value += data if self._area.value else data.removeprefix("\r").removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        while self._stack and any(open_tag == tag for open_tag, _ in self._stack):
            if self._stack.pop()[0] == tag:
                break


def read(html: str) -> _Reader:
    """Read a page."""
    reader = _Reader()
    reader.feed(html)
    return reader


def forms_of(html: str) -> list[Form]:
    """List the forms of a page; what a button or control posts elsewhere is a form of its own."""
    found = []
    for form in read(html).forms:
        found.append(form)
        found += [replace(form, action=other, method="post", others=[], target="") for other in dict.fromkeys(form.others)]
    return found


def _filled(one: Field) -> str:
    if one.kind == "password":
        return PASSWORD
    if one.kind in ("hidden", "select", "submit", "radio", "checkbox", "search"):
        return ""
    words = {"email": "someone@quillmere.example", "date": "2026-11-19", "time": "11:00", "number": "10"}
    if one.kind in words:
        return words[one.kind]
    for part, value in (
        ("email", words["email"]), ("person", "Cleo Abernathy"), ("minutes", "50"), ("amount", "10.00"), ("price", "10.00"),
        ("rate", "10.00"), ("unit", "10.00"), ("quantity", "1"), ("tax", "0"), ("discount", "0"), ("until", ""),
        ("number", "7"),
    ):  # fmt: skip
        if part in one.name:
            return value
    return "Words"


def nasty_for(one: Field, turn: int) -> Iterator[str]:
    """Yield what one control is sent, another few for each: in turn, all values reach every kind of control."""
    if one.name == "once":
        yield from WRONG_KEYS
        return
    if one.kind in ("select", "radio", "hidden", "checkbox", "submit"):
        wrong = [value for value in WRONG_IDS if value not in one.options]  # what is offered is right
        yield wrong[turn % len(wrong)]
        yield SCRIPT if turn % 2 else "0" * 5_000
        return
    yield PRINTABLE[turn % len(PRINTABLE)]
    yield NASTY[len(PRINTABLE) + turn % (len(NASTY) - len(PRINTABLE))]


def stage(session: Session, cast: Cast, stand_in: StandIn) -> dict[str, list[Any]]:
    """Put one of everything into the practice; return which values stand for each argument of an address."""

    def book(wanted: Wanted) -> int:
        return booking.book(session, cast.olga, replace(wanted, overrides_warnings=True), NOW).id

    later = timedelta(days=60)
    items = [
        book(therapy(cast, at(10))),
        book(review(cast, at(12))),
        book(therapy(cast, at(14), client_id=None, group_id=cast.couple_id)),
        book(Wanted(None, cast.pat_id, at(16), 30, title="Supervision")),
        book(therapy(cast, at(10) + later)),
    ]
    weekly = Rule(SeriesUnit.WEEK, times=3)
    repeated = series.book(session, cast.olga, therapy(cast, at(10, days=100)), weekly, Choices(), NOW)
    given = book(therapy(cast, at(9, days=-2)))
    draft = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_line(session, draft, NewLine("Letter", 2_000))
    invoices.add_line(session, draft, NewLine("Workbook", 2_500, quantity=2, tax_bp=825))
    (issued,) = invoices.bill_item(session, cast.olga, given, NOW)
    rows = (FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1))
    package = packages.save(session, cast.olga, Template(name="Ten sessions", rows=rows), NOW)
    spare = packages.save(session, cast.olga, Template(name="Three sessions", rows=rows), NOW)
    sold = packages.sell(
        session, cast.olga, Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id), NOW
    )
    cash = payments.record(session, cast.olga, payer_id=cast.otto_payer_id, method=Method.CASH, amount_cents=5_000, now=NOW)
    otto = invoices.draft(session, cast.olga, payer_id=cast.otto_payer_id, client_id=cast.otto_id, now=NOW)
    invoices.add_line(session, otto, NewLine("Letter", 2_000))
    invoices.issue(session, cast.olga, otto, NOW)
    off = hours.add_time_off(
        session,
        cast.olga,
        practitioner_id=cast.pat_id,
        starts_at=at(0, days=30),
        ends_at=at(0, days=31),
        label="Congress",
        now=NOW,
    )
    away = booking.Wanted(None, cast.pat_id, at(12, days=30), 30, title="Journal club", overrides_warnings=True)
    booking.book(session, cast.olga, away, NOW)
    session.flush()
    lines = [line.id for invoice in (draft, issued, sold) for line in invoice.lines]
    spare_client = clients.add(session, cast.olga, clients.Details("Isolde", "Featherstonhaugh"), NOW)
    guardian = contacts.add(session, cast.olga, contacts.Details("Gale Guardian"), NOW)
    contacts.link(session, cast.olga, cast.cleo_id, guardian.id, ContactRole.GUARDIAN, "", NOW)
    with_card(session, stand_in, cast.otto_payer_id)
    with_card(session, stand_in, cast.cleo_payer_id)
    card = session.scalars(select(Card).where(Card.contact_id == cast.cleo_payer_id)).one()
    attempt = ChargeAttempt(
        purpose=ChargePurpose.PANEL, contact_id=cast.cleo_payer_id, local_date=NOW.date(), invoice_id=issued.id,
        card_id=card.id, amount_cents=1_000, currency="usd", description="", stripe_customer="cus_x",
        stripe_payment_method="pm_x", idempotency_key="a key of its own", status=ChargeStatus.UNKNOWN, started_at=NOW,
    )  # fmt: skip
    session.add(attempt)
    session.flush()
    by_card = payments.record(
        session, cast.olga, payer_id=cast.cleo_payer_id, method=Method.ONLINE_CARD, amount_cents=900, now=NOW,
        reference="4242", stripe_payment_intent="pi_x",
    )  # fmt: skip
    days = Wish(NOW.date(), NOW.date(), ("invoice", "receipt"), cast.cleo_id)
    asked = [document_runs.ask(session, cast.olga, days, RunShape.ZIP, NOW) for _ in range(3)]
    back = refunds.start(session, cast.olga, refunds.Wanted(by_card.id, 300, Method.ONLINE_CARD), NOW)
    known = Details("F41.1", "Generalized anxiety disorder", NOW.date())
    diagnosis = diagnoses.add(session, cast.olga, cast.cleo_id, known, NOW)
    granted = doors.granted(session, cast, cast.cleo_id, "cleo@clients.example", NOW)
    doors.granted(session, cast, cast.otto_id, "cleo@clients.example", NOW)
    told = list(session.scalars(select(Message.id).limit(2)))
    assert told, "somebody is told of something"
    shop = online.on_sale(session, cast)
    waits, bought, stuck = (online.ordered(session, shop, clock.now(), client_id=cast.cleo_id) for _ in range(3))
    stuck.offered = stuck.offered | {"lines": []}
    assert [visits.book(session, online.visit(made), clock.now()) for made in (bought, stuck)] == [True, True]
    return {
        "run_id": [each.id for each in asked],
        "buy_token": [waits.token, bought.token, stuck.token],
        "purchase_id": [stuck.id],
        "diagnosis_id": [diagnosis],
        "sale_id": list(session.scalars(select(PackageSale.id).order_by(PackageSale.id.desc()))),
        "kind": [kind.value for kind in MessageKind],
        "access_id": [granted.id],
        "link_token": [doors.link_to(session, cast, granted, clock.now()) for _ in range(2)],
        "message_id": told,
        "token": [feed.reset(session, cast.olga, cast.pat_id, NOW)],
        "card_id": [card.id],
        "attempt_id": [attempt.id],
        "payment_id": [cash.id, by_card.id],
        "refund_id": [back.id],
        "pay_token": [pay_links.link(session, cast.olga, cast.cleo_payer_id, issued.id, NOW).token],
        "share_id": list(session.scalars(select(Share.id).limit(3))),
        "client_id": [cast.cleo_id, cast.otto_id, spare_client.id],
        "contact_id": [cast.pellworth_id, guardian.id],
        "payer_id": [cast.cleo_payer_id, cast.otto_payer_id],
        "group_id": [cast.couple_id],
        "practitioner_id": [cast.pat_id, cast.piet_id, 0],
        "day": ["2026-11-18", SPRING, "2199-12-31", "1900-01-01"],
        "item_id": [*items, given],
        "series_id": [repeated.id],
        "invoice_id": [draft.id, issued.id, sold.id, otto.id],
        "line_id": lines,
        "package_id": [shop.id, package.id, spare.id],
        "location_id": [cast.harbour_id, cast.mill_id],
        "room_id": [cast.larch_id, cast.rowan_id],
        "fee_id": [cast.therapy_fee_id, cast.intake_fee_id],
        "type_id": [cast.therapy_id, cast.call_id],
        "user_id": [cast.pat.user_id, cast.bill.user_id],
        "off_id": [off.id],
        "hours_id": list(session.scalars(select(WorkingHours.id).limit(2))),
    }
