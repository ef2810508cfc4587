"""The end of a day: every payer's and client's invoice of that practice-local date, one transaction each."""

from datetime import date

from clinic.billing import daily
from clinic.jobs import runs
from clinic.jobs.runs import Clock, Report, Subject
from clinic.kernel import failpoints
from clinic.kernel.database import reading, writing

JOB = daily.JOB


def run(day: date, now: Clock, *, repeats: bool = False) -> Report | None:
    """Make the invoices of a date that has ended. Safe to run twice, at once or late; None: it is done or being done."""
    run_id = runs.claim(JOB, day, now(), repeats=repeats)
    if run_id is None:
        return None
    with reading() as session:
        planned = list(enumerate(daily.plan(session, day)))
    subjects = {Subject(daily.PAYER, each.payer_id, at): each for at, each in planned}

    def bill(subject: Subject) -> bool:
        with writing() as session:
            invoice = daily.bill(session, subjects[subject], now())
        failpoints.reach(daily.KEPT)
        return invoice is not None

    report = runs.each(run_id, now, subjects, bill)
    runs.finish(run_id, report, now())
    return report
