"""Client billing documents: when invoices are made, what a missed session bills, what ways to pay are called."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import numbering, uninvoiced
from clinic.kernel.errors import RefusalError
from clinic.models.billing import InvoiceKind, NumberSeries
from clinic.models.money import METHOD_NAMES, Method, PaymentMethodName
from clinic.models.practice import InvoiceCreation
from clinic.practice import audit, details, invoice_creation, logo, settings, standing
from clinic.practice.details import MissedRules
from clinic.practice.permissions import Actor

CHANGED = "changed billing documents"
ACTIONS = (CHANGED, details.CHANGED_MISSED, logo.CHANGED, logo.REMOVED)


@dataclass(frozen=True)
class MethodName:
    """Hold what a way to pay is called, and whether the payment panel offers it."""

    name: str
    is_offered: bool = True


@dataclass(frozen=True)
class DocumentSettings:
    """Hold the whole page. `takes_old_work`: whether Daily also bills what was done before it was switched on.

    `next_number` None leaves the number as it is: invoices may be issued while the page is being filled in.
    """

    invoice_creation: InvoiceCreation
    due_days: int
    overdue_after_days: int
    line_description: str
    document_footer: str
    bills_zero_fees: bool
    missed: MissedRules
    tax_inclusive: bool
    prefix: str
    next_number: int | None
    methods: Mapping[Method, MethodName]
    takes_old_work: bool = False


def current(session: Session) -> DocumentSettings:
    """Return the page as it stands."""
    practice = settings.practice(session)
    series = session.get(NumberSeries, InvoiceKind.INVOICE)
    return DocumentSettings(
        invoice_creation=practice.invoice_creation,
        due_days=practice.due_days,
        overdue_after_days=practice.overdue_after_days,
        line_description=practice.line_description,
        document_footer=practice.document_footer,
        bills_zero_fees=practice.bills_zero_fees,
        missed=details.missed_rules(session),
        tax_inclusive=practice.tax_inclusive,
        prefix=series.prefix if series else numbering.FIRST_PREFIXES[InvoiceKind.INVOICE],
        next_number=series.next_number if series else 1,
        methods=methods(session),
    )


def print_of(session: Session, stands: DocumentSettings) -> str:
    """Return the print of the page as it stands, logo included; a number goes up by itself and is nobody's change."""
    return standing.print_of(replace(stands, next_number=None), settings.practice(session).logo_sha256)


def methods(session: Session) -> dict[Method, MethodName]:
    """Return what the practice calls each way to pay, in the order the panel shows them."""
    named = {row.method: MethodName(row.name, row.is_offered) for row in session.scalars(select(PaymentMethodName))}
    return {method: named.get(method, MethodName(name)) for method, name in METHOD_NAMES.items()}


def change(session: Session, who: Actor, wanted: DocumentSettings, now: datetime, *, shown: str | None = None) -> None:
    """Save the page. Must run inside `writing()`.

    Args:
        shown: the print of what stood when the page was opened.

    Raises:
        StaleError: someone changed the page since it was opened.
        RefusalError: the next number would go down, a name is missing or doubled, or tax is locked.
    """
    practice = settings.practice(session)
    standing.refuse_stale(shown, print_of(session, current(session)) if shown else "")
    if wanted.tax_inclusive != practice.tax_inclusive and practice.money_locked_at is not None:
        raise RefusalError("How prices hold tax is locked: invoices were issued that way.", field="tax_inclusive")
    series = numbering.series_of(session, InvoiceKind.INVOICE)
    number = series.next_number if wanted.next_number is None else wanted.next_number
    if (wanted.prefix, number) != (series.prefix, series.next_number):
        numbering.set_next(session, who, InvoiceKind.INVOICE, number, now, prefix=wanted.prefix)
    _name_methods(session, wanted.methods)
    # Asked before anything changes: the zero-fee setting and the policy decide what counts.
    oldest = uninvoiced.summary(session, now).oldest_date if wanted.takes_old_work else None
    invoice_creation.choose(session, who, wanted.invoice_creation, now, from_date=oldest)
    details.change_missed_rules(session, who, wanted.missed, now)
    names = (
        "due_days", "overdue_after_days", "line_description", "document_footer", "bills_zero_fees", "tax_inclusive",
    )  # fmt: skip
    changed = [name for name in names if getattr(practice, name) != getattr(wanted, name)]
    for name in changed:
        setattr(practice, name, getattr(wanted, name))
    audit.record(session, who, CHANGED, "practice", practice.id, now, changed=changed)


def _name_methods(session: Session, methods: Mapping[Method, MethodName]) -> None:
    taken: set[str] = set()
    for method, called in methods.items():
        if not called.name:
            raise RefusalError("Give this way to pay a name.", field=method.value)
        if called.name.casefold() in taken:
            raise RefusalError("Two ways to pay have this name.", field=method.value)
        taken.add(called.name.casefold())
        row = session.get(PaymentMethodName, method) or PaymentMethodName(method=method)
        row.name, row.is_offered = called.name, called.is_offered
        session.add(row)
    if not any(called.is_offered for called in methods.values()):
        raise RefusalError("Offer at least one way to pay.", field=Method.CASH.value)
