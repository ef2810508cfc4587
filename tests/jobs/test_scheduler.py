"""One process ticks, however many serve; the commands refuse what would be out of time."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from clinic import create_app
from clinic.jobs import scheduler
from clinic.kernel.database import db
from clinic.models.practice import Heartbeat
from tests.night_stage import DAY, bills_daily, give, invoices_of

LEADER = """
import sys, time
from clinic.jobs.scheduler import lead_for
lead = lead_for(sys.argv[1])
while not lead.is_held():
    time.sleep(0.05)
print("leads", flush=True)
time.sleep(60)
"""


@pytest.fixture
def url(app):
    with app.app_context():
        return db.engine.url.render_as_string(hide_password=False)


def test_one_process_leads_and_when_it_is_killed_another_takes_over(url):
    lead = scheduler.lead_for(url)
    assert lead.is_held()
    assert lead.is_held()  # asked again every tick
    other = subprocess.Popen([sys.executable, "-c", LEADER, url], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(1)
        assert other.poll() is None
        rival = scheduler.lead_for(url)
        assert not rival.is_held()
        _let_go(lead)
        assert other.stdout.readline().strip() == "leads"
        assert not rival.is_held()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        end = time.monotonic() + 5
        while not rival.is_held() and time.monotonic() < end:
            time.sleep(0.05)
        assert rival.is_held()
        _let_go(rival)
    finally:
        other.kill()
        other.wait()


def _let_go(lead):
    if isinstance(lead, scheduler.FileLead):
        os.close(lead._file)
        lead._file = -1
    else:
        lead._connection.close()
        lead._connection = None


def test_the_scheduler_ticks_at_once_when_it_starts(app, rows):
    running = scheduler.start(app.app_context, None)
    try:
        end = time.monotonic() + 10
        beat = None
        while beat is None and time.monotonic() < end:
            with rows() as session:
                beat = session.get(Heartbeat, 1)
            time.sleep(0.1)
        assert beat is not None
    finally:
        running.shutdown()


def test_a_tick_that_fails_leaves_the_scheduler_alive(app, caplog):
    class Lost:
        def is_held(self):
            raise OSError("Cleo Abernathy")

    scheduler.beat_once(app.app_context, None, Lost())
    assert "OSError" in caplog.text
    assert "Cleo" not in caplog.text


def run(app, *words):
    return app.test_cli_runner().invoke(args=list(words))


def test_autopay_is_refused_at_noon_and_says_when(app):
    said = run(app, "run-job", "autopay", "--date", "2026-11-19", "--at", "2026-11-19T17:00:00Z")
    assert said.exit_code == 1
    assert "between 00:00 and 06:00 of 2026-11-19" in said.output
    assert "12:00 in America/New_York" in said.output


@pytest.mark.parametrize("at", ["2026-11-18T06:00:00Z", "2026-11-20T06:00:00Z"])
def test_autopay_is_refused_in_another_nights_window(app, at):
    assert run(app, "run-job", "autopay", "--date", "2026-11-19", "--at", at).exit_code == 1


def test_autopay_runs_in_its_window(app):
    said = run(app, "run-job", "autopay", "--date", "2026-11-19", "--at", "2026-11-19T06:00:00Z")
    assert (said.exit_code, said.output) == (0, "autopay of 2026-11-19: 0 done, 0 failed.\n")


def test_a_day_that_has_not_ended_is_refused_and_says_when(app):
    said = run(app, "run-job", "end-of-day", "--date", "2026-11-18", "--at", "2026-11-19T04:59:00Z")
    assert said.exit_code == 1
    assert "has not ended" in said.output


def test_the_end_of_a_day_may_be_run_again_by_hand(app, rows, write, cast):
    with write() as session:
        bills_daily(session)
        give(session, cast)
    for made in (1, 0):
        said = run(app, "run-job", "end-of-day", "--date", DAY.isoformat(), "--at", "2026-11-19T12:00:00Z")
        assert said.output == f"end-of-day of 2026-11-18: {made} done, 0 failed.\n"
    with rows() as session:
        assert len(invoices_of(session)) == 1


@pytest.mark.parametrize("words", [("--at", "tomorrow"), ("--at", "2026-11-19T05:00:00"), ("--at", "2026-13-40T05:00:00Z")])
def test_an_instant_without_a_zone_or_sense_is_refused(app, words):
    assert run(app, "tick", *words).exit_code == 2


def test_the_clock_is_never_moved_where_real_money_would(config, tmp_path):
    real = create_app(replace(config, STRIPE_SECRET_KEY="sk_live_x"), instance_path=str(tmp_path / "real"))
    for words in (("tick",), ("run-job", "autopay", "--date", "2026-11-19")):
        said = run(real, *words, "--at", "2026-11-19T06:00:00Z")
        assert said.exit_code == 1
        assert "real cards" in said.output
    with real.app_context():
        db.engine.dispose()


def test_every_failpoint_is_listed_with_what_has_happened_by_then(app):
    said = run(app, "failpoints").output
    assert "charge-answered" in said
    assert "the card is charged, nothing of it written down" in said


def test_a_month_is_invoiced_by_hand_only_when_it_has_ended_and_named_by_its_last_day(app, cast):
    at = ("--at", "2026-11-19T12:00:00Z")
    for day, words in (("2026-11-18", "not the last day of a month"), ("2026-11-30", "has not ended")):
        said = run(app, "run-job", "end-of-month", "--date", day, *at)
        assert said.exit_code == 1
        assert words in said.output
    for _ in range(2):
        said = run(app, "run-job", "end-of-month", "--date", "2026-10-31", *at)
        assert (said.exit_code, said.output) == (0, "end-of-month of 2026-10-31: 0 done, 0 failed.\n")
