"""Series of billing documents that wait: made a document at a time, by whichever process has time for them."""

from datetime import timedelta

from clinic.billing import document_making
from clinic.billing.document_kinds import Press
from clinic.billing.paper import Paper
from clinic.jobs.runs import Clock
from clinic.kernel.database import reading, writing

TURN = timedelta(seconds=5)  # then it is another run's turn


def run(paper: Paper, now: Clock, lasting: timedelta | None = None) -> int:
    """Work on the runs that wait, in turns, until none is left or the time is up; return how many turns were taken.

    Safe at once from many processes: each run is claimed before it is worked on.
    """
    press, until, turns = Press(reading, writing, paper), now() + lasting if lasting is not None else None, 0
    while run_ids := _waiting(now):
        for run_id in run_ids:
            if until is not None and now() >= until:
                return turns
            turns += document_making.work(press, run_id, now, TURN)
    return turns


def _waiting(now: Clock) -> list[int]:
    with reading() as session:
        return document_making.waiting(session, now())
