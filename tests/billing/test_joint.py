"""Invoices for several clients: what of them and of their credit notes is whose, and who may open them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations_with_replacement

from clinic.billing import bulk, credit_notes, invoices, ledger, overview, payments, register, whereabouts, whose
from clinic.billing.register import Wish
from clinic.kernel.errors import NotFoundError
from clinic.models.calendar import Attendee
from clinic.models.money import Method
from clinic.models.people import Client, Contact
from clinic.office import verify
from clinic.people import clients
from clinic.practice.permissions import Actor
from tests.cast import NOW, Cast
from tests.night_stage import give

LATER = NOW.replace(hour=23)


def billed(session, who, client_id) -> list[register.Row]:
    seen = overview.of_client(session, who, clients.profile(session, who, client_id), LATER)
    return [row for payer in seen.payers for row in payer.rows]


# Pellworth is billed 3 x $150 at once: two sessions of Cleo, one of Otto, with 8.25 % tax on each. Credited are, one after the
# other, $50 of Cleo's first session, Otto's session, and all the rest.
def test_a_credit_note_over_an_invoice_for_several_stands_with_each_by_their_part(session, cast):
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    shares = [give(session, cast, hour=hour, payer_id=cast.pellworth_id, client_id=whose, tax_bp=825).id
              for hour, whose in ((8, cast.cleo_id), (9, cast.cleo_id), (10, cast.otto_id))]  # fmt: skip
    made = bulk.bill(session, cast.fay, (cast.pellworth_id, None), shares, LATER)
    first, _, third = (line.id for line in made.lines)
    paid = payments.record(session, cast.fay, payer_id=cast.pellworth_id, method=Method.CASH, amount_cents=10_000, now=NOW)
    cleo, otto = 32_476, 16_238
    assert made.total_cents == cleo + otto
    credited = {cast.cleo_id: 0, cast.otto_id: 0}
    notes: dict[int, list[int]] = {cast.cleo_id: [], cast.otto_id: []}
    for amounts, of_cleo, of_otto in (({first: 5_000}, 5_413, None), ({third: 15_000}, None, otto), (None, cleo - 5_413, None)):
        note = credit_notes.credit(session, cast.fay, made, LATER, amounts=amounts)
        owed = ledger.owed_cents(session, [made.id])[made.id]
        for client_id, whole, part in ((cast.cleo_id, cleo, of_cleo), (cast.otto_id, otto, of_otto)):
            if part is not None:
                credited[client_id] += part
                notes[client_id].append(note.id)
            rows = {row.id: row for row in billed(session, cast.fay, client_id)}
            assert set(rows) == {made.id, *notes[client_id]}
            assert sum(row.total_cents for row in rows.values()) == whole - credited[client_id]
            assert (rows[made.id].total_cents, rows[made.id].joint_cents) == (whole, cleo + otto)
            assert rows[made.id].balance_cents == min(owed, whole - credited[client_id])
            assert all(rows[each].balance_cents == 0 for each in notes[client_id])
            if part is not None:
                assert (rows[note.id].total_cents, rows[note.id].joint_cents) == (-part, -note.total_cents)
            wish = Wish(client_id=client_id)
            assert {row.id for row in register.page(session, cast.fay, wish, number=1, today=NOW.date()).rows} == set(rows)
            told = overview.of_client(session, cast.fay, clients.profile(session, cast.fay, client_id), LATER).history
            assert {event.invoice_id for event in told if event.is_document} == set(rows)
    assert {credited[cast.cleo_id], credited[cast.otto_id]} == {cleo, otto}
    assert (ledger.owed_cents(session, [made.id])[made.id], whereabouts.held_cents(session, paid.id)) == (0, 10_000)
    assert list(verify.findings(session)) == []


# Every pair of sessions by Pat or Piet with a client of Pat's, of Piet's or of nobody's, made out under either's name or
# nobody's: who sees only their own opens it whole when both sessions are theirs, and is told of no other.
def test_an_invoice_for_several_opens_for_whom_every_session_on_it_is_theirs(session, cast):
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    hers, his, loose = (session.get_one(Client, cast.cleo_id), session.get_one(Client, cast.otto_id), _third(session, cast))
    his.practitioner_id = cast.piet_id
    people = {cast.pat_id: cast.pat, cast.piet_id: replace(cast.pat, practitioner_id=cast.piet_id), None: cast.fay}
    kinds = [(giver, client) for giver in (cast.pat_id, cast.piet_id) for client in (hers, his, loose)]
    expected: dict[int, list[tuple[int, Client]]] = {}
    for pair in combinations_with_replacement(kinds, 2):
        shares = [give(session, cast, hour=8 + at, payer_id=cast.pellworth_id, client_id=client.id, practitioner_id=giver).id
                  for at, (giver, client) in enumerate(pair)]  # fmt: skip
        made = bulk.bill(session, cast.fay, (cast.pellworth_id, None), shares, LATER)
        note = credit_notes.credit(session, cast.fay, made, LATER)
        expected |= {made.id: list(pair), note.id: list(pair)}
    for own, who in people.items():
        theirs = {key for key, pair in expected.items() if own is None or all(_is_own(own, *each) for each in pair)}
        assert 0 < len(theirs) < len(expected) or own is None
        assert _opened(session, who, expected) == theirs
        assert _listed(session, who) == theirs
        for client in (hers, his, loose):
            for row in billed(session, who, client.id):
                assert row.is_theirs == (row.id in theirs)
                assert row.is_theirs or (row.subject, row.joint_cents) == ("Sessions", None)
    sees_all = replace(people[cast.piet_id], practitioners_see_all=True)
    assert _opened(session, sees_all, expected) == set(expected)


def _is_own(own: int, giver: int, client: Client) -> bool:
    return own in (giver, client.practitioner_id)


def _third(session, cast: Cast) -> Client:
    contact = Contact(name="Ida Voss", created_at=NOW)
    session.add(contact)
    session.flush()
    made = Client(contact_id=contact.id, first_name="Ida", last_name="Voss", sort_name="voss ida", created_at=NOW,
                  default_payer_id=contact.id)  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _opened(session, who: Actor, ids: Iterable[int]) -> set[int]:
    found = set()
    for invoice_id in ids:
        try:
            found.add(invoices.invoice_for(session, who, invoice_id).id)
        except NotFoundError:
            assert who.own_practitioner_id is not None
    assert whose.opened(session, who, set(ids)) == found
    return found


def _listed(session, who: Actor) -> set[int]:
    pages = [register.page(session, who, Wish(), number=number, today=NOW.date()) for number in (1, 2)]
    return {row.id for page in pages for row in page.rows}


# Pat and Piet each gave Otto, Piet's client, a session, and Cleo, Pat's, had one with Pat: one invoice of all three.
def test_billing_and_the_flyout_say_why_an_invoice_for_several_does_not_open(cast, write, as_):
    with write() as session:
        session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
        session.get_one(Client, cast.otto_id).practitioner_id = cast.piet_id
        shares = [give(session, cast, hour=hour, payer_id=cast.pellworth_id, client_id=client_id, practitioner_id=giver)
                  for hour, client_id, giver in ((8, cast.otto_id, cast.piet_id), (9, cast.otto_id, cast.pat_id),
                                                 (10, cast.cleo_id, cast.pat_id))]  # fmt: skip
        made = bulk.bill(session, cast.fay, (cast.pellworth_id, None), [share.id for share in shares], LATER)
        item_id = session.get_one(Attendee, shares[1].attendee_id).item_id
        session.get_one(Client, cast.cleo_id).default_payer_id = cast.pellworth_id
        paid = payments.record(session, cast.fay, payer_id=cast.pellworth_id, method=Method.CASH, amount_cents=100, now=LATER)
    pat, fay = as_("pat"), as_("fay")
    link, why = f'href="/invoices/{made.id}"', "It does not open for you: others’ sessions stand on it"
    for client_id in (cast.cleo_id, cast.otto_id):
        for browser, opens in ((pat, False), (fay, True)):
            page = browser.get(f"/clients/{client_id}/billing").text
            assert (link in page, why in page) == (opens, not opens)
    for browser, opens in ((pat, False), (fay, True)):
        page = browser.get(f"/calendar/items/{item_id}").text
        assert (link in page, "a colleague’s" in page) == (opens, not opens)
    for browser, opens in ((pat, False), (fay, True)):
        page = browser.get(f"/payments/{paid.id}/").text
        assert (made.number in page, link in page) == (True, opens)
    assert pat.get(f"/invoices/{made.id}").status_code == 404
    with write() as session:
        invoice = invoices.invoice_for(session, cast.fay, made.id)
        note = credit_notes.credit(session, cast.fay, invoice, LATER, amounts={invoice.lines[2].id: 5_000})  # Cleo's
    for browser, opens in ((pat, False), (fay, True)):
        page = browser.get(f"/invoices/{note.id}").text
        assert (made.number in page, link in page) == (True, opens)
