"""The end of a day or of a month: every payer's and client's invoice of it, one transaction each."""

from collections.abc import Callable
from datetime import date

from sqlalchemy.orm import Session

from clinic.billing import daily, periods
from clinic.billing.daily import Planned
from clinic.jobs import runs
from clinic.jobs.runs import Clock, Report, Subject
from clinic.kernel import failpoints
from clinic.kernel.database import reading, writing

JOB = periods.DAY_JOB
MONTH_JOB = periods.MONTH_JOB


def run(day: date, now: Clock, *, repeats: bool = False) -> Report | None:
    """Make the invoices of a date that has ended. Safe to run twice, at once or late; None: it is done or being done."""
    return _run(JOB, day, lambda session: daily.plan(session, day), now, repeats=repeats)


def run_month(last: date, now: Clock, *, repeats: bool = False) -> Report | None:
    """Make the invoices of the month that ended with that day, likewise."""
    return _run(MONTH_JOB, last, lambda session: daily.survey_month(session, last).planned, now, repeats=repeats)


def _run(job: str, day: date, plan: Callable[[Session], tuple[Planned, ...]], now: Clock, *, repeats: bool) -> Report | None:
    run_id = runs.claim(job, day, now(), repeats=repeats)
    if run_id is None:
        return None
    with reading() as session:
        planned = list(enumerate(plan(session)))
    subjects = {Subject(daily.PAYER, each.payer_id, at): each for at, each in planned}

    def bill(subject: Subject) -> bool:
        with writing() as session:
            invoice = daily.bill(session, subjects[subject], now())
        failpoints.reach(daily.KEPT)
        return invoice is not None

    report = runs.each(run_id, now, subjects, bill)
    runs.finish(run_id, report, now())
    return report
