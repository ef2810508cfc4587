"""A client's profile lists all their items: Activities marked, status in words, the fee and where it is billed."""

from datetime import timedelta

import pytest

from clinic.billing import invoices
from clinic.calendar import client_items
from clinic.calendar.client_items import Which
from clinic.models.billing import Share
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.practice import Practice
from tests.cast import NOW


def put(session, cast, days, *, kind=ItemKind.APPOINTMENT, status=Status.BOOKED, practitioner_id=None, **more):
    starts_at = NOW + timedelta(days=days)
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=50), "created_at": NOW, "changed_at": NOW}
    type_id = cast.case_review_id if kind is ItemKind.ACTIVITY else cast.therapy_id
    item = Item(kind=kind, type_id=type_id, practitioner_id=practitioner_id or cast.pat_id, **times)
    session.add(item)
    session.flush()
    values = {"status": status, "status_at": NOW, "billing_changed_at": NOW, "fee_cents": 15_000, **more}
    attendee = Attendee(item_id=item.id, client_id=cast.cleo_id, **values)
    session.add(attendee)
    session.flush()
    return attendee


def listed(session, cast, who=None, **asked):
    return client_items.items_of(session, who or cast.fay, cast.cleo_id, now=NOW, **asked).rows


def test_past_and_coming_and_activities_are_told_apart(session, cast):
    put(session, cast, -7)
    put(session, cast, -1, kind=ItemKind.ACTIVITY)
    put(session, cast, 1)
    put(session, cast, 7, kind=ItemKind.ACTIVITY)
    put(session, cast, 8)
    days = {which: [(row.starts_at - NOW).days for row in listed(session, cast, which=which)] for which in Which}
    assert days == {
        Which.ALL: [8, 7, 1, -1, -7], Which.COMING: [1, 7, 8], Which.PAST: [-1, -7], Which.ACTIVITIES: [7, -1],
    }  # fmt: skip
    assert [row.is_activity for row in listed(session, cast)] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("kind", "days", "status", "word"),
    [
        (ItemKind.APPOINTMENT, 1, Status.BOOKED, "Booked"),
        (ItemKind.APPOINTMENT, -1, Status.BOOKED, "Attended"),
        (ItemKind.APPOINTMENT, -1, Status.NO_SHOW, "No show"),
        (ItemKind.APPOINTMENT, -1, Status.CANCELLED_BY_CLIENT, "Cancelled by client"),
        (ItemKind.ACTIVITY, 1, Status.BOOKED, "Scheduled"),
        (ItemKind.ACTIVITY, -1, Status.BOOKED, "Done"),
        (ItemKind.ACTIVITY, -1, Status.ATTENDED, "Done"),
        (ItemKind.ACTIVITY, -1, Status.CANCELLED_BY_PRACTICE, "Cancelled"),
    ],
)
def test_a_status_is_said_in_the_words_of_its_kind(session, cast, kind, days, status, word):
    put(session, cast, days, kind=kind, status=status)
    assert [row.status for row in listed(session, cast)] == [word]


def test_a_past_appointment_stays_booked_where_the_practice_wants_to_be_asked(session, cast):
    session.get_one(Practice, 1).past_booked_is_attended = False
    put(session, cast, -1)
    put(session, cast, -2, kind=ItemKind.ACTIVITY)
    assert [row.status for row in listed(session, cast)] == ["Booked", "Done"]


def test_the_fee_is_what_is_billed_and_names_its_invoice(session, cast):
    session.get_one(Practice, 1).no_show_bp = 5_000
    billed = put(session, cast, -1)
    put(session, cast, -2, status=Status.NO_SHOW)
    put(session, cast, -3, do_not_invoice=True)
    put(session, cast, -4, is_billed=False)
    share = Share(attendee_id=billed.id, payer_id=cast.cleo_payer_id, amount_cents=15_000)
    session.add(share)
    session.flush()
    draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
    invoices.add_share(session, draft, share.id)
    assert [row.fee_cents for row in listed(session, cast)] == [15_000, 7_500, None, None]
    (on,) = listed(session, cast)[0].invoices
    assert (on.number, on.state) == ("", "Draft")
    invoices.issue(session, cast.fay, draft, NOW)
    (on,) = listed(session, cast)[0].invoices
    assert (on.id, on.number, on.state) == (draft.id, draft.number, "Unpaid")


def test_deleted_items_and_others_calendars_are_left_out(session, cast):
    put(session, cast, 1)
    put(session, cast, 2, practitioner_id=cast.piet_id)
    gone = put(session, cast, 3)
    session.get_one(Item, gone.item_id).deleted_at = NOW
    session.flush()
    assert [row.practitioner for row in listed(session, cast)] == ["Piet Vandermolen", "Pat Oyelaran"]
    assert [row.practitioner for row in listed(session, cast, cast.pat)] == ["Pat Oyelaran"]
    assert client_items.items_of(session, cast.fay, cast.otto_id, now=NOW).rows == []
    assert client_items.coming_count(session, cast.fay, cast.cleo_id, NOW) == 2


def test_many_items_come_in_pages(session, cast):
    for number in range(51):
        put(session, cast, number + 1)
    first = client_items.items_of(session, cast.fay, cast.cleo_id, now=NOW)
    assert (len(first.rows), first.total, first.has_next) == (50, 51, True)
    assert len(client_items.items_of(session, cast.fay, cast.cleo_id, page=2, now=NOW).rows) == 1
