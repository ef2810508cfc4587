"""The article "Create or cancel an appointment from a package", followed word by word, with JavaScript and without."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.models.billing import Invoice, InvoiceLine
from clinic.models.calendar import Item
from tests.browser.conftest import enter

HERE = ZoneInfo("America/New_York")


@pytest.fixture
def tuesday() -> date:
    """Return a Tuesday to come, of a week in which the clocks do not change."""
    today = datetime.now(HERE).date()
    day = today + timedelta(days=8 - today.weekday())
    return day if day.month not in (3, 11) else day + timedelta(days=14)


class Reader:
    """Do what the article says, in one browser."""

    def __init__(self, page: Page, served: str, cast, *, javascript: bool) -> None:
        self.page, self.served, self.cast, self.javascript = page, served, cast, javascript

    @property
    def pop_up(self) -> Locator:
        """Return the Edit Invoice Line pop-up."""
        return self.page.get_by_role("dialog", name="Edit Invoice Line")

    @property
    def form(self) -> Locator:
        """Return the form that books in the calendar."""
        return self.page.locator("form[aria-labelledby=book-title]")

    def invoice(self, invoice_id: int) -> None:
        """Open the package invoice."""
        self.page.goto(f"{self.served}/invoices/{invoice_id}")

    def line(self, number: int) -> Locator:
        """Return a line of the package invoice."""
        return self.page.locator("tr", has=self.page.get_by_role("cell", name=f"Line {number}", exact=True))

    def edit(self, number: int) -> None:
        """Click the Edit icon next to a fee."""
        self.page.get_by_role("link", name=f"Edit line {number}", exact=True).click()
        expect(self.pop_up).to_be_visible()

    def save(self) -> None:
        """Click Save in the pop-up."""
        self.pop_up.get_by_role("button", name="Save", exact=True).click()
        expect(self.pop_up).to_have_count(0)

    def click_on(self, day: date, at: time, *, practitioner_id: int = 0) -> None:
        """Click Schedule > Calendar, go to a day, and click on a time in it."""
        whose = practitioner_id or self.cast.pat_id
        self.page.get_by_role("link", name="Schedule", exact=True).click()
        self.page.get_by_role("link", name="Calendar", exact=True).click()
        expect(self.page.get_by_role("link", name="Add New")).to_be_visible()
        self.page.goto(f"{self.served}/calendar/week?day={day}&practitioner={whose}")
        slot = self.page.locator(f"#column-{whose}-{day} a.slot[href*='at={at:%H:%M}']")
        box = slot.bounding_box()
        assert box
        slot.click(position={"x": box["width"] - 5, "y": 8})
        expect(self.form).to_be_visible()

    def choose(self, type_id: int, person: str) -> None:
        """Choose the type, and with it the fee, and the patient; the form adapts to both."""
        self.form.get_by_label("Appointment type").select_option(str(type_id))
        self.adapt()
        self.form.get_by_label("Client or group").fill(person)
        self.adapt()

    def adapt(self) -> None:
        """Let the form show what is chosen now."""
        if not self.javascript:
            self.page.get_by_role("button", name="Show fields for this type").click()
            return
        with self.page.expect_response("**/fields*"):
            self.page.keyboard.press("Tab")
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)

    def save_booking(self) -> None:
        """Click Save in the calendar."""
        self.form.get_by_role("button", name="Save", exact=True).click()

    def panel(self, item_id: int) -> Locator:
        """Open the appointment panel."""
        self.page.goto(f"{self.served}/calendar/items/{item_id}")
        return self.page.locator("section.flyout")


def _sell(write, cast, fee_id: int, count: int, *, name: str, client_id: int = 0, payer_id: int = 0, **other) -> int:
    with write() as session:
        package = packages.save(session, cast.fay, Template(name=name, rows=(FeeRow(fee_id, count),)), datetime.now(HERE))
        sale = Sale(
            package.id, (client_id or cast.cleo_id,), payer_id or cast.cleo_payer_id, cast.pat_id, cast.harbour_id, **other
        )
        return packages.sell(session, cast.fay, sale, datetime.now(HERE)).id


def _last_item(rows) -> int:
    with rows() as session:
        return session.scalar(select(Item.id).order_by(Item.id.desc()).limit(1))


@pytest.mark.parametrize(
    ("database", "javascript"),
    [("sqlite", True), ("postgresql", False)],
    ids=["sqlite-javascript", "postgresql-plain"],
    indirect=["database"],
)
def test_the_article_holds(visit, served, cast, write, rows, tuesday, javascript):
    sold = _sell(write, cast, cast.therapy_fee_id, 3, name="Three sessions")
    with visit(javascript=javascript) as page:
        enter(page, served)
        reader = Reader(page, served, cast, javascript=javascript)
        _books_from_the_invoice(reader, sold, tuesday)
        _books_from_the_calendar(reader, sold, tuesday + timedelta(days=1), rows)
        _cancels(reader, sold, tuesday, rows)
        _stays_unlinked(reader, sold, rows)
        _says_every_mismatch_before_it_saves(reader, write, rows, tuesday + timedelta(days=2))


def _books_from_the_invoice(reader: Reader, sold: int, day: date) -> None:
    reader.invoice(sold)
    reader.edit(1)
    pop_up = reader.pop_up
    pop_up.get_by_label("Date", exact=True).fill(day.isoformat())
    pop_up.get_by_role("group", name="Add appointment").get_by_label("Yes").check()
    expect(pop_up.get_by_role("heading", name="Appointment Details")).to_be_visible()
    pop_up.get_by_label("Time", exact=True).fill("10:00")
    expect(pop_up.get_by_text("Duration, optional")).to_be_visible()
    pop_up.get_by_role("button", name="Check Availability").click()
    expect(reader.pop_up).to_contain_text("Free 10:00")
    reader.save()
    expect(reader.line(1)).to_contain_text(f"{day:%b} {day.day}, {day.year}")
    expect(reader.line(1)).to_contain_text("Booked 10:00")
    expect(reader.page.locator(".doc tbody tr").first).to_contain_text(f"{day:%b} {day.day}, {day.year}")
    expect(reader.page.locator("#sale-words")).to_contain_text("1 booked")
    expect(reader.page.locator("#ledger tr")).to_have_count(2)
    expect(reader.page.locator("#ledger tr").first).to_contain_text("Booked from the invoice")
    # The same time again is taken, and the three nearest free ones are a click away.
    reader.edit(2)
    reader.pop_up.get_by_label("Date", exact=True).fill(day.isoformat())
    reader.pop_up.get_by_role("group", name="Add appointment").get_by_label("Yes").check()
    reader.pop_up.get_by_label("Time", exact=True).fill("10:30")
    reader.pop_up.get_by_role("button", name="Check Availability").click()
    expect(reader.pop_up.get_by_role("alert")).to_contain_text("Taken")
    offered = reader.pop_up.get_by_role("alert").get_by_role("button")
    expect(offered).to_have_count(3)
    offered.first.click()
    expect(reader.pop_up).to_contain_text("Free 11:00")
    reader.pop_up.get_by_role("link", name="Close").last.click()
    expect(reader.pop_up).to_have_count(0)


def _books_from_the_calendar(reader: Reader, sold: int, day: date, rows) -> None:
    reader.click_on(day, time(11))
    reader.choose(reader.cast.therapy_id, "Cleo Abernathy")
    expect(reader.form).to_contain_text("Uses “Three sessions”, 2 left")
    reader.save_booking()
    expect(reader.form).to_have_count(0)
    panel = reader.panel(_last_item(rows))
    expect(panel).to_contain_text("Three sessions, session 2 of 3")
    panel.get_by_role("link", name="Open package invoice").click()
    expect(reader.line(2)).to_contain_text(f"{day:%b} {day.day}, {day.year}")
    assert f"/invoices/{sold}" in reader.page.url


def _cancels(reader: Reader, sold: int, day: date, rows) -> None:
    reader.invoice(sold)
    reader.edit(1)
    reader.pop_up.get_by_label("Remove").check()
    # The appointment is only unlinked: that the calendar entry stays is said before Save.
    expect(reader.pop_up).to_contain_text("Removed, it stays in the calendar, unpaid.")
    reader.save()
    expect(reader.line(1)).to_contain_text("Unassigned")
    expect(reader.line(1)).to_contain_text(f"{day:%b} {day.day}, {day.year}")
    reader.edit(1)
    choices = reader.pop_up.get_by_role("group", name="Add appointment")
    for choice in ("Yes", "Unassigned"):
        expect(choices.get_by_label(choice)).not_to_be_checked()
    choices.get_by_label("Unassigned").check()
    reader.save()
    expect(reader.line(1)).not_to_contain_text(str(day.year))
    with rows() as session:
        items = session.scalars(select(Item).order_by(Item.id)).all()
        assert [(item.deleted_at, item.is_blocking) for item in items] == [(None, True)] * 2


def _stays_unlinked(reader: Reader, sold: int, rows) -> None:
    with rows() as session:
        item_id = session.scalar(select(Item.id).order_by(Item.id).limit(1))
        total = session.get(Invoice, sold).total_cents
    for fee_id in (reader.cast.intake_fee_id, reader.cast.therapy_fee_id):  # away and back: nothing links it by itself
        reader.page.goto(f"{reader.served}/calendar/items/{item_id}/edit")
        reader.page.get_by_label("Fee", exact=True).select_option(str(fee_id))
        if reader.javascript:
            expect(reader.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
            reader.page.wait_for_timeout(300)
            expect(reader.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        reader.page.get_by_role("button", name="Save", exact=True).click()
        expect(reader.page.locator("section.flyout")).to_be_visible()
    panel = reader.panel(item_id)
    expect(panel).not_to_contain_text("session 1 of 3")
    expect(panel.get_by_role("link", name="Use package")).to_be_visible()
    # To remove the appointment entirely, delete it in the calendar as well: the invoice stays as it is.
    panel.get_by_role("link", name="Delete").click()
    reader.page.get_by_role("button", name="Delete it").click()
    expect(reader.page.get_by_role("button", name="Delete it")).to_have_count(0)
    with rows() as session:
        assert session.get(Item, item_id).deleted_at is not None
        assert session.get(Invoice, sold).total_cents == total
        lines = session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == sold).order_by(InvoiceLine.position))
        assert [line.share_id is not None for line in lines] == [False, True, False]


def _says_every_mismatch_before_it_saves(reader: Reader, write, rows, day: date) -> None:
    cast, form = reader.cast, reader.form
    # Another practitioner.
    reader.click_on(day, time(9), practitioner_id=cast.piet_id)
    reader.choose(cast.therapy_id, "Cleo Abernathy")
    expect(form).to_contain_text("“Three sessions” has this fee, but it is with Pat Oyelaran.")
    # Another location.
    reader.click_on(day, time(9))
    reader.choose(cast.therapy_id, "Cleo Abernathy")
    form.get_by_text("More options").click()
    form.get_by_label("Location", exact=True).select_option(str(cast.mill_id))
    reader.adapt()
    expect(form).to_contain_text("“Three sessions” has this fee, but it is for Harbour Street.")
    # Another fee is only noted.
    reader.click_on(day, time(9))
    reader.choose(cast.intake_id, "Cleo Abernathy")
    expect(form).to_contain_text("“Three sessions” is not used: its sessions are 90834 Therapy, 50 minutes, another fee.")
    expect(form.get_by_label("Book it unpaid")).to_have_count(0)
    # Expired by that day; and no line left.
    last = datetime.now(HERE).date()
    otto = {"client_id": cast.otto_id, "payer_id": cast.otto_payer_id}
    _sell(write, cast, cast.therapy_fee_id, 2, name="Until today", expires_date=last, **otto)
    _sell(write, cast, cast.intake_fee_id, 1, name="One intake")
    reader.click_on(day, time(9))
    reader.choose(cast.therapy_id, "Otto Brandt")
    expect(form).to_contain_text(re.compile(r"“Until today” has this fee, but it is good through "))
    reader.click_on(day, time(9))
    reader.choose(cast.intake_id, "Cleo Abernathy")
    expect(form).to_contain_text("Uses “One intake”, 1 left")
    reader.save_booking()
    expect(form).to_have_count(0)
    reader.click_on(day, time(11))
    if reader.javascript:
        reader.choose(cast.intake_id, "Cleo Abernathy")
    else:  # straight to Save: the first one returns the form with the choice
        form.get_by_label("Client or group").fill("Cleo Abernathy")
        reader.save_booking()
    expect(form).to_contain_text("“One intake” has this fee, but no session of it is left.")
    booked = _last_item(rows)
    form.get_by_label("Book it unpaid").check()
    reader.save_booking()
    expect(form).to_have_count(0)
    unpaid = _last_item(rows)
    assert unpaid != booked
    expect(reader.panel(unpaid)).to_contain_text("PackageNone")
