"""What a client's portal shows of money: issued invoices that name the client, and how their payers pay.

Whose they may be is `portal_access.payers`' rule, asked anew each time; what lies outside it does not exist here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, joinedload

from clinic.billing import arrangements, cards, enrolments, joint, ledger, receipts, register
from clinic.billing.arrangements import Arrangement
from clinic.billing.ledger import PayerSums
from clinic.billing.receipts import Receipt
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.models.billing import Invoice, InvoiceKind
from clinic.models.money import Account, EndedBy, Posting
from clinic.models.people import Contact
from clinic.people import portal_access
from clinic.people.listing import Listing, cut
from clinic.people.portal_visits import Visit
from clinic.practice import settings
from clinic.practice.permissions import CLOCK, Actor

LEFT = "Left by the client in the portal"
NO_CARD = "Add a card first: AutoPay charges it."
OPEN_MAX = 50


@dataclass(frozen=True)
class Owed:
    """Be what one payer owes on the invoices shown here, and has unallocated if they pay for nobody else."""

    payer_id: int
    name: str
    shown_cents: int
    sums: PayerSums
    covers_others: bool

    @property
    def credit_cents(self) -> int:
        """Return the credit that will be put on what is shown here; with others to pay for, nobody can say."""
        return 0 if self.covers_others else self.sums.unallocated_cents

    @property
    def to_pay_cents(self) -> int:
        """Return what is to be paid for the client."""
        return max(self.shown_cents - self.credit_cents, 0)

    @property
    def elsewhere_cents(self) -> int:
        """Return what the payer owes besides, on invoices that name someone else."""
        return self.sums.owed_cents - self.shown_cents

    @property
    def may_pay_all(self) -> bool:
        """Say whether one payment settles just what is shown here."""
        return self.to_pay_cents > 0 and not self.covers_others


@dataclass(frozen=True)
class Own:
    """Be one payer's way of paying, as the portal shows it: cards, AutoPay, and what is owed."""

    owed: Owed
    arranged: Arrangement


def owed(session: Session, who: Visit) -> tuple[Owed, ...]:
    """Return what each payer whom this visit may see owes, the client's own contact first."""
    found = portal_access.payers(session, who.client_id or 0, who.email)
    sums = _sums(session, who.client_id or 0, [payer.contact_id for payer in found])
    return tuple(
        Owed(
            payer.contact_id, payer.name, int(row.shown), PayerSums(int(row.owed), int(row.unallocated)),
            covers_others=bool(row.covers_others),
        )
        for payer in found
        for row in (sums[payer.contact_id],)
    )  # fmt: skip


def listed(session: Session, who: Visit, now: datetime, *, page: int = 1) -> Listing[register.Row]:
    """Return a page of the issued invoices and credit notes, the newest first."""
    names = {payer.contact_id: payer.name for payer in portal_access.payers(session, who.client_id or 0, who.email)}
    query = select(Invoice).where(_shown(who, names)).order_by(Invoice.issue_date.desc(), Invoice.id.desc())
    today = settings.house(session).local_date(now)

    def shape(found: Sequence[Any]) -> list[register.Row]:
        return register.rows_of(session, [row.Invoice for row in found], names, today)

    return cut(session, query, page, shape)


def invoice_for(session: Session, who: Visit, invoice_id: int) -> Invoice:
    """Load an issued invoice with its lines.

    Raises:
        NotFoundError: there is none, it is a draft, it does not name the client, or its payer's are not to be seen.
    """
    chosen = select(Invoice).where(Invoice.id == invoice_id, _shown(who, _payer_ids(session, who)))
    found = session.scalars(chosen.options(joinedload(Invoice.lines))).unique().one_or_none()
    if found is None:
        raise NotFoundError("invoice")
    return found


def owing_for(session: Session, who: Visit, invoice_id: int) -> Invoice:
    """Load an invoice that is to be paid.

    Raises:
        NotFoundError: it is not theirs to see.
        RefusalError: nothing is owed on it.
    """
    invoice = invoice_for(session, who, invoice_id)
    if ledger.owed_cents(session, [invoice.id])[invoice.id] <= 0:
        raise RefusalError("Nothing is owed on it.")
    return invoice


def payable_for(session: Session, who: Visit, payer_id: int) -> Owed:
    """Return what a payer owes in all, if one payment settles just what is shown here.

    Raises:
        NotFoundError: this visit may not see them.
        RefusalError: nothing is owed, or they pay for others too.
    """
    found = next((each for each in owed(session, who) if each.payer_id == payer_id), None)
    if found is None:
        raise NotFoundError("payer")
    if not found.may_pay_all:
        raise RefusalError("Pay these one by one." if found.to_pay_cents else "Nothing is owed.")
    return found


def receipt_for(session: Session, who: Visit, payment_id: int) -> Receipt:
    """Return a payment's receipt if all that it paid is theirs to see: it names the clients of each invoice.

    Raises:
        NotFoundError: there is no such payment, or it paid something else too, or nothing yet.
    """
    receipt = receipts.of(session, CLOCK, payment_id).receipt
    paid = {each.invoice_id for each in receipt.paid_for}
    seen = select(func.count()).select_from(Invoice).where(Invoice.id.in_(paid), _shown(who, _payer_ids(session, who)))
    if not paid or session.scalar(seen) != len(paid):
        raise NotFoundError("payment")
    return receipt


def receipts_shown(session: Session, who: Visit, payment_ids: Sequence[int]) -> set[int]:
    """Return of those payments the ones whose receipt may be seen, in one query."""
    standing = (
        select(Posting.payment_id, func.sum(Posting.amount_cents).label("cents"), Posting.invoice_id)
        .where(Posting.payment_id.in_(payment_ids), Posting.account == Account.RECEIVABLE)
        .group_by(Posting.payment_id, Posting.invoice_id)
        .having(func.sum(Posting.amount_cents) != 0)
        .subquery()
    )
    is_seen = and_(Invoice.id == standing.c.invoice_id, _shown(who, _payer_ids(session, who)))
    found = session.execute(
        select(standing.c.payment_id, func.count(), func.count(Invoice.id))
        .select_from(standing)
        .outerjoin(Invoice, is_seen)
        .group_by(standing.c.payment_id)
    )
    return {payment_id for payment_id, paid, seen in found if paid == seen}


def payer_for(session: Session, who: Visit, payer_id: int) -> Contact:
    """Load a payer whom this visit may see.

    Raises:
        NotFoundError: they may not, or there is none.
    """
    if payer_id not in _payer_ids(session, who):
        raise NotFoundError("payer")
    return session.get_one(Contact, payer_id)


def ways(session: Session, who: Visit, now: datetime) -> tuple[Own, ...]:
    """Return how each payer pays: the cards kept, AutoPay and what is owed."""
    found = owed(session, who)
    arranged = arrangements.of(session, {each.payer_id: each.name for each in found}, now)
    return tuple(Own(each, arrangement) for each, arrangement in zip(found, arranged, strict=True))


def way_of(session: Session, who: Visit, payer_id: int, now: datetime) -> Own:
    """Return how one payer pays.

    Raises:
        NotFoundError: this visit may not see them.
    """
    found = next((own for own in ways(session, who, now) if own.owed.payer_id == payer_id), None)
    if found is None:
        raise NotFoundError("payer")
    return found


def open_invoices(session: Session, who: Visit, payer_id: int) -> list[tuple[Invoice, int]]:
    """List what the payer owes for the client, oldest first, each with the cents owed."""
    cents = dict(ledger.owed_oldest_first(session, payer_id))
    chosen = select(Invoice).where(Invoice.id.in_(cents), _shown(who, [payer_id])).order_by(Invoice.issue_date, Invoice.id)
    return [(invoice, cents[invoice.id]) for invoice in session.scalars(chosen.limit(OPEN_MAX))]


def join(session: Session, who: Visit, by: Actor, payer_id: int, now: datetime) -> None:
    """Enrol a payer in AutoPay, with who consented in the portal, when and to which text. Must run inside `writing()`.

    Raises:
        NotFoundError: this visit may not see them.
        RefusalError: no card is kept.
        ClashError: the payer is enrolled already.
    """
    payer = payer_for(session, who, payer_id)
    if cards.default(session, payer_id) is None:
        raise RefusalError(NO_CARD)
    enrolments.enrol(session, by, payer_id, consented_by=f"{payer.name}, in the portal as {who.email}", now=now)


def leave(session: Session, who: Visit, by: Actor, payer_id: int, now: datetime) -> None:
    """End a payer's AutoPay at once; staff see it. Must run inside `writing()`. Safe to repeat.

    Raises:
        NotFoundError: this visit may not see them.
    """
    payer_for(session, who, payer_id)
    enrolments.leave(session, by, payer_id, now, reason=LEFT, by=EndedBy.CLIENT)


def remove_card(
    session: Session, who: Visit, by: Actor, payer_id: int, card_id: int, now: datetime, *, leaves_autopay: bool
) -> str:
    """Forget a card and return what the processor calls it. Must run inside `writing()`.

    The last card of a payer in AutoPay goes only together with AutoPay, which has nothing to charge without it.

    Raises:
        NotFoundError: this visit may not see the payer, or there is no such card.
        RefusalError: AutoPay would be left, and that was not said.
    """
    arranged = way_of(session, who, payer_id, now).arranged
    is_last = arranged.is_enrolled and [card.id for card in arranged.cards] == [card_id]
    if is_last and not leaves_autopay:
        raise RefusalError("AutoPay charges this card and there is no other. Say that you leave AutoPay, too.")
    called = cards.remove(session, by, payer_id, card_id, now)
    if is_last:
        leave(session, who, by, payer_id, now)
    return called


def _payer_ids(session: Session, who: Visit) -> list[int]:
    return [payer.contact_id for payer in portal_access.payers(session, who.client_id or 0, who.email)]


def _shown(who: Visit, payer_ids: Any) -> ColumnElement[bool]:
    return and_(
        Invoice.issued_at.is_not(None), Invoice.client_id == who.client_id, Invoice.payer_id.in_(list(payer_ids)),
    )  # fmt: skip


def _sums(session: Session, client_id: int, payer_ids: list[int]) -> dict[int, Any]:
    receivable = select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(
        Posting.payer_id == Contact.id, Posting.account == Account.RECEIVABLE
    )
    named = select(Invoice.id).where(Invoice.client_id == client_id, Invoice.kind == InvoiceKind.INVOICE)
    credit = select(func.coalesce(func.sum(Posting.amount_cents), 0)).where(
        Posting.payer_id == Contact.id, Posting.account == Account.UNALLOCATED
    )
    found = session.execute(
        select(
            Contact.id, joint.covers_others(client_id).label("covers_others"), receivable.scalar_subquery().label("owed"),
            receivable.where(Posting.invoice_id.in_(named)).scalar_subquery().label("shown"),
            (-credit.scalar_subquery()).label("unallocated"),
        ).where(Contact.id.in_(payer_ids))
    )  # fmt: skip
    return {row.id: row for row in found}
