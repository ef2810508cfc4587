"""A practitioner's feed, read back by a second library: what it tells, whom, and that the clocks' changes do not move it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject

from clinic.calendar import booking, feed
from clinic.calendar.booking import Move
from clinic.kernel import clock
from clinic.kernel.errors import NotFoundError
from clinic.models.calendar import Attendee, Item, ItemKind, Status
from clinic.models.practice import FeedDetail, Practice, Practitioner, User
from tests.calendar.stage import at, call, review, therapy
from tests.cast import MADE_AT, NOW

NAMES = ("Cleo", "Abernathy", "Otto", "Brandt")


def read(session, token):
    """Return the events of a feed by their UID, as another program reads them."""
    parsed = vobject.readOne(feed.calendar(session, token, NOW).decode())
    return {event.uid.value: event for event in parsed.contents.get("vevent", [])}


def only(session, token):
    """Return the one event of a feed."""
    (event,) = read(session, token).values()
    return event


@pytest.fixture
def token(session, cast):
    """Be the secret of Pat's feed."""
    return feed.reset(session, cast.pat, cast.pat_id, NOW)


def test_an_appointment_stands_in_the_feed_and_keeps_its_uid_when_it_moves(session, cast, token):
    item = booking.book(session, cast.fay, therapy(cast, at(14)), NOW)
    before = only(session, token)
    assert (before.dtstart.value, before.dtend.value) == (at(14), at(14, 50))
    assert (before.status.value, before.transp.value) == ("CONFIRMED", "OPAQUE")
    booking.move(session, cast.fay, item.id, Move(at(15), practitioner_id=cast.pat_id), NOW, version=item.version)
    after = only(session, token)
    assert after.dtstart.value == at(15)
    assert after.uid.value == before.uid.value
    assert int(after.sequence.value) > int(before.sequence.value)


def test_a_cancelled_appointment_stays_as_cancelled_and_takes_no_time(session, cast, token):
    item = booking.book(session, cast.fay, therapy(cast, at(14)), NOW)
    before = only(session, token)
    item.attendees[0].status = Status.CANCELLED_BY_CLIENT
    item.is_blocking, item.version = False, item.version + 1
    session.flush()
    after = only(session, token)
    assert (after.status.value, after.transp.value) == ("CANCELLED", "TRANSPARENT")
    assert after.uid.value == before.uid.value
    assert int(after.sequence.value) == int(before.sequence.value) + 1


def test_a_free_activity_is_transparent_and_a_busy_one_is_not(session, cast, token):
    booking.book(session, cast.fay, call(cast, at(14), is_busy=False), NOW)
    booking.book(session, cast.fay, review(cast, at(16)), NOW)
    found = {event.dtstart.value: event.transp.value for event in read(session, token).values()}
    assert found == {at(14): "TRANSPARENT", at(16): "OPAQUE"}


def test_a_deleted_item_is_gone(session, cast, token):
    item = booking.book(session, cast.fay, therapy(cast, at(14)), NOW)
    item.deleted_at = NOW
    session.flush()
    assert read(session, token) == {}


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (FeedDetail.BUSY, {"Busy"}),
        (FeedDetail.INITIALS, {"C.A., Therapy 50", "C.A., Case review", "C.A., O.B., Therapy 50", "Event"}),
        (FeedDetail.FULL, {"Cleo Abernathy, Therapy 50", "Cleo Abernathy, Case review", "Abernathy and Brandt, Therapy 50",
                           "Call Otto's school"}),
    ],
)  # fmt: skip
def test_the_feed_never_tells_more_of_a_client_than_was_chosen(session, cast, token, detail, words):
    booked = booking.book(session, cast.fay, therapy(cast, at(14), notes="Cleo is afraid of dogs"), NOW)
    booking.book(session, cast.fay, review(cast, at(15)), NOW)
    booking.book(session, cast.fay, therapy(cast, at(16), client_id=None, group_id=cast.couple_id), NOW)
    session.add(Item(kind=ItemKind.EVENT, practitioner_id=cast.pat_id, title="Call Otto's school", starts_at=at(12),
                     ends_at=at(13), created_at=NOW, changed_at=NOW))  # fmt: skip
    session.flush()
    feed.choose_detail(session, cast.pat, cast.pat_id, detail, NOW)
    assert {event.summary.value for event in read(session, token).values()} == words
    text = feed.calendar(session, token, NOW).decode()
    assert booked.notes not in text
    assert "afraid" not in text
    if detail is not FeedDetail.FULL:
        assert [name for name in NAMES if name in text] == []
    if detail is FeedDetail.BUSY:
        assert "Harbour" not in text
        assert "Therapy" not in text


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("America/New_York", (date(2026, 3, 8), date(2026, 11, 1))),
        ("America/Santiago", (date(2026, 4, 5), date(2026, 9, 6))),
        ("Australia/Lord_Howe", (date(2026, 4, 5), date(2026, 10, 4))),
        ("Europe/London", (date(2026, 3, 29), date(2026, 10, 25))),
    ],
)
def test_on_the_days_when_clocks_change_the_feed_says_the_wall_clocks_time(session, cast, token, zone, days):
    session.get(Practice, 1).timezone = zone
    wanted = []
    for day in days:
        for around, wall in (
            (-1, time(9)),
            (0, time(0, 30) if zone != "America/Santiago" else time(1)),
            (0, time(9)),
            (1, time(9)),
        ):
            starts_at = clock.instant_at(day + timedelta(days=around), wall, zone)
            wanted.append((day + timedelta(days=around), wall))
            session.add(Item(kind=ItemKind.EVENT, practitioner_id=cast.pat_id, starts_at=starts_at,
                             ends_at=starts_at + timedelta(minutes=25), created_at=MADE_AT, changed_at=MADE_AT))  # fmt: skip
    session.flush()
    for day in days:
        read_at = datetime.combine(day, time(12), tzinfo=UTC)
        parsed = vobject.readOne(feed.calendar(session, token, read_at).decode())
        local = {event.dtstart.value.astimezone(ZoneInfo(zone)) for event in parsed.vevent_list}
        told = {(moment.date(), moment.time()) for moment in local}
        assert {one for one in wanted if abs((one[0] - day).days) <= 1} <= told
        lengths = {event.dtend.value - event.dtstart.value for event in parsed.vevent_list}
        assert lengths == {timedelta(minutes=25)}


def test_the_feed_reaches_sixty_days_back_and_four_hundred_ahead(session, cast, token):
    edges = {-61: False, -59: True, 399: True, 401: False}
    for days in edges:
        starts_at = NOW + timedelta(days=days)
        session.add(Item(kind=ItemKind.EVENT, practitioner_id=cast.pat_id, starts_at=starts_at,
                         ends_at=starts_at + timedelta(hours=1), created_at=MADE_AT, changed_at=MADE_AT))  # fmt: skip
    session.flush()
    told = {(event.dtstart.value - NOW).days for event in read(session, token).values()}
    assert told == {days for days, stands in edges.items() if stands}


def test_another_practitioners_items_are_not_in_it(session, cast, token):
    booking.book(session, cast.fay, therapy(cast, at(14), practitioner_id=cast.piet_id), NOW)
    assert read(session, token) == {}


def test_a_reset_stops_the_address_before_and_only_a_hash_is_kept(session, cast, token):
    again = feed.reset(session, cast.pat, cast.pat_id, NOW)
    assert read(session, again) == {}
    with pytest.raises(NotFoundError):
        feed.calendar(session, token, NOW)
    kept = session.get(Practitioner, cast.pat_id).feed_token_hash
    assert again not in kept
    assert len(again) >= 43  # 256 bits


@pytest.mark.parametrize("how", ["stopped", "archived", "may not sign in"])
def test_a_feed_that_ended_answers_nobody(session, cast, token, how):
    if how == "stopped":
        feed.stop(session, cast.pat, cast.pat_id, NOW)
    elif how == "archived":
        session.get(Practitioner, cast.pat_id).is_archived = True
    else:
        session.get(User, cast.pat.user_id).is_active = False
    session.flush()
    with pytest.raises(NotFoundError):
        feed.calendar(session, token, NOW)


def test_ones_own_feed_is_ones_own_and_the_owner_may_see_to_anyones(session, cast):
    assert feed.feed_for(session, cast.pat, cast.pat_id).reset_at is None
    assert feed.reset(session, cast.olga, cast.piet_id, NOW)
    for who, practitioner_id in ((cast.pat, cast.piet_id), (cast.fay, cast.pat_id), (cast.bill, cast.pat_id)):
        for verb in (feed.reset, feed.stop):
            with pytest.raises(NotFoundError):
                verb(session, who, practitioner_id, NOW)


def test_statuses_of_several_clients_cancel_the_event_only_together(session, cast, token):
    item = booking.book(session, cast.fay, therapy(cast, at(14), client_id=None, group_id=cast.couple_id), NOW)
    first, second = session.query(Attendee).filter_by(item_id=item.id).all()
    first.status = Status.CANCELLED_BY_CLIENT
    session.flush()
    assert only(session, token).status.value == "CONFIRMED"
    second.status = Status.CANCELLED_BY_CLIENT
    session.flush()
    assert only(session, token).status.value == "CANCELLED"
