"""Enrolling several payers at once: each listed with what they owe, none chosen beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from clinic.billing import enrolments, ledger
from clinic.kernel.errors import RefusalError
from clinic.models.money import AutoPayEnrolment, Card
from clinic.models.people import Client, Contact
from clinic.practice.permissions import Actor

CANDIDATES_MAX = 300


@dataclass(frozen=True)
class Candidate:
    """Be a payer who keeps a card and is not in AutoPay."""

    payer_id: int
    name: str
    clients: str
    card: str
    balance_cents: int
    ended_reason: str = ""  # why their AutoPay ended the last time


def candidates(session: Session) -> list[Candidate]:
    """List the payers who could be enrolled, by name, in three queries."""
    of_payer = and_(AutoPayEnrolment.contact_id == Contact.id, AutoPayEnrolment.ended_at.is_(None))
    ended = select(AutoPayEnrolment.ended_reason).where(AutoPayEnrolment.contact_id == Contact.id)
    ended = ended.order_by(AutoPayEnrolment.id.desc()).limit(1).correlate(Contact)
    found = session.execute(
        select(Contact.id, Contact.name, Card.last4, ended.scalar_subquery().label("ended_reason"))
        .join(Card, and_(Card.contact_id == Contact.id, Card.is_default, Card.removed_at.is_(None)))
        .outerjoin(AutoPayEnrolment, of_payer)
        .where(AutoPayEnrolment.id.is_(None), ~Contact.is_archived)
        .order_by(Contact.sort_name, Contact.id)
        .limit(CANDIDATES_MAX)
    ).all()
    payer_ids = [row.id for row in found]
    sums = ledger.payer_sums(session, payer_ids)
    covered: dict[int, list[str]] = {payer_id: [] for payer_id in payer_ids}
    theirs = select(Client).where(Client.default_payer_id.in_(payer_ids)).order_by(Client.sort_name)
    for client in session.scalars(theirs):
        covered[client.default_payer_id].append(client.name)
    return [
        Candidate(
            row.id,
            row.name,
            ", ".join(covered[row.id]),
            f"ending {row.last4}",
            sums[row.id].balance_cents,
            row.ended_reason or "",
        )
        for row in found
    ]


def enrol(session: Session, who: Actor, payer_ids: Sequence[int], *, how: str, now: datetime) -> int:
    """Enrol the payers chosen, each with the consent text as it stands now; return how many. Must run inside `writing()`.

    Args:
        how: how they consented, such as "signed on paper in November".

    Raises:
        RefusalError: one of them keeps no card or is in AutoPay already, or it is not said how they consented.
    """
    if not how.strip():
        raise RefusalError("Write down how they consented.", field="how")
    open_to = {each.payer_id: each.name for each in candidates(session)}
    if set(payer_ids) - set(open_to):
        raise RefusalError("One of them keeps no card, or is in AutoPay already. Look again and choose.", field="payers")
    for payer_id in payer_ids:
        enrolments.enrol(session, who, payer_id, consented_by=f"{open_to[payer_id]}, {how.strip()}", now=now)
    return len(payer_ids)
