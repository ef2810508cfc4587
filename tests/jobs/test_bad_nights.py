"""Nights that go badly: a server that was down, a window that closes half-way, a record that poisons its own invoice."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from clinic.billing import autopay, ledger, night
from clinic.jobs.tick import tick
from clinic.kernel import clock
from clinic.models.billing import Share
from clinic.models.calendar import Attendee
from clinic.models.money import AutoPayEnrolment, ChargeStatus
from clinic.models.people import Client, Contact
from clinic.models.practice import JobStatus
from clinic.practice import settings
from tests.cast import MADE_AT
from tests.night_stage import (
    DAY,
    NIGHT,
    at,
    attempts_of,
    bills_daily,
    enrolled,
    give,
    invoices_of,
    paid_charges,
    ran,
    with_card,
)

HOSTILE_NAME = "<script>alert('x')</script>\"'&\u202e" + "Ω" * 10_000
UNPRINTABLE_CENTS = 2_000_000_000


# The clocks change in the night before: New York has 25 hours, Santiago has no midnight and, in April, a doubled hour.
@pytest.mark.parametrize(("zone", "day"), [
    ("America/New_York", date(2026, 11, 18)),
    ("America/New_York", date(2026, 10, 31)),
    ("America/New_York", date(2026, 3, 7)),
    ("America/Santiago", date(2026, 9, 5)),
    ("America/Santiago", date(2026, 4, 4)),
    ("Pacific/Kiritimati", date(2026, 11, 18)),
])  # fmt: skip
def test_a_server_down_from_eleven_to_seven_invoices_the_right_day_and_leaves_the_cards_to_the_next_night(
    app, rows, write, cast, stand_in, gateway, zone, day
):
    following = day + timedelta(days=1)
    with write() as session:
        settings.practice(session).timezone = zone
        bills_daily(session, since=day)
        ran(session, day - timedelta(days=1))
        ran(session, day, job="autopay")
        give(session, cast, day=day, hour=22, zone=zone)  # 22 hours after the day began: its last evening
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)
        session.query(AutoPayEnrolment).update({"enrolled_at": MADE_AT})
    up_at = clock.instant_at(following, time(7), zone)
    with app.app_context():
        tick(gateway, at(clock.instant_at(day, time(22, 59), zone)))
        said = tick(gateway, at(up_at))
    assert f"AutoPay of {following} was missed: what is left waits for the next night." in said
    assert stand_in.charges() == []
    with rows() as session:
        [made] = invoices_of(session)
        assert made.issue_date == day
        assert night.last_night(session, up_at).charging.status is JobStatus.MISSED
        alarm = night.alarm(session, up_at)
        assert alarm is not None
        assert "AutoPay waits for tonight" in alarm.words
    with app.app_context():
        tick(gateway, at(clock.day_start(following + timedelta(days=1), zone) + timedelta(minutes=1)))
    assert [charge["amount"] for charge in paid_charges(stand_in)] == [15_000]


def test_at_six_no_further_card_is_charged_and_the_next_night_takes_who_is_left(app, rows, write, cast, stand_in, gateway):
    six = clock.instant_at(DAY + timedelta(days=1), time(6), "America/New_York")
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        ran(session, DAY, job="autopay")
        for client_id, payer_id in ((cast.cleo_id, cast.cleo_payer_id), (cast.otto_id, cast.otto_payer_id)):
            give(session, cast, client_id=client_id)
            with_card(session, stand_in, payer_id)
            enrolled(session, payer_id)

    def slow():
        """Be a clock on which the first charge takes until six."""
        return six if stand_in.charges() else six - timedelta(seconds=1)

    with app.app_context():
        tick(gateway, slow)
    with rows() as session:
        made = [attempts_of(session, payer_id) for payer_id in (cast.cleo_payer_id, cast.otto_payer_id)]
        assert sorted(len(attempts) for attempts in made) == [0, 1]
        [[first]] = [attempts for attempts in made if attempts]
        # Begun inside the window it is seen through, and posted.
        assert first.status is ChargeStatus.SUCCEEDED
        # Who was left over is named.
        [left] = night.last_night(session, six).failures
        assert {left.payer_id, first.contact_id} == {cast.cleo_payer_id, cast.otto_payer_id}
        assert left.words == autopay.CLOSED
    with app.app_context():
        tick(gateway, at(six + timedelta(minutes=1)))
        assert len(stand_in.charges()) == 1
        tick(gateway, at(NIGHT + timedelta(days=1)))
    assert sorted(charge["amount"] for charge in paid_charges(stand_in)) == [15_000, 15_000]
    with rows() as session:
        assert {
            sums.balance_cents for sums in ledger.payer_sums(session, [cast.cleo_payer_id, cast.otto_payer_id]).values()
        } == {0}


class TestPoison:
    """One client whose name and fee are as bad as can be."""

    @pytest.fixture
    def config(self, config, stand_in):
        return replace(config, STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stand_in.url)

    @pytest.fixture
    def night_after(self, write, cast):
        today = clock.local_date(clock.now(), "America/New_York")
        with write() as session:
            bills_daily(session, since=today - timedelta(days=1))
            client = session.get_one(Client, cast.cleo_id)
            client.first_name = session.get_one(Contact, cast.cleo_payer_id).name = HOSTILE_NAME
            share = give(session, cast, day=today - timedelta(days=1))
            share.amount_cents = session.get_one(Attendee, share.attendee_id).fee_cents = UNPRINTABLE_CENTS
            give(session, cast, day=today - timedelta(days=1), client_id=cast.otto_id)
            ran(session, today - timedelta(days=2))
        return today

    def test_the_others_are_billed_and_the_page_names_who_was_not(self, app, rows, cast, as_, gateway, night_after):
        with app.app_context():
            tick(gateway, clock.now)
        with rows() as session:
            assert [invoice.client_id for invoice in invoices_of(session)] == [cast.otto_id]
        answer = as_("olga").get(f"/invoices/last-night?night={night_after}")
        page = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
        assert "<script>alert" not in page
        assert "A line comes to at most 1000000.00." in page
        assert "1 failed" in page

    def test_a_name_alone_poisons_nothing(self, app, rows, write, cast, as_, gateway, night_after):
        with write() as session:
            [attendee] = session.query(Attendee).filter(Attendee.client_id == cast.cleo_id)
            attendee.fee_cents = 15_000
            session.query(Share).filter_by(attendee_id=attendee.id).update({"amount_cents": 15_000})
        with app.app_context():
            tick(gateway, clock.now)
        with rows() as session:
            made = invoices_of(session)
            assert {invoice.client_id for invoice in made} == {cast.cleo_id, cast.otto_id}
            hers = next(invoice.id for invoice in made if invoice.client_id == cast.cleo_id)
        for address in (f"/invoices/{hers}", "/invoices/tonight", f"/invoices/last-night?night={night_after}"):
            answer = as_("olga").get(address)
            assert answer.status_code == 200
            assert "<script>alert" not in answer.get_data(as_text=True)
