"""Two bookings reach for a package's last session at once: one gets it, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, package_lines
from clinic.calendar.package_lines import LineEdit
from clinic.kernel import clock
from clinic.kernel.database import db, writing
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import InvoiceLine, SessionEntry, SessionEvent
from clinic.models.calendar import Item
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
