"""Invoices: drafts and their lines, issuing, and billing a session at once."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from clinic.billing import ledger, lines, numbering, releasing, sessions, snapshot, work
from clinic.billing.candidates import Candidate
from clinic.billing.ledger import Leg
from clinic.billing.lines import NewLine, line_of
from clinic.billing.states import State
from clinic.billing.states import of as states
from clinic.billing.whose import theirs
from clinic.billing.work import live_lines as line_for_shares
from clinic.billing.work import set_do_not_invoice
from clinic.kernel import clock, money
from clinic.kernel.database import connection_of, put
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceKind, InvoiceLine, InvoiceSource, PackageSale, Share
from clinic.models.calendar import Attendee, Item
from clinic.models.money import Account, MoneyEvent
from clinic.models.people import Client, ClientContact, Contact
from clinic.models.practice import Practice, Practitioner
from clinic.people import clients
from clinic.practice import audit, settings
from clinic.practice.permissions import Actor

__all__ = [
    "NewLine", "State", "add_line", "add_share", "bill_attendee", "bill_item", "bill_uninvoiced", "client_of",
    "delete_draft", "draft", "edit_line", "invoice_for", "issue", "line_for_shares", "line_of", "put_draft", "remove_line",
    "seal", "set_do_not_invoice", "share_line", "states", "theirs",
]  # fmt: skip
_SEAL = update(Invoice).where(Invoice.id == bindparam("draft"))
LINES_MAX = 300  # what one document can print (a PDF's time grows faster than its rows)


def draft(
    session: Session,
    who: Actor,
    *,
    payer_id: int,
    client_id: int | None,
    now: datetime,
    source: InvoiceSource = InvoiceSource.HAND,
    practitioner_id: int | None = None,
    location_id: int | None = None,
    reference: str = "",
) -> Invoice:
    """Begin a draft without lines. The reference, unless given, is the one kept between client and payer.

    Raises:
        NotFoundError: there is no such payer or client, or the client is not theirs.
    """
    if session.get(Contact, payer_id) is None:
        raise NotFoundError("payer")
    if client_id is not None:
        clients.client_for(session, who, client_id)
        linked = select(ClientContact.reference).where(
            ClientContact.client_id == client_id, ClientContact.contact_id == payer_id
        )
        reference = reference or session.scalar(linked) or ""
    own = who.own_practitioner_id
    invoice = Invoice(
        source=source,
        payer_id=payer_id,
        client_id=client_id,
        # A practitioner confined to their own work sees a draft of theirs by this.
        practitioner_id=own if practitioner_id is None and own is not None and own > 0 else practitioner_id,
        location_id=location_id,
        reference=reference,
        created_at=now,
        created_by_id=who.user_id,
        net_cents=0,
        tax_cents=0,
        total_cents=0,
        lines=[],
    )
    session.add(invoice)
    session.flush()
    return invoice


def add_line(session: Session, invoice: Invoice, new: NewLine) -> InvoiceLine:
    """Put a line at the end of a draft and bring its totals up to date. The invoice's lines must be loaded.

    Raises:
        RefusalError: the invoice was issued, is full, or the amount is not one a line may have.
    """
    _check_draft(invoice)
    if len(invoice.lines) >= LINES_MAX:
        raise RefusalError(f"An invoice holds at most {LINES_MAX} lines. Make another one.")
    line = InvoiceLine(
        invoice_id=invoice.id,
        position=max((each.position for each in invoice.lines), default=0) + 1,
        share_id=new.share_id,
    )
    lines.write(line, new, inclusive=settings.practice(session).tax_inclusive)
    invoice.lines.append(line)
    lines.add_up(invoice)
    session.flush()
    return line


def edit_line(session: Session, invoice: Invoice, line_id: int, new: NewLine) -> InvoiceLine:
    """Write a draft's line anew; it keeps its place and the session it bills.

    Raises:
        NotFoundError: the invoice has no such line.
        RefusalError: the invoice was issued, or the amount is not one a line may have.
    """
    _check_draft(invoice)
    line = line_of(invoice, line_id)
    lines.write(line, new, inclusive=settings.practice(session).tax_inclusive)
    lines.add_up(invoice)
    session.flush()
    return line


def remove_line(session: Session, invoice: Invoice, line_id: int) -> None:
    """Take a line off a draft; the session it billed is uninvoiced again.

    Raises:
        NotFoundError: the invoice has no such line.
        RefusalError: the invoice was issued.
    """
    _check_draft(invoice)
    invoice.lines.remove(line_of(invoice, line_id))
    lines.add_up(invoice)
    session.flush()


def add_share(session: Session, invoice: Invoice, share_id: int) -> InvoiceLine:
    """Put a session on a draft: its fee as copied at booking or what the status policy bills, less the client's discount.

    Raises:
        NotFoundError: there is no such session.
        ClashError: it stands on another invoice already, drafts included.
        RefusalError: it bills nothing, or is billed to someone else.
    """
    share = work.share_for_line(session, share_id)
    attendee, item = share.attendee, share.attendee.item
    practice = settings.practice(session)
    _check_share_is_free(session, [share_id])
    work.check_billable(attendee, practice)
    if invoice.source is InvoiceSource.PACKAGE:
        # A package line's share is the session it pays for; one that bills work would be taken for it.
        raise RefusalError("A package invoice holds the package alone. Put this session on another invoice.")
    if share.payer_id != invoice.payer_id or invoice.client_id not in (None, attendee.client_id):
        raise RefusalError("This session is billed to someone else.")
    if invoice.practitioner_id is None:
        invoice.practitioner_id, invoice.location_id = item.practitioner_id, item.location_id
    given_by = session.get_one(Practitioner, item.practitioner_id)
    cents, discount_bp = work.shares_cents(session, [share], practice)[share.id], attendee.client.discount_bp
    new = share_line(share, practice, practitioner_name=given_by.name, cents=cents, discount_bp=discount_bp)
    return add_line(session, invoice, new)


def share_line(
    share: Share | Candidate, practice: Practice, *, practitioner_name: str, cents: int, discount_bp: int
) -> NewLine:
    """Return what the line of a session says: its fee as copied at booking, at what it bills, less the client's discount."""
    attendee, item = share.attendee, share.attendee.item
    return NewLine(
        description=work.describe(attendee, item, practice, practitioner_name),
        unit_cents=cents,
        discount_cents=money.share_of(cents, discount_bp),
        code=attendee.fee_code,
        session_date=clock.local_date(item.starts_at, practice.timezone),
        fee_id=attendee.fee_id,
        minutes=int((item.ends_at - item.starts_at).total_seconds()) // 60,
        tax_bp=attendee.tax_bp,
        share_id=share.id,
    )


def put_draft(session: Session, invoice: Invoice, new_lines: Sequence[NewLine]) -> None:
    """Write a new draft down with all its lines at once, for a run; it joins no session, and `issue` takes it as it is.

    Must run inside `writing()`.

    Raises:
        RefusalError: there are too many lines, or an amount is not one a line may have.
    """
    if len(new_lines) > LINES_MAX:
        raise RefusalError(f"An invoice holds at most {LINES_MAX} lines. Make another one.")
    inclusive = settings.practice(session).tax_inclusive
    made = [InvoiceLine(position=at, share_id=new.share_id) for at, new in enumerate(new_lines, start=1)]
    for line, new in zip(made, new_lines, strict=True):
        lines.write(line, new, inclusive=inclusive)
    set_committed_value(invoice, "lines", made)
    lines.add_up(invoice)
    invoice.id = put(session, Invoice, [_given(invoice)])
    put(session, InvoiceLine, [_given(line) | {"invoice_id": invoice.id} for line in made])


def _given(row: Invoice | InvoiceLine) -> dict[str, Any]:
    return {name: row.__dict__[name] for name in type(row).__table__.columns.keys() if name in row.__dict__}  # noqa: SIM118


def issue(session: Session, who: Actor, invoice: Invoice, now: datetime, *, issue_date: date | None = None) -> None:
    """Number, date and seal a draft and post it; after this its money never changes.

    Must run inside `writing()`: the lock is what makes the number unique. `issue_date` is today unless given.

    Raises:
        RefusalError: it was issued already, or has no line.
    """
    _check_draft(invoice)
    if not invoice.lines:
        raise RefusalError("Add a line before issuing this invoice.")
    practice = settings.practice(session)
    if practice.money_locked_at is None:
        # The tax setting could still change after the draft was made; from the first issue on it cannot.
        for line in invoice.lines:
            lines.price(line, inclusive=practice.tax_inclusive)
        lines.add_up(invoice)
        practice.money_locked_at = now
    seal(session, invoice, now, issue_date=issue_date)
    if invoice.total_cents:
        legs = [
            Leg(Account.RECEIVABLE, invoice.payer_id, invoice.total_cents, invoice_id=invoice.id),
            Leg(Account.INCOME, invoice.payer_id, -invoice.net_cents, invoice_id=invoice.id),
            Leg(Account.TAX, invoice.payer_id, -invoice.tax_cents, invoice_id=invoice.id),
        ]
        ledger.post(session, who, MoneyEvent.ISSUED, legs, now)
        releasing.move_over(session, who, invoice, now)
    if invoice.source is InvoiceSource.PACKAGE:
        sessions.bought(session, who, invoice, now)
    audit.record(
        session, who, "issued invoice", "invoice", invoice.id, now,
        number=invoice.number, total_cents=invoice.total_cents, source=invoice.source,
    )  # fmt: skip


def seal(session: Session, invoice: Invoice, now: datetime, *, issue_date: date | None = None) -> None:
    """Give a document its number, date and snapshot; what it posts is its kind's own matter. Must run inside `writing()`."""
    session.flush()  # the lines first: the database takes none once the invoice is issued
    practice = settings.practice(session)
    frozen = snapshot.take(session, invoice)
    serial, number = numbering.take_next(session, invoice.kind)
    day = issue_date or clock.local_date(now, practice.timezone)
    due = day + timedelta(days=practice.due_days) if invoice.kind is InvoiceKind.INVOICE else None
    sealed = {
        "issue_date": day, "due_date": due, "serial": serial, "number": number, "issued_at": now, "snapshot": frozen,
    }  # fmt: skip
    connection_of(session).execute(_SEAL, {"draft": invoice.id} | sealed)
    for name, value in sealed.items():
        set_committed_value(invoice, name, value)


def delete_draft(session: Session, who: Actor, invoice: Invoice, now: datetime) -> None:
    """Delete a draft; the sessions on it are uninvoiced again.

    Raises:
        RefusalError: it was issued: an issued invoice is credited, never deleted.
    """
    _check_draft(invoice)
    sale = session.scalar(
        select(PackageSale).where(PackageSale.invoice_id == invoice.id).options(selectinload(PackageSale.clients))
    )
    if sale is not None:
        session.delete(sale)
        session.flush()
    audit.record(session, who, "deleted draft", "invoice", invoice.id, now, total_cents=invoice.total_cents)
    session.delete(invoice)
    session.flush()


def invoice_for(session: Session, who: Actor, invoice_id: int) -> Invoice:
    """Load an invoice with its lines.

    Raises:
        NotFoundError: there is none, or it is not theirs.
    """
    chosen = select(Invoice).where(Invoice.id == invoice_id).options(joinedload(Invoice.lines))
    condition = theirs(who)
    found = session.scalars(chosen if condition is None else chosen.where(condition))
    invoice = found.unique().one_or_none()
    if invoice is None:
        raise NotFoundError("invoice")
    return invoice


def client_of(session: Session, invoice: Invoice) -> Client | None:
    """Return the client the invoice names, if it names one."""
    return session.get(Client, invoice.client_id) if invoice.client_id is not None else None


def bill_attendee(session: Session, who: Actor, attendee_id: int, now: datetime) -> list[Invoice]:
    """Issue one invoice per payer for a place's uninvoiced shares (the flyout's Create Invoice).

    Raises:
        NotFoundError: the place does not exist or is not theirs.
        ClashError: it is on an invoice already.
        RefusalError: it bills nothing.
    """
    attendee = work.attendee_for(session, who, attendee_id)
    return _bill(session, who, attendee, now)


def bill_item(session: Session, who: Actor, item_id: int, now: datetime) -> list[Invoice]:
    """Issue the invoices of everyone in the item who is billed and not invoiced yet.

    Raises:
        NotFoundError: the item does not exist or is not theirs.
        ClashError: all of it is invoiced already.
        RefusalError: nothing of it can be billed.
    """
    item = session.scalar(select(Item).where(Item.id == item_id).options(selectinload(Item.attendees)))
    if item is None or item.deleted_at is not None:
        raise NotFoundError("item")
    billed = [each for each in item.attendees if each.is_billed]
    if not billed:
        work.attendee_for(session, who, item.attendees[0].id if item.attendees else 0)
        raise RefusalError("This item bills nothing.")
    issued: list[Invoice] = []
    refused: RefusalError | None = None
    for attendee in billed:
        try:
            issued += bill_attendee(session, who, attendee.id, now)
        except RefusalError as refusal:
            refused = refusal
    if not issued and refused is not None:
        raise refused
    return issued


def bill_uninvoiced(session: Session, who: Actor, *, client_id: int, payer_id: int, now: datetime) -> Invoice:
    """Issue one invoice to the payer for all the client's uninvoiced sessions.

    Raises:
        RefusalError: there is nothing to bill.
    """
    waiting = work.uninvoiced(session, who, now, client_id=client_id, payer_id=payer_id)
    if not waiting:
        raise RefusalError("Nothing is waiting to be invoiced.")
    invoice = draft(session, who, payer_id=payer_id, client_id=client_id, now=now)
    for each in waiting:
        add_share(session, invoice, each.share_id)
    issue(session, who, invoice, now)
    return invoice


def _bill(session: Session, who: Actor, attendee: Attendee, now: datetime) -> list[Invoice]:
    work.check_billable(attendee, settings.practice(session))
    shares = work.shares_of(session, [attendee.id])
    taken = work.live_lines(session, [share.id for share in shares])
    free: dict[int, list[Share]] = {}
    for share in shares:
        if share.id not in taken:
            free.setdefault(share.payer_id, []).append(share)
    if not free:
        _check_share_is_free(session, list(taken))
        raise RefusalError("This session has no fee to bill.")
    issued = []
    for payer_id, theirs_of_it in free.items():
        invoice = draft(
            session,
            who,
            payer_id=payer_id,
            client_id=attendee.client_id,
            now=now,
            practitioner_id=attendee.item.practitioner_id,
            location_id=attendee.item.location_id,
        )
        for share in theirs_of_it:
            add_share(session, invoice, share.id)
        issue(session, who, invoice, now)
        issued.append(invoice)
    return issued


def _check_share_is_free(session: Session, share_ids: Collection[int]) -> None:
    taken = work.live_lines(session, share_ids)
    if not taken:
        return
    invoice = next(iter(taken.values())).invoice
    if invoice.source is InvoiceSource.PACKAGE:
        raise ClashError(f"This session is paid for by a package, on invoice {invoice.number}.")
    where = f"invoice {invoice.number}" if invoice.number else "a draft"
    raise ClashError(f"This session is already on {where}.")


def _check_draft(invoice: Invoice) -> None:
    if invoice.issued_at is not None:
        raise ClashError(f"Invoice {invoice.number} was issued; what is issued never changes.")
