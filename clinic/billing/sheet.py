"""An invoice as it is shown, printed and downloaded: one set of plain values for the screen and for the paper."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import packages, payments, snapshot, sold, states
from clinic.billing.packages import Counts
from clinic.billing.payments import Disputed, Settlement
from clinic.billing.sold import Standing
from clinic.billing.states import State
from clinic.kernel import locales
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, InvoiceSource, PackageSale
from clinic.practice import settings
from clinic.practice.settings import House

TITLES = {InvoiceKind.INVOICE: "Invoice", InvoiceKind.CREDIT_NOTE: "Credit note"}


@dataclass(frozen=True)
class Party:
    """Be a name with what stands under it, line by line."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Be a printed line. `amount_cents` holds its tax only where prices do."""

    line_id: int
    date: date | None
    description: str
    code: str
    quantity: int
    unit_cents: int
    discount_cents: int
    tax_bp: int
    net_cents: int
    tax_cents: int
    amount_cents: int
    is_session: bool
    is_unassigned: bool


@dataclass(frozen=True)
class RateSum:
    """Be what the lines of one rate come to before tax, and their tax."""

    rate_bp: int
    net_cents: int
    tax_cents: int


@dataclass(frozen=True)
class Paid:
    """Be one payment as the document says it."""

    date: date
    method: str
    amount_cents: int
    taken_by: str
    payment_id: int


@dataclass(frozen=True)
class Sheet:
    """Be everything an invoice shows. What is frozen comes from the snapshot, what is live from the ledger."""

    invoice_id: int
    title: str
    number: str
    state: State
    house: House
    practice: Party
    payer: Party
    client: str
    practitioner: Party | None
    reference: str
    issue_date: date | None
    due_date: date | None
    session_dates: tuple[date, ...]
    rows: tuple[Row, ...]
    net_cents: int
    tax_cents: int
    total_cents: int
    is_tax_inclusive: bool
    payments: tuple[Paid, ...]
    disputes: tuple[Disputed, ...]  # for the page alone: never on the document
    credited_cents: int
    written_off_cents: int
    credits_number: str  # a credit note's: the invoice it reverses
    corrects_number: str  # the invoice whose place this one takes
    package: str
    package_until: date | None
    counts: Counts | None
    note: str
    footer: str
    logo: str  # today's, by its hash: how a document looks is not what was issued

    @property
    def is_draft(self) -> bool:
        """Say whether it may still be changed."""
        return self.state.word == "Draft"

    @property
    def has_discount(self) -> bool:
        """Say whether a column for discounts is wanted."""
        return any(row.discount_cents for row in self.rows)

    @property
    def has_rates(self) -> bool:
        """Say whether its lines are taxed at several rates: then each says its own."""
        return len({row.tax_bp for row in self.rows}) > 1

    @property
    def taxes(self) -> tuple[RateSum, ...]:
        """Return the tax by rate, the highest first; the sums are those of the lines, each rounded by itself."""
        rates = sorted({row.tax_bp for row in self.rows}, reverse=True)
        together = [(rate, [row for row in self.rows if row.tax_bp == rate]) for rate in rates]
        return tuple(
            RateSum(rate, sum(row.net_cents for row in rows), sum(row.tax_cents for row in rows)) for rate, rows in together
        )

    @property
    def balance_cents(self) -> int:
        """Return what is still owed."""
        return self.state.owed_cents

    @property
    def stamp(self) -> str:
        """Return what stands in the frame of a paid invoice: "Paid 18 November 2026, Cash"; else nothing."""
        if self.state.word != "Paid" or not self.payments:
            return ""
        methods = list(dict.fromkeys(paid.method for paid in self.payments))
        day = locales.day(max(paid.date for paid in self.payments), self.house.locale, long=True)
        return f"Paid {day}, {', '.join(methods)}"


def of(session: Session, invoice: Invoice, now: datetime) -> Sheet:
    """Return the sheet of an invoice whose lines are loaded, as it stands at that instant; without the package it sold."""
    frozen = invoice.snapshot or snapshot.take(session, invoice)
    state = states.of(session, [invoice], settings.house(session).local_date(now))[invoice.id]
    settled = payments.settlements(session, [invoice.id])[invoice.id] if invoice.issued_at is not None else []
    practice, given_by = frozen["practice"], frozen["practitioner"]
    return Sheet(
        invoice_id=invoice.id,
        title=TITLES[invoice.kind],
        number=invoice.number or "",
        state=state,
        house=_house(session, practice),
        practice=party_of(practice),
        payer=Party(frozen["payer"]["name"], lines_of(frozen["payer"]["address"])),
        client=frozen["client"]["name"] if frozen["client"] else "",
        practitioner=_practitioner(given_by) if given_by else None,
        reference=frozen["reference"],
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        session_dates=tuple(sorted({line.session_date for line in invoice.lines if line.session_date})),
        rows=tuple(_row(line, invoice, is_inclusive=practice["tax_inclusive"]) for line in invoice.lines),
        net_cents=invoice.net_cents,
        tax_cents=invoice.tax_cents,
        total_cents=invoice.total_cents,
        is_tax_inclusive=practice["tax_inclusive"],
        payments=_paid(settled),
        disputes=tuple(each.disputed for each in settled if each.disputed is not None),
        credited_cents=state.credited_cents,
        written_off_cents=state.written_off_cents,
        credits_number=_number_of(session, invoice.credited_invoice_id),
        corrects_number=_number_of(session, invoice.corrects_invoice_id),
        package="",
        package_until=None,
        counts=None,
        note=invoice.note,
        footer=practice["footer"],
        logo=settings.practice(session).logo_sha256 or "",
    )


def with_package(session: Session, invoice: Invoice, shown: Sheet, now: datetime) -> Sheet:
    """Return the sheet with what is left of the package it sold, if it sold one."""
    if invoice.source is not InvoiceSource.PACKAGE:
        return shown
    sale = session.scalar(select(PackageSale).where(PackageSale.invoice_id == invoice.id))
    if sale is None:
        return shown
    counts = packages.counts(session, [sale.id], now)[sale.id] if invoice.issued_at else None
    loose = sold.loose_lines(session, invoice.id) if counts and counts.remaining else []
    return of_package(
        shown, sale.name, sale.expires_date, counts, open_ids={each.line_id for each in loose if each.standing == Standing.OPEN}
    )


def of_package(shown: Sheet, name: str, until: date | None, counts: Counts | None, *, open_ids: Collection[int]) -> Sheet:
    """Return the sheet with a package's name, last day and sums; only what may still be booked says so."""
    rows = (replace(row, is_unassigned=row.is_unassigned and (counts is None or row.line_id in open_ids)) for row in shown.rows)
    return replace(shown, package=name, package_until=until, counts=counts, rows=tuple(rows))


def _number_of(session: Session, invoice_id: int | None) -> str:
    if invoice_id is None:
        return ""
    return session.scalars(select(Invoice.number).where(Invoice.id == invoice_id)).one() or ""


def _paid(settled: Sequence[Settlement]) -> tuple[Paid, ...]:
    return tuple(
        Paid(each.received_date, each.words, each.amount_cents, each.taken_by, each.payment_id)
        for each in settled
        if each.amount_cents
    )


def _house(session: Session, practice: dict[str, Any]) -> House:
    return House(
        name=practice["name"],
        timezone=settings.house(session).timezone,
        currency=practice["currency"],
        locale=locales.named(practice["locale"]),
    )


def party_of(practice: dict[str, Any]) -> Party:
    """Return the practice as it stands on a document."""
    tax_id = f"Tax ID {practice['tax_id']}" if practice["tax_id"] else ""
    under = (*lines_of(practice["address"]), tax_id, practice["phone"], practice["email"])
    return Party(practice["name"], tuple(line for line in under if line))


def _practitioner(given_by: dict[str, Any]) -> Party:
    papers = [("Licence", given_by["licence"]), ("NPI", given_by["npi"])]
    under = ", ".join(f"{word} {value}" for word, value in papers if value)
    name = f"{given_by['name']}, {given_by['credentials']}" if given_by["credentials"] else given_by["name"]
    return Party(name, (under,) if under else ())


def _row(line: InvoiceLine, invoice: Invoice, *, is_inclusive: bool) -> Row:
    is_session = line.minutes is not None
    return Row(
        line_id=line.id,
        date=line.session_date,
        description=line.description,
        code=line.code,
        quantity=line.quantity,
        unit_cents=line.unit_cents,
        discount_cents=line.discount_cents,
        tax_bp=line.tax_bp,
        net_cents=line.net_cents,
        tax_cents=line.tax_cents,
        amount_cents=line.total_cents if is_inclusive else line.net_cents,
        is_session=is_session,
        is_unassigned=is_session and invoice.source is InvoiceSource.PACKAGE and line.session_date is None,
    )


def lines_of(text: str) -> tuple[str, ...]:
    """Return the lines of a text such as an address, empty ones left out."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
