"""The article "How to book and invoice Activities", followed word by word, with JavaScript and without."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from clinic.calendar import types
from clinic.models.calendar import AppointmentType, Item, ItemKind
from clinic.practice import once
from tests.browser.conftest import enter
from tests.cast import NOW

HERE = ZoneInfo("America/New_York")
# The two checkboxes are independent: four Activities.
LOCKS = [(False, False), (False, True), (True, False), (True, True)]


@pytest.fixture
def wednesday() -> date:
    """Return a Wednesday to come, of a week in which the clocks do not change."""
    today = datetime.now(HERE).date()
    day = today + timedelta(days=9 - today.weekday())
    return day if day.month not in (3, 11) else day + timedelta(days=14)


class Reader:
    """Do what the article says, in one browser."""

    def __init__(self, page: Page, served: str, cast, day: date, *, javascript: bool) -> None:
        self.page, self.served, self.cast, self.day, self.javascript = page, served, cast, day, javascript

    def week(self) -> None:
        """Open the week."""
        self.page.goto(f"{self.served}/calendar/week?day={self.day}&practitioner={self.cast.pat_id}")

    def click_on(self, at: time) -> None:
        """Click on a day and time in the calendar itself."""
        self.week()
        slot = self.page.locator(f"#column-{self.cast.pat_id}-{self.day} a.slot[href*='at={at:%H:%M}']")
        box = slot.bounding_box()
        assert box
        slot.click(position={"x": box["width"] - 5, "y": 8})  # the strip beside the items
        expect(self.page.get_by_role("heading", name="Book ")).to_be_visible()

    def choose(self, type_id: int, person: str) -> None:
        """Choose the type and the client or group; the form adapts to both."""
        form = self.page.locator("form.form")
        form.get_by_label("Appointment type").select_option(str(type_id))
        self._adapt()
        form.get_by_label("Client or group").fill(person)
        self._adapt()

    def _adapt(self) -> None:
        if not self.javascript:
            self.page.get_by_role("button", name="Show fields for this type").click()
            return
        with self.page.expect_response("**/fields*"):
            self.page.keyboard.press("Tab")
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)

    def mark(self, word: str) -> None:
        """Mark the time in the diary as Free or Busy, and save."""
        self.page.get_by_label(word, exact=True).check()
        self.page.get_by_role("button", name="Save", exact=True).click()

    def add_type(self, name: str, *, flexible_duration: bool, flexible_rate: bool) -> None:
        """Add the Activity appointment type in the Calendar Settings > Appointment Types."""
        page = self.page
        self.week()
        page.get_by_role("link", name="Calendar Settings").click()
        page.get_by_role("link", name="Appointment Types").first.click()
        page.get_by_role("link", name="Add a type").click()
        page.locator("[name=kind][value=activity]").check()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Pre-set duration, minutes").fill("30")
        page.get_by_label("Own rate", exact=True).fill("80")
        for at, wanted in enumerate((flexible_duration, flexible_rate)):
            page.get_by_label("Allow flexibility").nth(at).set_checked(wanted)
        page.get_by_role("button", name="Add type").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_the_article_holds(visit, served, cast, rows, wednesday, javascript):
    with visit(javascript=javascript) as page:
        enter(page, served, "olga")
        reader = Reader(page, served, cast, wednesday, javascript=javascript)
        for number, (duration, rate) in enumerate(LOCKS):
            reader.add_type(f"Report {number}", flexible_duration=duration, flexible_rate=rate)
        with rows() as session:
            named = {kind.name: kind for kind in session.query(AppointmentType)}
        kinds = [named[f"Report {number}"] for number in range(4)]
        assert {kind.kind for kind in kinds} == {ItemKind.ACTIVITY}
        assert [(kind.is_duration_flexible, kind.is_rate_flexible) for kind in kinds] == LOCKS
        # No delivery mode, or room requirement.
        assert [(kind.modes, kind.requires_room) for kind in kinds] == [("", False)] * 4
        _books_in_line_only(reader, kinds)
        _is_booked_for_a_client_or_a_group(reader, kinds, rows)
        _is_invoiced_and_stands_in_the_profile(reader)


@pytest.mark.parametrize(("duration", "rate"), LOCKS)
def test_the_server_refuses_what_is_locked_whatever_the_form_showed(as_, cast, rows, write, wednesday, duration, rate):
    with write() as session:
        draft = types.Draft(
            "Report", ItemKind.ACTIVITY, 5, 30, rate_cents=8_000, is_duration_flexible=duration, is_rate_flexible=rate
        )
        kind_id = types.add(session, cast.olga, draft, NOW).id
    for at, (other, is_free) in enumerate((({"minutes": 45}, duration), ({"amount": "10"}, rate))):
        posted = {
            "type": kind_id, "person": "Cleo Abernathy", "starts_at": f"{9 + at}:00", "busy": "busy", "once": once.new_key(),
        }  # fmt: skip
        answer = as_("fay").post(f"/calendar/{cast.pat_id}/{wednesday}/book", data=posted | other)
        assert answer.status_code == (303 if is_free else 422)
    with rows() as session:
        assert session.query(Item).count() == duration + rate


def _books_in_line_only(reader: Reader, kinds) -> None:
    page = reader.page
    for kind, (duration, rate) in zip(kinds, LOCKS, strict=True):
        reader.click_on(time(9))
        reader.choose(kind.id, "Cleo Abernathy")
        form = page.locator("form.form")
        # If the duration checkbox is not selected only the start time can be changed; likewise the rate and the fee.
        expect(form.locator("[name=starts_at]")).to_be_editable()
        assert form.locator("[name=minutes]").count() == int(duration)
        assert form.locator("[name=fee]").count() == form.locator("[name=amount]").count() == int(rate)
        assert form.locator("[name=mode], [name=room]").count() == 0
    reader.week()
    page.get_by_role("link", name="Add New").click()
    offered = page.get_by_label("Appointment type").locator("option").all_inner_texts()
    assert not [words for words in offered if "Activity" in words or "Report" in words]
    expect(page.locator("main")).to_contain_text("Activities are booked")


def _is_booked_for_a_client_or_a_group(reader: Reader, kinds, rows) -> None:
    page, pat = reader.page, reader.cast.pat_id
    reader.click_on(time(9))
    reader.choose(kinds[0].id, "Cleo Abernathy")
    reader.mark("Busy")
    expect(page.locator(".item", has_text="Cleo Abernathy")).to_be_visible()
    reader.click_on(time(9))
    reader.choose(reader.cast.therapy_id, "Otto Brandt")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Taken")
    reader.click_on(time(11))
    reader.choose(kinds[3].id, "Abernathy and Brandt")
    reader.mark("Free")
    expect(page.locator(".item", has_text="Abernathy and Brandt")).to_contain_text("Free")
    reader.click_on(time(11))
    reader.choose(reader.cast.therapy_id, "Otto Brandt")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".item", has_text="Otto Brandt")).to_be_visible()
    with rows() as session:
        assert sorted(item.is_blocking for item in session.query(Item).filter(Item.practitioner_id == pat)) == [
            False,
            True,
            True,
        ]


def _is_invoiced_and_stands_in_the_profile(reader: Reader) -> None:
    page = reader.page
    page.locator(".item", has_text="Cleo Abernathy").click()
    page.get_by_role("button", name="Create Invoice", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice")
    expect(page.locator("main")).to_contain_text("Report 0")
    expect(page.locator("main")).to_contain_text("$80.00")
    page.goto(f"{reader.served}/clients/{reader.cast.cleo_id}")
    page.get_by_role("link", name="Appointments", exact=True).click()
    row = page.locator("tr", has_text="Report 0")
    expect(row).to_contain_text("Activity")
