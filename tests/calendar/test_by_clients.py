"""Staff see what clients changed by themselves, each of what is theirs to see, until they have seen it."""

from datetime import timedelta

from clinic.calendar import booking, by_clients, own_changes
from clinic.calendar.booking import Move
from clinic.kernel import clock
from clinic.models.practice import ClientMail, Practice, User
from clinic.practice.permissions import Actor
from tests import online
from tests.calendar.stage import at, therapy
from tests.cast import NOW
from tests.conftest import HTMX
from tests.views.test_live import asks

FAR, NEAR = at(10, days=5), at(9, days=1)


def test_each_sees_what_is_theirs_until_they_have_seen_it(session, cast):
    session.get(Practice, 1).late_cancel_bp = 5_000
    cleo = Actor(user_id=None, client_id=cast.cleo_id)
    moved, late, elsewhere = (
        booking.book(session, cast.fay, therapy(cast, moment, **more), NOW)
        for moment, more in ((FAR, {}), (NEAR, {}), (FAR, {"practitioner_id": cast.piet_id}))
    )
    booking.move(session, cast.fay, moved.id, Move(at(11, days=5)), NOW, version=moved.version)
    assert by_clients.count(session, cast.fay, NOW) == 0, "what staff do is no news"
    own_changes.move(session, cleo, moved.id, at(14, days=6), NOW, version=moved.version)
    own_changes.move(session, cleo, moved.id, at(15, days=6), NOW, version=moved.version)
    own_changes.cancel(session, cleo, late.id, NOW, version=late.version, status="late_cancelled")
    own_changes.cancel(session, cleo, elsewhere.id, NOW, version=elsewhere.version, status="cancelled_by_client")
    online.bought(session, online.on_sale(session, cast))
    assert [by_clients.count(session, who, NOW) for who in (cast.olga, cast.fay, cast.pat)] == [4, 4, 3]
    found = by_clients.listed(session, cast.pat, NOW)
    assert [(row.client, row.did, row.comes_to, row.starts_at, row.practitioner, row.is_new) for row in found.rows] == [
        ("Bruno Buyer", "Bought “Five sessions”", "", None, "Pat Oyelaran", True),
        ("Cleo Abernathy", "Cancelled late", "bills $75.00", NEAR, "Pat Oyelaran", True),
        ("Cleo Abernathy", "Moved", "", at(15, days=6), "Pat Oyelaran", True),
    ]
    assert "Piet" not in str(found)
    by_clients.see(session, cast.pat, found.last_id)
    assert [by_clients.count(session, who, NOW) for who in (cast.fay, cast.pat)] == [4, 0]
    by_clients.see(session, cast.pat, 0)
    assert by_clients.count(session, cast.pat, NOW) == 0, "a mark never goes back"
    by_clients.see(session, cast.fay, 10**9 - 1)
    own_changes.cancel(session, cleo, moved.id, NOW, version=moved.version, status="cancelled_by_client")
    assert [by_clients.count(session, who, NOW) for who in (cast.fay, cast.pat)] == [1, 1], "nobody marks what is to come"
    rows = by_clients.listed(session, cast.pat, NOW).rows
    assert [(row.did, row.is_new) for row in rows] == [
        ("Cancelled", True), ("Bought “Five sessions”", False), ("Cancelled late", False)
    ]  # fmt: skip
    booking.delete(session, cast.fay, late.id, NOW)
    assert len(by_clients.listed(session, cast.pat, NOW).rows) == 2
    assert by_clients.listed(session, cast.pat, NOW + timedelta(days=14, minutes=1)).rows == ()


def test_the_calendar_says_how_many_and_the_page_marks_them_as_seen(as_, in_portal, cast, write):
    with write() as session:
        item = booking.book(session, cast.fay, therapy(cast, at(10, days=400)), NOW)
        cleo = Actor(user_id=None, client_id=cast.cleo_id)
    pat, bill = as_("pat"), as_("bill")
    opened = pat.get("/calendar/week").text
    assert "changed by clients" not in opened
    with write() as session:
        own_changes.cancel(session, cleo, item.id, clock.now(), version=item.version, status="cancelled_by_client")
    news = pat.get(asks(opened), headers=HTMX).text
    assert '<a id="by-clients" hx-swap-oob="true" href="/calendar/by-clients">1 changed by clients</a>' in news
    for view in ("week", "day", "team", "month"):
        assert ">1 changed by clients</a>" in pat.get(f"/calendar/{view}").text
    assert "changed by clients" not in bill.get("/calendar/week").text
    page = pat.get("/calendar/by-clients").text
    assert "Cleo Abernathy" in page
    last = page.split('name="last"')[1].split('value="')[1].split('"')[0]
    for mark in ("", "x", "-3", "99999999999999999999"):
        assert pat.post("/calendar/by-clients/seen", data={"last": mark}).status_code == 303
        assert ">1 changed by clients</a>" in pat.get("/calendar/week").text
    assert pat.post("/calendar/by-clients/seen", data={"last": last}).status_code == 303
    assert "changed by clients" not in pat.get("/calendar/week").text
    assert "Cleo Abernathy" in pat.get("/calendar/by-clients").text


def test_whether_one_is_written_is_chosen_under_your_account(as_, rows, cast):
    pat, fay = as_("pat"), as_("fay")
    assert "In every calendar" not in pat.get("/account/").text
    assert pat.post("/account/client-mail", data={"client_mail": "all"}).status_code == 422
    assert pat.post("/account/client-mail", data={"client_mail": "sideways"}).status_code == 422
    assert pat.post("/account/client-mail", data={"client_mail": "none"}).status_code == 303
    assert fay.post("/account/client-mail", data={"client_mail": "all"}).status_code == 303
    assert fay.post("/account/client-mail", data={"client_mail": "own"}).status_code == 422
    with rows() as session:
        chosen = [session.get(User, who.user_id).client_mail for who in (cast.pat, cast.fay)]
    assert chosen == [ClientMail.NONE, ClientMail.ALL]
