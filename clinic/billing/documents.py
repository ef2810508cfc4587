"""Documents: each content rendered once, stored under its hash, and never rendered while a door is open."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from clinic.billing import invoices, sheet
from clinic.billing.paper import Paper
from clinic.billing.sheet import Sheet
from clinic.kernel.errors import RefusalError
from clinic.models.billing import StoredDocument
from clinic.practice import logo
from clinic.practice.permissions import Actor

Door = Callable[[], AbstractContextManager[Session]]
INVOICE = "invoice.html"


def invoice_pdf(reader: Door, writer: Door, paper: Paper, who: Actor, invoice_id: int, now: datetime) -> tuple[bytes, str]:
    """Return an issued invoice as a PDF and the name of its file, as `invoice` does."""
    _, pdf, name = invoice(reader, writer, paper, who, invoice_id, now)
    return pdf, name


def invoice(reader: Door, writer: Door, paper: Paper, who: Actor, invoice_id: int, now: datetime) -> tuple[str, bytes, str]:
    """Return an issued invoice's content hash, its PDF and the name of its file. Call it with no door open.

    `reader` and `writer` are the two doors, handed in: an area never opens one itself. Two that ask at once may both
    render; the content is the same, and one of them is kept.

    Raises:
        NotFoundError: there is no such invoice, or it is not theirs.
        RefusalError: it is a draft.
        UnprintableError: this one document could not be made.
    """
    with reader() as session:
        issued = invoices.invoice_for(session, who, invoice_id)
        if issued.issued_at is None:
            raise RefusalError("A draft cannot be downloaded. Issue it first.")
        shown = sheet.with_package(session, issued, sheet.of(session, issued, now), now)
        key = content_hash(shown, paper)
        kept = session.get(StoredDocument, key)
        picture = logo.printed(session) if kept is None else None
    if kept is not None:
        return key, kept.pdf, file_name(shown)
    pdf = paper.pdf(INVOICE, {"sheet": shown, "house": shown.house, "logo": picture})
    with writer() as session:
        if session.get(StoredDocument, key) is None:
            session.add(StoredDocument(content_hash=key, invoice_id=invoice_id, pdf=pdf, created_at=now))
    return key, pdf, file_name(shown)


def content_hash(shown: Sheet, paper: Paper) -> str:
    """Return the SHA-256 of all that is printed and of the template that prints it."""
    content = asdict(shown)
    # How many days late it is, and who took the money, are not on the paper; nor is a dispute.
    content["state"] = {"balance_cents": shown.balance_cents, "stamp": shown.stamp}
    del content["disputes"]
    content["payments"] = [(paid.date, paid.method, paid.amount_cents) for paid in shown.payments]
    text = json.dumps([paper.version(INVOICE), content], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


def file_name(shown: Sheet) -> str:
    """Return what the file is called: letters, digits and hyphens only, so that it needs no quoting anywhere."""
    wanted = f"{shown.title}-{shown.number}"
    return "".join(char if char.isascii() and (char.isalnum() or char == "-") else "-" for char in wanted) + ".pdf"
