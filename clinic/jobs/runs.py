"""One run of one job for one local date: claimed once, alive while its heart beats, resumed when it died."""

import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from clinic.kernel.database import writing
from clinic.kernel.errors import RefusalError
from clinic.models.practice import JobFailure, JobRun, JobStatus

HEARTBEAT_EVERY = timedelta(seconds=5)  # a run shows its progress as often
DEAD_AFTER = timedelta(minutes=3)
REASON_CHARS_MAX = 200
log = logging.getLogger("clinic.jobs")

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Subject:
    """Be one record a job works on: what is written down when it fails, never a name."""

    type: str
    id: int
    part: int = 0  # tells several pieces of work for one record apart


@dataclass(frozen=True)
class Report:
    """Say how many records a run worked through."""

    done: int = 0
    failed: int = 0
    shown: int = field(default=0, compare=False)  # how many of the done its row has counted already, for who watches


def claim(job: str, local_date: date, now: datetime, *, repeats: bool = False) -> int | None:
    """Take the run of a job for a date; None: another process has it, or it is done.

    Args:
        repeats: take a run that is done or missed, too (a person asked for it).
    """
    with writing() as session:
        run = run_of(session, job, local_date)
        if run is None:
            run = JobRun(job=job, local_date=local_date, status=JobStatus.RUNNING, started_at=now, heartbeat_at=now,
                         host=socket.gethostname(), done_count=0, failed_count=0)  # fmt: skip
            session.add(run)
        elif run.status is JobStatus.RUNNING:
            if now - run.heartbeat_at < DEAD_AFTER:
                return None
        elif not repeats:
            return None
        run.status, run.heartbeat_at, run.host, run.finished_at = JobStatus.RUNNING, now, socket.gethostname(), None
        session.flush()
        return run.id


def run_of(session: Session, job: str, local_date: date) -> JobRun | None:
    """Return the run of a job for a date."""
    return session.scalar(select(JobRun).where(JobRun.job == job, JobRun.local_date == local_date))


def each(run_id: int, now: Clock, subjects: Iterable[Subject], act: Callable[[Subject], bool]) -> Report:
    """Work through the subjects one by one; a failure is written down, counted and passed over.

    `act` says whether there was something to do. It opens its own doors: one subject, one transaction.
    """
    with writing() as session:
        # A run that is resumed or repeated tries again what it had left behind.
        session.execute(delete(JobFailure).where(JobFailure.run_id == run_id))
    done = failed = shown = 0
    beat_at = now()
    for subject in subjects:
        try:
            done += act(subject)
        except Exception as error:  # noqa: BLE001 - one bad record never stops the night for the others
            failed += 1
            _write_down(run_id, subject, error, now())
        if now() - beat_at >= HEARTBEAT_EVERY:
            beat_at = now()
            with writing() as session:
                run = session.get_one(JobRun, run_id)
                run.heartbeat_at, run.failed_count = beat_at, failed
                run.done_count, shown = run.done_count + done - shown, done
    return Report(done, failed, shown)


def finish(run_id: int, report: Report, now: datetime, *, status: JobStatus = JobStatus.DONE) -> None:
    """Close a run with its counts; what was done before it died is counted too."""
    with writing() as session:
        run = session.get_one(JobRun, run_id)
        run.status, run.finished_at, run.heartbeat_at = status, now, now
        run.done_count, run.failed_count = run.done_count + report.done - report.shown, report.failed


def _write_down(run_id: int, subject: Subject, error: Exception, now: datetime) -> None:
    where = _place(error)
    log.error("%s %s failed in run %s: %s at %s", subject.type, subject.id, run_id, type(error).__name__, where)
    reason = error.message if isinstance(error, RefusalError) else f"Something went wrong ({type(error).__name__})."
    with writing() as session:
        session.add(
            JobFailure(
                run_id=run_id, subject_type=subject.type, subject_id=subject.id, reason=reason[:REASON_CHARS_MAX], at=now
            )
        )


def _place(error: Exception) -> str:
    # The place in the code, never the message: it may quote a person's data.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
