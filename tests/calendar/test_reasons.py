"""Why a place was cancelled or missed, by whom and when: on the flyout and on the day's paper."""

from datetime import timedelta

from clinic.calendar import booking, columns, flyout, own_changes, sheets, statuses
from clinic.models.calendar import Status
from clinic.models.people import GroupKind
from clinic.people import groups
from clinic.practice import settings
from clinic.practice.permissions import Actor
from tests.calendar.stage import WEDNESDAY, at, therapy
from tests.cast import NOW
from tests.test_budgets import counted

LATER = NOW + timedelta(minutes=20)
LONG = "Rang at eight: the child is ill, the grandmother cannot come before noon, and the car is in the workshop until Friday"


def _shown(session, cast, item):
    return [
        (each.word, each.who, each.words, each.at, each.by)
        for each in flyout.flyout_for(session, cast.fay, item.id, NOW).reasons
    ]


def _on_paper(session, cast):
    house = settings.house(session)
    [sheet] = sheets.of_day(session, house, columns.practitioners(session, cast.pat), house.local_date(WEDNESDAY))
    return [(line.who, line.status, line.reason and (line.reason.words, line.reason.by)) for line in sheet.lines]


def test_the_flyout_and_the_days_paper_say_why_who_and_when(session, cast):
    missed, late, own, kept, bare = (
        booking.book(session, cast.fay, therapy(cast, at(hour)), NOW) for hour in (12, 13, 14, 15, 16)
    )
    assert _shown(session, cast, missed) == []
    statuses.set_status(session, cast.pat, late.id, Status.CANCELLED_BY_CLIENT, NOW, reason="A mistake")
    statuses.set_status(session, cast.pat, missed.id, Status.NO_SHOW, NOW, reason=LONG)
    statuses.set_status(session, cast.fay, late.id, Status.LATE_CANCELLED, LATER, reason="Has the flu")
    statuses.set_status(session, cast.olga, bare.id, Status.CANCELLED_BY_PRACTICE, NOW)
    cleo = Actor(user_id=None, client_id=cast.cleo_id)
    own_changes.cancel(session, cleo, own.id, NOW, version=own.version, status="late_cancelled")
    assert _shown(session, cast, missed) == [("No show", "", LONG, NOW, "Pat Oyelaran")]
    assert _shown(session, cast, late) == [("Late cancelled", "", "Has the flu", LATER, "Fay Desk")]
    assert _shown(session, cast, own) == [("Late cancelled", "", "", NOW, "The client")]
    assert _shown(session, cast, bare) == [("Cancelled by practice", "", "", NOW, "Olga Owner")]
    assert _shown(session, cast, kept) == []
    assert _on_paper(session, cast) == [
        ("Cleo Abernathy", "No show", (LONG, "Pat Oyelaran")),
        ("Cleo Abernathy", "Late cancelled", ("Has the flu", "Fay Desk")),
        ("Cleo Abernathy", "Late cancelled", ("", "The client")),
        ("Cleo Abernathy", "", None),
        ("Cleo Abernathy", "Cancelled by practice", ("", "Olga Owner")),
    ]
    statuses.set_status(session, cast.fay, missed.id, Status.ATTENDED, LATER)
    assert _shown(session, cast, missed) == [], "it was put right"


def test_of_a_group_each_place_says_its_own_and_what_is_the_same_is_said_once(session, cast):
    details = groups.Details("Steady Ground", GroupKind.THERAPY, (cast.cleo_id, cast.otto_id), cast.cleo_id)
    wish = therapy(cast, at(10, days=5), client_id=None, group_id=groups.add(session, cast.fay, details, NOW).id)
    item = booking.book(session, cast.fay, wish, NOW)
    otto = item.attendees[1]
    own_changes.cancel(session, Actor(user_id=None, client_id=cast.cleo_id), item.id, NOW, version=item.version,
                       status="cancelled_by_client")  # fmt: skip
    assert _shown(session, cast, item) == [("Cancelled by client", "Cleo Abernathy", "", NOW, "The client")]
    statuses.set_status(session, cast.fay, item.id, Status.NO_SHOW, NOW, attendee_id=otto.id, reason="Forgot")
    assert ("No show", "Otto Brandt", "Forgot", NOW, "Fay Desk") in _shown(session, cast, item)
    statuses.set_status(session, cast.fay, item.id, Status.CANCELLED_BY_PRACTICE, NOW, reason="Pat is ill")
    assert _shown(session, cast, item) == [("Cancelled by practice", "", "Pat is ill", NOW, "Fay Desk")]


def test_the_reason_costs_the_flyout_no_query_and_a_long_one_stands_whole(app, as_, cast, write):
    with write() as session:
        item = booking.book(session, cast.fay, therapy(cast, at(13)), NOW)
        statuses.set_status(session, cast.fay, item.id, Status.LATE_CANCELLED, NOW, reason=LONG)
    fay, address = as_("fay"), f"/calendar/items/{item.id}?h=8"
    fay.get(address)
    with counted(app) as statements:
        html = fay.get(address, headers={"HX-Request": "true"}).text
    assert LONG in html
    assert "Fay Desk, Wed, Nov 18" in html
    assert len(statements) <= 8, "\n".join(statements)
    assert LONG in fay.get("/calendar/sheet?day=2026-11-18").text
