"""A change of a group's members asks about its coming items: which take it, and which stay as they were booked."""

import pytest
from sqlalchemy import select

from clinic.billing import invoices, work
from clinic.calendar import booking, columns, linking, membership, seats, statuses
from clinic.calendar.terms import Bills
from clinic.kernel.errors import ClashError
from clinic.models.calendar import Status
from clinic.models.messages import Message, MessageState
from clinic.models.people import GroupKind
from clinic.models.practice import Practitioner
from clinic.office import verify
from clinic.people import clients, groups
from clinic.practice import settings
from tests.calendar.stage import at, therapy
from tests.calendar.test_series import five_sessions
from tests.cast import NOW


@pytest.fixture
def family(session, cast):
    """Cleo and Otto are a family, billed to Cleo, with sessions on three Wednesdays; Ines comes to join them."""
    details = groups.Details("Brandt family", GroupKind.FAMILY, (cast.cleo_id, cast.otto_id), cast.cleo_id)
    group = groups.add(session, cast.fay, details, NOW)
    ines = clients.add(session, cast.fay, clients.Details("Ines", "Brandt", email="ines@clients.example"), NOW)
    return group, ines


def booked(session, cast, group, days=7, **other):
    return booking.book(session, cast.fay, therapy(cast, at(10, days=days), client_id=None, group_id=group.id, **other), NOW)


def changed(session, cast, group, *ids, billing=None):
    details = groups.Details(group.name, group.kind, ids, billing or ids[0])
    groups.edit(session, cast.fay, group.id, details, NOW, version=group.version)
    session.expire(group, ["members"])
    return membership.coming(session, cast.fay, group.id, NOW)


def live(item):
    return {seat.client_id for seat in item.attendees if seat.status.is_live}


def take(session, cast, group, *items, **other):
    return membership.take(session, cast.fay, group.id, {item.id: item.version for item in items}, NOW, **other)


def test_coming_items_are_asked_about_and_only_the_chosen_take_the_change(session, cast, family):
    group, ines = family
    one, other = booked(session, cast, group), booked(session, cast, group, 14)
    assert membership.coming(session, cast.fay, group.id, NOW).rows == ()
    shown = changed(session, cast, group, cast.cleo_id, ines.id)
    assert [(row.item_id, row.joins, row.leaves) for row in shown.rows] == [
        (one.id, ("Ines Brandt",), ("Otto Brandt",)), (other.id, ("Ines Brandt",), ("Otto Brandt",))
    ]  # fmt: skip
    assert take(session, cast, group, one) == 1
    assert (live(one), live(other)) == ({cast.cleo_id, ines.id}, {cast.cleo_id, cast.otto_id})
    assert {seat.status for seat in one.attendees if seat.client_id == cast.otto_id} == {Status.CANCELLED_BY_PRACTICE}
    assert [seat.client_id for seat in one.attendees if seat.is_billed] == [cast.cleo_id]
    assert [row.item_id for row in membership.coming(session, cast.fay, group.id, NOW).rows] == [other.id]
    pat, house = session.get_one(Practitioner, cast.pat_id), settings.house(session)
    (column,) = columns.days(session, cast.fay, house, [pat], at(10, days=7).date(), NOW, count=1)
    (block,) = column.blocks
    assert [mark.text for mark in block.marks if mark.icon == "people"] == ["2"]  # who left is not counted
    assert block.status is None
    back = changed(session, cast, group, cast.cleo_id, cast.otto_id, ines.id)
    assert {row.joins for row in back.rows} == {("Otto Brandt",), ("Ines Brandt",)}
    take(session, cast, group, one)
    assert live(one) == {cast.cleo_id, cast.otto_id, ines.id}
    assert list(verify.findings(session)) == []


def test_the_fee_and_the_package_session_pass_on_when_who_is_billed_leaves(session, cast, family):
    group, ines = family
    five_sessions(session, cast)
    item = booked(session, cast, group)
    cleo = next(seat for seat in item.attendees if seat.client_id == cast.cleo_id)
    assert linking.held_line(session, cleo.id)
    changed(session, cast, group, cast.otto_id, ines.id)
    take(session, cast, group, item)
    assert linking.held_line(session, cleo.id) is None
    billed = [seat for seat in item.attendees if seat.is_billed]
    assert [(seat.client_id, seat.fee_cents) for seat in billed] == [(cast.otto_id, 15_000)]
    assert [share.payer_id for share in work.shares_of(session, [billed[0].id])] == [cast.otto_payer_id]
    assert list(verify.findings(session)) == []


def test_who_joins_where_each_is_billed_gets_fee_share_and_package_session(session, cast, family):
    group, ines = family
    item = booked(session, cast, group, bills=Bills.EACH, uses_package=False)
    five_sessions(session, cast, client_ids=(cast.cleo_id, ines.id))
    changed(session, cast, group, cast.cleo_id, cast.otto_id, ines.id)
    take(session, cast, group, item)
    assert seats.bills_of(item) is Bills.EACH
    held = {seat.client_id: bool(linking.held_line(session, seat.id)) for seat in item.attendees}
    assert held == {cast.cleo_id: False, cast.otto_id: False, ines.id: True}  # who opted out before stays unlinked
    assert list(verify.findings(session)) == []


def test_past_invoiced_and_cancelled_ones_are_left_alone_and_said_so(session, cast, family):
    group, ines = family
    booked(session, cast, group, -7)
    billed, gone, free = booked(session, cast, group), booked(session, cast, group, 14), booked(session, cast, group, 21)
    (invoice,) = invoices.bill_item(session, cast.fay, billed.id, NOW)
    statuses.set_status(session, cast.fay, gone.id, Status.CANCELLED_BY_CLIENT, NOW)
    shown = changed(session, cast, group, cast.cleo_id, cast.otto_id, ines.id)
    assert [(row.item_id, row.why_left) for row in shown.rows] == [
        (billed.id, f"on invoice {invoice.number}"), (gone.id, "cancelled"), (free.id, "")
    ]  # fmt: skip
    assert (shown.past, [row.item_id for row in shown.open]) == (1, [free.id])
    for wrong in ({billed.id: billed.version}, {free.id: free.version + 1}, {0: 0}):
        with pytest.raises(ClashError):
            membership.take(session, cast.fay, group.id, wrong, NOW)
    mine = statuses.set_status(session, cast.fay, free.id, Status.CANCELLED_BY_CLIENT, NOW, attendee_id=free.attendees[0].id)
    take(session, cast, group, mine)
    assert live(free) == {free.attendees[1].client_id, ines.id}  # who cancelled for that day is not booked again


def test_each_is_told_once_of_all_of_them_unless_staff_say_not_to(session, cast, family):
    group, ines = family
    items = [booked(session, cast, group, days) for days in (7, 14)]
    for message in session.scalars(select(Message)):
        message.state, message.sent_at = MessageState.SENT, NOW
    changed(session, cast, group, cast.cleo_id, ines.id)
    take(session, cast, group, *items)
    queued = session.scalars(select(Message).where(Message.state == MessageState.QUEUED)).all()
    assert {(message.client_id, message.kind.value) for message in queued} == {
        (cast.otto_id, "cancellations"), (ines.id, "confirmations")
    }  # fmt: skip
    changed(session, cast, group, cast.cleo_id, cast.otto_id, ines.id)
    take(session, cast, group, *items, notifies=False)
    assert (
        session.scalars(select(Message).where(Message.state == MessageState.QUEUED, Message.client_id == cast.otto_id)).all()
        == []
    )
