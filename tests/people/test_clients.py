"""Clients are found however their name is typed, changed by one person at a time, and seen by those whose they are."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.calendar import Attendee, Item, ItemKind
from clinic.models.people import Client
from clinic.models.practice import AuditEntry
from clinic.people import clients
from clinic.people.clients import Details
from tests.cast import NOW

JOSE = Details("José Ørjan", "Łukasz-Straße", date(1988, 5, 4), email="jose@mail.example", phone="(207) 555-0142")


def names(found):
    return [row.name for row in found]


def item(session, cast, practitioner_id, client_id, starts_at=NOW):
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=50), "created_at": NOW, "changed_at": NOW}
    made = Item(kind=ItemKind.APPOINTMENT, type_id=cast.therapy_id, practitioner_id=practitioner_id, **times)
    session.add(made)
    session.flush()
    session.add(Attendee(item_id=made.id, client_id=client_id, status_at=NOW, billing_changed_at=NOW))
    session.flush()
    return made


def test_a_new_client_is_their_own_payer(session, cast):
    client = clients.add(session, cast.fay, JOSE, NOW)
    seen = clients.profile(session, cast.fay, client.id)
    assert seen.details == JOSE
    assert seen.default_payer_id == seen.contact_id == client.contact_id
    assert client.contact_id != cast.cleo_payer_id
    trail = session.scalars(select(AuditEntry).where(AuditEntry.object_type == "client")).all()
    assert [(entry.action, entry.object_id, entry.user_id) for entry in trail] == [("added", client.id, cast.fay.user_id)]
    assert "Jos" not in str(trail[0].detail)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("jose", True), ("JOSÉ", True), ("strasse jose", True), ("Łukasz, José", True), ("orjan luk", True), ("osé", True),
        ("jose@mail", True), ("JOSE@MAIL.EXAMPLE", True), ("555-0142", True), ("2075550142", True), ("(207) 555", True),
        ("joseph", False), ("%", False), ("_____", False), ("jose%", False), ("jo_e", False), ("555-0143", False),
        ("55", False), ("", False), ("  ", False), ("/", False), ("'", False), ("🙂", False), ("x" * 10_000, False),
    ],
)  # fmt: skip
def test_a_search_finds_however_it_is_typed(session, cast, text, found):
    clients.add(session, cast.fay, JOSE, NOW)
    assert names(clients.search(session, cast.fay, text, limit=8)) == (["José Ørjan Łukasz-Straße"] if found else [])


def test_a_search_is_bounded_and_begins_with_names_that_begin_so(session, cast):
    for first in ("Hannah", "Joanna", "Susanna", "Rosanna"):
        clients.add(session, cast.fay, Details(first, "Ek"), NOW)
    clients.add(session, cast.fay, Details("Bo", "Annan"), NOW)
    clients.add(session, cast.fay, Details("Anna", "Zell"), NOW)
    assert names(clients.search(session, cast.fay, "ann", limit=3))[:2] == ["Bo Annan", "Anna Zell"]
    assert len(clients.search(session, cast.fay, "ann", limit=3)) == 3


def test_an_archived_client_leaves_lists_and_comes_back(session, cast):
    clients.archive(session, cast.fay, cast.cleo_id, NOW)
    clients.archive(session, cast.fay, cast.cleo_id, NOW)
    assert clients.search(session, cast.fay, "cleo", limit=8) == []
    assert names(clients.page(session, cast.fay, "", number=1, now=NOW).rows) == ["Otto Brandt"]
    assert names(clients.page(session, cast.fay, "", number=1, now=NOW, is_archived=True).rows) == ["Cleo Abernathy"]
    clients.bring_back(session, cast.fay, cast.cleo_id, NOW)
    assert names(clients.search(session, cast.fay, "cleo", limit=8)) == ["Cleo Abernathy"]
    assert len(session.scalars(select(AuditEntry)).all()) == 2


def test_a_practitioner_sees_own_clients_and_those_they_treat(session, cast):
    stranger = clients.add(session, cast.fay, replace(JOSE, practitioner_id=cast.piet_id), NOW)
    with pytest.raises(NotFoundError):
        clients.client_for(session, cast.pat, stranger.id)
    assert clients.search(session, cast.pat, "jose", limit=8) == []
    assert names(clients.page(session, cast.pat, "", number=1, now=NOW).rows) == ["Cleo Abernathy", "Otto Brandt"]
    assert clients.client_for(session, replace(cast.pat, practitioners_see_all=True), stranger.id) is stranger
    with pytest.raises(NotFoundError):
        clients.client_for(session, replace(cast.pat, practitioner_id=None), cast.cleo_id)

    seen_once = item(session, cast, cast.pat_id, stranger.id)
    assert clients.client_for(session, cast.pat, stranger.id) is stranger
    seen_once.deleted_at = NOW
    session.flush()
    with pytest.raises(NotFoundError):
        clients.client_for(session, cast.pat, stranger.id)


def test_a_practitioner_gives_clients_to_nobody_else_but_keeps_who_has_one(session, cast):
    with pytest.raises(RefusalError) as refused:
        clients.add(session, cast.pat, replace(JOSE, practitioner_id=cast.piet_id), NOW)
    assert refused.value.field == "practitioner_id"
    with pytest.raises(RefusalError):
        clients.add(session, cast.pat, JOSE, NOW)
    mine = clients.add(session, cast.pat, replace(JOSE, practitioner_id=cast.pat_id), NOW)
    with pytest.raises(RefusalError):
        clients.edit(session, cast.pat, mine.id, replace(JOSE, practitioner_id=cast.piet_id), NOW, version=1)
    theirs = clients.add(session, cast.fay, Details("Shared", "Client", practitioner_id=cast.piet_id), NOW)
    item(session, cast, cast.pat_id, theirs.id)
    wanted = Details("Shared", "Client", practitioner_id=cast.piet_id, phone="1")
    assert clients.edit(session, cast.pat, theirs.id, wanted, NOW, version=1).practitioner_id == cast.piet_id
    assert clients.practitioners(session, cast.pat) == [(cast.pat_id, "Pat Oyelaran")]
    assert len(clients.practitioners(session, cast.fay)) == 2


def test_saving_over_someone_elses_change_is_a_clash(session, cast):
    before = clients.profile(session, cast.fay, cast.cleo_id)
    wanted = replace(before.details, last_name="Abernathy-Ñuñez", phone="207 555 0100")
    clients.edit(session, cast.fay, cast.cleo_id, wanted, NOW, version=before.version)
    after = clients.profile(session, cast.fay, cast.cleo_id)
    assert after.details == wanted
    assert clients.client_for(session, cast.fay, cast.cleo_id).contact.name == "Cleo Abernathy-Ñuñez"
    assert names(clients.search(session, cast.fay, "nunez", limit=8)) == ["Cleo Abernathy-Ñuñez"]
    with pytest.raises(ClashError):
        clients.edit(session, cast.bill, cast.cleo_id, before.details, NOW, version=before.version)
    assert clients.profile(session, cast.fay, cast.cleo_id) == after
    entry = session.scalars(select(AuditEntry)).one()
    assert entry.detail == {"fields": ["last_name", "phone"]}


@pytest.mark.parametrize(("born", "is_twin"), [(date(1988, 5, 4), True), (None, True), (date(1988, 5, 5), False)])
def test_a_possible_duplicate_is_said_and_staff_may_go_on(session, cast, born, is_twin):
    first = clients.add(session, cast.fay, JOSE, NOW)
    again = replace(JOSE, first_name="jose orjan", birth_date=born)
    assert [row.id for row in clients.twins(session, cast.fay, again)] == ([first.id] if is_twin else [])
    if is_twin:
        with pytest.raises(RefusalError) as refused:
            clients.add(session, cast.fay, again, NOW)
        assert refused.value.field == "is_new"
    assert clients.add(session, cast.fay, again, NOW, is_new=True).id != first.id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_name": ""}, "first_name"),
        ({"first_name": "x" * 121}, "first_name"),
        ({"last_name": "x" * 121}, "last_name"),
        ({"birth_date": date(2026, 11, 19)}, "birth_date"),
        ({"birth_date": date(88, 5, 4)}, "birth_date"),
        ({"practitioner_id": 999_999}, "practitioner_id"),
    ],
)
def test_what_cannot_be_true_of_a_client_is_refused(session, cast, changes, field):
    with pytest.raises(RefusalError) as refused:
        clients.add(session, cast.fay, replace(JOSE, **changes), NOW)
    assert refused.value.field == field
    assert len(session.scalars(select(Client)).all()) == 2


def test_names_are_kept_as_they_are_written(session, cast):
    odd = Details("🙂" * 120, "<b>O'Neil & Sons</b>")
    client = clients.add(session, cast.fay, odd, NOW)
    session.expire(client)
    assert clients.profile(session, cast.fay, client.id).details == odd
    assert names(clients.search(session, cast.fay, "<b>o'n", limit=8)) == [odd.name]


def test_the_list_comes_in_pages_with_the_next_appointment(session, cast):
    for number in range(51):
        clients.add(session, cast.fay, Details("Client", f"Number {number:02}"), NOW)
    item(session, cast, cast.pat_id, cast.cleo_id, NOW - timedelta(days=1))
    item(session, cast, cast.pat_id, cast.cleo_id, NOW + timedelta(days=2))
    item(session, cast, cast.piet_id, cast.cleo_id, NOW + timedelta(days=1))
    first = clients.page(session, cast.fay, "", number=1, now=NOW)
    assert (len(first.rows), first.first, first.last, first.total, first.has_next) == (50, 1, 50, 53, True)
    assert first.rows[0].next_at == NOW + timedelta(days=1)
    assert clients.page(session, cast.pat, "", number=1, now=NOW).rows[0].next_at == NOW + timedelta(days=2)
    last = clients.page(session, cast.fay, "", number=99, now=NOW)
    assert (last.number, len(last.rows), last.has_next) == (2, 3, False)
    assert clients.page(session, cast.fay, "nobody", number=3, now=NOW).rows == []
