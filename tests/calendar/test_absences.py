"""A sick day over bookings: staff walk through each of them, and move, cancel or leave it; they may stop and come back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.calendar import absences, booking, hours, linking
from clinic.calendar.availability import OverlapError, WarnedError
from clinic.calendar.booking import Move
from clinic.kernel.errors import ClashError, NotFoundError
from clinic.models.calendar import OffDecision, Status, TimeOffBooking
from clinic.models.messages import Message
from clinic.office import verify
from tests.calendar.stage import at, review, therapy
from tests.calendar.test_series import five_sessions
from tests.cast import NOW

DAY = 7  # the Wednesday after


@pytest.fixture
def sick(session, cast):
    """Pat is ill on a day with three bookings; a Free one does not stand in the way."""
    five_sessions(session, cast)
    items = [booking.book(session, cast.fay, therapy(cast, at(hour, days=DAY)), NOW) for hour in (10, 11)]
    wanted = booking.Wanted(type_id=None, practitioner_id=cast.pat_id, starts_at=at(14, days=DAY), minutes=30, title="Team")
    items.append(booking.book(session, cast.fay, wanted, NOW))
    booking.book(session, cast.fay, review(cast, at(15, days=DAY), is_busy=False), NOW)
    booking.book(session, cast.fay, therapy(cast, at(10, days=DAY), practitioner_id=cast.piet_id), NOW)
    day = {"starts_at": at(0, days=DAY), "ends_at": at(24, days=DAY)}
    off = hours.add_time_off(session, cast.olga, practitioner_id=cast.pat_id, label="Sick", now=NOW, **day)
    return off, items


def test_it_stands_at_each_in_turn_until_all_are_settled(session, cast, sick):
    off, (first, second, event) = sick
    walk = absences.walk_for(session, off.id, NOW)
    assert (walk.left_to_do, walk.current.number, walk.current.item_id) == (3, 1, first.id)
    assert walk.current.cancels == "gives the session back to “Five sessions”"
    assert walk.current.free[0] == at(9, days=DAY + 1)
    absences.move(session, cast.olga, off.id, first.id, Move(walk.current.free[0]), NOW, version=first.version)
    walk = absences.walk_for(session, off.id, NOW)
    assert (walk.left_to_do, walk.current.number, walk.current.item_id) == (2, 2, second.id)
    assert [step.was_at for step in walk.steps] == [at(10, days=DAY), None, None]
    absences.cancel(session, cast.olga, off.id, second.id, NOW, reason="Sick")
    assert {seat.status for seat in second.attendees} == {Status.CANCELLED_BY_PRACTICE}
    assert linking.held_line(session, second.attendees[0].id) is None
    assert absences.walk_for(session, off.id, NOW).current.is_event
    absences.leave(session, cast.olga, off.id, event.id, NOW)
    walk = absences.walk_for(session, off.id, NOW)
    assert (walk.current, walk.left_to_do, len(walk.steps)) == (None, 0, 3)
    assert [walk.count(each) for each in OffDecision] == [1, 1, 1]
    again = absences.walk_for(session, off.id, NOW, item_id=event.id)
    assert again.current.item_id == event.id
    absences.cancel(session, cast.olga, off.id, event.id, NOW)
    assert event.deleted_at is not None
    assert absences.walk_for(session, off.id, NOW).count(OffDecision.CANCELLED) == 2
    assert list(verify.findings(session)) == []


def test_a_clash_a_warning_or_a_faster_colleague_decides_nothing(session, cast, sick):
    off, (first, second, _event) = sick
    with pytest.raises(OverlapError):
        absences.move(session, cast.olga, off.id, first.id, Move(second.starts_at), NOW, version=first.version)
    inside = Move(at(16, days=DAY))
    with pytest.raises(WarnedError, match="Sick"):
        absences.move(session, cast.olga, off.id, first.id, inside, NOW, version=first.version)
    with pytest.raises(ClashError):
        absences.move(session, cast.olga, off.id, first.id, Move(at(9, days=8)), NOW, version=first.version - 1)
    booking.move(session, cast.fay, first.id, Move(at(9, days=8)), NOW, version=first.version)
    for late in (absences.cancel, absences.leave):
        with pytest.raises(ClashError, match="not stand"):
            late(session, cast.olga, off.id, first.id, NOW)
    assert session.scalars(select(TimeOffBooking)).all() == []
    assert absences.walk_for(session, off.id, NOW).current.item_id == second.id
    with pytest.raises(NotFoundError):
        absences.walk_for(session, 999, NOW)


def test_moved_but_still_inside_is_asked_again_and_a_long_holiday_offers_times_after_it(session, cast, sick):
    off, (first, *_others) = sick
    there = Move(at(16, days=DAY), overrides_warnings=True)
    absences.move(session, cast.olga, off.id, first.id, there, NOW, version=first.version)
    assert absences.walk_for(session, off.id, NOW).left_to_do == 3
    off.ends_at = at(0, days=DAY + 40)
    session.flush()
    assert absences.walk_for(session, off.id, NOW).current.free[0] >= off.ends_at


def test_do_not_notify_holds_and_deleting_the_time_off_forgets_the_walk(session, cast, sick):
    off, (first, second, event) = sick
    before = len(session.scalars(select(Message)).all())
    later = NOW + timedelta(hours=1)
    for message in session.scalars(select(Message)):
        message.tries = 1
    absences.cancel(session, cast.olga, off.id, first.id, later, notifies=False)
    absences.move(session, cast.olga, off.id, second.id, Move(at(9, days=8), notifies=False), later, version=second.version)
    assert len(session.scalars(select(Message)).all()) == before
    absences.leave(session, cast.olga, off.id, event.id, later)
    hours.delete_time_off(session, cast.olga, off.id, later)
    assert session.scalars(select(TimeOffBooking)).all() == []
