"""Book them all: every unassigned line gets its date, the list comes first, and all or none of it is booked."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import func, select

from clinic.billing import packages
from clinic.billing.packages import FeeRow, Sale, Template
from clinic.calendar import booking, package_lines, statuses, whole_pack
from clinic.calendar.occurrences import Choices
from clinic.calendar.package_lines import LineEdit
from clinic.calendar.series import UnsettledError
from clinic.calendar.whole_pack import AllEdit
from clinic.kernel import clock
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceLine, Share
from clinic.models.calendar import AppointmentType, Attendee, Item, ItemKind, Status
from clinic.models.messages import Message
from clinic.office import verify
from tests.calendar.stage import at, therapy
from tests.cast import NOW

FRIDAY = date(2026, 11, 20)
TEN = time(10)
ZONE = "America/New_York"


def _sold(session, cast, *, rows=None, **other):
    rows = rows or (FeeRow(cast.therapy_fee_id, 3), FeeRow(cast.workbook_fee_id, 1), FeeRow(cast.intake_fee_id, 1))
    package = packages.save(session, cast.fay, Template(name="Three, an intake and a workbook", rows=rows), NOW)
    sale = {"package_id": package.id, "client_ids": (cast.cleo_id,), "payer_id": cast.cleo_payer_id,
            "practitioner_id": cast.pat_id, "location_id": cast.harbour_id}  # fmt: skip
    is_draft = other.pop("is_draft", False)
    return packages.sell(session, cast.fay, Sale(**(sale | other)), NOW, is_draft=is_draft).id


def _lines(session, invoice_id):
    query = select(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id).order_by(InvoiceLine.position)
    return session.scalars(query).all()


def _book(session, cast, invoice_id, choices=None, **edit):
    wanted = AllEdit(**({"day": FRIDAY, "wall": TEN} | edit))
    return whole_pack.book(session, cast.fay, invoice_id, wanted, choices or Choices(), NOW)


def _listed(session, cast, invoice_id, choices=None, **edit):
    return whole_pack.listed(
        session, cast.fay, invoice_id, AllEdit(**({"day": FRIDAY, "wall": TEN} | edit)), choices or Choices()
    )


def test_every_unassigned_line_gets_its_date_in_line_order_at_one_wall_clock_time(session, cast):
    invoice_id = _sold(session, cast)
    first = _lines(session, invoice_id)[0]
    package_lines.save(session, cast.fay, invoice_id, first.id, LineEdit(date(2026, 11, 19), True, TEN), NOW)
    assert whole_pack.opened(session, cast.fay, invoice_id).open_count == 3
    plan = _listed(session, cast, invoice_id, every=2)
    assert [plan.words_of[each.day][:6] for each in plan.occurrences] == ["Line 2", "Line 3", "Line 5"]
    assert session.scalar(select(func.count()).select_from(Item)) == 1  # looking books nothing
    assert _book(session, cast, invoice_id, every=2) == 3
    lines = _lines(session, invoice_id)
    fortnights = [FRIDAY, FRIDAY + timedelta(days=14), FRIDAY + timedelta(days=28)]
    assert [line.session_date for line in lines] == [date(2026, 11, 19), *fortnights[:2], None, fortnights[2]]
    items = session.scalars(select(Item).order_by(Item.starts_at)).all()
    assert {clock.local(item.starts_at, ZONE).time() for item in items} == {TEN}
    assert items[-1].type_id == cast.intake_id  # each line takes the type of its own fee
    told = session.scalars(select(Message.kind).order_by(Message.id)).all()
    assert [kind.value for kind in told] == ["confirmation", "confirmations"]  # the client hears of the three at once
    with pytest.raises(RefusalError, match="Every session of this package is booked"):
        _book(session, cast, invoice_id)
    assert list(verify.findings(session)) == []


def test_a_clash_is_said_by_line_and_without_a_choice_nothing_is_booked(session, cast):
    invoice_id = _sold(session, cast, rows=(FeeRow(cast.therapy_fee_id, 3),))
    booking.book(session, cast.fay, therapy(cast, at(10, days=9), client_id=cast.otto_id), NOW)  # the second Friday
    plan = _listed(session, cast, invoice_id)
    second = plan.occurrences[1]
    assert "Otto Brandt" in second.trouble
    assert len(second.free) == 3
    with pytest.raises(UnsettledError, match="Choose for 1 date"):
        _book(session, cast, invoice_id)
    assert [line.share_id for line in _lines(session, invoice_id)] == [None] * 3
    moved = Choices(moved={second.day: time(13)})
    skipped = Choices(frozenset({FRIDAY}), moved.moved)
    assert _book(session, cast, invoice_id, skipped) == 2
    assert [line.session_date for line in _lines(session, invoice_id)] == [
        None,
        FRIDAY + timedelta(days=7),
        FRIDAY + timedelta(days=14),
    ]  # fmt: skip - the line whose date is skipped stays unassigned
    with pytest.raises(RefusalError, match="every date is skipped"):
        _book(session, cast, invoice_id, Choices(frozenset({FRIDAY})))


def test_a_date_past_the_last_day_can_only_be_skipped(session, cast):
    invoice_id = _sold(session, cast, rows=(FeeRow(cast.therapy_fee_id, 2),), expires_date=date(2026, 11, 26))
    late = _listed(session, cast, invoice_id).occurrences[1]
    assert (late.trouble, late.free) == ("This package is good through Nov 26, 2026.", ())
    day = late.day
    with pytest.raises(UnsettledError):
        _book(session, cast, invoice_id, Choices(moved={day: time(15)}))
    assert _book(session, cast, invoice_id, Choices(frozenset({day}))) == 1


def test_a_line_booked_since_the_list_was_shown_is_told(session, cast):
    invoice_id = _sold(session, cast, rows=(FeeRow(cast.therapy_fee_id, 2),))
    seen = _listed(session, cast, invoice_id).line_ids
    package_lines.save(session, cast.fay, invoice_id, seen[0], LineEdit(FRIDAY, True, TEN), NOW)
    with pytest.raises(UnsettledError, match="meanwhile"):
        _book(session, cast, invoice_id, seen_line_ids=seen)
    assert _book(session, cast, invoice_id, seen_line_ids=seen[1:], wall=time(14)) == 1


def test_it_asks_for_client_type_and_room_only_where_they_are_open(session, cast):
    twin = AppointmentType(name="Therapy by phone", kind=ItemKind.APPOINTMENT, colour=2, duration_minutes=50,
                           fee_id=cast.therapy_fee_id, modes="phone", requires_room=True)  # fmt: skip
    session.add(twin)
    session.flush()
    rows = (FeeRow(cast.therapy_fee_id, 2),)
    invoice_id = _sold(session, cast, rows=rows, client_ids=(cast.cleo_id, cast.otto_id))
    opened = whole_pack.opened(session, cast.fay, invoice_id)
    assert ([fee.fee_id for fee in opened.fees], len(opened.rooms), len(opened.clients)) == ([cast.therapy_fee_id], 2, 2)
    given = {}
    for field, value in (("client_id", cast.otto_id), ("type_id", {cast.therapy_fee_id: twin.id}), ("room_id", cast.larch_id)):
        with pytest.raises(RefusalError) as refused:
            _book(session, cast, invoice_id, **given)
        assert refused.value.field == field
        given["type_ids" if field == "type_id" else field] = value
    assert _book(session, cast, invoice_id, **given) == 2
    item = session.scalars(select(Item)).first()
    assert (item.type_id, item.room_id, item.mode) == (twin.id, cast.larch_id, "phone")
    assert set(session.scalars(select(Attendee.client_id))) == {cast.otto_id}


def test_each_session_of_a_shared_pack_may_be_another_clients(session, cast):
    invoice_id = _sold(session, cast, rows=(FeeRow(cast.therapy_fee_id, 3),), client_ids=(cast.cleo_id, cast.otto_id))
    _first, second, _third = _lines(session, invoice_id)
    shared = {"client_id": cast.cleo_id, "client_ids": {second.id: cast.otto_id}}
    plan = _listed(session, cast, invoice_id, **shared)
    assert [plan.whose[each.day][1] for each in plan.occurrences] == [cast.cleo_id, cast.otto_id, cast.cleo_id]
    with pytest.raises(RefusalError) as refused:
        _book(session, cast, invoice_id, client_id=cast.cleo_id, client_ids={second.id: cast.cleo_id + 900})
    assert refused.value.field == "client_id"
    assert _book(session, cast, invoice_id, **shared) == 3
    booked = select(InvoiceLine.position, Attendee.client_id).join(Share, Share.id == InvoiceLine.share_id)
    booked = booked.join(Attendee, Attendee.id == Share.attendee_id).order_by(InvoiceLine.position)
    assert session.execute(booked).all() == [(1, cast.cleo_id), (2, cast.otto_id), (3, cast.cleo_id)]
    assert set(verify.findings(session)) == set()


def test_drafts_and_other_peoples_packages_are_not_booked(session, cast):
    with pytest.raises(RefusalError, match="draft"):
        _book(session, cast, _sold(session, cast, is_draft=True))
    with pytest.raises(NotFoundError):
        whole_pack.opened(session, cast.pat, _sold(session, cast, practitioner_id=cast.piet_id))
    with pytest.raises(NotFoundError):
        whole_pack.opened(session, cast.fay, 999_999)


@pytest.mark.parametrize("deed", ["delete", "cancel", "no show", "unlink"])
def test_what_becomes_of_an_appointment_never_alters_the_invoice_and_unlinking_never_the_calendar(session, cast, deed):
    invoice_id = _sold(session, cast, rows=(FeeRow(cast.therapy_fee_id, 2),))
    _book(session, cast, invoice_id)
    before = _money(session, invoice_id)
    item = session.scalars(select(Item).order_by(Item.id)).first()
    stood = (item.starts_at, item.ends_at, item.is_blocking, item.deleted_at, item.version)
    if deed == "delete":
        booking.delete(session, cast.fay, item.id, NOW)
    elif deed == "unlink":
        line = _lines(session, invoice_id)[0]
        edit = LineEdit(FRIDAY, add_appointment=False, wall=TEN, removes=True)
        package_lines.save(session, cast.fay, invoice_id, line.id, edit, NOW)
        assert (item.starts_at, item.ends_at, item.is_blocking, item.deleted_at, item.version) == stood
    else:
        status = Status.CANCELLED_BY_PRACTICE if deed == "cancel" else Status.NO_SHOW
        statuses.set_status(session, cast.fay, item.id, status, NOW)
    assert _money(session, invoice_id) == before


def _money(session, invoice_id):
    invoice = session.get(Invoice, invoice_id)
    lines = [(line.description, line.unit_cents, line.total_cents, line.released_at) for line in _lines(session, invoice_id)]
    return invoice.number, invoice.total_cents, invoice.tax_cents, lines
