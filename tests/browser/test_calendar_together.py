"""Two people in one calendar: news comes by itself and takes nothing away; an item is dragged; all of it by keyboard too."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from clinic.calendar import booking
from clinic.calendar.booking import Move, Wanted
from clinic.models.calendar import Item
from tests.browser.conftest import enter, settled
from tests.cast import NOW

HERE = ZoneInfo("America/New_York")
NEWS_MS_MAX = 16_000  # the page asks every 15 seconds


@pytest.fixture
def wednesday() -> date:
    """Return a Wednesday to come, of a week in which the clocks do not change."""
    today = datetime.now(HERE).date()
    day = today + timedelta(days=9 - today.weekday())
    return day if day.month not in (3, 11) else day + timedelta(days=14)


@pytest.fixture
def book(write, cast, wednesday) -> Callable[..., int]:
    """Book Cleo, or whom it names, at an hour of that Wednesday; return the item."""

    def booked(hour: int, client_id: int | None = None, practitioner_id: int | None = None) -> int:
        with write() as session:
            starts_at = datetime.combine(wednesday, time(hour), HERE).astimezone(UTC)
            wanted = Wanted(
                cast.therapy_id,
                practitioner_id or cast.pat_id,
                starts_at,
                50,
                client_id or cast.cleo_id,
                overrides_warnings=True,
            )
            return booking.book(session, cast.olga, wanted, NOW).id

    return booked


def week(page: Page, served: str, cast, day: date, view: str = "week") -> None:
    """Open that week of Pat's, signed in as Fay."""
    enter(page, served)
    page.goto(f"{served}/calendar/{view}?day={day}&practitioner={cast.pat_id}")


def starts(rows, item_id: int) -> tuple[str, int]:
    """Return when the item starts, by the practice's clock, and with whom."""
    with rows() as session:
        item = session.get_one(Item, item_id)
        return f"{item.starts_at.astimezone(HERE):%Y-%m-%d %H:%M}", item.practitioner_id


def grab(page: Page, item_id: int) -> tuple[float, float]:
    """Press the mouse on an item, and return where."""
    box = page.locator(f"#item-{item_id}").bounding_box()
    assert box
    x, y = box["x"] + 20, box["y"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def ask(page: Page) -> None:
    """Have the page ask for news, as its own clock does every 15 seconds."""
    page.evaluate("htmx.trigger('#live', 'live')")


def news(page: Page) -> None:
    """Ask for news and wait until what is new can be pressed, not only seen."""
    with settled(page):
        ask(page)


def test_news_arrives_within_fifteen_seconds_and_takes_nothing_away(visit, served, cast, book, wednesday):
    first = book(10)
    with visit() as page:
        week(page, served, cast, wednesday)
        page.locator(f"#column-{cast.pat_id}-{wednesday} .slot", has_text="3:00").click()
        page.get_by_label("Client or group").fill("Otto Bra")
        with page.expect_response("**/fields*"):
            page.get_by_text("More options").click()
        expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        if not page.get_by_label("Notes, staff only").is_visible():
            page.get_by_text("More options").click()
        page.get_by_label("Notes, staff only").fill("half a sen")
        scrolled = page.evaluate("scrollTo(0, 120), scrollY")
        book(12, cast.otto_id)
        expect(page.locator(".item")).to_have_count(2, timeout=NEWS_MS_MAX)
        expect(page.get_by_label("Client or group")).to_have_value("Otto Bra")
        expect(page.get_by_label("Notes, staff only")).to_be_focused()
        assert page.evaluate("scrollY") == scrolled
        page.keyboard.type("tence")
        expect(page.get_by_label("Notes, staff only")).to_have_value("half a sentence")
        page.locator(".item", has_text="Otto Brandt").click()
        expect(page.get_by_role("heading", name="Otto Brandt")).to_be_visible()
        assert first


def test_a_hidden_tab_does_not_ask_and_asks_at_once_when_it_is_seen_again(visit, served, cast, book, wednesday):
    with visit() as page:
        week(page, served, cast, wednesday)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/changes" in request.url else None)
        page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
        ask(page)
        book(10)
        page.wait_for_timeout(300)
        assert asked == []
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".item")).to_have_count(1)
        assert len(asked) == 1


def test_news_beside_an_open_flyout_leaves_it_and_the_focus_alone(visit, served, cast, book, write, wednesday):
    item_id = book(10)
    with visit() as page:
        week(page, served, cast, wednesday)
        page.locator(f"#item-{item_id}").focus()
        book(14, cast.otto_id)
        news(page)
        expect(page.locator(".item")).to_have_count(2)
        expect(page.locator(f"#item-{item_id}")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Move")).to_be_visible()
        expect(page.locator(".leaf:focus, .leaf :focus")).to_be_visible()
        focused = page.evaluate("document.activeElement.outerHTML")
        with write() as session:
            booking.move(session, cast.olga, item_id, Move(_at(wednesday, 12)), NOW, version=1)
        news(page)
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("12:00")
        expect(page.get_by_role("link", name="Move")).to_be_visible()
        assert page.evaluate("document.activeElement.outerHTML") == focused


def test_an_item_is_dragged_to_another_day_and_time(visit, served, cast, rows, book, wednesday):
    item_id = book(10)
    with visit() as page:
        week(page, served, cast, wednesday)
        x, y = grab(page, item_id)
        friday = page.locator(f"#column-{cast.pat_id}-{wednesday + timedelta(days=2)} .body").bounding_box()
        page.mouse.move(x + 30, y + 30, steps=3)
        page.mouse.move(friday["x"] + 30, y + 72 * 2 + 20, steps=5)
        page.mouse.up()
        expect(
            page.locator(f"#column-{cast.pat_id}-{wednesday + timedelta(days=2)} #item-{item_id}:not(.dragged)")
        ).to_be_visible()
        expect(page.locator(f"#item-{item_id}")).to_have_count(1)
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("12:15")
        expect(page.locator(".place")).to_have_count(0)
        assert starts(rows, item_id) == (f"{wednesday + timedelta(days=2)} 12:15", cast.pat_id)
        page.locator(f"#item-{item_id}").click()
        expect(page.get_by_role("heading", name="Cleo Abernathy")).to_be_visible()


def test_a_drag_onto_a_taken_time_goes_back_and_opens_the_move_form(visit, served, cast, rows, book, wednesday):
    item_id, _other = book(10), book(13, cast.otto_id)
    with visit() as page:
        week(page, served, cast, wednesday)
        x, y = grab(page, item_id)
        page.mouse.move(x, y + 72 * 3, steps=6)
        page.mouse.up()
        expect(page.get_by_role("heading", name="Move Cleo Abernathy")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("Otto Brandt")
        expect(page.get_by_label("Start")).to_have_value("13:00")
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("10:00")
        expect(page.locator(f"#item-{item_id}")).to_have_count(1)
    assert starts(rows, item_id)[0].endswith("10:00")


def test_a_drag_over_a_colleagues_change_is_refused_with_both_versions(visit, served, cast, rows, write, book, wednesday):
    item_id = book(10)
    with visit() as page:
        week(page, served, cast, wednesday)
        x, y = grab(page, item_id)
        with write() as session:
            booking.move(session, cast.olga, item_id, Move(_at(wednesday, 15)), NOW, version=1)
        page.mouse.move(x, y + 72, steps=4)
        page.mouse.up()
        both = page.get_by_role("region", name="Both versions")
        expect(both.get_by_role("row", name="Start")).to_contain_text("11:00 am")
        expect(both.get_by_role("row", name="Start")).to_contain_text("3:00 pm")
        page.get_by_role("button", name="Move as I typed").click()
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("11:00")
    assert starts(rows, item_id)[0].endswith("11:00")


def test_in_the_team_day_an_item_is_dragged_to_a_colleague_and_escape_of_the_line_puts_it_back(
    visit, served, cast, rows, book, wednesday
):
    item_id = book(10)
    with visit() as page:
        week(page, served, cast, wednesday, "team")
        x, y = grab(page, item_id)
        piet = page.locator(f"#column-{cast.piet_id}-{wednesday} .body").bounding_box()
        page.mouse.move(x + 30, y, steps=2)
        page.mouse.move(piet["x"] + 40, y, steps=4)
        page.mouse.up()
        expect(page.locator(f"#column-{cast.piet_id}-{wednesday} #item-{item_id}:not(.dragged)")).to_be_visible()
        expect(page.locator(f"#column-{cast.pat_id}-{wednesday} .item")).to_have_count(0)
        page.route("**/move", lambda route: route.abort())
        x, y = grab(page, item_id)
        page.mouse.move(x, y + 144, steps=4)
        page.mouse.up()
        expect(page.get_by_role("alert")).to_contain_text("The line dropped")
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("10:00")
        expect(page.locator(".dragged")).to_have_count(0)
    assert starts(rows, item_id) == (f"{wednesday} 10:00", cast.piet_id)


def test_a_day_is_booked_opened_moved_and_cancelled_by_keyboard_alone(visit, served, cast, rows, wednesday):
    with visit() as page:
        week(page, served, cast, wednesday)
        keys = page.keyboard
        _tab_to(page, f'a[href="/calendar/{cast.pat_id}/{wednesday}/book"]')
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Book")).to_be_visible()
        _tab_to(page, "[name=person]")
        keys.type("Otto Brandt")
        _tab_to(page, "[name=starts_at]")
        keys.type("0230PM")
        _tab_to(page, "button.primary")
        keys.press("Enter")
        item = page.locator(".item", has_text="Otto Brandt")
        expect(item).to_be_visible()
        with rows() as session:
            (item_id,) = [each.id for each in session.query(Item)]
        _tab_to(page, f"#item-{item_id}")
        keys.press("ArrowUp")
        expect(page.locator(".slot:focus")).to_be_visible()
        keys.press("ArrowDown")
        expect(item).to_be_focused()
        keys.press("Enter")
        expect(page.get_by_role("link", name="Move")).to_be_visible()
        _in_hand(page)
        keys.press("m")
        expect(page.get_by_role("heading", name="Move Otto Brandt")).to_be_visible()
        _tab_to(page, "#flyout [name=starts_at]")
        keys.type("0400PM")
        keys.press("Enter")
        expect(page.locator(f"#item-{item_id} .at")).to_contain_text("4:00")
        assert starts(rows, item_id)[0].endswith("16:00")
        expect(page.get_by_role("link", name="Move")).to_be_visible()
        _tab_to(page, '#flyout a[href$="/cancel"]')
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Cancel")).to_be_visible()
        _tab_to(page, "#flyout [name=status]")
        keys.press("Space")
        _tab_to(page, "#flyout button.primary, #flyout button.danger")
        keys.press("Enter")
        expect(page.locator(f"#item-{item_id}.void")).to_be_visible()
        keys.press("Escape")
        expect(page.locator(".place")).to_have_count(0)
        expect(item).to_be_focused()


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), HERE).astimezone(UTC)


def _tab_to(page: Page, what: str, most: int = 120) -> None:
    """Press Tab until it has the focus; fail when the keyboard cannot reach it."""
    _in_hand(page)
    for _ in range(most):
        if page.evaluate("what => document.activeElement.matches(what)", what):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {what}")


def _in_hand(page: Page) -> None:
    """Wait until htmx has taken in hand what it swapped in: before that a link or form is followed as on a plain page."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
