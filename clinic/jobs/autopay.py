"""The night's charges: every enrolled payer's balance once for the local date, inside its window."""

from datetime import date, datetime

from clinic.billing import autopay, charges, pay_links, refunds, visits
from clinic.billing.processor import GatewayError, Visit
from clinic.billing.stripe_gateway import Gateway
from clinic.jobs import runs
from clinic.jobs.runs import Clock, Report, Subject
from clinic.kernel.database import reading, writing
from clinic.practice import settings

JOB = "autopay"
PAYER = "payer"


def run(gateway: Gateway | None, night: date, now: Clock, *, repeats: bool = False) -> Report | None:
    """Charge what is due while the window of that local date is open. Safe to run twice or at once; None: not this process.

    Each payer's window, consent and balance are asked again in the transaction that writes the attempt down.
    """
    run_id = runs.claim(JOB, night, now(), repeats=repeats)
    if run_id is None:
        return None
    with reading() as session:
        payer_ids = autopay.due_payer_ids(session, now()) if gateway is not None else []

    def charge(subject: Subject) -> bool:
        assert gateway is not None
        with writing() as session:
            if not charges.in_window(now(), settings.practice(session).timezone, night):
                autopay.check_left_over(session, subject.id, night, now())
                return False
            attempt = autopay.start_attempt(session, subject.id, now())
            wanted = charges.charge_of(attempt) if attempt is not None else None
        if wanted is None:
            return False
        charges.carry_out(writing, gateway, wanted, now())
        return True

    report = runs.each(run_id, now, [Subject(PAYER, payer_id) for payer_id in payer_ids], charge)
    runs.finish(run_id, report, now())
    return report


def resolve(gateway: Gateway | None, now: Clock) -> int:
    """Find out what became of charges, refunds and visits without an answer; return how many charges and refunds."""
    if gateway is None:
        return 0
    with reading() as session:
        visits = pay_links.due_visits(session, now())
        attempt_ids, refund_ids = charges.due_unresolved(session, now()), refunds.due_unresolved(session, now())
    for attempt_id in attempt_ids:
        charges.resolve(writing, gateway, attempt_id, now())
    for refund_id in refund_ids:
        refunds.resolve(writing, gateway, refund_id, now())
    for visit in visits:
        _look_at(gateway, visit, now())
    return len(attempt_ids) + len(refund_ids)


def _look_at(gateway: Gateway, stripe_session: str, now: datetime) -> None:
    try:
        found = gateway.visit(stripe_session)
    except GatewayError:
        return  # asked again the next minute
    if isinstance(found, Visit):
        with writing() as session:
            visits.book(session, found, now)
