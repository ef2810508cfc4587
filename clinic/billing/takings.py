"""Payments by day and method: what the cash box, the deposits and the card payouts must come to."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from clinic.billing import payments
from clinic.kernel.errors import RefusalError
from clinic.models.money import (
    Account,
    LedgerTransaction,
    Method,
    MoneyEvent,
    Payment,
    Posting,
    Refund,
    RefundStatus,
)
from clinic.models.people import Contact

DAYS_MAX = 366
SHOWN_MAX = 300
FILE_ROWS_MAX = 100_000


@dataclass(frozen=True)
class Span:
    """Be the days looked at, both included, and perhaps one way to pay."""

    first: date
    last: date
    method: Method | None = None

    def check(self) -> None:
        """Refuse a span that runs backwards or is too long.

        Raises:
            RefusalError: it is one of these.
        """
        if self.last < self.first:
            raise RefusalError("The last day comes before the first.", field="last")
        if self.last - self.first >= timedelta(days=DAYS_MAX):
            raise RefusalError(f"Choose at most {DAYS_MAX} days.", field="last")


@dataclass(frozen=True)
class Day:
    """Be one day: what came in less what went back, by way to pay."""

    day: date
    cents: dict[Method, int]

    @property
    def total_cents(self) -> int:
        """Return what the day comes to."""
        return sum(self.cents.values())


@dataclass(frozen=True)
class Line:
    """Be one payment, refund or dispute. `cents` is negative when money went back."""

    day: date
    words: str
    payment_id: int
    payer: str
    method: Method
    reference: str
    cents: int


@dataclass(frozen=True)
class Takings:
    """Be what a span of days came to."""

    span: Span
    names: dict[Method, str]
    days: tuple[Day, ...]
    received_cents: int
    back_cents: int
    lines: tuple[Line, ...]
    has_more: bool

    @property
    def methods(self) -> list[Method]:
        """List the ways that anything was paid by, in the usual order."""
        return [method for method in self.names if any(method in day.cents for day in self.days)]

    @property
    def by_method(self) -> dict[Method, int]:
        """Return what each way comes to over all the days."""
        return {method: sum(day.cents.get(method, 0) for day in self.days) for method in self.methods}


def of(session: Session, span: Span) -> Takings:
    """Return what the days came to, in a fixed number of queries.

    Raises:
        RefusalError: the days run backwards or are too many.
    """
    span.check()
    sums: dict[date, dict[Method, int]] = defaultdict(lambda: defaultdict(int))
    received = back = 0
    for day, method, cents in _sums(session, span):
        sums[day][method] += cents
        received, back = received + max(cents, 0), back + min(cents, 0)
    lines = list(_lines(session, span, SHOWN_MAX + 1))
    return Takings(
        span=span,
        names=payments.methods(session).names,
        days=tuple(Day(day, dict(sums[day])) for day in sorted(sums, reverse=True)),
        received_cents=received,
        back_cents=back,
        lines=tuple(lines[:SHOWN_MAX]),
        has_more=len(lines) > SHOWN_MAX,
    )


def lines_of(session: Session, span: Span) -> list[Line]:
    """List every payment, refund and dispute of the days, the newest first, for a file.

    Raises:
        RefusalError: the days run backwards or are too many.
    """
    span.check()
    return list(_lines(session, span, FILE_ROWS_MAX))


def _sums(session: Session, span: Span) -> Iterator[tuple[date, Method, int]]:
    paid, given_back, disputed = _conditions(span)
    columns = (Payment.received_date, Payment.method)
    for day, method, cents in session.execute(select(*columns, func.sum(Payment.amount_cents)).where(*paid).group_by(*columns)):
        yield day, method, int(cents)
    of_refund = (Refund.refunded_date, Refund.method)
    found = session.execute(select(*of_refund, -func.sum(Refund.amount_cents)).where(*given_back).group_by(*of_refund))
    for day, method, cents in found:
        yield day, method, int(cents)
    at = LedgerTransaction.local_date
    moved = select(at, func.sum(Posting.amount_cents)).join(Posting, Posting.transaction_id == LedgerTransaction.id)
    for day, cents in session.execute(moved.where(*disputed).group_by(at, LedgerTransaction.event)):
        yield day, Method.ONLINE_CARD, int(cents)


def _lines(session: Session, span: Span, most: int) -> Iterator[Line]:
    paid, given_back, disputed = _conditions(span)
    found: list[Line] = []
    query = select(Payment, Contact.name).join(Contact, Contact.id == Payment.payer_id).where(*paid)
    for payment, payer in session.execute(query.order_by(Payment.received_date.desc(), Payment.id.desc()).limit(most)):
        found.append(Line(payment.received_date, "Payment", payment.id, payer, payment.method, payment.reference,
                          payment.amount_cents))  # fmt: skip
    back = (
        select(Refund, Contact.name)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Contact, Contact.id == Payment.payer_id)
        .where(*given_back)
        .order_by(Refund.refunded_date.desc(), Refund.id.desc())
        .limit(most)
    )
    for refund, payer in session.execute(back):
        found.append(Line(refund.refunded_date, "Refund", refund.payment_id, payer, refund.method, refund.reference,
                          -refund.amount_cents))  # fmt: skip
    moved = (
        select(LedgerTransaction.local_date, LedgerTransaction.event, Payment, Contact.name, Posting.amount_cents)
        .join(Posting, Posting.transaction_id == LedgerTransaction.id)
        .join(Payment, Payment.id == Posting.payment_id)
        .join(Contact, Contact.id == Payment.payer_id)
        .where(*disputed)
        .limit(most)
    )
    for day, event, payment, payer, cents in session.execute(moved):
        words = "Disputed" if event is MoneyEvent.DISPUTED else "Dispute won"
        found.append(Line(day, words, payment.id, payer, payment.method, payment.reference, int(cents)))
    found.sort(key=lambda line: (line.day, line.payment_id), reverse=True)
    yield from found[:most]


def _conditions(span: Span) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Return what payments, refunds and disputes of the span meet; what was undone was never there."""
    paid: list[ColumnElement[bool]] = [Payment.received_date.between(span.first, span.last), Payment.reversed_at.is_(None)]
    back: list[ColumnElement[bool]] = [Refund.refunded_date.between(span.first, span.last), Refund.status == RefundStatus.DONE]
    disputed: list[ColumnElement[bool]] = [
        LedgerTransaction.local_date.between(span.first, span.last),
        LedgerTransaction.event.in_((MoneyEvent.DISPUTED, MoneyEvent.DISPUTE_WON)),
        Posting.account == Account.MONEY,
    ]
    if span.method is not None:
        paid.append(Payment.method == span.method)
        back.append(Refund.method == span.method)
        if span.method is not Method.ONLINE_CARD:
            disputed.append(Posting.id < 0)  # only cards are disputed
    return paid, back, disputed
