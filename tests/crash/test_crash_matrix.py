"""Killed at every named point and started again twice: one invoice, one charge, one posting."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import clinic.cli_night  # noqa: F401 - declares every failpoint
from clinic.billing import ledger
from clinic.kernel import failpoints
from clinic.models.money import ChargeStatus
from tests.night_stage import (
    DAY,
    NIGHT,
    attempts_of,
    bills_daily,
    counts,
    enrolled,
    give,
    paid_charges,
    ran,
    with_card,
)

ROOT = Path(__file__).parents[2]
CHARGED = {"charge-answered", "charge-posted", "charge-finished"}
BILLED = {"invoice-kept", *CHARGED, "charge-started"}


@pytest.fixture
def stage(write, cast, stand_in):
    """Cleo was here twice on Wednesday, is in AutoPay and has a card."""
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        give(session, cast, hour=9)
        give(session, cast, hour=11)
        with_card(session, stand_in, cast.cleo_payer_id)
        enrolled(session, cast.cleo_payer_id)


def tick(database, stand_in, tmp_path, *, minutes, dies_at=""):
    """Run `flask tick` in a process of its own, as cron or the scheduler would."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CLINIC_FAILPOINT", "FLASK_RUN_FROM_CLI")},
        "DATABASE_URL": database[0], "SECRET_KEY": "for tests only", "FLASK_APP": "wsgi.py", "HOME": str(tmp_path),
        "STRIPE_SECRET_KEY": "sk_test_demo", "STRIPE_API_BASE": stand_in.url, "CLINIC_FAILPOINT": dies_at,
    }  # fmt: skip
    moment = (NIGHT + timedelta(minutes=minutes)).isoformat()
    return subprocess.run([sys.executable, "-m", "flask", "tick", "--at", moment], cwd=ROOT, env=environment,
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip


def test_the_matrix_covers_every_failpoint_there_is():
    assert set(failpoints.every()) == {"invoice-drafted", "invoice-issued", *BILLED}


@pytest.mark.parametrize("point", sorted(failpoints.every()))
def test_killed_at_a_point_and_started_again_twice_it_happened_once(database, rows, cast, stage, stand_in, tmp_path, point):
    killed = tick(database, stand_in, tmp_path, minutes=0, dies_at=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with rows() as session:
        assert counts(session)["issued"] == (1 if point in BILLED else 0)
        assert counts(session)["payments"] == (1 if point == "charge-finished" else 0)
    assert len(paid_charges(stand_in)) == (1 if point in CHARGED else 0)
    for minutes in (5, 10):
        again = tick(database, stand_in, tmp_path, minutes=minutes)
        assert again.returncode == 0, again.stderr
    with rows() as session:
        assert counts(session) == {"invoices": 1, "issued": 1, "payments": 1, "paid postings": 1, "money legs": 1}
        [attempt] = attempts_of(session, cast.cleo_payer_id)
        assert (attempt.status, attempt.amount_cents) == (ChargeStatus.SUCCEEDED, 30_000)
        assert ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id].balance_cents == 0
    assert [charge["amount"] for charge in stand_in.charges()] == [30_000]
