"""How sign-in slows down whoever guesses: per account and per address, with back-off, never for good."""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from clinic.kernel.errors import RefusalError
from clinic.models.practice import SignInThrottle

ACCOUNT_FREE_TRIES_MAX = 5
ADDRESS_FREE_TRIES_MAX = 20  # a whole practice may sit behind one address
BACK_OFF_FIRST = timedelta(seconds=30)
BACK_OFF_MAX = timedelta(minutes=15)
DOUBLINGS_MAX = 10
FORGOTTEN_AFTER = timedelta(hours=2)
IPV6_PREFIX_BITS = 64  # one subscriber has that many addresses


class ThrottledError(RefusalError):
    """Refuse a try that came too soon; `wait` says how long to hold back."""

    def __init__(self, wait: timedelta) -> None:
        minutes = -(-int(wait.total_seconds()) // 60)
        super().__init__(f"Too many tries. Try again in {minutes} minute{'s' if minutes != 1 else ''}.")
        self.wait = wait


@dataclass(frozen=True)
class Guard:
    """Name one thing that is counted, and how many tries it has before it slows down."""

    key: str
    free_tries: int


def guards(email: str, address: str) -> list[Guard]:
    """Return what a sign-in is counted under: its account, existing or not, and where it comes from."""
    return [account_guard(email), Guard(f"address:{_network(address)}", ADDRESS_FREE_TRIES_MAX)]


def account_guard(email: str) -> Guard:
    """Return what tries at one account are counted under."""
    return Guard("account:" + hashlib.sha256(email.strip().casefold().encode()).hexdigest(), ACCOUNT_FREE_TRIES_MAX)


def link_guards(email: str, address: str) -> list[Guard]:
    """Return what asking for a sign-in link is counted under: the e-mail address, known or not, and where it comes from."""
    return [
        Guard("link:" + hashlib.sha256(email.strip().casefold().encode()).hexdigest(), ACCOUNT_FREE_TRIES_MAX),
        Guard(f"links:{_network(address)}", ADDRESS_FREE_TRIES_MAX),
    ]


def order_guards(address: str) -> list[Guard]:
    """Return what an order on the online booking page is counted under: where it comes from."""
    return [Guard(f"orders:{_network(address)}", ADDRESS_FREE_TRIES_MAX)]


def claim(session: Session, counted: Sequence[Guard], now: datetime) -> None:
    """Count a try before its password is looked at, so that tries made at once are counted too.

    Must run inside `writing()`. A try that is held back is not counted: hammering does not lengthen the wait.

    Raises:
        ThrottledError: one of the guards is still backing off.
    """
    session.execute(delete(SignInThrottle).where(SignInThrottle.last_failed_at < now - FORGOTTEN_AFTER))
    rows = {guard: session.get(SignInThrottle, guard.key) for guard in counted}
    waits = [row.blocked_until_at - now for row in rows.values() if row is not None and row.blocked_until_at is not None]
    if waits and max(waits) > timedelta(0):
        raise ThrottledError(max(waits))
    for guard, row in rows.items():
        kept = row or SignInThrottle(key=guard.key, failures=0)
        kept.failures += 1
        kept.last_failed_at = now
        beyond = kept.failures - guard.free_tries
        kept.blocked_until_at = now + back_off(beyond) if beyond >= 0 else None
        session.add(kept)
    session.flush()


def release(session: Session, guard: Guard) -> None:
    """Forget an account's tries after a right password; the address keeps its count."""
    session.execute(delete(SignInThrottle).where(SignInThrottle.key == guard.key))


def give_back(session: Session, guard: Guard) -> None:
    """Take back the one try that turned out right from what is counted under this guard."""
    row = session.get(SignInThrottle, guard.key)
    if row is not None and row.failures > 0:
        row.failures -= 1
        if row.failures < guard.free_tries:
            row.blocked_until_at = None


def back_off(beyond: int) -> timedelta:
    """Return how long to hold back after the last free try (0) and each one after it: doubling, up to a limit."""
    return min(BACK_OFF_FIRST * (1 << min(beyond, DOUBLINGS_MAX)), BACK_OFF_MAX)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX_BITS), strict=False))
