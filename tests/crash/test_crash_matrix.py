"""Killed at every named point, under every fault of the processor, and started again twice: everything happened once."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

import clinic.cli_night
import clinic.views.webhooks  # noqa: F401 - between them they declare every failpoint
from clinic.billing import autopay, charges, invoices, ledger
from clinic.billing.document_making import STEP_KEPT
from clinic.billing.invoices import NewLine
from clinic.billing.periods import month_ended_before
from clinic.demo.stripe_control import FAULT_MODES
from clinic.jobs import autopay as autopay_job
from clinic.jobs import end_of_day
from clinic.kernel import failpoints
from clinic.models.money import ChargeStatus
from clinic.office import verify
from tests.crash.process import Deed, live, rehearse
from tests.night_stage import (
    DAY,
    NIGHT,
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

CHARGE = ("charge-started", "charge-answered", "charge-posted", "charge-finished")
PAYMENT = ("payment-posted", "payment-allocated")
REFUND = ("refund-started", "refund-answered", "refund-posted", "refund-finished")
EVENT = ("event-read", "event-taken", "event-kept")
INVOICE = ("invoice-drafted", "invoice-issued", "invoice-kept")
# How the next request goes wrong at the processor, besides the crash.
FAULTS = ("", *FAULT_MODES)
CHARGES = "/v1/payment_intents"
ASKED_AT = {"night": CHARGES, "panel": CHARGES, "refund": "/v1/refunds", "webhook": f"{CHARGES}/*"}
POINTS = {
    "night": (*INVOICE, *CHARGE, *PAYMENT),
    "panel": (*CHARGE, *PAYMENT),
    "refund": REFUND,
    "webhook": (*EVENT, *PAYMENT),
    "cash": PAYMENT,  # of no business of the processor
}
CELLS = [
    (deed, point, fault)
    for deed, points in POINTS.items()
    for point in points
    for fault in (FAULTS if deed in ASKED_AT else [""])
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
    yield f"{'killed at (both databases)':28}" + "".join(f"{head:>16}" for head in heads)
    for (deed, point), found in _outcomes.items():
        cells = [" ".join(words for (_, at), words in sorted(found.items()) if at == fault) for fault in FAULTS]
        yield f"{deed + ', ' + point:28}" + "".join(f"{words:>16}" for words in cells)


def stage(write, cast, stand_in, deed):
    """Cleo owes $300 and is in AutoPay: for two sessions no invoice was made of yet, or on an invoice made by hand."""
    with write() as session:
        bills_daily(session)
        all_ran_until(session, DAY)
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


def all_ran_until(session, day):
    """Say that the clock has never stood still before that day: there is nothing to catch up."""
    ran(session, month_ended_before(day), job=end_of_day.MONTH_JOB)
    for back in range(7):
        ran(session, day - timedelta(days=back), job=autopay_job.JOB)
        ran(session, day - timedelta(days=back + 1))


def charged(write, gateway, deed):
    """Have the night's charge made; for a webhook to tell of, its answer was lost before it was written down."""
    with write() as session:
        wanted = charges.charge_of(autopay.start_attempt(session, deed.payer_id, NIGHT))
    if deed.name == "webhook":
        return replace(deed, intent=gateway.charge(wanted).payment_intent)
    charges.carry_out(write, gateway, wanted, NIGHT)
    with write() as session:
        return replace(deed, payment_id=attempts_of(session, deed.payer_id)[0].payment_id)


def test_the_matrix_covers_every_failpoint_there_is():
    # A series of documents has no money and no processor: tests/crash/test_documents_killed.py.
    assert set(failpoints.every()) - {STEP_KEPT} == {point for _, point, _ in CELLS}


@pytest.fixture
def server(request, warm_server, database, write, cast, stand_in, gateway, apps, memory):
    """Give the warm server, which has done all of it once on this database before it is put back for the first test on it."""
    kind = request.node.callspec.params["database"]
    if kind not in warm_server.rehearsed:
        rehearsed(warm_server, database[0], write, cast, stand_in, str(memory / f"warm-{kind}"))
        warm_server.rehearsed.add(kind)
        apps.let_all_go()
        request.getfixturevalue(f"{kind}_stage").put_back()
        stand_in.reset()
    return warm_server


def rehearsed(server, url, write, cast, stand_in, folder):
    """Do each deed once on the way, a charge with its answer lost and found."""
    where = (url, stand_in.url, folder)
    deed = stage(write, cast, stand_in, "night")
    stand_in.fault(CHARGES, "lost_before")
    server.rehearse(rehearse, *where, [deed])
    with write() as session:
        (attempt,), (invoice,) = attempts_of(session, deed.payer_id), invoices_of(session)
        paid, intent = attempt.payment_id, attempt.stripe_payment_intent
    deed = replace(deed, who=cast.olga, payment_id=paid, intent=intent, invoice_id=invoice.id)
    names = ("webhook", "refund", "panel", "cash")
    server.rehearse(rehearse, *where, [replace(deed, name=name, key=f"the-rehearsal-of-{name}") for name in names])


@pytest.mark.parametrize(("name", "point", "fault"), CELLS)
def test_killed_at_a_point_and_started_again_twice_it_happened_once(
    request, database, rows, write, cast, stand_in, gateway, server, tmp_path, name, point, fault
):
    of_point = _outcomes.setdefault((name, point), {})
    at = request.node.callspec.params["database"], fault
    of_point[at] = "FAILED"
    deed = stage(write, cast, stand_in, name)
    if name in ("webhook", "refund"):
        deed = charged(write, gateway, deed)
    if fault:
        method, times = ("GET", 2) if name == "webhook" else ("POST", 1)
        stand_in.fault(ASKED_AT[name], fault, method=method, times=times, seconds=0.05)
    where = (database[0], stand_in.url, str(tmp_path), deed)
    assert server.run(live, *where, point, (0, 5, 10)) == -signal.SIGKILL
    assert [server.run(live, *where, "", (minute,)) for minute in (30, 60)] == [0, 0]
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
    of_point[at] = "once"
