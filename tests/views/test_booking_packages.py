"""The booking form and sold packages, and a form that opens and saves without changing anything."""

from datetime import date
from html.parser import HTMLParser

import brotli
import pytest
from sqlalchemy import select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, linking, statuses
from clinic.models.billing import InvoiceLine
from clinic.models.calendar import Attendee, Item, Mode, Status
from clinic.practice import once, settings
from tests.calendar.stage import at, therapy
from tests.cast import NOW
from tests.conftest import HTMX

DAY = date(2026, 11, 18)
SAVED_BYTES_MAX = 3 * 1024


@pytest.fixture
def sold(write, cast):
    with write() as session:
        template = packages.save(session, cast.fay, Template("Five sessions", (FeeRow(cast.therapy_fee_id, 5),)), NOW)
        sale = Sale(template.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
        return packages.sell(session, cast.fay, sale, NOW).id


def _posted(cast, **other):
    return {"type": cast.therapy_id, "person": "Cleo Abernathy", "starts_at": "09:00", "once": once.new_key()} | other


def _url(cast, end="book"):
    return f"/calendar/{cast.pat_id}/{DAY}/{end}"


def test_the_form_says_which_package_it_uses_and_saving_links_it(as_, cast, sold, rows):
    fay = as_("fay")
    assert "Uses “Five sessions”, 5 left" in fay.post(_url(cast, "book/fields"), data=_posted(cast)).text
    assert fay.post(_url(cast), data=_posted(cast)).status_code == 303
    flyout = fay.get("/calendar/items/1").text
    assert "Five sessions, session 1 of 5" in flyout
    assert "Open package invoice" in flyout
    assert "Create Invoice" not in flyout
    with rows() as session:
        line = session.scalar(select(InvoiceLine).where(InvoiceLine.share_id.is_not(None)))
        assert line.session_date == DAY


def test_the_opt_out_leaves_the_package_alone(as_, cast, sold, rows):
    assert as_("fay").post(_url(cast), data=_posted(cast, no_package="y")).status_code == 303
    with rows() as session:
        assert linking.label_for(session, [1]) == {}


def test_a_near_miss_is_said_before_save_and_may_be_booked_unpaid(as_, cast, sold, rows):
    fay, data = as_("fay"), _posted(cast, location=cast.mill_id)
    asked = fay.post(_url(cast), data=data | {"overrides_warnings": "y"})
    assert asked.status_code == 422
    assert "“Five sessions” has this fee, but it is for Harbour Street" in asked.text
    assert "Book it unpaid" in asked.text
    data |= {"overrides_warnings": "y", "accepts_unpaid": "y"}
    assert fay.post(_url(cast), data=data).status_code == 303
    with rows() as session:
        assert session.scalar(select(Item.location_id)) == cast.mill_id


def test_a_move_away_from_its_package_asks_what_becomes_of_it(as_, cast, sold, write, rows):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    data = {"day": str(DAY), "starts_at": "10:00", "practitioner": cast.piet_id, "version": "1"}
    asked = as_("fay").post("/calendar/items/1/move", data=data)
    assert asked.status_code == 422
    assert "Unlink it" in asked.text
    assert as_("fay").post("/calendar/items/1/move", data=data | {"package_choice": "unlink"}).status_code == 303
    with rows() as session:
        assert session.scalar(select(Item.practitioner_id)) == cast.piet_id
        assert linking.label_for(session, [1]) == {}


class _Fields(HTMLParser):
    """Read what a browser would send back, untouched."""

    def __init__(self, text):
        super().__init__()
        self.data, self._select, self._area = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        has = dict(attrs)
        if tag == "input" and (has.get("type") not in ("radio", "checkbox") or "checked" in has) and has.get("name"):
            self.data[has["name"]] = has.get("value", "y")
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and self._select and (self._select not in self.data or "selected" in has):
            self.data[self._select] = has["value"]
        elif tag == "textarea":
            self._area = has["name"]

    def handle_endtag(self, tag):
        self._select = None if tag == "select" else self._select
        self._area = None if tag == "textarea" else self._area

    def handle_data(self, text):
        if self._area:
            self.data[self._area] = text.strip()


@pytest.mark.parametrize(
    "other",
    [
        {"mode": Mode.VIDEO, "notes": "Ramp"},
        {"fee_cents": 12_300},
        {"client_id": None, "group": True},
        {"payer": True},
        {"event": True},
    ],
)
def test_an_edit_saved_as_it_opened_changes_nothing(as_, cast, write, rows, other):
    other = dict(other)
    with write() as session:
        if other.pop("event", False):
            wanted = booking.Wanted(None, cast.pat_id, at(9), 50, title="Meeting", is_busy=False)
        else:
            group = {"group_id": cast.couple_id} if other.pop("group", False) else {}
            payer = {"payer_id": cast.pellworth_id} if other.pop("payer", False) else {}
            wanted = therapy(cast, at(9), room_id=cast.larch_id, **other, **group, **payer)
        booking.book(session, cast.fay, wanted, NOW)
    before = _state(rows)
    opened = as_("fay").get("/calendar/items/1/edit?h=8", headers=HTMX).text
    saved = as_("fay").post("/calendar/items/1/edit", data=_Fields(opened).data)
    assert saved.status_code == 303, saved.text
    assert _state(rows) == before


def _state(rows):
    with rows() as session:
        item = session.scalar(select(Item))
        kept = {name: getattr(item, name) for name in ("starts_at", "ends_at", "room_id", "location_id", "mode", "is_busy",
                                                       "is_blocking", "title", "notes", "group_id")}  # fmt: skip
        places = session.scalars(select(Attendee).order_by(Attendee.id)).all()
        return kept, [(each.client_id, each.fee_cents, each.is_billed, each.fee_description) for each in places]


def test_saving_on_a_busy_day_stays_light(as_, cast, write):
    with write() as session:
        for hour in range(9, 17):
            booking.book(session, cast.fay, therapy(cast, at(hour), overrides_warnings=True), NOW)
    headers = HTMX | {"HX-Current-URL": f"http://localhost/calendar/week?day={DAY}", "Accept-Encoding": "br"}
    saved = as_("fay").post(_url(cast), data=_posted(cast, starts_at="17:00", overrides_warnings="y"), headers=headers)
    assert saved.status_code == 200
    assert b"5:00" in brotli.decompress(saved.data)
    assert len(saved.data) <= SAVED_BYTES_MAX


def test_another_fee_is_only_noted(as_, cast, sold, rows):
    fay, data = as_("fay"), _posted(cast, fee=cast.intake_fee_id)
    shown = fay.post(_url(cast, "book/fields"), data=data).text
    assert "“Five sessions” is not used: its sessions are 90834 Therapy, 50 minutes, another fee." in shown
    assert fay.post(_url(cast), data=data).status_code == 303
    with rows() as session:
        assert linking.label_for(session, [1]) == {}


def test_an_edit_says_before_save_what_it_would_use_or_miss(as_, cast, write, sold, rows):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(9), fee_id=cast.intake_fee_id), NOW)
    fay = as_("fay")
    data = _Fields(fay.get("/calendar/items/1/edit?h=8", headers=HTMX).text).data | {"fee": cast.therapy_fee_id}
    assert "Uses “Five sessions”, 5 left" in fay.post("/calendar/items/1/edit/fields", data=data).text
    missed = data | {"location": cast.mill_id, "overrides_warnings": "y"}
    asked = fay.post("/calendar/items/1/edit", data=missed)
    assert asked.status_code == 422
    assert "but it is for Harbour Street" in asked.text
    assert fay.post("/calendar/items/1/edit", data=missed | {"accepts_unpaid": "y"}).status_code == 303
    again = data | {"version": "2"}
    assert fay.post("/calendar/items/1/edit", data=again).status_code == 303  # back at Harbour Street it links by itself
    with rows() as session:
        assert linking.label_for(session, [1])[1].number == 1


def test_a_late_cancellation_put_on_a_package_spends_a_session_and_bills_nothing_beside_it(as_, cast, write, sold):
    with write() as session:
        settings.practice(session).late_cancel_bp = 5_000
        booking.book(session, cast.fay, therapy(cast, at(9), uses_package=False), NOW)
        statuses.set_status(session, cast.fay, 1, Status.LATE_CANCELLED, NOW)
    fay = as_("fay")
    assert ", bills $75.00" in fay.get("/calendar/items/1").text
    form = fay.get("/calendar/items/1/use-package")
    assert "the session is spent, and nothing is billed beside it" in form.text
    assert fay.post("/calendar/items/1/use-package", data=_Fields(form.text).data).status_code == 303
    shown = fay.get("/calendar/items/1").text
    assert ("session 1 of 5" in shown, ", bills" in shown, "Open package invoice" in shown) == (True, False, True)


def test_use_package_links_what_was_unlinked_by_hand_and_nothing_links_it_before(as_, cast, write, sold, rows):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
        line_id = linking.label_for(session, [1])[1].line_id
        linking.unlink(session, cast.fay, line_id, NOW)
    fay = as_("fay")
    for fee in (cast.intake_fee_id, cast.therapy_fee_id):  # away and back: a pair unlinked by hand stays apart
        data = _Fields(fay.get("/calendar/items/1/edit?h=8", headers=HTMX).text).data | {"fee": fee}
        assert fay.post("/calendar/items/1/edit", data=data).status_code == 303
    with rows() as session:
        assert linking.label_for(session, [1]) == {}
    flyout = fay.get("/calendar/items/1").text
    assert "unlinked by hand: it takes none by itself" in flyout
    assert "Use package" in flyout
    form = fay.get("/calendar/items/1/use-package")
    assert "5 left" in form.text
    for page in ("", "/use-package", "/edit", "/move", "/repeat", "/cancel", "/no-show", "/delete"):  # a page has a heading
        assert '<h1 id="flyout-title">' in fay.get(f"/calendar/items/1{page}").text, page
    refused = fay.post("/calendar/items/1/use-package", data={"once": once.new_key(), "package": "1"})
    assert refused.status_code == 422
    posted = {"once": once.new_key(), "package": _Fields(form.text).data["package"]}
    assert fay.post("/calendar/items/1/use-package", data=posted).status_code == 303
    assert fay.post("/calendar/items/1/use-package", data=posted).status_code == 303  # a double click
    assert fay.post("/calendar/items/1/use-package", data=posted | {"once": once.new_key()}).status_code == 409
    assert "Five sessions, session 1 of 5" in fay.get("/calendar/items/1").text
    other = booking.Wanted(cast.therapy_id, cast.piet_id, at(9), 50, cast.cleo_id, accepts_unpaid=True)
    with write() as session:
        booking.book(session, cast.fay, other, NOW)
    wrong = {"once": once.new_key(), "package": f"2-{line_id + 1}"}
    assert fay.post("/calendar/items/2/use-package", data=wrong).status_code == 422  # with another practitioner
    assert fay.post("/calendar/items/1/use-package", data=wrong).status_code == 404  # not a place of this item
    assert as_("pat").get("/calendar/items/2/use-package").status_code == 404


def test_dragging_it_away_from_its_package_asks_too(as_, cast, sold, write, rows):
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    data = {"day": str(DAY), "starts_at": "10:00", "practitioner": cast.piet_id, "version": "1", "dragged": "1"}
    asked = as_("fay").post("/calendar/items/1/move", data=data, headers=HTMX)
    assert (asked.status_code, "Unlink it" in asked.text) == (422, True)
    left = as_("fay").post("/calendar/items/1/move", data=data | {"package_choice": "leave"}, headers=HTMX)
    assert left.status_code == 204
    with rows() as session:
        assert session.scalar(select(Item.practitioner_id)) == cast.piet_id
        assert linking.label_for(session, [1])[1].number == 1
