"""The warning before a package expires: to each of its clients who asked for it, once for one last day."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import packages
from clinic.kernel import locales
from clinic.messages import choices, letters, wording
from clinic.messages.letters import Letter
from clinic.models.billing import Invoice, PackageClient, PackageSale
from clinic.models.messages import MessageKind
from clinic.models.people import Client
from clinic.practice import settings
from clinic.practice.permissions import CLOCK


def due(session: Session, now: datetime) -> Sequence[int]:
    """Return the sold packages whose last day is near enough to warn of, whether or not that was done already."""
    practice = settings.practice(session)
    if not practice.package_warning_days or not wording.of(session, MessageKind.PACKAGE_EXPIRING).is_on:
        return []
    today = settings.house(session).local_date(now)
    return session.scalars(
        select(PackageSale.id)
        .join(Invoice, Invoice.id == PackageSale.invoice_id)
        .where(Invoice.issued_at.is_not(None), PackageSale.expires_date >= today)
        .where(PackageSale.expires_date <= today + timedelta(days=practice.package_warning_days))
        .order_by(PackageSale.id)
    ).all()


def warn(session: Session, sale_id: int, now: datetime) -> int:
    """Write to the clients of a package that has sessions left; return how many letters that made. Safe to repeat.

    After an extension there is another last day, and another warning. Must run inside `writing()`.
    """
    sale = session.get_one(PackageSale, sale_id)
    left = packages.counts(session, [sale_id], now)[sale_id].remaining
    if left <= 0 or sale.expires_date is None:
        return 0
    people = select(Client).join(PackageClient, PackageClient.client_id == Client.id).where(PackageClient.sale_id == sale_id)
    written = 0
    for client in session.scalars(people.order_by(Client.id)).all():
        if not choices.wants(session, client.id, MessageKind.PACKAGE_EXPIRING):
            continue
        values = {
            "client": client.name, "first_name": client.first_name, "package": sale.name,
            "count": f"{left} session{'' if left == 1 else 's'}",
            "date": locales.day(sale.expires_date, settings.house(session).locale, long=True),
        }  # fmt: skip
        once_key = f"package-{sale_id}-{sale.expires_date.isoformat()}-{client.id}"
        letter = Letter(MessageKind.PACKAGE_EXPIRING, client.contact_id, values, client_id=client.id, once_key=once_key)
        written += letters.write(session, CLOCK, letter, now) is not None
    return written
