"""Staff find, open, add and change clients in the browser; what is refused keeps what was typed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.models.calendar import Attendee, Item, ItemKind
from clinic.models.people import Client, Contact
from clinic.models.practice import AuditEntry
from clinic.people import clients
from tests.cast import NOW
from tests.conftest import HTMX

LONG = "x" * 10_000
ODD = "🙂 <b>O'Neil</b>"


@pytest.fixture
def theirs(write, cast):
    """Be a client of Piet's, whom Pat does not treat."""
    with write() as session:
        details = clients.Details("Zed", "Quill", practitioner_id=cast.piet_id, email="zed@clients.example")
        return clients.add(session, cast.fay, details, NOW).id


def form(browser, path):
    """Return the hidden values of the form at that address."""
    text = browser.get(path).text
    hidden = {}
    for part in text.split("<input")[1:]:
        tag = part.split(">")[0]
        if 'type="hidden"' in tag and 'name="' in tag:
            hidden[tag.split('name="')[1].split('"')[0]] = tag.split('value="')[1].split('"')[0]
    return hidden


def test_the_list_finds_and_the_shells_search_leads_there(as_, cast):
    fay = as_("fay")
    everyone = fay.get("/clients").text
    assert "Cleo Abernathy" in everyone
    assert "Otto Brandt" in everyone
    found = fay.get("/clients?q=aber+cle").text
    assert "Cleo Abernathy" in found
    assert "Otto Brandt" not in found
    nobody = fay.get("/clients", query_string={"q": "<script>%"})
    assert "&lt;script&gt;%" in nobody.text
    assert "No client fits" in nobody.text
    assert "Nobody is archived" in fay.get("/clients?archived=1").text
    for page in ("0", "-1", "abc", "9" * 30, "²", "2"):
        assert fay.get("/clients", query_string={"page": page}).status_code == 200
    assert fay.get("/clients", query_string={"q": LONG}).status_code == 200
    assert fay.get("/clients?q=%00").status_code == 400


def test_a_client_is_added_once_however_often_the_form_is_sent(as_, cast, rows):
    fay = as_("fay")
    typed = {**form(fay, "/clients/new"), "first_name": ODD, "last_name": "Ek", "birth_date": "1988-05-04",
             "practitioner_id": str(cast.pat_id), "email": "ek@mail.example", "address": "1 Road\r\nTown"}  # fmt: skip
    added = fay.post("/clients/new", data=typed)
    again = fay.post("/clients/new", data=typed)
    assert (added.status_code, again.status_code) == (303, 303)
    assert added.headers["Location"] == again.headers["Location"]
    with rows() as session:
        client = session.scalars(select(Client).where(Client.last_name == "Ek")).one()
        assert client.first_name == ODD
        assert session.get_one(Contact, client.contact_id).address == "1 Road\nTown"
        assert client.default_payer_id == client.contact_id
    shown = fay.get(added.headers["Location"]).text
    assert "🙂 &lt;b&gt;O&#39;Neil&lt;/b&gt; Ek" in shown
    assert "<b>O'Neil" not in shown
    assert "May 4, 1988" in shown


def test_a_possible_duplicate_is_named_before_it_is_added(as_, cast, rows):
    fay = as_("fay")
    typed = {**form(fay, "/clients/new"), "first_name": "CLEO", "last_name": "Abernathy", "practitioner_id": ""}
    told = fay.post("/clients/new", data=typed)
    assert told.status_code == 422
    assert f'href="/clients/{cast.cleo_id}"' in told.text
    assert 'value="CLEO"' in told.text
    assert fay.post("/clients/new", data={**typed, "is_new": "y"}).status_code == 303
    with rows() as session:
        assert len(session.scalars(select(Client)).all()) == 3


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("first_name", ""), ("first_name", "   "), ("first_name", LONG), ("last_name", LONG), ("birth_date", "2026-02-30"),
        ("birth_date", "3026-01-01"), ("birth_date", "yesterday"), ("practitioner_id", "999999"), ("practitioner_id", "x"),
        ("practitioner_id", "9" * 40), ("email", "nobody"), ("email", LONG), ("phone", LONG), ("address", LONG),
        ("notes", LONG),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_lost(as_, cast, rows, field, typed):
    fay = as_("fay")
    data = {**form(fay, "/clients/new"), "first_name": "Ada", "last_name": "Kept", "practitioner_id": "", field: typed}
    refused = fay.post("/clients/new", data=data)
    assert refused.status_code == 422
    assert f'id="{field}-err"' in refused.text
    assert 'value="Kept"' in refused.text or field == "last_name"
    edited = fay.post(f"/clients/{cast.cleo_id}/edit", data={**data, "version": "1"})
    assert edited.status_code == 422
    with rows() as session:
        assert session.scalars(select(Client.last_name).order_by(Client.id)).all() == ["Abernathy", "Brandt"]


def test_a_nul_is_no_text(as_, cast):
    assert as_("fay").post("/clients/new", data={"first_name": "A\0"}).status_code == 400


def test_a_client_is_changed_and_a_second_saver_is_told(as_, cast, rows):
    fay, path = as_("fay"), f"/clients/{cast.cleo_id}"
    typed = {**form(fay, f"{path}/edit"), "first_name": "Cleo", "last_name": "Newname", "practitioner_id": str(cast.pat_id)}
    assert fay.post(f"{path}/edit", data=typed).status_code == 303
    assert "Newname" in fay.get(path).text
    late = fay.post(f"{path}/edit", data={**typed, "last_name": "Toolate"})
    assert late.status_code == 409
    assert 'value="Toolate"' in late.text
    assert 'name="version" type="hidden" value="2"' in late.text
    assert fay.post(f"{path}/edit", data={**typed, "last_name": "Toolate", "version": "2"}).status_code == 303
    for version in ("", "x", "-1", "9" * 40):
        assert fay.post(f"{path}/edit", data={**typed, "version": version}).status_code == 409
    with rows() as session:
        client = session.get_one(Client, cast.cleo_id)
        assert session.get_one(Contact, client.contact_id).name == "Cleo Toolate"


def test_archiving_asks_first_and_can_be_undone(as_, cast):
    fay, path = as_("fay"), f"/clients/{cast.cleo_id}/archive"
    assert "Archive Cleo Abernathy?" in fay.get(path).text
    assert fay.post(path, data={"deed": "archive"}).status_code == 303
    assert "Cleo Abernathy: archived." in fay.get("/clients").text
    assert "Cleo Abernathy" not in fay.get("/clients").text
    assert "Cleo Abernathy" in fay.get("/clients?archived=1").text
    assert fay.post(path, data={"deed": "back"}).status_code == 303
    assert "Cleo Abernathy" in fay.get("/clients").text


PATHS = [
    "/clients/{id}", "/clients/{id}/appointments", "/clients/{id}/edit", "/clients/{id}/archive", "/clients/{id}/contacts/new",
    "/clients/{id}/payer",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_someone_elses_client_looks_like_none_at_all(as_, cast, theirs, path):
    pat, fay = as_("pat"), as_("fay")
    assert fay.get(path.format(id=theirs)).status_code == 200
    assert pat.get(path.format(id=cast.cleo_id)).status_code == 200
    for gone in (theirs, 999_999, 2**31 + 5, 9 * 10**20):
        assert pat.get(path.format(id=gone)).status_code == 404
    assert pat.post(path.format(id=theirs), data={"first_name": "Mine", "version": "1"}).status_code in (404, 405)


def test_someone_elses_client_is_in_no_list_of_theirs(as_, cast, theirs):
    pat = as_("pat")
    assert "Zed Quill" not in pat.get("/clients").text
    assert "Zed Quill" not in pat.get("/clients?q=quill").text
    assert "Zed" not in pat.get("/clients/find?person=zed").text
    assert "Zed" in as_("fay").get("/clients/find?person=zed").text


def test_reading_a_profile_is_written_down(as_, cast, rows):
    fay = as_("fay")
    fay.get(f"/clients/{cast.cleo_id}")
    fay.get(f"/clients/{cast.cleo_id}/appointments")
    as_("pat").get("/clients/999999")
    with rows() as session:
        reads = session.scalars(select(AuditEntry).where(AuditEntry.action == "read profile")).all()
        assert [(entry.object_id, entry.user_id) for entry in reads] == [(cast.cleo_id, cast.fay.user_id)] * 2


def test_the_biller_reads_but_does_not_change_clients(as_, cast):
    bill = as_("bill")
    assert "New client" not in bill.get("/clients").text
    assert "Edit" not in bill.get(f"/clients/{cast.cleo_id}").text
    assert bill.get(f"/clients/{cast.cleo_id}/edit").status_code == 403
    assert bill.post("/clients/new", data={"first_name": "Ada"}).status_code == 403


def test_appointments_list_everything_and_mark_activities(as_, cast, write):
    with write() as session:
        for days, kind, type_id in ((-2, ItemKind.ACTIVITY, cast.case_review_id), (2, ItemKind.APPOINTMENT, cast.therapy_id)):
            starts_at = NOW.replace(year=2027) + timedelta(days=days) if days > 0 else NOW.replace(year=2025)
            item = Item(kind=kind, type_id=type_id, practitioner_id=cast.pat_id, starts_at=starts_at, created_at=NOW,
                        ends_at=starts_at + timedelta(minutes=40), changed_at=NOW, location_id=cast.harbour_id)  # fmt: skip
            session.add(item)
            session.flush()
            attendee = {"status_at": NOW, "billing_changed_at": NOW, "fee_cents": 12_000}
            session.add(Attendee(item_id=item.id, client_id=cast.cleo_id, **attendee))
    fay, path = as_("fay"), f"/clients/{cast.cleo_id}/appointments"
    everything = fay.get(path).text
    assert "Activity, the client is not told" in everything
    assert everything.index("Therapy 50") < everything.index("Case review")
    assert "Done" in everything
    assert "$120.00" in everything
    assert "Case review" in fay.get(f"{path}?which=activities").text
    assert "Therapy 50" not in fay.get(f"{path}?which=activities").text
    assert "Case review" not in fay.get(f"{path}?which=coming").text
    assert "Therapy 50" not in fay.get(f"{path}?which=past").text
    assert fay.get(f"{path}?which=nonsense&page=x").status_code == 200
    assert "Therapy 50" in fay.get(f"/clients/{cast.cleo_id}").text


def test_what_a_booking_is_offered_is_small_and_escaped(as_, cast, write):
    with write() as session:
        for number in range(12):
            clients.add(session, cast.fay, clients.Details(f"<i>Ann {number}", "Featherstonhaugh"), NOW)
    answer = as_("fay").get("/clients/find?person=feather", headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.count("<option") == 8
    assert "<i>Ann" not in answer.text
    small = as_("fay").get("/clients/find?person=feather", headers={**HTMX, "Accept-Encoding": "br"})
    assert len(small.data) < 1024
    assert 'value="Abernathy and Brandt"' in as_("fay").get("/clients/find?person=brandt").text
    assert "<option" not in as_("fay").get("/clients/find?person=").text
