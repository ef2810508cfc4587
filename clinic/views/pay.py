"""Paying by a link: what is owed, the processor's page, and the way back; nobody signs in."""

import re

from flask import Blueprint, Response, request, url_for

from clinic.billing import cards, pay_links
from clinic.billing.pay_links import Bill
from clinic.billing.processor import Gateway, GatewayError, Visit
from clinic.billing.stripe_gateway import gateway_from
from clinic.forms.base import HouseForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import NotFoundError, RefusalError
from clinic.practice import logo as practice_logo
from clinic.views.access import now, public
from clinic.views.answer import Answer, leave, page
from clinic.views.headers import config

bp = Blueprint("pay", __name__, url_prefix="/pay/<pay_token>")
NO_ANSWER = "The card processor does not answer. Nothing was charged; try again in a moment."
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


@bp.route("", methods=["GET", "POST"])
@public
def pay(pay_token: str) -> Answer:
    """Show what is owed behind a link; or send the payer to the processor's page."""
    form = HouseForm()
    with reading() as session:
        bill = pay_links.bill_behind(session, pay_token, now())
    if request.method == "POST":
        try:
            return leave(_address(pay_token, bill, _gateway()))
        except GatewayError:
            form.refuse(RefusalError(NO_ANSWER))
        except RefusalError as error:
            form.refuse(error)
    return page("payments/pay.html", form=form, bill=bill, takes_cards=config().takes_cards)


@bp.get("/back")
@public
def back(pay_token: str) -> Answer:
    """Say what the visit to the processor's page came to.

    The payer comes here from the processor's page, so it is a GET; it writes down only what the processor says was paid,
    once, exactly as its webhook does.
    """
    called = request.args.get("session_id", "")
    with reading() as session:
        is_theirs = bool(_SESSION.fullmatch(called)) and pay_links.is_of(session, pay_token, called, now())
    if not is_theirs:
        raise NotFoundError("visit")
    try:
        visit = _gateway().visit(called)
    except GatewayError:
        visit = None  # the webhook or the look-up books it
    with writing() as session:
        is_paid = isinstance(visit, Visit) and pay_links.book(session, visit, now())
        bill = pay_links.bill_behind(session, pay_token, now())
    cents = visit.amount_cents if isinstance(visit, Visit) else 0
    return page("payments/paid.html", bill=bill, is_paid=is_paid, is_known=visit is not None, cents=cents)


@bp.get("/logo")
@public
def logo(pay_token: str) -> Answer:
    """Answer with the practice's picture, to whoever has the link."""
    with reading() as session:
        pay_links.bill_behind(session, pay_token, now())
        found = practice_logo.shown(session)
    return Response(found.image, mimetype=found.mimetype, headers={"Cache-Control": "private, max-age=86400"})


def _address(token: str, bill: Bill, gateway: Gateway) -> str:
    """Return the address of the processor's page: the one that is open already, or a new one."""
    with reading() as session:
        called = pay_links.open_visit(session, token, now())
    before = gateway.visit(called) if called else None
    if isinstance(before, Visit) and before.is_paid:
        with writing() as session:
            pay_links.book(session, before, now())
        return url_for(".pay", pay_token=token)  # paid a moment ago, and nobody had told yet
    if isinstance(before, Visit) and not before.is_over and before.amount_cents == bill.owed_cents and before.url:
        return before.url
    customer = bill.customer.stripe_customer or gateway.new_customer(name=bill.customer.name, key=bill.customer.key)
    here = f"{config().BASE_URL}{url_for('.pay', pay_token=token)}"
    bought = pay_links.purchase(bill, customer, f"{here}/back?session_id={{CHECKOUT_SESSION_ID}}", here, now())
    stripe_session, address = gateway.start_payment(bought)
    with writing() as session:
        pay_links.begin(session, token, stripe_session, bought, now())
    return address


def _gateway() -> Gateway:
    gateway = gateway_from(config())
    if gateway is None:
        raise RefusalError(cards.NO_KEY)
    return gateway
