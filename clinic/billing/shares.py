"""A session's fee divided between payers before it is invoiced: shares by percentage or amount that add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.billing import work
from clinic.kernel import money
from clinic.kernel.errors import ClashError, RefusalError
from clinic.models.billing import InvoiceLine, Share
from clinic.models.calendar import Attendee
from clinic.models.people import Contact
from clinic.people import contacts
from clinic.practice import audit
from clinic.practice.permissions import Actor

SHARES_MAX = 4


@dataclass(frozen=True)
class Wish:
    """Say what one payer pays: a percentage of the fee, an amount, or (neither) what the others leave."""

    payer_id: int
    rate_bp: int | None = None
    amount_cents: int | None = None


@dataclass(frozen=True)
class Part:
    """Be one payer's share as it stands."""

    payer_id: int
    payer: str
    amount_cents: int


def standing(session: Session, attendee_id: int) -> list[Part]:
    """List how a place's fee is divided now."""
    found = session.execute(
        select(Share, Contact.name)
        .join(Contact, Contact.id == Share.payer_id)
        .where(Share.attendee_id == attendee_id)
        .order_by(Share.position, Share.id)
    )
    return [Part(share.payer_id, name, share.amount_cents) for share, name in found]


def amounts(fee_cents: int, wishes: Sequence[Wish]) -> list[int]:
    """Work out what each wish comes to.

    Percentages that make the whole fee together are spread so that their cents add up to it.

    Raises:
        RefusalError: two leave their part open, or together they are not the fee.
    """
    open_ones = [each for each in wishes if each.rate_bp is None and each.amount_cents is None]
    if len(open_ones) > 1:
        raise RefusalError("Leave at most one part blank: it takes what the others leave.", field="part_0")
    rates = [each.rate_bp or 0 for each in wishes]
    if all(each.rate_bp is not None for each in wishes) and sum(rates) == money.BP_WHOLE:
        return money.spread(fee_cents, rates)
    known = [money.share_of(fee_cents, each.rate_bp) if each.rate_bp is not None else each.amount_cents or 0 for each in wishes]
    rest = fee_cents - sum(known)
    if rest < 0 or (rest and not open_ones):
        more = f"{money.plainly(abs(rest))} too {'much' if rest < 0 else 'little'}"
        raise RefusalError(f"The parts must add up to the fee of {money.plainly(fee_cents)}: they are {more}.", field="part_0")
    return [rest if each in open_ones else cents for each, cents in zip(wishes, known, strict=True)]


def divide(session: Session, who: Actor, attendee_id: int, wishes: Sequence[Wish], now: datetime) -> list[Share]:
    """Divide a place's fee between payers, one wish each. Must run inside `writing()`.

    Raises:
        NotFoundError: the place does not exist or is not theirs.
        ClashError: part of it stands on an invoice, a draft or a package already.
        RefusalError: it carries no fee, a payer is named twice or is not one of the client's, or the parts do not add up.
    """
    attendee = work.attendee_for(session, who, attendee_id)
    _check(session, attendee, wishes)
    old = work.shares_of(session, [attendee_id])
    if work.live_lines(session, [share.id for share in old]):
        raise ClashError("This session is on an invoice or in a package: take it off there first.")
    cents = amounts(attendee.fee_cents, wishes)
    if not all(cents):
        raise RefusalError("Nobody's part may be nothing: take that payer out.", field="part_0")
    kept = old[: len(wishes)]
    _drop(session, old[len(wishes) :])
    for position, (wish, part) in enumerate(zip(wishes, cents, strict=True)):
        share = kept[position] if position < len(kept) else Share(attendee_id=attendee_id)
        share.position, share.payer_id, share.amount_cents = position, wish.payer_id, part
        session.add(share)
    attendee.billing_changed_at = now
    session.flush()
    audit.record(session, who, "divided fee", "attendee", attendee_id, now, payers=[each.payer_id for each in wishes])
    return work.shares_of(session, [attendee_id])


def _check(session: Session, attendee: Attendee, wishes: Sequence[Wish]) -> None:
    if not attendee.is_billed or not attendee.fee_cents:
        raise RefusalError("This session carries no fee to divide.")
    if not 1 <= len(wishes) <= SHARES_MAX:
        raise RefusalError("Choose who pays.", field="payer_0")
    named = [each.payer_id for each in wishes]
    if len(set(named)) != len(named):
        raise RefusalError("Name each payer once.", field="payer_1")
    known = {payer.contact_id for payer in contacts.payers_of(session, attendee.client_id)}
    if not set(named) <= known:
        raise RefusalError("Choose the client or one of their contacts.", field="payer_0")


def _drop(session: Session, shares: Sequence[Share]) -> None:
    # What was on an issued line is history: its line still names it.
    billed = select(InvoiceLine.id).where(InvoiceLine.share_id.in_([share.id for share in shares])).limit(1)
    if shares and session.scalar(billed) is not None:
        raise RefusalError("One of the parts was on an invoice before: keep as many parts as there are.", field="part_0")
    for share in shares:
        session.delete(share)
    session.flush()
