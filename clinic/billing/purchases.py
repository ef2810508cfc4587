"""Online purchases: the way to the processor's page and back, and the one sale that a payment makes, whoever tells of it."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.orm import Session

from clinic.billing import bundles, cards, invoices, pay_links, payments, storefront
from clinic.billing.cards import Customer
from clinic.billing.processor import Purchase, Visit
from clinic.kernel import locales
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.kernel.texts import folded
from clinic.messages import letters, to_staff
from clinic.messages.letters import HERE, Letter
from clinic.models.billing import Invoice, PackageSale
from clinic.models.messages import MessageKind
from clinic.models.money import Checkout, Method, Payment
from clinic.models.online import OnlinePurchase, PurchaseStatus
from clinic.models.people import Client
from clinic.models.portal import PortalAccess
from clinic.people import clients, portal_access
from clinic.people.clients import Details
from clinic.practice import audit, settings
from clinic.practice.permissions import CLOCK, Actor
from clinic.practice.settings import House

log = logging.getLogger("clinic.purchases")
PAGE_LIFE = timedelta(days=90)  # afterwards the portal is the way
ORDER_LIFE = timedelta(hours=24)  # an order that never reached the processor's page
ENDED_KEPT = timedelta(days=7)
ENDED = "The time for this purchase is over, and nothing was paid. Choose the package once more."


@dataclass(frozen=True)
class Bought:
    """Be a purchase as its secret page shows it: nothing of anyone that the buyer did not type."""

    id: int
    token: str
    house: House
    status: PurchaseStatus
    name: str
    total_cents: int
    paid_at: datetime | None
    email: str
    is_begun: bool  # the processor's page was opened
    client_id: int | None
    sale_id: int | None
    practice_phone: str


@dataclass(frozen=True)
class Opening:
    """Hold what the processor's page is opened with, or the visit that is open already."""

    purchase: Purchase
    customer: Customer
    stripe_session: str | None

    def named(self, stripe_customer: str) -> Purchase:
        """Return what to open the page with, for the customer as the processor calls them."""
        return replace(self.purchase, customer=stripe_customer)


def bought(session: Session, token: str, now: datetime) -> Bought:
    """Return what stands behind a purchase's secret address.

    Raises:
        NotFoundError: there is no such purchase, or its page's time is over.
    """
    found = session.execute(
        select(OnlinePurchase, Checkout.id, PackageSale.id)
        .outerjoin(Checkout, Checkout.purchase_id == OnlinePurchase.id)
        .outerjoin(PackageSale, PackageSale.invoice_id == OnlinePurchase.invoice_id)
        .where(OnlinePurchase.token == token[:64], OnlinePurchase.created_at > now - PAGE_LIFE)
    ).one_or_none()
    if found is None:
        raise NotFoundError("purchase")
    purchase, visit_id, sale_id = found
    practice = settings.practice(session)
    return Bought(
        id=purchase.id, token=purchase.token, house=settings.house(session), status=purchase.status,
        name=purchase.offered["name"], total_cents=purchase.total_cents, paid_at=purchase.paid_at, email=purchase.email,
        is_begun=visit_id is not None, client_id=purchase.client_id, sale_id=sale_id, practice_phone=practice.phone,
    )  # fmt: skip


def opening(session: Session, token: str, success_url: str, cancel_url: str, now: datetime) -> Opening:
    """Return what the processor's page is opened with. Call the processor with no door open.

    Raises:
        NotFoundError: there is no such purchase.
        ClashError: it is paid already, or its time is over.
    """
    purchase = _purchase(session, token, now)
    if purchase.status is not PurchaseStatus.OPEN:
        raise ClashError(ENDED if purchase.status is PurchaseStatus.ENDED else "This is paid already.")
    if purchase.client_id is not None:
        client = clients.client_for(session, CLOCK, purchase.client_id)
        customer = cards.customer(session, client.contact)
    else:
        customer = Customer(0, _name(purchase), None, f"buyer-{purchase.token[:32]}")
    visit = session.scalar(select(Checkout.stripe_session).where(Checkout.purchase_id == purchase.id))
    wanted = Purchase(
        customer=customer.stripe_customer or "", currency=purchase.currency, amount_cents=purchase.total_cents,
        description=f"Package order {purchase.id}", success_url=success_url, cancel_url=cancel_url,
        ends_at=now + pay_links.VISIT_LIFE,
    )  # fmt: skip
    return Opening(wanted, customer, visit)


def begin(session: Session, token: str, stripe_session: str, wanted: Purchase, now: datetime) -> bool:
    """Write down that the visit to the hosted page begins; False: another one has begun. Must run inside `writing()`."""
    purchase = _purchase(session, token, now)
    if session.scalar(select(Checkout.id).where(Checkout.purchase_id == purchase.id)) is not None:
        return False
    if purchase.client_id is not None:
        contact_id = session.get_one(Client, purchase.client_id).contact_id
        cards.know_as(session, Actor(user_id=None, for_client_id=purchase.client_id), contact_id, wanted.customer, now)
    session.add(
        Checkout(
            purchase_id=purchase.id, stripe_session=stripe_session, stripe_customer=wanted.customer,
            amount_cents=wanted.amount_cents, created_at=now, ends_at=wanted.ends_at,
        )
    )  # fmt: skip
    session.flush()
    return True


def is_of(session: Session, token: str, stripe_session: str, now: datetime) -> bool:
    """Say whether that visit began at that purchase."""
    purchase = _purchase(session, token, now)
    of_it = (Checkout.purchase_id == purchase.id, Checkout.stripe_session == stripe_session)
    return session.scalar(select(Checkout.id).where(*of_it)) is not None


def book(session: Session, visit: Visit, now: datetime) -> bool:
    """Sell what a visit paid for: the return, the webhook and the look-up all come here. Say whether it is paid.

    Safe to repeat: once per purchase. It is honoured however late word of it comes, and whatever became of the template. When
    no invoice can be made, the money is recorded as the buyer's credit and the purchase is stranded, for staff to see.
    Must run inside `writing()`.
    """
    checkout = session.scalar(select(Checkout).where(Checkout.stripe_session == visit.session))
    if checkout is None or checkout.purchase_id is None or checkout.stripe_customer != visit.customer:
        return False
    if checkout.payment_id is not None:
        return True
    purchase = session.get_one(OnlinePurchase, checkout.purchase_id)
    if not visit.is_paid or visit.payment_intent is None:
        if visit.is_over:
            checkout.closed_at, purchase.status = now, PurchaseStatus.ENDED
        return False
    client = _client_of(session, purchase, visit, now)
    try:
        with session.begin_nested():
            invoice = _sell(session, _buyer(client), purchase, client, now)
            payment = _paid(session, client, visit, now, invoice_id=invoice.id)
            session.flush()
    except Exception as error:  # noqa: BLE001 - the money has been taken: whatever stands in the way of the sale, it is kept
        log.error(
            "online purchase %s could not be sold: %s", purchase.id, type(error).__name__
        )  # no message: it may name people
        payment = _paid(session, client, visit, now, invoice_id=None)
        purchase.status = PurchaseStatus.STRANDED
        why = error.message if isinstance(error, RefusalError) else f"Something went wrong ({type(error).__name__})."
        purchase.trouble = why
    else:
        purchase.status, purchase.invoice_id = PurchaseStatus.SOLD, invoice.id
        _write(session, _buyer(client), purchase, client, now)
    _tell_staff(session, purchase, client, now)
    purchase.paid_at = now
    checkout.payment_id, checkout.closed_at = payment.id, now
    session.flush()
    return True


def sell_again(session: Session, who: Actor, purchase_id: int, now: datetime) -> Invoice:
    """Sell what a stranded purchase paid for after all, and put the money on it. Must run inside `writing()`.

    Raises:
        NotFoundError: there is no such stranded purchase.
        RefusalError: it still cannot be sold; the error says why.
    """
    purchase, client = _stranded(session, who, purchase_id)
    invoice = _sell(session, who, purchase, client, now)
    payments.apply_credit(session, who, payer_id=invoice.payer_id, now=now, invoice_id=invoice.id)
    purchase.status, purchase.invoice_id, purchase.trouble = PurchaseStatus.SOLD, invoice.id, ""
    _write(session, who, purchase, client, now)
    audit.record(session, who, "sold stranded purchase", "online purchase", purchase.id, now, invoice_id=invoice.id)
    return invoice


def settle(session: Session, who: Actor, purchase_id: int, now: datetime) -> None:
    """Say that a stranded purchase was seen to by hand: sold otherwise, or refunded. Must run inside `writing()`.

    Raises:
        NotFoundError: there is no such stranded purchase.
    """
    purchase, _client = _stranded(session, who, purchase_id)
    purchase.settled_at, purchase.settled_by_id = now, who.user_id
    audit.record(session, who, "settled stranded purchase", "online purchase", purchase.id, now)


def due_to_clear(session: Session, now: datetime) -> list[int]:
    """Return the purchases that came to nothing: what was typed for them is not kept."""
    return list(session.scalars(_unpaid(now).order_by(OnlinePurchase.id)))


def clear(session: Session, purchase_id: int, now: datetime) -> int:
    """Delete a purchase that came to nothing; return how many. Safe to repeat. Must run inside `writing()`."""
    if session.scalar(_unpaid(now).where(OnlinePurchase.id == purchase_id)) is None:
        return 0
    session.execute(delete(Checkout).where(Checkout.purchase_id == purchase_id))
    session.execute(delete(OnlinePurchase).where(OnlinePurchase.id == purchase_id))
    return 1


def _unpaid(now: datetime) -> Select[int]:
    # Never one whose end the processor has not told: it might be paid.
    begun = select(Checkout.id).where(Checkout.purchase_id == OnlinePurchase.id).exists()
    ended = (OnlinePurchase.status == PurchaseStatus.ENDED) & (OnlinePurchase.created_at < now - ENDED_KEPT)
    never = (OnlinePurchase.status == PurchaseStatus.OPEN) & (OnlinePurchase.created_at < now - ORDER_LIFE) & ~begun
    return select(OnlinePurchase.id).where(or_(ended, never))


def _purchase(session: Session, token: str, now: datetime) -> OnlinePurchase:
    live = (OnlinePurchase.token == token[:64], OnlinePurchase.created_at > now - PAGE_LIFE)
    found = session.scalar(select(OnlinePurchase).where(*live))
    if found is None:
        raise NotFoundError("purchase")
    return found


def _stranded(session: Session, who: Actor, purchase_id: int) -> tuple[OnlinePurchase, Client]:
    found = session.get(OnlinePurchase, purchase_id)
    if found is None or found.status is not PurchaseStatus.STRANDED or found.settled_at or found.client_id is None:
        raise NotFoundError("purchase")
    return found, clients.client_for(session, who, found.client_id)


def _name(purchase: OnlinePurchase) -> str:
    return f"{purchase.first_name} {purchase.last_name}".strip()


def _client_of(session: Session, purchase: OnlinePurchase, visit: Visit, now: datetime) -> Client:
    """Return whose purchase it is: who was signed in, who is known under this address and name, or a new client."""
    client = None if purchase.client_id is None else clients.client_for(session, CLOCK, purchase.client_id)
    if client is None:
        client = _known(session, purchase) or _new(session, purchase, now)
        purchase.client_id = client.id
    by = _buyer(client)
    if client.is_archived:
        clients.bring_back(session, by, client.id, now)
    cards.know_as(session, by, client.contact_id, visit.customer, now)
    return client


def _buyer(client: Client) -> Actor:
    """Return the hand that does what a client paid for, whoever tells of the payment."""
    return Actor(user_id=None, for_client_id=client.id)


def _known(session: Session, purchase: OnlinePurchase) -> Client | None:
    # Only an address that may see this client anyway, and only under the very name: nobody learns whom the practice knows.
    live = select(PortalAccess.client_id).where(
        PortalAccess.email == portal_access.folded_address(purchase.email), PortalAccess.ended_at.is_(None)
    )
    found = session.scalars(select(Client).where(Client.id.in_(live), ~Client.is_archived).order_by(Client.id)).all()
    return next((each for each in found if folded(each.name) == folded(_name(purchase))), None)


def _new(session: Session, purchase: OnlinePurchase, now: datetime) -> Client:
    details = Details(
        first_name=purchase.first_name, last_name=purchase.last_name, email=purchase.email, phone=purchase.phone,
        practitioner_id=purchase.practitioner_id,
    )  # fmt: skip
    client = clients.add(session, CLOCK, details, now, is_new=True, by_self=True)
    purchase.is_new_client = True
    portal_access.grant_to_buyer(session, client, purchase.email, now)
    return client


def _sell(session: Session, who: Actor, purchase: OnlinePurchase, client: Client, now: datetime) -> Invoice:
    bundle = storefront.bundle(purchase, client_id=client.id, payer_id=client.contact_id)
    invoice = bundles.place(session, who, bundle, now)
    if invoice.total_cents != purchase.total_cents:
        house = settings.house(session)
        raise RefusalError(
            f"{house.money(purchase.total_cents)} was paid, but the invoice would come to {house.money(invoice.total_cents)}. "
            "Was the tax setting changed since it was offered?"
        )
    audit.record(session, who, "sold package", "invoice", invoice.id, now, package_id=purchase.package_id,
                 purchase_id=purchase.id)  # fmt: skip
    invoices.issue(session, who, invoice, now)
    return invoice


def _paid(session: Session, client: Client, visit: Visit, now: datetime, *, invoice_id: int | None) -> Payment:
    return payments.record(
        session, _buyer(client), payer_id=client.contact_id, method=Method.ONLINE_CARD, amount_cents=visit.amount_cents,
        now=now, invoice_id=invoice_id, is_credit=invoice_id is None, reference=visit.last4,
        stripe_payment_intent=visit.payment_intent,
    )  # fmt: skip


def _tell_staff(session: Session, purchase: OnlinePurchase, client: Client, now: datetime) -> None:
    house = settings.house(session)
    more = "They are new here." if purchase.is_new_client else ""
    if purchase.status is PurchaseStatus.STRANDED:
        more = f"It could not be sold: {purchase.trouble} The money is their credit. {more}".strip()
    values = {
        "package": purchase.offered["name"], "amount": house.money(purchase.total_cents), "client": client.name,
        "date": locales.day(house.local_date(now), house.locale), "more": more,
    }  # fmt: skip
    to_staff.tell_sold(session, _buyer(client), purchase.id, purchase.practitioner_id, values, now)


def _write(session: Session, who: Actor, purchase: OnlinePurchase, client: Client, now: datetime) -> None:
    """Tell the buyer where their sessions are booked, in the same words whoever they are."""
    house = settings.house(session)
    values = {
        "package": purchase.offered["name"], "amount": house.money(purchase.total_cents), "client": client.name,
        "first_name": client.first_name, "date": locales.day(house.local_date(now), house.locale),
        "link": f"{HERE}/portal/sign-in?next=/portal/packages",
    }  # fmt: skip
    letter = Letter(MessageKind.BOUGHT_ONLINE, client.contact_id, values, client_id=client.id,
                    once_key=f"bought-online-{purchase.id}", to_address=purchase.email)  # fmt: skip
    letters.write(session, who, letter, now)
