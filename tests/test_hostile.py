"""Every address and every form, handed nonsense and malice by someone who is signed in: refused by name, never broken."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from zlib import crc32

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from clinic.billing import invoices
from clinic.billing.lines import NewLine
from clinic.config import Config
from clinic.demo.stripe_server import StandIn
from clinic.models.practice import WebSession
from clinic.office import verify
from clinic.views import BLUEPRINTS
from tests.cast import NOW, PASSWORD, Cast
from tests.conftest import HTMX
from tests.hostile import (
    HUGE,
    NASTY,
    PRINTABLE,
    RAW,
    SCRIPT,
    SPRING,
    Form,
    forms_of,
    nasty_for,
    read,
    stage,
)

HONEST = {200, 204, 302, 303, 400, 401, 403, 404, 405, 409, 413, 422, 429}
REFUSED = {409, 422}
WORKED = {200, 204, 303}
GRID = HTMX | {"HX-Current-URL": "http://localhost/calendar/week?day=2026-11-18"}
PLACES_MAX = 30  # addresses tried for one rule
SHAPES_MAX = 2  # forms of different fields that post to one rule
LATE = ("delete", "remove", "archive", "disable", "cancel", "end", "issue", "sign-out")  # after these little is left to try
QUERY = ("q", "find", "at", "h", "day", "practitioner", "location", "type", "page", "next", "void", "client", "package",
         "payer", "which", "show", "archived", "email", "night", "session_id", "first",
         "last")  # fmt: skip
ODD_WORDS = (HUGE, "0" * 5_000, SCRIPT, "2026-02-30", "9999-12-31", "0001-01-01", "٣", "-5", "\u202eevil", "x" * 10_000, "a\0b")
# No page without what another program puts behind the question mark.
NEEDS_WORDS = {"book.back", "cards.back", "live.changes", "pay.back", "portal_cards.back"}
# These answer with no page.
PDFS = {"billing_documents.pdf", "billing_documents.zip_file", "invoices.download", "invoices.logo", "portal.logo",
        "portal_appointments.calendar_file", "portal_invoices.download", "portal_invoices.receipt",
        "portal_statements.download", "receipts.download", "statements.download", "superbills.download"}  # fmt: skip
Where = tuple[str, dict[str, str], int, bool]  # page, headers, which form of it, whether its like was tried
URLENCODED = "application/x-www-form-urlencoded"


@dataclass
class Siege:
    """Hold who tries what, and what answered dishonestly."""

    app: Flask
    browser: FlaskClient
    held: dict[str, list[Any]]
    wrong: Counter[str] = field(default_factory=Counter)
    tried: int = 0

    def ask(self, method: str, address: str, note: str, **kwargs: Any) -> TestResponse:
        """Send one request and hold its answer to what every answer owes."""
        answer = self.browser.open(address, method=method, **kwargs)
        self.tried += 1
        if answer.status_code not in HONEST and (answer.status_code, address[:8]) != (503, "/healthz"):
            self.blame(f"{answer.status_code}", method, address, note)
        if "<script>alert(1)" in answer.get_data(as_text=True) and answer.mimetype == "text/html":
            self.blame("unescaped", method, address, note)
        if "Set-Cookie: a=b" in str(answer.headers) and "\nSet-Cookie: a=b" in str(answer.headers):
            self.blame("header injected", method, address, note)
        return answer

    def blame(self, what: str, method: str, address: str, note: str) -> None:
        """Write down what was dishonest."""
        self.wrong[f"{what}: {method} {address[:120]} {note[:90]}"] += 1

    def rule_of(self, address: str, method: str) -> str | None:
        """Return the name of the rule an address leads to."""
        try:
            return str(self.app.url_map.bind("localhost").match(urlsplit(address).path, method=method)[0])
        except HTTPException:
            return None


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    """Take cards through the stand-in: one for all tests, as nothing here counts charges."""
    with StandIn.start() as running:
        yield running


@pytest.fixture
def config(database: tuple[str, Cast], stand_in: StandIn) -> Config:
    """Let the practice take cards."""
    return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost",
                  STRIPE_SECRET_KEY="sk_test_demo", STRIPE_WEBHOOK_SECRET="whsec_x", STRIPE_API_BASE=stand_in.url)  # fmt: skip


@pytest.fixture
def siege(app: Flask, as_: Callable[[str], FlaskClient], write: Any, rows: Any, cast: Cast, stand_in: StandIn) -> Siege:
    with write() as session:
        held = stage(session, cast, stand_in)
    as_("olga")
    browser = as_("olga")
    browser.post(f"/portal/link/{held['link_token'].pop()}")  # in one browser a client too, and her page is chosen
    browser.post("/portal/choose", data={"access": held["access_id"][0]})
    with rows() as session:
        held["session_id"] = list(session.scalars(select(WebSession.id).order_by(WebSession.id)))[:1]
    return Siege(app, browser, held)


@pytest.mark.parametrize("room", BLUEPRINTS)
def test_whatever_is_sent_to_an_address_is_answered_honestly(siege: Siege, rows, room):
    rules = _rules(siege.app, room)
    for rule in rules:
        _try_addresses(siege, rule)
        if "GET" in _methods(rule) and rule.endpoint not in PDFS:
            _try_queries(siege, rule)
    for where in _forms(siege, rules):
        _try_form(siege, where)
    for rule in rules:  # last: what has no fields deletes what it is about
        _try_methods_and_bodies(siege, rule)
    with rows() as session:
        found = list(verify.findings(session))
    assert "\n".join(sorted(siege.wrong)) == ""
    assert found == []


def test_nonsense_at_the_first_setting_up_is_refused_by_name(app, empty_app, client):
    siege = Siege(app, client, {})
    (form,) = [form for form in forms_of(client.get("/setup").text) if form.method == "post"]
    for name in form.names:
        if "password" not in name:  # an empty password keeps every one of these from founding the practice
            for value in NASTY:
                sent = {key: values for key, values in form.plausible().items() if "password" not in key} | {name: [value]}
                answer = siege.ask("POST", "/setup", f"{name}={value[:20]!r}", data=sent)
                if answer.status_code == 422:
                    _hold_to_what_was_typed(siege, form, "/setup", sent, {name}, answer)
    assert sorted(siege.wrong) == []
    assert client.get("/setup").status_code == 200


@pytest.mark.parametrize(
    "words", ["x" * 190, SCRIPT, "🙂💥", "\u202eevil", "<pdf:include src=/etc/passwd>", "{{ 7 * 7 }}", "&lt;"]
)
def test_an_invoice_prints_and_downloads_whatever_its_lines_say(as_, cast, write, words):
    with write() as session:
        invoice = invoices.draft(session, cast.olga, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, NewLine(words, 2_000))
        invoices.issue(session, cast.olga, invoice, NOW)
        invoice_id = invoice.id
    olga = as_("olga")
    paper = olga.get(f"/invoices/{invoice_id}/pdf")
    assert (paper.status_code, paper.data[:5]) == (200, b"%PDF-")
    printed = olga.get(f"/invoices/{invoice_id}/print")
    assert printed.status_code == 200
    assert "<script>alert" not in printed.text
    assert "<pdf:include" not in printed.text


def _some(things: Sequence[Any], count: int, of: str) -> list[Any]:
    """Take a few in turn, other ones for each address: together they take all."""
    first = crc32(of.encode()) % max(len(things), 1)
    return [things[(first + step) % len(things)] for step in range(min(count, len(things)))]


def _rules(app: Flask, room: str) -> list[Rule]:
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] == room]
    return sorted(found, key=lambda rule: (any(word in rule.rule for word in LATE), rule.rule))


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _places(siege: Siege, rule: Rule) -> Iterator[str]:
    """Yield the addresses of a rule, with what the stage holds for its arguments."""
    names = sorted(rule.arguments)
    missing = [name for name in names if name not in siege.held and rule.endpoint != "assets.static_file"]
    assert missing == [], f"tests/hostile.py: the stage names nothing for {missing} of {rule.rule}"
    if rule.endpoint != "assets.static_file":
        for values in islice(product(*(siege.held[name] for name in names)), PLACES_MAX):
            yield _at(rule, dict(zip(names, values, strict=True)))


def _at(rule: Rule, values: dict[str, Any]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values[match[1]]), rule.rule)


def _try_addresses(siege: Siege, rule: Rule) -> None:
    """Ask for what does not exist, one argument at a time, and for what no address can be."""
    usual = {name: siege.held.get(name, ["x"])[0] for name in rule.arguments}
    for name in sorted(rule.arguments):
        is_id = f"<int:{name}>" in rule.rule
        unknown = ("0", "999999", "2147483647") if is_id else ()
        unlike = ("-1", HUGE, "2147483648", "abc", "1e9", "٣", "1%00", "%ff", "1.0", "' OR 1=1 --") if is_id else ()
        if f"<day:{name}>" in rule.rule:
            unlike = ("2026-02-30", "0001-01-01", "9999-12-31", "2026-1-1", "today", "2026-11-18T00:00", "%ff")
        for method in _methods(rule):
            for value in (*unknown, *_some(unlike, 6, rule.rule + method)):
                address = _at(rule, usual | {name: value})
                status = siege.ask(method, address, "", headers=GRID if len(value) % 2 else {}).status_code
                fits = {400, 404} if "%00" in value else {404, 405} if value in unlike else {204, 302, 303, 404}  # gone is done
                if status not in fits and (value in unlike or (value != "0" and method == "GET")):
                    siege.blame(f"{status} instead of 404", method, address, "")


def _try_methods_and_bodies(siege: Siege, rule: Rule) -> None:
    """Send verbs the rule does not have and bodies no form makes."""
    address = _at(rule, {name: siege.held.get(name, ["x"])[0] for name in rule.arguments})
    for verb in ("PUT", "DELETE", "HEAD", "NONSENSE"):
        siege.ask(verb, address, "")
    if "POST" not in _methods(rule):
        return
    extra = urlencode([(f"field{n}", "x") for n in range(1_000)] + [("id", "1"), ("version", HUGE), ("is_archived", "1")])
    bodies = [
        (b"", URLENCODED), (extra.encode(), URLENCODED), (b'{"name": "x"}', "application/json"), (b"<a/>", "text/xml"),
        (b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"rubbish", "multipart/form-data"), (b"a=" + b"x" * 3_000_000, URLENCODED), (b"&=&;=%00=%", URLENCODED),
    ]  # fmt: skip
    for body, mimetype in _some(bodies, 5, rule.rule):
        siege.ask("POST", address, f"{body[:20]!r}", data=body, content_type=mimetype)


def _try_queries(siege: Siege, rule: Rule) -> None:
    """Ask for a page with odd words behind the question mark: one at a time where they mean something, and all at once."""
    for address in islice(_places(siege, rule), 1):
        answer = siege.ask("GET", address, "")
        linked = {pair.partition("=")[0] for link in read(answer.text).links for pair in urlsplit(link).query.split("&")}
        fields = {name for form in forms_of(answer.text) if form.method == "get" for name in form.names}
        names = sorted({*QUERY, *linked, *fields} - {""})
        for value in _some(ODD_WORDS, 5, address):
            siege.ask("GET", f"{address}?{urlencode([(name, value) for name in names])}", f"all={value[:20]!r}")
        for turn, name in enumerate(sorted((linked | fields) - {""})):
            for step, value in enumerate((ODD_WORDS[turn % len(ODD_WORDS)], ("0" * 5_000, SCRIPT)[turn % 2])):
                siege.ask("GET", f"{address}?{urlencode({name: value})}", "", headers=GRID if step == 1 else {})
        for raw in _some(RAW, 3, address):
            query = b"&".join(name.encode() + b"=" + raw for name in names)
            siege.ask("GET", address, f"raw={raw!r}", query_string=query.decode("latin-1"))
        siege.ask("GET", address, "many", query_string="&".join("q=1&day=2" for _ in range(2_000)))
        for there in _some(("http://[", f"http://x/calendar/team?day=9&practitioner={HUGE}", "x" * 5_000), 1, address):
            siege.ask("GET", address, f"HX-Current-URL {there[:20]}", headers=HTMX | {"HX-Current-URL": there})


def _forms(siege: Siege, rules: list[Rule]) -> Iterator[Where]:
    """Yield where each form of a room stands: the page, the headers it is asked for with, and its place on the page."""
    seen: Counter[tuple[object, ...]] = Counter()
    found = []
    for rule in rules:
        if "GET" not in (rule.methods or ()) or rule.endpoint in PDFS:
            continue
        opened = []
        for place, headers in product(_places(siege, rule), ({}, GRID)):
            address = f"{place}?h=8&at=09:00&client={siege.held['client_id'][0]}&which=all"
            page = siege.ask("GET", address, "", headers=headers)
            opened.append(page.status_code)
            if page.status_code != 200:
                continue
            for at, form in enumerate(forms_of(page.text)):
                goal = siege.rule_of(urljoin(place, form.action or place), form.method.upper())
                if form.method != "post" or (goal == "auth.sign_out" and "auth" not in rule.endpoint):
                    continue
                key = (goal, form.names, bool(headers))
                shapes = (goal, bool(headers))
                if not seen[key] and seen[shapes] < (1 if headers else SHAPES_MAX):
                    seen.update([key, shapes])
                    found.append((address, headers, at, seen[shapes] > 1))
        is_empty = rule.endpoint in {"setup.setup", "assets.static_file", *NEEDS_WORDS}
        assert is_empty or set(opened) & {200, 302, 303, 422, 503}, f"the stage has no page at {rule.rule}: {opened}"
    return iter(found)


def _try_form(siege: Siege, where: Where) -> None:
    """Send a form with one thing wrong at a time, then with all of it, then many times over."""
    page, headers, _place, again = where
    form = _opened(siege, where)
    if form is None:
        return
    action = urljoin(page, form.action or page)
    sends = list(_wrong_ways(form))[:: 4 if headers else 3 if again else 1]
    for changed, sent, note in sends:
        answer = siege.ask("POST", action, note, data=sent, headers=headers)
        if answer.status_code in REFUSED:
            if len(changed) == 1 or changed <= form.texts:
                _hold_to_what_was_typed(siege, form, action, sent, changed, answer)
            if headers and form.root_id and read(answer.text).first_id != form.root_id:
                siege.blame(f"root {read(answer.text).first_id} for {form.root_id}", "POST", action, note)
        elif answer.status_code in WORKED:
            fresh = _opened(siege, where)
            if fresh is None or fresh.names != form.names:
                return
            form = fresh


def _opened(siege: Siege, where: Where) -> Form | None:
    page, headers, at, _again = where
    answer = siege.ask("GET", page, "again", headers=headers)
    if "/sign-in" in answer.headers.get("Location", ""):
        siege.browser.post("/sign-in", data={"email": "olga@quillmere.example", "password": PASSWORD})
        answer = siege.ask("GET", page, "again", headers=headers)
    forms = forms_of(answer.text) if answer.status_code == 200 else []
    return forms[at] if at < len(forms) else None


def _wrong_ways(form: Form) -> Iterator[tuple[set[str], dict[str, list[str]], str]]:
    """Yield what is changed, what is sent and a word on it."""
    turn = sum(map(ord, form.action + "".join(form.names)))
    for name in form.names:
        one = next(one for one in form.fields if one.name == name)
        turn += 1
        for value in nasty_for(one, turn):
            yield {name}, form.plausible() | {name: [value]}, f"{name}={value[:20]!r}"
        if turn % 2:
            yield {name}, {key: values for key, values in form.plausible().items() if key != name}, f"no {name}"
    for step in range(3 if form.texts else 1):
        value = NASTY[(turn + step * 9) % len(NASTY)]
        yield set(form.names), {name: [value] for name in form.names}, f"all={value[:20]!r}"
        value = NASTY[(turn + step * 9 + 4) % len(NASTY)]
        yield set(form.texts), form.plausible() | {name: [value] for name in form.texts}, f"typed={value[:20]!r}"
    many = {name: values * 500 for name, values in form.plausible().items()}
    yield set(form.names), many, "each 500 times"
    yield set(form.names), form.plausible() | {name: [SPRING if "da" in name else "02:30"] for name in form.texts}, "02:30"


def _hold_to_what_was_typed(
    siege: Siege, form: Form, action: str, sent: dict[str, list[str]], changed: set[str], answer: TestResponse
) -> None:
    """Find every text that was typed in the form that came back."""
    back = [one for one in forms_of(answer.text) if set(one.names) & set(form.names) - {"csrf_token"}]
    for name in sorted(form.texts):
        typed = (sent.get(name) or [""])[0].strip()
        if len(sent.get(name, ())) != 1 or not typed or (name in changed and typed not in PRINTABLE):
            continue
        if not any(typed in {one.value.strip() for one in each.fields if one.name == name} for each in back):
            siege.blame(
                f"{answer.status_code} lost {name}", "POST", action, f"typed {typed[:20]!r}; wrong: {sorted(changed)[:3]}"
            )
