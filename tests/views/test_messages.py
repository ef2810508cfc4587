"""Messages in the browser: the outbox, a client's messages and choices, the wording, and Do not notify on every form."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.calendar import booking
from clinic.kernel import clock
from clinic.messages import choices, wording
from clinic.models.calendar import Item
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.people import Client
from clinic.models.practice import Practice
from tests.calendar.stage import therapy
from tests.cast import Cast

HTMX = {"HX-Request": "true"}


def starts() -> object:
    return clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)


@pytest.fixture
def item_id(app, cast, write) -> int:
    """Book a session of Cleo's three days ahead; its confirmation waits."""
    with write() as session:
        return booking.book(session, cast.fay, therapy(cast, starts(), overrides_warnings=True), clock.now()).id


def kinds(rows) -> list[tuple[str, str]]:
    with rows() as session:
        return [(row.kind.value, row.state.value) for row in session.scalars(select(Message).order_by(Message.id))]


def sent(write) -> None:
    with write() as session:
        message = session.scalars(select(Message)).one()
        message.state, message.sent_at = MessageState.SENT, clock.now()


def test_the_outbox_says_what_would_have_been_sent(as_, item_id, cast):
    page = as_("fay").get("/messages").get_data(as_text=True)
    assert "No mail server is set." in page
    assert "Cleo Abernathy" in page
    assert "cleo@clients.example" in page
    assert "Queued" in page
    letter = as_("fay").get("/messages/1").get_data(as_text=True)
    assert "Hello Cleo" in letter
    assert "appointment.ics" in letter
    assert "Send again" not in letter  # it waits to be sent


def test_the_outbox_is_filtered_and_a_client_has_their_own(as_, item_id, cast):
    fay = as_("fay")
    assert "Nothing here" in fay.get("/messages?which=failed").get_data(as_text=True)
    assert "Confirmation" in fay.get("/messages?which=queued").get_data(as_text=True)
    mine = fay.get(f"/clients/{cast.cleo_id}/messages").get_data(as_text=True)
    assert 'aria-current="page">Messages</a>' in mine
    assert "Confirmation" in mine
    assert "Nothing here" in fay.get(f"/clients/{cast.otto_id}/messages").get_data(as_text=True)


def test_a_failed_message_says_why_and_is_sent_again(as_, item_id, rows, write):
    with write() as session:
        message = session.scalars(select(Message)).one()
        message.state, message.last_error, message.tries = MessageState.FAILED, "The mail server refused this address.", 1
    fay = as_("fay")
    page = fay.get("/messages").get_data(as_text=True)
    assert "1 about coming appointments did not arrive." in page
    assert "The mail server refused this address." in page
    answer = fay.post("/messages/1/send")
    assert (answer.status_code, answer.location) == (303, "/messages/2")
    assert kinds(rows) == [("confirmation", "failed"), ("confirmation", "queued")]


def test_what_no_longer_holds_is_not_sent_again(as_, item_id, rows, write, cast):
    sent(write)
    with write() as session:
        booking.delete(session, cast.fay, item_id, clock.now())
    answer = as_("fay").post("/messages/1/send")
    assert answer.status_code == 422
    assert "The appointment was changed since. It is not sent again." in answer.get_data(as_text=True)


def test_a_practitioner_sees_the_messages_of_their_own_clients(as_, app, cast, write, item_id):
    with write() as session:
        wish = therapy(cast, starts() + timedelta(hours=2), practitioner_id=cast.piet_id, client_id=cast.otto_id,
                       overrides_warnings=True)  # fmt: skip
        booking.book(session, cast.fay, wish, clock.now())
        session.get_one(Client, cast.otto_id).practitioner_id = cast.piet_id
    pat = as_("pat")
    page = pat.get("/messages").get_data(as_text=True)
    assert "Cleo Abernathy" in page
    assert "Otto" not in page
    assert pat.get("/messages/2").status_code == 404
    assert pat.post("/messages/2/send").status_code == 404


def test_a_client_s_choices_are_kept(as_, cast: Cast, rows):
    answer = as_("fay").post(f"/clients/{cast.cleo_id}/messages/choices", data={"confirmation": "y", "reminder": "y"})
    assert answer.status_code == 303
    with rows() as session:
        assert choices.of(session, cast.cleo_id) == choices.Choices(True, False, False, True)
    assert as_("fay").post("/clients/999999/messages/choices").status_code == 404


def test_the_wording_is_previewed_and_saved(as_, rows):
    olga = as_("olga")
    typed = {"is_on": "y", "subject": "Your appointment, {date}", "body": "Dear {client}, see you at {time}."}
    seen = olga.post("/settings/messages/reminder", data=typed | {"preview": "1"})
    assert seen.status_code == 200
    page = seen.get_data(as_text=True)
    assert "Dear Juniper Aldous, see you at 10:00 am." in page
    with rows() as session:
        assert wording.of(session, MessageKind.REMINDER) == wording.USUAL[MessageKind.REMINDER]
    assert olga.post("/settings/messages/reminder", data=typed).status_code == 303
    with rows() as session:
        assert wording.of(session, MessageKind.REMINDER).subject == "Your appointment, {date}"


def test_a_wording_with_an_unknown_word_is_refused_and_kept_in_the_form(as_):
    typed = {"is_on": "y", "subject": "Your appointment", "body": "Dear {cleint}"}
    answer = as_("olga").post("/settings/messages/reminder", data=typed)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "{cleint} is not known." in page
    assert "Dear {cleint}</textarea>" in page
    assert as_("olga").get("/settings/messages/birthday").status_code == 404


def test_the_grace_is_the_practice_s_and_every_form_says_it(as_, rows, item_id):
    olga = as_("olga")
    assert "The client is told after 3 minutes." in olga.get(f"/calendar/items/{item_id}/move").get_data(as_text=True)
    assert (
        olga.post(
            "/settings/messages/", data={"message_grace_minutes": "0", "reminder_hours": "48", "package_warning_days": "7"}
        ).status_code
        == 303
    )
    with rows() as session:
        assert (session.get_one(Practice, 1).message_grace_minutes, session.get_one(Practice, 1).reminder_hours) == (0, 48)
    assert "The client is told at once." in olga.get(f"/calendar/items/{item_id}/move").get_data(as_text=True)
    assert olga.post("/settings/messages/", data={"message_grace_minutes": "x", "reminder_hours": "0"}).status_code == 422


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("step", ["move", "cancel", "delete"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_do_not_notify_is_asked_and_kept(as_, rows, write, item_id, step, told, headers):
    sent(write)
    with rows() as session:
        item = session.get_one(Item, item_id)
        there = clock.local(item.starts_at, "America/New_York") + timedelta(hours=2)
        version = item.version
    typed = {
        "move": {"day": there.date().isoformat(), "starts_at": f"{there:%H:%M}", "version": version, "overrides_warnings": "y"},
        "cancel": {"status": "cancelled_by_client"},
        "delete": {},
    }[step]
    address = f"/calendar/items/{item_id}/{step}"
    fay = as_("fay")
    assert "Do not notify" in fay.get(address).get_data(as_text=True)
    answer = fay.post(address, data=typed | ({} if told else {"do_not_notify": "y"}), headers=headers)
    assert answer.status_code in (200, 204, 303), answer.get_data(as_text=True)
    expected = {"move": "change"}.get(step, "cancellation")
    assert kinds(rows)[1:] == ([(expected, "queued")] if told else [])


def test_do_not_notify_stands_in_the_booking_form_of_an_appointment_only(as_, cast, rows):
    fay = as_("fay")
    address = f"/calendar/{cast.pat_id}/2034-11-22/book"
    assert "Do not notify" in fay.get(address).get_data(as_text=True)
    assert "Do not notify" in fay.get("/calendar/new").get_data(as_text=True)
    activity = fay.post(f"{address}/fields", data={"type": cast.case_review_id}).get_data(as_text=True)
    assert "Do not notify" not in activity
