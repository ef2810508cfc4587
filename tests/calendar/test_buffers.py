"""Buffers warn, on either side and by either type, and never stop anyone who means it."""

from datetime import time

import pytest
from sqlalchemy import select

from clinic.calendar import booking, buffers, package_lines, series, statuses
from clinic.calendar.booking import Move
from clinic.calendar.occurrences import Choices
from clinic.calendar.package_lines import LineEdit
from clinic.calendar.recurrence import Rule
from clinic.models.billing import InvoiceLine
from clinic.models.calendar import AppointmentType, SeriesUnit, Status
from tests.calendar.stage import at, call, therapy
from tests.calendar.test_series import five_sessions
from tests.cast import NOW


@pytest.fixture
def buffered(session, cast):
    """Therapy wants 10 minutes before and 15 after it; it stands at 10:00–10:50."""
    kind = session.get(AppointmentType, cast.therapy_id)
    kind.buffer_before_minutes, kind.buffer_after_minutes = 10, 15
    return booking.book(session, cast.fay, therapy(cast, at(10)), NOW)


def _refused(session, cast, wanted):
    with pytest.raises(booking.WarnedError) as warned:
        booking.book(session, cast.fay, wanted, NOW)
    return warned.value.warnings


@pytest.mark.parametrize(("hour", "minute", "said"), [
    (10, 50, "Only 0 of 15 minutes are free before it."), (11, 0, "Only 10 of 15 minutes are free before it."),
    (9, 5, "Only 5 of 15 minutes are free after it."),
])  # fmt: skip
def test_less_than_the_buffer_warns_and_may_be_meant(session, cast, buffered, hour, minute, said):
    wanted = therapy(cast, at(hour, minute), client_id=cast.otto_id)
    if hour == 9:
        session.get(AppointmentType, cast.therapy_id).buffer_before_minutes = 15
    assert _refused(session, cast, wanted) == [said]
    anyway = therapy(cast, at(hour, minute), client_id=cast.otto_id, overrides_warnings=True)
    assert booking.book(session, cast.fay, anyway, NOW).is_blocking


def test_the_whole_buffer_is_enough(session, cast, buffered):
    booking.book(session, cast.fay, therapy(cast, at(11, 5)), NOW)
    booking.book(session, cast.fay, call(cast, at(9, 30)), NOW)


def test_a_neighbours_buffer_counts_for_a_type_without_one(session, cast, buffered):
    assert _refused(session, cast, call(cast, at(10, 55))) == ["Only 5 of 15 minutes are free before it."]
    booking.book(session, cast.fay, call(cast, at(10, 55), is_busy=False), NOW)


def test_a_cancelled_neighbour_needs_no_buffer_and_nothing_is_its_own_neighbour(session, cast, buffered):
    moved = booking.move(session, cast.fay, buffered.id, Move(at(10, 5)), NOW, version=buffered.version)
    assert moved.starts_at == at(10, 5)
    statuses.set_status(session, cast.fay, buffered.id, Status.CANCELLED_BY_PRACTICE, NOW)
    booking.book(session, cast.fay, therapy(cast, at(11)), NOW)


def test_the_neighbours_are_read_at_once(session, cast, buffered):
    span = {"practitioner_id": cast.pat_id, "starts_at": at(10, 50), "ends_at": at(11, 40)}
    assert len(buffers.warnings(session, type_id=cast.therapy_id, **span)) == 1
    assert buffers.warnings(session, type_id=cast.therapy_id, besides_item_id=buffered.id, **span) == []


def test_the_list_of_a_series_warns_of_buffers_on_just_the_dates_that_have_them(session, cast, buffered):
    weekly = Rule(SeriesUnit.WEEK, times=3)
    booking.book(session, cast.fay, therapy(cast, at(12, days=14), client_id=cast.otto_id), NOW)
    plan = series.listed(session, cast.fay, therapy(cast, at(11), client_id=cast.otto_id), weekly, Choices())
    assert [each.warnings for each in plan.occurrences] == [
        ("Only 10 of 15 minutes are free before it.",), (), ("Only 10 of 15 minutes are free after it.",)
    ]  # fmt: skip
    room_only = therapy(cast, at(11), practitioner_id=cast.piet_id, room_id=cast.larch_id)
    assert {each.warnings for each in series.listed(session, cast.fay, room_only, weekly, Choices()).occurrences} == {()}


def test_check_availability_of_a_package_line_warns_of_buffers(session, cast, buffered):
    sold = five_sessions(session, cast)
    line_id = session.scalar(select(InvoiceLine.id).where(InvoiceLine.invoice_id == sold.id).order_by(InvoiceLine.position))
    edit = LineEdit(day=at(11).date(), add_appointment=True, wall=time(11))
    found = package_lines.check(session, cast.fay, sold.id, line_id, edit, NOW)
    assert (found.is_free, found.warnings) == (True, ("Only 10 of 15 minutes are free before it.",))
    later = package_lines.check(session, cast.fay, sold.id, line_id, LineEdit(at(11).date(), True, time(11, 5)), NOW)
    assert later.warnings == ()
