"""What clients are told of a booking, when, and what they are spared."""

from datetime import timedelta

import pytest
import vobject
from sqlalchemy import select

from clinic.calendar import booking, statuses
from clinic.calendar.booking import Move
from clinic.kernel.errors import RefusalError
from clinic.messages import choices, delivery, outbox, wording
from clinic.messages.choices import Choices
from clinic.models.calendar import Status
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.people import Client, Contact
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW

COMING = at(10, days=2)
GRACE = timedelta(minutes=3)
MINUTE = timedelta(minutes=1)


def all_of(session, item=None) -> list[tuple[str, str]]:
    query = select(Message).order_by(Message.id)
    if item is not None:
        query = query.where(Message.item_id == item.id)
    return [(message.kind.value, message.state.value) for message in session.scalars(query)]


def newest(session) -> Message:
    return session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()


def send(session, now) -> list[str]:
    """Send what is due, as the clock would with a server that takes everything."""
    sent = []
    for message_id in delivery.due_ids(session, now):
        outgoing = delivery.claim(session, message_id, now)
        if outgoing:
            delivery.settle(session, message_id, now)
            sent.append(session.get_one(Message, message_id).kind.value)
    return sent


def moved(session, cast, item, to, now, **other):
    return booking.move(session, cast.fay, item.id, Move(starts_at=to, **other), now, version=item.version)


def set_to(session, cast, item, status, now, **other):
    return statuses.set_status(session, cast.fay, item.id, status, now, **other)


def test_a_booking_is_confirmed_after_three_minutes_with_a_calendar_file(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    message = newest(session)
    assert message.subject == "Your appointment on Friday, November 20, 2026"
    assert "Hello Cleo" in message.body
    assert "10:00 am to 10:50 am, in person" in message.body
    assert "Pat Oyelaran" in message.body
    assert "Therapy" not in message.body + message.subject + message.ics
    event = vobject.readOne(message.ics).vevent
    assert (event.uid.value, event.sequence.value, event.status.value) == (item.ical_uid, "0", "CONFIRMED")
    assert (event.dtstart.value, event.dtend.value) == (item.starts_at, item.ends_at)
    assert vobject.readOne(message.ics).method.value == "REQUEST"
    assert event.organizer.value == "mailto:hello@quillmere.example"
    assert send(session, NOW + GRACE - MINUTE) == []
    assert send(session, NOW + GRACE) == ["confirmation"]
    assert send(session, NOW + GRACE) == []


def test_a_mistake_put_right_within_the_grace_sends_one_confirmation_of_what_holds(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    moved(session, cast, item, at(14, days=2), NOW + MINUTE)
    assert all_of(session) == [("confirmation", "dropped"), ("confirmation", "queued")]
    assert "2:00 pm" in newest(session).body
    assert send(session, NOW + GRACE) == []
    assert send(session, NOW + MINUTE + GRACE) == ["confirmation"]


def test_booked_and_cancelled_again_within_the_grace_sends_nothing(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    set_to(session, cast, item, Status.CANCELLED_BY_PRACTICE, NOW + MINUTE)
    assert all_of(session) == [("confirmation", "dropped")]
    other = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    booking.delete(session, cast.fay, other.id, NOW + MINUTE)
    assert send(session, NOW + timedelta(hours=1)) == []


def test_moved_away_and_back_within_the_grace_sends_nothing(session, cast):
    item = told(session, cast)
    later = NOW + timedelta(hours=1)
    moved(session, cast, item, at(14, days=2), later)
    moved(session, cast, item, COMING, later + MINUTE)
    assert all_of(session) == [("confirmation", "sent"), ("change", "dropped")]
    assert newest(session).last_error == outbox.TAKEN_BACK


def test_a_change_and_a_cancellation_keep_the_uid_and_raise_the_sequence(session, cast):
    item = told(session, cast)
    later = NOW + timedelta(hours=1)
    moved(session, cast, item, at(14, days=2), later)
    assert send(session, later + GRACE) == ["change"]
    change = vobject.readOne(newest(session).ics)
    set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, later + timedelta(hours=1))
    assert send(session, later + timedelta(hours=2)) == ["cancellation"]
    cancelled = vobject.readOne(newest(session).ics)
    assert change.vevent.uid.value == cancelled.vevent.uid.value == item.ical_uid
    assert 0 < int(change.vevent.sequence.value) < int(cancelled.vevent.sequence.value)
    assert (cancelled.method.value, cancelled.vevent.status.value) == ("CANCEL", "CANCELLED")


def test_moved_then_cancelled_within_the_grace_only_says_cancelled(session, cast):
    item = told(session, cast)
    later = NOW + timedelta(hours=1)
    moved(session, cast, item, at(14, days=2), later)
    set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, later + MINUTE)
    assert send(session, later + timedelta(hours=1)) == ["cancellation"]
    set_to(session, cast, item, Status.BOOKED, later + timedelta(hours=2))
    assert send(session, later + timedelta(hours=3)) == ["confirmation"]


def test_a_cancellation_taken_back_within_the_grace_sends_nothing(session, cast):
    item = told(session, cast)
    later = NOW + timedelta(hours=1)
    set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, later)
    set_to(session, cast, item, Status.BOOKED, later + MINUTE)
    assert send(session, later + timedelta(hours=1)) == []


def test_notes_fee_and_status_of_a_session_tell_the_client_nothing(session, cast):
    item = told(session, cast)
    same = therapy(cast, COMING, notes="Bring the form", fee_cents=9_000)
    booking.edit(session, cast.fay, item.id, same, NOW, version=item.version)
    set_to(session, cast, item, Status.ARRIVED, NOW)
    assert all_of(session) == [("confirmation", "sent")]


def test_another_client_is_told_and_the_first_one_too(session, cast):
    item = told(session, cast)
    other = therapy(cast, COMING, client_id=cast.otto_id)
    booking.edit(session, cast.fay, item.id, other, NOW, version=item.version)
    last = session.scalars(select(Message).order_by(Message.id.desc()).limit(2)).all()
    assert {(message.client_id, message.kind) for message in last} == {
        (cast.cleo_id, MessageKind.CANCELLATION), (cast.otto_id, MessageKind.CONFIRMATION),
    }  # fmt: skip


def test_nobody_is_told_of_the_past(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    set_to(session, cast, item, Status.NO_SHOW, NOW)
    set_to(session, cast, item, Status.CANCELLED_BY_PRACTICE, NOW)
    assert all_of(session) == []


def test_what_waited_until_the_appointment_began_is_not_sent(session, cast):
    booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    assert send(session, COMING) == []
    assert (newest(session).state, newest(session).last_error) == (MessageState.DROPPED, outbox.PAST)


@pytest.mark.parametrize("step", ["book", "move", "cancel", "delete"])
def test_do_not_notify_is_kept_at_every_step(session, cast, step):
    item = booking.book(session, cast.fay, therapy(cast, COMING, notifies=step != "book"), NOW)
    send(session, NOW + GRACE)
    if step == "move":
        moved(session, cast, item, at(14, days=2), NOW, notifies=False)
    if step == "cancel":
        set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, NOW, notifies=False)
    if step == "delete":
        booking.delete(session, cast.fay, item.id, NOW, notifies=False)
    assert all_of(session) == ([] if step == "book" else [("confirmation", "sent")])


def test_do_not_notify_takes_back_what_would_now_be_wrong(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    moved(session, cast, item, at(14, days=2), NOW, notifies=False)
    assert send(session, NOW + GRACE) == []


def test_each_attendee_of_a_group_is_told(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, COMING, client_id=None, group_id=cast.couple_id), NOW)
    assert {row.client_id for row in session.scalars(select(Message))} == {cast.cleo_id, cast.otto_id}
    assert len(send(session, NOW + GRACE)) == 2
    one = item.attendees[0]
    set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, NOW + GRACE, attendee_id=one.id)
    assert (newest(session).client_id, newest(session).kind) == (one.client_id, MessageKind.CANCELLATION)


def test_without_an_address_it_is_said_and_not_queued(session, cast):
    session.get_one(Contact, session.get_one(Client, cast.cleo_id).contact_id).email = ""
    booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    assert (newest(session).state, newest(session).last_error) == (MessageState.DROPPED, outbox.NO_ADDRESS)


def test_a_client_hears_what_they_chose_and_the_practice_may_turn_a_kind_off(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(confirmation=False), NOW)
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    assert all_of(session) == []
    moved(session, cast, item, at(14, days=2), NOW)
    assert all_of(session) == [("change", "queued")]
    usual = wording.USUAL[MessageKind.CHANGE]
    wording.change(session, cast.olga, wording.Wording(usual.kind, usual.subject, usual.body, is_on=False), NOW)
    moved(session, cast, item, at(15, days=2), NOW + GRACE)
    assert all_of(session) == [("change", "dropped")]


def test_a_reminder_goes_once_to_who_asked_for_it(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(reminder=True), NOW)
    mine = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    booking.book(session, cast.fay, therapy(cast, at(12, days=2), client_id=cast.otto_id), NOW)
    assert send(session, NOW + GRACE) == ["confirmation", "confirmation"]
    day_before = COMING - timedelta(hours=24)
    assert outbox.remind(session, day_before - MINUTE) == 0
    assert outbox.remind(session, day_before) == 1
    assert outbox.remind(session, day_before) == 0
    assert newest(session).item_id == mine.id
    assert send(session, day_before) == ["reminder"]


def test_a_reminder_moves_with_its_appointment_and_is_not_sent_for_a_cancelled_one(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(reminder=True), NOW)
    item = told(session, cast)
    day_before = COMING - timedelta(hours=24)
    outbox.remind(session, day_before)
    moved(session, cast, item, at(10, days=6), day_before)
    assert send(session, day_before + GRACE) == ["change"]
    assert outbox.remind(session, at(10, days=5)) == 1
    set_to(session, cast, item, Status.CANCELLED_BY_CLIENT, at(10, days=5))
    assert send(session, at(10, days=5) + GRACE) == ["cancellation"]


def test_booked_within_the_reminder_s_hours_is_not_reminded_of(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(reminder=True), NOW)
    booking.book(session, cast.fay, therapy(cast, at(10, days=1)), NOW)
    assert outbox.remind(session, NOW + MINUTE) == 0


def test_a_message_is_sent_again_worded_anew_to_the_present_address(session, cast):
    item = told(session, cast)
    session.get_one(Contact, session.get_one(Client, cast.cleo_id).contact_id).email = "new@clients.example"
    outbox.resend(session, cast.fay, newest(session), NOW + GRACE)
    assert newest(session).to_address == "new@clients.example"
    assert send(session, NOW + GRACE) == ["confirmation"]
    moved(session, cast, item, at(14, days=2), NOW + GRACE)
    with pytest.raises(RefusalError, match="changed since"):
        outbox.resend(session, cast.fay, session.scalars(select(Message).order_by(Message.id)).first(), NOW + GRACE)
    with pytest.raises(RefusalError, match="waits"):
        outbox.resend(session, cast.fay, newest(session), NOW + GRACE)


def test_tries_back_off_and_end(session, cast):
    far = at(10, days=9)
    booking.book(session, cast.fay, therapy(cast, far), NOW)
    message, now, waits = newest(session), NOW + GRACE, []
    while message.state is MessageState.QUEUED:
        assert delivery.claim(session, message.id, now) is not None
        assert delivery.claim(session, message.id, now) is None  # another process at the same moment
        delivery.settle(session, message.id, now, error="The mail server did not answer.")
        if message.state is MessageState.QUEUED:
            waits.append(message.next_try_at - now)
            now = message.next_try_at
    assert [wait // MINUTE for wait in waits] == [1, 5, 30, 120, 480]
    assert (message.state, message.last_error) == (MessageState.FAILED, "The mail server did not answer.")


def test_a_try_that_died_is_made_again(session, cast):
    booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    message = newest(session)
    delivery.claim(session, message.id, NOW + GRACE)
    assert delivery.due_ids(session, NOW + GRACE + delivery.LEASE) == [message.id]


def test_clients_are_never_told_of_activities_and_events(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, Choices(reminder=True), NOW)
    for wish in (review(cast, COMING), call(cast, at(12, days=2))):
        item = booking.book(session, cast.fay, wish, NOW)
        moved(session, cast, item, item.starts_at + timedelta(hours=4), NOW)
        outbox.remind(session, COMING - timedelta(hours=1))
        set_to(session, cast, item, Status.CANCELLED_BY_PRACTICE, NOW)
        booking.delete(session, cast.fay, item.id, NOW)
    assert all_of(session) == []


@pytest.mark.parametrize(
    ("subject", "body", "field"),
    [
        ("Your appointment", "Hello {nobody}", "body"),
        ("For {client}", "Hello", "subject"),
        ("{pract", "Hello", "subject"),
        ("Your appointment", "Hello {", "body"),
        ("Your appointment", "  ", "body"),
        ("", "Hello", "subject"),
    ],
)
def test_a_wording_we_cannot_fill_is_refused(session, cast, subject, body, field):
    with pytest.raises(RefusalError) as refused:
        wording.change(session, cast.olga, wording.Wording(MessageKind.REMINDER, subject, body), NOW)
    assert refused.value.field == field


def test_a_client_s_name_in_braces_stays_a_name(session, cast):
    session.get_one(Client, cast.cleo_id).first_name = "{practice}"
    booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    assert "Hello {practice}," in newest(session).body


def told(session, cast):
    """Book a session and let its confirmation go out."""
    item = booking.book(session, cast.fay, therapy(cast, COMING), NOW)
    assert send(session, NOW + GRACE) == ["confirmation"]
    return item
