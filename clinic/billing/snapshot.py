"""Who a document is from, to and about, as they are now: frozen into the invoice when it is issued."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.models.billing import Invoice
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.practice import settings


def take(session: Session, invoice: Invoice) -> dict[str, Any]:
    """Return plain values for JSON: practice, payer, client, practitioner and reference."""
    practice = settings.practice(session)
    payer, client, given_by = session.execute(
        select(Contact, Client, Practitioner)
        .select_from(Contact)
        .outerjoin(Client, Client.id == invoice.client_id)
        .outerjoin(Practitioner, Practitioner.id == invoice.practitioner_id)
        .where(Contact.id == invoice.payer_id)
    ).one()
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
