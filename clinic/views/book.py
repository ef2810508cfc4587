"""The public online booking page: packages that may be bought, an order, the processor's page, and the way back."""

import re
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from clinic.billing import cards, purchases, storefront, visits
from clinic.billing.processor import Gateway, GatewayError, Visit
from clinic.billing.storefront import Ware
from clinic.billing.stripe_gateway import gateway_from
from clinic.forms.book import OrderForm
from clinic.kernel.database import reading, writing
from clinic.kernel.errors import ClashError, NotFoundError, RefusalError
from clinic.models.online import PurchaseStatus
from clinic.people import throttle
from clinic.practice import once
from clinic.practice.permissions import Actor
from clinic.views import portal_door, portal_packages
from clinic.views.access import actor, now, public
from clinic.views.answer import Answer, page
from clinic.views.headers import config

bp = Blueprint("book", __name__, url_prefix="/book")
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


@bp.context_processor
def who_is_here() -> dict[str, Any]:
    """Give the pages whoever is signed in to the portal."""
    return {"buyer": portal_door.anyone(), "promises_mail": config().promises_mail}


@bp.get("")
@public
def index() -> Answer:
    """List what may be bought."""
    with reading() as session:
        wares = storefront.wares(session)
    return page("book/index.html", wares=wares, takes_cards=config().takes_cards)


@bp.route("/packages/<int:package_id>", methods=["GET", "POST"])
@public
def package(package_id: int) -> Answer:
    """Show one package and ask who buys it; or write the order down and open the processor's page."""
    with reading() as session:
        ware = storefront.ware(session, package_id)
    buyer = portal_door.anyone()
    form = OrderForm(request.form if request.method == "POST" else None)
    form.offer(ware, is_known=buyer is not None)
    if request.method == "POST" and form.validate():
        try:
            return _go_on(_ordered(form, package_id, buyer))
        except throttle.ThrottledError as error:
            return _held_back(form, ware, error)
        except RefusalError as error:
            form.refuse(error)
            with reading() as session:
                ware = storefront.ware(session, package_id)
    return page("book/package.html", form=form, ware=ware, takes_cards=config().takes_cards)


@bp.route("/purchases/<buy_token>", methods=["GET", "POST"])
@public
def bought(buy_token: str) -> Answer:
    """Show what became of a purchase and, once it is paid, its sessions to be booked; or go on to the processor's page."""
    if request.method == "POST":
        return _go_on(buy_token)
    with reading() as session:
        found = purchases.bought(session, buy_token, now())
    if found.status is PurchaseStatus.SOLD:
        return redirect(url_for(".sessions", buy_token=buy_token), 303)
    return page("book/unpaid.html", bought=found, takes_cards=config().takes_cards)


@bp.get("/purchases/<buy_token>/back")
@public
def back(buy_token: str) -> Answer:
    """Come back from the processor's page: what it says was paid is booked, once, exactly as its webhook does."""
    called = request.args.get("session_id", "")
    with reading() as session:
        is_theirs = bool(_SESSION.fullmatch(called)) and purchases.is_of(session, buy_token, called, now())
    if not is_theirs:
        raise NotFoundError("visit")
    _look_at(called)
    return redirect(url_for(".bought", buy_token=buy_token), 303)


@bp.route("/purchases/<buy_token>/sessions", methods=["GET", "POST"])
@public
def sessions(buy_token: str) -> Answer:
    """Book the sessions of what was bought, one by one."""
    with reading() as session:
        found = purchases.bought(session, buy_token, now())
    if found.sale_id is None or found.client_id is None:
        return redirect(url_for(".bought", buy_token=buy_token), 303)
    here = url_for(".sessions", buy_token=buy_token)
    if request.method == "POST":
        # Whoever has the secret address books as the client it was sold to.
        who = Actor(user_id=None, client_id=found.client_id, address=actor().address)
        return portal_packages.booked("book/sessions.html", who, found.client_id, found.sale_id, here, bought=found)
    return portal_packages.shown("book/sessions.html", found.client_id, found.sale_id, here, bought=found)


def _ordered(form: OrderForm, package_id: int, buyer: Any) -> str:
    """Write the order down and return its secret address; posted twice, the first one's."""
    _gateway()
    known = {"client_id": buyer.client_id, "email": buyer.email} if buyer is not None else {}
    with writing() as session:
        throttle.claim(session, throttle.order_guards(actor().address), now())
    with writing() as session:
        key = once.claim(session, actor(), form.once.data, now())
        made = storefront.order(session, actor(), form.order(package_id, **known), now())
        key.location = url_for(".bought", buy_token=made.token)
        return made.token


def _go_on(token: str) -> Answer:
    """Send the buyer to the processor's page: the one that is open already, or a new one."""
    try:
        return redirect(_address(token, _gateway()), 303)
    except (GatewayError, ClashError):
        return redirect(url_for(".bought", buy_token=token), 303)  # which says how it stands


def _address(token: str, gateway: Gateway) -> str:
    here = f"{config().BASE_URL}{url_for('.bought', buy_token=token)}"
    with reading() as session:
        found = purchases.opening(session, token, f"{here}/back?session_id={{CHECKOUT_SESSION_ID}}", here, now())
    if found.stripe_session is None:
        who = found.customer
        wanted = found.named(who.stripe_customer or gateway.new_customer(name=who.name, key=who.key))
        stripe_session, address = gateway.start_payment(wanted)
        with writing() as session:
            is_first = purchases.begin(session, token, stripe_session, wanted, now())
        return address if is_first else url_for(".bought", buy_token=token)
    before = _look_at(found.stripe_session)
    if before is None or before.is_paid or before.is_over:
        return url_for(".bought", buy_token=token)
    return before.url


def _look_at(stripe_session: str) -> Visit | None:
    """Read a visit at the processor and book what it came to; None: no answer, the webhook or the look-up books it."""
    try:
        found = _gateway().visit(stripe_session)
    except GatewayError:
        return None
    if not isinstance(found, Visit):
        return None
    with writing() as session:
        visits.book(session, found, now())
    return found


def _gateway() -> Gateway:
    gateway = gateway_from(config())
    if gateway is None:
        raise RefusalError(cards.NO_KEY)
    return gateway


def _held_back(form: OrderForm, ware: Ware, error: throttle.ThrottledError) -> Answer:
    form.refuse(error)
    body = render_template("book/package.html", form=form, ware=ware, takes_cards=True)
    answer = make_response(body, 429)
    answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return answer
