"""Contacts pay for clients and refer them; a client always has someone to bill."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.people import ContactKind, ContactRole
from clinic.models.practice import AuditEntry
from clinic.people import clients, contacts
from clinic.people.contacts import Details, Payer
from tests.cast import NOW


def pellworth(cast, *, is_default=False):
    return Payer(cast.pellworth_id, "Pellworth Occupational Health", "Referrer", "PW-55810", is_default)


def test_sessions_can_be_billed_to_the_client_and_to_linked_contacts(session, cast):
    herself = Payer(cast.cleo_payer_id, "Cleo Abernathy", "Client", "", is_default=True)
    assert contacts.payers_of(session, cast.cleo_id) == [herself, pellworth(cast)]
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    assert contacts.payers_of(session, cast.cleo_id) == [replace(herself, is_default=False), pellworth(cast, is_default=True)]


def test_a_default_payer_is_one_of_the_clients_own(session, cast):
    with pytest.raises(RefusalError) as refused:
        contacts.set_default_payer(session, cast.fay, cast.otto_id, cast.pellworth_id, NOW)
    assert refused.value.field == "payer_id"
    assert [payer.is_default for payer in contacts.payers_of(session, cast.otto_id)] == [True]


def test_a_contact_is_not_unlinked_while_it_is_billed(session, cast):
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    with pytest.raises(RefusalError):
        contacts.unlink(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    contacts.set_default_payer(session, cast.fay, cast.cleo_id, cast.cleo_payer_id, NOW)
    contacts.unlink(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    session.flush()
    assert len(contacts.payers_of(session, cast.cleo_id)) == 1
    with pytest.raises(NotFoundError):
        contacts.unlink(session, cast.fay, cast.cleo_id, cast.pellworth_id, NOW)
    actions = [entry.action for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert actions == ["chose payer", "chose payer", "unlinked contact"]


def test_linking_twice_changes_role_and_reference(session, cast):
    contacts.link(session, cast.fay, cast.otto_id, cast.pellworth_id, ContactRole.EMPLOYER, "PO 1", NOW)
    contacts.link(session, cast.fay, cast.otto_id, cast.pellworth_id, ContactRole.INSURER, "Claim 2", NOW)
    (linked,) = contacts.linked_to(session, cast.fay, cast.otto_id)
    assert (linked.role_name, linked.reference) == ("Insurer", "Claim 2")
    with pytest.raises(RefusalError):
        contacts.link(session, cast.fay, cast.otto_id, cast.otto_payer_id, ContactRole.OTHER, "", NOW)


def test_a_client_has_only_so_many_contacts(session, cast):
    for number in range(contacts.CONTACTS_PER_CLIENT_MAX):
        made = contacts.add(session, cast.fay, Details(f"Aunt {number}"), NOW)
        contacts.link(session, cast.fay, cast.otto_id, made.id, ContactRole.OTHER, "", NOW)
    with pytest.raises(RefusalError):
        contacts.link(session, cast.fay, cast.otto_id, cast.pellworth_id, ContactRole.OTHER, "", NOW)
    contacts.link(session, cast.fay, cast.otto_id, made.id, ContactRole.GUARDIAN, "", NOW)


def test_organisations_and_referrers_take_automatic_invoices_of_activities(session, cast):
    assert contacts.is_organisation_or_referrer(session, cast.pellworth_id)
    assert not contacts.is_organisation_or_referrer(session, cast.cleo_payer_id)
    doctor = contacts.add(session, cast.fay, Details("Dr Amara Quist"), NOW)
    assert not contacts.is_organisation_or_referrer(session, doctor.id)
    contacts.link(session, cast.fay, cast.otto_id, doctor.id, ContactRole.REFERRER, "", NOW)
    assert contacts.is_organisation_or_referrer(session, doctor.id)
    assert contacts.is_organisation_or_referrer(session, doctor.id, client_id=cast.otto_id)
    assert not contacts.is_organisation_or_referrer(session, doctor.id, client_id=cast.cleo_id)


def test_saving_a_contact_over_someone_elses_change_is_a_clash(session, cast):
    wanted = Details("Pellworth Health", ContactKind.ORGANISATION, "office@pellworth.example")
    assert contacts.edit(session, cast.fay, cast.pellworth_id, wanted, NOW, version=1).sort_name == "pellworth health"
    with pytest.raises(ClashError):
        contacts.edit(session, cast.bill, cast.pellworth_id, wanted, NOW, version=1)
    with pytest.raises(RefusalError):
        contacts.edit(session, cast.fay, cast.cleo_payer_id, Details("Somebody else"), NOW, version=1)


@pytest.mark.parametrize("name", ["", "x" * 121])
def test_a_contact_has_a_name_that_fits(session, cast, name):
    with pytest.raises(RefusalError) as refused:
        contacts.add(session, cast.fay, Details(name), NOW)
    assert refused.value.field == "name"


def test_the_list_names_for_whom_a_contact_pays(session, cast):
    for number in range(4):
        client = clients.add(session, cast.fay, clients.Details("Aa", f"Client {number}", practitioner_id=cast.piet_id), NOW)
        contacts.link(session, cast.fay, client.id, cast.pellworth_id, ContactRole.INSURER, "", NOW)
    (row,) = contacts.page(session, cast.fay, "PELL", number=1).rows
    assert row.pays_for == ("Cleo Abernathy", "Aa Client 0", "Aa Client 1")
    assert row.more == 2
    (row,) = contacts.page(session, cast.pat, "claims@pellworth", number=1).rows
    assert (row.pays_for, row.more) == (("Cleo Abernathy",), 0)
    assert contacts.pays_for(session, cast.fay, cast.pellworth_id, number=1).total == 5
    assert [paid.name for paid in contacts.pays_for(session, cast.pat, cast.pellworth_id, number=1).rows] == ["Cleo Abernathy"]
    assert contacts.page(session, cast.fay, "cleo", number=1).rows == []  # a client is not in this list


def test_a_person_known_through_others_clients_is_not_theirs(session, cast):
    client = clients.add(session, cast.fay, clients.Details("Zed", "Quill", practitioner_id=cast.piet_id), NOW)
    aunt = contacts.add(session, cast.fay, Details("Aunt Quill"), NOW)
    assert contacts.contact_for(session, cast.pat, aunt.id) is aunt
    contacts.link(session, cast.fay, client.id, aunt.id, ContactRole.GUARDIAN, "", NOW)
    for contact_id in (aunt.id, client.contact_id, 999_999):
        with pytest.raises(NotFoundError):
            contacts.contact_for(session, cast.pat, contact_id)
    assert contacts.search(session, cast.pat, "quill", besides_client_id=cast.cleo_id) == []
    with pytest.raises(NotFoundError):
        contacts.link(session, cast.pat, cast.cleo_id, aunt.id, ContactRole.OTHER, "", NOW)
    with pytest.raises(NotFoundError):
        contacts.link(session, cast.pat, client.id, cast.pellworth_id, ContactRole.OTHER, "", NOW)
    assert [row.name for row in contacts.search(session, cast.fay, "quill", besides_client_id=cast.cleo_id)] == [
        "Aunt Quill", "Zed Quill",
    ]  # fmt: skip


def test_who_is_linked_already_is_not_offered_again(session, cast):
    assert contacts.search(session, cast.fay, "pellworth", besides_client_id=cast.cleo_id) == []
    assert len(contacts.search(session, cast.fay, "pellworth", besides_client_id=cast.otto_id)) == 1
    assert contacts.search(session, cast.fay, "otto", besides_client_id=cast.otto_id) == []
