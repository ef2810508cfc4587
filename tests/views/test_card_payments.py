"""Online card on file, from the payment panel to the stand-in for the card processor and back."""

import pytest

from clinic.billing import invoices, ledger
from clinic.billing.invoices import NewLine
from clinic.config import Config
from clinic.demo.stripe_server import StandIn
from clinic.practice import once
from tests.cast import NOW
from tests.night_stage import paid_charges, with_card


@pytest.fixture
def stand_in():
    with StandIn.start() as running:
        yield running


@pytest.fixture
def config(database, stand_in):
    return Config(
        DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost",
        STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stand_in.url,
    )  # fmt: skip


@pytest.fixture
def owing(write, cast, stand_in):
    def made(card):
        with write() as session:
            invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
            invoices.add_line(session, invoice, NewLine(description="Therapy, 50 minutes", unit_cents=15_000))
            invoices.issue(session, cast.fay, invoice, NOW)
            if card:
                with_card(session, stand_in, cast.cleo_payer_id, card)
            return invoice.id

    return made


def _charge(browser, invoice_id, **typed):
    data = {"method": "online_card", "amount": "150.00", "once": once.new_key()} | typed
    return browser.post(f"/invoices/{invoice_id}/payment", data=data)


def test_without_a_card_the_choice_says_so(as_, owing):
    page = as_("fay").get(f"/invoices/{owing(None)}").text
    choice = page[page.index('value="online_card"') :][:250]
    assert "disabled" in choice
    assert "No card is kept yet" in choice


def test_a_card_is_charged_once_however_often_the_form_is_posted(as_, owing, stand_in, rows):
    invoice_id, fay = owing("visa"), as_("fay")
    page = fay.get(f"/invoices/{invoice_id}").text
    assert 'data-deed="charge"' in page
    assert "ending 4242" in page
    key = once.new_key()
    assert [_charge(fay, invoice_id, once=key).status_code for _ in range(2)] == [303, 303]
    assert len(paid_charges(stand_in)) == 1
    paid = fay.get(f"/invoices/{invoice_id}").text
    assert "Online card ending 4242" in paid
    with rows() as session:
        assert ledger.owed_cents(session, [invoice_id]) == {invoice_id: 0}


def test_a_declined_card_says_why_and_the_next_try_is_another(as_, owing, stand_in, rows):
    invoice_id, fay = owing("chargeCustomerFail"), as_("fay")
    key = once.new_key()
    refused = _charge(fay, invoice_id, once=key)
    assert refused.status_code == 422
    assert "The card was not charged" in refused.text
    assert key not in refused.text
    assert paid_charges(stand_in) == []
    assert _charge(fay, invoice_id, method="cash").status_code == 303
    with rows() as session:
        assert ledger.owed_cents(session, [invoice_id]) == {invoice_id: 0}


def test_more_than_is_owed_asks_before_the_card_is_touched(as_, owing, stand_in):
    invoice_id, fay = owing("visa"), as_("fay")
    asked = _charge(fay, invoice_id, amount="200")
    assert asked.status_code == 422
    assert 'name="confirms_more"' in asked.text
    assert stand_in.charges() == []


def test_a_charge_without_an_answer_is_said_on_the_page_until_it_has_one(as_, owing, stand_in):
    invoice_id, fay = owing("visa"), as_("fay")
    stand_in.fault("/v1/payment_intents", "lost_before", times=9)
    assert _charge(fay, invoice_id).status_code == 303
    page = fay.get(f"/invoices/{invoice_id}").text
    assert "No answer yet" in page
    assert _charge(fay, invoice_id).status_code == 409
