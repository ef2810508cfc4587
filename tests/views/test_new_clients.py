"""Someone new is added from inside a booking form, and nothing that was typed is lost."""

import pytest
from sqlalchemy import func, select

from clinic.models.calendar import Attendee
from clinic.models.people import Client, Contact
from clinic.people import clients
from clinic.practice import once
from tests.cast import NOW
from tests.conftest import HTMX

DAY = "2026-11-18"
GRID = HTMX | {"HX-Current-URL": f"http://localhost/calendar/week?day={DAY}"}


def _typed(cast, **other):
    who = {"person": "Zoe Maria Lind", "new_phone": "555 0100", "new_email": "zoe@clients.example"}
    what = {"type": cast.therapy_id, "shown": cast.therapy_id, "starts_at": "14:15", "notes": "Ramp", "once": once.new_key()}
    return who | what | other


def _count(rows):
    with rows() as session:
        return session.scalar(select(func.count()).select_from(Client))


@pytest.mark.parametrize("headers", [{}, GRID])
def test_a_name_nobody_has_can_be_added_and_is_booked_with_what_was_typed(as_, cast, rows, headers):
    fay, url = as_("fay"), f"/calendar/{cast.pat_id}/{DAY}/book"
    refused = fay.post(url, data=_typed(cast), headers=headers)
    assert refused.status_code == 422
    assert "Nobody is called Zoe Maria Lind." in refused.text
    assert 'value="555 0100"' in refused.text
    form = fay.post(f"{url}/fields", data=_typed(cast, add_client="1"), headers=headers)
    assert form.status_code == 200
    for kept in ('value="Zoe Maria Lind"', 'value="14:15"', "Ramp"):
        assert kept in form.text
    assert "Nobody is called" not in form.text
    with rows() as session:
        client, contact = session.execute(
            select(Client, Contact).join(Contact, Contact.id == Client.contact_id).where(Client.last_name == "Lind")
        ).one()
        assert (client.first_name, contact.phone, contact.email) == ("Zoe Maria", "555 0100", "zoe@clients.example")
        assert (client.practitioner_id, client.default_payer_id) == (cast.pat_id, contact.id)
    assert fay.post(url, data=_typed(cast, who=f"client:{client.id}"), headers=headers).status_code in (200, 303)
    with rows() as session:
        assert session.scalar(select(Attendee.client_id)) == client.id


def test_pressed_twice_adds_one(as_, cast, rows):
    fay, url = as_("fay"), f"/calendar/{cast.pat_id}/{DAY}/book/fields"
    before = _count(rows)
    for _ in range(2):
        assert fay.post(url, data=_typed(cast, add_client="1")).status_code == 200
    assert _count(rows) == before + 1


@pytest.mark.parametrize("headers", [{}, GRID])
def test_what_cannot_be_is_named_and_stays_in_the_form(as_, cast, rows, headers):
    fay, url, before = as_("fay"), f"/calendar/{cast.pat_id}/{DAY}/book/fields", _count(rows)
    for wrong in ({"new_email": "not an address"}, {"new_phone": "5" * 41}):
        refused = fay.post(url, data=_typed(cast, add_client="1") | wrong, headers=headers)
        assert refused.status_code == 422
        assert "Ramp" in refused.text
        assert next(iter(wrong.values())) in refused.text
        assert f'id="{next(iter(wrong))}-err"' in refused.text
    assert _count(rows) == before


def test_the_full_form_adds_someone_too_and_a_known_name_is_never_added_again(as_, cast, write, rows):
    fay, before = as_("fay"), _count(rows)
    full = {"day": DAY, "practitioner": cast.pat_id}
    assert fay.post("/calendar/new/fields", data=_typed(cast, add_client="1", **full)).status_code == 200
    known = fay.post("/calendar/new/fields", data=_typed(cast, person="Cleo Abernathy", add_client="1") | full)
    assert known.status_code == 200
    assert _count(rows) == before + 1
    with write() as session:
        gone = clients.add(session, cast.fay, clients.Details("Gus", "Gone"), NOW)
        gone.is_archived = True
    refused = fay.post("/calendar/new/fields", data=_typed(cast, add_client="1", person="Gus Gone", **full))
    assert refused.status_code == 422
    assert "An archived client has this name." in refused.text
