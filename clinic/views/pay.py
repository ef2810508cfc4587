"""Paying by a link: what is owed, the processor's page, and the way back; nobody signs in."""

import re

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session

from clinic.billing import cards, pay_links
from clinic.billing.pay_links import Bill
from clinic.billing.processor import Gateway, GatewayError, Visit
from clinic.billing.stripe_gateway import gateway_from
from clinic.forms.base import HouseForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.people import portal_access
from clinic.views import portal_door
from clinic.views.access import now, public
from clinic.views.answer import Answer, leave, page, say
from clinic.views.headers import config

bp = Blueprint("pay", __name__, url_prefix="/pay/<pay_token>")
NO_ANSWER = "The card processor does not answer. Nothing was charged; try again in a moment."
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


@bp.route("", methods=["GET", "POST"])
@public
def pay(pay_token: str) -> Answer:
    """Show what is owed behind a link; or send the payer to the processor's page."""
    form = HouseForm()
    if request.method == "POST":
        try:
            return leave(hosted_page(pay_token))
        except RefusalError as error:
            form.refuse(error)
    with reading() as session:
        bill = pay_links.bill_behind(session, pay_token, now())
        home = _home(session, bill)
    return page("payments/pay.html", form=form, bill=bill, takes_cards=config().takes_cards, home=home)


@bp.get("/back")
@public
def back(pay_token: str) -> Answer:
    """Say what the visit to the processor's page came to; who came from the portal is led back into it.

    The payer comes here from the processor's page, so it is a GET; it writes down only what the processor says was paid,
    once, exactly as its webhook does.
    """
    visit = _visit(pay_token, request.args.get("session_id", ""))
    with writing() as session:
        is_paid = visit is not None and pay_links.book(session, visit, now())
        bill = pay_links.bill_behind(session, pay_token, now())
        home = _home(session, bill)
    cents = visit.amount_cents if visit is not None else 0
    if home is not None:
        say(_words(bill, cents, is_paid=is_paid, is_known=visit is not None))
        return leave(home)
    return page("payments/paid.html", bill=bill, is_paid=is_paid, is_known=visit is not None, cents=cents,
                promises_mail=config().promises_mail)  # fmt: skip


def hosted_page(token: str, *, cancel: str | None = None) -> str:
    """Return the address of the processor's page: the one that is open already, or a new one. Call it with no door open.

    Args:
        cancel: where the browser goes that comes back without having paid; None: to the bill.

    Raises:
        NotFoundError: there is no such link, or its time is over.
        RefusalError: it cannot be paid by card now.
    """
    with reading() as session:
        bill, called = pay_links.bill_behind(session, token, now()), pay_links.open_visit(session, token, now())
    try:
        return _address(token, bill, called, cancel)
    except GatewayError as error:
        raise RefusalError(NO_ANSWER) from error


def _address(token: str, bill: Bill, called: str | None, cancel: str | None) -> str:
    gateway = _gateway()
    before = gateway.visit(called) if called else None
    if isinstance(before, Visit) and before.is_paid:
        with writing() as session:
            pay_links.book(session, before, now())
        return cancel or url_for("pay.pay", pay_token=token)  # paid a moment ago, and nobody had told yet
    if isinstance(before, Visit) and not before.is_over and before.amount_cents == bill.owed_cents and before.url:
        return before.url
    customer = bill.customer.stripe_customer or gateway.new_customer(name=bill.customer.name, key=bill.customer.key)
    here, root = url_for("pay.pay", pay_token=token), config().BASE_URL
    bought = pay_links.purchase(
        bill, customer, f"{root}{here}/back?session_id={{CHECKOUT_SESSION_ID}}", f"{root}{cancel or here}", now()
    )
    stripe_session, address = gateway.start_payment(bought)
    with writing() as session:
        pay_links.begin(session, token, stripe_session, bought, now())
    return address


def _visit(token: str, called: str) -> Visit | None:
    """Read what came of a visit that began at this link; None: the processor does not answer, the webhook books it."""
    with reading() as session:
        is_theirs = bool(_SESSION.fullmatch(called)) and pay_links.is_of(session, token, called, now())
    if not is_theirs:
        raise NotFoundError("visit")
    try:
        found = _gateway().visit(called)
    except GatewayError:
        return None
    return found if isinstance(found, Visit) else None


def _home(session: Session, bill: Bill) -> str | None:
    """Return the portal's own page of invoices, for who is signed in there and may see this payer's."""
    who = portal_door.anyone()
    if who is None:
        return None
    seen = portal_access.payers(session, who.client_id or 0, who.email)
    return url_for("portal_invoices.index") if bill.customer.payer_id in {payer.contact_id for payer in seen} else None


def _words(bill: Bill, cents: int, *, is_paid: bool, is_known: bool) -> str:
    if is_paid:
        receipt = " A receipt is on its way to your e-mail address." if bill.gets_receipt and config().promises_mail else ""
        return f"Thank you. {bill.house.money(cents)} is paid for {bill.words_within}.{receipt}"
    if is_known:
        return "Not paid yet: the card processor has no payment from this visit."
    return "The card processor has not answered. If you have paid, it shows within a few minutes; do not pay again."


def _gateway() -> Gateway:
    gateway = gateway_from(config())
    if gateway is None:
        raise RefusalError(cards.NO_KEY)
    return gateway
