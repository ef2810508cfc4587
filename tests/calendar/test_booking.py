"""Booking, changing, moving and deleting: the time is given once, the fee is copied, the payer is theirs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import invoices
from clinic.calendar import availability, booking, hours
from clinic.calendar.booking import Move, OverlapError, Wanted, WarnedError
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Fee, Share
from clinic.models.calendar import AppointmentType, Attendee, ItemKind, Mode, TypePractitioner
from clinic.models.practice import AuditEntry, Location, Room
from tests.calendar.stage import at, call, review, therapy
from tests.cast import NOW


# Pat is taken from 14:00 to 14:50. Touching ends do not overlap: the end is exclusive.
@pytest.mark.parametrize(
    ("starts", "clashes"),
    [((13, 10), False), ((13, 11), True), ((13, 30), True), ((14, 0), True), ((14, 49), True), ((14, 50), False)],
)
def test_a_time_is_given_once(session, cast, starts, clashes):
    booking.book(session, cast.fay, therapy(cast, at(14)), NOW)
    second = therapy(cast, at(*starts), client_id=cast.otto_id)
    if not clashes:
        assert booking.book(session, cast.fay, second, NOW).is_blocking
        return
    with pytest.raises(OverlapError, match=r"Pat Oyelaran has Cleo Abernathy .Therapy 50., 2:00–2:50 pm") as clash:
        booking.book(session, cast.fay, second, NOW)
    assert clash.value.field == "starts_at"


def test_a_room_is_given_once_even_to_two_practitioners(session, cast):
    booking.book(session, cast.fay, therapy(cast, at(10), room_id=cast.larch_id), NOW)
    other = therapy(cast, at(10, 30), practitioner_id=cast.piet_id, client_id=cast.otto_id)
    with pytest.raises(OverlapError, match="Room Larch is taken by Pat Oyelaran with Cleo"):
        booking.book(session, cast.fay, replace(other, room_id=cast.larch_id), NOW)
    assert booking.book(session, cast.fay, replace(other, room_id=cast.rowan_id), NOW).room_id == cast.rowan_id


def test_a_clash_over_a_room_does_not_name_another_practitioners_client(session, cast):
    piets = therapy(cast, at(10), practitioner_id=cast.piet_id, client_id=cast.otto_id, room_id=cast.larch_id)
    booking.book(session, cast.fay, piets, NOW)
    with pytest.raises(OverlapError) as clash:
        booking.book(session, cast.pat, therapy(cast, at(10), room_id=cast.larch_id), NOW)
    assert "Otto" not in clash.value.message
    assert "Room Larch is taken by Piet" in clash.value.message


def test_the_database_refuses_what_slips_past_the_check(session, cast, monkeypatch):
    booking.book(session, cast.fay, therapy(cast, at(14)), NOW)
    monkeypatch.setattr(availability, "clash", lambda *args, **kwargs: None)
    with pytest.raises(ClashError, match="faster"):
        booking.book(session, cast.fay, therapy(cast, at(14, 30), client_id=cast.otto_id), NOW)
    # The rest of the transaction still stands.
    assert booking.book(session, cast.fay, therapy(cast, at(15)), NOW).id


def test_the_fee_is_copied_and_next_years_price_does_not_reach_it(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    session.get(Fee, cast.therapy_fee_id).amount_cents = 99_900
    session.flush()
    place = booking.item_for(session, cast.fay, item.id).attendees[0]
    assert (place.fee_code, place.fee_description, place.fee_cents, place.tax_bp) == ("90834", "Therapy, 50 minutes", 15_000, 0)
    share = session.scalar(select(Share).where(Share.attendee_id == place.id))
    assert (share.payer_id, share.amount_cents) == (cast.cleo_payer_id, 15_000)
    assert (item.location_id, item.mode, item.kind) == (cast.harbour_id, Mode.IN_PERSON, ItemKind.APPOINTMENT)


def test_an_appointment_is_billed_to_the_client_or_to_a_linked_contact_only(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), payer_id=cast.pellworth_id), NOW)
    assert session.scalar(select(Share.payer_id).where(Share.attendee_id == item.attendees[0].id)) == cast.pellworth_id
    with pytest.raises(RefusalError) as refused:
        booking.book(session, cast.fay, therapy(cast, at(11), payer_id=cast.otto_payer_id), NOW)
    assert refused.value.field == "bill_to"


@pytest.mark.parametrize(("flexible_duration", "flexible_rate"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", ["therapy_id", "case_review_id"])
def test_a_lock_holds_whatever_is_posted(session, cast, kind, flexible_duration, flexible_rate):
    booked = session.get(AppointmentType, getattr(cast, kind))
    booked.is_duration_flexible, booked.is_rate_flexible = flexible_duration, flexible_rate
    usual = therapy(cast, at(9), type_id=booked.id, minutes=booked.duration_minutes)
    for wanted, is_allowed, field in (
        (replace(usual, minutes=booked.duration_minutes + 10), flexible_duration, "minutes"),
        (replace(usual, fee_cents=1), flexible_rate, "amount"),
        (replace(usual, fee_id=cast.intake_fee_id), flexible_rate, "fee"),
    ):
        if is_allowed:
            booking.delete(session, cast.fay, booking.book(session, cast.fay, wanted, NOW).id, NOW)
            continue
        with pytest.raises(RefusalError) as refused:
            booking.book(session, cast.fay, wanted, NOW)
        assert refused.value.field == field
    assert booking.book(session, cast.fay, usual, NOW).id


def test_an_hourly_rate_follows_the_minutes_and_its_lock_holds_the_rate(session, cast):
    kind = session.get(AppointmentType, cast.call_id)
    kind.is_rate_flexible = False
    item = booking.book(session, cast.fay, call(cast, at(9), minutes=50), NOW)
    assert item.attendees[0].fee_cents == 7_500  # 90.00 an hour
    with pytest.raises(RefusalError):
        booking.book(session, cast.fay, call(cast, at(11), minutes=50, fee_cents=7_501), NOW)


def test_where_and_how_must_fit_the_type(session, cast):
    mill_room = Room(location_id=cast.mill_id, name="Attic")
    closed = Location(name="Closed down", is_archived=True)
    session.add_all([mill_room, closed])
    session.get(AppointmentType, cast.intake_id).requires_room = True
    session.get(AppointmentType, cast.intake_id).modes = "in_person"
    session.flush()
    for wanted, field in (
        (therapy(cast, at(9), room_id=mill_room.id), "room"),
        (therapy(cast, at(9), room_id=999), "room"),
        (therapy(cast, at(9), location_id=closed.id), "location"),
        (therapy(cast, at(9), location_id=999), "location"),
        (therapy(cast, at(9), type_id=cast.intake_id), "room"),
        (therapy(cast, at(9), type_id=cast.intake_id, mode=Mode.VIDEO, room_id=cast.larch_id), "mode"),
        (therapy(cast, at(9), is_busy=False), "busy"),
        (therapy(cast, at(9), type_id=999), "type"),
        (therapy(cast, at(9), client_id=999), "person"),
        (therapy(cast, at(9), client_id=None), "person"),
        (therapy(cast, at(9), client_id=None, group_id=999), "person"),
        (therapy(cast, at(9), group_id=cast.couple_id), "person"),
        (therapy(cast, at(9), fee_id=999), "fee"),
        (therapy(cast, at(9), fee_cents=-5), "amount"),
    ):
        with pytest.raises(RefusalError) as refused:
            booking.book(session, cast.fay, wanted, NOW)
        assert refused.value.field == field, wanted
    video = booking.book(session, cast.fay, therapy(cast, at(9), mode=Mode.VIDEO), NOW)
    assert video.location_id == cast.harbour_id


def test_a_type_for_named_practitioners_is_theirs_alone(session, cast):
    session.get(AppointmentType, cast.therapy_id).is_for_all = False
    session.add(TypePractitioner(type_id=cast.therapy_id, practitioner_id=cast.piet_id))
    session.flush()
    with pytest.raises(RefusalError, match="cannot be booked with Pat"):
        booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    assert booking.book(session, cast.fay, therapy(cast, at(9), practitioner_id=cast.piet_id), NOW).id


def test_a_practitioner_keeps_to_their_own_calendar(session, cast):
    piets = booking.book(session, cast.fay, therapy(cast, at(9), practitioner_id=cast.piet_id, client_id=cast.otto_id), NOW)
    with pytest.raises(NotFoundError):
        booking.book(session, cast.pat, therapy(cast, at(11), practitioner_id=cast.piet_id), NOW)
    for verb in (
        lambda: booking.item_for(session, cast.pat, piets.id),
        lambda: booking.move(session, cast.pat, piets.id, Move(at(15)), NOW, version=1),
        lambda: booking.delete(session, cast.pat, piets.id, NOW),
    ):
        with pytest.raises(NotFoundError):
            verb()


@pytest.mark.parametrize(
    ("starts", "words"), [((18, 0), "outside working hours"), ((8, 30), "outside working hours"), ((13, 0), "time off")]
)
def test_odd_times_are_asked_about_and_may_be_booked_anyway(session, cast, starts, words):
    hours.add_time_off(session, cast.olga, practitioner_id=cast.pat_id, starts_at=at(13), ends_at=at(14), label="", now=NOW)
    with pytest.raises(WarnedError, match=words):
        booking.book(session, cast.fay, therapy(cast, at(*starts)), NOW)
    assert booking.book(session, cast.fay, therapy(cast, at(*starts), overrides_warnings=True), NOW).id


def test_a_closed_day_is_asked_about_for_everyone(session, cast):
    hours.add_time_off(session, cast.olga, practitioner_id=None, starts_at=at(0), ends_at=at(24), label="Fair", now=NOW)
    with pytest.raises(WarnedError, match=r"closed then .Fair"):
        booking.book(session, cast.fay, therapy(cast, at(9), practitioner_id=cast.piet_id), NOW)


def test_an_event_has_a_title_and_never_bills(session, cast):
    event = Wanted(type_id=None, practitioner_id=cast.pat_id, starts_at=at(9), minutes=90, title="Team meeting")
    item = booking.book(session, cast.fay, event, NOW)
    assert (item.kind, item.attendees, item.is_blocking) == (ItemKind.EVENT, [], True)
    with pytest.raises(RefusalError) as refused:
        booking.book(session, cast.fay, replace(event, starts_at=at(11), title=""), NOW)
    assert refused.value.field == "title"


def test_an_edit_keeps_what_was_booked_and_asks_who_was_faster(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), fee_cents=12_000), NOW)
    session.get(Fee, cast.therapy_fee_id).amount_cents = 99_900
    as_booked = therapy(cast, at(9, 30), fee_id=cast.therapy_fee_id, fee_cents=12_000, notes="Ramp")
    edited = booking.edit(session, cast.fay, item.id, as_booked, NOW, version=1)
    assert (edited.starts_at, edited.notes, edited.attendees[0].fee_cents) == (at(9, 30), "Ramp", 12_000)
    with pytest.raises(ClashError, match="meanwhile"):
        booking.edit(session, cast.fay, item.id, as_booked, NOW, version=1)
    other = replace(as_booked, client_id=cast.otto_id)
    booking.edit(session, cast.fay, item.id, other, NOW, version=2)
    changed = booking.item_for(session, cast.fay, item.id).attendees[0]
    assert (changed.client_id, changed.client.name) == (cast.otto_id, "Otto Brandt")
    assert session.scalar(select(Share.payer_id).where(Share.attendee_id == changed.id)) == cast.otto_payer_id


def test_fee_client_and_payer_stay_while_invoiced_and_the_rest_may_change(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    invoice = invoices.bill_attendee(session, cast.fay, item.attendees[0].id, NOW)[0]
    usual = therapy(cast, at(9), fee_id=cast.therapy_fee_id, fee_cents=15_000)
    for wanted in (
        replace(usual, fee_cents=1),
        replace(usual, client_id=cast.otto_id),
        replace(usual, payer_id=cast.pellworth_id),
    ):
        with pytest.raises(RefusalError, match=f"on invoice {invoice.number}"):
            booking.edit(session, cast.fay, item.id, wanted, NOW, version=1)
    assert booking.edit(session, cast.fay, item.id, replace(usual, starts_at=at(10), notes="x"), NOW, version=1).version == 2


def test_a_move_checks_the_new_time_and_keeps_the_length(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), room_id=cast.larch_id), NOW)
    booking.book(session, cast.fay, therapy(cast, at(11), client_id=cast.otto_id), NOW)
    with pytest.raises(OverlapError, match="Otto"):
        booking.move(session, cast.fay, item.id, Move(at(11, 30)), NOW, version=1)
    moved = booking.move(session, cast.fay, item.id, Move(at(9, 20)), NOW, version=1)  # over its own old time
    assert (moved.ends_at - moved.starts_at, moved.room_id) == (timedelta(minutes=50), cast.larch_id)
    with pytest.raises(ClashError, match="meanwhile"):
        booking.move(session, cast.fay, item.id, Move(at(15)), NOW, version=1)
    over = booking.move(
        session, cast.fay, item.id, Move(at(11, 30), practitioner_id=cast.piet_id, room_id=None), NOW, version=2
    )
    assert (over.practitioner_id, over.room_id) == (cast.piet_id, None)


def test_deleting_frees_the_time_and_leaves_the_invoice(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    invoice = invoices.bill_attendee(session, cast.fay, item.attendees[0].id, NOW)[0]
    booking.delete(session, cast.fay, item.id, NOW)
    with pytest.raises(NotFoundError):
        booking.item_for(session, cast.fay, item.id)
    assert invoices.invoice_for(session, cast.fay, invoice.id).total_cents == 15_000
    assert booking.book(session, cast.fay, therapy(cast, at(9)), NOW).id


def test_who_did_what_is_written_down(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    booking.move(session, cast.fay, item.id, Move(at(10)), NOW, version=1)
    booking.delete(session, cast.fay, item.id, NOW)
    found = session.execute(select(AuditEntry.action, AuditEntry.user_id).where(AuditEntry.object_type == "item"))
    assert list(found) == [(action, cast.fay.user_id) for action in ("booked", "moved", "deleted")]


def test_the_couples_fee_sits_on_the_billing_member(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
    assert {each.client_id: (each.is_billed, each.fee_cents) for each in item.attendees} == {
        cast.cleo_id: (True, 15_000),
        cast.otto_id: (False, 0),
    }
    assert len(session.scalars(select(Share).join(Attendee).where(Attendee.item_id == item.id)).all()) == 1


def test_an_activity_holds_no_room_and_may_be_free(session, cast):
    free = booking.book(session, cast.fay, review(cast, at(9), is_busy=False, room_id=cast.larch_id), NOW)
    assert (free.kind, free.room_id, free.mode, free.location_id) == (ItemKind.ACTIVITY, None, None, None)
    assert booking.book(session, cast.fay, therapy(cast, at(9)), NOW).is_blocking
    with pytest.raises(OverlapError):
        booking.book(session, cast.fay, review(cast, at(9, 30)), NOW)
