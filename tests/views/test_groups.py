"""Staff keep client groups in the browser, with JavaScript and without."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.calendar import booking
from clinic.kernel import clock
from clinic.models.calendar import Attendee
from clinic.models.people import ClientGroup, GroupKind
from clinic.people import clients, groups
from tests.calendar.stage import therapy
from tests.cast import NOW

LONG = "x" * 10_000


@pytest.fixture
def typed(cast):
    """Be what makes a couple of Cleo and Otto."""
    members = [str(cast.cleo_id), str(cast.otto_id)]
    return {"name": "Duo 🙂 <b>", "kind": "couple", "members": members, "billing": str(cast.otto_id), "version": "1"}


def test_a_group_is_added_listed_and_changed(as_, cast, rows, typed):
    fay = as_("fay")
    assert fay.post("/groups/new", data=typed).status_code == 303
    listed = fay.get("/groups?q=otto").text
    assert "Duo 🙂 &lt;b&gt;" in listed
    assert "Abernathy and Brandt" in listed
    with rows() as session:
        group_id = session.scalars(select(ClientGroup.id).where(ClientGroup.billing_client_id == cast.otto_id)).one()
    path = f"/groups/{group_id}"
    assert fay.get(path).text.count("checked") == 4  # the kind, two members, who is billed
    alone = {**typed, "kind": "therapy", "members": [str(cast.otto_id)]}
    assert fay.post(path, data=alone).status_code == 303
    late = fay.post(path, data={**typed, "name": "Toolate"})
    assert late.status_code == 409
    assert 'value="Toolate"' in late.text
    with rows() as session:
        assert [member.name for member in groups.members_of(session, group_id)] == ["Otto Brandt"]


def test_members_are_found_without_javascript_and_nothing_typed_is_lost(as_, cast, rows, typed):
    fay = as_("fay")
    asked = {**typed, "members": [str(cast.cleo_id)], "find": "brandt"}
    for way in ({"look": "1"}, {}):  # the Find button, and Enter in its field
        answer = fay.post("/groups/new", data={**asked, **way})
        assert answer.status_code == 200
        assert "Otto Brandt" in answer.text
        assert "Cleo Abernathy" in answer.text
        assert "Duo 🙂 &lt;b&gt;" in answer.text
    with rows() as session:
        assert len(session.scalars(select(ClientGroup)).all()) == 1
    found = fay.get("/groups/matches?find=brandt", headers={"HX-Request": "true"})
    assert f'name="members" value="{cast.otto_id}"' in found.text
    assert fay.post("/groups/new", data={**typed, "find": "brandt", "save": "1"}).status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", LONG), ("kind", "crowd"), ("members", []), ("members", ["x"]), ("members", ["9" * 40]),
        ("members", ["999998", "999999"]), ("members", ["1"]), ("billing", ""), ("billing", "999999"), ("billing", "x"),
    ],
)  # fmt: skip
def test_a_bad_group_is_refused_with_what_was_typed(as_, cast, rows, typed, field, value):
    for path in ("/groups/new", f"/groups/{cast.couple_id}"):
        refused = as_("fay").post(path, data={**typed, field: value})
        assert refused.status_code == 422
        assert f'id="{field}-err"' in refused.text
    with rows() as session:
        assert session.scalars(select(ClientGroup.name)).all() == ["Abernathy and Brandt"]


def test_a_group_is_archived_and_brought_back(as_, cast):
    fay, path = as_("fay"), f"/groups/{cast.couple_id}/archive"
    assert fay.get(path).status_code == 303
    assert fay.post(path, data={"deed": "archive"}).status_code == 303
    assert "archived." in fay.get("/groups").text
    assert "Abernathy and Brandt" not in fay.get("/groups").text
    assert "Abernathy and Brandt" in fay.get("/groups?archived=1").text
    assert fay.post(path, data={"deed": "back"}).status_code == 303
    assert "Abernathy and Brandt" in fay.get("/groups").text


def test_a_group_with_someone_elses_client_is_not_theirs(as_, cast, write):
    with write() as session:
        zed = clients.add(session, cast.fay, clients.Details("Zed", "Quill", practitioner_id=cast.piet_id), NOW)
        details = groups.Details("Mixed", GroupKind.COUPLE, (cast.cleo_id, zed.id), zed.id)
        group_id = groups.add(session, cast.fay, details, NOW).id
    pat, fay = as_("pat"), as_("fay")
    for path in (f"/groups/{group_id}", f"/groups/{group_id}/archive"):
        assert pat.get(path).status_code == 404
        assert pat.post(path, data={"name": "Mine"}).status_code == 404
    assert fay.get(f"/groups/{group_id}").status_code == 200
    assert "Mixed" not in pat.get("/groups").text
    assert "Zed" not in pat.get("/groups/matches?find=zed").text
    taken = {"name": "Mine", "kind": "couple", "members": [str(cast.cleo_id), str(zed.id)], "billing": str(cast.cleo_id)}
    refused = pat.post("/groups/new", data=taken)
    assert refused.status_code == 422
    assert "Zed" not in refused.text


def test_a_change_of_members_asks_which_coming_items_take_it(as_, cast, write, rows):
    with write() as session:
        ines = clients.add(session, cast.fay, clients.Details("Ines", "Brandt"), NOW).id
        soon = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
        wish = therapy(cast, soon, client_id=None, group_id=cast.couple_id, overrides_warnings=True)
        item_ids = [booking.book(session, cast.fay, replace(wish, starts_at=soon + timedelta(days=n)), NOW).id for n in (0, 1)]
    fay, url = as_("fay"), f"/groups/{cast.couple_id}"
    assert "is booked with its present members" in fay.get(f"{url}/coming").text
    members = {"name": "Abernathy and Brandt", "kind": "couple", "members": [cast.cleo_id, ines], "billing": cast.cleo_id}
    saved = fay.post(url, data=members | {"version": "1", "save": "1"})
    assert saved.headers["Location"] == f"{url}/coming"
    asked = fay.get(f"{url}/coming").text
    assert asked.count("Joins: Ines Brandt") == asked.count("Leaves: Otto Brandt") == asked.count(" checked") == 2
    for wrong in (f"{item_ids[0]}-9", "nonsense", "999999999-1"):
        refused = fay.post(f"{url}/coming", data={"take": wrong})
        assert refused.status_code == 409
        assert "Look again" in refused.text
    assert fay.post(f"{url}/coming", data={"take": f"{item_ids[0]}-1", "do_not_notify": "y"}).status_code == 303
    assert fay.post(f"{url}/coming", data={}).status_code == 303
    with rows() as session:
        joined = session.scalars(select(Attendee.item_id).where(Attendee.client_id == ines)).all()
    assert joined == item_ids[:1]
    again = fay.post(f"{url}/coming", data={"take": f"{item_ids[0]}-1"})
    assert again.status_code == 409
