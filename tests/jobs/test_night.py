"""The tick: what is due at an instant, what it does once, and what it leaves for the next night."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from clinic.billing import daily
from clinic.billing import invoices as invoicing
from clinic.jobs import autopay, end_of_day, runs
from clinic.jobs import tick as ticking
from clinic.jobs.tick import tick
from clinic.kernel.errors import RefusalError
from clinic.models.billing import Invoice, InvoiceSource
from clinic.models.money import ChargeStatus
from clinic.models.practice import Heartbeat, InvoiceCreation, JobFailure, JobRun, JobStatus
from clinic.practice import settings
from tests.night_stage import (
    DAY,
    NIGHT,
    NOON,
    at,
    attempts_of,
    bills_daily,
    counts,
    enrolled,
    give,
    invoices_of,
    paid_charges,
    ran,
    with_card,
)


@pytest.fixture
def stage(write, cast, stand_in):
    """Cleo was here on Wednesday, is in AutoPay and has a card; Otto too, with a card that declines."""
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        ran(session, DAY, job="autopay")
        for client_id, payer_id, card in (
            (cast.cleo_id, cast.cleo_payer_id, "visa"),
            (cast.otto_id, cast.otto_payer_id, "visa_chargeDeclinedInsufficientFunds"),
        ):
            give(session, cast, client_id=client_id)
            with_card(session, stand_in, payer_id, card)
            enrolled(session, payer_id)


def runs_of(session):
    found = session.scalars(select(JobRun).order_by(JobRun.local_date, JobRun.job)).all()
    return {(run.job, run.local_date): run for run in found if run.local_date >= DAY}


def test_just_after_midnight_the_day_is_invoiced_and_the_cards_are_charged(app, rows, cast, stage, stand_in, gateway):
    with app.app_context():
        tick(gateway, at(NIGHT))
    with rows() as session:
        assert len(invoices_of(session)) == 2
        [paid], [declined] = attempts_of(session, cast.cleo_payer_id), attempts_of(session, cast.otto_payer_id)
        assert (paid.status, paid.amount_cents) == (ChargeStatus.SUCCEEDED, 15_000)
        assert (declined.status, declined.decline_code) == (ChargeStatus.DECLINED, "insufficient_funds")
        found = runs_of(session)
        assert {key: run.status for key, run in found.items()} == {
            ("autopay", DAY): JobStatus.DONE, ("end-of-day", DAY): JobStatus.DONE,
            ("autopay", date(2026, 11, 19)): JobStatus.DONE,
        }  # fmt: skip
        assert session.get(Heartbeat, 1).ticked_at == NIGHT


def test_the_next_tick_finds_nothing(app, rows, cast, stage, stand_in, gateway):
    with app.app_context():
        for minutes in range(0, 300, 60):
            tick(gateway, at(NIGHT + timedelta(minutes=minutes)))
    with rows() as session:
        assert counts(session) == {"invoices": 2, "issued": 2, "payments": 1, "paid postings": 1, "money legs": 1}
    assert len(stand_in.charges()) == 2


def test_soft_declines_are_tried_again_three_nights_and_no_more(app, rows, cast, stage, stand_in, gateway):
    with app.app_context():
        for nights in range(5):
            tick(gateway, at(NIGHT + timedelta(days=nights)))
    with rows() as session:
        assert [attempt.status for attempt in attempts_of(session, cast.otto_payer_id)] == [ChargeStatus.DECLINED] * 3
        assert len(attempts_of(session, cast.cleo_payer_id)) == 1


def test_before_midnight_nothing_is_due(app, rows, cast, stage, gateway):
    with app.app_context():
        tick(gateway, at(datetime(2026, 11, 19, 4, 59, tzinfo=UTC)))  # 23:59 in New York
    with rows() as session:
        assert invoices_of(session) == []
        assert attempts_of(session, cast.cleo_payer_id) == []


def test_a_window_that_went_by_is_left_as_missed_and_the_next_night_charges(app, rows, cast, stage, stand_in, gateway):
    with app.app_context():
        said = tick(gateway, at(NOON))
    assert any("missed" in sentence for sentence in said)
    with rows() as session:
        assert len(invoices_of(session)) == 2
        assert runs_of(session)["autopay", date(2026, 11, 19)].status is JobStatus.MISSED
    assert stand_in.charges() == []
    with app.app_context():
        tick(gateway, at(NIGHT + timedelta(days=1)))
    assert [charge["amount"] for charge in paid_charges(stand_in)] == [15_000]


def test_days_the_server_was_down_are_caught_up_each_by_itself(app, rows, write, cast, gateway):
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        for days in range(3):
            give(session, cast, day=DAY + timedelta(days=days))
    with app.app_context():
        tick(gateway, at(NIGHT + timedelta(days=2)))
    with rows() as session:
        made = invoices_of(session)
        assert [invoice.issue_date for invoice in made] == [DAY + timedelta(days=days) for days in range(3)]
        done = [day for (job, day), run in runs_of(session).items() if job == "end-of-day" and run.status is JobStatus.DONE]
        assert done == [DAY + timedelta(days=days) for days in range(3)]


def test_no_more_than_seven_days_are_caught_up_and_none_from_before_the_practice(app, rows, write, cast, gateway):
    with write() as session:
        settings.practice(session).created_at = datetime(2026, 11, 15, 15, tzinfo=UTC)
    with rows() as session:
        assert ticking.due(session, NIGHT).days == tuple(date(2026, 11, day) for day in (15, 16, 17, 18))
        assert len(ticking.due(session, NIGHT + timedelta(days=60)).days) == 7


def test_a_new_installation_has_missed_no_window(rows, write, cast):
    with rows() as session:
        assert ticking.due(session, NOON).missed == ()
    with write() as session:
        ran(session, DAY)
    with rows() as session:
        assert ticking.due(session, NOON).missed == ()  # nobody was to be charged
    with write() as session:
        enrolled(session, cast.cleo_payer_id)
    with rows() as session:
        assert ticking.due(session, NOON).missed[-1] == date(2026, 11, 19)


def test_one_bad_record_stops_nobody_else_and_is_tried_again_the_next_night(app, rows, write, cast, gateway, monkeypatch):
    with write() as session:
        bills_daily(session)
        for client_id in (cast.cleo_id, cast.otto_id):
            give(session, cast, client_id=client_id)
    real = invoicing.issue

    def issue(session, who, invoice, now, **more):
        if invoice.client_id == cast.cleo_id:
            raise RefusalError("A made-up refusal.")
        real(session, who, invoice, now, **more)

    monkeypatch.setattr(invoicing, "issue", issue)
    with app.app_context():
        tick(gateway, at(NIGHT))
    with rows() as session:
        assert [invoice.client_id for invoice in invoices_of(session)] == [cast.otto_id]
        [failure] = session.scalars(select(JobFailure)).all()
        assert (failure.subject_type, failure.subject_id, failure.reason) == ("payer", cast.cleo_payer_id, "A made-up refusal.")
        run = runs_of(session)["end-of-day", DAY]
        assert (run.status, run.done_count, run.failed_count) == (JobStatus.DONE, 1, 1)
    monkeypatch.undo()
    with app.app_context():
        tick(gateway, at(NIGHT + timedelta(days=1)))
    with rows() as session:
        assert [invoice.client_id for invoice in invoices_of(session)] == [cast.otto_id, cast.cleo_id]


def test_a_failure_is_logged_without_a_name(app, write, cast, gateway, monkeypatch, caplog):
    with write() as session:
        bills_daily(session)
        give(session, cast)

    def fail(*_args, **_more):
        raise ValueError("Cleo Abernathy")

    monkeypatch.setattr(invoicing, "issue", fail)
    with app.app_context():
        tick(gateway, at(NIGHT))
    assert "ValueError" in caplog.text
    assert "Cleo" not in caplog.text


def test_a_run_is_taken_by_one_process_and_resumed_when_it_died(app, rows):
    with app.app_context():
        first = runs.claim("end-of-day", DAY, NIGHT)
        assert first is not None
        assert runs.claim("end-of-day", DAY, NIGHT + timedelta(minutes=2)) is None
        assert runs.claim("end-of-day", DAY, NIGHT + timedelta(minutes=4)) == first
        runs.finish(first, runs.Report(1, 0), NIGHT)
        assert runs.claim("end-of-day", DAY, NOON) is None
        assert runs.claim("end-of-day", DAY, NOON, repeats=True) == first


def test_a_night_that_died_is_resumed_and_charges_only_who_is_left(app, rows, write, cast, stage, stand_in, gateway):
    with app.app_context():
        end_of_day.run(DAY, at(NIGHT))
        runs.claim(autopay.JOB, date(2026, 11, 19), NIGHT)
        tick(gateway, at(NIGHT + timedelta(minutes=1)))
        assert stand_in.charges() == []
        tick(gateway, at(NIGHT + timedelta(minutes=5)))
    assert len(stand_in.charges()) == 2


def test_cards_wait_until_the_day_before_is_invoiced(app, rows, write, cast, stage, stand_in, gateway):
    with app.app_context():
        runs.claim(end_of_day.JOB, DAY, NIGHT)  # another process is at it
        tick(gateway, at(NIGHT + timedelta(minutes=1)))
    assert stand_in.charges() == []


def test_a_window_that_closes_half_way_charges_nobody_further(app, rows, cast, stage, stand_in, gateway):
    instants = iter([NIGHT] * 3 + [NOON] * 50)
    with app.app_context():
        end_of_day.run(DAY, at(NIGHT))
        autopay.run(gateway, date(2026, 11, 19), lambda: next(instants))
    assert stand_in.charges() == []


def test_without_a_practice_the_clock_only_beats(app, rows, write, gateway):
    with write() as session:
        session.delete(settings.practice(session))
    with app.app_context():
        assert tick(gateway, at(NIGHT)) == []
    with rows() as session:
        assert session.get(Heartbeat, 1).ticked_at == NIGHT


def test_the_plan_and_the_run_agree(app, rows, cast, stage, gateway):
    with rows() as session:
        planned = daily.plan(session, DAY)
    with app.app_context():
        tick(gateway, at(NIGHT))
    with rows() as session:
        assert sorted(each.total_cents for each in planned) == sorted(each.total_cents for each in invoices_of(session))


@pytest.mark.parametrize(("zone", "midnight", "day"), [
    ("America/New_York", datetime(2026, 11, 2, 5, 0, tzinfo=UTC), date(2026, 11, 1)),  # 25 hours long
    ("America/New_York", datetime(2026, 3, 9, 4, 0, tzinfo=UTC), date(2026, 3, 8)),  # 23 hours long
    ("America/Santiago", datetime(2026, 9, 6, 4, 0, tzinfo=UTC), date(2026, 9, 5)),  # the next day begins at one
    ("America/Santiago", datetime(2026, 4, 5, 4, 0, tzinfo=UTC), date(2026, 4, 4)),  # its last hour comes twice
    ("Pacific/Kiritimati", datetime(2026, 11, 18, 10, 0, tzinfo=UTC), date(2026, 11, 18)),  # a day ahead of New York
])  # fmt: skip
def test_a_day_ends_when_the_practices_clock_says_so_and_once(app, rows, write, cast, gateway, zone, midnight, day):
    with write() as session:
        practice = settings.practice(session)
        practice.timezone = zone
        bills_daily(session, since=day)
        give(session, cast, day=day, hour=9, zone=zone)
        ran(session, day - timedelta(days=1))
    with app.app_context():
        tick(gateway, at(midnight - timedelta(minutes=1)))
        with_door = [invoice.id for invoice in _made(rows)]
        assert with_door == []
        tick(gateway, at(midnight))
        tick(gateway, at(midnight + timedelta(minutes=90)))
    with rows() as session:
        assert len(invoices_of(session)) == 1


def _made(rows):
    with rows() as session:
        return invoices_of(session)


def test_on_the_first_the_month_is_invoiced_before_any_card_is_charged_even_if_the_server_was_down(
    app, rows, write, cast, stand_in, gateway
):
    with write() as session:
        practice = settings.practice(session)
        practice.invoice_creation, practice.monthly_from_date = InvoiceCreation.MONTHLY, date(2026, 11, 1)
        give(session, cast, day=date(2026, 11, 3))
        with_card(session, stand_in, cast.cleo_payer_id, "visa")
        enrolled(session, cast.cleo_payer_id)
    for instant in (datetime(2026, 12, 12, 6, tzinfo=UTC), datetime(2026, 12, 12, 7, tzinfo=UTC)):
        with app.app_context():
            tick(gateway, at(instant))
    with rows() as session:
        [made] = session.scalars(select(Invoice)).all()
        assert (made.issue_date, made.source) == (date(2026, 11, 30), InvoiceSource.MONTHLY)
    assert [charge["amount"] for charge in paid_charges(stand_in)] == [15_000]
