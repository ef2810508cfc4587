"""Killed at every named point, under every fault of the processor, and started again twice: everything happened once."""

import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

import clinic.cli_night
import clinic.views.webhooks  # noqa: F401 - between them they declare every failpoint
from clinic.billing import autopay, charges, invoices, ledger
from clinic.billing.invoices import NewLine
from clinic.kernel import failpoints
from clinic.models.money import ChargeStatus
from clinic.office import verify
from tests.crash.process import Deed, live
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

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.crash.process"])
PATIENCE_SECONDS = 60
CHARGE = ("charge-started", "charge-answered", "charge-posted", "charge-finished")
PAYMENT = ("payment-posted", "payment-allocated")
REFUND = ("refund-started", "refund-answered", "refund-posted", "refund-finished")
EVENT = ("event-read", "event-taken", "event-kept")
INVOICE = ("invoice-drafted", "invoice-issued", "invoice-kept")
# How the next charge goes wrong at the processor, besides the crash.
FAULTS = ("", "lost_before", "lost_after", "error_after", "slow")
CELLS = [
    *(("night", point, "") for point in (*INVOICE, *PAYMENT)),
    *((deed, point, fault) for deed in ("night", "panel") for point in CHARGE for fault in FAULTS),
    *(("refund", point, fault) for point in REFUND for fault in FAULTS),
    *(("cash", point, "") for point in PAYMENT),
    *(("webhook", point, "") for point in (*EVENT, *PAYMENT)),
]
# On PostgreSQL each point meets one fault, each fault a point of every deed: the processor is the same behind both.
MEETS = {point: FAULTS[1 + at % 4] for points in (CHARGE, REFUND) for at, point in enumerate(points)}
ON_BOTH = [
    *(("sqlite", *cell) for cell in CELLS),
    *(("postgresql", name, point, fault) for name, point, fault in CELLS if fault in ("", MEETS.get(point))),
]
_outcomes: dict[tuple[str, str], dict[tuple[str, str], str]] = {}


@pytest.fixture(scope="module", autouse=True)
def table(request) -> Iterator[None]:
    """Print, when all is done, what became of every deed at every point under every fault."""
    yield
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n\n" + "\n".join(_table()))


def _table() -> Iterator[str]:
    heads = [fault.replace("_", " ") or "no fault" for fault in FAULTS]
    yield f"{'killed at':28}" + "".join(f"{head:>16}" for head in heads)
    for (deed, point), found in _outcomes.items():
        cells = [" ".join(words for (_, at), words in sorted(found.items()) if at == fault) for fault in FAULTS]
        yield f"{deed + ', ' + point:28}" + "".join(f"{words:>16}" for words in cells)


def stage(write, cast, stand_in, deed):
    """Cleo owes $300 and is in AutoPay: for two sessions no invoice was made of yet, or on an invoice made by hand."""
    with write() as session:
        bills_daily(session)
        ran(session, DAY - timedelta(days=1))
        with_card(session, stand_in, cast.cleo_payer_id)
        if deed != "cash":
            enrolled(session, cast.cleo_payer_id)
        if deed == "night":
            give(session, cast, hour=9)
            give(session, cast, hour=11)
            return Deed(deed, cast.fay, cast.cleo_payer_id)
        invoice = invoices.draft(session, cast.fay, payer_id=cast.cleo_payer_id, client_id=cast.cleo_id, now=NIGHT)
        invoices.add_line(session, invoice, NewLine("Therapy", 30_000))
        invoices.issue(session, cast.fay, invoice, NIGHT)
        return Deed(deed, cast.olga, cast.cleo_payer_id, invoice.id)


def charged(write, gateway, deed):
    """Have the night's charge made; for a webhook to tell of, its answer was lost before it was written down."""
    with write() as session:
        wanted = charges.charge_of(autopay.start_attempt(session, deed.payer_id, NIGHT))
    if deed.name == "webhook":
        return replace(deed, intent=gateway.charge(wanted).payment_intent)
    charges.carry_out(write, gateway, wanted, NIGHT)
    with write() as session:
        return replace(deed, payment_id=attempts_of(session, deed.payer_id)[0].payment_id)


def run(database, stand_in, folder, deed, *, dies_at="", minutes=(0,)):
    """Live in a process of its own, and say how it ended."""
    process = SERVER.Process(target=live, args=(database[0], stand_in.url, str(folder), deed, dies_at, minutes))
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def test_the_matrix_covers_every_failpoint_there_is():
    assert set(failpoints.every()) == {point for _, point, _ in CELLS}


@pytest.mark.parametrize(("database", "name", "point", "fault"), ON_BOTH, indirect=["database"])
def test_killed_at_a_point_and_started_again_twice_it_happened_once(
    request, database, rows, write, cast, stand_in, gateway, tmp_path, name, point, fault
):
    deed = stage(write, cast, stand_in, name)
    if name in ("webhook", "refund"):
        deed = charged(write, gateway, deed)
    if fault:
        stand_in.fault("/v1/refunds" if name == "refund" else "/v1/payment_intents", fault, seconds=0.05)
    assert run(database, stand_in, tmp_path, deed, dies_at=point) == -signal.SIGKILL
    assert run(database, stand_in, tmp_path, deed, minutes=(5, 10)) == 0
    with rows() as session:
        once_each = {"invoices": 1, "issued": 1, "payments": 1, "paid postings": 1, "money legs": 1}
        assert counts(session) == once_each | ({"money legs": 2} if name == "refund" else {})
        balance_cents = 30_000 if name == "refund" else 0
        assert ledger.payer_sums(session, [cast.cleo_payer_id])[cast.cleo_payer_id].balance_cents == balance_cents
        statuses = [attempt.status for attempt in attempts_of(session, cast.cleo_payer_id)]
        assert statuses == ([] if name == "cash" else [ChargeStatus.SUCCEEDED])
        assert list(verify.findings(session)) == []
    assert [charge["amount"] for charge in paid_charges(stand_in)] == ([] if name == "cash" else [30_000])
    assert sum(charge["amount_refunded"] for charge in stand_in.charges()) == balance_cents
    kind = request.node.callspec.params["database"]
    _outcomes.setdefault((name, point), {})[kind, fault] = "once"
