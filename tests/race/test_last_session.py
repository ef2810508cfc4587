"""Two bookings reach for a package's last session at once: one gets it, on both databases."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, package_lines, whole_pack
from clinic.calendar.occurrences import Choices
from clinic.calendar.package_lines import LineEdit
from clinic.calendar.whole_pack import AllEdit
from clinic.kernel import clock
from clinic.kernel.database import db, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import InvoiceLine, SessionEntry, SessionEvent, Share
from clinic.models.calendar import Attendee, Item
from tests.cast import NOW

THURSDAY = datetime(2026, 11, 19, 15, tzinfo=UTC)
PATIENCE_SECONDS = 20


def _sold(write, cast):
    with write() as session:
        package = packages.save(session, cast.fay, Template(name="One", rows=(FeeRow(cast.therapy_fee_id, 1),)), NOW)
        sale = Sale(package.id, (cast.cleo_id,), cast.cleo_payer_id, cast.pat_id, cast.harbour_id)
        return packages.sell(session, cast.fay, sale, NOW).lines[0]


def _at_once(app, *deeds):
    """Do everything at once, the first deed holding the writing door until all the others knock on it."""
    is_inside, errors = threading.Event(), []

    def run(number, deed):
        with app.app_context():
            try:
                if number:
                    assert is_inside.wait(PATIENCE_SECONDS)
                with writing() as session:
                    if not number:
                        is_inside.set()
                        threading.Event().wait(0.3)  # the others have begun by now, and stand before the door
                    deed(session)
            except RefusalError as refusal:
                errors.append(refusal)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(number, deed)) for number, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    return errors


def _events(session):
    return list(session.scalars(select(SessionEntry.event).order_by(SessionEntry.id)))


def test_two_bookings_from_the_calendar_share_out_one_last_session(app, rows, write, cast):
    line = _sold(write, cast)

    def book(hours):
        wanted = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, minutes=50, client_id=cast.cleo_id,
                                starts_at=THURSDAY + timedelta(hours=hours), location_id=cast.harbour_id)  # fmt: skip
        return lambda session: booking.book(session, cast.fay, wanted, NOW)

    assert _at_once(app, book(0), book(1), book(2)) == []
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Item)) == 3
        assert _events(session) == [SessionEvent.BOUGHT, SessionEvent.BOOKED]
        assert session.get(InvoiceLine, line.id).session_date == THURSDAY.date()


def test_two_people_saving_the_same_line_book_it_once(app, rows, write, cast):
    line = _sold(write, cast)

    def save(hour):
        edit = LineEdit(
            THURSDAY.date(), True, clock.local(THURSDAY + timedelta(hours=hour), "America/New_York").time(), seen_item_id=0
        )  # fmt: skip - both opened the pop-up while the line was unassigned
        return lambda session: package_lines.save(session, cast.fay, line.invoice_id, line.id, edit, NOW)

    (refused,) = _at_once(app, save(0), save(1))
    assert isinstance(refused, ClashError)
    with rows() as session:
        assert session.scalars(select(Item.starts_at)).all() == [THURSDAY]
        assert _events(session) == [SessionEvent.BOUGHT, SessionEvent.BOOKED]


def _calendar(cast, starts_at, **other):
    wanted = booking.Wanted(type_id=cast.therapy_id, practitioner_id=cast.pat_id, minutes=50, client_id=cast.cleo_id,
                            starts_at=starts_at, location_id=cast.harbour_id, accepts_unpaid=False, **other)  # fmt: skip
    return lambda session: booking.book(session, cast.fay, wanted, NOW)


def _pop_up(cast, line, *, wall, seen_item_id=0, **other):
    edit = LineEdit(THURSDAY.date(), True, wall, seen_item_id=seen_item_id, **other)
    return lambda session: package_lines.save(session, cast.fay, line.invoice_id, line.id, edit, NOW)


def _only_link(rows, line):
    with rows() as session:
        share_id = session.get(InvoiceLine, line.id).share_id
        return session.scalar(
            select(Attendee.item_id).join(Share, Share.attendee_id == Attendee.id).where(Share.id == share_id)
        )


@pytest.mark.parametrize("invoice_first", [True, False], ids=["invoice first", "calendar first"])
def test_of_the_invoice_and_the_calendar_one_gets_the_last_session_and_the_other_is_told(app, rows, write, cast, invoice_first):
    line = _sold(write, cast)
    deeds = [_pop_up(cast, line, wall=time(10)), _calendar(cast, THURSDAY + timedelta(hours=2))]
    (refused,) = _at_once(app, *(deeds if invoice_first else reversed(deeds)))
    if invoice_first:
        assert "no session of it is left" in refused.message
    else:
        assert isinstance(refused, ClashError)
    with rows() as session:
        item = session.scalars(select(Item)).one()
        assert _events(session) == [SessionEvent.BOUGHT, SessionEvent.BOOKED]
    assert _only_link(rows, line) == item.id


@pytest.mark.parametrize("unlink_first", [True, False], ids=["unlinked first", "booked first"])
def test_unlinking_while_someone_books_leaves_the_session_with_one_of_them(app, rows, write, cast, unlink_first):
    line = _sold(write, cast)
    with write() as session:
        first = _calendar(cast, THURSDAY)(session).id
    deeds = [
        _pop_up(cast, line, wall=time(10), seen_item_id=first, removes=True),
        _calendar(cast, THURSDAY + timedelta(hours=2)),
    ]
    refused = _at_once(app, *(deeds if unlink_first else reversed(deeds)))
    with rows() as session:
        items = session.scalars(select(Item.id).order_by(Item.id)).all()
    if unlink_first:  # the booking finds the line that was just freed
        assert (refused, _only_link(rows, line)) == ([], items[1])
    else:  # the booking is told that none is left; then the line is freed
        assert [("no session of it is left" in each.message) for each in refused] == [True]
        assert (items, _only_link(rows, line)) == ([first], None)


def test_two_people_unlinking_the_same_line_unlink_it_once(app, rows, write, cast):
    line = _sold(write, cast)
    with write() as session:
        first = _calendar(cast, THURSDAY)(session).id
    unlink = _pop_up(cast, line, wall=time(10), seen_item_id=first, removes=True)
    (refused,) = _at_once(app, unlink, unlink)
    assert isinstance(refused, ClashError)
    with rows() as session:
        assert _events(session) == [SessionEvent.BOUGHT, SessionEvent.BOOKED, SessionEvent.RETURNED]


def test_book_them_all_and_a_booking_from_the_calendar_do_not_take_the_same_line(app, rows, write, cast):
    line = _sold(write, cast)
    edit = AllEdit(THURSDAY.date(), time(10), seen_line_ids=(line.id,))
    book_all = lambda session: whole_pack.book(session, cast.fay, line.invoice_id, edit, Choices(), NOW)  # noqa: E731
    (refused,) = _at_once(app, _calendar(cast, THURSDAY + timedelta(hours=2)), book_all)
    assert "is booked" in refused.message
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Item)) == 1
