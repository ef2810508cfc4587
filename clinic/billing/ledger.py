"""The double-entry ledger: every money event posts, each transaction sums to zero, balances are sums of postings."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from clinic.kernel import clock
from clinic.kernel.database import put
from clinic.models.billing import Invoice
from clinic.models.money import Account, LedgerTransaction, MoneyEvent, Posting
from clinic.models.people import Contact
from clinic.practice import settings
from clinic.practice.permissions import Actor


@dataclass(frozen=True)
class Leg:
    """Be one leg of a transaction: a debit is positive, a credit negative, in cents."""

    account: Account
    payer_id: int
    amount_cents: int
    invoice_id: int | None = None
    payment_id: int | None = None


@dataclass(frozen=True)
class PayerSums:
    """Hold what a payer owes on issued invoices and what of theirs is not on one yet."""

    owed_cents: int = 0
    unallocated_cents: int = 0

    @property
    def balance_cents(self) -> int:
        """Return invoiced minus paid."""
        return self.owed_cents - self.unallocated_cents


def post(
    session: Session,
    who: Actor,
    event: MoneyEvent,
    legs: Sequence[Leg],
    now: datetime,
    *,
    memo: str = "",
    reverses_id: int | None = None,
) -> int:
    """Write one transaction down for ever and return its id. Legs of zero are left out. Must run inside `writing()`."""
    assert sum(leg.amount_cents for leg in legs) == 0, "a transaction sums to zero"
    telling = [leg for leg in legs if leg.amount_cents]
    assert telling, "a transaction moves something"
    local_date = clock.local_date(now, settings.practice(session).timezone)
    transaction = {"event": event, "at": now, "local_date": local_date, "user_id": who.user_id, "memo": memo,
                   "reverses_id": reverses_id}  # fmt: skip
    transaction_id = put(session, LedgerTransaction, [transaction])
    put(session, Posting, [{"transaction_id": transaction_id, **asdict(leg)} for leg in telling])
    return transaction_id


def owed_cents(session: Session, invoice_ids: Collection[int]) -> dict[int, int]:
    """Return what is still owed on each of the invoices; one that never posted (a draft, $0) owes 0."""
    found = session.execute(
        select(Posting.invoice_id, func.sum(Posting.amount_cents))
        .where(Posting.account == Account.RECEIVABLE, Posting.invoice_id.in_(invoice_ids))
        .group_by(Posting.invoice_id)
    )
    sums = {invoice_id: int(cents) for invoice_id, cents in found}
    return {invoice_id: sums.get(invoice_id, 0) for invoice_id in invoice_ids}


def payer_sums(session: Session, payer_ids: Collection[int]) -> dict[int, PayerSums]:
    """Return what each payer owes and has unallocated, in one query."""
    found = session.execute(
        select(Posting.payer_id, Posting.account, func.sum(Posting.amount_cents))
        .where(Posting.payer_id.in_(payer_ids), Posting.account.in_((Account.RECEIVABLE, Account.UNALLOCATED)))
        .group_by(Posting.payer_id, Posting.account)
    )
    sums = {(payer_id, account): int(cents) for payer_id, account, cents in found}
    return {
        payer_id: PayerSums(
            owed_cents=sums.get((payer_id, Account.RECEIVABLE), 0),
            unallocated_cents=-sums.get((payer_id, Account.UNALLOCATED), 0),
        )
        for payer_id in payer_ids
    }


def posted(account: Account) -> Any:
    """Return what is posted to an account of the contact that the query is about, in cents, as a column of it."""
    cents = select(func.coalesce(func.sum(Posting.amount_cents), 0))
    return cents.where(Posting.payer_id == Contact.id, Posting.account == account).correlate(Contact).scalar_subquery()


def payer_owed_cents(session: Session, payer_id: int) -> int:
    """Return what the payer owes on issued invoices."""
    return payer_sums(session, [payer_id])[payer_id].owed_cents


def unallocated_cents(session: Session, payer_id: int) -> int:
    """Return the payer's credit: money received and not on an invoice yet."""
    return payer_sums(session, [payer_id])[payer_id].unallocated_cents


def payer_balance_cents(session: Session, payer_id: int) -> int:
    """Return the payer's balance: owed minus unallocated; negative when they are ahead."""
    return payer_sums(session, [payer_id])[payer_id].balance_cents


def unallocated_by_payment(session: Session, payer_id: int) -> list[tuple[int, int]]:
    """List the payer's payments that have something left, oldest first, each with the cents left."""
    left = -func.sum(Posting.amount_cents)
    found = session.execute(
        select(Posting.payment_id, left)
        .where(
            Posting.payer_id == payer_id,
            Posting.account == Account.UNALLOCATED,
            Posting.payment_id.is_not(None),
        )
        .group_by(Posting.payment_id)
        .having(left > 0)
        .order_by(Posting.payment_id)
    )
    return [(payment_id, int(cents)) for payment_id, cents in found if payment_id is not None]


def owed_of(payer_id: int) -> Select[int, int]:
    """Return the query for the payer's issued invoices that owe something, each with the cents owed."""
    owed = func.sum(Posting.amount_cents)
    return (
        select(Invoice.id, owed.label("cents"))
        .join(Posting, Posting.invoice_id == Invoice.id)
        .where(Invoice.payer_id == payer_id, Posting.account == Account.RECEIVABLE)
        .group_by(Invoice.id, Invoice.issue_date)
        .having(owed > 0)
    )


def owed_oldest_first(session: Session, payer_id: int) -> list[tuple[int, int]]:
    """List the payer's issued invoices that owe something, oldest first, each with the cents owed."""
    found = session.execute(owed_of(payer_id).order_by(Invoice.issue_date, Invoice.id))
    return [(invoice_id, int(cents)) for invoice_id, cents in found]
