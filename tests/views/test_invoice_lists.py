"""The practice's billing page: its filters by state, name, client and day, and invoicing all uninvoiced work."""

import re
from datetime import timedelta

from sqlalchemy import func, select

from clinic.billing import bulk, credit_notes, invoices, payments, register
from clinic.billing.register import Shown, Wish
from clinic.models.billing import Invoice
from clinic.models.calendar import ItemKind
from clinic.models.money import Method
from clinic.models.people import Client, Contact
from clinic.office import verify
from tests.billing.given import given_session
from tests.cast import NOW
from tests.conftest import HTMX
from tests.night_stage import DAY, give

HERE = "/invoices/all-uninvoiced"


def key_of(page):
    return re.search(r'name="once" value="([^"]+)"', page.text)[1]


def numbers(session, who, **wish):
    listing = register.page(session, who, Wish(**wish), number=1, today=NOW.date())
    return {row.number for row in listing.rows}


def test_invoices_are_found_by_state_client_and_day(session, cast):
    for client_id in (cast.cleo_id, cast.otto_id):
        share = given_session(session, cast, client_id=client_id)
        invoices.bill_attendee(session, cast.fay, share.attendee_id, NOW)
    payments.record(session, cast.fay, payer_id=cast.otto_payer_id, method=Method.CASH, amount_cents=20_000, now=NOW)
    today = NOW.date()
    assert numbers(session, cast.fay, shown=Shown.UNPAID) == {"INV-0001"}
    assert numbers(session, cast.fay, shown=Shown.PAID) == {"INV-0002"}
    assert numbers(session, cast.fay, client_id=cast.otto_id) == {"INV-0002"}
    assert numbers(session, cast.fay, from_date=today, until_date=today) == {"INV-0001", "INV-0002"}
    assert numbers(session, cast.fay, until_date=today.replace(day=1)) == set()
    gone, back = (invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW) for _ in "12")
    for each in (gone, back):
        invoices.add_line(session, each, invoices.NewLine("Letter", 2_000))
        invoices.issue(session, cast.fay, each, NOW)
    credit_notes.write_off(session, cast.bill, gone, NOW, reason="Moved away")
    credit_notes.credit(session, cast.fay, back, NOW)
    assert numbers(session, cast.fay, shown=Shown.PAID) == {"INV-0002"}
    [credit] = register.with_credit(session, cast.fay, "", number=1).rows
    assert (credit.payer_id, credit.client_id, credit.unallocated_cents) == (cast.otto_payer_id, cast.otto_id, 5_000)
    assert register.with_credit(session, cast.fay, "nobody", number=1).rows == []


def test_all_uninvoiced_work_is_one_invoice_a_payer_and_client_once(session, cast):
    session.get_one(Contact, cast.pellworth_id).one_invoice_for_all = True
    give(session, cast, hour=8)
    give(session, cast, hour=9)
    give(session, cast, hour=10, payer_id=cast.pellworth_id)
    give(session, cast, hour=11, payer_id=cast.pellworth_id, client_id=cast.otto_id)
    let_go = give(session, cast, hour=12, client_id=cast.otto_id)
    let_go.released_at = NOW
    give(session, cast, hour=13, client_id=cast.otto_id, kind=ItemKind.ACTIVITY, type_id=cast.case_review_id)
    session.flush()
    now = NOW.replace(hour=23)
    found = {group.key: group for group in bulk.groups(session, cast.fay, bulk.Wish(), now).groups}
    assert {key: len(group.ready) for key, group in found.items()} == {
        (cast.cleo_payer_id, cast.cleo_id): 2, (cast.pellworth_id, None): 2, (cast.otto_payer_id, cast.otto_id): 0,
    }  # fmt: skip
    names = [group.ready_client_names for group in found.values()]
    assert sorted(names) == ["", "Cleo Abernathy", "Cleo Abernathy, Otto Brandt"]
    for _ in range(2):
        for key, group in found.items():
            bulk.bill(session, cast.fay, key, [each.share_id for each in group.ready], now)
    made = session.scalars(select(Invoice).order_by(Invoice.id)).all()
    assert sorted((each.payer_id, each.total_cents) for each in made) == sorted(
        [(cast.cleo_payer_id, 30_000), (cast.pellworth_id, 30_000)]
    )
    assert [group.key for group in bulk.groups(session, cast.fay, bulk.Wish(until_date=DAY), now).groups] == [
        (cast.otto_payer_id, cast.otto_id)
    ]
    assert list(verify.findings(session)) == []


def test_a_client_s_discount_comes_off_every_session_that_is_billed_and_off_what_is_said_before(session, cast):
    session.get_one(Client, cast.cleo_id).discount_bp = 1_250
    give(session, cast, hour=8)
    now = NOW.replace(hour=23)
    [group] = bulk.groups(session, cast.fay, bulk.Wish(), now).groups
    assert group.cents == 13_125
    made = bulk.bill(session, cast.fay, group.key, [each.share_id for each in group.ready], now)
    assert (made.lines[0].unit_cents, made.lines[0].discount_cents, made.total_cents) == (15_000, 1_875, 13_125)


def test_invoicing_all_goes_on_by_itself_step_by_step_and_says_how_far_it_is(as_, rows, write, cast, monkeypatch):
    monkeypatch.setattr("clinic.views.bulk.STEP", 1)
    with write() as session:
        for client_id in (cast.cleo_id, cast.otto_id):
            given_session(session, cast, client_id=client_id)
    fay = as_("fay")
    assert "Invoice all</a>" in fay.get("/invoices/?show=uninvoiced").text
    first = fay.get(HERE)
    assert "Issue 2 invoices, $300.00" in first.text
    half = fay.post(HERE, data={"once": key_of(first), "done": "0", "failed": ""}, headers=HTMX)
    assert '<progress max="2" value="1">' in half.text
    assert 'hx-trigger="load"' in half.text
    again = fay.post(HERE, data={"once": key_of(first), "done": "0", "failed": ""})
    assert again.status_code == 303
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Invoice)) == 1
    plain = fay.post(HERE, data={"once": key_of(half), "done": "1", "failed": ""})
    assert plain.status_code == 303
    assert "2 invoices are made." in fay.get(plain.headers["Location"]).text
    assert "All work that is done stands on an invoice." in fay.get("/invoices/?show=uninvoiced").text


def test_more_than_is_read_at_once_is_said_and_the_next_ones_are_offered(as_, write, cast, monkeypatch):
    monkeypatch.setattr("clinic.billing.bulk.WORK_MAX", 2)
    with write() as session:
        for day in (1, 2, 3):
            share = give(session, cast, day=DAY - timedelta(days=10 - day), hour=9)
            share.released_at = NOW if day < 3 else None  # the oldest two wait for a person: they would hide the third
    fay = as_("fay")
    page = fay.get(HERE).text
    assert "Nothing is waiting that can be invoiced without a word" in page
    assert "Left out: 2 to be chosen one by one" in page
    assert f'href="{HERE}?from=2026-11-11">Show the next ones</a>, from Nov 11, 2026' in page
    assert "Issue 1 invoice, $150.00" in fay.get(f"{HERE}?from=2026-11-11").text
    there = fay.get("/invoices/?show=uninvoiced&q=cleo").text
    assert "These are the oldest 2 sessions." in there
    assert 'href="/invoices/?q=cleo&amp;from=2026-11-11&amp;show=uninvoiced"' in there
    assert "There is more" not in fay.get("/invoices/?show=uninvoiced&from=2026-11-10").text
