"""A client's billing overview: the invoices that name this client, and what became of the money."""

from dataclasses import replace
from datetime import timedelta

from clinic.billing import bulk, credit_notes, invoices, overview, payments, refunds, register, reversals
from clinic.billing.register import Wish
from clinic.models.money import Method
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.people import clients
from tests.billing.given import given_session
from tests.cast import NOW
from tests.night_stage import give


def of(session, cast, client_id):
    return overview.of_client(session, cast.fay, clients.profile(session, cast.fay, client_id), NOW)


# Pellworth wants one invoice for all: two sessions of Cleo and one of Otto stand on it, and $350.00 of $450.00 is owed.
def test_an_invoice_for_several_clients_stands_with_each_by_their_part(session, cast):
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    shares = [give(session, cast, hour=hour, payer_id=cast.pellworth_id, client_id=whose).id
              for hour, whose in ((8, cast.cleo_id), (9, cast.cleo_id), (10, cast.otto_id))]  # fmt: skip
    made = bulk.bill(session, cast.fay, (cast.pellworth_id, None), shares, NOW.replace(hour=23))
    payments.record(session, cast.fay, payer_id=cast.pellworth_id, method=Method.CASH, amount_cents=10_000, now=NOW)
    for client_id, part in ((cast.cleo_id, 30_000), (cast.otto_id, 15_000)):
        [billed] = [each for each in of(session, cast, client_id).payers if each.payer_id == cast.pellworth_id]
        [row] = billed.rows
        assert (row.number, row.total_cents, row.balance_cents, row.joint_cents) == (made.number, part, part, 45_000)
        assert billed.covers_others
        assert (billed.balance_cents, billed.sums.owed_cents) == (part, 35_000)
        wish = Wish(client_id=client_id)
        [found] = register.page(session, cast.fay, wish, number=1, today=NOW.date()).rows
        assert found.id == made.id
    for text, count in (("brandt", 1), ("abernathy", 1), ("nobody", 0)):
        assert len(register.page(session, cast.fay, Wish(text=text), number=1, today=NOW.date()).rows) == count


# Pat made it out for Cleo, who is Quinn's client, and Otto, who is not: Quinn is told of Cleo's part alone.
def test_who_sees_only_their_own_is_told_of_their_client_s_part_of_an_invoice_for_several(session, cast):
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    shares = [give(session, cast, hour=hour, payer_id=cast.pellworth_id, client_id=whose).id
              for hour, whose in ((8, cast.otto_id), (9, cast.cleo_id))]  # fmt: skip
    bulk.bill(session, cast.fay, (cast.pellworth_id, None), shares, NOW.replace(hour=23))
    quinn = Practitioner(name="Quinn Marchbanks", profession="Psychologist")
    session.add(quinn)
    session.flush()
    session.get_one(Client, cast.cleo_id).practitioner_id = quinn.id
    session.flush()
    who = replace(cast.pat, practitioner_id=quinn.id)
    seen = overview.of_client(session, who, clients.profile(session, who, cast.cleo_id), NOW)
    [row] = [row for billed in seen.payers for row in billed.rows]
    assert (row.subject, row.total_cents, row.joint_cents, row.is_theirs) == ("Sessions", 15_000, None, False)
    assert [(event.amount_cents, event.invoice_id) for event in seen.history] == [(15_000, None)]


def test_the_history_tells_what_came_went_back_and_was_given_up(session, cast):
    share = given_session(session, cast)
    [made] = invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    paid, mistake = (
        payments.record(session, cast.fay, payer_id=made.payer_id, method=Method.CASH, amount_cents=cents, now=NOW)
        for cents in (10_000, 500)
    )
    reversals.undo(session, cast.bill, mistake.id, reason="Typed twice", now=NOW)
    back = refunds.Wanted(paid.id, 10_000, Method.CASH, reason="Moved away")
    refunds.record(session, cast.bill, back, NOW + timedelta(days=1))
    credit_notes.write_off(session, cast.bill, made, NOW + timedelta(days=1), reason="Moved away")
    told = [(event.words, event.amount_cents) for event in of(session, cast, cast.cleo_id).history]
    assert sorted(told) == sorted([
        ("Written off, INV-0001", -15_000), (f"Refund, R-{paid.id}", 10_000), (f"Undone, R-{mistake.id}", 500),
        ("Payment, Cash", -500), ("Payment, Cash", -10_000), ("Invoice INV-0001 issued", 15_000),
    ])  # fmt: skip
    assert told[0][0].startswith(("Written off", "Refund"))
    [row] = register.page(session, cast.fay, Wish(), number=1, today=NOW.date()).rows
    assert row.total_cents == 15_000
    credit_notes.undo_write_off(session, cast.bill, made, NOW)
    note = credit_notes.credit(session, cast.fay, made, NOW)
    listed = register.page(session, cast.fay, Wish(), number=1, today=NOW.date()).rows
    assert [each.total_cents for each in listed if each.id == note.id] == [-15_000]
