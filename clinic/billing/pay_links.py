"""Pay links: a secret address at which a payer pays by card, and what came of each visit, booked once."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from clinic.billing import cards, ledger, payments, states
from clinic.billing.cards import Customer
from clinic.billing.processor import Purchase, Visit
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.messages import letters, wording
from clinic.messages.letters import HERE, Letter
from clinic.models.billing import Invoice
from clinic.models.messages import Message, MessageKind
from clinic.models.money import ChargeAttempt, ChargeStatus, Checkout, Method, PayLink
from clinic.models.people import Client, Contact
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor
from clinic.practice.settings import House

LIFE = timedelta(days=60)
VISIT_LIFE = timedelta(minutes=31)  # the processor takes no less than half an hour
ASK_AFTER = timedelta(minutes=5)
BALANCE = "Your balance"
BUSY = "A payment is being made for this right now. Wait half an hour, then load this page again."


@dataclass(frozen=True)
class Bill:
    """Be what a payer sees behind a link: how much, and for which invoice. Nothing of what was done."""

    token: str
    house: House
    words: str
    owed_cents: int
    least_cents: int
    customer: Customer
    is_busy: bool
    logo: str = ""  # by its hash
    gets_receipt: bool = False

    @property
    def words_within(self) -> str:
        """Return what is paid, within a sentence."""
        return "your balance" if self.words == BALANCE else self.words

    @property
    def may_pay(self) -> bool:
        """Say whether there is enough to pay by card, and nobody is paying it just now."""
        return self.owed_cents >= self.least_cents and not self.is_busy


def link(session: Session, who: Actor, payer_id: int, invoice_id: int | None, now: datetime) -> PayLink:
    """Return the payer's link for an invoice, or for all they owe: the one that was sent before while it lives."""
    same = PayLink.invoice_id == invoice_id if invoice_id is not None else PayLink.invoice_id.is_(None)
    found = session.scalar(select(PayLink).where(PayLink.contact_id == payer_id, same, PayLink.ends_at > now + LIFE / 2))
    if found is None:
        found = PayLink(token=secrets.token_urlsafe(32), contact_id=payer_id, invoice_id=invoice_id, created_at=now,
                        created_by_id=who.user_id, ends_at=now + LIFE)  # fmt: skip
        session.add(found)
        session.flush()
    return found


def send(session: Session, who: Actor, payer_id: int, invoice_id: int | None, now: datetime) -> Message:
    """E-mail a payer the link for an invoice, or for all they owe. Must run inside `writing()`.

    Raises:
        ClashError: the invoice is written off.
        RefusalError: nothing is owed, there is no address, or the practice sends no pay links.
    """
    if invoice_id is not None:
        states.refuse_written_off(session, session.get_one(Invoice, invoice_id))
    bill = _bill(session, link(session, who, payer_id, invoice_id, now))
    if bill.owed_cents <= 0:
        raise RefusalError("Nothing is owed.")
    message = letters.must_write(session, who, _letter(session, bill, payer_id, MessageKind.PAY_LINK), now)
    audit.record(session, who, "sent pay link", "contact", payer_id, now, invoice_id=invoice_id, message_id=message.id)
    return message


def send_after_failure(session: Session, payer_id: int, attempt_id: int, cents: int, last4: str, now: datetime) -> bool:
    """E-mail a payer whose card was refused for good a link for all they owe; say whether it is on its way.

    Safe to repeat: one letter for one charge.
    """
    bill = _bill(session, link(session, CLOCK, payer_id, None, now))
    letter = _letter(session, bill, payer_id, MessageKind.FAILED_PAYMENT, once_key=f"failed-charge-{attempt_id}",
                     card=last4, amount=bill.house.money(cents))  # fmt: skip
    message = letters.write(session, CLOCK, letter, now)
    return message is not None and bool(message.to_address)


def bill_behind(session: Session, token: str, now: datetime) -> Bill:
    """Return what is to be paid behind a link.

    Raises:
        NotFoundError: there is no such link, or its time is over.
    """
    return _bill(session, _live(session, token, now))


def purchase(bill: Bill, customer: str, success_url: str, cancel_url: str, now: datetime) -> Purchase:
    """Return what the hosted page is opened for.

    Raises:
        RefusalError: it cannot be paid by card now.
    """
    if not bill.may_pay:
        raise RefusalError(BUSY if bill.is_busy else "There is nothing to pay by card.")
    return Purchase(
        customer=customer, currency=bill.house.currency, amount_cents=bill.owed_cents, description=bill.words,
        success_url=success_url, cancel_url=cancel_url, ends_at=now + VISIT_LIFE,
    )  # fmt: skip


def begin(session: Session, token: str, stripe_session: str, bought: Purchase, now: datetime) -> None:
    """Write down that a visit to the hosted page begins. Must run inside `writing()`, before the payer is sent there.

    Raises:
        NotFoundError: there is no such link, or its time is over.
        RefusalError: someone else is paying it, or the night is.
    """
    found = _live(session, token, now)
    if _is_busy(session, found.contact_id):
        raise RefusalError(BUSY)
    cards.know_as(session, CLOCK, found.contact_id, bought.customer, now)
    session.add(
        Checkout(
            link_id=found.id,
            stripe_session=stripe_session,
            stripe_customer=bought.customer,
            amount_cents=bought.amount_cents,
            created_at=now,
            ends_at=bought.ends_at,
        )
    )
    session.flush()


def book(session: Session, visit: Visit, now: datetime) -> bool:
    """Record what a visit from a link came to: the return, the webhook and the look-up all come here. Say whether it is paid.

    Safe to repeat. Credit is put first on what is owed when all of it is paid for. Must run inside `writing()`.
    """
    checkout = session.scalar(select(Checkout).where(Checkout.stripe_session == visit.session))
    if checkout is None or checkout.link_id is None or checkout.stripe_customer != visit.customer:
        return False  # another practice may share the account, and a purchase is booked elsewhere
    if checkout.payment_id is not None:
        return True
    if not visit.is_paid or visit.payment_intent is None:
        checkout.closed_at = now if visit.is_over else None
        return False
    found = session.get_one(PayLink, checkout.link_id)
    if found.invoice_id is None:
        payments.apply_credit(session, CLOCK, payer_id=found.contact_id, now=now)
    payment = payments.record(
        session, CLOCK, payer_id=found.contact_id, method=Method.ONLINE_CARD, amount_cents=visit.amount_cents, now=now,
        invoice_id=found.invoice_id, reference=visit.last4, stripe_payment_intent=visit.payment_intent,
    )  # fmt: skip
    checkout.payment_id, checkout.closed_at = payment.id, now
    session.flush()
    return True


def is_of(session: Session, token: str, stripe_session: str, now: datetime) -> bool:
    """Say whether that visit began at that link."""
    found = _live(session, token, now)
    of_link = (Checkout.link_id == found.id, Checkout.stripe_session == stripe_session)
    return session.scalar(select(Checkout.id).where(*of_link)) is not None


def due_visits(session: Session, now: datetime) -> list[str]:
    """List the visits that nobody told the end of, so that the processor is asked."""
    waiting = (Checkout.closed_at.is_(None), Checkout.created_at <= now - ASK_AFTER)
    return list(session.scalars(select(Checkout.stripe_session).where(*waiting).order_by(Checkout.id).limit(50)))


def open_visit(session: Session, token: str, now: datetime) -> str | None:
    """Return the newest visit that began at the link and may still be open, so that it is not paid twice."""
    of_link = (Checkout.link_id == _live(session, token, now).id, Checkout.closed_at.is_(None), Checkout.ends_at > now)
    return session.scalar(select(Checkout.stripe_session).where(*of_link).order_by(Checkout.id.desc()).limit(1))


def paying(now: datetime) -> Select[int]:
    """Select the payers who are at the hosted page right now: the night leaves them alone."""
    return (
        select(PayLink.contact_id)
        .join(Checkout, Checkout.link_id == PayLink.id)
        .where(Checkout.closed_at.is_(None), Checkout.ends_at > now)
    )


def _live(session: Session, token: str, now: datetime) -> PayLink:
    found = session.scalar(select(PayLink).where(PayLink.token == token[:64], PayLink.ends_at > now))
    if found is None:
        raise NotFoundError("link")
    return found


def _bill(session: Session, found: PayLink) -> Bill:
    house, payer = settings.house(session), session.get_one(Contact, found.contact_id)
    invoice = session.get(Invoice, found.invoice_id) if found.invoice_id is not None else None
    if invoice is not None:
        owed, words = ledger.owed_cents(session, [invoice.id])[invoice.id], f"Invoice {invoice.number}"
    else:
        owed, words = max(ledger.payer_balance_cents(session, payer.id), 0), BALANCE
    return Bill(
        token=found.token, house=house, words=words, owed_cents=owed,
        least_cents=settings.practice(session).autopay_minimum_cents, customer=cards.customer(session, payer),
        is_busy=_is_busy(session, payer.id), logo=settings.practice(session).logo_sha256 or "",
        gets_receipt=bool(payer.email) and wording.of(session, MessageKind.RECEIPT).is_on,
    )  # fmt: skip


def _is_busy(session: Session, payer_id: int) -> bool:
    charging = select(ChargeAttempt.id).where(
        ChargeAttempt.contact_id == payer_id, ChargeAttempt.status.in_((ChargeStatus.PENDING, ChargeStatus.UNKNOWN))
    )
    return bool(session.scalar(select(charging.exists())))


def _letter(
    session: Session, bill: Bill, payer_id: int, kind: MessageKind, *, once_key: str | None = None, **more: str
) -> Letter:
    client = select(func.min(Client.id)).where(or_(Client.contact_id == payer_id, Client.default_payer_id == payer_id))
    values = {
        "amount": bill.house.money(bill.owed_cents),
        "for": "all that is owed" if bill.words == BALANCE else f"invoice {bill.words.removeprefix('Invoice ')}",
        "link": f"{HERE}/pay/{bill.token}",
    }
    return Letter(kind, payer_id, values | more, client_id=session.scalar(client), once_key=once_key)
