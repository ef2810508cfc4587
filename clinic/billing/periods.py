"""What one run of invoices bills: an ended date, or an ended month."""

from dataclasses import dataclass
from datetime import date, timedelta

from clinic.models.billing import InvoiceSource
from clinic.models.practice import InvoiceCreation

DAY_JOB = "end-of-day"
MONTH_JOB = "end-of-month"
LOOK_BACK = timedelta(days=7)  # a run also bills what was entered or changed late so far back


@dataclass(frozen=True)
class Period:
    """Be what one run bills: an ended date, or an ended month for who is invoiced monthly."""

    creation: InvoiceCreation
    first: date
    last: date  # the day its invoices are dated

    @property
    def job(self) -> str:
        """Return the job whose runs make these invoices."""
        return MONTH_JOB if self.creation is InvoiceCreation.MONTHLY else DAY_JOB

    @property
    def source(self) -> InvoiceSource:
        """Return what its invoices say of who made them."""
        return InvoiceSource.MONTHLY if self.creation is InvoiceCreation.MONTHLY else InvoiceSource.DAILY

    def of(self, day: date) -> date:
        """Return the last day of the period in which a day falls: the date of the run that sees it first."""
        return month_end(day) if self.creation is InvoiceCreation.MONTHLY else day


def daily(day: date) -> Period:
    """Return the period of one date."""
    return Period(InvoiceCreation.DAILY, day, day)


def monthly(last: date) -> Period:
    """Return the period of the month that ends with that day."""
    assert last == month_end(last), "a month ends with its last day"
    return Period(InvoiceCreation.MONTHLY, last.replace(day=1), last)


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def month_ended_before(day: date) -> date:
    """Return the last day of the month before the one of a day."""
    return day.replace(day=1) - timedelta(days=1)
