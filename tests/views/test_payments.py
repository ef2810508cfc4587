"""Payments over HTTP: every method, twice as once, too much, nonsense, and a client's Billing."""

import pytest
from sqlalchemy import func, select

from clinic.billing import invoices, ledger
from clinic.billing.invoices import NewLine
from clinic.models.money import Method, Payment
from clinic.practice import once
from tests.billing.given import given_session
from tests.cast import NOW


@pytest.fixture
def invoice_id(write, cast):
    with write() as session:
        made = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, made, NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
        invoices.issue(session, cast.fay, made, NOW)
        return made.id


def _pay(browser, invoice_id, **typed):
    data = {"method": "cash", "amount": "150.00", "once": once.new_key()} | typed
    return browser.post(f"/invoices/{invoice_id}/payment", data=data)


def _payments(session):
    return session.scalars(select(Payment).order_by(Payment.id)).all()


@pytest.mark.parametrize("method", [method.value for method in Method if method is not Method.ONLINE_CARD])
def test_each_way_to_pay_settles_the_invoice(as_, invoice_id, method, rows):
    fay = as_("fay")
    assert _pay(fay, invoice_id, method=method, reference="1021").headers["Location"] == f"/invoices/{invoice_id}"
    page = fay.get(f"/invoices/{invoice_id}").text
    assert "Paid" in page
    assert "$0.00" in page
    with rows() as session:
        assert [(paid.method, paid.amount_cents) for paid in _payments(session)] == [(method, 15_000)]


def test_a_payment_posted_twice_is_recorded_once(as_, invoice_id, rows):
    fay, key = as_("fay"), once.new_key()
    answers = [_pay(fay, invoice_id, once=key, amount="50") for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    with rows() as session:
        assert len(_payments(session)) == 1
        assert ledger.owed_cents(session, [invoice_id]) == {invoice_id: 10_000}


def test_more_than_is_owed_asks_first_and_nothing_typed_is_lost(as_, invoice_id, rows, cast):
    fay, key = as_("fay"), once.new_key()
    asked = _pay(fay, invoice_id, amount="200", reference="R-7", once=key)
    assert asked.status_code == 422
    for kept in ('value="200"', 'value="R-7"', 'value="cash"', 'name="confirms_more"', key):
        assert kept in asked.text
    assert _pay(fay, invoice_id, amount="200", once=key, confirms_more="y").status_code == 303
    assert "$200.00 is recorded. $50.00 of it is the payer’s credit." in fay.get(f"/invoices/{invoice_id}").text
    with rows() as session:
        assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 5_000


@pytest.mark.parametrize("amount", ["1e9", "-5", "12,345.678", "", "0", "99999999999", "١٢", "NaN"])
def test_nonsense_amounts_are_refused_and_kept(as_, invoice_id, amount, rows):
    refused = _pay(as_("fay"), invoice_id, amount=amount, reference="kept")
    assert refused.status_code == 422
    assert 'value="kept"' in refused.text
    with rows() as session:
        assert _payments(session) == []


@pytest.mark.parametrize(
    "typed", [{"method": ""}, {"method": "gold"}, {"method": "online_card"}, {"received": "2199-01-01"},
              {"received": "2026-02-30"}, {"once": ""}, {"once": "short"}, {"reference": "x" * 10_000}],
)  # fmt: skip
def test_a_payment_that_cannot_be_is_refused(as_, invoice_id, typed, rows):
    assert _pay(as_("fay"), invoice_id, **typed).status_code == 422
    with rows() as session:
        assert _payments(session) == []


def test_without_a_key_the_card_choice_says_what_to_set(as_, invoice_id):
    page = as_("fay").get(f"/invoices/{invoice_id}").text
    choice = page[page.index('value="online_card"') :][:250]
    assert "disabled" in choice
    assert "STRIPE_SECRET_KEY" in choice


def test_the_first_payment_preselects_nothing_and_later_ones_the_last_method(as_, invoice_id):
    fay = as_("fay")
    assert "checked" not in fay.get(f"/invoices/{invoice_id}").text
    _pay(fay, invoice_id, method="check", amount="50")
    page = fay.get(f"/invoices/{invoice_id}").text
    assert 'value="check" data-deed="add" checked' in page
    assert 'Add <span class="was">$100</span>' in page


def test_credit_is_applied_before_anything_else(as_, invoice_id, rows, cast):
    fay = as_("fay")
    billing = f"/clients/{cast.cleo_id}/billing"
    _pay(fay, invoice_id, amount="200", confirms_more="y")
    with rows() as session:
        assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 5_000
    assert "$50.00" in fay.get(billing).text


def test_the_panel_offers_the_credit_first_and_says_what_is_left(as_, invoice_id, cast, rows):
    fay = as_("fay")
    billing = f"/clients/{cast.cleo_id}/billing/{cast.cleo_payer_id}"
    assert "apply-credit" not in fay.get(f"/invoices/{invoice_id}").text
    _pay(fay, invoice_id, amount="200", confirms_more="y")
    line = {"line-description": "Therapy", "line-unit": "80", "line-quantity": "1", "line-once": once.new_key()}
    new = {"payer": str(cast.cleo_payer_id), "once": once.new_key()}
    draft = fay.post(f"/invoices/new?client={cast.cleo_id}", data=new).headers["Location"]
    fay.post(f"{draft}/draft/add", data=line)
    fay.post(f"{draft}/issue", data={"once": once.new_key()})
    for there, action in ((draft, f"{draft}/apply-credit"), (f"{billing}/payment", f"{billing}/apply-credit")):
        page = fay.get(there).text
        assert f'<form id="apply-credit" method="post" action="{action}">' in page
        assert "<b>$50.00</b>. Then $30.00 is left to pay." in page
        # Its button stands in the panel, first, and belongs to the other form: Enter in the amount still pays.
        panel = page[page.index('<form class="pay form"') :]
        assert panel.index('form="apply-credit"') < panel.index("Payment method")
    key = once.new_key()
    for _ in range(2):
        assert fay.post(f"{draft}/apply-credit", data={"once": key}).status_code == 303
    page = fay.get(draft).text
    assert 'form="apply-credit"' not in page
    assert 'value="30.00"' in page


def test_applying_credit_puts_it_on_the_invoice_once(as_, invoice_id, cast, rows):
    fay, key = as_("fay"), once.new_key()
    payment = {"method": "cash", "amount": "180", "confirms_more": "y", "once": once.new_key()}
    there = f"/clients/{cast.cleo_id}/billing/{cast.cleo_payer_id}/payment"
    assert fay.post(there, data=payment).status_code == 303
    with rows() as session:
        assert ledger.owed_cents(session, [invoice_id]) == {invoice_id: 0}
        assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 3_000
    new = {"payer": str(cast.cleo_payer_id), "once": once.new_key()}
    draft = fay.post(f"/invoices/new?client={cast.cleo_id}", data=new).headers["Location"]
    line = {"line-description": "Therapy", "line-unit": "100", "line-quantity": "1", "line-once": once.new_key()}
    fay.post(f"{draft}/draft/add", data=line)
    for _ in range(2):
        assert fay.post(f"{draft}/apply-credit", data={"once": key}).status_code == 303
    assert "$70.00" in fay.get(draft).text
    with rows() as session:
        assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 0


def test_the_billing_overview_invoices_what_is_uninvoiced(as_, cast, write, rows):
    with write() as session:
        for _ in range(2):
            given_session(session, cast)
        given_session(session, cast, payer_id=cast.pellworth_id, fee_cents=7_000)
    fay, here = as_("fay"), f"/clients/{cast.cleo_id}/billing"
    page = fay.get(here).text
    assert "2 uninvoiced, $300.00" in page
    assert "$370.00" in page
    posted = {"once": once.new_key()}
    first = fay.post(f"{here}/{cast.cleo_payer_id}/invoice", data=posted)
    assert fay.post(f"{here}/{cast.cleo_payer_id}/invoice", data=posted).headers["Location"] == first.headers["Location"]
    refused = fay.post(f"{here}/{cast.cleo_payer_id}/invoice", data={"once": once.new_key()})
    assert refused.status_code == 422
    assert "Nothing is waiting" in refused.text
    assert "INV-0001" in fay.get(here).text


def test_a_payer_with_other_clients_says_what_it_owes_in_all(as_, cast, write):
    with write() as session:
        for client_id, cents in ((cast.cleo_id, 12_000), (cast.otto_id, 30_000)):
            made = invoices.draft(session, cast.fay, payer_id=cast.pellworth_id, client_id=client_id, now=NOW)
            invoices.add_line(session, made, NewLine(description="Case review", unit_cents=cents))
            invoices.issue(session, cast.fay, made, NOW)
    page = as_("fay").get(f"/clients/{cast.cleo_id}/billing").text
    assert "Pellworth Occupational Health owes $420.00 in all" in page
    assert "PW-55810" in page


def test_a_payer_who_is_nothing_to_the_client_is_not_found(as_, cast, rows):
    fay = as_("fay")
    for payer_id in (cast.otto_payer_id, 999_999):
        here = f"/clients/{cast.cleo_id}/billing/{payer_id}"
        assert fay.get(f"{here}/payment").status_code == 404
        for verb in ("payment", "invoice", "apply-credit"):
            data = {"method": "cash", "amount": "1", "once": once.new_key()}
            assert fay.post(f"{here}/{verb}", data=data).status_code == 404
    with rows() as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 0
