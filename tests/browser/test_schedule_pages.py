"""Team day of twelve, month, day sheet and feed in a real browser: what scrolls, what stays, what axe finds."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from clinic.calendar import booking
from clinic.models.calendar import Item, ItemKind
from clinic.models.practice import Practitioner
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW, PASSWORD, email

WIDTHS = (390, 1024, 1440)
PAGES = (
    "/calendar/month?day=2026-11-18", "/calendar/month?day=2026-11-18&practitioner=0", "/calendar/sheet?day=2026-11-18",
    "/calendar/team?day=2026-11-18", "/calendar/week?day=2026-11-18&void=0",
)  # fmt: skip


@pytest.fixture
def address(served, cast, write) -> str:
    """Serve a practice of twelve practitioners with something on the Wednesday; return where."""
    with write() as session:
        session.add_all(Practitioner(name=f"Wilhelmina Katsaros-{number}", colour=number) for number in range(10))
        for hour in (9, 10, 11, 13):
            booking.book(session, cast.fay, therapy(cast, at(hour)), NOW)
        booking.book(session, cast.fay, review(cast, at(14)), NOW)
        booking.book(session, cast.fay, call(cast, at(14), is_busy=False), NOW)
        session.add(Item(kind=ItemKind.EVENT, practitioner_id=cast.piet_id, title="Supervision", starts_at=at(12),
                         ends_at=at(13), created_at=NOW, changed_at=NOW))  # fmt: skip
    return served


def signed_in(chromium: Browser, address: str, name: str, width: int) -> Page:
    """Open a browser of that width in which somebody has signed in."""
    page = chromium.new_context(viewport={"width": width, "height": 768}).new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail").fill(email(name))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    return page


def test_a_team_day_of_twelve_scrolls_sideways_while_heads_feet_and_hours_stay(chromium, address):
    page = signed_in(chromium, address, "fay", 1024)
    page.goto(f"{address}/calendar/team?day=2026-11-18")
    found = page.evaluate("""() => {
        const cal = document.querySelector(".cal");
        cal.scrollTo(900, 150);
        const box = (what) => document.querySelector(what).getBoundingClientRect();
        const frame = cal.getBoundingClientRect();
        return {
            overflows: cal.scrollWidth > cal.clientWidth, page: document.documentElement.scrollWidth,
            moved: [cal.scrollLeft, cal.scrollTop], head: box(".day-head").top - frame.top,
            foot: frame.top + cal.clientTop + cal.clientHeight - box(".day-foot").bottom,
            hours: box(".hours").left - frame.left, columns: document.querySelectorAll(".day").length,
            corner: document.elementFromPoint(20, frame.top + 20).className,
        };
    }""")
    assert found["columns"] == 12
    assert found["overflows"]
    assert found["page"] == 1024
    assert found["moved"] == [900, 150]
    assert abs(found["head"] - 1) <= 1
    assert abs(found["foot"]) <= 1
    assert found["hours"] == 0
    assert found["corner"] == "hours"
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_these_pages_fit_every_width_and_axe_finds_nothing(chromium, address, cast, width):
    page = signed_in(chromium, address, "pat", width)
    with_legend = page.get_by_role("button", name="What the signs mean")
    with_legend.click()
    page.get_by_text("invoiced, unpaid").wait_for()
    for path in (*PAGES[:1], PAGES[2], PAGES[4], f"/calendar/feeds/{cast.pat_id}"):
        check(page, address + path, width)
    page.locator("form[action$=reset] button").click()
    assert re.fullmatch(rf"{re.escape('http://localhost')}/feeds/[\w-]{{43}}\.ics", page.get_by_label("Address").input_value())
    check(page, None, width)
    page.context.close()
    page = signed_in(chromium, address, "fay", width)
    for path in (PAGES[1], PAGES[3]):
        check(page, address + path, width)
    page.context.close()


def test_the_legend_opens_in_its_place_and_is_remembered(chromium, address):
    page = signed_in(chromium, address, "fay", 1440)
    page.evaluate("window.here = true")
    page.get_by_role("button", name="What the signs mean").click()
    page.get_by_text("invoiced, unpaid").wait_for()
    assert page.evaluate("window.here"), "no reload"
    page.reload()
    assert page.get_by_text("invoiced, unpaid").is_visible()
    page.get_by_role("button", name="Hide the signs").click()
    page.get_by_role("button", name="What the signs mean").wait_for()
    page.context.close()


def test_on_a_phone_the_month_is_a_list_of_the_days_that_hold_something(chromium, address):
    page = signed_in(chromium, address, "pat", 390)
    page.goto(f"{address}/calendar/month?day=2026-11-18")
    days = [cell for cell in page.locator(".month td").all() if cell.is_visible()]
    assert [cell.locator("h2 a").get_attribute("aria-label") for cell in days] == ["Wednesday, November 18, 2026"]
    days[0].get_by_role("link", name="+3 more").click()
    page.wait_for_url(re.compile(r"/calendar/day\?day=2026-11-18"))
    page.context.close()


def test_on_a_phone_nothing_covers_the_way_back_from_an_appointments_own_page(chromium, address):
    page = signed_in(chromium, address, "pat", 390)
    page.goto(f"{address}/calendar/day?day=2026-11-18")
    page.goto(address + (page.locator("a[href^='/calendar/items/']").first.get_attribute("href") or ""))
    page.get_by_role("link", name="Back to the calendar").click(timeout=5_000)  # refused where something lies over it
    page.wait_for_url(re.compile("/calendar/week"))
    page.context.close()


def test_on_a_phone_the_flyout_of_the_weeks_last_days_is_in_sight_too(chromium, address, cast, write):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW)  # a Friday: leftwards on a wide page
    page = signed_in(chromium, address, "pat", 390)
    page.goto(f"{address}/calendar/week?day=2026-11-20")
    page.locator(".day-head a[href$='-2026-11-20']").first.click()
    page.locator("#column-1-2026-11-20 a.item").click()
    leaf = page.locator("#flyout .leaf:not(.wait)")
    leaf.wait_for()
    assert (leaf.bounding_box() or {}).get("x") == 0
    page.context.close()


def check(page: Page, path: str | None, width: int) -> None:
    """Open a page, if it is not open, and see that nothing sticks out and axe has nothing to say."""
    if path is not None:
        page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    found = Axe().run(page)
    assert found.violations_count == 0, f"{path}: {found.generate_report()}"
