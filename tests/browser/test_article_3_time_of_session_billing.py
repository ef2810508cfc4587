"""The article "Best practices for time-of-session billing", followed word by word, with JavaScript and without."""

import re
import threading
import zipfile
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect
from werkzeug.serving import make_server

from clinic.jobs.tick import tick
from clinic.kernel import clock
from clinic.models.billing import Invoice
from clinic.models.practice import InvoiceCreation
from clinic.practice import settings
from clinic.views import billing_documents
from tests.browser.conftest import enter
from tests.night_fixtures import gateway, stand_in
from tests.night_stage import at, give, invoices_of, paid_charges

__all__ = ["gateway", "stand_in"]
ZONE = "America/New_York"
HERE = ZoneInfo(ZONE)


@pytest.fixture
def free_port():
    with_port = make_server("localhost", 0, lambda *_: [])
    port = with_port.server_port
    with_port.server_close()
    return port


@pytest.fixture
def config(config, stand_in, free_port):
    """Keep cards at the stand-in, and be found where this practice is served: the hosted page sends people back."""
    return replace(
        config, STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stand_in.url, BASE_URL=f"http://localhost:{free_port}"
    )


@pytest.fixture
def served(app, free_port):
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("localhost", free_port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{free_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def today() -> date:
    return datetime.now(HERE).date()


class Reader:
    """Do what the article says, in one browser."""

    def __init__(self, page: Page, served: str, cast, today: date) -> None:
        self.page, self.served, self.cast, self.today = page, served, cast, today

    def item(self, person: str, nth: int = 0) -> Locator:
        """Navigate to the calendar; find the appointment."""
        self.page.goto(f"{self.served}/calendar/week?day={self.today}&practitioner={self.cast.pat_id}")
        return self.page.locator(".item", has_text=person).nth(nth)

    def create_invoice_and_add_payment(self, person: str, nth: int = 0) -> None:
        """Select the appointment; click Create Invoice & Add Payment."""
        self.item(person, nth).click()
        self.page.get_by_role("button", name="Create Invoice & Add Payment").click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Invoice INV-")

    def pay_by(self, method: str, button: str) -> None:
        """Select a payment method; click the button, which says what it does."""
        pay = self.page.locator("form.pay")
        expect(pay.locator("[name=method]:checked")).to_have_count(0)  # the first payment preselects nothing
        pay.get_by_role("radio", name=re.compile(f"^{method}")).check()
        pay.get_by_role("button", name=button, exact=True).click()
        expect(self.page.locator("main header.head").first).to_contain_text("Paid")

    def billing(self, person: str) -> None:
        """Open the client's billing overview."""
        self.page.get_by_role("link", name="Clients", exact=True).first.click()
        self.page.get_by_role("link", name=person).first.click()
        self.page.get_by_role("link", name="Billing", exact=True).click()


@pytest.mark.parametrize(
    ("database", "javascript"),
    [("sqlite", True), ("postgresql", False)],
    ids=["sqlite-javascript", "postgresql-plain"],
    indirect=["database"],
)
def test_the_article_holds(visit, app, served, cast, write, rows, stand_in, gateway, today, javascript, monkeypatch):
    monkeypatch.setattr(billing_documents, "FIRST_STEPS", timedelta(minutes=1))  # a series at once, on a busy machine too
    with write() as session:
        for hour in (9, 11):
            give(session, cast, day=today, hour=hour, zone=ZONE)
        for hour in (10, 13):
            give(session, cast, client_id=cast.otto_id, day=today, hour=hour, zone=ZONE)
    with visit(javascript=javascript) as page:
        enter(page, served, "olga")
        reader = Reader(page, served, cast, today)
        _generates_daily_invoices(reader, rows)
        _keeps_a_card(reader)
        _adds_payments_at_the_time_of_service(reader, stand_in)
        _enrolls_in_autopay(reader)
        _makes_the_invoices_and_charges_at_night(app, gateway, stand_in, rows, cast, today)
        _downloads_and_prints(reader, rows)
        _exports_and_prints_a_series(reader)


def _generates_daily_invoices(reader: Reader, rows) -> None:
    page = reader.page
    page.get_by_role("link", name="Settings", exact=True).first.click()
    page.get_by_role("link", name="Client billing and insurance").first.click()
    page.get_by_role("link", name="Client billing documents").first.click()
    creation = page.get_by_role("group", name="Invoice Creation")
    expect(creation.get_by_role("radio", name=re.compile("^Manually"))).to_be_checked()
    creation.get_by_role("radio", name=re.compile("^Daily")).check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("group", name="Invoice Creation").get_by_role("radio", name=re.compile("^Daily"))).to_be_checked()
    with rows() as session:
        practice = settings.practice(session)
        assert (practice.invoice_creation, practice.daily_from_date) == (InvoiceCreation.DAILY, reader.today)


def _keeps_a_card(reader: Reader) -> None:
    page = reader.page
    reader.billing("Cleo Abernathy")
    page.get_by_role("button", name="Add card").click()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry (MM / YY)").fill("08 / 40")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Save card").click()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("main")).to_contain_text("kept at Stripe")


def _adds_payments_at_the_time_of_service(reader: Reader, stand_in) -> None:
    page = reader.page
    reader.create_invoice_and_add_payment("Cleo Abernathy")
    reader.pay_by("Online card on file", "Charge $150")
    assert [charge["amount"] for charge in paid_charges(stand_in)] == [15_000]
    reader.create_invoice_and_add_payment("Otto Brandt")
    reader.pay_by("Cash", "Add $150 payment")
    for person in ("Cleo Abernathy", "Otto Brandt"):
        reader.item(person).click()
        flyout = page.locator("#flyout")
        expect(flyout).to_contain_text("INV-")
        expect(flyout).to_contain_text("Paid")


def _enrolls_in_autopay(reader: Reader) -> None:
    page = reader.page
    reader.billing("Cleo Abernathy")
    # The billing overview is reviewed first: what is on no invoice yet stands there.
    expect(page.locator("main")).to_contain_text("Uninvoiced")
    expect(page.locator("main")).to_contain_text("$150.00")
    page.get_by_role("link", name="Enroll in AutoPay").click()
    expect(page.locator("main")).to_contain_text("12 AM and 6 AM")
    page.get_by_label("Who consented").fill("Cleo Abernathy, in person")
    page.get_by_label("They have read this text and agree").check()
    page.get_by_role("button", name="Enroll in AutoPay").click()
    expect(page.locator("main")).to_contain_text("Leave AutoPay")


def _makes_the_invoices_and_charges_at_night(app, gateway, stand_in, rows, cast, today) -> None:
    tomorrow = today + timedelta(days=1)
    charged_before = len(paid_charges(stand_in))
    with app.app_context():
        tick(gateway, at(clock.instant_at(today, time(23, 59), ZONE)))
    with rows() as session:
        assert invoices_of(session) == []
    assert len(paid_charges(stand_in)) == charged_before
    with app.app_context():
        for hour in (0, 3, 6):
            tick(gateway, at(clock.instant_at(tomorrow, time(hour, 30), ZONE)))
    with rows() as session:
        made = invoices_of(session)
        # Of each client the session that was invoiced by hand is left alone, and the other one is billed.
        assert sorted((each.client_id, each.total_cents, each.issue_date) for each in made) == sorted(
            (client_id, 15_000, today) for client_id in (cast.cleo_id, cast.otto_id)
        )
        assert session.query(Invoice).count() == 4
    # Cleo is charged her full balance once; Otto is not in AutoPay.
    assert [charge["amount"] for charge in paid_charges(stand_in)[charged_before:]] == [15_000]


def _downloads_and_prints(reader: Reader, rows) -> None:
    page = reader.page
    with rows() as session:
        hers = next(each.id for each in invoices_of(session) if each.client_id == reader.cast.cleo_id)
    page.goto(f"{reader.served}/invoices/{hers}")
    expect(page.locator("main header.head").first).to_contain_text("Paid")
    title = page.get_by_role("heading", level=1).bounding_box()
    icons = [page.get_by_role("link", name=name, exact=True) for name in ("Print", "Download")]
    for icon in icons:
        box = icon.bounding_box()
        assert box
        assert title
        # At the top right of the invoice: beside its title, at the end of that line.
        assert abs(box["y"] + box["height"] / 2 - title["y"] - title["height"] / 2) < 40
        assert box["x"] > title["x"] + title["width"]
        expect(icon.locator(".i")).to_have_count(1)
    with page.expect_download() as download:
        icons[1].click()
    assert download.value.suggested_filename.endswith(".pdf")
    assert download.value.path().read_bytes().startswith(b"%PDF")
    with page.context.expect_page() as opened:
        icons[0].click()
    paper = opened.value
    expect(paper.locator("body")).to_contain_text("Paid")
    expect(paper.locator("body")).to_contain_text("Online card ending 4242")


def _exports_and_prints_a_series(reader: Reader) -> None:
    page = reader.page
    reader.billing("Cleo Abernathy")
    page.get_by_role("link", name="Billing documents", exact=True).click()
    page.get_by_role("link", name="This year").click()
    listed = page.locator("table tbody tr").filter(has_text=re.compile("^(Invoice|Receipt)")).count()
    assert listed >= 3
    page.get_by_role("button", name="Download zip").click()
    expect(page.locator("main [role=status]")).to_contain_text(f"{listed} documents are ready.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == listed
        assert archive.testzip() is None
    page.get_by_role("link", name="Back to Billing documents").click()
    page.get_by_label("Receipts").uncheck()
    with page.expect_response(lambda answer: answer.url.endswith("/pdf")) as opened:
        page.get_by_role("button", name="Print").click()
    assert opened.value.headers["content-type"] == "application/pdf"
