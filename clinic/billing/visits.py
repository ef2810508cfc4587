"""Visits to the processor's payment page, whatever they began at: a pay link or an online purchase."""

from datetime import datetime

from sqlalchemy.orm import Session

from clinic.billing import pay_links, purchases
from clinic.billing.processor import Visit


def book(session: Session, visit: Visit, now: datetime) -> bool:
    """Record what a visit came to, once, wherever it began; say whether it is paid. Must run inside `writing()`."""
    return pay_links.book(session, visit, now) or purchases.book(session, visit, now)
