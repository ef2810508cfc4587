"""Silence: every way in which a client could hear of something, and no Activity gets through any of them (rulebook 2.4).

A channel is a way from the calendar to a client. Every kind of message has a row in CHANNELS, every page open to people who
are not staff stands in OPEN_PAGES, whoever hands mail to a server in SENDERS; a new one without its row fails here.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.calendar import booking, scope, series, statuses
from clinic.calendar.booking import Move
from clinic.calendar.occurrences import Choices as Occurrences
from clinic.calendar.recurrence import Rule
from clinic.calendar.scope import Scope
from clinic.jobs import send_messages
from clinic.messages import choices, outbox, wording
from clinic.messages.choices import Choices
from clinic.messages.smtp import mailer_from
from clinic.models.calendar import ItemKind, SeriesUnit, Status
from clinic.models.messages import Message, MessageKind
from tests import permission_rows
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW, Cast
from tests.messages.mail_server import Postbox, mail_server

CLINIC = Path(__file__).parent.parent / "clinic"
COMING = at(10, days=2)
LATER = at(14, days=2)
EVENING = at(9, days=2)  # within a day of what is coming
Write = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Channel:
    """Be one way to a client: what has to happen to an item for the client to hear of it."""

    kind: MessageKind
    happen: Callable[[Session, Cast, int], None]
    at: datetime = NOW


def _nothing(_session: Session, _cast: Cast, _item_id: int) -> None:
    """Being booked is enough."""


def _move(session: Session, cast: Cast, item_id: int) -> None:
    item = booking.item_for(session, cast.fay, item_id)
    booking.move(session, cast.fay, item_id, Move(starts_at=LATER), NOW, version=item.version)


def _cancel(session: Session, cast: Cast, item_id: int) -> None:
    statuses.set_status(session, cast.fay, item_id, Status.CANCELLED_BY_PRACTICE, NOW)


def _repeat(session: Session, cast: Cast, item_id: int, *, notifies: bool = True) -> None:
    rule = Rule(SeriesUnit.WEEK, times=3)
    series.repeat(session, cast.fay, item_id, rule, Occurrences(), NOW, notifies=notifies)


def _repeat_and_move(session: Session, cast: Cast, item_id: int) -> None:
    _repeat(session, cast, item_id, notifies=False)
    item = booking.item_for(session, cast.fay, item_id)
    scope.move(session, cast.fay, item_id, Move(LATER), Scope.ALL, NOW + timedelta(minutes=5), version=item.version)


def _repeat_and_delete(session: Session, cast: Cast, item_id: int) -> None:
    _repeat(session, cast, item_id, notifies=False)
    scope.delete(session, cast.fay, item_id, Scope.ALL, NOW + timedelta(minutes=5))


def _remind(session: Session, _cast: Cast, _item_id: int) -> None:
    outbox.remind(session, EVENING)


# One row for each kind of message there is.
CHANNELS = (
    Channel(MessageKind.CONFIRMATION, _nothing),
    Channel(MessageKind.CHANGE, _move),
    Channel(MessageKind.CANCELLATION, _cancel),
    Channel(MessageKind.REMINDER, _remind, at=EVENING),
    Channel(MessageKind.CONFIRMATIONS, _repeat),
    Channel(MessageKind.CHANGES, _repeat_and_move),
    Channel(MessageKind.CANCELLATIONS, _repeat_and_delete),
)
# Letters tell payers of money and staff of a night: no item stands behind them, so none can be told of one.
LETTERS = set(wording.LETTERS) | set(wording.STAFF)
# Open without signing in, and why no client hears of an item there.
OPEN_PAGES = {
    "assets.static_file", "auth.sign_in", "health.healthz", "setup.setup", "webhooks.stripe",
    # A practitioner's own feed under its secret address: staff's, so Activities stand in it (rulebook 1.11).
    "feeds.subscribed",
    # What a payer owes and nothing of what was done (see pay_links.Bill); an amount comes from invoices alone.
    "pay.pay", "pay.back",
    # The way into the portal: it says nothing of anyone. What stands inside is tested in tests/portal.
    "portal.sign_in", "portal.link", "portal.logo",
    # Packages on offer, and the free times of who bought one: only appointment types are ever offered (`calendar/online`).
    "book.index", "book.package", "book.back", "book.bought", "book.sessions",
}  # fmt: skip
# Who hands anything to a mail server.
SENDERS = {"clinic/messages/smtp.py"}
# Who reaches anything outside this machine at all, and to whom: a text message or a push would go out through one of these.
REACHES_OUT = SENDERS | {"clinic/billing/stripe_gateway.py"}
RUNS_PROGRAMS = {"clinic/practice/backup.py"}  # pg_dump
WAYS_OUT = re.compile(
    r"^\s*(?:import|from) (smtplib|ssl|http\.client|urllib\.request|urllib3|requests|httpx|aiohttp|stripe|twilio|boto3|"
    r"pywebpush|ftplib|telnetlib|xmlrpc|websockets|subprocess)\b", re.MULTILINE
)  # fmt: skip


def silent_items(write: Write, cast: Cast) -> list[int]:
    """Book everything a client must not hear of, for a client who wants to hear everything, and for a group."""
    with write() as session:
        for client_id in (cast.cleo_id, cast.otto_id):
            choices.choose(session, cast.fay, client_id, Choices(reminder=True), NOW)
        wishes = (
            review(cast, COMING, is_busy=False),
            call(cast, COMING, is_busy=False, client_id=None, group_id=cast.couple_id),
            booking.Wanted(type_id=None, practitioner_id=cast.pat_id, starts_at=COMING, minutes=30, title="Supervision",
                           is_busy=False),
        )  # fmt: skip
        return [booking.book(session, cast.fay, wish, NOW).id for wish in wishes]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.kind.value)
def test_no_activity_and_no_event_gets_through(app, cast, write, rows, channel: Channel):
    made = silent_items(write, cast)
    with write() as session:
        for item_id in made:
            kind = booking.item_for(session, cast.fay, item_id).kind
            if kind is ItemKind.EVENT and channel.kind is MessageKind.CANCELLATION:
                booking.delete(session, cast.fay, item_id, NOW)  # an event has no status
            else:
                channel.happen(session, cast, item_id)
    postbox = Postbox()
    with mail_server(postbox) as port, app.app_context():
        for hours in range(0, 60, 6):
            send_messages.run(mailer_from(f"smtp://127.0.0.1:{port}"), lambda hours=hours: NOW + timedelta(hours=hours))
    assert postbox.mails == []
    with rows() as session:
        assert session.scalars(select(Message)).all() == []


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.kind.value)
def test_an_appointment_does_get_through_the_same_channel(app, cast, write, rows, channel: Channel):
    with write() as session:
        choices.choose(session, cast.fay, cast.cleo_id, Choices(reminder=True), NOW)
        item_id = booking.book(session, cast.fay, therapy(cast, COMING), NOW).id
    with app.app_context(), mail_server(Postbox()) as port:
        send_messages.run(mailer_from(f"smtp://127.0.0.1:{port}"), lambda: NOW + timedelta(minutes=3))
    with write() as session:
        channel.happen(session, cast, item_id)
    postbox = Postbox()
    with mail_server(postbox) as port, app.app_context():
        send_messages.run(mailer_from(f"smtp://127.0.0.1:{port}"), lambda: max(channel.at, NOW + timedelta(minutes=10)))
    with rows() as session:
        assert [row.kind for row in session.scalars(select(Message).order_by(Message.id.desc()).limit(1))] == [channel.kind]


def test_every_kind_of_message_has_a_row():
    assert {channel.kind for channel in CHANNELS} == set(MessageKind) - LETTERS


def test_every_page_open_to_strangers_is_accounted_for():
    public = {row.endpoint for row in permission_rows.ROWS if row.allowed == permission_rows.EVERYONE}
    assert public == OPEN_PAGES


def test_no_page_of_the_portal_names_an_activity_or_an_event(in_portal, cast, write):
    silent_items(write, cast)
    with write() as session:
        booking.book(session, cast.fay, review(cast, at(10, days=-2)), NOW)
        booking.book(session, cast.fay, therapy(cast, at(12, days=-2)), NOW)
    browser, pages = in_portal("cleo"), 0
    for row in permission_rows.ROWS:
        if row.allowed == permission_rows.IN_PORTAL and row.method == "GET":
            page = browser.get(row.address(cast))
            pages += 1
            assert [word for word in ("Case review", "Call school", "Supervision") if word in page.text] == [], row.endpoint
    listed = "".join(browser.get(f"/portal/appointments?which={which}").text for which in ("coming", "past"))
    assert ("Therapy 50" in listed, "Case review" in listed) == (True, False)
    assert pages >= 6


def test_only_the_mailer_sends_and_only_the_outbox_writes_messages():
    sends = {path for path, text in _sources() if "smtplib" in text}
    assert sends == SENDERS
    assert {path for path, text in _sources() if "Message(" in text and "EmailMessage(" not in text} == {
        "clinic/messages/letters.py", "clinic/messages/outbox.py", "clinic/models/messages.py",
    }  # fmt: skip


def test_nothing_else_reaches_out_of_this_machine():
    reach = {path for path, text in _sources() if WAYS_OUT.search(text) and not path.startswith("clinic/demo/")}
    assert reach == REACHES_OUT | RUNS_PROGRAMS


def test_silence_is_asked_of_the_kind_in_one_place_on_the_way_to_clients():
    assert [path for path, text in _sources() if path.startswith("clinic/messages") and "is_silent" in text] == [
        "clinic/messages/outbox.py"
    ]
    assert [kind for kind in ItemKind if outbox.may_be_told(kind)] == [ItemKind.APPOINTMENT]


def _sources() -> list[tuple[str, str]]:
    return [(str(path.relative_to(CLINIC.parent)), path.read_text()) for path in sorted(CLINIC.rglob("*.py"))]
