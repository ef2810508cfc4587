"""Consent to AutoPay: who gave it, when, to which text, on hold or not, and what ends it."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from clinic.billing import pay_links
from clinic.billing.processor import Verdict
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.money import AutoPayEnrolment, ChargeAttempt, EndedBy
from clinic.models.people import Contact
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor

SOFT_DECLINES_MAX = 3  # nights running
REASON_CHARS_MAX = 200


def consent_text(session: Session) -> str:
    """Return the words a payer consents to; the enrolment keeps them as they were."""
    practice = settings.practice(session)
    return (
        f"I allow {practice.name} to charge my default card for my whole unpaid balance, for every client I pay for, at most "
        f"once a night between 12 AM and 6 AM ({practice.timezone}), until I leave AutoPay. I may leave it at any time."
    )


def enrol(session: Session, who: Actor, payer_id: int, *, consented_by: str, now: datetime) -> AutoPayEnrolment:
    """Enrol a payer, with the consent text as it stands now.

    Raises:
        NotFoundError: there is no such payer.
        RefusalError: nobody is named who consented.
        ClashError: the payer is enrolled already.
    """
    if session.get(Contact, payer_id) is None:
        raise NotFoundError("payer")
    if not consented_by.strip():
        raise RefusalError("Write down who consented.", field="consented_by")
    if live(session, payer_id) is not None:
        raise ClashError("This payer is in AutoPay already.")
    enrolment = AutoPayEnrolment(
        contact_id=payer_id,
        consented_by=consented_by.strip(),
        consent_text=consent_text(session),
        enrolled_at=now,
        enrolled_by_id=who.user_id,
    )
    session.add(enrolment)
    _see(session, payer_id, now)
    session.flush()
    audit.record(session, who, "enrolled in AutoPay", "contact", payer_id, now)
    return enrolment


def leave(
    session: Session, who: Actor, payer_id: int, now: datetime, *, reason: str = "Left AutoPay", by: EndedBy = EndedBy.STAFF
) -> None:
    """End a payer's enrolment. Safe to repeat.

    What the night or the client ended waits on Tonight to be seen. A charge that was begun is finished; none follows.
    """
    enrolment = live(session, payer_id)
    if enrolment is None:
        return
    enrolment.ended_at, enrolment.ended_reason, enrolment.ended_by = now, reason[:REASON_CHARS_MAX], by
    enrolment.end_seen_at = now if by is EndedBy.STAFF else None
    session.flush()
    audit.record(session, who, "left AutoPay", "contact", payer_id, now,
                 by_rule=who.user_id is None and who.client_id is None)  # fmt: skip


def see(session: Session, who: Actor, payer_id: int, now: datetime) -> None:
    """Say that someone has seen how a payer's AutoPay ended. Must run inside `writing()`. Safe to repeat."""
    if _see(session, payer_id, now):
        audit.record(session, who, "saw the end of AutoPay", "contact", payer_id, now)


def unseen() -> ColumnElement[bool]:
    """Say, in a query over enrolments, which the night or a client ended and nobody has seen yet."""
    return and_(AutoPayEnrolment.ended_by.in_((EndedBy.NIGHT, EndedBy.CLIENT)), AutoPayEnrolment.end_seen_at.is_(None))


def hold(session: Session, who: Actor, payer_id: int, now: datetime, *, reason: str = "") -> None:
    """Keep the nights from charging a payer until someone releases them. Safe to repeat.

    Raises:
        NotFoundError: the payer is not in AutoPay.
    """
    enrolment = live_for(session, payer_id)
    if enrolment.held_at is None:
        enrolment.held_at = now
        audit.record(session, who, "held AutoPay", "contact", payer_id, now)
    enrolment.held_reason = reason.strip()[:REASON_CHARS_MAX] or enrolment.held_reason


def release(session: Session, who: Actor, payer_id: int, now: datetime) -> None:
    """Let the nights charge a payer again. Safe to repeat.

    Raises:
        NotFoundError: the payer is not in AutoPay.
    """
    enrolment = live_for(session, payer_id)
    if enrolment.held_at is not None:
        enrolment.held_at, enrolment.held_reason = None, ""
        audit.record(session, who, "released AutoPay", "contact", payer_id, now)


def live(session: Session, payer_id: int) -> AutoPayEnrolment | None:
    """Return a payer's enrolment that has not ended."""
    return session.scalar(
        select(AutoPayEnrolment).where(AutoPayEnrolment.contact_id == payer_id, AutoPayEnrolment.ended_at.is_(None))
    )


def live_for(session: Session, payer_id: int) -> AutoPayEnrolment:
    """Load a payer's enrolment that has not ended.

    Raises:
        NotFoundError: there is none.
    """
    enrolment = live(session, payer_id)
    if enrolment is None:
        raise NotFoundError("enrolment")
    return enrolment


def after_charge(session: Session, attempt: ChargeAttempt, last4: str, verdict: Verdict, message: str, now: datetime) -> str:
    """Draw what follows from a night's charge, and return it in words.

    Soft declines are tried again the next night, three nights running end it; a hard one ends it at once; a bank's question
    holds it. Whoever is not tried again is e-mailed a pay link.
    """
    payer_id = attempt.contact_id
    enrolment = live(session, payer_id)
    if verdict is Verdict.SUCCEEDED:
        if enrolment is not None:
            enrolment.soft_declines = 0
        return ""
    if enrolment is None:
        return "AutoPay was left meanwhile."
    if verdict is Verdict.SOFT:
        enrolment.soft_declines += 1
        if enrolment.soft_declines < SOFT_DECLINES_MAX:
            return f"Tried again the next night ({enrolment.soft_declines} of {SOFT_DECLINES_MAX})."
        leave(session, CLOCK, payer_id, now, reason=f"Declined {SOFT_DECLINES_MAX} nights running. {message}", by=EndedBy.NIGHT)
        return f"AutoPay is off: declined {SOFT_DECLINES_MAX} nights running. {_told(session, attempt, last4, now)}"
    if verdict is Verdict.HARD:
        leave(session, CLOCK, payer_id, now, reason=f"The card cannot be charged any more. {message}", by=EndedBy.NIGHT)
        return f"AutoPay is off: the card cannot be charged any more. {_told(session, attempt, last4, now)}"
    # Never tried again blindly: the bank would refuse, and count it against the practice.
    told = _told(session, attempt, last4, now)
    hold(session, CLOCK, payer_id, now, reason=f"The bank asks the cardholder to confirm. {told}")
    return f"On hold: the bank asks the cardholder. {told}"


def _see(session: Session, payer_id: int, now: datetime) -> bool:
    found = session.scalars(select(AutoPayEnrolment).where(AutoPayEnrolment.contact_id == payer_id, unseen())).all()
    for enrolment in found:
        enrolment.end_seen_at = now
    return bool(found)


def _told(session: Session, attempt: ChargeAttempt, last4: str, now: datetime) -> str:
    is_sent = pay_links.send_after_failure(session, attempt.contact_id, attempt.id, attempt.amount_cents, last4, now)
    return (
        "A pay link goes to them by e-mail." if is_sent else "No pay link goes out: there is no address, or it is switched off."
    )
