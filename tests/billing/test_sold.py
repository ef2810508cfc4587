"""A sold package is corrected, extended, pointed elsewhere and expires: nothing is edited, the session ledger says why."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import invoices, ledger, packages, payments, receipts, sessions, sold
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.billing.sold import Standing
from clinic.calendar import booking, linking, package_refunds, package_view
from clinic.jobs import housekeeping
from clinic.kernel.errors import ClashError, NotAllowedError, NotFoundError, RefusalError
from clinic.models.billing import PackageKind, PackageSale, SessionEntry, SessionEvent
from clinic.models.money import Method
from clinic.models.practice import JobRun
from clinic.office import verify
from tests.calendar.stage import at, therapy
from tests.cast import NOW

LAST = date(2026, 12, 18)  # a month from NOW
DAY_AFTER = NOW + timedelta(days=31)


def _sold(session, cast, *, count=3, is_draft=False, **other):
    rows = (FeeRow(cast.therapy_fee_id, count), FeeRow(cast.workbook_fee_id, 1))
    made = packages.save(session, cast.fay, Template("Three sessions", rows, expires_after=1), NOW)
    sale = Sale(made.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id, **other)
    return packages.sell(session, cast.fay, sale, NOW, is_draft=is_draft)


def _shown(session, cast, invoice, now=NOW):
    return package_view.sale_for_invoice(session, cast.olga, invoice.id, now)


def _states(session, cast, invoice, now=NOW):
    return [line.state for line in _shown(session, cast, invoice, now).lines]


def test_a_session_is_put_where_it_belongs_by_hand_and_back_again(session, cast):
    invoice = _sold(session, cast)
    first, second, *_ = invoice.lines
    sold.adjust(session, cast.fay, invoice.id, first.id, Standing.USED, "Given before we moved here", NOW)
    sold.adjust(session, cast.fay, invoice.id, second.id, Standing.FORFEITED, "Did not come", NOW)
    shown = _shown(session, cast, invoice)
    assert [line.state for line in shown.lines] == ["Used", "Forfeited", "Unassigned", "Product"]
    assert shown.counts.words == "3 bought: 1 used, 1 forfeited, 1 left"
    assert [(line.session, line.mark) for line in shown.lines] == [(1, "used"), (2, "used"), (3, "open"), (0, "used")]
    assert list(verify.findings(session)) == []
    with pytest.raises(RefusalError, match="already"):
        sold.adjust(session, cast.fay, invoice.id, first.id, Standing.USED, "Again", NOW)
    sold.adjust(session, cast.fay, invoice.id, first.id, Standing.OPEN, "A slip", NOW + timedelta(minutes=1))
    assert _states(session, cast, invoice)[0] == "Unassigned"
    newest = _shown(session, cast, invoice).entries[0]
    assert (newest.what, newest.lines, newest.who, newest.why) == ("Adjusted", "1", "Fay Desk", "A slip")


def test_what_cannot_be_adjusted_says_why(session, cast):
    invoice = _sold(session, cast)
    booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW)
    linked, free, _third, product = invoice.lines
    assert linked.share_id is not None
    for line in (linked, product):
        with pytest.raises(ClashError) as clashed:
            sold.adjust(session, cast.fay, invoice.id, line.id, Standing.USED, "Why not", NOW)
        assert clashed.value.field == "which"
    for reason in ("", "   "):
        with pytest.raises(RefusalError) as refused:
            sold.adjust(session, cast.fay, invoice.id, free.id, Standing.USED, reason, NOW)
        assert refused.value.field == "reason"
    draft = _sold(session, cast, is_draft=True)
    with pytest.raises(RefusalError, match="draft"):
        sold.adjust(session, cast.fay, draft.id, draft.lines[0].id, Standing.USED, "Early", NOW)
    with pytest.raises(NotFoundError):
        sold.adjust(session, cast.fay, 424242, free.id, Standing.USED, "Nowhere", NOW)


# Good through 18 December in New York: at 23:59 of that day it is good, a minute later it is not.
@pytest.mark.parametrize(("now", "expired"), [(at(23, 59, days=30), 0), (at(0, days=31), 2)])
def test_unassigned_sessions_expire_when_the_last_day_has_ended_there(session, cast, now, expired):
    invoice = _sold(session, cast)
    booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW)
    sale_id = session.scalars(select(PackageSale.id)).one()
    assert list(sold.due_to_expire(session, now)) == ([sale_id] if expired else [])
    before = packages.counts(session, [sale_id], now)[sale_id]
    assert sold.expire(session, sale_id, now) == expired
    assert packages.counts(session, [sale_id], now)[sale_id] == before  # the clock said so already; now the ledger does, too
    assert (before.expired, before.remaining, before.used) == (expired, 2 - expired, 1)
    assert sold.expire(session, sale_id, now) == 0  # twice is once
    assert list(sold.due_to_expire(session, now)) == []
    assert _states(session, cast, invoice, now)[1:3] == (["Expired"] * 2 if expired else ["Unassigned"] * 2)
    assert list(verify.findings(session)) == []


def test_an_appointment_of_before_the_last_day_may_still_take_an_expired_session(session, cast):
    invoice = _sold(session, cast)
    sale = session.scalars(select(PackageSale)).one()
    sold.expire(session, sale.id, DAY_AFTER)
    item = booking.book(session, cast.fay, therapy(cast, at(10, days=2)), DAY_AFTER)  # entered late
    assert linking.held_line(session, item.attendees[0].id) is not None
    late = booking.book(session, cast.fay, therapy(cast, at(10, days=35)), DAY_AFTER)
    assert linking.held_line(session, late.attendees[0].id) is None
    counts = packages.counts(session, [sale.id], DAY_AFTER)[sale.id]
    assert (counts.used, counts.expired, counts.remaining) == (1, 2, 0)
    assert _states(session, cast, invoice, DAY_AFTER) == ["Used", "Expired", "Expired", "Product"]
    assert list(verify.findings(session)) == []


def test_an_extension_gives_back_what_had_expired_with_its_reason(session, cast):
    invoice = _sold(session, cast)
    sale = session.scalars(select(PackageSale)).one()
    sold.expire(session, sale.id, DAY_AFTER)
    for until, words in ((LAST, "in the past"), (date(2026, 12, 1), "in the past")):
        with pytest.raises(RefusalError, match=words):
            sold.extend(session, cast.fay, invoice.id, until, "Ill", DAY_AFTER)
    with pytest.raises(RefusalError) as refused:
        sold.extend(session, cast.fay, invoice.id, date(2027, 2, 1), " ", DAY_AFTER)
    assert refused.value.field == "reason"
    sold.extend(session, cast.fay, invoice.id, date(2027, 2, 1), "Ill", DAY_AFTER)
    assert packages.counts(session, [sale.id], DAY_AFTER)[sale.id].remaining == 3
    assert _shown(session, cast, invoice, DAY_AFTER).entries[0].why == "Good through Feb 1, 2027, was Dec 18, 2026: Ill"
    with pytest.raises(RefusalError, match="after Feb 1, 2027"):
        sold.extend(session, cast.fay, invoice.id, date(2027, 1, 1), "Ill", DAY_AFTER)
    sold.extend(session, cast.fay, invoice.id, None, "For good", DAY_AFTER)
    assert sale.expires_date is None
    with pytest.raises(RefusalError, match="no last day"):
        sold.extend(session, cast.fay, invoice.id, date(2028, 1, 1), "Ill", DAY_AFTER)
    assert list(verify.findings(session)) == []


def test_a_drafts_last_day_is_set_without_a_word_in_the_ledger(session, cast):
    invoice = _sold(session, cast, is_draft=True)
    sold.extend(session, cast.fay, invoice.id, date(2027, 3, 1), "", NOW)
    invoices.issue(session, cast.fay, invoice, NOW)
    sale = session.scalars(select(PackageSale)).one()
    assert sale.expires_date == date(2027, 3, 1)
    assert {entry.event for entry in session.scalars(select(SessionEntry))} == {SessionEvent.BOUGHT}


def test_the_owner_points_what_is_unassigned_to_another_practitioner(session, cast):
    invoice = _sold(session, cast)
    booked = booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW)
    with pytest.raises(NotAllowedError):
        sold.repoint(session, cast.fay, invoice.id, "On leave", NOW, practitioner_id=cast.piet_id, location_id=cast.mill_id)
    with pytest.raises(RefusalError) as refused:
        sold.repoint(session, cast.olga, invoice.id, "On leave", NOW, practitioner_id=cast.pat_id, location_id=cast.harbour_id)
    assert refused.value.field == "practitioner"
    sold.repoint(session, cast.olga, invoice.id, "On leave", NOW, practitioner_id=cast.piet_id, location_id=cast.mill_id)
    shown = _shown(session, cast, invoice)
    assert (shown.practitioner, shown.location) == ("Piet Vandermolen", "Mill Lane")
    assert shown.entries[0].why == "With Piet Vandermolen at Mill Lane, was Pat Oyelaran at Harbour Street: On leave"
    assert linking.held_line(session, booked.attendees[0].id) is not None  # what is booked stays
    wish = therapy(cast, at(10, days=3), practitioner_id=cast.piet_id, location_id=cast.mill_id, overrides_warnings=True)
    moved = booking.book(session, cast.fay, wish, NOW)
    assert linking.held_line(session, moved.attendees[0].id) is not None
    assert list(verify.findings(session)) == []


def test_the_days_job_expires_once_and_leaves_the_good_ones(app, write, rows, cast):
    with write() as session:
        for expires in (None, date(2026, 12, 1), date(2027, 6, 1)):
            _sold(session, cast, expires_date=expires)
    with app.app_context():
        report = housekeeping.run(date(2026, 12, 19), lambda: DAY_AFTER)
        assert (report.done, report.failed) == (2, 0)
        assert housekeeping.run(date(2026, 12, 19), lambda: DAY_AFTER) is None
        assert housekeeping.run(date(2026, 12, 20), lambda: DAY_AFTER + timedelta(days=1)).done == 0
    with rows() as session:
        counted = packages.counts(session, [1, 2, 3], DAY_AFTER)
        assert [counted[each].expired for each in (1, 2, 3)] == [3, 3, 0]
        assert len(session.scalars(select(JobRun).where(JobRun.job == housekeeping.JOB)).all()) == 2
        assert (
            session.scalars(select(SessionEntry.user_id).where(SessionEntry.event == SessionEvent.EXPIRED)).all() == [None] * 6
        )


def test_what_stands_writes_nothing_twice(session, cast):
    invoice = _sold(session, cast)
    sale = session.scalars(select(PackageSale)).one()
    for _ in range(2):
        sessions.put(session, cast.fay, invoice.lines[0], SessionEvent.ADJUSTED, "used", NOW, sale_id=sale.id, reason="Given")
    assert len(session.scalars(select(SessionEntry).where(SessionEntry.event == SessionEvent.ADJUSTED)).all()) == 1


def test_the_unused_part_is_refunded_by_the_lines_own_amounts(session, cast):
    rows = (FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1))
    made = packages.save(session, cast.fay, Template("Three", rows, PackageKind.PACKAGED, 40_001), NOW)
    invoice = packages.sell(
        session, cast.fay, Sale(made.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id), NOW
    )
    paid = payments.record(
        session, cast.fay, payer_id=cast.cleo_payer_id, method=Method.CASH, amount_cents=invoice.total_cents, now=NOW
    )
    assert [each.package for each in receipts.of(session, cast.fay, paid.id).receipt.paid_for] == ["Three, 3 sessions left"]
    held = booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    coming = booking.book(session, cast.fay, therapy(cast, at(10, days=2)), NOW)
    used, booked, free, _product = invoice.lines
    offered = package_refunds.unused(session, cast.bill, invoice.id, NOW)
    assert [(each.line_id, each.is_usual) for each in offered] == [(booked.id, False), (free.id, True)]  # booked: asked about
    for who, lines, error in (
        (cast.fay, [free.id], NotAllowedError),
        (cast.bill, [], RefusalError),
        (cast.bill, [used.id], ClashError),
    ):
        with pytest.raises(error):
            package_refunds.refund(session, who, invoice.id, lines, "Moves away", NOW)
    note = package_refunds.refund(session, cast.bill, invoice.id, [booked.id, free.id], "Moves away", NOW)
    assert (note.number, note.total_cents) == ("CN-0001", booked.total_cents + free.total_cents)
    assert ledger.unallocated_cents(session, cast.cleo_payer_id) == note.total_cents  # credit: nothing is refunded by itself
    assert linking.held_line(session, held.attendees[0].id) is not None
    assert linking.held_line(session, coming.attendees[0].id) is None
    assert coming.deleted_at is None  # it stays in the calendar, unpaid
    shown = _shown(session, cast, invoice)
    assert [line.state for line in shown.lines] == ["Used", "Credited", "Credited", "Product"]
    assert shown.counts.words == "1 bought: 1 used, 0 left"
    with pytest.raises(ClashError):
        package_refunds.refund(session, cast.bill, invoice.id, [free.id], "Again", NOW)
    assert list(verify.findings(session)) == []


def test_an_expired_session_may_be_given_back_but_is_not_unless_ticked(session, cast):
    invoice = _sold(session, cast)
    sale = session.scalars(select(PackageSale)).one()
    sold.expire(session, sale.id, DAY_AFTER)
    offered = package_refunds.unused(session, cast.bill, invoice.id, DAY_AFTER)
    assert [(each.is_expired, each.is_usual) for each in offered] == [(True, False)] * 3
    package_refunds.refund(session, cast.bill, invoice.id, [offered[0].line_id], "Goodwill", DAY_AFTER)
    counts = packages.counts(session, [sale.id], DAY_AFTER)[sale.id]
    assert (counts.purchased, counts.expired, counts.remaining) == (2, 2, 0)
    assert list(verify.findings(session)) == []
