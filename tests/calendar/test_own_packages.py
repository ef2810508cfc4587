"""A client sees their own packages and books their sessions at free times, by the way staff would take; nothing else."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, linking, own_booking, own_packages, statuses, types
from clinic.calendar.online import Slot, TakenError, Wish
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.messages import outbox
from clinic.models.billing import InvoiceLine, PackageSale
from clinic.models.calendar import AppointmentType, Item, ItemKind, Mode, Status
from clinic.models.messages import Message, MessageKind
from clinic.models.practice import Practitioner
from clinic.office import verify
from clinic.practice.permissions import Actor
from tests.calendar.stage import at, review, therapy
from tests.cast import NOW

THURSDAY = date(2026, 11, 19)
ROWS = lambda cast: (FeeRow(cast.therapy_fee_id, 2), FeeRow(cast.intake_fee_id, 1), FeeRow(cast.workbook_fee_id, 1))  # noqa: E731


@pytest.fixture
def sale(session, cast):
    """Sell Cleo two therapy sessions, an intake and a workbook, with Pat at Harbour Street; return the sale's id."""
    return _sold(session, cast, ROWS(cast))


def _sold(session, cast, rows, *, is_draft=False, **other):
    package = packages.save(session, cast.fay, Template(name="Two and more", rows=rows), NOW)
    wanted = {"package_id": package.id, "client_ids": (cast.cleo_id,), "payer_id": cast.cleo_payer_id,
              "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}  # fmt: skip
    invoice = packages.sell(session, cast.fay, Sale(**(wanted | other)), NOW, is_draft=is_draft)
    return session.scalar(select(PackageSale.id).where(PackageSale.invoice_id == invoice.id))


def _pack(session, cast, sale, client_id=None, now=NOW):
    return own_packages.pack(session, client_id or cast.cleo_id, sale, now)


def _diary(session, cast, sale, **other):
    return own_booking.diary(session, _pack(session, cast, sale), NOW, **other)


def _book(session, cast, sale, starts_at, *, type_id=None, client_id=None):
    client_id = client_id or cast.cleo_id
    who = Actor(user_id=None, client_id=client_id)
    return own_booking.book(session, who, client_id, sale, type_id or cast.therapy_id, starts_at, NOW)


def test_the_kinds_to_book_are_the_open_lines_types_and_never_a_product_or_an_activity(session, cast, sale):
    session.get(AppointmentType, cast.case_review_id).fee_id = cast.therapy_fee_id
    session.flush()
    assert [(kind.name, kind.left) for kind in _diary(session, cast, sale).kinds] == [("Therapy 50", 2), ("Intake 50", 1)]
    online = types.Draft("Therapy online", ItemKind.APPOINTMENT, 7, 50, fee_id=cast.therapy_fee_id, modes=(Mode.VIDEO,),
                         is_online=True)  # fmt: skip
    types.add(session, cast.olga, online, NOW)
    assert [kind.name for kind in _diary(session, cast, sale).kinds] == ["Therapy online", "Intake 50"]
    with pytest.raises(ClashError, match="No session"):
        _book(session, cast, sale, at(10, days=1), type_id=cast.case_review_id)
    assert _pack(session, cast, sale).products == ("Workbook",)


def test_the_first_month_with_a_free_time_is_shown_up_to_the_last_day(session, cast, sale):
    shown = _diary(session, cast, sale)
    assert (shown.month, shown.chosen, shown.starts[0]) == (date(2026, 11, 1), THURSDAY, at(9, days=1))
    assert (shown.previous, shown.following, shown.weekdays[0]) == (None, date(2026, 12, 1), "Sunday")
    later = _diary(session, cast, sale, day=date(2026, 12, 31), type_id=cast.intake_id)
    assert (later.previous, later.following, later.chosen, later.kind.name) == (
        date(2026, 11, 18), date(2027, 1, 1), date(2026, 12, 31), "Intake 50",
    )  # fmt: skip
    session.get(PackageSale, sale).expires_date = date(2026, 11, 20)
    short = _diary(session, cast, sale)
    assert (short.following, short.last) == (None, date(2026, 11, 20))
    assert [cell.day.day for week in short.weeks for cell in week if cell and cell.count] == [19, 20]
    with pytest.raises(TakenError):
        _book(session, cast, sale, at(10, days=5))
    for row in session.query(booking.types.AppointmentType):
        row.is_archived = True
    assert _diary(session, cast, sale).kinds == ()


def test_a_session_is_booked_as_staff_would_have_on_the_first_open_line(session, cast, sale):
    session.get(AppointmentType, cast.therapy_id).requires_room = True
    item = _book(session, cast, sale, at(10, days=1))
    assert (item.room_id, item.practitioner_id, item.location_id, item.created_by_id) == (
        cast.larch_id, cast.pat_id, cast.harbour_id, None,
    )  # fmt: skip
    line = session.scalars(select(InvoiceLine).where(InvoiceLine.share_id.is_not(None))).one()
    assert (line.position, line.session_date) == (1, THURSDAY)
    label = linking.label_for(session, [item.attendees[0].id])[item.attendees[0].id]
    assert (label.number, label.of) == (1, 3)
    message = session.scalars(select(Message).where(Message.kind != MessageKind.BY_CLIENT)).one()
    assert (message.kind, bool(message.ics), message.to_address) == (MessageKind.CONFIRMATION, True, "cleo@clients.example")
    pack = _pack(session, cast, sale)
    assert pack.counts.words == "3 bought: 1 booked, 2 left"
    assert [(each.starts_at, each.state) for each in pack.dates] == [(at(10, days=1), "Booked")]
    _book(session, cast, sale, at(12, days=1), type_id=cast.intake_id)
    with pytest.raises(ClashError, match="No session"):
        _book(session, cast, sale, at(14, days=1), type_id=cast.intake_id)
    assert list(verify.findings(session)) == []


def test_a_time_that_is_taken_meanwhile_is_refused_without_a_word_about_whose_it_is(session, cast, sale):
    booking.book(session, cast.fay, therapy(cast, at(10, days=1), client_id=cast.otto_id), NOW)
    with pytest.raises(TakenError) as taken:
        _book(session, cast, sale, at(10, days=1))
    # The rule of booking itself stands behind the offer: were a taken time offered, staff would read whose it is.
    line = session.scalars(select(InvoiceLine).order_by(InvoiceLine.position)).first()
    wish = Wish(cast.pat_id, cast.harbour_id, session.get(AppointmentType, cast.therapy_id), 50)
    for starts_at in (at(10, 15, days=1), at(3, days=1)):
        with pytest.raises(RefusalError) as refused, session.begin_nested():
            own_booking._booked(session, Actor(None), cast.cleo_id, sale, line.id, wish, Slot(starts_at), NOW)
        assert "Otto" not in taken.value.message + refused.value.message
    assert session.query(Item).count() == 1


def test_a_busy_activity_closes_and_nothing_of_it_is_seen(session, cast, sale):
    booking.book(session, cast.fay, review(cast, at(9, days=1)), NOW)
    booking.book(session, cast.fay, review(cast, at(11, days=1), is_busy=False), NOW)
    starts = _diary(session, cast, sale).starts
    assert (starts[0], at(11, days=1) in starts) == (at(9, 45, days=1), True)
    assert _pack(session, cast, sale).dates == ()
    assert not outbox.may_be_told(ItemKind.ACTIVITY)


def test_nobody_sees_or_books_what_is_not_theirs_or_a_draft(session, cast, sale):
    draft = _sold(session, cast, ROWS(cast), is_draft=True)
    assert [pack.sale_id for pack in own_packages.packs(session, cast.cleo_id, NOW)] == [sale]
    assert own_packages.packs(session, cast.otto_id, NOW) == []
    for sale_id, client_id in ((draft, cast.cleo_id), (sale, cast.otto_id), (999, cast.cleo_id)):
        with pytest.raises(NotFoundError):
            _book(session, cast, sale_id, at(10, days=1), client_id=client_id)


def test_of_a_shared_package_each_sees_their_own_days_and_is_the_one_booked(session, cast):
    sale = _sold(session, cast, (FeeRow(cast.therapy_fee_id, 2),), client_ids=(cast.cleo_id, cast.otto_id))
    item = _book(session, cast, sale, at(10, days=1), client_id=cast.otto_id)
    assert [seat.client_id for seat in item.attendees] == [cast.otto_id]
    cleos = _pack(session, cast, sale)
    assert [(each.state, each.starts_at, each.is_others) for each in cleos.sessions] == [
        ("Booked", None, True), ("Left", None, False),
    ]  # fmt: skip
    _book(session, cast, sale, at(11, days=1))
    with pytest.raises(ClashError):
        _book(session, cast, sale, at(13, days=1), client_id=cast.otto_id)


def test_used_missed_forfeited_and_expired_sessions_say_so(session, cast, sale):
    items = [_book(session, cast, sale, at(hour, days=1)) for hour in (10, 12)]
    statuses.set_status(session, cast.fay, items[0].id, Status.NO_SHOW, at(13, days=1))
    later = at(14, days=1)
    assert [each.state for each in _pack(session, cast, sale, now=later).sessions] == ["Missed", "Used", "Left"]
    assert _pack(session, cast, sale, now=later).counts.words == "3 bought: 1 used, 1 forfeited, 1 left"
    session.get(PackageSale, sale).expires_date = THURSDAY
    over = _pack(session, cast, sale, now=later + timedelta(days=2))
    assert (over.is_over, over.may_book, over.sessions[2].state, over.counts.expired) == (True, False, "Expired", 1)
    assert own_booking.diary(session, over, later + timedelta(days=2)).kinds == ()


def test_what_nobody_gives_any_more_is_booked_with_the_practice(session, cast, sale):
    session.get(Practitioner, cast.pat_id).is_archived = True
    session.flush()
    assert _pack(session, cast, sale).may_book is False
    with pytest.raises(RefusalError, match="Please call"):
        _book(session, cast, sale, at(10, days=1))
