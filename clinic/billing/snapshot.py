"""Who a document is from, to and about, as they are now: frozen into the invoice when it is issued."""

from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from clinic.kernel.database import connection_of
from clinic.models.billing import Fee, Invoice
from clinic.models.people import Client, Contact
from clinic.models.practice import Practitioner
from clinic.practice import settings

_FEES = "fees on superbills"
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
    session.flush()
    whose = {"payer": invoice.payer_id, "client": invoice.client_id, "practitioner": invoice.practitioner_id}
    people = connection_of(session).execute(_PEOPLE, whose).one()
    return {
        "practice": practice(session),
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
        "fees": _coding(session, invoice),
    }


def coding(frozen: dict[str, Any], fee: Fee | None) -> tuple[str, int]:
    """Return what an issued invoice says of a line's fee on a superbill: modifier and units, as they were when it was issued.

    An invoice from before this was kept says what the fee says today.
    """
    if fee is None:
        return "", 1
    if "fees" not in frozen:
        return fee.modifier, fee.units
    modifier, units = frozen["fees"].get(str(fee.id), ("", 1))
    return modifier, units


def forget_fees(session: Session) -> None:
    """Read what fees say on superbills anew at the next issue: one was changed."""
    session.info.pop(_FEES, None)


def _coding(session: Session, invoice: Invoice) -> dict[str, list[Any]]:
    # Read once per door: a run seals thousands, and few fees say anything.
    if _FEES not in session.info:
        said = select(Fee.id, Fee.modifier, Fee.units).where(or_(Fee.modifier != "", Fee.units != 1))
        session.info[_FEES] = {row.id: [row.modifier, row.units] for row in connection_of(session).execute(said)}
    known = session.info[_FEES]
    return {str(line.fee_id): known[line.fee_id] for line in invoice.lines if line.fee_id in known}


def practice(session: Session) -> dict[str, Any]:
    """Return the practice's part of a document, as plain values for JSON."""
    row = settings.practice(session)
    return {
        "name": row.name,
        "address": row.address,
        "phone": row.phone,
        "email": row.email,
        "tax_id": row.tax_id,
        "currency": row.currency,
        "locale": row.locale,
        "footer": row.document_footer,
        "tax_inclusive": row.tax_inclusive,
    }
