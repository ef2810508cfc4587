"""Daily and monthly invoices: what the end of a date or month bills, to whom, and what it leaves for a person."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from clinic.billing import candidates, invoices, periods, uninvoiced, work
from clinic.billing.candidates import Candidate, Payer, Place, Slot
from clinic.billing.invoices import NewLine
from clinic.billing.periods import LOOK_BACK, Period
from clinic.kernel import clock, failpoints, money
from clinic.kernel.database import connection_of
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, InvoiceSource, Share
from clinic.models.calendar import Attendee, Item
from clinic.models.people import ClientContact, Contact
from clinic.models.practice import InvoiceCreation, JobFailure, JobRun, JobStatus, Practice
from clinic.practice import settings
from clinic.practice.permissions import CLOCK

JOB = periods.DAY_JOB
PAYER = "payer"  # what a failure of this job is about

CLIENTS_NAMED_MAX = 300  # more are not asked for by name: all the lines typed for those days are read
_TYPED = (
    select(
        InvoiceLine.id, Invoice.number, InvoiceLine.fee_id, InvoiceLine.unit_cents, Invoice.client_id, InvoiceLine.session_date
    )
    .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
    .where(
        InvoiceLine.share_id.is_(None),
        InvoiceLine.released_at.is_(None),
        InvoiceLine.session_date.in_(bindparam("days", expanding=True)),
        Invoice.kind == InvoiceKind.INVOICE,
        Invoice.source != InvoiceSource.PACKAGE,
    )
    .order_by(InvoiceLine.id)
)  # fmt: skip
_TYPED_OF_CLIENTS = _TYPED.where(Invoice.client_id.in_(bindparam("clients", expanding=True)))
_REFERENCE = select(ClientContact.reference).where(
    ClientContact.client_id == bindparam("client"), ClientContact.contact_id == bindparam("contact")
)

DRAFTED = failpoints.declare("invoice-drafted", "a daily invoice has its lines and no number yet, its transaction open")
ISSUED = failpoints.declare("invoice-issued", "a daily invoice is issued, its transaction open")
KEPT = failpoints.declare("invoice-kept", "a daily invoice is issued and kept, the next one not begun")


@dataclass(frozen=True, slots=True)
class Work:
    """Be one share that a run bills, as plain values."""

    share_id: int
    client_id: int
    client_name: str
    session_date: date
    is_activity: bool
    total_cents: int


@dataclass(frozen=True, slots=True)
class Planned:
    """Be one invoice a run will make: for a payer, and a client unless the payer wants one invoice for all."""

    day: date  # the ended date, or the month's last one, whose run this is
    payer_id: int
    payer_name: str
    client_id: int | None
    works: tuple[Work, ...]
    source: InvoiceSource = InvoiceSource.DAILY

    @property
    def total_cents(self) -> int:
        """Return what the invoice will come to, tax included."""
        return sum(each.total_cents for each in self.works)

    @property
    def creation(self) -> InvoiceCreation:
        """Return which run makes it."""
        return InvoiceCreation.MONTHLY if self.source is InvoiceSource.MONTHLY else InvoiceCreation.DAILY

    @property
    def client_names(self) -> str:
        """Name the clients it is about."""
        return ", ".join(dict.fromkeys(each.client_name for each in self.works))


@dataclass(frozen=True)
class Typed:
    """Be a line typed by hand that seems to bill a session."""

    id: int
    number: str | None
    fee_id: int | None
    unit_cents: int


@dataclass(frozen=True)
class Held:
    """Be a session held back because a line typed by hand seems to bill it."""

    work: Work
    line_id: int
    invoice_number: str | None


@dataclass(frozen=True)
class Survey:
    """Be what the end of a date bills and what it holds back."""

    planned: tuple[Planned, ...] = ()
    held: tuple[Held, ...] = ()

    def joined(self, other: "Survey") -> "Survey":
        """Return both together."""
        return Survey(self.planned + other.planned, self.held + other.held)


def plan(session: Session, day: date) -> tuple[Planned, ...]:
    """Say which invoices the end of that practice-local date makes."""
    return survey(session, day).planned


def expected_cents(session: Session, payer: Contact, day: date) -> int:
    """Return what the end of that date will invoice one payer; in at most four queries."""
    creation = payer.invoice_creation
    if creation is InvoiceCreation.AS_PRACTICE:
        creation = settings.practice(session).invoice_creation
    if creation is InvoiceCreation.DAILY:
        found = survey(session, day, payer_id=payer.id)
    elif creation is InvoiceCreation.MONTHLY and periods.month_end(day) == day:
        found = survey_month(session, day, payer_id=payer.id)
    else:
        return 0
    return sum(each.total_cents for each in found.planned)


def survey(session: Session, day: date, *, payer_id: int | None = None) -> Survey:
    """Look at what the end of that practice-local date will bill: in a fixed number of queries, changing nothing.

    Billed is the date's own work, that of the seven days before which no run has seen as it is now, old work taken along
    when Daily was chosen, and what someone asked to bill again.
    """
    practice = settings.practice(session)
    if practice.invoice_creation is not InvoiceCreation.DAILY or practice.daily_from_date is None:
        return Survey()
    since = max(practice.daily_from_date, day - LOOK_BACK)
    if _chosen_date(practice) > practice.daily_from_date:
        since = practice.daily_from_date
    return _surveyed(session, practice, periods.daily(day), since, payer_id)


def survey_month(session: Session, last: date, *, payer_id: int | None = None) -> Survey:
    """Look likewise at what the month that ends with that day will bill to who is invoiced monthly."""
    practice = settings.practice(session)
    period = periods.monthly(last)
    return _surveyed(session, practice, period, period.first - LOOK_BACK, payer_id)


def _surveyed(session: Session, practice: Practice, period: Period, since: date, payer_id: int | None) -> Survey:
    chosen = uninvoiced.billable(practice, period.creation).where(
        Item.starts_at < clock.day_start(period.last + timedelta(days=1), practice.timezone),
        or_(Item.starts_at >= clock.day_start(since, practice.timezone), Share.bill_again_at.is_not(None)),
    )
    if payer_id is not None:
        chosen = chosen.where(Share.payer_id == payer_id)
    found = candidates.found(session, chosen)
    if not found:
        return Survey()
    seen, failed = seen_by(session, period)
    due = [(share, payer) for share, payer in found if is_due(share, payer, practice, period, seen, failed)]
    due_ids = {share.id for share, _ in due}
    # What a line typed by hand held back in an earlier night is due no more, and still waits to be linked.
    shares = [share for share, payer in found if share.id in due_ids or _is_from_then(share, payer, practice)]
    typed = typed_lines(session, shares, practice)
    kept, held = _without_typed(shares, typed, practice)
    cents = work.shares_cents(session, shares, practice) if shares else {}
    works = {share.id: _work(share, practice, cents[share.id]) for share in shares}
    billed = {share.id for share in kept if share.id in due_ids and _bills(share, practice, cents[share.id])}
    return Survey(
        planned=tuple(_grouped([(works[share.id], payer) for share, payer in due if share.id in billed], period)),
        held=tuple(Held(works[share.id], line.id, line.number) for share, line in held),
    )


def bill(session: Session, planned: Planned, now: datetime) -> int | None:
    """Make and issue one planned invoice of what is still uninvoiced of it; return its id, or None. Safe to repeat.

    Must run inside `writing()`. The invoice is dated the day whose work it bills or the month's last, caught up or not
    (rulebook 4.8).
    """
    practice = settings.practice(session)
    share_ids = [each.share_id for each in planned.works[: invoices.LINES_MAX]]
    shares = [
        share
        for share, payer in candidates.named(session, practice, planned.creation, share_ids)
        if payer.id == planned.payer_id
    ]
    if typed_lines(session, shares, practice):
        kept = _kept_of_all(session, planned, practice)
        shares = [share for share in shares if share.id in kept]
    if not shares:
        return None
    invoice = _draft(session, planned, shares[0].attendee.item, now)
    cents = work.shares_cents(session, shares, practice)
    lines = [_line(planned, share, practice, cents[share.id]) for share in shares]
    invoices.put_draft(session, invoice, lines)
    let_go = [share.id for share in shares if share.released_at is not None or share.bill_again_at is not None]
    if let_go:
        session.execute(update(Share).where(Share.id.in_(let_go)).values(released_at=None, bill_again_at=None))
    failpoints.reach(DRAFTED)
    invoices.issue(session, CLOCK, invoice, now, issue_date=planned.day)
    failpoints.reach(ISSUED)
    return invoice.id


def _draft(session: Session, planned: Planned, item: Slot, now: datetime) -> Invoice:
    linked = {"client": planned.client_id, "contact": planned.payer_id}
    reference = connection_of(session).scalar(_REFERENCE, linked) if planned.client_id is not None else None
    return Invoice(
        kind=InvoiceKind.INVOICE,
        source=planned.source,
        payer_id=planned.payer_id,
        client_id=planned.client_id,
        practitioner_id=item.practitioner_id,
        location_id=item.location_id,
        reference=reference or "",
        created_at=now,
    )


def _line(planned: Planned, share: Candidate, practice: Practice, cents: int) -> NewLine:
    work.check_billable(share.attendee, practice)
    name, discount_bp = share.attendee.item.practitioner_name, share.attendee.discount_bp
    line = invoices.share_line(share, practice, practitioner_name=name, cents=cents, discount_bp=discount_bp)
    if planned.client_id is not None:
        return line
    return replace(line, description=f"{share.attendee.client_name}: {line.description}")


def _kept_of_all(session: Session, planned: Planned, practice: Practice) -> set[int]:
    # All the clients' work of those days is looked at: a typed line holds back one session of it, not each.
    first, last = (pick(each.session_date for each in planned.works) for pick in (min, max))
    starts_at, ends_at = clock.day_span(first, practice.timezone, days=(last - first).days + 1)
    beside = uninvoiced.billable(practice, planned.creation).where(
        Attendee.client_id.in_({each.client_id for each in planned.works}),
        Item.starts_at >= starts_at,
        Item.starts_at < ends_at,
    )
    found = [share for share, _ in candidates.found(session, beside)]
    kept, _ = _without_typed(found, typed_lines(session, found, practice), practice)
    return {share.id for share in kept}


def typed_lines(session: Session, shares: Collection[Candidate], practice: Practice) -> dict[int, list[Typed]]:
    """Return the lines typed by hand for the same client, date and fee as a share (rulebook 5.3), for each that has any."""
    if not shares:
        return {}
    wanted = {"days": list({_day(share, practice) for share in shares})}
    client_ids = {share.attendee.client_id for share in shares}
    if len(client_ids) <= CLIENTS_NAMED_MAX:
        found = connection_of(session).execute(_TYPED_OF_CLIENTS, wanted | {"clients": list(client_ids)})
    else:
        found = connection_of(session).execute(_TYPED, wanted)
    typed: dict[tuple[int | None, date | None], list[Typed]] = {}
    for row in found:
        typed.setdefault((row.client_id, row.session_date), []).append(Typed(row.id, row.number, row.fee_id, row.unit_cents))
    if not typed:
        return {}
    same = {share.id: typed.get((share.attendee.client_id, _day(share, practice)), []) for share in shares}
    fitting = {share.id: [line for line in same[share.id] if _is_same_fee(line, share.attendee)] for share in shares}
    return {share_id: lines for share_id, lines in fitting.items() if lines}


def is_due(
    share: Candidate | Share, payer: Payer | Contact, practice: Practice, period: Period, seen: set[date], failed: set[int]
) -> bool:
    """Say whether the run of a period bills a share, given the runs that are done and whom those left behind."""
    session_date = _day(share, practice)
    if share.bill_again_at is not None:
        return True
    if not _is_from_then(share, payer, practice):
        return False
    if session_date >= period.first:
        return True
    if period.creation is InvoiceCreation.DAILY and session_date < _chosen_date(practice):
        return True
    if session_date < period.first - LOOK_BACK:
        return False
    changed_on = clock.local_date(share.attendee.billing_changed_at, practice.timezone)
    first_run = period.of(session_date)
    return first_run not in seen or share.payer_id in failed or changed_on > first_run


def _is_from_then(share: Candidate | Share, payer: Payer | Contact, practice: Practice) -> bool:
    from_date = billed_from(payer, practice)
    return from_date is not None and _day(share, practice) >= from_date


def billed_from(payer: Contact | Payer, practice: Practice) -> date | None:
    """Return the first date whose work is billed to a payer by itself; None: nothing is."""
    if payer.invoice_creation is InvoiceCreation.MONTHLY:
        return payer.monthly_from_date
    if payer.invoice_creation is InvoiceCreation.MANUALLY:
        return None
    return practice.monthly_from_date if practice.invoice_creation is InvoiceCreation.MONTHLY else practice.daily_from_date


def left_from(practice: Practice) -> date | None:
    """Return the first date whose work a daily run may leave behind as too old: what Daily took along it bills whenever."""
    if practice.daily_from_date is None:
        return None
    return max(practice.daily_from_date, _chosen_date(practice))


def _without_typed(
    shares: list[Candidate], typed: dict[int, list[Typed]], practice: Practice
) -> tuple[list[Candidate], list[tuple[Candidate, Typed]]]:
    """Hold back as many sessions as lines were typed for them, each with its line; a person decides if they are the same."""
    used: Counter[tuple[int, date]] = Counter()
    kept: list[Candidate] = []
    held: list[tuple[Candidate, Typed]] = []
    for share in shares:
        key, lines = (share.attendee.client_id, _day(share, practice)), typed.get(share.id, [])
        if share.bill_again_at is None and len(lines) > used[key]:
            held.append((share, lines[used[key]]))
            used[key] += 1
        else:
            kept.append(share)
    return kept, held


def _bills(share: Candidate, practice: Practice, cents: int) -> bool:
    return cents > 0 or (practice.bills_zero_fees and share.attendee.status not in work.BY_POLICY)


def _work(share: Candidate, practice: Practice, cents: int) -> Work:
    attendee = share.attendee
    return Work(
        share_id=share.id,
        client_id=attendee.client_id,
        client_name=attendee.client_name,
        session_date=_day(share, practice),
        is_activity=attendee.item.kind.is_silent,
        total_cents=money.taxed(
            cents - money.share_of(cents, attendee.discount_bp), attendee.tax_bp, inclusive=practice.tax_inclusive
        ).gross_cents,
    )


def _grouped(works: list[tuple[Work, Payer]], period: Period) -> list[Planned]:
    groups: dict[tuple[int, int | None], list[Work]] = {}
    payers = {payer.id: payer for _, payer in works}
    for each, payer in works:
        groups.setdefault((payer.id, None if payer.one_invoice_for_all else each.client_id), []).append(each)
    return [
        Planned(period.last, payer_id, payers[payer_id].name, client_id, part, period.source)
        for (payer_id, client_id), together in sorted(groups.items(), key=lambda group: payers[group[0][0]].sort_name)
        for part in _parts(together)
    ]


def _parts(works: list[Work]) -> Iterable[tuple[Work, ...]]:
    return (tuple(works[at : at + invoices.LINES_MAX]) for at in range(0, len(works), invoices.LINES_MAX))


def seen_by(session: Session, period: Period) -> tuple[set[date], set[int]]:
    """Return the dates whose run is done, of those a period looks back on, and the payers whom such a run left behind."""
    found = session.execute(
        select(JobRun.local_date, JobRun.status, JobFailure.subject_id)
        .outerjoin(JobFailure, and_(JobFailure.run_id == JobRun.id, JobFailure.subject_type == PAYER))
        .where(JobRun.job == period.job, JobRun.local_date >= period.first - LOOK_BACK)
    ).all()
    seen = {day for day, status, _ in found if status is JobStatus.DONE}
    return seen, {payer_id for _, _, payer_id in found if payer_id is not None}


def _chosen_date(practice: Practice) -> date:
    # Older work than this was taken along on purpose when Daily was chosen.
    return clock.local_date(practice.daily_chosen_at, practice.timezone) if practice.daily_chosen_at else date.min


def _day(share: Candidate | Share, practice: Practice) -> date:
    return clock.local_date(share.attendee.item.starts_at, practice.timezone)


def _is_same_fee(line: Typed, attendee: Place) -> bool:
    is_same_row = line.fee_id is not None and line.fee_id == attendee.fee_id
    return is_same_row or line.unit_cents == attendee.fee_cents
