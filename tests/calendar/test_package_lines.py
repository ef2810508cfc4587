"""Edit Invoice Line books, moves, unlinks and clears, and checks the time again when it saves."""

from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, package_lines, package_view
from clinic.calendar.availability import OverlapError, WarnedError
from clinic.calendar.package_lines import LineEdit
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import InvoiceLine
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from tests.cast import NOW

THURSDAY = date(2026, 11, 19)
TEN = time(10)
YES = {"day": THURSDAY, "add_appointment": True, "wall": TEN}


@pytest.fixture
def sold(session, cast):
    """Sell Cleo three therapy sessions and a workbook, with Pat at Harbour Street; return the invoice's lines."""
    return _sell(session, cast)


def _sell(session, cast, **other):
    rows = (FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1))
    package = packages.save(session, cast.fay, Template(name="Three and a workbook", rows=rows), NOW)
    sale = {"package_id": package.id, "client_ids": (cast.cleo_id,), "payer_id": cast.cleo_payer_id,
            "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}  # fmt: skip
    is_draft = other.pop("is_draft", False)
    invoice = packages.sell(session, cast.fay, Sale(**(sale | other)), NOW, is_draft=is_draft)
    return session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.position)).all()


def _save(session, who, line, **edit):
    package_lines.save(session, who, line.invoice_id, line.id, LineEdit(**edit), NOW)


def _check(session, cast, line, **edit):
    return package_lines.check(session, cast.fay, line.invoice_id, line.id, LineEdit(**edit), NOW)


def _item(session):
    return session.scalars(select(Item).order_by(Item.id.desc()).limit(1)).one()


def _view(session, cast, line):
    return package_view.sale_for_invoice(session, cast.fay, line.invoice_id, NOW)


def test_yes_books_the_type_of_the_lines_fee_with_the_invoices_practitioner_and_location(session, cast, sold):
    _save(session, cast.fay, sold[0], **YES)
    item = _item(session)
    assert (item.type_id, item.practitioner_id, item.location_id) == (cast.therapy_id, cast.pat_id, cast.harbour_id)
    assert (item.starts_at, item.ends_at - item.starts_at) == (
        datetime.fromisoformat("2026-11-19T15:00Z"),
        timedelta(minutes=50),
    )
    assert item.mode == "in_person"
    assert sold[0].session_date == THURSDAY
    shown = _view(session, cast, sold[0])
    assert [line.state for line in shown.lines] == ["Booked", "Unassigned", "Unassigned", "Product"]
    assert (shown.counts.purchased, shown.counts.booked, shown.counts.remaining) == (3, 1, 2)
    assert [(entry.what, entry.lines) for entry in shown.entries] == [("Booked", "1"), ("Bought", "1–3")]


def test_the_biller_books_and_unlinks_package_lines(session, cast, sold):
    _save(session, cast.bill, sold[0], **YES)
    _save(session, cast.bill, sold[0], day=THURSDAY, add_appointment=True, wall=TEN, removes=True)
    assert (sold[0].share_id, sold[0].session_date) == (None, THURSDAY)


def test_check_availability_says_free_or_what_clashes_and_the_three_nearest_free_times(session, cast, sold):
    assert _check(session, cast, sold[0], **YES).is_free
    _save(session, cast.fay, sold[0], **YES)
    taken = _check(session, cast, sold[1], **(YES | {"wall": time(10, 30)}))
    assert not taken.is_free
    assert "Pat Oyelaran has Cleo Abernathy" in taken.why
    assert [offered.words for offered in taken.nearest] == ["11:00 am", "11:15 am", "11:30 am"]
    assert taken.nearest[0].value == "2026-11-19T11:00"


def test_the_lines_own_appointment_is_not_in_its_own_way(session, cast, sold):
    _save(session, cast.fay, sold[0], **YES)
    assert _check(session, cast, sold[0], **(YES | {"wall": time(10, 30)})).is_free


def test_saving_checks_the_time_again_and_keeps_the_line_as_it_was(session, cast, sold):
    _save(session, cast.fay, sold[0], **YES)
    with pytest.raises(OverlapError) as refused:
        _save(session, cast.fay, sold[1], **YES)
    assert refused.value.field == "time"
    assert (sold[1].share_id, sold[1].session_date) == (None, None)


def test_remove_then_unassigned_takes_two_saves_and_the_first_keeps_the_date(session, cast, sold):
    line = sold[0]
    _save(session, cast.fay, line, **YES)
    _save(session, cast.fay, line, **YES, removes=True)
    assert (line.share_id, line.session_date) == (None, THURSDAY)
    assert _item(session).deleted_at is None
    _save(session, cast.fay, line, day=THURSDAY, add_appointment=False)
    assert line.session_date is None


def test_one_save_may_do_both_and_cancel_the_appointment_too(session, cast, sold):
    line = sold[0]
    _save(session, cast.fay, line, **YES)
    _save(session, cast.fay, line, day=THURSDAY, add_appointment=False, removes=True, cancels_too=True)
    assert (line.share_id, line.session_date) == (None, None)
    status = session.scalar(select(Attendee.status).where(Attendee.item_id == _item(session).id))
    assert status is Status.CANCELLED_BY_PRACTICE
    assert not _item(session).is_blocking


def test_another_time_on_a_linked_line_moves_its_appointment(session, cast, sold):
    _save(session, cast.fay, sold[0], **YES)
    _save(session, cast.fay, sold[0], day=date(2026, 11, 20), add_appointment=True, wall=time(14))
    assert _item(session).starts_at == datetime.fromisoformat("2026-11-20T19:00Z")
    assert sold[0].session_date == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ({"day": None}, "date"),
        ({"wall": None}, "time"),
        ({"minutes": 30}, "minutes"),
        ({"add_appointment": None}, "add_appointment"),
    ],
)
def test_what_is_missing_or_locked_is_named(session, cast, sold, edit, field):
    with pytest.raises(RefusalError) as refused:
        _save(session, cast.fay, sold[0], **(YES | edit))
    assert refused.value.field == field


def test_a_time_the_clocks_skip_is_refused_at_the_time(session, cast, sold):
    with pytest.raises(RefusalError, match="clocks skip") as refused:
        _save(session, cast.fay, sold[0], day=date(2027, 3, 14), add_appointment=True, wall=time(2, 30))
    assert refused.value.field == "time"


def test_outside_working_hours_asks_first(session, cast, sold):
    late = YES | {"wall": time(19)}
    assert _check(session, cast, sold[0], **late).warnings
    with pytest.raises(WarnedError):
        _save(session, cast.fay, sold[0], **late)
    _save(session, cast.fay, sold[0], **late, overrides_warnings=True)
    assert sold[0].share_id is not None


def test_a_product_a_draft_and_a_date_past_the_last_day_are_not_booked(session, cast, sold):
    with pytest.raises(RefusalError, match="product"):
        _save(session, cast.fay, sold[3], **YES)
    with pytest.raises(RefusalError, match="draft"):
        _save(session, cast.fay, _sell(session, cast, is_draft=True)[0], **YES)
    short = _sell(session, cast, expires_date=date(2026, 11, 18))
    with pytest.raises(RefusalError, match="good through Nov 18, 2026") as refused:
        _save(session, cast.fay, short[0], **YES)
    assert refused.value.field == "date"


def test_it_asks_which_type_only_when_several_have_the_fee(session, cast, sold):
    twin = AppointmentType(name="Therapy by phone", kind=ItemKind.APPOINTMENT, colour=2, duration_minutes=50,
                           fee_id=cast.therapy_fee_id, modes="phone")  # fmt: skip
    session.add(twin)
    session.flush()
    with pytest.raises(RefusalError) as refused:
        _save(session, cast.fay, sold[0], **YES)
    assert refused.value.field == "type_id"
    _save(session, cast.fay, sold[0], **YES, type_id=twin.id)
    assert (_item(session).type_id, _item(session).mode) == (twin.id, "phone")


def test_a_room_is_asked_for_when_the_type_requires_one(session, cast, sold):
    session.get(AppointmentType, cast.therapy_id).requires_room = True
    with pytest.raises(RefusalError) as refused:
        _save(session, cast.fay, sold[0], **YES)
    assert refused.value.field == "room_id"
    _save(session, cast.fay, sold[0], **YES, room_id=cast.larch_id)
    assert _item(session).room_id == cast.larch_id


def test_a_shared_pack_asks_which_client(session, cast):
    line = _sell(session, cast, client_ids=(cast.cleo_id, cast.otto_id))[0]
    with pytest.raises(RefusalError) as refused:
        _save(session, cast.fay, line, **YES)
    assert refused.value.field == "client_id"
    _save(session, cast.fay, line, **YES, client_id=cast.otto_id)
    assert session.scalar(select(Attendee.client_id).where(Attendee.item_id == _item(session).id)) == cast.otto_id


def test_a_flexible_type_takes_another_duration_or_the_fees_own(session, cast, sold):
    session.get(AppointmentType, cast.therapy_id).is_duration_flexible = True
    _save(session, cast.fay, sold[0], **YES, minutes=75)
    _save(session, cast.fay, sold[1], **(YES | {"wall": time(13)}))
    lengths = [booking.minutes_of(item) for item in session.scalars(select(Item).order_by(Item.id))]
    assert lengths == [75, 50]


def test_the_pop_up_opens_on_what_stands_on_the_line(session, cast, sold):
    opened = package_lines.opened(session, cast.fay, sold[0].invoice_id, sold[0].id)
    assert (opened.is_linked, opened.minutes, opened.is_duration_locked) == (False, 50, True)
    assert opened.given == "Pat Oyelaran, Harbour Street, in person"
    _save(session, cast.fay, sold[0], **YES)
    assert package_lines.opened(session, cast.fay, sold[0].invoice_id, sold[0].id).is_linked
    with pytest.raises(NotFoundError):
        package_lines.opened(session, cast.fay, 999_999, sold[0].id)
