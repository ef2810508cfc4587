"""A group is billed once or each: by its kind, unless the booking switches it; what is invoiced stays (rulebook 1.8)."""

from dataclasses import replace

import pytest

from clinic.billing import invoices, work
from clinic.billing.lines import NewLine
from clinic.calendar import booking, linking, scope, seats, series, statuses
from clinic.calendar.occurrences import Choices
from clinic.calendar.recurrence import Rule
from clinic.calendar.scope import Scope
from clinic.calendar.terms import Bills
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Share
from clinic.models.calendar import SeriesUnit, Status
from clinic.models.people import GroupKind
from clinic.office import verify
from clinic.people import groups
from tests.calendar.stage import at, review, therapy
from tests.calendar.test_series import five_sessions
from tests.cast import NOW


def couple(cast, hour=10, **other):
    return therapy(cast, at(hour, days=7), client_id=None, group_id=cast.couple_id, **other)


def bills(session, item) -> dict[int, tuple[int, list[int]]]:
    """Return by client the fee the seat carries and whom its shares are billed to."""
    return {
        seat.client_id: (seat.fee_cents, [share.payer_id for share in work.shares_of(session, [seat.id])])
        for seat in item.attendees
    }


def switched(session, cast, item, how, **other):
    wanted = series.wanted_of(item, booking.kept_of(session, item))
    return booking.edit(session, cast.fay, item.id, replace(wanted, bills=how, **other), NOW, version=item.version)


def test_the_booking_switches_what_the_kind_of_group_says(session, cast):
    cleo, otto = (15_000, [cast.cleo_payer_id]), (15_000, [cast.otto_payer_id])
    assert bills(session, booking.book(session, cast.fay, couple(cast), NOW)) == {cast.cleo_id: cleo, cast.otto_id: (0, [])}
    each = booking.book(session, cast.fay, couple(cast, 12, bills=Bills.EACH), NOW)
    assert bills(session, each) == {cast.cleo_id: cleo, cast.otto_id: otto}
    details = groups.Details("Steady Ground", GroupKind.THERAPY, (cast.cleo_id, cast.otto_id), cast.otto_id)
    ground = groups.add(session, cast.fay, details, NOW)
    once = booking.book(session, cast.fay, replace(couple(cast, 14), group_id=ground.id, bills=Bills.ONCE), NOW)
    assert bills(session, once) == {cast.otto_id: otto, cast.cleo_id: (0, [])}
    activity = review(cast, at(15, days=7), client_id=None, group_id=ground.id)
    assert [fee for fee, _to in bills(session, booking.book(session, cast.fay, activity, NOW)).values()].count(0) == 1
    all_of_it = replace(activity, starts_at=at(16, days=7), bills=Bills.EACH)
    found = bills(session, booking.book(session, cast.fay, all_of_it, NOW))
    assert found == {cast.cleo_id: (12_000, [cast.cleo_payer_id]), cast.otto_id: (12_000, [cast.otto_payer_id])}
    assert list(verify.findings(session)) == []


def test_an_edit_switches_it_there_and_back(session, cast):
    item = booking.book(session, cast.fay, couple(cast, payer_id=cast.pellworth_id), NOW)
    switched(session, cast, item, Bills.EACH)
    assert bills(session, item) == {
        cast.cleo_id: (15_000, [cast.pellworth_id]), cast.otto_id: (15_000, [cast.otto_payer_id])
    }  # fmt: skip
    assert list(verify.findings(session)) == []
    switched(session, cast, item, None, notes="Ramp")
    assert seats.bills_of(item) is Bills.EACH
    switched(session, cast, item, Bills.ONCE)
    assert bills(session, item) == {cast.cleo_id: (15_000, [cast.pellworth_id]), cast.otto_id: (0, [])}
    switched(session, cast, item, None, payer_id=cast.cleo_payer_id)
    assert bills(session, item)[cast.cleo_id] == (15_000, [cast.cleo_payer_id])
    with pytest.raises(RefusalError, match="linked to Cleo"):
        switched(session, cast, item, None, payer_id=cast.otto_payer_id)
    assert list(verify.findings(session)) == []


def test_billed_once_it_sits_on_somebody_who_is_there(session, cast):
    item = booking.book(session, cast.fay, couple(cast, bills=Bills.EACH), NOW)
    cleo = next(seat for seat in item.attendees if seat.client_id == cast.cleo_id)
    statuses.set_status(session, cast.fay, item.id, Status.CANCELLED_BY_CLIENT, NOW, attendee_id=cleo.id)
    switched(session, cast, item, Bills.ONCE)
    assert bills(session, item) == {cast.otto_id: (15_000, [cast.otto_payer_id]), cast.cleo_id: (0, [])}


def test_a_package_session_follows_the_switch(session, cast):
    sold = five_sessions(session, cast, client_ids=(cast.cleo_id, cast.otto_id))
    item = booking.book(session, cast.fay, couple(cast), NOW)
    held = [bool(linking.held_line(session, seat.id)) for seat in item.attendees]
    assert held == [True, False]
    switched(session, cast, item, Bills.EACH)
    assert all(linking.held_line(session, seat.id) for seat in item.attendees)
    switched(session, cast, item, Bills.ONCE)
    assert [bool(linking.held_line(session, seat.id)) for seat in item.attendees] == held
    assert list(verify.findings(session)) == []
    assert sold.id


def test_what_is_invoiced_is_not_switched_and_a_credited_share_stays_named(session, cast):
    item = booking.book(session, cast.fay, couple(cast, bills=Bills.EACH), NOW)
    otto = next(seat for seat in item.attendees if seat.client_id == cast.otto_id)
    share = work.shares_of(session, [otto.id])[0]
    draft = invoices.draft(session, cast.fay, payer_id=cast.otto_payer_id, client_id=cast.otto_id, now=NOW)
    line = invoices.add_line(session, draft, NewLine("Therapy", 15_000, share_id=share.id))
    with pytest.raises(RefusalError, match="on a draft invoice"):
        switched(session, cast, item, Bills.ONCE)
    line.released_at = NOW
    session.flush()
    switched(session, cast, item, Bills.ONCE)
    assert session.get_one(Share, share.id).amount_cents == 0
    switched(session, cast, item, Bills.EACH)
    assert bills(session, item)[cast.otto_id] == (15_000, [cast.otto_payer_id])


def test_a_series_is_switched_by_scope_and_repeats_as_it_is_billed(session, cast):
    made = series.book(session, cast.fay, couple(cast, bills=Bills.EACH), Rule(SeriesUnit.WEEK, times=3), Choices(), NOW)
    found = series.items_of(session, made.id)
    assert {seats.bills_of(item) for item in found} == {Bills.EACH}
    wanted = replace(series.wanted_of(found[1], booking.kept_of(session, found[1])), bills=Bills.ONCE)
    scope.edit(session, cast.fay, found[1].id, wanted, Scope.FOLLOWING, NOW, version=found[1].version)
    assert [seats.bills_of(item) for item in found] == [Bills.EACH, Bills.ONCE, Bills.ONCE]
    one = booking.book(session, cast.fay, couple(cast, 14, bills=Bills.EACH), NOW)
    again = series.repeat(session, cast.fay, one.id, Rule(SeriesUnit.WEEK, times=2), Choices(), NOW)
    assert {seats.bills_of(item) for item in series.items_of(session, again.id)} == {Bills.EACH}
