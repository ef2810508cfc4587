"""A payer's own Invoice Creation, one invoice for all clients, and how documents reach them by e-mail."""

from datetime import datetime

from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.models.people import Contact, DocumentsBy
from clinic.models.practice import InvoiceCreation
from clinic.people import contacts
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

OFFERED = (InvoiceCreation.AS_PRACTICE, InvoiceCreation.MONTHLY, InvoiceCreation.MANUALLY)


def choose(
    session: Session,
    who: Actor,
    contact_id: int,
    creation: InvoiceCreation,
    now: datetime,
    *,
    one_invoice_for_all: bool,
    documents_by: DocumentsBy = DocumentsBy.PDF,
) -> Contact:
    """Say how a payer is invoiced and written to. Must run inside `writing()`. Saving Monthly again leaves its first day alone.

    Monthly bills the whole of the month it is chosen in.

    Raises:
        NotFoundError: there is no such contact, or it is not theirs.
        RefusalError: that way is not offered.
    """
    contact = contacts.contact_for(session, who, contact_id)
    if creation not in OFFERED:
        raise RefusalError("Choose As the practice, Monthly or Manually.", field="creation")
    if creation is not contact.invoice_creation:
        contact.invoice_creation = creation
        today = settings.house(session).local_date(now)
        contact.monthly_from_date = today.replace(day=1) if creation is InvoiceCreation.MONTHLY else None
    contact.one_invoice_for_all, contact.documents_by = one_invoice_for_all, documents_by
    audit.record(
        session, who, "set invoicing", "contact", contact.id, now,
        creation=creation, one_invoice_for_all=one_invoice_for_all, documents_by=documents_by,
    )  # fmt: skip
    return contact
