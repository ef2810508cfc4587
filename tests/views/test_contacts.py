"""Staff keep contacts and link them to clients in the browser."""

import pytest
from sqlalchemy import select

from clinic.models.people import Client, ClientContact, Contact, ContactRole
from clinic.people import clients, contacts
from tests.cast import NOW

LONG = "x" * 10_000
LINK = {"role": "referrer", "reference": "PW <1>"}


@pytest.fixture
def aunt(write, cast):
    """Be the aunt of a client of Piet's; the two ids."""
    with write() as session:
        client = clients.add(session, cast.fay, clients.Details("Zed", "Quill", practitioner_id=cast.piet_id), NOW)
        made = contacts.add(session, cast.fay, contacts.Details("Aunt Quill"), NOW)
        contacts.link(session, cast.fay, client.id, made.id, ContactRole.GUARDIAN, "", NOW)
        return made.id, client.id


def test_a_contact_is_added_listed_and_changed(as_, cast, rows):
    fay = as_("fay")
    typed = {"name": "Brandt & Söhne <GmbH> 🙂", "kind": "organisation", "email": "post@brandt.example"}
    assert fay.post("/contacts/new", data=typed).status_code == 303
    shown = fay.get("/contacts?q=sohne").text
    assert "Brandt &amp; Söhne &lt;GmbH&gt; 🙂" in shown
    assert "Nobody yet" in shown
    with rows() as session:
        contact_id = session.scalars(select(Contact.id).where(Contact.email == "post@brandt.example")).one()
    assert "No client yet" in fay.get(f"/contacts/{contact_id}").text
    path = f"/contacts/{contact_id}/edit"
    assert 'value="post@brandt.example"' in fay.get(path).text
    assert fay.post(path, data={**typed, "phone": "1", "version": "1"}).status_code == 303
    late = fay.post(path, data={**typed, "name": "Toolate", "version": "1"})
    assert late.status_code == 409
    assert 'value="Toolate"' in late.text
    assert fay.get("/contacts").text.index("Brandt") < fay.get("/contacts").text.index("Pellworth")


@pytest.mark.parametrize(
    ("field", "typed"),
    [("name", ""), ("name", LONG), ("kind", "robot"), ("email", "nobody"), ("phone", LONG), ("address", LONG)],
)
def test_a_bad_contact_is_refused_with_what_was_typed(as_, cast, rows, field, typed):
    data = {"name": "Kept", "kind": "person", **LINK, field: typed}
    for path in ("/contacts/new", f"/contacts/{cast.pellworth_id}/edit", f"/clients/{cast.cleo_id}/contacts/new"):
        refused = as_("fay").post(path, data={**data, "version": "1"})
        assert refused.status_code == 422
        assert f'id="{field}-err"' in refused.text
    with rows() as session:
        assert len(session.scalars(select(Contact)).all()) == 3


def test_a_contact_is_linked_made_the_payer_and_taken_off(as_, cast, rows):
    fay, path = as_("fay"), f"/clients/{cast.otto_id}/contacts"
    assert f'href="{path}/{cast.pellworth_id}"' in fay.get(f"{path}/new?q=pellw").text
    assert "Nobody fits" in fay.get(f"{path}/new?q=nobody").text
    link = f"{path}/{cast.pellworth_id}"
    assert fay.get(link).status_code == 200
    assert fay.post(link, data={**LINK, "is_default": "y"}).status_code == 303
    profile = fay.get(f"/clients/{cast.otto_id}").text
    assert "PW &lt;1&gt;" in profile
    held = fay.post(f"{link}/unlink")
    assert held.status_code == 422
    assert "Choose another payer" in held.text
    payer = f"/clients/{cast.otto_id}/payer"
    assert "Pellworth Occupational Health, referrer" in fay.get(payer).text
    for nobody in ("", "x", "999999", "9" * 40, str(cast.cleo_payer_id)):
        assert fay.post(payer, data={"payer_id": nobody}).status_code == 422
    assert fay.post(payer, data={"payer_id": str(cast.otto_payer_id)}).status_code == 303
    assert "Take Pellworth" in fay.get(f"{link}/unlink").text
    assert fay.post(f"{link}/unlink").status_code == 303
    assert fay.get(f"{link}/unlink").status_code == 404
    with rows() as session:
        assert session.scalars(select(ClientContact.client_id)).all() == [cast.cleo_id]
        assert session.get_one(Client, cast.otto_id).default_payer_id == cast.otto_payer_id


@pytest.mark.parametrize(("field", "typed"), [("role", "friend"), ("role", ""), ("reference", LONG)])
def test_a_bad_link_is_refused(as_, cast, field, typed):
    refused = as_("fay").post(f"/clients/{cast.otto_id}/contacts/{cast.pellworth_id}", data={**LINK, field: typed})
    assert refused.status_code == 422
    assert f'id="{field}-err"' in refused.text


def test_someone_new_is_added_and_linked_at_once(as_, cast, rows):
    fay = as_("fay")
    typed = {"name": "Wim Abernathy", "kind": "person", "role": "guardian", "reference": "", "is_default": "y"}
    assert fay.post(f"/clients/{cast.cleo_id}/contacts/new", data=typed).status_code == 303
    with rows() as session:
        wim = session.scalars(select(Contact).where(Contact.name == "Wim Abernathy")).one()
        assert session.get_one(Client, cast.cleo_id).default_payer_id == wim.id
    assert "Every session" in fay.get(f"/contacts/{wim.id}").text


def test_a_client_is_changed_in_their_profile_not_among_the_contacts(as_, cast):
    fay = as_("fay")
    assert fay.get(f"/contacts/{cast.cleo_payer_id}").headers["Location"] == f"/clients/{cast.cleo_id}"
    assert fay.get(f"/contacts/{cast.cleo_payer_id}/edit").headers["Location"] == f"/clients/{cast.cleo_id}/edit"
    assert fay.post(f"/clients/{cast.cleo_id}/contacts/{cast.cleo_payer_id}", data=LINK).status_code == 422


def test_a_person_known_through_someone_elses_client_is_not_theirs(as_, cast, aunt):
    aunt_id, client_id = aunt
    pat, fay = as_("pat"), as_("fay")
    paths = [
        f"/contacts/{aunt_id}", f"/contacts/{aunt_id}/edit", f"/clients/{cast.cleo_id}/contacts/{aunt_id}",
        f"/clients/{client_id}/contacts/{aunt_id}", f"/clients/{client_id}/contacts/{aunt_id}/unlink",
    ]  # fmt: skip
    for path in paths:
        assert pat.get(path).status_code == 404
        assert pat.post(path, data={**LINK, "name": "Mine"}).status_code in (404, 405)
        assert fay.get(path).status_code == 200
    assert "Aunt Quill" not in pat.get("/contacts").text
    assert "Aunt Quill" in fay.get("/contacts").text
