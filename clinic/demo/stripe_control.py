"""What a test may ask of the stand-in: faults to come, the log of requests, and a moved clock."""

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from clinic.demo import stripe_disputes
from clinic.demo.stripe_errors import Json, invalid, unknown_address
from clinic.demo.stripe_store import Store, shown
from clinic.demo.stripe_webhooks import Deliverer, record

FAULT_MODES = ("lost_before", "lost_after", "error_before", "error_after", "slow", "rate_limited")
LOG_LINES_MAX = 10_000


@dataclass
class Fault:
    """How the next requests to an address go wrong; `path` may hold * for any part."""

    method: str
    path: str
    mode: str
    times: int
    seconds: float


class Control:
    """The faults asked for and the log of every API request."""

    def __init__(self, store: Store, deliverer: Deliverer) -> None:
        self.store = store
        self.deliverer = deliverer
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._log: list[Json] = []

    def note(self, method: str, path: str, key: str | None) -> Json:
        """Open a line of the log; its status stays None while the request runs, or for good when it was lost."""
        entry: Json = {
            "method": method,
            "path": path,
            "idempotency_key": key,
            "params": {},
            "status": None,
            "fault": None,
            "is_replayed": False,
        }
        with self._lock:
            self._log = self._log[-LOG_LINES_MAX:]
            self._log.append(entry)
        return entry

    def log(self) -> list[Json]:
        """Give every API request since the start or the last reset, oldest first."""
        with self._lock:
            return [dict(entry) for entry in self._log]

    def charges(self) -> list[Json]:
        """Give every charge tried, paid or failed, oldest first."""
        with self.store.lock:
            kept: list[Json] = shown(list(self.store.objects["charge"].values()))
            return kept

    def fault(self, *, path: str, mode: str, method: str = "POST", times: int = 1, seconds: float = 2.0) -> None:
        """Ask that the next `times` requests to an address go wrong."""
        if mode not in FAULT_MODES:
            raise invalid(f"Invalid mode: must be one of {', '.join(FAULT_MODES)}", param="mode")
        if times < 1 or seconds < 0:
            raise invalid("times must be at least 1 and seconds at least 0")
        with self._lock:
            self._faults.append(Fault(method.upper(), path, mode, times, seconds))

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Use up one time of the first fault that fits."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fnmatchcase(path, fault.path):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def move_clock(self, *, at: int | None = None, forward_seconds: int = 0) -> int:
        """Set the stand-in's time to a second of the epoch, or push it on; with neither, back to the true time."""
        with self.store.lock:
            if at is not None:
                self.store.clock_offset_seconds += at - self.store.now()
            elif forward_seconds:
                self.store.clock_offset_seconds += forward_seconds
            else:
                self.store.clock_offset_seconds = 0
            return self.store.now()

    def emit(self, event_type: str, about: Json) -> Json:
        """Send an event the stand-in would not make itself, such as a dispute."""
        with self.store.lock:
            event = record(self.store, event_type, about)
            self.store.save()
            return event

    def dispute(self, payment_intent: str, *, amount: int | None = None, reason: str = "fraudulent") -> Json:
        """Dispute a charge, as the cardholder's bank would."""
        with self.store.lock:
            made: Json = shown(stripe_disputes.open_dispute(self.store, payment_intent, amount=amount, reason=reason))
            self.store.save()
            return made

    def close_dispute(self, dispute: str, status: str) -> Json:
        """Let the bank decide a dispute: won, lost or warning_closed."""
        with self.store.lock:
            made: Json = shown(stripe_disputes.close_dispute(self.store, dispute, status))
            self.store.save()
            return made

    def reset(self) -> None:
        """Forget all objects, keys, faults and the log, as on the first day."""
        with self.store.lock:
            self.store.clear()
        self.deliverer.forget()
        with self._lock:
            self._faults.clear()
            self._log.clear()

    def answer(self, method: str, path: str, asked: Json) -> Json:
        """Answer one request below /_control/."""
        name = f"{method} {path.removeprefix('/_control/')}"
        reading: dict[str, Any] = {
            "GET log": lambda: {"data": self.log()},
            "GET charges": lambda: {"data": self.charges()},
            "GET deliveries": lambda: {"data": list(self.deliverer.deliveries)},
            "GET health": lambda: {"ok": True, "now": self.store.now()},
        }
        if name in reading:
            found: Json = reading[name]()
            return found
        try:
            if name == "POST fault":
                self.fault(**asked)
            elif name == "POST clock":
                return {"now": self.move_clock(**asked)}
            elif name == "POST event":
                return {"id": self.emit(str(asked["type"]), dict(asked["object"]))["id"]}
            elif name == "POST dispute":
                return self.dispute(**asked)
            elif name == "POST close-dispute":
                return self.close_dispute(**asked)
            elif name == "POST webhooks":
                self._change_webhooks(asked)
            elif name == "POST reset":
                self.reset()
            else:
                raise unknown_address(method, path)
        except (TypeError, KeyError, ValueError) as wrong:
            raise invalid(f"Not understood: {wrong}") from wrong
        return {"ok": True}

    def _change_webhooks(self, asked: Json) -> None:
        if "url" in asked:
            self.deliverer.point_at(asked["url"], asked.get("secret"))
        if "mode" in asked:
            self.deliverer.behave(asked["mode"], float(asked.get("seconds", 1.0)))
