"""What a status does: to the time, to the fee, to the other words there are."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import work
from clinic.calendar import booking, flyout, outcomes, statuses
from clinic.calendar.booking import OverlapError
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Share
from clinic.models.calendar import ItemKind, Status
from clinic.models.people import ClientGroup, GroupKind
from clinic.models.practice import Practice
from clinic.people import groups
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW


def _set(session, cast, item, status, **other):
    return statuses.set_status(session, cast.fay, item.id, status, NOW + timedelta(minutes=1), **other)


@pytest.mark.parametrize("status", [status for status in Status if not status.is_live])
def test_a_cancelled_item_frees_its_time_and_stays_visible(session, cast, status):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    assert _set(session, cast, item, status, reason="Flu").is_blocking is False
    assert booking.book(session, cast.fay, therapy(cast, at(9), client_id=cast.otto_id), NOW).is_blocking
    assert booking.item_for(session, cast.fay, item.id).attendees[0].status_reason == "Flu"


@pytest.mark.parametrize("status", [Status.ARRIVED, Status.ATTENDED, Status.NO_SHOW])
def test_who_came_or_should_have_held_the_time(session, cast, status):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    assert _set(session, cast, item, status).is_blocking is True


def test_taking_a_cancellation_back_asks_whether_the_time_is_still_free(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    _set(session, cast, item, Status.CANCELLED_BY_CLIENT)
    assert _set(session, cast, item, Status.BOOKED).is_blocking
    _set(session, cast, item, Status.CANCELLED_BY_CLIENT)
    booking.book(session, cast.fay, therapy(cast, at(9), client_id=cast.otto_id), NOW)
    with pytest.raises(OverlapError, match="Otto Brandt"):
        _set(session, cast, item, Status.BOOKED)


@pytest.mark.parametrize(
    ("status", "rate", "cents"),
    [
        (Status.NO_SHOW, "no_show_bp", 15_000),
        (Status.LATE_CANCELLED, "late_cancel_bp", 15_000),
        (Status.NO_SHOW, "no_show_bp", 7_500),
        (Status.LATE_CANCELLED, "late_cancel_bp", 0),
        (Status.CANCELLED_BY_CLIENT, "late_cancel_bp", None),
        (Status.CANCELLED_BY_PRACTICE, "late_cancel_bp", None),
    ],
)
def test_what_is_missed_bills_the_practices_policy(session, cast, status, rate, cents):
    practice = session.get(Practice, 1)
    setattr(practice, rate, 0 if cents is None else cents * 10_000 // 15_000)
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    place = _set(session, cast, item, status).attendees[0]
    assert place.policy_cents == cents
    assert work.billed_cents(place, practice) == (cents or 0)
    assert place.billing_changed_at == NOW + timedelta(minutes=1)
    assert _set(session, cast, item, Status.ATTENDED).attendees[0].policy_cents is None


def test_an_activity_is_scheduled_done_or_cancelled_and_never_a_no_show(session, cast):
    item = booking.book(session, cast.fay, review(cast, at(9)), NOW)
    for status in (Status.NO_SHOW, Status.LATE_CANCELLED, Status.ARRIVED):
        with pytest.raises(RefusalError):
            _set(session, cast, item, status)
    assert statuses.word(ItemKind.ACTIVITY, item.attendees[0].status) == "Scheduled"
    assert statuses.word(ItemKind.ACTIVITY, _set(session, cast, item, Status.ATTENDED).attendees[0].status) == "Done"
    assert _set(session, cast, item, Status.CANCELLED_BY_PRACTICE).is_blocking is False


def test_a_free_activity_never_starts_to_hold_its_time(session, cast):
    item = booking.book(session, cast.fay, review(cast, at(9), is_busy=False), NOW)
    booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    _set(session, cast, item, Status.CANCELLED_BY_PRACTICE)
    assert _set(session, cast, item, Status.BOOKED).is_blocking is False


def test_a_past_booked_session_counts_as_attended_unless_the_practice_says_no(session, cast):
    ends = at(9, 50)
    for past, expected in ((True, Status.ATTENDED), (False, Status.BOOKED)):
        assert statuses.counted(Status.BOOKED, ItemKind.APPOINTMENT, ends, NOW, past_is_attended=past) is expected
    assert statuses.counted(Status.BOOKED, ItemKind.APPOINTMENT, NOW, at(9), past_is_attended=True) is Status.BOOKED


def test_setting_the_same_status_again_changes_nothing(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    once, twice = (_set(session, cast, item, Status.ATTENDED).version for _ in range(2))
    assert once == twice


def test_a_status_is_for_attendees_of_that_item(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    with pytest.raises(NotFoundError):
        _set(session, cast, item, Status.ATTENDED, attendee_id=999)
    with pytest.raises(NotFoundError):
        statuses.set_status(session, cast.fay, 999, Status.ATTENDED, NOW)


def test_the_couples_slot_frees_when_nobody_is_left_and_its_fee_stays_with_who_came(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
    cleo, otto = sorted(item.attendees, key=lambda place: place.client_id != cast.cleo_id)
    item = _set(session, cast, item, Status.CANCELLED_BY_CLIENT, attendee_id=cleo.id)
    assert item.is_blocking
    assert (cleo.is_billed, otto.is_billed, otto.fee_cents) == (False, True, 15_000)
    assert session.execute(select(Share.attendee_id, Share.payer_id)).one() == (otto.id, cast.cleo_payer_id)
    assert _set(session, cast, item, Status.CANCELLED_BY_CLIENT, attendee_id=otto.id).is_blocking is False


def test_a_therapy_group_bills_each_to_their_own_payer(session, cast):
    details = groups.Details("Steady Ground", GroupKind.THERAPY, (cast.cleo_id, cast.otto_id), cast.cleo_id)
    group = groups.add(session, cast.fay, details, NOW)
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=group.id), NOW)
    assert [place.fee_cents for place in item.attendees] == [15_000, 15_000]
    assert set(session.scalars(select(Share.payer_id))) == {cast.cleo_payer_id, cast.otto_payer_id}
    activity = booking.book(session, cast.fay, review(cast, at(11), client_id=None, group_id=group.id), NOW)
    assert sorted(place.is_billed for place in activity.attendees) == [False, True]


def test_a_group_larger_than_the_practice_allows_is_refused(session, cast):
    session.get(Practice, 1).group_clients_max = 1
    assert session.get(ClientGroup, cast.couple_id).kind is GroupKind.COUPLE
    with pytest.raises(RefusalError) as refused:
        booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
    assert refused.value.field == "person"


def test_cancelling_is_late_inside_the_window(session, cast):
    soon = booking.book(session, cast.fay, therapy(cast, at(15)), NOW)
    later = booking.book(session, cast.fay, therapy(cast, at(15, days=2)), NOW)
    assert _ways(session, cast, soon)[0].value == "late_cancelled"
    assert _ways(session, cast, later)[0].value == "cancelled_by_client"
    activity = booking.book(session, cast.fay, review(cast, at(16)), NOW)
    assert [choice.word for choice in _ways(session, cast, activity)] == ["Cancelled"]


def _ways(session, cast, item):
    loaded = booking.item_for(session, cast.fay, item.id)
    return outcomes.ways_to_cancel(session, loaded, flyout.flyout_of(session, cast.fay, loaded, NOW), NOW)
