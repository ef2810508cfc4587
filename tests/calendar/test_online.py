"""Online slots are exactly what staff could book without a warning, soon enough and not too soon; the clocks may change."""

from datetime import date, time, timedelta
from random import Random

import pytest
from sqlalchemy import delete, event

from clinic.calendar import availability, booking, buffers, hours, online
from clinic.calendar.online import Slot, TakenError, Wish
from clinic.kernel import clock
from clinic.kernel.database import db
from clinic.models.calendar import AppointmentType, Item, ItemKind, TimeOff, WorkingHours
from clinic.models.practice import Practice, Practitioner, Room
from tests.calendar.stage import at, review, therapy
from tests.cast import MADE_AT, NOW

ZONE = "America/New_York"
THURSDAY = date(2026, 11, 19)


def _wish(session, cast, **other):
    kind = session.get(AppointmentType, cast.therapy_id)
    return Wish(**({"practitioner_id": cast.pat_id, "location_id": cast.harbour_id, "kind": kind, "minutes": 50} | other))


def _starts(session, wish, first=THURSDAY, last=THURSDAY, now=NOW):
    return [slot.starts_at for slot in online.slots(session, wish, first, last, now)]


def test_free_starts_stand_every_quarter_hour_beside_what_is_busy(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10, days=1)), NOW)
    booking.book(session, cast.fay, review(cast, at(13, days=1), is_busy=False), NOW)
    starts = _starts(session, _wish(session, cast))
    assert [start for start in starts if start < at(11, 30, days=1)] == [at(9, days=1), at(11, days=1), at(11, 15, days=1)]
    assert at(13, days=1) in starts  # a Free item does not close
    assert starts[-1] == at(16, days=1)


def test_nothing_sooner_than_the_lead_time_nor_beyond_what_may_be_booked(session, cast):
    practice = session.get(Practice, 1)
    practice.online_lead_hours, practice.online_days_ahead = 2, 6
    first, last = online.span(session, NOW)
    assert (first, last) == (date(2026, 11, 18), date(2026, 11, 24))
    starts = _starts(session, _wish(session, cast), date(2026, 1, 1) + timedelta(days=300), date(2027, 3, 1))
    assert starts[0] == at(13, 45, days=0)  # 11:42 and two hours
    assert clock.local_date(starts[-1], ZONE) == last
    assert _starts(session, _wish(session, cast), date(2026, 11, 2), date(2026, 11, 17)) == []


def test_no_activity_and_nobody_who_has_left(session, cast):
    activity = session.get(AppointmentType, cast.case_review_id)
    assert _starts(session, _wish(session, cast, kind=activity)) == []
    assert _starts(session, _wish(session, cast, location_id=cast.mill_id)) == []  # Pat does not work there
    session.get(Practitioner, cast.pat_id).is_archived = True
    session.flush()
    assert _starts(session, _wish(session, cast)) == []


def test_a_type_that_needs_a_room_takes_the_first_free_one_and_keeps_its_own(session, cast):
    session.get(AppointmentType, cast.therapy_id).requires_room = True
    booking.book(session, cast.fay, therapy(cast, at(9, days=1), practitioner_id=cast.piet_id, room_id=cast.larch_id), NOW)
    wish = _wish(session, cast)
    rooms = {slot.starts_at: slot.room_id for slot in online.slots(session, wish, THURSDAY, THURSDAY, NOW)}
    assert (rooms[at(9, days=1)], rooms[at(9, 45, days=1)], rooms[at(10, days=1)]) == (
        cast.rowan_id, cast.rowan_id, cast.larch_id,
    )  # fmt: skip
    kept = online.take(session, _wish(session, cast, room_id=cast.rowan_id), at(10, days=1), NOW)
    assert kept == Slot(at(10, days=1), cast.rowan_id)
    session.get(Room, cast.rowan_id).is_archived = True
    session.flush()
    assert _starts(session, wish)[0] == at(10, days=1)


def test_a_start_is_taken_once_and_what_is_moved_does_not_stand_in_its_own_way(session, cast):
    wish = _wish(session, cast)
    assert online.take(session, wish, at(10, days=1), NOW) == Slot(at(10, days=1))
    item = booking.book(session, cast.fay, therapy(cast, at(10, days=1)), NOW)
    for start in (at(10, days=1), at(10, 5, days=2), at(10)):  # taken, on no quarter hour, past
        with pytest.raises(TakenError):
            online.take(session, wish, start, NOW)
    moved = _wish(session, cast, besides_item_id=item.id)
    assert online.take(session, moved, at(10, 15, days=1), NOW).starts_at == at(10, 15, days=1)


def test_a_month_costs_a_handful_of_queries(session, cast):
    session.get(AppointmentType, cast.therapy_id).requires_room = True
    session.flush()
    wish, asked = _wish(session, cast), []
    listen = (db.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    event.listen(*listen)
    found = online.slots(session, wish, THURSDAY, THURSDAY + timedelta(days=31), NOW)
    event.remove(*listen)
    assert len(found) > 500
    assert len(asked) <= 7


# The clocks go back on 1 November 2026 and forward on 14 March 2027, at two in the morning.
@pytest.mark.parametrize("sunday", [date(2026, 11, 1), date(2027, 3, 14), date(2026, 11, 22)])
def test_slots_are_what_staff_could_book_without_a_warning(session, cast, sunday):
    practice, days = session.get(Practice, 1), [sunday + timedelta(days=offset) for offset in (-1, 0, 1)]
    now = clock.day_start(days[0], ZONE)
    for seed in range(16):
        chance = Random(f"{sunday}{seed}")
        practice.online_lead_hours = chance.choice((0, 12, 30))
        kind = _random_days(session, cast, chance, days)
        minutes = chance.choice((20, 50, 90))
        wish = _wish(session, cast, kind=kind, minutes=minutes)
        found = online.slots(session, wish, days[0], days[-1], now)
        assert found == _naive(session, cast, wish, days, now), f"seed {seed}"


def _random_days(session, cast, chance, days):
    """Fill three days by chance: hours that split and cross midnight, time off, busy and free items, rooms and buffers."""
    for model in (Item, TimeOff, WorkingHours):
        session.execute(delete(model))
    kind = session.get(AppointmentType, chance.choice((cast.therapy_id, cast.intake_id)))
    kind.requires_room = chance.random() < 0.5
    for type_id in (cast.therapy_id, cast.intake_id):
        each = session.get(AppointmentType, type_id)
        each.buffer_before_minutes, each.buffer_after_minutes = (chance.choice((0, 10, 45)) for _ in range(2))
    for day in days:
        edges = sorted(chance.sample([0, 45, 90, 150, 180, 300, 600, 720, 800, 1440], 4))
        for starts, ends in (edges[:2], edges[1:3], edges[2:]):
            place = chance.choice((cast.harbour_id, cast.harbour_id, cast.mill_id))
            session.add(WorkingHours(practitioner_id=cast.pat_id, location_id=place, weekday=day.weekday(),
                                     starts_minute=starts, ends_minute=ends))  # fmt: skip
    span = clock.day_span(days[0], ZONE, days=len(days))
    begins = span[0]
    while begins < span[1]:
        ends = begins + chance.randint(2, 20) * timedelta(minutes=5)
        for who in (cast.pat_id, cast.piet_id):
            room = chance.choice((cast.larch_id, cast.rowan_id)) if who == cast.piet_id else None
            if chance.random() < 0.5:
                session.add(_item(cast, begins, ends, who, room, is_blocking=chance.random() < 0.7))
        begins = ends + chance.randint(0, 40) * timedelta(minutes=5)
    off = span[0] + chance.randint(1, 60) * timedelta(hours=1)
    whose = chance.choice((cast.pat_id, None))
    session.add(TimeOff(practitioner_id=whose, starts_at=off, ends_at=off + timedelta(hours=3)))
    session.flush()
    return kind


def _item(cast, starts_at, ends_at, practitioner_id, room_id, *, is_blocking):
    return Item(kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=practitioner_id, room_id=room_id,
                location_id=cast.harbour_id, starts_at=starts_at, ends_at=ends_at, is_busy=is_blocking,
                is_blocking=is_blocking, created_at=MADE_AT, changed_at=MADE_AT)  # fmt: skip


def _naive(session, cast, wish, days, now):
    """Ask of every quarter of an hour what staff would be told: no clash, no warning, and the lead time kept."""
    span = clock.day_span(days[0], ZONE, days=len(days))
    spans = hours.working_spans(session, [cast.pat_id], days[0], days[-1] + timedelta(days=1))
    off = hours.off_spans(session, [cast.pat_id], span[0], span[1] + timedelta(days=1))
    beside = buffers.neighbours(session, cast.pat_id, span[0], span[1] + timedelta(days=1))
    items = session.query(Item).filter(Item.is_blocking).all()
    grid = {
        clock.instant_at(each.day, time(*divmod(minute, 60)), ZONE) if not _is_skipped(each.day, minute) else None
        for each in spans if each.location_id == cast.harbour_id
        for minute in range(each.starts_minute, each.ends_minute, 15)
    }  # fmt: skip
    earliest = now + timedelta(hours=session.get(Practice, 1).online_lead_hours)
    found = []
    for number in range((span[1] - span[0]) // timedelta(minutes=5)):
        begins = span[0] + number * timedelta(minutes=5)
        ends = begins + timedelta(minutes=wish.minutes)
        there = [item for item in items if item.starts_at < ends and begins < item.ends_at]
        rooms = [each for each in (cast.larch_id, cast.rowan_id) if all(item.room_id != each for item in there)]
        if (
            begins in grid
            and begins >= earliest
            and all(item.practitioner_id != cast.pat_id for item in there)
            and not availability.spoken_against(
                spans, off, location_id=cast.harbour_id, starts_at=begins, ends_at=ends, timezone=ZONE
            )
            and not buffers.spoken_against(beside, wish.kind, begins, ends)
            and (rooms or not wish.kind.requires_room)
        ):
            found.append(Slot(begins, rooms[0] if wish.kind.requires_room else None))
    return found


def _is_skipped(day, minute):
    return day == date(2027, 3, 14) and 120 <= minute < 180
