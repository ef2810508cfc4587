"""Tonight and last night: what will be invoiced and charged, what was, and whether the clock ran at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, case, exists, func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import autopay, daily, enrolments, leftovers, periods
from clinic.billing.autopay import OWES_NOTHING, TRIED, Outlook
from clinic.billing.charges import WINDOW_HOURS
from clinic.billing.daily import Planned
from clinic.billing.leftovers import Left
from clinic.kernel import clock
from clinic.models.billing import Invoice, InvoiceSource
from clinic.models.money import AutoPayEnrolment, Card, ChargeAttempt, ChargePurpose, ChargeStatus, EndedBy
from clinic.models.people import Client, Contact
from clinic.models.practice import Heartbeat, InvoiceCreation, JobFailure, JobRun, JobStatus, Practice
from clinic.practice import settings

AUTOPAY_JOB = "autopay"
SHOWN_MAX = 300
NIGHTLY = (InvoiceSource.DAILY, InvoiceSource.MONTHLY)
STILL = timedelta(minutes=10)  # without a tick for so long, the clock has stopped
STATUS_WORDS = {
    ChargeStatus.SUCCEEDED: "Charged",
    ChargeStatus.DECLINED: "Declined",
    ChargeStatus.NEEDS_CLIENT: "The bank asks the cardholder",
    ChargeStatus.PENDING: "No answer yet",
    ChargeStatus.UNKNOWN: "No answer yet",
}


@dataclass(frozen=True)
class Ended:
    """Be a payer whose AutoPay the night or the client ended, until someone has seen it."""

    payer_id: int
    payer_name: str
    client_id: int | None  # on whose Billing the payer is enrolled again
    day: date
    words: str
    is_by_client: bool


UNANSWERED = "It may have been charged: that is looked into by itself, and nothing is charged twice."
FOLLOW_UP = {ChargeStatus.PENDING: UNANSWERED, ChargeStatus.UNKNOWN: UNANSWERED}


@dataclass(frozen=True)
class Tonight:
    """Be what the coming night will do, as it stands now."""

    day: date
    night: date
    creation: InvoiceCreation
    month_end: date  # the month whose run comes next ends with it
    restored_at: datetime | None
    planned: tuple[Planned, ...]
    charged: tuple[Outlook, ...]
    held: tuple[Outlook, ...]
    skipped: tuple[Outlook, ...]
    owing_nothing_count: int
    left: tuple[Left, ...]
    ended: tuple[Ended, ...] = ()

    @property
    def count(self) -> int:
        """Count the invoices it makes, or where it makes none the cards it charges."""
        return _count(self.planned, self.charged)

    @property
    def is_left_cut(self) -> bool:
        """Say whether more may be left than is listed."""
        return len(self.left) >= leftovers.LEFT_MAX

    @property
    def planned_cents(self) -> int:
        """Return what will be invoiced."""
        return sum(each.total_cents for each in self.planned)

    @property
    def charged_cents(self) -> int:
        """Return what will be charged."""
        return sum(each.charge_cents for each in self.charged)

    @property
    def held_cents(self) -> int:
        """Return what is owed by payers on hold."""
        return sum(each.charge_cents for each in self.held)

    @property
    def afterwards(self) -> dict[int, str]:
        """Return what becomes of the balance of each payer in AutoPay; the others are not in it."""
        told = {each.payer_id: "Skipped" for each in self.skipped} | {each.payer_id: "On hold" for each in self.held}
        return told | {each.payer_id: "Then charged" for each in self.charged}


@dataclass(frozen=True)
class Ran:
    """Be one job of a night: when it ran, or that it did not."""

    status: JobStatus | None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    done_count: int = 0
    failed_count: int = 0

    @property
    def is_done(self) -> bool:
        """Say whether it ran to its end."""
        return self.status is JobStatus.DONE


@dataclass(frozen=True)
class Made:
    """Be one invoice the night made."""

    invoice_id: int
    number: str
    payer_id: int
    payer: str
    client: str
    total_cents: int


@dataclass(frozen=True)
class Tried:
    """Be one card the night charged or tried."""

    payer_id: int
    payer: str
    last4: str
    amount_cents: int
    words: str
    message: str
    is_paid: bool
    follow_up: str = ""


@dataclass(frozen=True)
class Trouble:
    """Be something a night left behind, or a payer it took off AutoPay."""

    payer_id: int
    name: str
    words: str


@dataclass(frozen=True)
class Sums:
    """Be what a night came to, whether all of it is listed or not."""

    made_count: int = 0
    made_cents: int = 0
    paid_count: int = 0
    paid_cents: int = 0
    unpaid_count: int = 0
    failed_count: int = 0
    ended_count: int = 0

    @property
    def tried_count(self) -> int:
        """Count the cards charged or tried."""
        return self.paid_count + self.unpaid_count


@dataclass(frozen=True)
class LastNight:
    """Be what one night did: its figures, and at most `SHOWN_MAX` rows of each kind."""

    day: date
    night: date
    invoicing: Ran
    charging: Ran
    made: tuple[Made, ...]
    tried: tuple[Tried, ...]
    failures: tuple[Trouble, ...]
    ended: tuple[Trouble, ...]
    sums: Sums


@dataclass(frozen=True)
class Alarm:
    """Be the red line over every page: a night that did not run, a clock that stands still, AutoPay turned off."""

    title: str
    words: str
    is_tonight: bool = False  # where it is looked at: Tonight, else Last night


def tonight(session: Session, now: datetime) -> Tonight:
    """Say what the coming night will do, in a fixed number of queries."""
    practice = settings.practice(session)
    night, survey, outlooks = _foreseen(session, practice, now)
    day = night - timedelta(days=1)
    return Tonight(
        day=day,
        night=night,
        creation=practice.invoice_creation,
        month_end=periods.month_end(day),
        restored_at=practice.restored_at,
        planned=survey.planned,
        charged=tuple(each for each in outlooks if each.is_charged),
        held=tuple(each for each in outlooks if each.is_held),
        skipped=tuple(each for each in outlooks if each.skipped_for not in ("", OWES_NOTHING, TRIED) and not each.is_held),
        owing_nothing_count=sum(each.skipped_for == OWES_NOTHING for each in outlooks),
        left=tuple(leftovers.all_of(session, survey, day, now)),
        ended=_unseen(session, practice),
    )


def count(session: Session, now: datetime) -> int:
    """Count what the coming night will do, as Tonight does, without what it leaves for a person."""
    _night, survey, outlooks = _foreseen(session, settings.practice(session), now)
    return _count(survey.planned, [each for each in outlooks if each.is_charged])


def _foreseen(session: Session, practice: Practice, now: datetime) -> tuple[date, daily.Survey, list[Outlook]]:
    night = autopay.coming_night(now, practice.timezone)
    day = night - timedelta(days=1)
    survey = daily.survey(session, day)
    if periods.month_end(day) == day:
        survey = survey.joined(daily.survey_month(session, day))
    expected: dict[int, int] = {}
    for each in survey.planned:
        expected[each.payer_id] = expected.get(each.payer_id, 0) + each.total_cents
    return night, survey, list(autopay.outlook(session, night, now, expected_cents=expected))


def _count(planned: Sequence[Planned], charged: Sequence[Outlook]) -> int:
    return len(planned) or len(charged)


def last_night(session: Session, now: datetime, night: date | None = None) -> LastNight:
    """Say what a night did; None: the one before the coming one."""
    practice = settings.practice(session)
    there = clock.local(now, practice.timezone)
    night = night or there.date()
    day = night - timedelta(days=1)
    runs = {
        run.job: run
        for run in session.scalars(
            select(JobRun).where(
                (JobRun.job.in_((periods.DAY_JOB, periods.MONTH_JOB)) & (JobRun.local_date == day))
                | ((JobRun.job == AUTOPAY_JOB) & (JobRun.local_date == night))
            )
        )
    }
    made, made_count, made_cents = _made(session, practice, night)
    tried, paid_count, paid_cents, tried_count = _tried(session, night)
    failures, failed_count = _troubles(session, _failures([run.id for run in runs.values()]))
    ended, ended_count = _troubles(session, _ended(practice, night))
    return LastNight(
        day=day, night=night, invoicing=_ran(runs.get(daily.JOB)), charging=_ran(runs.get(AUTOPAY_JOB)),
        made=made, tried=tried, failures=failures, ended=ended,
        sums=Sums(made_count, made_cents, paid_count, paid_cents, tried_count - paid_count, failed_count, ended_count),
    )  # fmt: skip


def alarm(session: Session, now: datetime) -> Alarm | None:
    """Return the red line if a night that mattered did not run; in one query besides the practice's row."""
    practice = settings.practice(session)
    there = clock.local(now, practice.timezone)
    today, day = there.date(), there.date() - timedelta(days=1)
    ticked_at, is_invoiced, charging, has_payers, ended_count = session.execute(
        select(
            select(func.max(Heartbeat.ticked_at)).scalar_subquery(),
            exists().where(JobRun.job == daily.JOB, JobRun.local_date == day, JobRun.status == JobStatus.DONE),
            select(func.max(JobRun.status)).where(JobRun.job == AUTOPAY_JOB, JobRun.local_date == today).scalar_subquery(),
            exists().where(AutoPayEnrolment.ended_at.is_(None)),
            select(func.count()).where(enrolments.unseen(), AutoPayEnrolment.ended_by == EndedBy.NIGHT).scalar_subquery(),
        )
    ).one()
    ended = _turned_off(ended_count)
    is_automatic = practice.invoice_creation in (InvoiceCreation.DAILY, InvoiceCreation.MONTHLY)
    if not (is_automatic or has_payers) or practice.created_at > clock.day_start(today, practice.timezone):
        return ended
    is_still = ticked_at is None or now - ticked_at > STILL
    if not is_invoiced and is_still:
        return Alarm(
            "Last night did not run.", f"{_stopped(ticked_at)} Nothing was invoiced or charged; it catches up by itself."
        )
    if is_still:
        return Alarm("The clock stands still.", f"{_stopped(ticked_at)} Tonight will not run until it is started again.")
    if has_payers and charging == JobStatus.MISSED.value and there.hour >= WINDOW_HOURS:
        return Alarm("Last night charged no cards.", "The clock did not run between 12 AM and 6 AM. AutoPay waits for tonight.")
    return ended


def _turned_off(count: int) -> Alarm | None:
    if not count:
        return None
    whose = "one payer, whose card" if count == 1 else f"{count} payers, whose cards"
    return Alarm("AutoPay is turned off", f"for {whose} could not be charged.", is_tonight=True)


def _stopped(ticked_at: datetime | None) -> str:
    return "The clock never started." if ticked_at is None else "The clock has stopped."


def _ran(run: JobRun | None) -> Ran:
    if run is None:
        return Ran(None)
    return Ran(run.status, run.started_at, run.finished_at, run.done_count, run.failed_count)


def _made(session: Session, practice: Practice, night: date) -> tuple[tuple[Made, ...], int, int]:
    starts_at, ends_at = clock.day_span(night, practice.timezone)
    found = session.execute(
        select(Invoice.id, Invoice.number, Invoice.payer_id, Contact.name, Client, Invoice.total_cents,
               func.count().over(), func.sum(Invoice.total_cents).over())
        .join(Contact, Contact.id == Invoice.payer_id)
        .outerjoin(Client, Client.id == Invoice.client_id)
        .where(Invoice.source.in_(NIGHTLY), Invoice.issued_at >= starts_at, Invoice.issued_at < ends_at)
        .order_by(Invoice.serial)
        .limit(SHOWN_MAX)
    ).all()  # fmt: skip
    made = tuple(
        Made(invoice_id, number or "", payer_id, payer, client.name if client is not None else "several clients", cents)
        for invoice_id, number, payer_id, payer, client, cents, *_ in found
    )
    count, cents = found[0][-2:] if found else (0, 0)
    return made, int(count), int(cents)


def _tried(session: Session, night: date) -> tuple[tuple[Tried, ...], int, int, int]:
    """List the cards, those not charged first: they are what is left to do."""
    is_paid = ChargeAttempt.status == ChargeStatus.SUCCEEDED
    count = func.count().over()
    paid_count, paid_cents = (func.sum(case((is_paid, of), else_=0)).over() for of in (1, ChargeAttempt.amount_cents))
    found = session.execute(
        select(ChargeAttempt, Contact.name, Card.last4, paid_count, paid_cents, count)
        .join(Contact, Contact.id == ChargeAttempt.contact_id)
        .join(Card, Card.id == ChargeAttempt.card_id)
        .where(ChargeAttempt.purpose == ChargePurpose.AUTOPAY, ChargeAttempt.local_date == night)
        .order_by(case((is_paid, 1), else_=0), Contact.sort_name, Contact.id)
        .limit(SHOWN_MAX)
    ).all()
    tried = tuple(
        Tried(attempt.contact_id, name, last4, attempt.amount_cents, STATUS_WORDS[attempt.status], attempt.message,
              attempt.status is ChargeStatus.SUCCEEDED, attempt.follow_up or FOLLOW_UP.get(attempt.status, ""))
        for attempt, name, last4, *_ in found
    )  # fmt: skip
    paid, cents, all_count = found[0][-3:] if found else (0, 0, 0)
    return tried, int(paid), int(cents), int(all_count)


def _troubles(session: Session, chosen: Select[int, str, str]) -> tuple[tuple[Trouble, ...], int]:
    found = session.execute(chosen.add_columns(func.count().over()).limit(SHOWN_MAX)).all()
    return tuple(Trouble(payer_id, name, reason) for payer_id, name, reason, _ in found), int(found[0][-1]) if found else 0


def _failures(run_ids: list[int]) -> Select[int, str, str]:
    return (
        select(Contact.id, Contact.name, JobFailure.reason)
        .join(Contact, Contact.id == JobFailure.subject_id)
        .where(JobFailure.run_id.in_(run_ids), JobFailure.subject_type == daily.PAYER)
        .order_by(JobFailure.id)
    )


def _unseen(session: Session, practice: Practice) -> tuple[Ended, ...]:
    theirs = select(func.min(Client.id)).where(or_(Client.contact_id == Contact.id, Client.default_payer_id == Contact.id))
    found = session.execute(
        select(AutoPayEnrolment, Contact.name, theirs.correlate(Contact).scalar_subquery())
        .join(Contact, Contact.id == AutoPayEnrolment.contact_id)
        .where(enrolments.unseen())
        .order_by(AutoPayEnrolment.ended_at.desc(), AutoPayEnrolment.id)
        .limit(SHOWN_MAX)
    )
    return tuple(
        Ended(row.contact_id, name, client_id, clock.local_date(row.ended_at, practice.timezone), row.ended_reason,
              row.ended_by is EndedBy.CLIENT)
        for row, name, client_id in found
        if row.ended_at is not None
    )  # fmt: skip


def _ended(practice: Practice, night: date) -> Select[int, str, str]:
    starts_at, ends_at = clock.day_span(night, practice.timezone)
    return (
        select(Contact.id, Contact.name, AutoPayEnrolment.ended_reason)
        .join(Contact, Contact.id == AutoPayEnrolment.contact_id)
        .where(AutoPayEnrolment.ended_at >= starts_at, AutoPayEnrolment.ended_at < ends_at)
        .order_by(Contact.sort_name, Contact.id)
    )
