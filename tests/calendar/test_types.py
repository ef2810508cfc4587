"""Appointment types: kinds that stay, colours that differ, locks and who may book them."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from clinic.calendar import booking, types
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.calendar import AppointmentType, ItemKind, Mode
from tests.calendar.stage import at, therapy
from tests.cast import NOW

LETTER = types.Draft(name="Letter", kind=ItemKind.ACTIVITY, colour=2, duration_minutes=30, rate_cents=6_000)


def test_an_activity_has_neither_delivery_mode_nor_room(session, cast):
    asked = replace(LETTER, modes=(Mode.VIDEO,), requires_room=True, is_auto_invoiced=True)
    made = types.add(session, cast.olga, asked, NOW)
    assert (made.modes, made.requires_room, made.is_auto_invoiced) == ("", False, True)
    appointment = replace(asked, name="Walk", kind=ItemKind.APPOINTMENT)
    made = types.add(session, cast.olga, appointment, NOW)
    assert (types.modes_of(made), made.requires_room, made.is_auto_invoiced) == ((Mode.VIDEO,), True, False)


def test_clients_may_be_let_book_an_appointment_online_and_an_activity_never(session, cast):
    walk = replace(LETTER, name="Walk", kind=ItemKind.APPOINTMENT, modes=(Mode.VIDEO,), is_online=True)
    made = types.add(session, cast.olga, walk, NOW)
    assert made.is_online
    assert {row.name for row in types.listed(session) if row.is_online} == {"Walk"}
    # The kind changes, and the tick goes; the database holds it too.
    assert not types.edit(session, cast.olga, made.id, replace(walk, kind=ItemKind.ACTIVITY), NOW).is_online
    made.is_online = True
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_kind_is_fixed_once_something_was_booked_as_it(session, cast):
    made = types.add(session, cast.olga, LETTER, NOW)
    changed = replace(LETTER, kind=ItemKind.APPOINTMENT, modes=(Mode.PHONE,))
    assert types.edit(session, cast.olga, made.id, changed, NOW).kind is ItemKind.APPOINTMENT
    booking.book(session, cast.fay, therapy(cast, at(9), type_id=made.id, minutes=30), NOW)
    with pytest.raises(RefusalError) as refused:
        types.edit(session, cast.olga, made.id, LETTER, NOW)
    assert refused.value.field == "kind"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "therapy 50"}, "name"),
        ({"colour": 0}, "colour"),
        ({"colour": 99}, "colour"),
        ({"duration_minutes": 4}, "duration"),
        ({"fee_id": 999}, "fee"),
        ({"practitioner_ids": ()}, "practitioners"),
        ({"practitioner_ids": (999,)}, "practitioners"),
        ({"kind": ItemKind.EVENT}, "kind"),
        ({"kind": ItemKind.APPOINTMENT}, "modes"),
    ],
)
def test_what_a_type_cannot_be(session, cast, change, field):
    with pytest.raises(RefusalError) as refused:
        types.add(session, cast.olga, replace(LETTER, **change), NOW)
    assert refused.value.field == field


def test_a_product_is_not_a_types_fee(session, cast):
    with pytest.raises(RefusalError, match="product"):
        types.add(session, cast.olga, replace(LETTER, fee_id=cast.workbook_fee_id), NOW)


def test_new_types_take_the_first_free_colour_and_then_the_rarest(session, cast):
    assert types.next_free_colour(session) == 2  # 1, 4 and 5 are taken
    for colour in types.COLOURS:
        session.add(AppointmentType(name=f"T{colour}", kind=ItemKind.ACTIVITY, colour=colour, duration_minutes=30))
    session.flush()
    assert types.next_free_colour(session) == 2


def test_add_new_offers_no_activities_and_an_archived_type_is_not_offered(session, cast):
    def names(**other):
        return [kind.name for kind in types.bookable_types(session, cast.fay, cast.pat_id, **other)]

    assert names(with_activities=False) == ["Intake 50", "Therapy 50"]
    assert names(with_activities=True) == ["Intake 50", "Therapy 50", "Call school", "Case review"]
    types.archive(session, cast.olga, cast.therapy_id, NOW, is_archived=True)
    assert names(with_activities=False) == ["Intake 50"]
    with pytest.raises(RefusalError):
        booking.book(session, cast.fay, therapy(cast, at(9)), NOW)
    types.archive(session, cast.olga, cast.therapy_id, NOW, is_archived=False)
    assert len(names(with_activities=False)) == 2


def test_types_for_named_practitioners_are_offered_with_them_only(session, cast):
    types.add(session, cast.olga, replace(LETTER, practitioner_ids=(cast.piet_id,)), NOW)
    with_pat = types.bookable_types(session, cast.fay, cast.pat_id, with_activities=True)
    with_piet = types.bookable_types(session, cast.fay, cast.piet_id, with_activities=True)
    assert "Letter" not in [kind.name for kind in with_pat]
    assert "Letter" in [kind.name for kind in with_piet]
    with pytest.raises(NotFoundError):
        types.bookable_types(session, cast.pat, cast.piet_id, with_activities=True)
