"""What the stand-in remembers: its objects, kept in memory and, when asked, in one file."""

import secrets
import string
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from clinic.demo import stripe_journal
from clinic.demo.stripe_errors import Json, invalid, missing_resource

API_VERSION = "2026-10-28.endive"
PAGE_SIZE = 10
PAGE_SIZE_MAX = 100

# Kind of object -> (start of its id, the noun an error uses).
KINDS = {
    "customer": ("cus_", "customer"),
    "payment_method": ("pm_", "PaymentMethod"),
    "setup_intent": ("seti_", "setupintent"),
    "payment_intent": ("pi_", "payment_intent"),
    "charge": ("ch_", "charge"),
    "refund": ("re_", "refund"),
    "dispute": ("du_", "dispute"),
    "checkout.session": ("cs_test_", "checkout.session"),
    "event": ("evt_", "event"),
}
EXPANDABLE = frozenset(
    {
        "charge",
        "customer",
        "data",
        "default_payment_method",
        "invoice_settings",
        "latest_charge",
        "payment_intent",
        "payment_method",
        "setup_intent",
    }
)
_ID_LETTERS = string.ascii_letters + string.digits


class Store:
    """All objects by kind and id; hold `lock` while reading or changing them.

    A name that starts with an underscore is the stand-in's own note and is never shown.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.path = path
        self.clock_offset_seconds = 0
        # Who is told the id of each new event, and which request the events belong to.
        self.announce: Callable[[str], None] | None = None
        self.request: Json = {"id": None, "idempotency_key": None}
        # Where the hosted pages are reached.
        self.base = ""
        self._forget()
        if path is not None:
            objects, answers = stripe_journal.read(path)
            self.objects.update(objects)
            self.answers.update(answers)
            stripe_journal.rewrite(path, self.objects, self.answers)

    def _forget(self) -> None:
        self.objects: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}
        self.answers: dict[str, Json] = {}
        self.clock_offset_seconds = 0
        # What was handed out since the last save, and may have changed: kind and id, and keys.
        self._touched: dict[tuple[str, str], None] = {}
        self._new_answers: set[str] = set()

    def clear(self) -> None:
        """Forget everything, the moved clock too."""
        self._forget()
        if self.path is not None:
            stripe_journal.rewrite(self.path, self.objects, self.answers)

    def now(self) -> int:
        """Give the stand-in's own time: it is another company's machine and does not share the practice's clock."""
        return int(time.time()) + self.clock_offset_seconds

    def save(self) -> None:
        """Write what may have changed to the file in one step: a killed process leaves the old or the new state."""
        if self.path is not None:
            changed = [(kind, identity, self.objects[kind][identity]) for kind, identity in self._touched]
            answers = {key: self.answers[key] for key in self._new_answers if key in self.answers}
            stripe_journal.append(self.path, changed, answers)
        self.pass_over()

    def pass_over(self) -> None:
        """Note that nothing handed out was changed."""
        self._touched.clear()
        self._new_answers.clear()

    def keep_answer(self, key: str, *, status: int, body: Json) -> None:
        """Keep the answer to a request under its key."""
        if key in self.answers:
            self.answers[key].update(status=status, body=body)
            self._new_answers.add(key)

    def add(self, kind: str, content: Json) -> Json:
        """Keep a new object under a fresh id."""
        length = 56 if kind == "checkout.session" else 24
        identity = KINDS[kind][0] + "".join(secrets.choice(_ID_LETTERS) for _ in range(length))
        kept: Json = {"id": identity, "object": kind, "created": self.now(), "livemode": False, **content}
        self.objects[kind][identity] = kept
        self._touched[kind, identity] = None
        return kept

    def get(self, kind: str, identity: str | None) -> Json | None:
        """Return the object, even a deleted one, or None."""
        found = self.objects[kind].get(identity or "")
        if found is not None:
            self._touched[kind, found["id"]] = None
        return found

    def remove(self, kind: str, identity: str) -> None:
        """Take back an object that was added in this very change."""
        del self.objects[kind][identity]
        del self._touched[kind, identity]

    def find(self, kind: str, identity: str, *, param: str = "id", in_path: bool = False) -> Json:
        """Return the object or refuse; a deleted one is missing to everything but its own address."""
        found = self.get(kind, identity)
        if found is None or (found.get("deleted") and not in_path):
            raise missing_resource(KINDS[kind][1], identity, param=param, in_path=in_path)
        return found

    def where(self, kind: str, wanted: Callable[[Json], bool]) -> list[Json]:
        """Return matching objects, newest first, as every list of the API is."""
        found = [kept for kept in reversed(self.objects[kind].values()) if wanted(kept)]
        self._touched.update({(kind, kept["id"]): None for kept in found})
        return found


def shown(value: Any) -> Any:
    """Copy what a caller may see: everything but the stand-in's own notes."""
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def page(objects: list[Json], params: Json, url: str) -> Json:
    """Cut one page out of a list that runs from the newest to the oldest."""
    limit = params.get("limit", PAGE_SIZE)
    if not 1 <= limit <= PAGE_SIZE_MAX:
        raise invalid(f"Invalid limit: must be from 1 to {PAGE_SIZE_MAX}", param="limit")
    identities = [kept["id"] for kept in objects]
    for cursor in ("starting_after", "ending_before"):
        if cursor in params and params[cursor] not in identities:
            raise missing_resource("object", params[cursor], param=cursor)
    if "starting_after" in params:
        rest = objects[identities.index(params["starting_after"]) + 1 :]
        cut, has_more = rest[:limit], len(rest) > limit
    elif "ending_before" in params:
        rest = objects[: identities.index(params["ending_before"])]
        cut, has_more = rest[-limit:], len(rest) > limit
    else:
        cut, has_more = objects[:limit], len(objects) > limit
    return {"object": "list", "data": cut, "has_more": has_more, "url": url}


def is_within(created: int, wanted: object) -> bool:
    """Say whether an object's `created` meets the filter: a second, or a range with gt, gte, lt, lte."""
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    if not isinstance(wanted, dict):
        return False
    return bool(
        created > wanted.get("gt", -1)
        and created >= wanted.get("gte", 0)
        and created < wanted.get("lt", created + 1)
        and created <= wanted.get("lte", created)
    )


def check_expand(paths: Iterable[str]) -> None:
    """Refuse, before anything is done, a path that leads nowhere."""
    for path in paths:
        if not path or any(step not in EXPANDABLE for step in path.split(".")):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")


def expanded(store: Store, answer: Json, paths: Iterable[str]) -> Json:
    """Replace ids by their objects along each asked path, such as `payment_method` or `data.latest_charge`."""
    copy: Json = shown(answer)
    for path in paths:
        _expand(store, copy, path.split("."))
    return copy


def _expand(store: Store, place: Json, steps: list[str]) -> None:
    name, rest = steps[0], steps[1:]
    value = place.get(name)
    if isinstance(value, str):
        kind = next((kind for kind, (start, _) in KINDS.items() if value.startswith(start)), None)
        if kind is not None and value in store.objects[kind]:
            value = place[name] = shown(store.objects[kind][value])
    if rest and isinstance(value, dict):
        _expand(store, value, rest)
    if rest and isinstance(value, list):
        for item in value:
            _expand(store, item, rest)
