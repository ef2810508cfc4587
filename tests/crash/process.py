"""What a process of the crash tests does before it dies, and after it was started again: forked from one warm server."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import stripe
from flask import Flask
from sqlalchemy.orm import configure_mappers

import clinic
from clinic import create_app
from clinic.billing import charges, payments, refunds
from clinic.billing.charges import Wanted
from clinic.billing.paper import Paper
from clinic.billing.stripe_gateway import Gateway
from clinic.cli_night import Clock
from clinic.config import Config
from clinic.jobs import print_documents
from clinic.jobs.tick import tick
from clinic.kernel.database import db, engine_options, reading, writing
from clinic.kernel.errors import AlreadyPostedError, RefusalError
from clinic.models.money import Method
from clinic.practice import once
from clinic.practice.permissions import Actor
from tests.night_stage import NIGHT, at, gateway_to_url

configure_mappers()  # in the server that is forked, once
stripe.HTTPClient.INITIAL_DELAY = 0.01  # seconds before the SDK asks again: half a second would be slept fifty times
SECRET = "whsec_practice"
KEY = "the-one-time-key-of-this-form"
TELLINGS = 4  # of one event: the SDK asks twice itself
_apps: dict[tuple[str, bool], Flask] = {}


@dataclass(frozen=True)
class Deed:
    """Be what is done: by whom, to which payer and invoice, and which charge it is about."""

    name: str
    who: Actor
    payer_id: int = 0
    invoice_id: int = 0
    payment_id: int = 0
    intent: str = ""
    key: str = KEY


def night(_app: Flask, gateway: Gateway, _deed: Deed, now: Clock) -> None:
    """Tick, as the scheduler does."""
    tick(gateway, now)


def panel(_app: Flask, gateway: Gateway, deed: Deed, now: Clock) -> None:
    """Press Charge in the payment panel; after a crash the browser sends the same form again."""
    wanted = Wanted(deed.invoice_id, 30_000, deed.key, "/there")
    with suppress(AlreadyPostedError, RefusalError):
        charges.charge_from_panel(writing, gateway, deed.who, wanted, now())


def cash(_app: Flask, _gateway: Gateway, deed: Deed, now: Clock) -> None:
    """Press Add payment, likewise."""
    with suppress(AlreadyPostedError), writing() as session:
        once.claim(session, deed.who, deed.key, now()).location = "/there"
        payments.record(session, deed.who, payer_id=deed.payer_id, method=Method.CASH, amount_cents=30_000, now=now(),
                        invoice_id=deed.invoice_id)  # fmt: skip


def refund(_app: Flask, gateway: Gateway, deed: Deed, now: Clock) -> None:
    """Press Refund, likewise."""
    wanted = refunds.Wanted(deed.payment_id, 30_000, Method.ONLINE_CARD)
    with suppress(AlreadyPostedError, RefusalError):
        refunds.to_card(writing, gateway, deed.who, wanted, now(), once_key=deed.key, then="/there")


def webhook(app: Flask, _gateway: Gateway, deed: Deed, _now: Clock) -> None:
    """Be told by the processor that the charge succeeded; not answered, it tells it again."""
    told = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": deed.intent}},
            "api_version": "2025-01-01", "created": int(time.time()), "livemode": False}  # fmt: skip
    body, moment = json.dumps(told), int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{moment}.{body}", SECRET)
    headers = {"Stripe-Signature": f"t={moment},v1={signature}", "Content-Type": "application/json"}
    for _ in range(TELLINGS):
        status = app.test_client().post("/webhooks/stripe", data=body, headers=headers).status_code
        if status == 200:
            return
        assert status == 503
    raise AssertionError("the event is never taken")


DEEDS: dict[str, Callable[[Flask, Gateway, Deed, Clock], None]] = {
    "night": night, "panel": panel, "cash": cash, "refund": refund, "webhook": webhook,
}  # fmt: skip


def live_at_once(barrier: Barrier, url: str, stripe_url: str, folder: str, deed: Deed) -> None:
    """Do the deed in the same moment as others do theirs."""
    app, gateway = _started(url, stripe_url, folder, shows_pages=deed.name == "webhook")
    with app.app_context(), reading():
        pass  # connected, so that only the deed is left to do
    barrier.wait(timeout=60)
    _do(app, gateway, deed, at(NIGHT))


def live(url: str, stripe_url: str, folder: str, deed: Deed, dies_at: str, minutes: tuple[int, ...]) -> None:
    """Do the deed and tick, at each of those minutes after half past midnight, or die on the way."""
    os.environ["CLINIC_FAILPOINT"] = dies_at
    app, gateway = _started(url, stripe_url, folder, shows_pages=deed.name == "webhook")
    for each in minutes:
        now = at(NIGHT + timedelta(minutes=each))
        _do(app, gateway, deed, now)
        if deed.name != "night":  # which is a tick
            with app.app_context():
                tick(gateway, now)


def print_series(url: str, folder: str, dies_at: str, minutes: int) -> None:
    """Make the series of documents that wait, so many minutes after half past midnight, or die on the way."""
    os.environ["CLINIC_FAILPOINT"] = dies_at
    app, _ = _started(url, "", folder, shows_pages=False)
    house = Path(clinic.__file__).parent
    with app.app_context():
        paper = Paper(house / "templates" / "paper", house / "static" / "fonts")
        print_documents.run(paper, at(NIGHT + timedelta(minutes=minutes)))


def rehearse(url: str, stripe_url: str, folder: str, deeds: list[Deed]) -> None:
    """Do everything once, and leave no connection behind: what is forked from here has compiled what it will ask."""
    for shows_pages in (False, True):
        app, gateway = _started(url, stripe_url, folder, shows_pages=shows_pages)
        try:
            for number, deed in enumerate(deeds):
                if shows_pages == (deed.name == "webhook"):
                    _do(app, gateway, deed, at(NIGHT + timedelta(minutes=number)))
            with app.app_context():
                for minutes in (30, 60):
                    tick(gateway, at(NIGHT + timedelta(minutes=minutes)))
        finally:
            with app.app_context():
                db.engine.dispose()


def _started(url: str, stripe_url: str, folder: str, *, shows_pages: bool) -> tuple[Flask, Gateway]:
    """Give the application on that database, which the server may have started, its processor where it is now."""
    config = Config(
        DATABASE_URL=url, SECRET_KEY="for tests only", STRIPE_SECRET_KEY="sk_test_demo", STRIPE_API_BASE=stripe_url,
        STRIPE_WEBHOOK_SECRET=SECRET, BASE_URL="http://localhost",
    )  # fmt: skip
    if (url, shows_pages) not in _apps:
        _apps[url, shows_pages] = create_app(config, instance_path=folder) if shows_pages else _without_pages(config)
    app = _apps[url, shows_pages]
    app.config["CLINIC"] = config
    return app, gateway_to_url(stripe_url)


def _without_pages(config: Config) -> Flask:
    # Two hundred addresses to compile are most of what a start costs, and the clock asks for none of them.
    app = Flask("clinic")
    app.config.update(CLINIC=config, SQLALCHEMY_DATABASE_URI=config.DATABASE_URL,
                      SQLALCHEMY_ENGINE_OPTIONS=engine_options(config.DATABASE_URL))  # fmt: skip
    db.init_app(app)
    return app


def _do(app: Flask, gateway: Gateway, deed: Deed, now: Clock) -> None:
    if deed.name == "webhook":
        DEEDS[deed.name](app, gateway, deed, now)
        return
    with app.app_context():
        DEEDS[deed.name](app, gateway, deed, now)
