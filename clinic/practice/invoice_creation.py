"""Invoice Creation: when invoices make themselves, and from which day on."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.models.practice import InvoiceCreation
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

OFFERED = (InvoiceCreation.DAILY, InvoiceCreation.MONTHLY, InvoiceCreation.MANUALLY)


def choose(session: Session, who: Actor, creation: InvoiceCreation, now: datetime, *, from_date: date | None = None) -> None:
    """Switch Invoice Creation. Must run inside `writing()`. Saving the same again leaves its first day alone.

    Args:
        creation: Daily, Monthly (which bills the whole of the month it is chosen in) or Manually.
        from_date: the first day whose work daily invoices bill; None means today.

    Raises:
        RefusalError: that way is not offered.
    """
    practice = settings.practice(session)
    if creation not in OFFERED:
        raise RefusalError("Choose Daily, Monthly or Manually.", field="invoice_creation")
    if creation == practice.invoice_creation:
        return
    today = settings.house(session).local_date(now)
    practice.invoice_creation = creation
    practice.daily_from_date = min(from_date or today, today) if creation is InvoiceCreation.DAILY else None
    practice.daily_chosen_at = now if creation is InvoiceCreation.DAILY else None
    practice.monthly_from_date = today.replace(day=1) if creation is InvoiceCreation.MONTHLY else None
    since = practice.daily_from_date or practice.monthly_from_date
    audit.record(
        session, who, "set invoice creation", "practice", practice.id, now,
        creation=creation, from_date=since.isoformat() if since else None,
    )  # fmt: skip
