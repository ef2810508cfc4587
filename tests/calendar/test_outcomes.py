"""What a cancellation or a no show does to the money is said first, and then done."""

import pytest
from sqlalchemy import select

from clinic.billing import invoices, packages, work
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, flyout, linking, outcomes, statuses
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import InvoiceLine, PackageKind, SessionEntry, SessionEvent
from clinic.models.calendar import Status
from clinic.models.people import GroupKind
from clinic.models.practice import Practice
from clinic.people import groups
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW


def _way(session, cast, item, status, **other):
    loaded = booking.item_for(session, cast.fay, item.id)
    return outcomes.way(session, loaded, flyout.flyout_of(session, cast.fay, loaded, NOW), status, **other)


def _set(session, cast, item, status, **other):
    return statuses.set_status(session, cast.fay, item.id, status, NOW, **other).attendees[0]


def _packaged(session, cast):
    made = Template(name="Two sessions", rows=(FeeRow(cast.therapy_fee_id, 2),), kind=PackageKind.ITEMISED)
    template = packages.save(session, cast.fay, made, NOW)
    sale = Sale(template.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    packages.sell(session, cast.fay, sale, NOW)
    item = booking.book(session, cast.fay, therapy(cast, at(15)), NOW)
    line = session.scalar(select(InvoiceLine).where(InvoiceLine.share_id.is_not(None)))
    assert line is not None
    return item, line


def _last_event(session):
    return session.scalars(select(SessionEntry.event).order_by(SessionEntry.id.desc())).first()


@pytest.mark.parametrize(("rate_bp", "says", "cents"), [
    (10_000, "bills $150.00", 15_000), (5_000, "bills $75.00", 7_500), (0, "bills nothing", 0),
])  # fmt: skip
def test_a_missed_session_says_what_the_policy_bills_and_bills_it(session, cast, rate_bp, says, cents):
    session.get(Practice, 1).no_show_bp = rate_bp
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    way = _way(session, cast, item, Status.NO_SHOW)
    assert (way.says, way.cents) == (says, cents)
    assert way.typed_cents(cents) is None
    assert _set(session, cast, item, Status.NO_SHOW).policy_cents == cents


def test_the_amount_may_be_another_and_changed_once_more(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    place = _set(session, cast, item, Status.LATE_CANCELLED, bills_cents=4_000)
    assert work.billed_cents(place, session.get(Practice, 1)) == 4_000
    assert _way(session, cast, item, Status.LATE_CANCELLED).cents == 4_000
    assert _set(session, cast, item, Status.LATE_CANCELLED, bills_cents=0).policy_cents == 0
    assert _set(session, cast, item, Status.BOOKED).policy_cents is None


@pytest.mark.parametrize(("status", "cents"), [
    (Status.NO_SHOW, 15_001), (Status.NO_SHOW, -1), (Status.CANCELLED_BY_CLIENT, 5_000), (Status.ATTENDED, 0),
])  # fmt: skip
def test_an_amount_over_the_fee_or_for_what_bills_none_is_refused(session, cast, status, cents):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    with pytest.raises(RefusalError) as refused:
        _set(session, cast, item, status, bills_cents=cents)
    assert refused.value.field == "amount"


def test_a_package_session_is_used_up_by_the_full_policy_and_returned_by_none(session, cast):
    item, line = _packaged(session, cast)
    assert _way(session, cast, item, Status.NO_SHOW).says == "uses up the session of “Two sessions”"
    assert _way(session, cast, item, Status.CANCELLED_BY_PRACTICE).says == "gives the session back to “Two sessions”"
    session.get(Practice, 1).no_show_bp = 0
    assert _way(session, cast, item, Status.NO_SHOW).says == "gives the session back to “Two sessions” and bills nothing"
    assert _set(session, cast, item, Status.NO_SHOW).policy_cents == 0
    assert (line.share_id, _last_event(session)) == (None, SessionEvent.RETURNED)


def test_a_part_of_a_package_line_gives_it_back_and_bills_that_part(session, cast):
    item, line = _packaged(session, cast)
    session.get(Practice, 1).late_cancel_bp = 5_000
    way = _way(session, cast, item, Status.LATE_CANCELLED)
    assert (way.says, way.cents) == ("gives the session back to “Two sessions” and bills $75.00", 7_500)
    place = _set(session, cast, item, Status.LATE_CANCELLED)
    assert (place.policy_cents, line.share_id) == (7_500, None)
    assert _set(session, cast, item, Status.CANCELLED_BY_PRACTICE).policy_cents is None


def test_a_typed_amount_returns_a_package_session_and_the_whole_one_uses_it_up(session, cast):
    item, line = _packaged(session, cast)
    assert _set(session, cast, item, Status.NO_SHOW, bills_cents=2_000).policy_cents == 2_000
    assert line.share_id is None
    place = _set(session, cast, item, Status.NO_SHOW, bills_cents=15_000)
    assert (place.policy_cents, _last_event(session)) == (None, SessionEvent.FORFEITED)
    assert line.share_id is not None


def test_cancelling_by_the_practice_returns_the_session_whatever_was_set_before(session, cast):
    item, line = _packaged(session, cast)
    _set(session, cast, item, Status.NO_SHOW)
    assert _last_event(session) is SessionEvent.FORFEITED
    _set(session, cast, item, Status.CANCELLED_BY_PRACTICE)
    assert (line.share_id, _last_event(session)) == (None, SessionEvent.RETURNED)


def test_what_is_invoiced_stays_as_it_is(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    invoice = invoices.bill_attendee(session, cast.fay, item.attendees[0].id, NOW)[0]
    for status in (Status.NO_SHOW, Status.LATE_CANCELLED, Status.CANCELLED_BY_CLIENT):
        way = _way(session, cast, item, status)
        assert (way.says, way.cents) == (f"stays on invoice {invoice.number} as it is", None)
    _set(session, cast, item, Status.CANCELLED_BY_CLIENT)
    session.refresh(invoice)
    assert invoice.total_cents == 15_000


def test_the_fee_of_a_couple_passes_to_who_comes(session, cast):
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
    payer = next(each for each in item.attendees if each.is_billed)
    other = next(each for each in item.attendees if not each.is_billed)
    way = _way(session, cast, item, Status.NO_SHOW, attendee_id=payer.id)
    assert (way.says, way.cents) == ("the fee of $150.00 passes to Otto Brandt", None)
    assert _way(session, cast, item, Status.NO_SHOW, attendee_id=other.id).says == "bills nothing"
    assert _way(session, cast, item, Status.NO_SHOW).cents == 15_000


def test_a_couples_package_session_stays_while_one_of_them_comes(session, cast):
    _packaged(session, cast)
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=cast.couple_id), NOW)
    cleo = next(each for each in item.attendees if each.is_billed)
    otto = next(each for each in item.attendees if not each.is_billed)
    way = _way(session, cast, item, Status.NO_SHOW, attendee_id=cleo.id)
    assert (way.says, way.cents) == ("keeps the session of “Two sessions”, which Otto Brandt still comes to", None)
    session.get(Practice, 1).no_show_bp = 0
    _set(session, cast, item, Status.NO_SHOW, attendee_id=cleo.id)
    assert linking.held_line(session, cleo.id) is not None
    _set(session, cast, item, Status.ATTENDED, attendee_id=otto.id)
    assert _last_event(session) is SessionEvent.USED
    _set(session, cast, item, Status.NO_SHOW, attendee_id=otto.id)  # then nobody came
    assert (linking.held_line(session, cleo.id), _last_event(session)) == (None, SessionEvent.RETURNED)


def test_a_therapy_group_says_what_each_of_them_is_billed(session, cast):
    details = groups.Details("Steady Ground", GroupKind.THERAPY, (cast.cleo_id, cast.otto_id), cast.cleo_id)
    group = groups.add(session, cast.fay, details, NOW)
    item = booking.book(session, cast.fay, therapy(cast, at(9), client_id=None, group_id=group.id), NOW)
    way = _way(session, cast, item, Status.NO_SHOW)
    assert (way.says, way.cents) == ("each bills $150.00", None)
    work.set_do_not_invoice(session, cast.fay, item.attendees[0].id, True, NOW)
    assert "bills nothing: Do not invoice; " in _way(session, cast, item, Status.NO_SHOW).says


def test_an_activity_knows_no_no_show(session, cast):
    item = booking.book(session, cast.fay, review(cast, at(9)), NOW)
    loaded = booking.item_for(session, cast.fay, item.id)
    with pytest.raises(NotFoundError):
        outcomes.no_show(session, loaded, flyout.flyout_of(session, cast.fay, loaded, NOW))
