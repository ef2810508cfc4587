"""A change of many is one message to each client, with every date and one calendar file."""

from dataclasses import replace
from datetime import timedelta

import pytest
import vobject
from sqlalchemy import select

from clinic.calendar import booking, scope, series, statuses
from clinic.calendar.booking import Move
from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import Rule
from clinic.calendar.scope import Scope
from clinic.messages import choices, outbox, rendering, wording
from clinic.messages.wording import Wording
from clinic.models.calendar import SeriesUnit, Status
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.office import verify
from clinic.people import correspondence
from clinic.people.correspondence import Which
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW
from tests.messages.test_outbox import GRACE, MINUTE, all_of, newest, send

THREE = Rule(SeriesUnit.WEEK, times=3)
LATER = NOW + timedelta(hours=1)


def repeated(session, cast, wanted=None, **other):
    wanted = wanted or therapy(cast, at(10, days=7), **other)
    return series.items_of(session, series.book(session, cast.fay, wanted, THREE, Choices(), NOW).id)


def events(message):
    return [(event.uid.value, event.sequence.value, event.status.value) for event in vobject.readOne(message.ics).vevent_list]


def queued(session):
    return session.scalars(select(Message).where(Message.state == MessageState.QUEUED).order_by(Message.id)).all()


def test_a_new_series_is_confirmed_once_with_all_its_dates_and_one_calendar_file(session, cast):
    items = repeated(session, cast)
    assert all_of(session) == [("confirmations", "queued")]
    message = newest(session)
    assert message.subject == "Your appointments from Wednesday, November 25, 2026"
    for day in ("November 25", "December 2", "December 9"):
        assert f"Wednesday, {day}, 2026, 10:00 am to 10:50 am" in message.body
    assert message.body.count("In person, with Pat Oyelaran") == 1
    assert events(message) == [(item.ical_uid, "0", "CONFIRMED") for item in items]
    assert vobject.readOne(message.ics).method.value == "PUBLISH"
    assert "Therapy" not in message.body + message.subject + message.ics
    row = correspondence.page(session, cast.fay, Which.ALL, number=1).rows[0]
    assert (row.kind, row.more) == ("Confirmation of several", 2)
    assert [item_id for item_id, _at in correspondence.letter(session, cast.fay, message.id).about] == [i.id for i in items]
    assert send(session, NOW + GRACE - MINUTE) == []
    assert send(session, NOW + GRACE) == ["confirmations"]
    assert list(verify.findings(session)) == []


@pytest.mark.parametrize("deed", ["move", "cancel", "delete"])
def test_a_change_of_many_is_told_once_with_a_higher_sequence(session, cast, deed):
    items = repeated(session, cast)
    send(session, NOW + GRACE)
    if deed == "move":
        scope.move(session, cast.fay, items[1].id, Move(at(14, days=14)), Scope.FOLLOWING, LATER, version=items[1].version)
    elif deed == "cancel":
        scope.cancel(session, cast.fay, items[1].id, Status.CANCELLED_BY_PRACTICE, Scope.FOLLOWING, LATER)
    else:
        scope.delete(session, cast.fay, items[1].id, Scope.FOLLOWING, LATER)
    kind, status = ("changes", "CONFIRMED") if deed == "move" else ("cancellations", "CANCELLED")
    assert all_of(session)[1:] == [(kind, "queued")]
    assert events(newest(session)) == [(item.ical_uid, "1", status) for item in items[1:]]
    assert ("2:00 pm" in newest(session).body) is (deed == "move")
    assert send(session, LATER + GRACE) == [kind]
    assert list(verify.findings(session)) == []


def test_what_is_put_right_within_the_grace_leaves_the_message_of_several(session, cast):
    items = repeated(session, cast)
    statuses.set_status(session, cast.fay, items[0].id, Status.CANCELLED_BY_PRACTICE, NOW + MINUTE)
    assert [message.kind.value for message in queued(session)] == ["confirmations"]
    assert [uid for uid, *_ in events(queued(session)[0])] == [item.ical_uid for item in items[1:]]
    assert "November 25" not in queued(session)[0].body + queued(session)[0].subject
    booking.move(session, cast.fay, items[1].id, Move(at(15, days=14)), NOW + MINUTE, version=1)
    assert [(message.kind.value, message.item_id) for message in queued(session)] == [
        ("confirmation", items[2].id), ("confirmation", items[1].id)
    ]  # fmt: skip
    assert events(queued(session)[1]) == [(items[1].ical_uid, "1", "CONFIRMED")]
    assert list(verify.findings(session)) == []
    for item in items[1:]:
        booking.delete(session, cast.fay, item.id, NOW + MINUTE)
    assert send(session, LATER) == []


def test_a_series_moved_within_the_grace_is_confirmed_once_as_it_stands(session, cast):
    items = repeated(session, cast)
    scope.move(session, cast.fay, items[0].id, Move(at(14, days=7)), Scope.ALL, NOW + MINUTE, version=1)
    assert all_of(session) == [("confirmations", "dropped"), ("confirmations", "queued")]
    scope.cancel(session, cast.fay, items[0].id, Status.CANCELLED_BY_CLIENT, Scope.ALL, NOW + MINUTE)
    assert queued(session) == []
    assert newest(session).last_error == outbox.TAKEN_BACK


def test_another_client_of_all_is_one_cancellation_and_one_confirmation(session, cast):
    items = repeated(session, cast)
    send(session, NOW + GRACE)
    wanted = series.wanted_of(items[0], booking.kept_of(session, items[0]))
    changed = type(wanted)(**{**vars(wanted), "client_id": cast.otto_id})
    scope.edit(session, cast.fay, items[0].id, changed, Scope.ALL, LATER, version=items[0].version)
    assert {(message.client_id, message.kind.value) for message in queued(session)} == {
        (cast.cleo_id, "cancellations"), (cast.otto_id, "confirmations")
    }  # fmt: skip


def test_do_not_notify_activities_and_choices_hold_for_several(session, cast):
    repeated(session, cast, therapy(cast, at(10, days=7), notifies=False))
    repeated(session, cast, review(cast, at(12, days=7)))
    choices.choose(session, cast.fay, cast.otto_id, choices.Choices(confirmation=False), NOW)
    repeated(session, cast, therapy(cast, at(14, days=7), client_id=cast.otto_id))
    assert all_of(session) == []
    items = repeated(session, cast, therapy(cast, at(15, days=7)))
    scope.move(session, cast.fay, items[0].id, Move(at(16, days=7), notifies=False), Scope.ALL, NOW + MINUTE, version=1)
    assert all_of(session) == [("confirmations", "dropped")]
    usual = wording.USUAL[MessageKind.CONFIRMATION]
    wording.change(session, cast.olga, Wording(usual.kind, usual.subject, usual.body, is_on=False), NOW)
    repeated(session, cast, therapy(cast, at(9, days=8)))
    assert len(all_of(session)) == 1


def test_dates_that_began_are_left_out_when_the_server_was_away_and_reminders_stay_one_by_one(session, cast):
    choices.choose(session, cast.fay, cast.cleo_id, choices.Choices(reminder=True), NOW)
    items = repeated(session, cast)
    late = items[0].starts_at + timedelta(hours=1)
    assert send(session, late) == ["confirmations"]
    assert [uid for uid, *_ in events(newest(session))] == [item.ical_uid for item in items[1:]]
    again = correspondence.resend(session, cast.fay, newest(session).id, late)
    assert (again.kind, len(events(again))) == (MessageKind.CONFIRMATIONS, 2)
    assert outbox.remind(session, items[1].starts_at - timedelta(hours=24)) == 1
    assert newest(session).kind is MessageKind.REMINDER


def test_the_wording_of_several_has_words_of_its_own(session, cast):
    shown = Wording(MessageKind.CHANGES, "{count} appointments", "{first_name}:\n{dates}")
    assert rendering.preview(session, shown, NOW).body.count("10:00 am to 10:50 am") == 3
    wording.change(session, cast.olga, shown, NOW)
    for subject, body in (("{time}", "{dates}"), ("Dates", "{time}"), ("{dates}", "{dates}")):
        with pytest.raises(wording.RefusalError):
            wording.check(Wording(MessageKind.CHANGES, subject, body))
    with pytest.raises(wording.RefusalError):
        wording.check(Wording(MessageKind.CHANGE, "{count}", "{date}"))


def test_a_preview_fills_in_every_word_that_a_wording_may_name(session, cast):
    for usual in wording.USUAL.values():
        body = usual.body + " ".join(f"{{{name}}}" for name in usual.placeholders)
        subject = " ".join(f"{{{name}}}" for name in usual.subject_placeholders) or usual.subject
        shown = rendering.preview(session, replace(usual, subject=subject, body=body), NOW)
        assert "{" not in shown.subject + shown.body, usual.kind
