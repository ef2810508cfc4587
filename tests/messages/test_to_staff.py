"""Staff hear of what a client does by themselves: who wants it, once, unless it is taken back at once, never of the past."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, own_booking, own_changes, statuses
from clinic.calendar.booking import Move
from clinic.messages import delivery, outbox, to_staff, wording
from clinic.messages.wording import Wording
from clinic.models.billing import PackageSale
from clinic.models.calendar import Status
from clinic.models.messages import Message, MessageKind, MessageState
from clinic.models.practice import ClientMail, Practice, User
from clinic.people import accounts, correspondence
from clinic.practice.permissions import Actor
from tests import online
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW, email

FAR, NEAR = at(10, days=5), at(9, days=1)
PAT, FAY = email("pat"), email("fay")


@pytest.fixture
def cleo(cast):
    return Actor(user_id=None, client_id=cast.cleo_id)


def told(session, *, state=MessageState.QUEUED, kind=MessageKind.BY_CLIENT):
    query = select(Message).where(Message.kind == kind, Message.state == state).order_by(Message.id)
    return session.scalars(query).all()


def cancel(session, cleo, item, now=NOW):
    status = "late_cancelled" if statuses.is_late(session.get(Practice, 1), item.starts_at, now) else "cancelled_by_client"
    return own_changes.cancel(session, cleo, item.id, now, version=item.version, status=status)


def sent(session, now):
    """Send what is due and return to whom word of a client's change went."""
    claimed = [delivery.claim(session, message_id, now) for message_id in delivery.due_ids(session, now)]
    for each in filter(None, claimed):
        delivery.settle(session, each.message_id, now)
    return [each.to_address for each in claimed if each and each.subject.startswith("Changed by a client")]


def test_who_is_told_is_whose_calendar_it_is_and_who_wants_everyones(session, cast, cleo):
    item = booking.book(session, cast.fay, therapy(cast, FAR), NOW)
    accounts.want_client_mail(session, cast.fay, NOW, choice=ClientMail.ALL)
    accounts.want_client_mail(session, cast.olga, NOW, choice=ClientMail.NONE)
    assert [user.email for user in to_staff.readers(session, cast.pat_id)] == [PAT, FAY]
    assert [user.email for user in to_staff.readers(session, cast.piet_id)] == [FAY]
    session.get(User, cast.pat.user_id).client_mail = ClientMail.ALL
    assert [user.email for user in to_staff.readers(session, cast.piet_id)] == [FAY], "confined to their own work"
    session.get(Practice, 1).practitioners_see_all = True
    assert [user.email for user in to_staff.readers(session, cast.piet_id)] == [PAT, FAY]
    accounts.want_client_mail(session, cast.pat, NOW, choice=ClientMail.NONE)
    session.get(User, cast.fay.user_id).is_active = False
    assert to_staff.readers(session, cast.pat_id) == []
    cancel(session, cleo, item)
    assert told(session) == []


def test_a_cancellation_says_who_what_and_when_and_of_a_late_one_what_the_policy_bills(session, cast, cleo):
    session.get(Practice, 1).late_cancel_bp = 5_000
    in_time, late = (booking.book(session, cast.fay, therapy(cast, moment), NOW) for moment in (FAR, NEAR))
    cancel(session, cleo, in_time)
    cancel(session, cleo, late)
    first, second = told(session)
    assert (first.to_address, first.subject) == (PAT, "Changed by a client: Monday, November 23, 2026")
    assert first.body.startswith(
        "Cleo Abernathy cancelled this appointment:\n\nMonday, November 23, 2026\n10:00 am to 10:50 am, with Pat Oyelaran\n\n"
        f"See it: {{address}}/calendar/items/{in_time.id}\n"
    )
    assert "Cleo Abernathy cancelled this appointment late:" in second.body
    assert "Late: less than 24 hours before it begins. By the practice’s policy it bills $75.00." in second.body
    assert "Therapy" not in first.body + second.body
    assert sent(session, NOW + timedelta(minutes=2)) == []
    assert sent(session, NOW + timedelta(minutes=3)) == [PAT, PAT]
    assert sent(session, NOW + timedelta(minutes=4)) == []


def test_what_is_taken_back_or_changed_twice_at_once_is_told_once_or_not_at_all(session, cast, cleo):
    item = booking.book(session, cast.fay, therapy(cast, FAR), NOW)
    own_changes.move(session, cleo, item.id, at(11, days=6), NOW, version=item.version)
    own_changes.move(session, cleo, item.id, at(14, days=7), NOW, version=item.version)
    [message] = told(session)
    assert "moved this appointment:\n\nWednesday, November 25, 2026\n2:00 pm to 2:50 pm" in message.body
    assert "Before: Monday, November 23, 2026, 10:00 am." in message.body
    own_changes.move(session, cleo, item.id, FAR, NOW, version=item.version)
    assert told(session) == []
    assert {each.last_error for each in told(session, state=MessageState.DROPPED)} == {outbox.REPLACED, outbox.TAKEN_BACK}
    own_changes.move(session, cleo, item.id, at(11, days=6), NOW, version=item.version)
    cancel(session, cleo, item)
    [message] = told(session)
    assert "cancelled this appointment:" in message.body
    # The desk puts it back before the mail has gone: what it says is so no more.
    statuses.set_status(session, cast.fay, item.id, Status.BOOKED, NOW)
    assert sent(session, NOW + timedelta(minutes=5)) == []
    assert message.last_error == outbox.OUTDATED


def test_staff_changing_it_meanwhile_and_clients_messages_leave_each_other_alone(session, cast, cleo):
    item = booking.book(session, cast.fay, therapy(cast, FAR), NOW)
    own_changes.move(session, cleo, item.id, at(11, days=6), NOW, version=item.version)
    assert [each.kind for each in told(session, kind=MessageKind.CONFIRMATION)] == [MessageKind.CONFIRMATION]
    assert len(told(session)) == 1
    booking.move(session, cast.fay, item.id, Move(at(12, days=6)), NOW, version=item.version)
    assert len(told(session)) == 1, "a client's message is reckoned without word to staff"
    assert sent(session, NOW + timedelta(minutes=5)) == [], "staff moved it since: they know"


def test_never_of_what_has_begun_and_at_once_of_what_is_about_to(session, cast, cleo):
    soon = NOW + timedelta(minutes=18)  # 12:00
    item = booking.book(session, cast.fay, therapy(cast, soon), NOW)
    cancel(session, cleo, item, soon - timedelta(minutes=1))
    [message] = told(session)
    assert sent(session, soon) == []
    assert message.last_error == outbox.PAST
    again = booking.book(session, cast.fay, therapy(cast, soon), NOW)
    cancel(session, cleo, again, soon - timedelta(minutes=2))
    assert sent(session, soon - timedelta(minutes=2)) == [PAT]


def test_an_activity_is_never_told_of_and_the_wording_is_the_practices_own(session, cast, cleo):
    silent = booking.book(session, cast.fay, review(cast, at(13)), NOW)
    assert to_staff.tell(session, cleo, silent, {}, NOW) == []
    own = Wording(MessageKind.BY_CLIENT, "News: {date}", "{client} {did}. {more}{link}")
    wording.change(session, cast.olga, own, NOW)
    cancel(session, cleo, booking.book(session, cast.fay, therapy(cast, FAR), NOW))
    [message] = told(session)
    assert message.body.startswith("Cleo Abernathy cancelled this appointment. {address}")
    again = correspondence.resend(session, cast.fay, message.id, NOW) if message.tries else None
    assert again is None
    wording.change(session, cast.olga, Wording(own.kind, own.subject, own.body, is_on=False), NOW)
    cancel(session, cleo, booking.book(session, cast.fay, therapy(cast, FAR), NOW))
    assert len(told(session)) == 1


def test_a_failed_one_is_sent_again_to_the_same_reader(session, cast, cleo):
    cancel(session, cleo, booking.book(session, cast.fay, therapy(cast, FAR), NOW))
    [message] = told(session)
    message.tries, message.state = 6, MessageState.FAILED
    again = correspondence.resend(session, cast.fay, message.id, NOW)
    assert (again.to_address, again.body) == (PAT, message.body)
    assert delivery.claim(session, again.id, NOW) is not None


def test_a_session_booked_and_a_package_bought_are_told_too_each_once(session, cast, cleo):
    package = packages.save(session, cast.fay, Template("Two", (FeeRow(cast.therapy_fee_id, 2),)), NOW)
    wanted = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    invoice = packages.sell(session, cast.fay, wanted, NOW)
    sale_id = session.scalar(select(PackageSale.id).where(PackageSale.invoice_id == invoice.id))
    item = own_booking.book(session, cleo, cast.cleo_id, sale_id, cast.therapy_id, at(10, days=5), NOW)
    [message] = told(session)
    assert message.body.startswith("Cleo Abernathy booked this appointment:\n\nMonday, November 23, 2026\n10:00 am")
    cancel(session, cleo, item)
    assert told(session) == [], "booked and called off at once"
    made = online.bought(session, online.on_sale(session, cast))
    online.visits.book(session, online.visit(made), NOW)
    [sold] = told(session, kind=MessageKind.SOLD_ONLINE)
    assert (sold.to_address, sold.client_id) == (PAT, made.client_id)
    assert "Bruno Buyer bought “Five sessions” with Pat Oyelaran on the online booking page and paid $6" in sold.body
    assert "They are new here." in sold.body
