"""Events, and their signed delivery to the practice: repeated until accepted, and badly behaved when asked."""

import hashlib
import heapq
import hmac
import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from clinic.demo.stripe_errors import Json, invalid
from clinic.demo.stripe_params import PAGE, Shape
from clinic.demo.stripe_store import API_VERSION, Store, is_within, page, shown

EVENT_LIST: dict[str, Shape] = {**PAGE, "type": "text", "types": ["text"], "created": "created"}
MODES = ("normal", "duplicate", "delayed", "reordered", "forged", "off")
TRIES_MAX = 12
RETRY_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 20
DELIVERIES_MAX = 5000


def record(store: Store, event_type: str, about: Json) -> Json:
    """Keep an event with the object as it is at this moment, and hand it to whoever delivers."""
    event = store.add(
        "event",
        {
            "api_version": API_VERSION,
            "data": {"object": shown(about)},
            "pending_webhooks": 1 if store.announce is not None else 0,
            "request": dict(store.request),
            "type": event_type,
        },
    )
    if store.announce is not None:
        store.announce(event["id"])
    return event


def list_events(store: Store, params: Json) -> Json:
    """List events, newest first, by type and time when asked."""
    wanted = params.get("types")
    kind = params.get("type")
    found = store.where(
        "event",
        lambda event: (
            (wanted is None or event["type"] in wanted)
            and (kind is None or _is_type(event["type"], kind))
            and is_within(event["created"], params.get("created"))
        ),
    )
    return page(found, params, "/v1/events")


def _is_type(given: str, wanted: str) -> bool:
    return given.startswith(wanted[:-1]) if wanted.endswith(".*") else given == wanted


def signature(payload: str, secret: str, at: int) -> str:
    """Give the value of the Stripe-Signature header."""
    signed = hmac.new(secret.encode(), f"{at}.{payload}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


class Deliverer(threading.Thread):
    """Post each event to the webhook address until it is answered with 2xx.

    Modes: `duplicate` posts each event twice, `delayed` waits first, `reordered` holds every other event back so that
    the next overtakes it, `forged` posts it once under a wrong secret and never truly, `off` holds all until another
    mode is set.
    """

    def __init__(self, store: Store, *, url: str | None, secret: str | None, retry_seconds: float = 0.5) -> None:
        super().__init__(name="stripe-webhooks", daemon=True)
        self.store = store
        self.retry_seconds = retry_seconds
        self.deliveries: list[Json] = []
        self.mode = "normal"
        self.seconds = 1.0
        self.url: str | None = None
        self.secret: str | None = None
        self._queue: list[tuple[float, int, str, int, bool]] = []
        self._held: list[str] = []
        self._count = 0
        self._is_ended = False
        self._changed = threading.Condition()
        self.point_at(url, secret)

    def point_at(self, url: str | None, secret: str | None) -> None:
        """Send events to this address from now on; None stops sending."""
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise invalid("The webhook address must be http:// or https://", param="url")
        if url is not None and not secret:
            raise invalid("A webhook address needs a secret", param="secret")
        with self.store.lock:
            self.url, self.secret = url, secret
            self.store.announce = self.submit if url is not None else None

    def behave(self, mode: str, seconds: float) -> None:
        """Set how events are delivered from now on, and let go of what `off` held."""
        if mode not in MODES:
            raise invalid(f"Invalid mode: must be one of {', '.join(MODES)}", param="mode")
        with self._changed:
            self.mode, self.seconds = mode, seconds
            held, self._held = (self._held, []) if mode != "off" else ([], self._held)
        for event_id in held:
            self.submit(event_id)

    def resume(self) -> None:
        """Queue what an earlier process had not delivered."""
        with self.store.lock:
            waiting = [event["id"] for event in self.store.objects["event"].values() if event["pending_webhooks"]]
        for event_id in waiting if self.url else []:
            self.submit(event_id)

    def submit(self, event_id: str) -> None:
        """Queue an event as the current mode wants it."""
        with self._changed:
            self._count += 1
            wait = 0.0
            if self.mode == "off":
                self._held.append(event_id)
                return
            if self.mode == "delayed" or (self.mode == "reordered" and self._count % 2):
                wait = self.seconds
            for _ in range(2 if self.mode == "duplicate" else 1):
                self._push(wait, event_id, 1, is_forged=self.mode == "forged")
            self._changed.notify()

    def _push(self, wait: float, event_id: str, attempt: int, *, is_forged: bool) -> None:
        self._count += 2
        heapq.heappush(self._queue, (time.monotonic() + wait, self._count, event_id, attempt, is_forged))

    def end(self) -> None:
        """Stop after the delivery under way."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def forget(self) -> None:
        """Drop everything queued, held and remembered, and behave again."""
        with self._changed:
            self._queue.clear()
            self._held.clear()
            self.deliveries.clear()
            self.mode, self.seconds = "normal", 1.0

    def run(self) -> None:
        """Deliver what is due until ended."""
        while True:
            with self._changed:
                while not self._is_ended and (not self._queue or self._queue[0][0] > time.monotonic()):
                    self._changed.wait(self._queue[0][0] - time.monotonic() if self._queue else None)
                if self._is_ended:
                    return
                _, _, event_id, attempt, is_forged = heapq.heappop(self._queue)
            self._deliver(event_id, attempt, is_forged=is_forged)

    def _deliver(self, event_id: str, attempt: int, *, is_forged: bool) -> None:
        with self.store.lock:
            event = self.store.get("event", event_id)
            url, secret = self.url, self.secret
            if event is None or url is None or secret is None:
                return
            payload = json.dumps(shown(event))
        status = _post(url, payload, "whsec_forged" if is_forged else secret)
        with self._changed:
            self.deliveries = self.deliveries[-DELIVERIES_MAX:]
            self.deliveries.append(
                {
                    "event": event_id,
                    "type": event["type"],
                    "status": status,
                    "attempt": attempt,
                    "is_forged": is_forged,
                }
            )
            if is_forged:
                return
            if status is None or not 200 <= status < 300:
                if attempt < TRIES_MAX:
                    wait = min(self.retry_seconds * 2 ** (attempt - 1), RETRY_SECONDS_MAX)
                    self._push(wait, event_id, attempt + 1, is_forged=False)
                return
        with self.store.lock:
            # Read again: the stand-in may have been reset while the practice was answering.
            event = self.store.get("event", event_id)
            if event is not None:
                event["pending_webhooks"] = 0
                self.store.save()


def _post(url: str, payload: str, secret: str) -> int | None:
    parts = urlsplit(url)
    kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=ANSWER_SECONDS_MAX)
    # The receiver compares with its own clock, so a signature carries the true time even when ours was moved.
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(payload, secret, int(time.time())),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        connection.request("POST", (parts.path or "/") + ("?" + parts.query if parts.query else ""), payload, headers)
        answer = connection.getresponse()
        answer.read()
        return int(answer.status)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
