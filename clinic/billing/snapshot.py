"""Who a document is from, to and about, as they are now: frozen into the invoice when it is issued."""

from typing import Any

from sqlalchemy.orm import Session

from clinic.models.billing import Invoice
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.practice import settings


def take(session: Session, invoice: Invoice) -> dict[str, Any]:
    """Return plain values for JSON: practice, payer, client, practitioner and reference."""
    practice = settings.practice(session)
    payer = session.get_one(Contact, invoice.payer_id)
    client = session.get(Client, invoice.client_id) if invoice.client_id is not None else None
    given_by = session.get(Practitioner, invoice.practitioner_id) if invoice.practitioner_id is not None else None
    return {
        "practice": {
            "name": practice.name,
            "address": practice.address,
            "phone": practice.phone,
            "email": practice.email,
            "tax_id": practice.tax_id,
            "currency": practice.currency,
            "locale": practice.locale,
            "footer": practice.document_footer,
            "tax_inclusive": practice.tax_inclusive,
        },
        "payer": {"name": payer.name, "address": payer.address},
        "client": {"name": client.name} if client is not None else None,
        "practitioner": {
            "name": given_by.name,
            "credentials": given_by.credentials,
            "licence": given_by.licence,
            "npi": given_by.npi,
        }
        if given_by is not None
        else None,
        "reference": invoice.reference,
    }
