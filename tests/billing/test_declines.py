"""What every decline leads to: tried again, AutoPay off, or asked of the cardholder; and who is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.billing import autopay, charges, enrolments, night
from clinic.billing.declines import verdict_of
from clinic.billing.processor import Outcome, Verdict
from clinic.demo.stripe_cards import DECLINES
from clinic.models.messages import Message, MessageKind
from clinic.models.money import Card, ChargeStatus, EndedBy
from clinic.models.practice import AuditEntry, Heartbeat
from clinic.people.contacts import Contact
from clinic.practice.permissions import CLOCK
from tests.billing.test_refunds import issued
from tests.night_stage import DAY, NIGHT, enrolled, ran

AGAIN, OFF, ASK = "again", "off", "ask"
# The processor's code, its decline code, the issuer's advice: what the night does about it.
TABLE = [
    ("card_declined", "insufficient_funds", "try_again_later", AGAIN),
    ("card_declined", "generic_decline", "", AGAIN),
    ("card_declined", "generic_decline", "do_not_try_again", OFF),
    ("card_declined", "do_not_honor", "", AGAIN),
    ("card_declined", "issuer_not_available", "", AGAIN),
    ("card_declined", "try_again_later", "", AGAIN),
    ("card_declined", "card_velocity_exceeded", "try_again_later", AGAIN),
    ("card_declined", "withdrawal_count_limit_exceeded", "", AGAIN),
    ("processing_error", "", "", AGAIN),
    ("card_declined", "lost_card", "", OFF),
    ("card_declined", "stolen_card", "", OFF),
    ("card_declined", "pickup_card", "", OFF),
    ("card_declined", "restricted_card", "", OFF),
    ("card_declined", "fraudulent", "", OFF),
    ("card_declined", "invalid_account", "", OFF),
    ("card_declined", "stop_payment_order", "", OFF),
    ("card_declined", "revocation_of_authorization", "", OFF),
    ("card_declined", "new_account_information_available", "", OFF),
    ("card_declined", "generic_decline", "confirm_card_data", OFF),
    ("expired_card", "expired_card", "", OFF),
    ("incorrect_cvc", "incorrect_cvc", "", OFF),
    ("incorrect_number", "", "", OFF),
    ("card_declined", "lost_card", "try_again_later", AGAIN),  # the issuer's advice is asked first
    ("authentication_required", "authentication_required", "", ASK),
    ("card_declined", "authentication_required", "", ASK),
    ("card_declined", "a_code_of_next_year", "", AGAIN),
]
DEED = {Verdict.SOFT: AGAIN, Verdict.HARD: OFF, Verdict.NEEDS_CLIENT: ASK}


@pytest.mark.parametrize(("code", "decline", "advice", "deed"), TABLE)
def test_a_decline_leads_to_one_deed(code, decline, advice, deed):
    assert DEED[verdict_of(code=code, decline_code=decline, advice_code=advice)] == deed


def test_every_decline_of_the_stand_in_stands_in_the_table():
    known = {(code, decline) for code, decline, _, _ in TABLE} | {("card_declined", "test_mode_live_card")}
    assert {(each.code, each.decline_code or "") for each in DECLINES.values()} - known == {
        ("processing_error", "processing_error")
    }


@pytest.fixture
def tried(session, cast):
    """Owe $150, be enrolled, and return a function that writes down a night's charge with its outcome."""
    issued(session, cast)
    payer = session.get(Contact, cast.cleo_payer_id)
    payer.stripe_customer = "cus_1"
    session.add(Card(contact_id=payer.id, stripe_payment_method="pm_1", brand="visa", last4="4242", exp_month=8, exp_year=2030,
                     created_at=NIGHT))  # fmt: skip
    enrolled(session, payer.id)

    def tried_on(number, verdict, message="Declined."):
        at = NIGHT.replace(day=NIGHT.day + number)
        attempt = autopay.start_attempt(session, payer.id, at)
        return charges.finish(session, attempt.id, Outcome(verdict, code="some_code", message=message), at) if attempt else None

    return tried_on


def letters(session):
    session.flush()
    return [(each.kind, each.to_address) for each in session.query(Message).order_by(Message.id)]


def test_soft_declines_are_tried_three_nights_running_then_autopay_is_off_and_a_link_goes_out(session, cast, tried):
    assert [tried(night, Verdict.SOFT).follow_up for night in (0, 1)] == [
        "Tried again the next night (1 of 3).", "Tried again the next night (2 of 3).",
    ]  # fmt: skip
    assert letters(session) == []
    third = tried(2, Verdict.SOFT)
    assert third.follow_up == "AutoPay is off: declined 3 nights running. A pay link goes to them by e-mail."
    assert enrolments.live(session, cast.cleo_payer_id) is None
    assert letters(session) == [(MessageKind.FAILED_PAYMENT, "cleo@clients.example")]
    assert tried(3, Verdict.SOFT) is None
    body = session.query(Message).one().body
    assert "$150.00" in body
    assert "{address}/pay/" in body


def test_a_hard_decline_ends_autopay_at_once_and_a_banks_question_holds_it(session, cast, tried):
    asked = tried(0, Verdict.NEEDS_CLIENT)
    assert asked.status is ChargeStatus.NEEDS_CLIENT
    assert enrolments.live(session, cast.cleo_payer_id).held_reason.startswith("The bank asks the cardholder")
    assert tried(1, Verdict.HARD) is None, "on hold"
    enrolments.release(session, cast.fay, cast.cleo_payer_id, NIGHT)
    session.get(Contact, cast.cleo_payer_id).email = ""
    ended = tried(1, Verdict.HARD)
    assert ended.follow_up.startswith("AutoPay is off: the card cannot be charged any more. No pay link goes out")
    assert enrolments.live(session, cast.cleo_payer_id) is None
    assert letters(session) == [(MessageKind.FAILED_PAYMENT, "cleo@clients.example"), (MessageKind.FAILED_PAYMENT, "")]


def test_a_night_that_charges_starts_the_count_again(session, cast, tried):
    tried(0, Verdict.SOFT)
    assert tried(1, Verdict.SUCCEEDED).follow_up == ""
    issued(session, cast)
    assert tried(2, Verdict.SOFT).follow_up == "Tried again the next night (1 of 3)."


def test_autopay_that_the_night_turned_off_is_said_aloud_until_someone_has_seen_it_or_enrols_again(session, cast, tried):
    at = NIGHT + timedelta(hours=10)
    session.add(Heartbeat(id=1, ticked_at=at))
    ran(session, DAY)
    ran(session, DAY + timedelta(days=1), job="autopay")
    assert night.alarm(session, at) is None
    tried(0, Verdict.HARD)
    for end in ("seen", "enrolled"):
        alarm = night.alarm(session, at)
        assert (alarm.title, alarm.words) == ("AutoPay is turned off", "for one payer, whose card could not be charged.")
        [ended] = night.tonight(session, at).ended
        assert (ended.payer_id, ended.client_id, ended.is_by_client) == (cast.cleo_payer_id, cast.cleo_id, False)
        if end == "seen":
            for _ in range(2):
                enrolments.see(session, cast.fay, cast.cleo_payer_id, at)
            assert night.alarm(session, at) is None
            enrolled(session, cast.cleo_payer_id)
            enrolments.leave(session, CLOCK, cast.cleo_payer_id, at, reason="Declined 3 nights running.", by=EndedBy.NIGHT)
        else:
            enrolled(session, cast.cleo_payer_id)
            assert (night.alarm(session, at), night.tonight(session, at).ended) == (None, ())
    told = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "saw the end of AutoPay")).all()
    assert len(told) == 1
    # What staff end by hand they know; what the client ends stands on Tonight, without a red line.
    enrolments.leave(session, cast.fay, cast.cleo_payer_id, at)
    assert night.tonight(session, at).ended == ()
    enrolled(session, cast.cleo_payer_id)
    enrolments.leave(session, CLOCK, cast.cleo_payer_id, at, reason="Left in the portal", by=EndedBy.CLIENT)
    assert night.alarm(session, at) is None
    assert [each.is_by_client for each in night.tonight(session, at).ended] == [True]
