"""Every page of the calendar and every state of it, light and dark: axe finds nothing to mend."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from clinic.calendar import booking, statuses
from clinic.calendar.booking import Move, Wanted
from clinic.models.calendar import Status
from tests.browser.conftest import enter
from tests.cast import NOW

HERE = ZoneInfo("America/New_York")


@pytest.fixture
def wednesday() -> date:
    """Return a Wednesday to come."""
    today = datetime.now(HERE).date()
    return today + timedelta(days=9 - today.weekday())


@pytest.fixture
def item_ids(write, cast, wednesday) -> list[int]:
    """Stand a session, one beside it that is cancelled, a Free and a Busy Activity on that Wednesday."""

    def at(hour: int) -> datetime:
        return datetime.combine(wednesday, time(hour), HERE).astimezone(UTC)

    with write() as session:
        wishes = (
            Wanted(cast.therapy_id, cast.pat_id, at(10), 50, cast.cleo_id, notes="Near the window"),
            Wanted(cast.therapy_id, cast.pat_id, at(12), 50, cast.otto_id),
            Wanted(cast.call_id, cast.pat_id, at(14), 20, cast.cleo_id, is_busy=False),
            Wanted(cast.case_review_id, cast.pat_id, at(15), 40, group_id=cast.couple_id),
        )
        ids = [booking.book(session, cast.olga, wanted, NOW).id for wanted in wishes]
        statuses.set_status(session, cast.olga, ids[1], Status.CANCELLED_BY_CLIENT, NOW)
    return ids


def findings(page: Page) -> str:
    """Return what axe finds wrong with what is shown."""
    expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


def test_axe_finds_nothing_in_any_state_of_the_calendar(visit, served, cast, write, item_ids, wednesday):
    session_id = item_ids[0]
    with visit() as page:
        enter(page, served, "olga")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)

            def check(state: str, theme: str = theme) -> None:
                assert findings(page) == "", f"{state}, {theme}"

            for view in ("week", "day", "team", "month"):
                page.goto(f"{served}/calendar/{view}?day={wednesday}&practitioner={cast.pat_id}")
                check(view)
            page.goto(f"{served}/calendar/new")
            check("Add New")
            week = f"{served}/calendar/week?day={wednesday}&practitioner={cast.pat_id}"
            page.goto(week)
            page.locator(f"#column-{cast.pat_id}-{wednesday} .slot", has_text="3:00").dispatch_event("click")
            expect(page.get_by_role("heading", name="Book")).to_be_visible()
            check("the in-line form")
            with page.expect_response("**/fields*"):
                page.locator("#book").get_by_label("Appointment type").select_option(str(cast.intake_id))
            expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
            page.locator("#book").get_by_label("Client or group").fill("Otto Brandt")
            with page.expect_response("**/fields*"):
                page.locator("#book").get_by_label("Client or group").blur()
            check("the in-line form filled in")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("alert")).to_contain_text("Taken")
            check("taken, 409")
            page.goto(week)
            page.locator(f"#item-{session_id}").click()
            expect(page.get_by_role("link", name="Move", exact=True)).to_be_visible()
            check("the flyout")
            for face in ("Edit", "Move", "Cancel", "Delete"):
                page.get_by_role("link", name=face, exact=True).click()
                expect(page.locator("#flyout").get_by_role("heading", name=face)).to_be_visible()
                check(face)
                page.goto(week)
                page.locator(f"#item-{session_id}").click()
                expect(page.get_by_role("link", name="Move", exact=True)).to_be_visible()
            page.get_by_role("link", name="Move", exact=True).click()
            page.get_by_label("Start").fill("16:00")
            with write() as session:
                item = booking.item_for(session, cast.olga, session_id)
                to = Move(item.starts_at + timedelta(hours=1 if theme == "light" else -1))
                booking.move(session, cast.olga, session_id, to, NOW, version=item.version)
            page.locator("#flyout button.primary").click()
            expect(page.get_by_role("region", name="Both versions")).to_be_visible()
            check("both versions, 409")
