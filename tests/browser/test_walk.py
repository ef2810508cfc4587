"""A practice's day from end to end: booked, sold, paid, printed, invoiced at midnight and charged overnight."""

import json
import re
import urllib.request
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

from tests.browser.conftest import Demo, settled, sign_in

HERE = ZoneInfo("America/New_York")
TAMSIN = "Tamsin Oyelaran"


@pytest.fixture
def today() -> date:
    """Return the practice's own today."""
    return datetime.now(HERE).date()


@pytest.fixture
def empty_week(today: date) -> date:
    """Return a Monday past what the demo has booked, so that every time is free."""
    return today + timedelta(days=42 - today.weekday())


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_the_desk_books_sells_invoices_and_takes_money(demo: Demo, visit, today, empty_week, javascript) -> None:
    client, other = ("Caspian Thornbury", "Zadie Lindqvist") if javascript else ("Lark Osei-Dunmore", "Emeka Solberg")
    monday = empty_week if javascript else empty_week + timedelta(days=7)
    with visit(javascript=javascript) as page:
        sign_in(page, demo, "frontdesk")
        _the_week_shows_today(page, demo, today)
        desk = Desk(page, demo, javascript=javascript)
        desk.activities(monday, client, other)
        desk.package(monday, other)
        desk.payment_at_the_time(today - timedelta(days=1), client, "19:10" if javascript else "20:10")
    assert demo.flask("verify").returncode == 0


def test_the_night_invoices_and_charges_once(demo: Demo, visit, today) -> None:
    midnight = datetime.combine(today + timedelta(days=1), time(0, 5), HERE).astimezone(UTC)
    before = set(demo.rows("SELECT id FROM invoices"))
    first = demo.flask("tick", "--at", midnight.isoformat(), failpoint="charge-answered")
    made = set(demo.rows("SELECT id FROM invoices")) - before
    assert made, "the ended day's work is invoiced"
    per_pair = demo.rows(
        "SELECT count(*) FROM invoices WHERE source = 'daily' GROUP BY payer_id, client_id, issue_date HAVING count(*) > 1"
    )
    assert per_pair == [], "one invoice per payer and client"
    assert (
        demo.rows("SELECT share_id FROM invoice_lines WHERE released_at IS NULL GROUP BY share_id HAVING count(share_id) > 1")
        == []
    )
    # Killed between the processor's answer and the record of it; then started again, twice.
    assert first.returncode == -9, first.stdout + first.stderr
    assert len(_charges(demo)) == 1
    for minutes in (5, 10):
        again = demo.flask("tick", "--at", (midnight + timedelta(minutes=minutes)).isoformat())
        assert again.returncode == 0, again.stderr
    assert set(demo.rows("SELECT id FROM invoices")) - before == made, "nothing new"
    charged = _charges(demo)
    paid = demo.rows("SELECT stripe_payment_intent, amount_cents FROM payments WHERE stripe_payment_intent IS NOT NULL")
    assert sorted(paid) == sorted((charge["payment_intent"], charge["amount"]) for charge in charged if charge["paid"])
    assert len({charge["customer"] for charge in charged if charge["paid"]}) == len([c for c in charged if c["paid"]]) >= 2
    declined = demo.rows("SELECT decline_code FROM charge_attempts WHERE status = 'declined'")
    assert ("insufficient_funds",) in declined or ("lost_card",) in declined, "a declining card is left with its reason"
    noon = datetime.combine(today + timedelta(days=1), time(12), HERE).astimezone(UTC)
    refused = demo.flask("run-job", "autopay", "--date", str(today + timedelta(days=1)), "--at", noon.isoformat())
    assert refused.returncode == 1
    assert "6" in refused.stderr + refused.stdout, "it says when it may run"
    with visit() as page:
        sign_in(page, demo, "owner")
        page.goto(f"{demo.url}/invoices/")
        page.get_by_role("link", name="Last night", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Last night")
    assert demo.flask("verify").stdout.startswith("All is well")


def test_money_posted_twice_is_recorded_once(demo: Demo, visit) -> None:
    # Nobody else may pay it meanwhile: the demo's own scheduler charges whoever is in AutoPay, by the clock on the wall.
    ((invoice_id, payer_id),) = demo.rows(
        "SELECT i.id, i.payer_id FROM invoices i JOIN postings p ON p.invoice_id = i.id AND p.account = 'receivable' "
        "WHERE i.payer_id NOT IN (SELECT contact_id FROM autopay_enrolments) "
        "GROUP BY i.id HAVING sum(p.amount_cents) > 2000 ORDER BY i.id DESC LIMIT 1"
    )
    with visit() as page:
        sign_in(page, demo, "frontdesk")
        page.goto(f"{demo.url}/invoices/{invoice_id}")
        page.get_by_label("Cash").check()
        page.get_by_label("Amount", exact=True).fill("12.34")
        form = page.locator("form.pay")
        fields = form.evaluate("form => Object.fromEntries(new FormData(form))")
        address = demo.url + (form.get_attribute("action") or "")
        page.locator("form.pay button.primary").dblclick(no_wait_after=True)
        page.wait_for_load_state()
        for _ in range(2):  # Back, and send again
            again = page.request.post(address, form=fields, max_redirects=0)
            assert again.status == 303, again.text()
    recorded = demo.rows(f"SELECT count(*) FROM payments WHERE amount_cents = 1234 AND payer_id = {payer_id}")
    assert recorded == [(1,)]


class Desk:
    """Do the desk's work in one browser; without JavaScript every step is a page of its own."""

    def __init__(self, page: Page, demo: Demo, *, javascript: bool) -> None:
        self.page, self.demo, self.javascript = page, demo, javascript
        ((self.tamsin,),) = demo.rows(f"SELECT id FROM practitioners WHERE name = '{TAMSIN}'")

    def activities(self, day: date, client: str, other: str) -> None:
        """Book a Busy Activity, be refused over it, take Free instead, and book over a Free one."""
        self.open_form(day, "09:00")
        self.choose_type("Case review")
        self.fill(client=client, busy="Busy")
        self.save()
        self.expect_item(day, client, "Case review")
        self.open_form(day, "09:30")
        self.choose_type("Call school")
        self.fill(client=other, busy="Busy")
        self.save()
        expect(self.page.get_by_role("alert")).to_contain_text(f"Taken. {TAMSIN} has {client}")
        expect(self.page.get_by_label("Client or group")).to_have_value(other)
        self.page.get_by_role("button", name="book as Free").click()
        if not self.page.get_by_role("alert").count():
            self.expect_item(day, other, "Free")
        self.open_form(day, "11:00")
        self.choose_type("Letter to referrer")
        self.fill(client=other, busy="Free")
        self.save()
        self.expect_item(day, other, "Free")
        self.open_form(day, "11:00")
        self.choose_type("Therapy 50")
        self.fill(client=client)
        self.save()
        self.expect_item(day, client, "Therapy 50")

    def package(self, monday: date, client: str) -> None:
        """Sell five sessions, book the first from the invoice and the second from the calendar."""
        page = self.page
        ((client_id,),) = self.demo.rows(f"SELECT id FROM clients WHERE first_name || ' ' || last_name = '{client}'")
        page.goto(f"{self.demo.url}/clients/{client_id}")
        page.get_by_role("link", name="Packages", exact=True).last.click()
        page.get_by_role("link", name="Sell a package").click()
        page.get_by_role("link", name="Five sessions", exact=True).click()
        _select(page, "Practitioner", TAMSIN)
        _select(page, "Location", "Harbour Street")
        page.get_by_role("button", name="Sell", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice INV-")
        invoice_url = page.url.split("#")[0]
        tuesday, wednesday = monday + timedelta(days=1), monday + timedelta(days=2)
        page.get_by_role("link", name="Edit line 1", exact=True).click()
        popup = page.get_by_role("dialog")
        expect(popup.get_by_role("heading", level=2)).to_have_text("Edit Invoice Line")
        popup.get_by_label("Date").fill(tuesday.isoformat())
        popup.get_by_label("Yes").check()
        popup.get_by_label("Time").fill("10:00")
        popup.get_by_role("button", name="Check Availability").click()
        expect(popup).to_contain_text("Free")
        popup.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(invoice_url)
        expect(page.locator("tr", has=page.get_by_role("link", name="Edit line 1", exact=True))).to_contain_text(
            _printed(tuesday)
        )
        self.calendar(tuesday)
        self.expect_item(tuesday, client, "1/5")
        self.open_form(wednesday, "10:00")
        self.choose_type("Therapy 50")
        self.fill(client=client)
        expect(page.get_by_text("Uses “Five sessions”, 4 left")).to_be_visible()
        self.save()
        item = self.expect_item(wednesday, client, "2/5")
        item.click()
        expect(page.locator(".flyout")).to_contain_text("Five sessions, session 2 of 5")
        page.goto(invoice_url)
        expect(page.locator("tr", has=page.get_by_role("link", name="Edit line 2", exact=True))).to_contain_text(
            _printed(wednesday)
        )

    def payment_at_the_time(self, day: date, client: str, at: str) -> None:
        """Book a session in the past, make its invoice, take cash, download and print it."""
        page = self.page
        self.open_form(day, at)
        self.choose_type("Therapy 50")
        self.fill(client=client)
        self.save()
        page.get_by_label("Book anyway").check()
        self.save()
        self.expect_item(day, client, at).click()
        page.get_by_role("button", name="Create Invoice & Add Payment").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice INV-")
        page.get_by_label("Cash").check()
        page.get_by_role("button", name="Add $150 payment").click()
        expect(page.locator("header.head .state")).to_have_text("Paid")
        number = re.search(r"INV-\d+", page.get_by_role("heading", level=1).inner_text())
        assert number is not None
        pdf = page.request.get(self.demo.url + (page.get_by_role("link", name="Download").get_attribute("href") or ""))
        assert pdf.headers["content-type"] == "application/pdf"
        text = "\n".join(sheet.extract_text() for sheet in PdfReader(BytesIO(pdf.body())).pages)
        for words in (number[0], client, "$150.00", "Paid", "Cash", "Quillmere Practice"):
            assert words in text, f"{words} is missing from the PDF"
        printed = page.request.get(self.demo.url + (page.get_by_role("link", name="Print").get_attribute("href") or ""))
        assert printed.status == 200
        assert number[0] in printed.text()

    def calendar(self, day: date) -> None:
        """Open the week that holds the day."""
        self.page.goto(f"{self.demo.url}/calendar/week?day={day}&practitioner={self.tamsin}")

    def open_form(self, day: date, at: str) -> None:
        """Click a time in the grid; a quarter that has no slot of its own is reached as the agenda does."""
        self.calendar(day)
        slot = self.page.locator(f"#column-{self.tamsin}-{day} a.slot[href*='at={at}']")
        if slot.count():
            width = slot.bounding_box()["width"]  # type: ignore[index]
            # The strip at the right of a slot stays clickable when something stands there.
            slot.click(position={"x": width - 5, "y": 8})
        else:
            self.page.goto(f"{self.demo.url}/calendar/{self.tamsin}/{day}/book?at={at}")
        expect(self.page.get_by_role("heading", name=re.compile("^Book "))).to_be_visible()

    def answered(self) -> AbstractContextManager[None]:
        """Wait until the answer is shown; without JavaScript the browser does so by itself."""
        return settled(self.page) if self.javascript else nullcontext()

    def choose_type(self, name: str) -> None:
        """Choose an appointment type and let the form adapt."""
        with self.answered():
            _select(self.page.locator("form.form"), "Appointment type", name)
            if not self.javascript:
                self.page.get_by_role("button", name="Show fields for this type").click()

    def fill(self, *, client: str, busy: str | None = None) -> None:
        """Name the client, and Busy or Free; the form answers with whom to bill and which package is used."""
        with self.answered():
            self.page.get_by_label("Client or group").fill(client)
            self.page.get_by_label("Client or group").press("Tab")
            if not self.javascript:
                self.page.get_by_role("button", name="Show fields for this type").click()
        if busy:
            self.page.get_by_label(busy, exact=True).check()

    def save(self) -> None:
        """Save the booking."""
        with self.answered():
            self.page.get_by_role("button", name="Save", exact=True).click()

    def expect_item(self, day: date, *words: str):
        """Find the item in its day's column."""
        if not self.page.locator(f"#column-{self.tamsin}-{day}").count():
            self.calendar(day)
        item = self.page.locator(f"#column-{self.tamsin}-{day} a.item")
        for word in words:
            item = item.filter(has_text=_wall(word) if re.fullmatch(r"\d\d:\d\d", word) else word)
        expect(item.first).to_be_visible()
        return item.first


def _the_week_shows_today(page: Page, demo: Demo, today: date) -> None:
    page.goto(f"{demo.url}/calendar/week?practitioner=0")
    column = page.locator(f"#column-0-{today}")
    expect(column).to_have_class(re.compile("today"))
    assert column.locator("a.item").count() >= 5


def _select(page: Page | Locator, label: str, words: str) -> None:
    field = page.get_by_label(label, exact=True)
    for option in field.locator("option").all():
        if words in option.inner_text():
            field.select_option(value=option.get_attribute("value") or "")
            return
    raise AssertionError(f"{label} does not offer {words}: {field.inner_text()}")


def _printed(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


def _wall(at: str) -> str:
    hour, minute = at.split(":")
    return f"{int(hour) % 12 or 12}:{minute}"


def _charges(demo: Demo) -> list[dict]:
    with urllib.request.urlopen(f"{demo.stripe_url}/_control/charges", timeout=10) as answer:
        listed = json.load(answer)
    return listed["data"]
