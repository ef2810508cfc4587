"""Answer a repeated request with the first answer, as Stripe's idempotency keys do."""

from clinic.demo.stripe_errors import Json, invalid, key_in_use, key_reused
from clinic.demo.stripe_store import Store

KEY_LENGTH_MAX = 255
KEY_LIFE_SECONDS = 24 * 3600


def begin(store: Store, key: str, *, address: str, params: Json, request_id: str) -> Json | None:
    """Take the key, or return the kept answer of the request that took it before.

    The lock must be held. Raises an ApiError when the key is too long, belongs to another request or is in use.
    """
    if len(key) > KEY_LENGTH_MAX:
        raise invalid(f"Idempotency keys can be at most {KEY_LENGTH_MAX} characters long.")
    kept = store.answers.get(key)
    if kept is not None and store.now() - kept["created"] >= KEY_LIFE_SECONDS and kept["status"] is not None:
        del store.answers[key]
        kept = None
    if kept is None:
        store.answers[key] = {
            "address": address,
            "params": params,
            "created": store.now(),
            "request": request_id,
            "status": None,
            "body": None,
        }
        return None
    if kept["address"] != address:
        raise key_reused(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{address}' vs '{kept['address']}'). Try using a key other than '{key}' "
            "if you meant to execute a different request."
        )
    if kept["params"] != params:
        raise key_reused(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
    if kept["status"] is None:
        raise key_in_use(key)
    return kept


def keep(store: Store, key: str, *, status: int, body: Json) -> None:
    """Keep the answer of the request that took the key."""
    store.keep_answer(key, status=status, body=body)


def release(store: Store, key: str) -> None:
    """Give the key back: the request was refused before anything was done."""
    store.answers.pop(key, None)
