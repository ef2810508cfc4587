"""Who a document is from, to and about, as they are now: frozen into the invoice when it is issued."""

from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from clinic.kernel.database import connection_of
from clinic.models.billing import Invoice
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.practice import settings

_PEOPLE = (
    select(
        Contact.name.label("payer"), Contact.address, Client.first_name, Client.last_name, Practitioner.name.label("given_by"),
        Practitioner.credentials, Practitioner.licence, Practitioner.npi,
    )
    .select_from(Contact)
    .outerjoin(Client, Client.id == bindparam("client"))
    .outerjoin(Practitioner, Practitioner.id == bindparam("practitioner"))
    .where(Contact.id == bindparam("payer"))
)  # fmt: skip


def take(session: Session, invoice: Invoice) -> dict[str, Any]:
    """Return plain values for JSON: practice, payer, client, practitioner and reference."""
    practice = settings.practice(session)
    session.flush()
    whose = {"payer": invoice.payer_id, "client": invoice.client_id, "practitioner": invoice.practitioner_id}
    people = connection_of(session).execute(_PEOPLE, whose).one()
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
        "payer": {"name": people.payer, "address": people.address},
        "client": {"name": f"{people.first_name} {people.last_name}".strip()} if people.first_name is not None else None,
        "practitioner": {
            "name": people.given_by,
            "credentials": people.credentials,
            "licence": people.licence,
            "npi": people.npi,
        }
        if people.given_by is not None
        else None,
        "reference": invoice.reference,
    }
