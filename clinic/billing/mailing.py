"""Documents by e-mail: an invoice or a statement goes to its payer as a PDF, or as a link to the portal if they prefer."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import invoices
from clinic.billing.statements import Statement
from clinic.kernel import locales
from clinic.kernel.errors import RefusalError
from clinic.messages import letters
from clinic.messages.letters import HERE, Letter
from clinic.models.billing import InvoiceKind
from clinic.models.messages import Message, MessageKind
from clinic.models.people import Contact, DocumentsBy
from clinic.people import portal_access
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

Document = tuple[str, str]  # a stored PDF's hash, and the name of its file
ATTACHED = "It is attached."
IN_PORTAL = "You find it here; enter this e-mail address to sign in:\n\n"


@dataclass(frozen=True)
class Post:
    """Be how a document would reach its payer; without an address it cannot."""

    to_address: str
    by: DocumentsBy
    wished: DocumentsBy

    @property
    def words(self) -> str:
        """Return how it goes, as a sentence goes on."""
        if self.by is DocumentsBy.PORTAL:
            return "as a link to the portal"
        if self.wished is DocumentsBy.PORTAL:
            return "as a PDF, as this address may not open it in the portal"
        return "as a PDF"


def post_of(session: Session, who: Actor, invoice_id: int) -> Post:
    """Say how an invoice or credit note would go: as its payer prefers, if that address may see it in the portal.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    invoice = invoices.invoice_for(session, who, invoice_id)
    # The portal shows no invoice for several clients.
    return post_to(session, invoice.payer_id, invoice.client_id)


def post_to(session: Session, payer_id: int, client_id: int | None) -> Post:
    """Say how a document about a client (None: about several) would go to a payer."""
    payer = session.get_one(Contact, payer_id)
    opens = payer.documents_by is DocumentsBy.PORTAL and client_id is not None and _may_open(session, client_id, payer)
    return Post(payer.email, DocumentsBy.PORTAL if opens else DocumentsBy.PDF, payer.documents_by)


def send(session: Session, who: Actor, invoice_id: int, document: Document | None, now: datetime) -> Message:
    """Queue an invoice or credit note to its payer: with the document, or without one as a link to the portal.

    Must run inside `writing()`.

    Raises:
        NotFoundError: there is none, or it is not theirs.
        RefusalError: it is a draft, its payer has no address, or the practice does not send these.
    """
    invoice = invoices.invoice_for(session, who, invoice_id)
    if invoice.issue_date is None:
        raise RefusalError("A draft is not sent. Issue it first.")
    house = settings.house(session)
    values = {
        "what": "credit note" if invoice.kind is InvoiceKind.CREDIT_NOTE else "invoice",
        "number": invoice.number or "",
        "amount": house.money(invoice.total_cents),
        "date": locales.day(invoice.issue_date, house.locale, long=True),
        "here": ATTACHED if document else f"{IN_PORTAL}{HERE}/portal/sign-in?next=/portal/invoices/{invoice.id}",
    }
    letter = Letter(
        MessageKind.INVOICE, invoice.payer_id, values, client_id=invoice.client_id, attachment=document, invoice_id=invoice.id
    )
    sent = letters.must_write(session, who, letter, now)
    audit.record(session, who, "sent invoice", "invoice", invoice.id, now, message_id=sent.id, is_attached=document is not None)
    return sent


def send_statement(session: Session, who: Actor, statement: Statement, document: Document | None, now: datetime) -> Message:
    """Queue a statement to its payer: with the document, or without one as a link to the portal.

    Must run inside `writing()`.

    Raises:
        RefusalError: the payer has no address, or the practice does not send these.
    """
    first, last = statement.first, statement.last
    there = f"/portal/statements/{statement.payer_id}?first={first.isoformat()}&last={last.isoformat()}"
    house = statement.house
    values = {
        "date": locales.day(first, house.locale, long=True),
        "until": locales.day(last, house.locale, long=True),
        "amount": house.money(max(statement.closing_cents, 0)),
        "here": ATTACHED if document else f"{IN_PORTAL}{HERE}/portal/sign-in?next={quote(there)}",
    }
    letter = Letter(MessageKind.STATEMENT, statement.payer_id, values, client_id=statement.client_id, attachment=document)
    sent = letters.must_write(session, who, letter, now)
    audit.record(session, who, "sent statement", "contact", statement.payer_id, now, message_id=sent.id,
                 first=first.isoformat(), last=last.isoformat(), is_attached=document is not None)  # fmt: skip
    return sent


def last_of(session: Session, invoice_id: int) -> Message | None:
    """Return the newest message that brought an invoice to its payer; None: it was never e-mailed."""
    return session.scalar(select(Message).where(Message.invoice_id == invoice_id).order_by(Message.id.desc()).limit(1))


def _may_open(session: Session, client_id: int, payer: Contact) -> bool:
    granted = {access.email for access in portal_access.of_client(session, client_id)}
    seen = {each.contact_id for each in portal_access.payers(session, client_id, payer.email)}
    return portal_access.folded_address(payer.email) in granted and payer.id in seen
