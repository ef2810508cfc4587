"""An appointment and a package line find each other by themselves, stay together, and part only on purpose."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages, sold
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, linking, statuses
from clinic.calendar.linking import Choice, MismatchError
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import InvoiceLine, PackageKind, PackageSale, SessionEntry, SessionEvent, Share
from clinic.models.calendar import Attendee, Item, Status
from clinic.practice import settings
from tests.cast import NOW

THURSDAY = datetime(2026, 11, 19, 15, tzinfo=UTC)  # 10:00 in New York, the day after NOW


def _template(session, cast, *, count=5, expires_after=None):
    rows = (FeeRow(cast.therapy_fee_id, count),)
    made = Template(name="Five sessions", rows=rows, kind=PackageKind.PACKAGED, price_cents=65_000, expires_after=expires_after)
    return packages.save(session, cast.fay, made, NOW)


def _sold(session, cast, *, count=5, now=NOW, is_draft=False, practitioner_id=None, location_id=None, **values):
    package = _template(session, cast, count=count)
    sale = Sale(
        package_id=package.id, client_ids=values.pop("client_ids", (cast.cleo_id,)), payer_id=cast.cleo_payer_id,
        practitioner_id=practitioner_id or cast.pat_id, location_id=location_id or cast.harbour_id, **values,
    )  # fmt: skip
    invoice = packages.sell(session, cast.fay, sale, now, is_draft=is_draft)
    return session.scalars(select(PackageSale).where(PackageSale.invoice_id == invoice.id)).one()


def _book(session, cast, *, days=0, uses_package=True, **other):
    wanted = {
        "type_id": cast.therapy_id, "practitioner_id": cast.pat_id, "starts_at": THURSDAY + timedelta(days=days), "minutes": 50,
        "client_id": cast.cleo_id, "location_id": cast.harbour_id, "uses_package": uses_package, "overrides_warnings": True,
    }  # fmt: skip
    item = booking.book(session, cast.fay, booking.Wanted(**(wanted | other)), NOW)
    return item, session.scalars(select(Attendee).where(Attendee.item_id == item.id)).one()


def _lines(session, sale):
    return session.scalars(
        select(InvoiceLine).where(InvoiceLine.invoice_id == sale.invoice_id).order_by(InvoiceLine.position)
    ).all()


def _counts(session, sale, now=NOW):
    found = packages.counts(session, [sale.id], now)[sale.id]
    return found.purchased, found.booked, found.used, found.remaining


def _events(session, sale):
    chosen = select(SessionEntry.event).where(SessionEntry.sale_id == sale.id, SessionEntry.event != SessionEvent.BOUGHT)
    return list(session.scalars(chosen.order_by(SessionEntry.id)))


def test_booking_the_packages_fee_with_its_practitioner_and_location_links_and_dates_the_line(session, cast):
    sale = _sold(session, cast)
    _item, attendee = _book(session, cast)
    first = _lines(session, sale)[0]
    share = session.get(Share, first.share_id)
    assert share.attendee_id == attendee.id
    assert first.session_date == date(2026, 11, 19)
    assert _counts(session, sale) == (5, 1, 0, 4)
    label = linking.label_for(session, [attendee.id])[attendee.id]
    assert (label.name, label.number, label.of, label.is_unpaid) == ("Five sessions", 1, 5, True)


def test_the_opt_out_leaves_the_package_alone(session, cast):
    sale = _sold(session, cast)
    _book(session, cast, uses_package=False)
    assert _counts(session, sale) == (5, 0, 0, 5)


def test_earliest_expiry_goes_first_then_the_oldest_sale_then_line_order(session, cast):
    never = _sold(session, cast, count=1)
    late = _sold(session, cast, count=2, expires_date=date(2027, 5, 1))
    later = _sold(session, cast, count=1, expires_date=date(2027, 5, 1), now=NOW + timedelta(minutes=1))
    soon = _sold(session, cast, count=1, expires_date=date(2026, 12, 1))
    for day in range(5):
        _book(session, cast, days=day)
    used = {}
    for sale in (soon, late, later, never):
        for line in _lines(session, sale):
            used[line.session_date.day] = (sale.id, line.position)
    assert used == {19: (soon.id, 1), 20: (late.id, 1), 21: (late.id, 2), 22: (later.id, 1), 23: (never.id, 1)}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"practitioner_id": "piet_id"}, "it is with Pat Oyelaran"),
        ({"location_id": "mill_id"}, "it is for Harbour Street"),
        ({"days": 30}, "it is good through Dec 1, 2026"),
    ],
)
def test_a_near_miss_is_said_and_does_not_link(session, cast, other, said):
    sale = _sold(session, cast, expires_date=date(2026, 12, 1))
    wanted = {key: getattr(cast, value) if isinstance(value, str) else value for key, value in other.items()}
    _book(session, cast, **wanted)
    assert _counts(session, sale)[1] == 0
    asked = {
        "client_id": cast.cleo_id, "fee_id": cast.therapy_fee_id,
        "practitioner_id": wanted.get("practitioner_id", cast.pat_id),
        "location_id": wanted.get("location_id", cast.harbour_id),
        "on_date": date(2026, 11, 19) + timedelta(days=wanted.get("days", 0)),
    }  # fmt: skip
    assert linking.candidate(session, **asked) is None
    assert said in linking.near_miss(session, **asked)


def test_a_spent_package_is_a_near_miss_and_another_fee_is_none(session, cast):
    _sold(session, cast, count=1)
    _book(session, cast)
    asked = {"client_id": cast.cleo_id, "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}
    day = date(2026, 11, 20)
    assert "no session of it is left" in linking.near_miss(session, fee_id=cast.therapy_fee_id, on_date=day, **asked)
    assert linking.near_miss(session, fee_id=cast.intake_fee_id, on_date=day, **asked) is None


def test_the_last_day_itself_is_still_good(session, cast):
    _sold(session, cast, expires_date=date(2026, 11, 19))
    _item, attendee = _book(session, cast)
    assert attendee.id in linking.label_for(session, [attendee.id])


def test_someone_elses_package_a_draft_and_an_activity_never_link(session, cast):
    sale = _sold(session, cast)
    draft = _sold(session, cast, is_draft=True)
    _book(session, cast, client_id=cast.otto_id)
    booking.book(
        session, cast.fay,
        booking.Wanted(type_id=cast.case_review_id, practitioner_id=cast.pat_id, starts_at=THURSDAY + timedelta(hours=2),
                       minutes=40, client_id=cast.cleo_id),
        NOW,
    )  # fmt: skip
    assert _counts(session, sale) == (5, 0, 0, 5)
    assert _counts(session, draft) == (0, 0, 0, 0)


def test_a_shared_pack_serves_each_of_its_clients(session, cast):
    sale = _sold(session, cast, client_ids=(cast.cleo_id, cast.otto_id))
    _book(session, cast)
    _book(session, cast, days=1, client_id=cast.otto_id)
    assert _counts(session, sale) == (5, 2, 0, 3)


def test_moving_the_appointment_moves_the_lines_date(session, cast):
    sale = _sold(session, cast)
    item, _attendee = _book(session, cast)
    to = booking.Move(starts_at=THURSDAY + timedelta(days=4))
    booking.move(session, cast.fay, item.id, to, NOW, version=item.version)
    assert _lines(session, sale)[0].session_date == date(2026, 11, 23)


def test_moving_it_to_another_practitioner_is_asked_about_first(session, cast):
    sale = _sold(session, cast)
    item, _attendee = _book(session, cast)
    to = {"starts_at": THURSDAY, "practitioner_id": cast.piet_id}
    with pytest.raises(MismatchError, match="it is with Pat Oyelaran"), session.begin_nested():
        booking.move(session, cast.fay, item.id, booking.Move(**to), NOW, version=item.version)
    session.expire_all()
    unlinks = booking.Move(**to, package_choice=Choice.UNLINK)
    booking.move(session, cast.fay, item.id, unlinks, NOW, version=session.get(Item, item.id).version)
    assert _lines(session, sale)[0].share_id is None


def _move(session, cast, item, **to):
    return booking.move(session, cast.fay, item.id, booking.Move(**to), NOW, version=session.get(Item, item.id).version)


def test_a_booked_session_is_asked_about_only_when_its_own_change_takes_it_out_of_the_package(session, cast):
    sale = _sold(session, cast, expires_date=date(2026, 12, 31))
    item, _attendee = _book(session, cast)
    line = _lines(session, sale)[0]
    why = {"practitioner_id": cast.piet_id, "location_id": cast.mill_id}
    sold.repoint(session, cast.olga, sale.invoice_id, "On leave", NOW, **why)  # booked sessions stay as they are
    _move(session, cast, item, starts_at=THURSDAY + timedelta(days=1))
    assert (line.share_id is not None, line.session_date) == (True, date(2026, 11, 20))
    with pytest.raises(MismatchError, match="good through"), session.begin_nested():
        _move(session, cast, item, starts_at=datetime(2027, 1, 4, 15, tzinfo=UTC))
    session.expire_all()
    _move(session, cast, item, starts_at=datetime(2027, 1, 4, 15, tzinfo=UTC), package_choice=Choice.LEAVE)
    _move(session, cast, item, starts_at=datetime(2027, 1, 4, 16, tzinfo=UTC))  # left once on that day, not asked again
    assert (line.share_id is not None, line.session_date) == (True, date(2027, 1, 4))
    with pytest.raises(MismatchError):
        _move(session, cast, item, starts_at=THURSDAY, practitioner_id=cast.piet_id)


def test_unlinking_keeps_the_old_date_and_the_appointment_and_is_remembered(session, cast):
    sale = _sold(session, cast)
    item, attendee = _book(session, cast)
    line = _lines(session, sale)[0]
    linking.unlink(session, cast.fay, line.id, NOW)
    share = session.scalars(select(Share).where(Share.attendee_id == attendee.id)).one()
    assert (line.share_id, line.session_date, share.released_at) == (None, date(2026, 11, 19), NOW)
    assert session.get(Item, item.id).deleted_at is None
    assert _counts(session, sale) == (5, 0, 0, 5)
    with pytest.raises(RefusalError):
        linking.unlink(session, cast.fay, line.id, NOW)
    linking.on_changed(session, cast.fay, item, NOW, rematches=True)  # takes no line of this package again by itself
    assert [each.share_id for each in _lines(session, sale)] == [None] * 5
    other = _sold(session, cast)
    linking.on_changed(session, cast.fay, item, NOW, rematches=True)  # another package is another matter
    assert _lines(session, other)[0].share_id == share.id


def test_use_package_links_again_what_was_unlinked_by_hand(session, cast):
    sale = _sold(session, cast, count=1)
    item, attendee = _book(session, cast)
    line = _lines(session, sale)[0]
    linking.unlink(session, cast.fay, line.id, NOW)
    assert [each.was_unlinked for each in linking.usable(session, item)] == [True]
    linking.link(session, cast.fay, line.id, attendee.id, NOW)
    assert line.share_id is not None
    assert session.get(Share, line.share_id).released_at is None
    assert _events(session, sale) == [SessionEvent.BOOKED, SessionEvent.RETURNED, SessionEvent.BOOKED]


def test_a_session_stands_on_one_line_and_a_line_holds_one_session(session, cast):
    sale = _sold(session, cast, count=2)
    _item, attendee = _book(session, cast)
    first, second = _lines(session, sale)
    with pytest.raises(ClashError):
        linking.link(session, cast.fay, second.id, attendee.id, NOW)
    _item, other = _book(session, cast, days=1, uses_package=False)
    with pytest.raises(ClashError):
        linking.link(session, cast.fay, first.id, other.id, NOW)


def test_piets_lines_are_not_pats(session, cast):
    sale = _sold(session, cast, practitioner_id=cast.piet_id)
    with pytest.raises(NotFoundError):
        linking.line_of_sale(session, cast.pat, _lines(session, sale)[0].id)


def test_attending_uses_the_session_and_taking_it_back_books_it_again(session, cast):
    sale = _sold(session, cast)
    item, _attendee = _book(session, cast)
    statuses.set_status(session, cast.fay, item.id, Status.ATTENDED, NOW)
    assert _counts(session, sale) == (5, 0, 1, 4)
    statuses.set_status(session, cast.fay, item.id, Status.ATTENDED, NOW)
    statuses.set_status(session, cast.fay, item.id, Status.BOOKED, NOW)
    assert _counts(session, sale) == (5, 1, 0, 4)
    assert _events(session, sale) == [SessionEvent.BOOKED, SessionEvent.USED, SessionEvent.BOOKED]


@pytest.mark.parametrize("status", [Status.CANCELLED_BY_CLIENT, Status.CANCELLED_BY_PRACTICE])
def test_a_cancelled_session_returns_and_a_slip_of_the_finger_is_undone(session, cast, status):
    sale = _sold(session, cast)
    item, _attendee = _book(session, cast)
    statuses.set_status(session, cast.fay, item.id, status, NOW)
    line = _lines(session, sale)[0]
    assert (line.share_id, line.session_date) == (None, None)
    assert _counts(session, sale) == (5, 0, 0, 5)
    statuses.set_status(session, cast.fay, item.id, Status.BOOKED, NOW)
    assert line.share_id is not None
    assert _counts(session, sale) == (5, 1, 0, 4)


@pytest.mark.parametrize(("rate_bp", "forfeits", "bills_cents"), [(10_000, True, None), (0, False, 0), (5_000, False, 6_500)])
def test_a_missed_session_is_forfeited_returned_or_returned_and_billed_by_the_policy(
    session, cast, rate_bp, forfeits, bills_cents
):
    settings.practice(session).no_show_bp = rate_bp
    sale = _sold(session, cast)
    item, attendee = _book(session, cast)
    statuses.set_status(session, cast.fay, item.id, Status.NO_SHOW, NOW)
    found = packages.counts(session, [sale.id], NOW)[sale.id]
    assert (found.forfeited, found.remaining) == ((1, 4) if forfeits else (0, 5))
    assert (_lines(session, sale)[0].share_id is not None) == forfeits
    assert session.get(Attendee, attendee.id).policy_cents == bills_cents


@pytest.mark.parametrize("status", [Status.NO_SHOW, Status.LATE_CANCELLED])
def test_a_missed_session_put_on_a_line_by_hand_is_spent_and_bills_nothing_beside_it(session, cast, status):
    settings.practice(session).no_show_bp = settings.practice(session).late_cancel_bp = 5_000
    sale = _sold(session, cast)
    item, attendee = _book(session, cast)
    statuses.set_status(session, cast.fay, item.id, status, NOW)
    assert attendee.policy_cents == 6_500
    assert [(each.sale_id, each.is_missed) for each in linking.usable(session, item)] == [(sale.id, True)]
    linking.link(session, cast.fay, _lines(session, sale)[0].id, attendee.id, NOW)
    found = packages.counts(session, [sale.id], NOW)[sale.id]
    assert (found.booked, found.forfeited, found.remaining) == (0, 1, 4)
    assert attendee.policy_cents is None
    statuses.set_status(session, cast.fay, item.id, Status.ATTENDED, NOW)
    assert _counts(session, sale) == (5, 0, 1, 4)


def test_a_session_cancelled_in_time_bills_nothing_and_takes_no_package(session, cast):
    sale = _sold(session, cast)
    item, attendee = _book(session, cast)
    statuses.set_status(session, cast.fay, item.id, Status.CANCELLED_BY_CLIENT, NOW)
    assert linking.usable(session, item) == []
    with pytest.raises(RefusalError, match="cancelled"):
        linking.link(session, cast.fay, _lines(session, sale)[0].id, attendee.id, NOW)


def test_a_past_booked_session_counts_as_used_unless_the_practice_says_otherwise(session, cast):
    sale = _sold(session, cast)
    _book(session, cast)
    after = THURSDAY + timedelta(minutes=50)
    assert _counts(session, sale, after - timedelta(seconds=1)) == (5, 1, 0, 4)
    assert _counts(session, sale, after) == (5, 0, 1, 4)
    settings.practice(session).past_booked_is_attended = False
    assert _counts(session, sale, after) == (5, 1, 0, 4)


def test_what_was_not_booked_by_the_last_day_has_expired(session, cast):
    sale = _sold(session, cast, expires_date=date(2026, 11, 30))
    _book(session, cast)
    found = packages.counts(session, [sale.id], datetime(2026, 12, 2, tzinfo=UTC))[sale.id]
    assert (found.used, found.expired, found.remaining) == (1, 4, 0)


def test_deleting_the_appointment_gives_the_session_back_and_leaves_the_invoice(session, cast):
    sale = _sold(session, cast)
    item, _attendee = _book(session, cast)
    booking.delete(session, cast.fay, item.id, NOW)
    line = _lines(session, sale)[0]
    assert (line.share_id, line.session_date) == (None, None)
    assert _counts(session, sale) == (5, 0, 0, 5)


def test_another_fee_of_the_same_package_is_found_after_the_first_was_let_go(session, cast):
    rows = (FeeRow(cast.therapy_fee_id, 1), FeeRow(cast.intake_fee_id, 1))
    package = packages.save(session, cast.fay, Template(name="Both", rows=rows), NOW)
    sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
    lines = packages.sell(session, cast.fay, sale, NOW).lines
    item, attendee = _book(session, cast)
    assert linking.held_line(session, attendee.id)[0].id == lines[0].id
    wanted = booking.Wanted(cast.therapy_id, cast.pat_id, THURSDAY, 50, cast.cleo_id, fee_id=cast.intake_fee_id)
    with pytest.raises(MismatchError, match="another fee"), session.begin_nested():
        booking.edit(session, cast.fay, item.id, wanted, NOW, version=1)
    booking.edit(session, cast.fay, item.id, replace(wanted, package_choice=Choice.UNLINK), NOW, version=1)
    assert linking.held_line(session, attendee.id)[0].id == lines[1].id
