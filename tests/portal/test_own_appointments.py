"""A client sees, cancels and moves their own appointments within the rules, and never hears of an Activity."""

import threading
from dataclasses import replace
from datetime import time, timedelta

import pytest
import vobject
from sqlalchemy import select

from clinic.billing import invoices, packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, flyout, live, online, own_appointments, own_changes, reasons, statuses
from clinic.calendar.booking import Wanted
from clinic.kernel import clock
from clinic.kernel.database import writing
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import InvoiceLine, PackageSale
from clinic.models.calendar import AppointmentType, Item, Status
from clinic.models.messages import Message, MessageKind
from clinic.models.people import Client, Contact, GroupKind
from clinic.models.practice import AuditEntry, Practice
from clinic.office import verify
from clinic.people import clients, contacts, groups
from clinic.practice.permissions import Actor
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW
from tests.hostile import forms_of

CLEO = "cleo@clients.example"
FAR, NEAR = at(10, days=5), at(9, days=1)  # outside and inside the practice's window of 24 hours


@pytest.fixture
def cleo(cast):
    return Actor(user_id=None, client_id=cast.cleo_id, address="192.0.2.7")


@pytest.fixture
def otto(cast):
    return Actor(user_id=None, client_id=cast.otto_id)


def booked(session, cast, starts_at=FAR, **more):
    return booking.book(session, cast.fay, replace(therapy(cast, starts_at), **more), NOW)


def cancel(session, who, item, now=NOW, email=CLEO):
    told = own_changes.cancelling(session, who, email, item.id, now)
    return own_changes.cancel(session, who, item.id, now, version=item.version, status=told.status.value)


def test_no_activity_no_event_and_nothing_deleted_is_listed_and_none_can_be_touched(session, cast, cleo):
    silent = [
        booking.book(session, cast.fay, wish, NOW).id
        for wish in (
            review(cast, at(10, days=2), is_busy=False),
            call(cast, at(10, days=2), is_busy=False, client_id=None, group_id=cast.couple_id),
            Wanted(None, cast.pat_id, at(10, days=2), 30, title="Supervision", is_busy=False),
        )
    ]
    past = booking.book(session, cast.fay, review(cast, at(10, days=-2)), NOW).id
    gone = booked(session, cast)
    booking.delete(session, cast.fay, gone.id, NOW)
    mine = booked(session, cast, FAR, notes="staff only")
    assert [row.item_id for row in own_appointments.coming(session, cast.cleo_id, NOW).rows] == [mine.id]
    assert own_appointments.past(session, cast.cleo_id, NOW).rows == []
    assert "staff only" not in str(own_appointments.coming(session, cast.cleo_id, NOW))
    for item_id in [*silent, past, gone.id, 999_999]:
        for deed in (
            lambda item_id=item_id: own_changes.cancelling(session, cleo, CLEO, item_id, NOW),
            lambda item_id=item_id: own_changes.cancel(session, cleo, item_id, NOW, version=1, status="late_cancelled"),
            lambda item_id=item_id: own_changes.moving(session, cleo, item_id, None, NOW),
            lambda item_id=item_id: own_changes.move(session, cleo, item_id, FAR, NOW, version=1),
            lambda item_id=item_id: own_appointments.calendar_file(session, cleo, item_id, NOW),
        ):
            with pytest.raises(NotFoundError):
                deed()


def test_another_clients_appointment_looks_like_none_at_all(session, cast, otto):
    item = booked(session, cast)
    with pytest.raises(NotFoundError):
        own_changes.cancelling(session, otto, "otto@clients.example", item.id, NOW)
    with pytest.raises(NotFoundError):
        own_changes.move(session, otto, item.id, at(11, days=6), NOW, version=item.version)
    with pytest.raises(NotFoundError):
        statuses.set_status(session, otto, item.id, Status.CANCELLED_BY_CLIENT, NOW)  # not even past the portal's own rules
    with pytest.raises(NotFoundError):
        clients.client_for(session, otto, cast.cleo_id)
    assert own_appointments.coming(session, cast.otto_id, NOW).rows == []


def test_cancelling_in_time_costs_nothing_frees_the_time_and_tells_everyone(session, cast, cleo):
    item = booked(session, cast)
    told = own_changes.cancelling(session, cleo, CLEO, item.id, NOW)
    assert (told.status, told.says) == (Status.CANCELLED_BY_CLIENT, "Cancelling it costs nothing.")
    later = NOW + timedelta(minutes=30)
    session.scalars(select(Message)).one().tries = 1  # the confirmation has gone out
    cancel(session, cleo, item, later)
    (seat,) = item.attendees
    assert (seat.status, seat.status_reason, item.is_blocking) == (Status.CANCELLED_BY_CLIENT, reasons.IN_PORTAL, False)
    kinds = [message.kind for message in session.scalars(select(Message).order_by(Message.id))]
    assert kinds[-2:] == [MessageKind.CANCELLATION, MessageKind.BY_CLIENT], "the client, and whose calendar it is"
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "set status")).one()
    assert (entry.user_id, entry.roles, entry.detail["by_client"]) == (None, "client", cast.cleo_id)
    assert live.last_change(session, item.id).name == "The client"
    assert [row.status for row in own_appointments.past(session, cast.cleo_id, later).rows] == ["Cancelled by you"]
    with pytest.raises(RefusalError, match="cannot be cancelled here"):
        cancel(session, cleo, item, later)
    assert list(verify.findings(session)) == []


@pytest.mark.parametrize(
    ("rate_bp", "says"),
    [(10_000, "costs $150.00"), (5_000, "costs $75.00"), (0, "costs nothing")],
)
def test_inside_the_window_the_fee_of_the_policy_is_said_first_and_then_billed(session, cast, cleo, rate_bp, says):
    session.get(Practice, 1).late_cancel_bp = rate_bp
    item = booked(session, cast, NEAR)
    told = own_changes.cancelling(session, cleo, CLEO, item.id, NOW)
    assert told.status is Status.LATE_CANCELLED
    assert told.says == f"It begins in less than 24 hours. By the practice’s policy, cancelling it {says}."
    cancel(session, cleo, item)
    assert (item.attendees[0].status, item.attendees[0].policy_cents) == (Status.LATE_CANCELLED, 15_000 * rate_bp // 10_000)


def test_what_it_costs_is_never_other_than_what_was_said(session, cast, cleo):
    item = booked(session, cast)
    told = own_changes.cancelling(session, cleo, CLEO, item.id, NOW)
    with pytest.raises(ClashError):  # the page stood open until the window began
        own_changes.cancel(session, cleo, item.id, FAR - timedelta(hours=1), version=item.version, status=told.status.value)
    with pytest.raises(ClashError):
        own_changes.cancel(session, cleo, item.id, NOW, version=item.version - 1, status=told.status.value)
    with pytest.raises(RefusalError):  # it has begun
        own_changes.cancel(session, cleo, item.id, FAR, version=item.version, status="late_cancelled")
    assert item.attendees[0].status is Status.BOOKED


@pytest.mark.parametrize(
    ("starts_at", "rate_bp", "says", "is_used_up"),
    [
        (FAR, 10_000, "Cancelling it gives the session back to “Five sessions”.", False),
        (NEAR, 10_000, "cancelling it uses up the session of “Five sessions”.", True),
        (NEAR, 5_000, "cancelling it gives the session back to “Five sessions” and costs $75.00.", False),
    ],
)
def test_a_package_session_goes_back_or_is_used_up_as_was_said(session, cast, cleo, starts_at, rate_bp, says, is_used_up):
    session.get(Practice, 1).late_cancel_bp = rate_bp
    package = packages.save(session, cast.olga, Template("Five sessions", rows=(FeeRow(cast.therapy_fee_id, 5),)), NOW)
    packages.sell(session, cast.olga, Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id), NOW)
    item = booked(session, cast, starts_at)
    assert own_changes.cancelling(session, cleo, CLEO, item.id, NOW).says.endswith(says)
    cancel(session, cleo, item)
    on_line = session.scalars(select(InvoiceLine).where(InvoiceLine.share_id.is_not(None))).all()
    assert bool(on_line) is is_used_up
    assert list(verify.findings(session)) == []


def test_what_others_are_billed_is_not_said(session, cast, cleo):
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    item = booked(session, cast, NEAR, payer_id=cast.pellworth_id)
    says = own_changes.cancelling(session, cleo, "claims@pellworth.example", item.id, NOW).says
    assert says == "It begins in less than 24 hours. The practice’s cancellation policy applies."


def test_a_couple_is_not_called_off_by_one_of_them_but_a_place_in_a_therapy_group_is(session, cast, cleo):
    couple = booked(session, cast, FAR, client_id=None, group_id=cast.couple_id)
    band = groups.add(
        session, cast.fay, groups.Details("Steady", GroupKind.THERAPY, (cast.cleo_id, cast.otto_id), cast.cleo_id), NOW
    )
    group = booked(session, cast, at(12, days=5), client_id=None, group_id=band.id)
    rows = {row.item_id: row for row in own_appointments.coming(session, cast.cleo_id, NOW).rows}
    assert [(rows[item.id].may_cancel, rows[item.id].may_move) for item in (couple, group)] == [(False, False), (True, False)]
    assert "Otto" not in str(rows)
    with pytest.raises(RefusalError):
        cancel(session, cleo, couple)
    for item in (couple, group):
        assert "cannot be moved here" in own_changes.moving(session, cleo, item.id, None, NOW).change.refusal
    cancel(session, cleo, group)
    assert [seat.status for seat in group.attendees] == [Status.CANCELLED_BY_CLIENT, Status.BOOKED]
    assert group.is_blocking


def test_an_appointment_moves_to_a_time_that_is_offered_and_to_no_other(session, cast, cleo):
    item = booked(session, cast)
    free = own_changes.moving(session, cleo, item.id, clock.local_date(FAR, "America/New_York"), NOW).free
    to = at(11, days=5)
    assert to in free.starts
    assert item.starts_at not in free.starts
    for wrong in (at(11, days=4) + timedelta(minutes=7), at(3, days=5), at(11, days=-3), at(11, days=300), at(11, days=10_000)):
        with pytest.raises(ClashError):
            own_changes.move(session, cleo, item.id, wrong, NOW, version=item.version)
    booked(session, cast, at(14, days=5), client_id=cast.otto_id)
    with pytest.raises(online.TakenError):
        own_changes.move(session, cleo, item.id, at(14, days=5), NOW, version=item.version)
    own_changes.move(session, cleo, item.id, to, NOW, version=item.version)
    assert (item.starts_at, item.ends_at - item.starts_at) == (to, timedelta(minutes=50))
    with pytest.raises(ClashError):
        own_changes.move(session, cleo, item.id, at(12, days=5), NOW, version=item.version - 1)
    own_changes.move(session, cleo, item.id, to + timedelta(minutes=15), NOW, version=item.version)  # over itself
    assert list(verify.findings(session)) == []


def test_nothing_is_moved_inside_the_window_in_an_invoice_or_past_its_packages_last_day(session, cast, cleo):
    near = booked(session, cast, NEAR)
    assert "less than 24 hours" in own_changes.moving(session, cleo, near.id, None, NOW).change.refusal
    with pytest.raises(RefusalError, match="less than 24 hours"):
        own_changes.move(session, cleo, near.id, at(11, days=6), NOW, version=near.version)
    billed = booked(session, cast)
    invoices.bill_item(session, cast.olga, billed.id, NOW)
    assert "on an invoice" in own_changes.moving(session, cleo, billed.id, None, NOW).change.refusal
    assert "on an invoice" in own_changes.cancelling(session, cleo, CLEO, billed.id, NOW).says
    wanted = Template("Five sessions", rows=(FeeRow(cast.intake_fee_id, 5),), expires_after=9)
    package = packages.save(session, cast.olga, wanted, NOW)
    sale = packages.sell(
        session, cast.olga, Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id), NOW
    )
    last = clock.local_date(NOW, "America/New_York") + timedelta(days=9)
    session.scalars(select(PackageSale).where(PackageSale.invoice_id == sale.id)).one().expires_date = last
    session.flush()
    linked = booked(session, cast, at(12, days=6), type_id=cast.intake_id)
    assert flyout.flyout_for(session, cast.fay, linked.id, NOW).billings[0].package is not None
    assert own_changes.moving(session, cleo, linked.id, None, NOW).free.last == last
    with pytest.raises(online.TakenError):
        own_changes.move(session, cleo, linked.id, at(11, days=12), NOW, version=linked.version)


def test_a_room_that_nobody_asks_for_is_let_go_when_it_is_taken_and_one_that_is_needed_is_found(session, cast, cleo):
    item = booked(session, cast, FAR, room_id=cast.larch_id)
    booked(session, cast, at(14, days=5), practitioner_id=cast.piet_id, client_id=cast.otto_id, room_id=cast.larch_id)
    own_changes.move(session, cleo, item.id, at(13, days=5), NOW, version=item.version)
    assert item.room_id == cast.larch_id
    own_changes.move(session, cleo, item.id, at(14, days=5), NOW, version=item.version)
    assert item.room_id is None
    session.get(AppointmentType, cast.intake_id).requires_room = True
    intake = booked(session, cast, at(15, days=5), type_id=cast.intake_id, room_id=cast.larch_id)
    booked(session, cast, at(10, days=6), practitioner_id=cast.piet_id, client_id=cast.otto_id, room_id=cast.larch_id)
    own_changes.move(session, cleo, intake.id, at(10, days=6), NOW, version=intake.version)
    assert intake.room_id == cast.rowan_id


def test_an_appointment_is_taken_into_the_clients_own_calendar(session, cast, cleo):
    item = booked(session, cast)
    event = vobject.readOne(own_appointments.calendar_file(session, cleo, item.id, NOW)).vevent
    assert event.uid.value == item.ical_uid
    assert "attendee" not in event.contents
    cancel(session, cleo, item)
    with pytest.raises(NotFoundError):
        own_appointments.calendar_file(session, cleo, item.id, NOW)


def test_two_clients_who_move_to_one_time_at_once_do_not_both_get_it(app, cast, write, rows):
    with write() as session:
        first = booked(session, cast)
        second = booked(session, cast, at(12, days=5), client_id=cast.otto_id)
        wanted = [(cast.cleo_id, first.id, first.version), (cast.otto_id, second.id, second.version)]
    barrier, came = threading.Barrier(2), []

    def go(client_id, item_id, version):
        with app.app_context():
            barrier.wait()
            try:
                with writing() as session:
                    who = Actor(user_id=None, client_id=client_id)
                    own_changes.move(session, who, item_id, at(14, days=6), NOW, version=version)
                came.append("moved")
            except ClashError:
                came.append("taken")

    threads = [threading.Thread(target=go, args=each) for each in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["moved", "taken"]
    with rows() as session:
        assert len(session.scalars(select(Item).where(Item.starts_at == at(14, days=6))).all()) == 1


def soon(days):
    """Return ten o'clock of a working day so far ahead, on the true clock: pages ask what time it is."""
    day = clock.local_date(clock.now(), "America/New_York") + timedelta(days=days)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return clock.instant_at(day, time(10), "America/New_York")


def test_the_pages_say_what_is_to_be_said_and_post_once(in_portal, cast, write, rows):
    with write() as session:
        own = booking.book(session, cast.fay, therapy(cast, soon(6)), clock.now())
        booking.book(session, cast.fay, review(cast, soon(6) + timedelta(hours=2)), clock.now())
        foreign = booking.book(session, cast.fay, therapy(cast, soon(12), client_id=cast.otto_id), clock.now())
        ids = own.id, foreign.id
    browser = in_portal("cleo")
    for path in ("/portal/", "/portal/appointments", "/portal/appointments?which=past", "/portal/appointments?page=9"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "Case review" not in page.text
    assert f"/portal/appointments/{ids[0]}/cancel" in browser.get("/portal/appointments").text
    assert browser.get(f"/portal/appointments/{ids[0]}.ics").mimetype == "text/calendar"
    for word in ("/cancel", "/move", ".ics"):
        assert browser.get(f"/portal/appointments/{ids[1]}{word}").status_code == 404
    move = f"/portal/appointments/{ids[0]}/move?day={clock.local_date(soon(9), 'America/New_York')}"
    (form,) = [form for form in forms_of(browser.get(move).text) if "starts" in form.names]
    stale = {**form.plausible(), "version": ["99"], "once": ["x" * 30]}
    assert browser.post(form.action, data=stale).status_code == 409
    assert browser.post(form.action, data={**form.plausible(), "starts": ["nonsense"], "once": ["y" * 30]}).status_code == 422
    taken = {**form.plausible(), "starts": [f"{soon(12):%Y-%m-%dT%H:%MZ}"], "once": ["w" * 30]}
    assert browser.post(form.action, data=taken).status_code == 409
    for _ in range(2):
        assert browser.post(form.action, data=form.plausible()).headers["Location"] == "/portal/appointments"
    with rows() as session:
        assert f"{session.get(Item, ids[0]).starts_at:%Y-%m-%dT%H:%MZ}" == form.plausible()["starts"][0]
    (form,) = [form for form in forms_of(browser.get(f"/portal/appointments/{ids[0]}/cancel").text) if "status" in form.names]
    for _ in range(2):
        assert browser.post(form.action, data=form.plausible()).headers["Location"] == "/portal/appointments"
    page = browser.get("/portal/appointments?which=past").text
    assert "Cancelled by you" in page
    assert browser.post(form.action, data={**form.plausible(), "once": ["z" * 30]}).status_code == 422


def test_clients_change_how_they_are_reached_and_nothing_else(in_portal, cast, write, rows):
    browser = in_portal("cleo")
    page = browser.get("/portal/details")
    (form,) = [form for form in forms_of(page.text) if "phone" in form.names]
    sent = {
        **form.plausible(),
        "email": ["new@x.example"],
        "phone": ["555 1"],
        "first_name": ["Mallory"],
        "client_id": [str(cast.otto_id)],
    }
    assert browser.post("/portal/details", data={**sent, "email": ["none"]}).status_code == 422
    assert browser.post("/portal/details", data=sent).status_code == 303
    clashed = browser.post("/portal/details", data={**sent, "phone": ["555 2"]})
    assert (clashed.status_code, "555 2" in clashed.text, "Someone was faster" in clashed.text) == (409, True, True)
    with rows() as session:
        contact, client = session.get(Contact, cast.cleo_payer_id), session.get(Client, cast.cleo_id)
        assert (contact.email, contact.phone, client.name) == ("new@x.example", "555 1", "Cleo Abernathy")
        assert session.get(Contact, cast.otto_payer_id).email == "otto@clients.example"
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.action, entry.roles, entry.detail["by_client"]) == ("changed own details", "client", cast.cleo_id)
    assert browser.get("/portal/").status_code == 200, "the address that signs in stays"
