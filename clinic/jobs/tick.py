"""The tick: what is due at an instant, by the practice's own clock and by what the database says was done."""

import socket
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.billing import cards, night_letters, periods
from clinic.billing.charges import WINDOW_HOURS
from clinic.billing.paper import Paper
from clinic.billing.stripe_gateway import Gateway
from clinic.jobs import autopay, end_of_day, housekeeping, link_receipts, runs, send_messages
from clinic.jobs.runs import Clock, Report
from clinic.kernel import clock
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError
from clinic.messages.smtp import Mailer
from clinic.models.money import AutoPayEnrolment
from clinic.models.practice import Heartbeat, JobRun, JobStatus
from clinic.practice import settings

CATCH_UP = timedelta(days=7)
HEARTBEAT_ID = 1


@dataclass(frozen=True)
class Due:
    """Say what is to be done: ended dates and the ended month to invoice, the night to charge, and windows that went by."""

    days: tuple[date, ...] = ()
    month: date | None = None  # its last day
    night: date | None = None
    missed: tuple[date, ...] = ()
    housekeeping: date | None = None


def tick(gateway: Gateway | None, now: Clock, mailer: Mailer | None = None, paper: Paper | None = None) -> list[str]:
    """Do everything that is due, and say it in a sentence each. Safe to repeat, late or at once from many processes."""
    said: list[str] = []
    try:
        with reading() as session:
            asked = due(session, now())
    except NotFoundError:
        beat(now)
        return []  # no practice yet
    for day in asked.days:
        said += _say(f"End of {day.isoformat()}", end_of_day.run(day, now), "invoices made")
    if asked.month is not None:
        report = end_of_day.run_month(asked.month, now)
        said += _say(f"End of the month {asked.month.isoformat()}", report, "invoices made")
    looked = autopay.resolve(gateway, now)
    if looked:
        said.append(f"{looked} charges or refunds without an answer looked into.")
    for night in asked.missed:
        said += _leave_missed(night, now)
    if asked.night is not None and _is_invoiced(asked.night):
        said += _say(f"AutoPay of {asked.night.isoformat()}", autopay.run(gateway, asked.night, now), "cards charged or tried")
    beat(now)
    if asked.housekeeping is not None:
        said += _say(f"Packages of {asked.housekeeping.isoformat()}", housekeeping.run(asked.housekeeping, now), "looked after")
    _write_letters(now)
    if paper is not None:
        link_receipts.run(paper, now)
    report = send_messages.run(mailer, now)
    if report.done or report.failed:
        said += _say("Messages", report, "sent")
    return said


def _write_letters(now: Clock) -> None:
    with reading() as session:
        letter = night_letters.due(session, now())  # what the night will do takes a while to find out: no door to write is open
    with writing() as session:
        if letter is not None:
            night_letters.write(session, letter, now())
        cards.warn_expiring(session, now())


def due(session: Session, now: datetime) -> Due:
    """Say what is due at that instant, in the practice's own days; nothing from before the practice existed."""
    practice = settings.practice(session)
    there = clock.local(now, practice.timezone)
    today = there.date()
    founded = clock.local_date(practice.created_at, practice.timezone)
    first = max(today - CATCH_UP, founded)
    found = session.execute(
        select(JobRun.job, JobRun.local_date, JobRun.status).where(JobRun.local_date >= first - timedelta(days=1))
    ).all()
    status = {(job, day): status for job, day, status in found}
    days = [first + timedelta(days=at) for at in range((today - first).days)]
    is_open = there.hour < WINDOW_HOURS
    gone = [day for day in [*days, today] if not (day == today and is_open)]
    month = periods.month_ended_before(today)
    month_run = runs.run_of(session, end_of_day.MONTH_JOB, month)
    has_run_before = session.scalar(select(JobRun.id).where(JobRun.job != housekeeping.JOB).limit(1)) is not None
    first_enrolled_at = session.scalar(
        select(func.min(AutoPayEnrolment.enrolled_at)).where(AutoPayEnrolment.ended_at.is_(None))
    )
    return Due(
        days=tuple(day for day in days if status.get((end_of_day.JOB, day)) is not JobStatus.DONE),
        month=None if month < founded or (month_run is not None and month_run.status is JobStatus.DONE) else month,
        night=today if is_open and status.get((autopay.JOB, today)) in (None, JobStatus.RUNNING) else None,
        missed=tuple(
            day
            for day in gone
            if status.get((autopay.JOB, day)) in (None, JobStatus.RUNNING)
            # On its very first tick a new installation has missed nothing, and a night with nobody to charge neither.
            and has_run_before
            and first_enrolled_at is not None
            and first_enrolled_at <= clock.day_start(day, practice.timezone)
        ),
        housekeeping=today
        if there.hour >= housekeeping.HOUR_FIRST and status.get((housekeeping.JOB, today)) in (None, JobStatus.RUNNING)
        else None,
    )


def beat(now: Clock) -> None:
    """Write down that the clock is alive."""
    with writing() as session:
        row = session.get(Heartbeat, HEARTBEAT_ID)
        if row is None:
            row = Heartbeat(id=HEARTBEAT_ID)
            session.add(row)
        row.ticked_at, row.host = now(), socket.gethostname()


def _is_invoiced(night: date) -> bool:
    # A card is charged for what the day or month before came to, so those invoices come first.
    with reading() as session:
        practice = settings.practice(session)
        founded = clock.local_date(practice.created_at, practice.timezone)
        before = [(end_of_day.JOB, night - timedelta(days=1)), (end_of_day.MONTH_JOB, periods.month_ended_before(night))]
        due = [runs.run_of(session, job, day) for job, day in before if day >= founded]
        return all(run is not None and run.status is JobStatus.DONE for run in due)


def _leave_missed(night: date, now: Clock) -> list[str]:
    run_id = runs.claim(autopay.JOB, night, now())
    if run_id is None:
        return []
    runs.finish(run_id, Report(), now(), status=JobStatus.MISSED)
    return [f"AutoPay of {night.isoformat()} was missed: what is left waits for the next night."]


def _say(what: str, report: Report | None, deed: str) -> list[str]:
    if report is None:
        return []
    return [f"{what}: {report.done} {deed}, {report.failed} failed."]
