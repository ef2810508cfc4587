"""A charge is written down, made once and posted once, whatever the card processor answers or does not."""

from datetime import timedelta

import pytest

from clinic.billing import autopay, charges, enrolments, invoices, ledger
from clinic.billing.charges import Wanted
from clinic.billing.invoices import NewLine
from clinic.billing.stripe_gateway import Verdict, verdict_of
from clinic.kernel.errors import AlreadyPostedError, ClashError, RefusalError
from clinic.models.money import ChargeStatus
from clinic.practice import once
from clinic.practice.permissions import CLOCK
from tests.night_stage import NIGHT, attempts_of, counts, paid_charges, with_card


@pytest.fixture
def invoice_id(write, cast):
    with write() as session:
        draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
        invoices.add_line(session, draft, NewLine("Session", 15_000))
        invoices.issue(session, cast.fay, draft, NIGHT)
        return draft.id


def card(write, stand_in, payer_id, name="visa"):
    with write() as session:
        return with_card(session, stand_in, payer_id, name)


def wanted(invoice_id, cents=15_000, **more):
    return Wanted(invoice_id=invoice_id, amount_cents=cents, once_key=once.new_key(), then="/invoices/1", **more)


@pytest.mark.parametrize(("code", "decline_code", "advice", "verdict"), [
    ("card_declined", "insufficient_funds", "try_again_later", Verdict.SOFT),
    ("card_declined", "insufficient_funds", "do_not_try_again", Verdict.HARD),
    ("card_declined", "lost_card", "try_again_later", Verdict.SOFT),
    ("card_declined", "lost_card", "", Verdict.HARD),
    ("card_declined", "stolen_card", "", Verdict.HARD),
    ("card_declined", "pickup_card", "", Verdict.HARD),
    ("expired_card", "", "", Verdict.HARD),
    ("incorrect_number", "", "", Verdict.HARD),
    ("card_declined", "invalid_account", "", Verdict.HARD),
    ("card_declined", "restricted_card", "", Verdict.HARD),
    ("card_declined", "fraudulent", "", Verdict.HARD),
    ("card_declined", "generic_decline", "", Verdict.SOFT),
    ("card_declined", "do_not_honor", "", Verdict.SOFT),
    ("card_declined", "issuer_not_available", "", Verdict.SOFT),
    ("processing_error", "processing_error", "", Verdict.SOFT),
    ("card_declined", "try_again_later", "", Verdict.SOFT),
    ("incorrect_cvc", "incorrect_cvc", "confirm_card_data", Verdict.HARD),
    ("authentication_required", "authentication_required", "", Verdict.NEEDS_CLIENT),
    ("authentication_required", "", "do_not_try_again", Verdict.NEEDS_CLIENT),
])  # fmt: skip
def test_the_issuers_advice_comes_before_the_code(code, decline_code, advice, verdict):
    assert verdict_of(code=code, decline_code=decline_code, advice_code=advice) is verdict


def test_a_card_on_file_pays_the_invoice(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    outcome = charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    assert outcome.verdict is Verdict.SUCCEEDED
    with rows() as session:
        assert ledger.owed_cents(session, [invoice_id])[invoice_id] == 0
        [attempt] = attempts_of(session, cast.cleo_payer_id)
        assert (attempt.status, attempt.description, attempt.started_by_id) == (
            ChargeStatus.SUCCEEDED, "Invoice INV-0001", cast.fay.user_id,
        )  # fmt: skip
    [charge] = paid_charges(stand_in)
    assert (charge["amount"], charge["description"]) == (15_000, "Invoice INV-0001")


def test_what_the_processor_is_told_names_nobody_and_no_service(write, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    [asked] = [entry for entry in stand_in.log() if entry["path"] == "/v1/payment_intents" and entry["method"] == "POST"]
    assert "Session" not in str(asked)
    assert "Cleo" not in str(asked)


def test_a_form_posted_twice_charges_once(write, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    asked = wanted(invoice_id)
    charges.charge_from_panel(write, gateway, cast.fay, asked, NIGHT)
    with pytest.raises(AlreadyPostedError) as posted:
        charges.charge_from_panel(write, gateway, cast.fay, asked, NIGHT)
    assert posted.value.location == "/invoices/1"
    assert len(paid_charges(stand_in)) == 1


@pytest.mark.parametrize(("cents", "more", "field"), [
    (49, {}, "amount"), (15_001, {}, "confirms_more"),
])  # fmt: skip
def test_an_amount_that_cannot_be_is_refused_before_the_card_is_touched(
    write, rows, cast, stand_in, gateway, invoice_id, cents, more, field
):
    card(write, stand_in, cast.cleo_payer_id)
    with pytest.raises(RefusalError) as refused:
        charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id, cents, **more), NIGHT)
    assert refused.value.field == field
    assert stand_in.charges() == []
    with rows() as session:
        assert attempts_of(session, cast.cleo_payer_id) == []


def test_more_than_is_owed_becomes_credit_when_confirmed(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id, 20_000, confirms_more=True), NIGHT)
    with rows() as session:
        assert ledger.unallocated_cents(session, cast.cleo_payer_id) == 5_000


def test_without_a_key_or_a_card_the_choice_says_what_to_do(write, cast, gateway, invoice_id):
    with pytest.raises(RefusalError, match="STRIPE_SECRET_KEY"):
        charges.charge_from_panel(write, None, cast.fay, wanted(invoice_id), NIGHT)
    with pytest.raises(RefusalError, match="No card is kept"):
        charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)


@pytest.mark.parametrize(("name", "status", "code"), [
    ("visa_chargeDeclinedInsufficientFunds", ChargeStatus.DECLINED, "insufficient_funds"),
    ("visa_chargeDeclinedLostCard", ChargeStatus.DECLINED, "lost_card"),
    ("chargeCustomerFail", ChargeStatus.DECLINED, "generic_decline"),
    ("authenticationRequired", ChargeStatus.NEEDS_CLIENT, "authentication_required"),
])  # fmt: skip
def test_a_decline_is_left_with_its_reason_and_posts_nothing(
    write, rows, cast, stand_in, gateway, invoice_id, name, status, code
):
    card(write, stand_in, cast.cleo_payer_id, name)
    outcome = charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    assert outcome.code == code
    with rows() as session:
        [attempt] = attempts_of(session, cast.cleo_payer_id)
        assert (attempt.status, attempt.decline_code) == (status, code)
        assert counts(session)["payments"] == 0


@pytest.mark.parametrize("mode", ["lost_before", "lost_after", "error_before", "error_after", "rate_limited"])
def test_a_charge_without_an_answer_is_found_out_and_made_once(write, rows, cast, stand_in, gateway, invoice_id, mode):
    card(write, stand_in, cast.cleo_payer_id)
    stand_in.fault("/v1/payment_intents", mode)
    outcome = charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    assert outcome.verdict is Verdict.UNKNOWN
    with pytest.raises(ClashError):
        charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    with rows() as session:
        [attempt_id] = charges.due_unresolved(session, NIGHT + timedelta(minutes=5))
        assert charges.due_unresolved(session, NIGHT + timedelta(minutes=1)) == []
    for _ in range(2):
        charges.resolve(write, gateway, attempt_id, NIGHT + timedelta(minutes=5))
    assert len(paid_charges(stand_in)) == 1
    with rows() as session:
        [attempt] = attempts_of(session, cast.cleo_payer_id)
        assert attempt.status is ChargeStatus.SUCCEEDED
        assert counts(session)["payments"] == counts(session)["paid postings"] == counts(session)["money legs"] == 1


def test_the_answer_a_webhook_and_the_look_up_post_it_once_together(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    outcome = charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    with rows() as session:
        [attempt] = attempts_of(session, cast.cleo_payer_id)
    seen = gateway.intent(outcome.payment_intent)
    assert (seen.attempt_id, seen.customer) == (attempt.id, attempt.stripe_customer)
    for _ in range(2):
        with write() as session:
            charges.finish(session, attempt.id, seen.outcome, NIGHT)
    with rows() as session:
        assert counts(session)["payments"] == 1


def test_after_a_day_the_key_is_dead_and_the_charge_is_left_for_a_person(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    stand_in.fault("/v1/payment_intents", "lost_before")
    charges.charge_from_panel(write, gateway, cast.fay, wanted(invoice_id), NIGHT)
    late = NIGHT + timedelta(hours=23)
    with rows() as session:
        [attempt] = attempts_of(session, cast.cleo_payer_id)
    charges.resolve(write, gateway, attempt.id, late)
    assert stand_in.charges() == []
    with write() as session:
        with pytest.raises(RefusalError, match="still be answered"):
            charges.close_by_hand(session, cast.olga, attempt.id, NIGHT + timedelta(hours=1))
        charges.close_by_hand(session, cast.olga, attempt.id, late)
    with rows() as session:
        assert charges.unresolved(session, cast.cleo_payer_id) is None


def test_an_autopay_charge_is_never_sent_again_outside_its_window(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    with write() as session:
        enrolments.enrol(session, CLOCK, cast.cleo_payer_id, consented_by="Cleo", now=NIGHT)
        attempt = autopay.start_attempt(session, cast.cleo_payer_id, NIGHT)
        charge = charges.charge_of(attempt)
    stand_in.fault("/v1/payment_intents", "lost_before")
    charges.carry_out(write, gateway, charge, NIGHT)
    by_day = NIGHT + timedelta(hours=8)
    charges.resolve(write, gateway, charge.attempt_id, by_day)
    assert stand_in.charges() == []
    charges.resolve(write, gateway, charge.attempt_id, NIGHT + timedelta(hours=3))
    assert len(paid_charges(stand_in)) == 1


def test_an_autopay_charge_whose_answer_was_lost_is_posted_by_day_too(write, rows, cast, stand_in, gateway, invoice_id):
    card(write, stand_in, cast.cleo_payer_id)
    with write() as session:
        enrolments.enrol(session, CLOCK, cast.cleo_payer_id, consented_by="Cleo", now=NIGHT)
        charge = charges.charge_of(autopay.start_attempt(session, cast.cleo_payer_id, NIGHT))
    stand_in.fault("/v1/payment_intents", "lost_after")
    charges.carry_out(write, gateway, charge, NIGHT)
    charges.resolve(write, gateway, charge.attempt_id, NIGHT + timedelta(hours=8))
    with rows() as session:
        assert counts(session)["payments"] == 1
    assert len(paid_charges(stand_in)) == 1
