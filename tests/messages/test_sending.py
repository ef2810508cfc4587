"""Messages go out over real SMTP; what fails is tried again, and nothing is lost without a server."""

import socket
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
import vobject
from sqlalchemy import select

from clinic.calendar import booking
from clinic.jobs import send_messages
from clinic.jobs.tick import tick
from clinic.messages import delivery
from clinic.messages.smtp import Mailer, UndeliveredError, mailer_from
from clinic.models.messages import Message, MessageState
from clinic.models.practice import Practice
from tests.calendar.stage import at, therapy
from tests.cast import NOW
from tests.messages.mail_server import SECRET, USER, Postbox, certificate, login, mail_server

DUE = NOW + timedelta(minutes=3)
COMING = at(10, days=2)


@pytest.fixture
def booked(app, cast, write):
    """Book a session of Cleo's, and one of Otto's after it."""
    with write() as session:
        booking.book(session, cast.fay, therapy(cast, COMING), NOW)
        booking.book(session, cast.fay, therapy(cast, at(12, days=2), client_id=cast.otto_id), NOW)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


def run(app, mailer, now=DUE):
    with app.app_context():
        return send_messages.run(mailer, lambda: now)


def states(rows) -> list[tuple[MessageState, int, str]]:
    with rows() as session:
        found = session.scalars(select(Message).order_by(Message.id)).all()
    return [(message.state, message.tries, message.last_error) for message in found]


def test_messages_arrive_with_their_calendar_file_and_are_not_sent_twice(app, booked, rows, postbox):
    with mail_server(postbox) as port:
        mailer = mailer_from(f"smtp://127.0.0.1:{port}")
        assert run(app, mailer, NOW).done == 0
        assert run(app, mailer).done == 2
        assert run(app, mailer).done == 0
    mail = postbox.mails[0]
    assert (mail["From"], mail["To"]) == ("Quillmere <hello@quillmere.example>", "cleo@clients.example")
    assert mail["Subject"] == "Your appointment on Friday, November 20, 2026"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Hello Cleo" in mail.get_body().get_content()
    (file,) = mail.iter_attachments()
    assert (file.get_content_type(), file.get_param("method")) == ("text/calendar", "REQUEST")
    assert vobject.readOne(file.get_content()).vevent.dtstart.value == COMING
    assert {state for state, _, _ in states(rows)} == {MessageState.SENT}


def test_without_a_mail_server_nothing_is_lost(app, booked, rows, postbox):
    assert run(app, None).done == 0
    assert states(rows) == [(MessageState.QUEUED, 0, "")] * 2
    with mail_server(postbox) as port:
        assert run(app, mailer_from(f"smtp://127.0.0.1:{port}"), NOW + timedelta(hours=5)).done == 2


def test_the_tick_sends(app, booked, postbox):
    with mail_server(postbox) as port, app.app_context():
        said = tick(None, lambda: DUE, mailer_from(f"smtp://127.0.0.1:{port}"))
    assert "Messages: 2 sent, 0 failed." in said


def test_a_refused_address_fails_at_once_without_quoting_it(app, booked, rows, postbox):
    postbox.refuses_address = "550 cleo@clients.example: no such mailbox"
    with mail_server(postbox) as port:
        assert run(app, mailer_from(f"smtp://127.0.0.1:{port}")).failed == 2
    assert states(rows) == [(MessageState.FAILED, 1, "The mail server refused this e-mail address (550).")] * 2


def test_a_server_that_is_busy_is_asked_again_a_minute_later(app, booked, rows, postbox):
    postbox.refuses_address = "451 later"
    with mail_server(postbox) as port:
        mailer = mailer_from(f"smtp://127.0.0.1:{port}")
        assert run(app, mailer).failed == 2
        postbox.refuses_address = ""
        assert run(app, mailer).done == 0
        assert run(app, mailer, DUE + delivery.BACK_OFF[0]).done == 2


def test_a_letter_refused_for_good_is_not_tried_again(app, booked, rows, postbox):
    postbox.refuses_letter = "554 spam"
    with mail_server(postbox) as port:
        run(app, mailer_from(f"smtp://127.0.0.1:{port}"))
    assert states(rows)[0] == (MessageState.FAILED, 1, "The mail server refused the message (554).")


def test_a_connection_that_breaks_is_tried_again(app, booked, rows, postbox):
    postbox.hangs_up = True
    with mail_server(postbox) as port:
        mailer = mailer_from(f"smtp://127.0.0.1:{port}")
        run(app, mailer)
        assert states(rows)[0] == (MessageState.QUEUED, 1, "The mail server broke off.")
        postbox.hangs_up = False
        assert run(app, mailer, DUE + delivery.BACK_OFF[0]).done == 2


def test_a_server_that_is_not_there_costs_one_message_a_try(app, booked, rows):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        assert run(app, mailer_from(f"smtp://127.0.0.1:{taken.getsockname()[1]}")).failed == 1
    (first, second) = states(rows)
    assert first[:2] == (MessageState.QUEUED, 1)
    assert "did not answer" in first[2]
    assert second == (MessageState.QUEUED, 0, "")


def test_without_the_practice_s_address_the_reason_is_said(app, booked, rows, write, postbox):
    with write() as session:
        session.get_one(Practice, 1).email = ""
    with mail_server(postbox) as port:
        run(app, mailer_from(f"smtp://127.0.0.1:{port}"))
    assert "no e-mail address to send from" in states(rows)[0][2]


def test_a_password_goes_over_starttls(app, booked, rows, postbox, tmp_path):
    serves, trusts = certificate(tmp_path)
    options = {"tls_context": serves, "require_starttls": True, "authenticator": login, "auth_required": True}
    with mail_server(postbox, **options) as port:
        mailer = mailer_from(f"smtp://{USER}:{quote(SECRET, safe='')}@127.0.0.1:{port}")
        wrong = replace(mailer, password="another", trusts=trusts)
        assert run(app, wrong).failed == 1
        assert "refused our user name or password" in states(rows)[0][2]
        with pytest.raises(UndeliveredError):  # a certificate nobody vouches for
            mailer.send(outgoing())
        assert run(app, replace(mailer, trusts=trusts), DUE + timedelta(minutes=1)).done == 2


def test_tls_from_the_start(postbox, tmp_path):
    serves, trusts = certificate(tmp_path)
    with mail_server(postbox, ssl_context=serves) as port:
        replace(mailer_from(f"smtps://127.0.0.1:{port}"), trusts=trusts).send(outgoing())
    assert len(postbox.mails) == 1


def test_an_address_that_would_break_a_letter_s_head_fails_for_good(postbox):
    with mail_server(postbox) as port:
        mailer = mailer_from(f"smtp://127.0.0.1:{port}")
        with pytest.raises(UndeliveredError) as refused:
            mailer.send(replace(outgoing(), to_address="a@example.com\nBcc: b@example.com"))
        assert refused.value.is_final
    assert postbox.mails == []


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://"])
def test_an_address_of_no_mail_server_is_refused(url):
    with pytest.raises(ValueError, match="SMTP_URL"):
        mailer_from(url)


def test_a_mail_server_s_address_is_read_whole():
    assert mailer_from("") is None
    assert mailer_from("smtps://a%40b:c%2Fd@mail.example") == Mailer("mail.example", 465, "a@b", "c/d", is_tls=True)
    assert mailer_from("smtp://mail.example").port == 587


def test_run_job_messages_needs_no_date(app, booked, postbox):
    answer = app.test_cli_runner().invoke(args=["run-job", "messages"])
    assert (answer.exit_code, answer.output) == (0, "messages: 0 done, 0 failed.\n")
    assert app.test_cli_runner().invoke(args=["run-job", "autopay"]).exit_code == 2


def outgoing() -> delivery.Outgoing:
    return delivery.Outgoing(1, "1@clinic", "Quillmere", "hello@quillmere.example", "cleo@clients.example", "Your appointment",
                             "Hello", "", "", NOW)  # fmt: skip
