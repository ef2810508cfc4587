"""The portal in a real browser: in by a link without JavaScript, every page at a phone's width, and nothing for axe to find."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from clinic.calendar import booking
from clinic.kernel import clock
from clinic.people import portal_access
from tests.browser.conftest import too_small
from tests.calendar.stage import review, therapy
from tests.portal import doors
from tests.portal.test_own_appointments import soon

CLEO = doors.ADDRESSES["cleo"]
PAGES = ("/portal/", "/portal/appointments", "/portal/appointments?which=past", "/portal/details", "/portal/choose")


@pytest.fixture
def links(write, cast):
    """Let Cleo in, with a session to come and an Activity beside it, and return the links she is mailed."""
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, soon(6)), clock.now())
        booking.book(session, cast.fay, review(cast, soon(7)), clock.now())
        for client_id in (cast.cleo_id, cast.otto_id):
            access = doors.granted(session, cast, client_id, CLEO, clock.now())
        return [doors.link_to(session, cast, access, clock.now()) for _ in range(2)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_client_gets_in_moves_and_cancels_on_a_phone_without_javascript(visit, served, links):
    with visit(javascript=False, width=390, height=844) as page:
        page.goto(f"{served}/portal/appointments")
        page.get_by_label("Your e-mail address").fill(CLEO)
        page.get_by_role("button", name="Send me a link").click()
        expect(page.get_by_role("main")).to_contain_text("No mail leaves Quillmere just now, so no link can be sent.")
        page.goto(f"{served}/portal/link/{links[0]}?next=/portal/appointments")
        page.get_by_role("button", name="Open my page").click()
        page.get_by_role("button", name="Cleo Abernathy").click()
        expect(page).to_have_url(f"{served}/portal/appointments")
        expect(page.locator(".own li")).to_have_count(1)
        page.get_by_role("link", name=re.compile("^Move")).click()
        page.get_by_role("link", name="The month after").click()
        page.locator(".days a").last.click()
        page.locator(".pick label").first.click()
        page.get_by_role("button", name="Move to this time").click()
        expect(page.locator(".toast")).to_contain_text("Moved.")
        page.get_by_role("link", name=re.compile("^Cancel")).click()
        expect(page.get_by_role("main")).to_contain_text("Cancelling it costs nothing.")
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_text("No appointment is booked.")).to_be_visible()
        page.locator(".me summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{served}/portal/sign-in")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_page_of_the_portal_fits_and_axe_finds_nothing(visit, served, links, write, cast):
    with visit(width=390, height=844) as page:
        page.goto(f"{served}/portal/sign-in")
        check(page)
        page.goto(f"{served}/portal/link/{links[1]}")
        check(page)
        page.get_by_role("button", name="Open my page").click()
        page.get_by_role("button", name="Cleo Abernathy").click()
        acts = [a.get_attribute("href") or "" for a in page.get_by_role("link", name=re.compile("^(Move|Cancel)")).all()]
        assert len(acts) == 2
        for theme, width in (("light", 390), ("dark", 1440)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 844})
            for path in (*PAGES, *acts):
                page.goto(f"{served}{path}")
                check(page)
        page.goto(f"{served}{acts[0]}")
        page.locator(".pick label").first.click()
        with write() as session:
            (access,) = [one for one in portal_access.of_client(session, cast.cleo_id) if one.email == CLEO]
            portal_access.end(session, cast.fay, cast.cleo_id, access.id, clock.now())
        page.get_by_role("button", name="Move to this time").click()
        expect(page).to_have_url(re.compile("/portal/sign-in"))


def check(page: Page) -> None:
    """Nothing sticks out sideways, nothing is too small for a phone, and axe finds nothing."""
    if (page.viewport_size or {})["width"] == 390:
        assert too_small(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    found = Axe().run(page)
    assert not found.violations_count, f"{page.url}: {found.generate_report()}"
