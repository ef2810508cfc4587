"""Tonight, last night, cards and AutoPay as staff meet them in the browser."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from datetime import timedelta

import pytest
import stripe
from sqlalchemy import select

from clinic.billing import cards, enrolling, enrolments, invoices, ledger, leftovers, night
from clinic.billing.invoices import NewLine
from clinic.config import Config
from clinic.jobs.tick import tick
from clinic.kernel import clock
from clinic.models.calendar import Attendee
from clinic.models.money import ChargeAttempt, ChargePurpose, ChargeStatus, WebhookEvent
from clinic.models.practice import AuditEntry, Heartbeat, JobStatus
from clinic.practice import once, settings
from tests.cast import NOW
from tests.night_fixtures import SECRET, gateway, stand_in
from tests.night_stage import DAY, NIGHT, at, attempts_of, bills_daily, enrolled, give, paid_charges, ran, with_card

__all__ = ["gateway", "stand_in"]


@pytest.fixture
def config(config, stand_in):
    return replace(config, STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stand_in.url, STRIPE_WEBHOOK_SECRET=SECRET)


@pytest.fixture
def today():
    return clock.local_date(clock.now(), "America/New_York")


@pytest.fixture
def stage(write, cast, stand_in, today):
    """Cleo is here today and in AutoPay, Otto too but on hold."""
    with write() as session:
        bills_daily(session, since=today - timedelta(days=30))
        for days in range(1, 10):
            ran(session, today - timedelta(days=days))
            ran(session, today - timedelta(days=days - 1), job="autopay")
        give(session, cast, day=today, hour=9)
        give(session, cast, day=today, client_id=cast.otto_id)
        for payer_id in (cast.cleo_payer_id, cast.otto_payer_id):
            with_card(session, stand_in, payer_id)
            enrolled(session, payer_id)
        enrolments.hold(session, cast.fay, cast.otto_payer_id, NIGHT, reason="Asked to wait for payday")


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_tonight_says_what_will_be_invoiced_and_charged_and_why_someone_is_skipped(as_, stage):
    text = text_of(as_("fay").get("/invoices/tonight"))
    assert "2 invoices" in text
    assert "$300.00" in text
    assert "ending 4242" in text
    assert "Asked to wait for payday" in text
    assert "Nothing is waiting." in text


def test_a_clients_billing_says_why_the_night_charges_nothing(as_, rows, write, cast, stage, stand_in, gateway):
    def said():
        return text_of(as_("fay").get(f"/clients/{cast.cleo_id}/billing"))

    assert "Nothing is owed now; tonight it charges what is invoiced until then ." in said()
    with write() as session:
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NOW)
        invoices.add_line(session, invoice, NewLine("Therapy", 25))
        invoices.issue(session, cast.fay, invoice, NOW)
    assert "Owed is $0.25, under the card minimum : tonight it is charged only together with what is invoiced" in said()
    billing = as_("fay").get(f"/clients/{cast.cleo_id}/billing").text
    assert f'href="/invoices/tonight#payer-{cast.cleo_payer_id}"' in billing
    assert f'id="payer-{cast.cleo_payer_id}"' in as_("fay").get("/invoices/tonight").text
    with write() as session:
        card = cards.default(session, cast.cleo_payer_id)
        cards.remove(session, cast.fay, cast.cleo_payer_id, card.id, NOW)
    assert "Tonight nothing is charged : no card is kept." in said()
    with write() as session:
        enrolments.hold(session, cast.fay, cast.cleo_payer_id, NOW, reason="Asked to wait.")
    assert "On hold for Cleo Abernathy. Asked to wait. " in said()


def test_a_night_of_more_than_a_page_is_counted_whole(app, as_, cast, write, stage, stand_in, gateway, today, monkeypatch):
    with write() as session:
        enrolments.release(session, cast.fay, cast.otto_payer_id, NIGHT)
    with app.app_context():
        tick(gateway, at(clock.day_start(today + timedelta(days=1), "America/New_York") + timedelta(minutes=5)))
    monkeypatch.setattr(night, "SHOWN_MAX", 1)
    shown = text_of(as_("fay").get(f"/invoices/last-night?night={today + timedelta(days=1)}"))
    assert "Invoiced $300.00 2 invoices Charged $300.00 2 cards" in shown
    assert shown.count("1 more are not listed here") == 2


def test_a_list_that_is_cut_says_so(as_, write, cast, stage, today, monkeypatch):
    with write() as session:
        for payer_id in (cast.cleo_payer_id, cast.otto_payer_id):
            enrolments.leave(session, cast.fay, payer_id, NIGHT)
        share = give(session, cast, day=today - timedelta(days=3), hour=12)
        share.released_at = NOW
    monkeypatch.setattr(enrolling, "CANDIDATES_MAX", 1)
    assert "Only the first 1 by name are listed." in text_of(as_("fay").get("/invoices/autopay/enroll"))
    monkeypatch.setattr(leftovers, "LEFT_MAX", 1)
    assert "Left for you 1 or more" in text_of(as_("fay").get("/invoices/tonight"))


def test_one_click_holds_a_payer_and_another_releases_them(as_, rows, cast, stage):
    fay = as_("fay")
    assert fay.post(f"/invoices/tonight/payers/{cast.cleo_payer_id}/hold").status_code == 303
    with rows() as session:
        assert enrolments.live(session, cast.cleo_payer_id).held_at is not None
    assert fay.post(f"/invoices/tonight/payers/{cast.cleo_payer_id}/release").status_code == 303
    with rows() as session:
        assert enrolments.live(session, cast.cleo_payer_id).held_at is None
    assert fay.post("/invoices/tonight/payers/999999/hold").status_code == 404


def test_work_let_go_waits_with_two_choices(as_, rows, write, cast, stage, today):
    with write() as session:
        share = give(session, cast, day=today - timedelta(days=2))
        share.released_at = NIGHT
        share_id, attendee_id = share.id, share.attendee_id
    fay = as_("fay")
    text = text_of(fay.get("/invoices/tonight"))
    assert "Bill again" in text
    assert "Do not invoice" in text
    fay.post(f"/invoices/tonight/sessions/{share_id}/bill-again")
    assert "Nothing is waiting." in text_of(fay.get("/invoices/tonight"))
    fay.post(f"/invoices/tonight/sessions/{share_id}/do-not-invoice")
    with rows() as session:
        assert session.get_one(Attendee, attendee_id).do_not_invoice
    assert fay.post("/invoices/tonight/sessions/999999/bill-again").status_code == 404


def test_a_typed_line_can_be_linked_to_the_session_it_holds_back(as_, rows, write, cast, stage, today):
    with write() as session:
        draft = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=clock.now())
        line_id = invoices.add_line(session, draft, NewLine("Session", 15_000, session_date=today)).id
    fay = as_("fay")
    page = fay.get("/invoices/tonight")
    assert "A line typed by hand on a draft" in text_of(page)
    [share_id] = re.findall(rf"/sessions/(\d+)/link/{line_id}", page.get_data(as_text=True))
    assert fay.post(f"/invoices/tonight/sessions/{share_id}/link/{line_id}").status_code == 303
    assert "Nothing is waiting." in text_of(fay.get("/invoices/tonight"))
    assert fay.post(f"/invoices/tonight/sessions/{share_id}/link/{line_id}").status_code == 409


def test_last_night_says_what_happened_and_names_what_failed(app, as_, write, cast, stand_in, gateway, today):
    with write() as session:
        bills_daily(session, since=DAY)
        ran(session, DAY - timedelta(days=1))
        give(session, cast)
        give(session, cast, client_id=cast.otto_id)
        for payer_id, card in ((cast.cleo_payer_id, "visa"), (cast.otto_payer_id, "visa_chargeDeclinedLostCard")):
            with_card(session, stand_in, payer_id, card)
            enrolled(session, payer_id)
    with app.app_context():
        tick(gateway, at(NIGHT))
    text = text_of(as_("fay").get("/invoices/last-night?night=2026-11-19"))
    assert "INV-0001" in text
    assert "Charged" in text
    assert "Declined" in text
    assert "The card cannot be charged any more." in text
    assert "The end of the day ran 12:30 am" in text


@pytest.mark.parametrize("day", ["2026-02-30", "x", "0001-01-01", "99999-01-01"])
def test_a_night_that_does_not_exist_is_not_found(as_, day):
    assert as_("fay").get(f"/invoices/last-night?night={day}").status_code == 404


def test_a_night_that_did_not_run_is_a_red_line_for_who_may_see_it(as_, write, cast, today):
    with write() as session:
        bills_daily(session)
    assert "Last night did not run." in text_of(as_("fay").get("/invoices/"))
    assert "Last night did not run." not in text_of(as_("pat").get("/invoices/"))


def test_a_missed_window_is_a_red_line_until_the_next_night(app, rows, write, cast, today):
    noon = clock.day_start(today, "America/New_York") + timedelta(hours=12)
    with write() as session:
        enrolled(session, cast.cleo_payer_id)
        ran(session, today - timedelta(days=1))
        ran(session, today, job="autopay", status=JobStatus.MISSED)
        session.add(Heartbeat(id=1, ticked_at=noon))
    with rows() as session:
        assert night.alarm(session, noon).title == "Last night charged no cards."
        assert night.alarm(session, noon + timedelta(hours=1)).title == "The clock stands still."


def test_a_payer_is_enrolled_after_a_look_at_what_is_owed(as_, rows, write, cast, today):
    with write() as session:
        bills_daily(session, since=today)
        give(session, cast, day=today, hour=9)
    fay = as_("fay")
    address = f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/autopay/"
    text = text_of(fay.get(address))
    assert "Tonight it would charge $150.00 $150.00 of it invoiced before; no card is kept yet" in " ".join(text.split())
    assert "I allow Quillmere to charge my default card" in text
    refused = fay.post(address, data={"once": once.new_key(), "consented_by": ""})
    assert refused.status_code == 422
    key = once.new_key()
    for _ in range(2):
        done = fay.post(address, data={"once": key, "consented_by": "Cleo Abernathy", "agrees": "y"})
        assert done.status_code == 303
    with rows() as session:
        assert enrolments.live(session, cast.cleo_payer_id).consented_by == "Cleo Abernathy"
    again = fay.post(address, data={"once": once.new_key(), "consented_by": "Cleo", "agrees": "y"})
    assert again.status_code == 409
    fay.post(f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/autopay/leave")
    with rows() as session:
        assert enrolments.live(session, cast.cleo_payer_id) is None


def test_nobody_is_enrolled_by_way_of_a_client_they_do_not_pay_for(as_, cast):
    assert as_("fay").get(f"/clients/{cast.otto_id}/payers/{cast.cleo_payer_id}/autopay/").status_code == 404


def on_the_hosted_page(address, number="4242424242424242"):
    """Fill in the processor's page as a person would, and return where it sends the browser."""
    data = {"card_number": number, "expiry": "12 / 34", "cvc": "123"}

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args):
            return None

    with pytest.raises(urllib.error.HTTPError) as sent:
        urllib.request.build_opener(Stay).open(address, urllib.parse.urlencode(data).encode())
    assert sent.value.code == 303
    return sent.value.headers["Location"]


def test_a_card_is_given_on_the_processors_page_and_kept_with_one_button(as_, rows, cast, stand_in):
    fay = as_("fay")
    sent = fay.post(f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/cards/add")
    assert sent.status_code == 303
    assert sent.headers["Location"].startswith(stand_in.url)
    assert stand_in.url in sent.headers["Content-Security-Policy"]
    there = urllib.parse.urlsplit(on_the_hosted_page(sent.headers["Location"]))
    address = f"{there.path}?{there.query}"
    shown = fay.get(address)
    assert "Keep this card" in text_of(shown)
    with rows() as session:
        assert cards.default(session, cast.cleo_payer_id) is None
    session_id = urllib.parse.parse_qs(there.query)["session_id"][0]
    for _ in range(2):
        kept = fay.post(address.split("/back")[0] + "/keep", data={"session_id": session_id})
        assert kept.status_code == 303
    with rows() as session:
        assert [card.last4 for card in cards.kept(session, cast.cleo_payer_id, NOW)] == ["4242"]
    assert "is kept at Stripe" in text_of(fay.get(address))
    page = text_of(fay.get(f"/clients/{cast.cleo_id}/billing"))
    assert "ending 4242" in page
    other = f"/clients/{cast.otto_id}/payers/{cast.otto_payer_id}/cards"
    assert fay.get(f"{other}/back?session_id={session_id}").status_code == 404
    assert fay.post(f"{other}/keep", data={"session_id": session_id}).status_code == 404


@pytest.mark.parametrize("session_id", ["", "x", "cs_none", "../../v1/customers", "cs_" + "a" * 5000, "cs_ü"])
def test_a_made_up_visit_keeps_nothing(as_, rows, cast, session_id):
    fay = as_("fay")
    address = f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/cards"
    assert fay.get(f"{address}/back", query_string={"session_id": session_id}).status_code in (404, 422)
    assert fay.post(f"{address}/keep", data={"session_id": session_id}).status_code in (404, 422)


def test_a_card_is_removed_here_and_let_go_there(as_, rows, write, cast, stand_in):
    with write() as session:
        with_card(session, stand_in, cast.cleo_payer_id)
        card = cards.default(session, cast.cleo_payer_id)
        card_id, called = card.id, card.stripe_payment_method
    fay = as_("fay")
    address = f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/cards/{card_id}/remove"
    assert fay.post(address).status_code == 303
    sdk = stripe.StripeClient("sk_test_demo", base_addresses={"api": stand_in.url})
    assert sdk.v1.payment_methods.retrieve(called).customer is None
    assert fay.post(address).status_code == 404


def signed(payload, secret=SECRET):
    body = json.dumps(payload).encode()
    moment = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{moment}.{body.decode()}", secret)
    return body, {"Stripe-Signature": f"t={moment},v1={signature}", "Content-Type": "application/json"}


def event(kind, object_id, event_id="evt_1"):
    return {"id": event_id, "object": "event", "type": kind, "data": {"object": {"id": object_id, "object": "x"}},
            "api_version": "2025-01-01", "created": int(time.time()), "livemode": False}  # fmt: skip


@pytest.mark.parametrize(
    "payload", [{}, [], {"object": "event"}, {"id": "evt_1", "object": "event", "type": "x", "data": None}]
)
def test_what_is_signed_and_no_event_is_refused(client, payload):
    body, headers = signed(payload)
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 400


def test_the_processor_tells_of_a_kept_card_before_anyone_returns(client, as_, rows, cast, stand_in):
    sent = as_("fay").post(f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/cards/add")
    back = on_the_hosted_page(sent.headers["Location"])
    session_id = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["session_id"][0]
    body, headers = signed(event("checkout.session.completed", session_id))
    assert client.post("/webhooks/stripe", data=body, headers=headers).data == b"Done."
    assert client.post("/webhooks/stripe", data=body, headers=headers).data == b"Done before."
    with rows() as session:
        assert [card.last4 for card in cards.kept(session, cast.cleo_payer_id, NOW)] == ["4242"]


def test_a_charge_whose_answer_was_lost_is_posted_when_the_processor_tells_it(client, rows, write, cast, stand_in, gateway):
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        give(session, cast)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
    stand_in.fault("/v1/payment_intents", "lost_after")
    with client.application.app_context():
        tick(gateway, at(NIGHT))
    with rows() as session:
        assert attempts_of(session, cast.cleo_payer_id)[0].status is ChargeStatus.UNKNOWN
    [charge] = paid_charges(stand_in)
    body, headers = signed(event("payment_intent.succeeded", charge["payment_intent"]))
    for _ in range(2):
        assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
    with rows() as session:
        assert attempts_of(session, cast.cleo_payer_id)[0].status is ChargeStatus.SUCCEEDED
        assert ledger.payer_balance_cents(session, cast.cleo_payer_id) == 0


def test_a_forged_event_is_refused_and_an_unknown_one_is_taken_note_of(client, rows, cast):
    body, headers = signed(event("payment_intent.succeeded", "pi_1"), secret="whsec_of_somebody_else")
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 400
    assert client.post("/webhooks/stripe", data=b"{}").status_code == 400
    body, headers = signed(event("customer.created", "cus_1", "evt_2"))
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
    with rows() as session:
        assert session.get(WebhookEvent, "evt_1") is None
        assert session.get(WebhookEvent, "evt_2") is not None


def test_an_event_cannot_be_taken_in_while_the_processor_does_not_answer(client, rows, cast, stand_in):
    body, headers = signed(event("payment_intent.succeeded", "pi_nothing"))
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 503
    with rows() as session:
        assert session.get(WebhookEvent, "evt_1") is None


def test_a_charge_nobody_can_know_about_is_closed_by_hand(as_, rows, write, cast, stand_in):
    with write() as session:
        with_card(session, stand_in, cast.cleo_payer_id)
        card = cards.default(session, cast.cleo_payer_id)
        attempt = ChargeAttempt(
            purpose=ChargePurpose.AUTOPAY, contact_id=cast.cleo_payer_id, local_date=DAY, card_id=card.id, amount_cents=15_000,
            currency="USD", description="Balance", stripe_customer="cus_x", stripe_payment_method="pm_x",
            idempotency_key="k" * 30, status=ChargeStatus.UNKNOWN, started_at=clock.now() - timedelta(days=2), tries=3,
        )  # fmt: skip
        session.add(attempt)
        session.flush()
        attempt_id = attempt.id
    fay = as_("fay")
    assert "never said whether this charge was made" in text_of(fay.get("/invoices/tonight"))
    assert "It may have been charged: that is looked into" in text_of(fay.get(f"/invoices/last-night?night={DAY}"))
    assert fay.post(f"/invoices/tonight/charges/{attempt_id}/ask").status_code == 303
    assert fay.post(f"/invoices/tonight/charges/{attempt_id}/close").status_code == 303
    with rows() as session:
        assert attempts_of(session, cast.cleo_payer_id)[0].status is ChargeStatus.DECLINED
    assert fay.post(f"/invoices/tonight/charges/{attempt_id}/close").status_code == 404


class TestWithoutAKey:
    @pytest.fixture
    def config(self, database):
        return Config(DATABASE_URL=database[0], SECRET_KEY="for tests only", BASE_URL="http://localhost")

    def test_everything_else_works_and_card_choices_say_what_to_set(self, as_, client, cast):
        fay = as_("fay")
        assert "STRIPE_SECRET_KEY" in text_of(fay.get(f"/clients/{cast.cleo_id}/billing"))
        assert "STRIPE_SECRET_KEY" in text_of(fay.get("/invoices/tonight"))
        refused = fay.post(f"/clients/{cast.cleo_id}/payers/{cast.cleo_payer_id}/cards/add")
        assert refused.status_code == 422
        assert "STRIPE_SECRET_KEY" in text_of(refused)
        assert client.post("/webhooks/stripe", data=b"{}").status_code == 404


def test_after_a_restore_no_card_is_charged_until_the_owner_confirms(as_, rows, write, stage):
    with write() as session:
        settings.practice(session).restored_at = NIGHT
    shown = text_of(as_("fay").get("/invoices/tonight"))
    assert "No card is charged." in shown
    assert "Then the owner confirms it here." in shown
    assert as_("fay").post("/invoices/tonight/confirm-restored").status_code == 403
    olga = as_("olga")
    assert "charge again" in text_of(olga.get("/invoices/tonight"))
    for _ in range(2):  # twice is as good as once
        assert olga.post("/invoices/tonight/confirm-restored").status_code == 303
    assert "No card is charged." not in text_of(olga.get("/invoices/tonight"))
    with rows() as session:
        assert settings.practice(session).restored_at is None
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "confirmed after restoring")).all()) == 1
