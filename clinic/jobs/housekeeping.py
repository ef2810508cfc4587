"""Housekeeping, once a practice-local day: packages expire, clients are warned of it; what is of no use any more goes."""

from datetime import date

from clinic.billing import document_runs, package_warnings, purchases, sold
from clinic.jobs import runs
from clinic.jobs.runs import Clock, Report, Subject
from clinic.kernel.database import reading, writing
from clinic.people import portal_visits

JOB = "housekeeping"
HOUR_FIRST = 8  # nobody is written to at night
EXPIRING, WARNING, UNPAID = "expiring package", "package to warn of", "unpaid online purchase"


def run(day: date, now: Clock) -> Report | None:
    """Look after the packages and the portal of a day. Safe to run twice or late; None: it is done or being done."""
    run_id = runs.claim(JOB, day, now())
    if run_id is None:
        return None
    with writing() as session:
        portal_visits.tidy(session, now())
        document_runs.tidy(session, now())
    with reading() as session:
        subjects = [Subject(EXPIRING, sale_id) for sale_id in sold.due_to_expire(session, now())]
        subjects += [Subject(WARNING, sale_id) for sale_id in package_warnings.due(session, now())]
        subjects += [Subject(UNPAID, purchase_id) for purchase_id in purchases.due_to_clear(session, now())]
    acts = {EXPIRING: sold.expire, WARNING: package_warnings.warn, UNPAID: purchases.clear}

    def look_after(subject: Subject) -> bool:
        with writing() as session:
            return acts[subject.type](session, subject.id, now()) > 0

    report = runs.each(run_id, now, subjects, look_after)
    runs.finish(run_id, report, now())
    return report
