"""The month, the day on paper, what is hidden and what the signs mean: the calendar's pages beside week and day."""

import re
from datetime import date, timedelta

import pytest

from clinic.calendar import booking, months
from clinic.kernel import clock
from clinic.models.calendar import Item, ItemKind, Status
from clinic.models.people import Client, Contact
from clinic.models.practice import Practice, Practitioner, User
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW

PAGE = "/calendar/month?day=2026-11-18&practitioner={}"


def cell(html, words):
    """Return the cell of a day."""
    return re.search(rf'<td[^>]*>\n<h2><a href="[^"]*" aria-label="{words}">.*?</td>', html, re.DOTALL)[0]


@pytest.fixture
def busy(write, cast):
    """Give the Wednesday five items, one cancelled, and the day after one."""
    with write() as session:
        for hour in (9, 10, 11, 12):
            booking.book(session, cast.fay, therapy(cast, at(hour)), NOW)
        gone = booking.book(session, cast.fay, therapy(cast, at(8), client_id=cast.otto_id, overrides_warnings=True), NOW)
        gone.attendees[0].status, gone.is_blocking = Status.CANCELLED_BY_CLIENT, False
        booking.book(session, cast.fay, review(cast, at(9, days=1)), NOW)


def test_a_day_of_the_month_says_its_sessions_hours_first_items_and_how_many_more(as_, cast, busy):
    html = as_("fay").get(PAGE.format(cast.pat_id)).text
    wednesday = cell(html, "Wednesday, November 18, 2026")
    assert wednesday.count('class="item') == 3
    assert "+2 more" in wednesday
    assert re.search(r"<small>4<span.*?> sessions</span> · 3.4 h</small>", wednesday)
    assert f'href="/calendar/day?day=2026-11-18&amp;practitioner={cast.pat_id}"' in wednesday
    assert "Cancelled" in wednesday
    assert "Activity, the client is not told" in cell(html, "Thursday, November 19, 2026")


def test_hidden_cancelled_items_are_neither_shown_nor_counted_and_stay_hidden_from_view_to_view(as_, cast, busy):
    fay = as_("fay")
    html = fay.get(PAGE.format(cast.pat_id) + "&void=0").text
    assert "+1 more" in cell(html, "Wednesday, November 18, 2026")
    assert "Otto" not in html
    assert '<option value="0" selected>Cancelled hidden</option>' in html
    week = re.search(r'href="(/calendar/week[^"]*)"', html)[1].replace("&amp;", "&")
    assert "void=0" in week
    assert "Otto" not in fay.get(week).text
    assert "Otto" in fay.get(week.replace("void=0", "void=")).text


@pytest.mark.parametrize(
    ("day", "first", "last", "count"),
    [
        ("2026-11-18", "November 1, 2026", "December 5, 2026", 5),
        ("2026-02-10", "February 1, 2026", "February 28, 2026", 4),
        ("2026-08-31", "July 26, 2026", "September 5, 2026", 6),
        ("2026-03-08", "March 1, 2026", "April 4, 2026", 5),  # the clocks change in both
    ],
)
def test_a_month_is_whole_weeks_from_the_locales_first_day(as_, cast, day, first, last, count):
    html = as_("fay").get(f"/calendar/month?day={day}").text
    days = re.findall(r'<h2><a href="[^"]*" aria-label="\w+, ([^"]*)"', html)
    assert (days[0], days[-1], len(days)) == (first, last, count * 7)


def test_where_the_week_starts_on_monday_the_month_does_too(as_, write):
    with write() as session:
        session.get(Practice, 1).locale = "en-GB"
    assert re.search(r"<thead><tr><th[^>]*>Mon<", as_("fay").get("/calendar/month").text)


@pytest.mark.parametrize(
    ("day", "steps", "there"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 1)),
        (date(2026, 1, 31), -1, date(2025, 12, 1)),
        (date(2026, 12, 5), 1, date(2027, 1, 1)),
    ],
)
def test_a_step_leads_to_the_month_beside(day, steps, there):
    assert months.beside(day, steps) == there


@pytest.mark.parametrize("view", ["day", "week", "month", "team"])
def test_every_view_has_steps_today_a_date_and_the_same_words(as_, view):
    html = as_("fay").get(f"/calendar/{view}?day=2026-11-18").text
    bar = html[html.index('<section class="bar"') : html.index("<main")]
    for part in ('rel="prev"', 'rel="next"', "Today</a>", 'type="date" name="day" value="2026-11-18"', "Cancelled shown"):
        assert part in bar
    assert re.findall(r">(Day|Week|Month|Team day)</a>", bar) == ["Day", "Week", "Month", "Team day"]


@pytest.mark.parametrize("view", ["day", "week", "team"])
def test_today_has_a_line_for_now_wherever_hours_are_shown(as_, write, cast, view):
    now = clock.now()
    with write() as session:  # so that the hours shown hold the present one
        session.add(Item(kind=ItemKind.EVENT, practitioner_id=cast.pat_id, starts_at=now, ends_at=now + timedelta(minutes=20),
                         created_at=now, changed_at=now))  # fmt: skip
    html = as_("fay").get(f"/calendar/{view}").text
    assert 'class="now-at ' in html
    assert '<div class="now ' in html
    assert 'class="now-at ' not in as_("fay").get(f"/calendar/{view}?day=2020-01-07").text


def test_a_practitioner_sees_the_month_of_her_own_and_nobody_elses(as_, cast):
    assert as_("pat").get(PAGE.format(cast.piet_id)).status_code == 404
    assert as_("pat").get("/calendar/sheet?practitioner=" + str(cast.piet_id)).status_code == 404
    assert "Piet" not in as_("pat").get("/calendar/sheet").text


def test_a_sheet_lists_the_day_with_place_and_phone_and_no_notes(as_, write, cast):
    with write() as session:
        contact = session.get(Contact, session.get(Client, cast.cleo_id).contact_id)
        contact.phone = "555 0142"
        booking.book(session, cast.fay, therapy(cast, at(9), room_id=cast.larch_id, notes="afraid of dogs"), NOW)
        booking.book(session, cast.fay, therapy(cast, at(10), client_id=None, group_id=cast.couple_id), NOW)
        booking.book(session, cast.fay, call(cast, at(14)), NOW)
        booking.book(session, cast.fay, therapy(cast, at(9), practitioner_id=cast.piet_id, client_id=cast.otto_id), NOW)
    html = as_("fay").get("/calendar/sheet?day=2026-11-18").text
    assert html.count('<section class="sheet">') == 2
    assert "Harbour Street, Larch" in html
    assert html.count("(Abernathy and Brandt)") == 2
    assert html.count('class="box"') == 4  # a box for each client who may come; nobody comes to an Activity
    assert html.count("555 0142") == 2, "nobody is called about an Activity"
    assert "Activity: Call school" in html
    assert "9:00 am – 9:50 am" in html
    assert "afraid" not in html
    assert "$" not in html[html.index("<main") :]
    only = as_("fay").get(f"/calendar/sheet?day=2026-11-18&practitioner={cast.piet_id}").text
    assert only.count('<section class="sheet">') == 1
    assert "Cleo" not in only


@pytest.mark.parametrize("view", ["day", "team"])
def test_the_sheet_is_one_click_from_day_and_team_day(as_, view):
    html = as_("fay").get(f"/calendar/{view}?day=2026-11-18").text
    link = re.search(r'href="(/calendar/sheet[^"]*)">Print', html)[1].replace("&amp;", "&")
    page = as_("fay").get(link)
    assert page.status_code == 200
    assert f"/calendar/{view}?" in page.text


def test_the_signs_are_explained_until_folded_and_each_person_has_their_own_way(as_, cast, rows):
    fay = as_("fay")
    assert "What the signs mean" in fay.get("/calendar/week").text
    answer = fay.post("/calendar/legend", data={"shows": "1", "back": "/calendar/week?day=2026-11-18"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/calendar/week?day=2026-11-18")
    assert "invoiced, unpaid" in fay.get("/calendar/team").text
    assert "invoiced, unpaid" in as_("fay").get("/calendar/week").text  # another browser
    assert "invoiced, unpaid" not in as_("pat").get("/calendar/week").text
    piece = fay.post("/calendar/legend", data={"shows": "0"}, headers={"HX-Request": "true"})
    assert piece.status_code == 200
    assert piece.text.startswith('<form class="legend" id="legend"')
    with rows() as session:
        assert session.get(User, cast.fay.user_id).shows_legend is False


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "\\evil", ""])
def test_the_legend_leads_nowhere_but_here(as_, back):
    assert as_("fay").post("/calendar/legend", data={"shows": "1", "back": back}).headers["Location"] == "/"


def test_more_practitioners_than_seven_scroll_sideways(as_, write):
    with write() as session:
        session.add_all(Practitioner(name=f"Number {number}") for number in range(10))
    assert 'class="cal team wide"' in as_("fay").get("/calendar/team").text
