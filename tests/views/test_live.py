"""Two people at once: what one changes, the other's open calendar shows by itself, and nothing else is sent."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select, update

from clinic.billing import invoices, payments
from clinic.calendar import booking, statuses
from clinic.calendar.booking import Move, Wanted
from clinic.kernel import clock
from clinic.models.calendar import Status
from clinic.models.money import Method
from clinic.models.practice import WebSession
from tests.cast import NOW
from tests.conftest import HTMX

WEDNESDAY = "2026-11-18"
ANSWER_BYTES_MAX = 300
# What gunicorn writes by itself before the application's headers.
GUNICORN = (
    "HTTP/1.1 204 NO CONTENT\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 03:00:00 GMT\r\nConnection: keep-alive\r\n\r\n"
)


def wanted(cast, hour=20, practitioner_id=None) -> Wanted:
    """Ask for Cleo's session on Wednesday; 20:00 UTC is 3 pm in the practice."""
    return Wanted(cast.therapy_id, practitioner_id or cast.pat_id, NOW.replace(hour=hour, minute=0), 50, cast.cleo_id)


@pytest.fixture
def item_id(write, cast) -> int:
    """Book Cleo on Wednesday at 3 pm, and return the item."""
    with write() as session:
        return booking.book(session, cast.fay, wanted(cast), NOW).id


def shown(browser, view="week", practitioner_id=None) -> str:
    """Open a page of the calendar and return the address it asks for changes."""
    chosen = f"&practitioner={practitioner_id}" if practitioner_id is not None else ""
    return asks(browser.get(f"/calendar/{view}?day={WEDNESDAY}{chosen}").text)


def asks(html: str) -> str:
    """Return the address at which a page or an answer asks for changes."""
    (address,) = re.findall(r'id="live" hidden hx-get="([^"]+)"', html)
    return unescape(address)


def columns(html: str) -> list[str]:
    """Return the ids of the columns that are swapped."""
    return re.findall(r'<section class="day[^>]*id="(column-[^"]+)"[^>]*hx-swap-oob="outerHTML"', html)


def test_when_nobody_changed_anything_the_answer_is_a_few_bytes(as_, cast, item_id):
    for view, whose in (("week", cast.pat_id), ("week", 0), ("day", cast.pat_id), ("team", None)):
        browser = as_("fay")
        answer = browser.get(shown(browser, view, whose), headers=HTMX)
        assert answer.status_code == 204
        assert answer.data == b""
        written = GUNICORN + "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        assert len(written) < ANSWER_BYTES_MAX, written


def test_each_kind_of_change_shows_in_its_column_alone(as_, cast, write, item_id):
    browser = as_("fay")
    column = f"column-{cast.pat_id}-{WEDNESDAY}"
    address = shown(browser, "week", cast.pat_id)

    def draft(session):
        invoices.bill_item(session, cast.fay, item_id, NOW)

    def pay(session):
        payments.record(session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=15_000, now=NOW)

    def move(session):
        starts_at = NOW.replace(hour=18, minute=0)
        booking.move(session, cast.olga, item_id, Move(starts_at), NOW, version=2)

    deeds = (
        ("15:00 is booked too", lambda session: booking.book(session, cast.olga, wanted(cast, 14), NOW)),
        ("arrived", lambda session: statuses.set_status(session, cast.olga, item_id, Status.ARRIVED, NOW)),
        ("moved", move),
        ("invoiced", draft),
        ("paid", pay),
        ("deleted", lambda session: booking.delete(session, cast.olga, item_id, NOW)),
    )
    for deed, change in deeds:
        with write() as session:
            change(session)
        answer = browser.get(address, headers=HTMX)
        assert answer.status_code == 200, deed
        # The week's total stands under its last day.
        assert [one for one in columns(answer.text) if not one.endswith("-21")] == [column], deed
        address = asks(answer.text)
        assert browser.get(address, headers=HTMX).status_code == 204, deed


def test_a_move_to_another_day_or_colleague_shows_in_both_columns(as_, cast, write, item_id):
    browser = as_("fay")
    week, team = shown(browser, "week", cast.pat_id), shown(browser, "team")
    with write() as session:
        booking.move(session, cast.olga, item_id, Move(NOW.replace(day=19, hour=20, minute=0)), NOW, version=1)
    days = columns(browser.get(week, headers=HTMX).text)
    assert days == [f"column-{cast.pat_id}-{day}" for day in (WEDNESDAY, "2026-11-19")]
    assert columns(browser.get(team, headers=HTMX).text) == [f"column-{cast.pat_id}-{WEDNESDAY}"]
    team = shown(browser, "team")
    with write() as session:
        to = Move(NOW.replace(hour=20, minute=0), practitioner_id=cast.piet_id)
        booking.move(session, cast.olga, item_id, to, NOW, version=2)
    assert columns(browser.get(team, headers=HTMX).text) == [f"column-{cast.piet_id}-{WEDNESDAY}"]


def test_a_change_elsewhere_sends_no_column(as_, cast, write, item_id):
    browser = as_("fay")
    address = shown(browser, "week", cast.pat_id)
    with write() as session:
        booking.book(session, cast.olga, wanted(cast, 14, cast.piet_id), NOW)
    answer = browser.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert columns(answer.text) == []
    assert len(answer.data) < 2 * ANSWER_BYTES_MAX
    assert browser.get(asks(answer.text), headers=HTMX).status_code == 204


def test_an_item_outside_the_hours_shown_brings_the_hours_with_it(as_, cast, write):
    browser = as_("fay")
    address = shown(browser, "week", cast.pat_id)
    with write() as session:
        late = Wanted(cast.therapy_id, cast.pat_id, NOW.replace(day=19, hour=1, minute=0), 50, cast.cleo_id,
                      overrides_warnings=True)  # fmt: skip
        booking.book(session, cast.olga, late, NOW)
    answer = browser.get(address, headers=HTMX)
    assert 'id="hours" hx-swap-oob="outerHTML"' in answer.text
    assert len(columns(answer.text)) == 7


def test_a_practitioner_hears_nothing_of_a_colleague_and_cannot_ask(as_, cast, write, item_id):
    browser = as_("pat")
    address = shown(browser, "team")
    with write() as session:
        booking.book(session, cast.olga, wanted(cast, 14, cast.piet_id), NOW)
    assert columns(browser.get(address, headers=HTMX).text) == []
    asked = f"/calendar/changes?shown=week&day={WEDNESDAY}&practitioner={cast.piet_id}"
    assert browser.get(asked, headers=HTMX).status_code == 404


@pytest.mark.parametrize("seen", ["", "x", "1-2", "--..", "999999999999-261118-a.b.c.d.e.f.g", "\u00e9-1-1"])
def test_words_that_cannot_be_read_get_every_column(as_, cast, item_id, seen):
    asked = f"/calendar/changes?shown=week&day={WEDNESDAY}&practitioner={cast.pat_id}&seen={seen}"
    answer = as_("fay").get(asked, headers=HTMX)
    assert answer.status_code == 200
    assert len(columns(answer.text)) == 7


def test_without_script_the_address_leads_to_the_page(as_, cast):
    answer = as_("fay").get(f"/calendar/changes?shown=team&day={WEDNESDAY}")
    assert answer.status_code == 302
    assert answer.location.startswith(f"/calendar/team?day={WEDNESDAY}")
    assert as_("fay").get("/calendar/changes?shown=year").status_code == 404


def test_the_page_asking_by_itself_keeps_nobody_signed_in(as_, client, cast, rows, write):
    browser = as_("fay")
    address = shown(browser, "week", cast.pat_id)
    earlier = clock.now() - timedelta(minutes=10)
    with write() as session:
        session.execute(update(WebSession).values(seen_at=earlier))
    assert browser.get(address, headers=HTMX).status_code == 204
    with rows() as session:
        assert session.scalars(select(WebSession.seen_at)).all() == [earlier]
    gone = client.get(address, headers=HTMX)
    assert gone.status_code == 401
    assert "HX-Redirect" not in gone.headers
