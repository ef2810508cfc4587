"""The API itself: which address does what, and in which order a request is let in, replayed, run and kept."""

import base64
import binascii
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clinic.demo import (
    stripe_checkout,
    stripe_customers,
    stripe_idempotency,
    stripe_params,
    stripe_payments,
    stripe_refunds,
    stripe_webhooks,
)
from clinic.demo.stripe_control import Control, Fault
from clinic.demo.stripe_errors import ApiError, Json, broken, rate_limited, unauthorized, unknown_address
from clinic.demo.stripe_params import Shape
from clinic.demo.stripe_store import API_VERSION, Store, check_expand, expanded

ONLY_EXPAND = stripe_customers.ONLY_EXPAND


class ConnectionLostError(Exception):
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Call:
    """What a route is run with: the ids in its address and its checked parameters."""

    store: Store
    ids: list[str]
    params: Json


Run = Callable[[Call], Json]


@dataclass(frozen=True)
class Route:
    """One address: its parameters, what is refused before it runs, and what it does."""

    method: str
    pattern: str
    shapes: Mapping[str, Shape]
    run: Run
    validate: Callable[[Json], None] | None = None


@dataclass
class Answer:
    """A status, a JSON body and the headers that go with it."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


def _get(kind: str) -> Run:
    return lambda c: c.store.find(kind, c.ids[0], in_path=True)


def _list(kind: str, url: str) -> Run:
    return lambda c: stripe_payments.list_of(c.store, kind, c.params, url)


_customers, _checkout = stripe_customers, stripe_checkout
ROUTES = (
    Route("POST", "/v1/customers", _customers.CUSTOMER_CREATE, lambda c: _customers.create(c.store, c.params)),
    Route("GET", "/v1/customers", _customers.CUSTOMER_LIST, lambda c: _customers.list_customers(c.store, c.params)),
    Route("GET", "/v1/customers/*", ONLY_EXPAND, lambda c: _customers.retrieve(c.store, c.ids[0])),
    Route("POST", "/v1/customers/*", _customers.CUSTOMER, lambda c: _customers.update(c.store, c.ids[0], c.params)),
    Route("DELETE", "/v1/customers/*", {}, lambda c: _customers.delete(c.store, c.ids[0])),
    Route(
        "GET",
        "/v1/customers/*/payment_methods",
        {**stripe_params.PAGE, "type": "=card"},
        lambda c: _customers.customer_methods(c.store, c.ids[0], c.params),
    ),
    Route("POST", "/v1/payment_methods", _customers.METHOD_CREATE, lambda c: _customers.create_method(c.store, c.params)),
    Route("GET", "/v1/payment_methods", _customers.METHOD_LIST, lambda c: _customers.list_methods(c.store, c.params)),
    Route(
        "GET",
        "/v1/payment_methods/*",
        ONLY_EXPAND,
        lambda c: _customers.method_named(c.store, c.ids[0], in_path=True),
    ),
    Route(
        "POST",
        "/v1/payment_methods/*/attach",
        _customers.METHOD_ATTACH,
        lambda c: _customers.attach(c.store, c.ids[0], c.params),
    ),
    Route("POST", "/v1/payment_methods/*/detach", ONLY_EXPAND, lambda c: _customers.detach(c.store, c.ids[0])),
    Route("GET", "/v1/setup_intents/*", ONLY_EXPAND, _get("setup_intent")),
    Route(
        "POST",
        "/v1/payment_intents",
        stripe_payments.INTENT_CREATE,
        lambda c: stripe_payments.create_intent(c.store, c.params),
        stripe_payments.validate_intent,
    ),
    Route("GET", "/v1/payment_intents", stripe_payments.INTENT_LIST, _list("payment_intent", "/v1/payment_intents")),
    Route("GET", "/v1/payment_intents/*", ONLY_EXPAND, _get("payment_intent")),
    Route(
        "POST",
        "/v1/payment_intents/*/confirm",
        stripe_payments.INTENT_CONFIRM,
        lambda c: stripe_payments.confirm_intent(c.store, c.ids[0], c.params),
    ),
    Route(
        "POST",
        "/v1/payment_intents/*/cancel",
        stripe_payments.INTENT_CANCEL,
        lambda c: stripe_payments.cancel_intent(c.store, c.ids[0], c.params),
    ),
    Route("GET", "/v1/charges", stripe_payments.CHARGE_LIST, _list("charge", "/v1/charges")),
    Route("GET", "/v1/charges/*", ONLY_EXPAND, _get("charge")),
    Route(
        "POST",
        "/v1/refunds",
        stripe_refunds.CREATE,
        lambda c: stripe_refunds.create(c.store, c.params),
        stripe_refunds.validate,
    ),
    Route("GET", "/v1/refunds", stripe_refunds.LIST, _list("refund", "/v1/refunds")),
    Route("GET", "/v1/refunds/*", ONLY_EXPAND, _get("refund")),
    Route("GET", "/v1/disputes", stripe_refunds.LIST, _list("dispute", "/v1/disputes")),
    Route("GET", "/v1/disputes/*", ONLY_EXPAND, _get("dispute")),
    Route("GET", "/v1/events", stripe_webhooks.EVENT_LIST, lambda c: stripe_webhooks.list_events(c.store, c.params)),
    Route("GET", "/v1/events/*", ONLY_EXPAND, _get("event")),
    Route(
        "POST",
        "/v1/checkout/sessions",
        _checkout.SESSION_CREATE,
        lambda c: _checkout.create(c.store, c.params),
        _checkout.validate,
    ),
    Route("GET", "/v1/checkout/sessions", _checkout.SESSION_LIST, lambda c: _checkout.list_sessions(c.store, c.params)),
    Route("GET", "/v1/checkout/sessions/*", ONLY_EXPAND, lambda c: _checkout.retrieve(c.store, c.ids[0])),
    Route("POST", "/v1/checkout/sessions/*/expire", ONLY_EXPAND, lambda c: _checkout.expire(c.store, c.ids[0])),
)
_PATTERNS = [(route, re.compile(route.pattern.replace("*", "([^/]+)"))) for route in ROUTES]


def _route_of(method: str, path: str) -> tuple[Route, list[str]]:
    for route, pattern in _PATTERNS:
        matched = pattern.fullmatch(path)
        if matched and route.method == method:
            return route, list(matched.groups())
    raise unknown_address(method, path)


def _refuse_stranger(authorization: str | None) -> None:
    """Take any test key, as bearer or as the name of basic authentication; refuse the rest."""
    kind, _, given = (authorization or "").partition(" ")
    key = given.strip()
    if kind.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        raise unauthorized("You did not provide an API key.")
    if not re.fullmatch(r"(sk|rk)_test_\w+", key):
        raise unauthorized("Invalid API Key provided: only test keys (sk_test_...) work here.")


@dataclass
class Request:
    """One request to the API, and the line it leaves in the log."""

    method: str
    path: str
    encoded: str
    authorization: str | None
    key: str | None
    identity: str = field(default_factory=lambda: "req_" + secrets.token_hex(7))


def answer(store: Store, control: Control, request: Request) -> Answer:
    """Answer one request, exactly once for each idempotency key.

    Raises ConnectionLostError when a fault asks for it.
    """
    entry = control.note(request.method, request.path, request.key)
    given = _answer(store, control, request, entry)
    entry["status"] = given.status
    given.headers["Request-Id"] = request.identity
    given.headers["Stripe-Version"] = API_VERSION
    if request.key:
        given.headers["Idempotency-Key"] = request.key
    if given.status >= 500:
        given.headers["Stripe-Should-Retry"] = "false"
    return given


def _answer(store: Store, control: Control, request: Request, entry: Json) -> Answer:
    try:
        _refuse_stranger(request.authorization)
        fault = control.take_fault(request.method, request.path)
        entry["fault"] = fault.mode if fault else None
        _fail_before(fault)
        route, ids = _route_of(request.method, request.path)
        params = stripe_params.decode(request.encoded)
        entry["params"] = _without_numbers(params)
    except ApiError as refusal:
        return Answer(refusal.status, refusal.body)
    key = request.key if request.method == "POST" else None
    given = _once(store, request, key, route, ids, params, fault)
    entry["is_replayed"] = "Idempotent-Replayed" in given.headers
    if fault is not None and fault.mode == "lost_after":
        raise ConnectionLostError
    return given


def _fail_before(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.mode == "lost_before":
        raise ConnectionLostError
    if fault.mode == "rate_limited":
        raise rate_limited()
    if fault.mode == "error_before":
        raise broken()


def _once(
    store: Store, request: Request, key: str | None, route: Route, ids: list[str], params: Json, fault: Fault | None
) -> Answer:
    try:
        with store.lock:
            kept = None
            if key is not None:
                kept = stripe_idempotency.begin(store, key, address=request.path, params=params, request_id=request.identity)
        if kept is not None:
            headers = {"Idempotent-Replayed": "true", "Original-Request": kept["request"]}
            return Answer(kept["status"], kept["body"], headers)
    except ApiError as refusal:
        return Answer(refusal.status, refusal.body)
    try:
        typed = stripe_params.check(params, route.shapes)
        check_expand(typed.get("expand", []))
        if route.validate is not None:
            route.validate(typed)
    except ApiError as refusal:
        with store.lock:
            stripe_idempotency.release(store, key or "")
        return Answer(refusal.status, refusal.body)
    if fault is not None and fault.mode == "slow":
        time.sleep(fault.seconds)
    return _run(store, request, key, route, ids, typed, is_to_break=fault is not None and fault.mode == "error_after")


def _run(
    store: Store, request: Request, key: str | None, route: Route, ids: list[str], typed: Json, *, is_to_break: bool
) -> Answer:
    with store.lock:
        store.request = {"id": request.identity, "idempotency_key": key}
        expand = list(typed.get("expand", []))
        try:
            given = Answer(200, expanded(store, route.run(Call(store, ids, typed)), expand))
        except ApiError as refusal:
            given = Answer(refusal.status, refusal.body)
        except Exception:
            stripe_idempotency.release(store, key or "")
            raise
        if is_to_break:
            given = Answer(500, broken().body)
        if key is not None:
            stripe_idempotency.keep(store, key, status=given.status, body=given.body)
        if request.method == "GET":
            store.pass_over()
        else:
            store.save()
        return given


def _without_numbers(value: Any, name: str = "") -> Any:
    """Copy parameters for the log without card numbers and security codes."""
    if isinstance(value, dict):
        return {key: _without_numbers(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    return "…" if name in ("number", "cvc") else value
