"""A client pays what is owed in the portal, leaves AutoPay and takes the card away, with JavaScript and without."""

# ruff: noqa: F811

import pytest
from playwright.sync_api import expect

from clinic.billing import cards, enrolments, ledger
from clinic.kernel import clock
from tests.browser.test_article_3_time_of_session_billing import config, free_port, served  # noqa: F401
from tests.night_fixtures import stand_in  # noqa: F401
from tests.night_stage import enrolled, paid_charges, with_card
from tests.portal import doors
from tests.portal.test_own_bills import billed


@pytest.mark.parametrize(
    ("database", "javascript", "width"),
    [("sqlite", True, 390), ("postgresql", False, 1440)],
    ids=["sqlite-javascript", "postgresql-plain"],
    indirect=["database"],
)
def test_a_client_pays_leaves_autopay_and_removes_the_card(visit, served, cast, write, rows, stand_in, javascript, width):
    with write() as session:
        billed(session, cast, cast.cleo_payer_id, cast.cleo_id)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
        access = doors.granted(session, cast, cast.cleo_id, doors.ADDRESSES["cleo"], clock.now())
        token = doors.link_to(session, cast, access, clock.now())
    with visit(javascript=javascript, width=width) as page:
        page.goto(f"{served}/portal/link/{token}")
        page.get_by_role("button").first.click()
        expect(page.locator(".figs")).to_contain_text("$150.00")
        page.get_by_role("link", name="Pay now").click()
        page.get_by_role("button", name="Pay now $150.00").click()
        page.get_by_label("Card number").fill("4242 4242 4242 4242")
        page.get_by_label("Expiry (MM / YY)").fill("08 / 40")
        page.get_by_label("CVC").fill("123")
        page.get_by_role("button", name="Pay").click()
        expect(page.locator("#toasts")).to_contain_text("Thank you. $150.00 is paid for your balance.")
        expect(page.locator("main")).to_contain_text("Paid")
        page.get_by_role("link", name="INV-0001").click()
        expect(page.locator(".doc .stamp")).to_contain_text("Online card ending 4242")

        page.get_by_role("link", name="Cards", exact=True).click()
        page.get_by_role("button", name="Leave AutoPay").click()
        expect(page.locator("#toasts")).to_contain_text("You have left AutoPay.")
        page.get_by_role("link", name="Remove the card ending 4242").click()
        page.get_by_role("button", name="Remove this card").click()
        expect(page.locator("main")).to_contain_text("No card is kept.")
    assert [charge["amount"] for charge in paid_charges(stand_in)] == [15_000]
    with rows() as session:
        assert ledger.payer_balance_cents(session, cast.cleo_payer_id) == 0
        assert enrolments.live(session, cast.cleo_payer_id) is None
        assert cards.default(session, cast.cleo_payer_id) is None
