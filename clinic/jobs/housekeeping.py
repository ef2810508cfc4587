"""Housekeeping, once a practice-local day: what is left of packages whose last day has passed expires."""

from datetime import date

from clinic.billing import sold
from clinic.jobs import runs
from clinic.jobs.runs import Clock, Report, Subject
from clinic.kernel.database import reading, writing

JOB = "housekeeping"
SALE = "package sale"


def run(day: date, now: Clock) -> Report | None:
    """Look after the packages of a day. Safe to run twice or late; None: it is done or being done."""
    run_id = runs.claim(JOB, day, now())
    if run_id is None:
        return None
    with reading() as session:
        over = [Subject(SALE, sale_id) for sale_id in sold.due_to_expire(session, now())]

    def expire(subject: Subject) -> bool:
        with writing() as session:
            return sold.expire(session, subject.id, now()) > 0

    report = runs.each(run_id, now, over, expire)
    runs.finish(run_id, report, now())
    return report
