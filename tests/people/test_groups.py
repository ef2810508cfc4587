"""Couples, families and therapy groups: members, who is billed, and who may see them."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.calendar import Item, ItemKind
from clinic.models.people import ClientGroup, GroupKind
from clinic.models.practice import Practice
from clinic.people import clients, finding, groups
from clinic.people.groups import Details, Member
from tests.cast import NOW


def couple(cast, **changes):
    wanted = Details("Abernathy and Brandt", GroupKind.COUPLE, (cast.cleo_id, cast.otto_id), cast.cleo_id)
    return replace(wanted, **changes)


def test_a_group_has_members_of_whom_one_is_billed(session, cast):
    made = groups.add(session, cast.fay, couple(cast, name="Élan", billing_client_id=cast.otto_id), NOW)
    assert groups.members_of(session, made.id) == [
        Member(cast.cleo_id, "Cleo Abernathy", is_billed=False), Member(cast.otto_id, "Otto Brandt", is_billed=True),
    ]  # fmt: skip
    assert [row.name for row in groups.search(session, cast.fay, "elan", limit=8)] == ["Élan"]
    assert [row.name for row in groups.groups_of(session, cast.fay, cast.otto_id)] == ["Abernathy and Brandt", "Élan"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"member_ids": ()}, "members"),
        ({"member_ids": (), "kind": GroupKind.THERAPY}, "members"),
        ({"member_ids": (999_999, 999_998)}, "members"),
        ({"billing_client_id": None}, "billing"),
        ({"billing_client_id": 999_999}, "billing"),
    ],
)
def test_what_makes_no_group_is_refused(session, cast, changes, field):
    with pytest.raises(RefusalError) as refused:
        groups.add(session, cast.fay, couple(cast, **changes), NOW)
    assert refused.value.field == field
    assert len(session.scalars(select(ClientGroup)).all()) == 1


def test_a_couple_has_two_and_no_group_more_than_the_practice_allows(session, cast):
    third = clients.add(session, cast.fay, clients.Details("Third"), NOW)
    three = (cast.cleo_id, cast.otto_id, third.id)
    with pytest.raises(RefusalError, match="couple"):
        groups.add(session, cast.fay, couple(cast, member_ids=three), NOW)
    family = couple(cast, member_ids=three, kind=GroupKind.FAMILY)
    groups.add(session, cast.fay, family, NOW)
    session.get_one(Practice, 1).group_clients_max = 2
    with pytest.raises(RefusalError, match="at most 2"):
        groups.add(session, cast.fay, family, NOW)


def test_members_change_and_saving_over_someone_elses_change_is_a_clash(session, cast):
    third = clients.add(session, cast.fay, clients.Details("Third"), NOW)
    wanted = couple(cast, member_ids=(cast.otto_id, third.id), billing_client_id=third.id, name="Brandt and Third")
    groups.edit(session, cast.fay, cast.couple_id, wanted, NOW, version=1)
    assert [member.name for member in groups.members_of(session, cast.couple_id)] == ["Otto Brandt", "Third"]
    with pytest.raises(ClashError):
        groups.edit(session, cast.fay, cast.couple_id, couple(cast), NOW, version=1)
    assert [row.name for row in groups.search(session, cast.fay, "third", limit=8)] == ["Brandt and Third"]


def test_a_group_with_someone_elses_client_is_not_theirs_until_they_treat_it(session, cast):
    other = clients.add(session, cast.fay, clients.Details("Zed", "Quill", practitioner_id=cast.piet_id), NOW)
    mixed = couple(cast, member_ids=(cast.cleo_id, other.id))
    with pytest.raises(RefusalError):
        groups.add(session, cast.pat, mixed, NOW)
    made = groups.add(session, cast.fay, mixed, NOW)
    with pytest.raises(NotFoundError):
        groups.group_for(session, cast.pat, made.id)
    assert groups.search(session, cast.pat, "quill", limit=8) == []
    times = {"starts_at": NOW, "ends_at": NOW.replace(hour=18), "created_at": NOW, "changed_at": NOW}
    session.add(Item(kind=ItemKind.APPOINTMENT, practitioner_id=cast.pat_id, group_id=made.id, **times))
    session.flush()
    assert groups.group_for(session, cast.pat, made.id) is made
    kept = groups.edit(session, cast.pat, made.id, replace(mixed, name="Renamed"), NOW, version=1)
    assert kept.name == "Renamed"


def test_an_archived_group_leaves_lists_and_comes_back(session, cast):
    groups.set_archived(session, cast.fay, cast.couple_id, NOW, is_archived=True)
    assert groups.page(session, cast.fay, "", number=1).rows == []
    assert groups.search(session, cast.fay, "abernathy", limit=8) == []
    assert groups.page(session, cast.fay, "", number=1, is_archived=True).total == 1
    groups.set_archived(session, cast.fay, cast.couple_id, NOW, is_archived=False)
    (row,) = groups.page(session, cast.fay, "otto", number=1).rows
    assert (row.name, row.kind_name, row.count, row.billed) == ("Abernathy and Brandt", "Couple", 2, "Cleo Abernathy")


def test_a_booking_finds_clients_and_groups_together(session, cast):
    found = finding.find(session, cast.fay, "brandt")
    assert [(match.kind, match.name, match.detail) for match in found] == [
        ("client", "Otto Brandt", "otto@clients.example"), ("group", "Abernathy and Brandt", "Couple"),
    ]  # fmt: skip
    for number in range(12):
        clients.add(session, cast.fay, clients.Details("Otto", f"Brandt {number}"), NOW)
    found = finding.find(session, cast.fay, "brandt")
    assert len(found) == 8
    assert found[-1].kind == "group"
