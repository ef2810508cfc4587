"""Whole cents: the only place that divides, rounds, parses or prints an amount."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clinic.kernel.errors import RefusalError

AMOUNT_MAX_CENTS = 100_000_000  # a million: larger is a slip of the finger
BP_WHOLE = 10_000
SYMBOLS = {
    "USD": "$", "CAD": "$", "AUD": "$", "NZD": "$", "SGD": "$", "HKD": "$", "EUR": "€", "GBP": "£",
    "CHF": "CHF ", "ZAR": "R", "SEK": "SEK ", "NOK": "NOK ", "DKK": "DKK ", "ILS": "₪", "INR": "₹",
}  # fmt: skip
_AMOUNT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2}))?|\.(\d{1,2})")
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?\s*%?")


class AmountError(RefusalError):
    """Refuse text that is not an amount of money."""


@dataclass(frozen=True)
class Taxed:
    """Hold a line's money: `net + tax == gross`, all in cents."""

    net_cents: int
    tax_cents: int
    gross_cents: int


def parse(text: str, *, least_cents: int = 0, most_cents: int = AMOUNT_MAX_CENTS) -> int:
    """Read an amount such as "150", "1,234.50" or "$150.00" as cents.

    Raises:
        AmountError: it is not an amount, has more than two decimals, or lies outside the bounds (both included).
    """
    plain = text.strip()
    for symbol in sorted({*SYMBOLS.values()}, key=len, reverse=True):
        plain = plain.removeprefix(symbol.strip())
    plain = plain.strip()
    # isascii: other scripts' digits would pass \d
    if len(plain) > 20 or not plain.isascii() or not _AMOUNT.fullmatch(plain):
        raise AmountError("Enter an amount such as 150 or 150.00.")
    whole, _, fraction = plain.replace(",", "").partition(".")
    cents = int(whole or "0") * 100 + int(fraction.ljust(2, "0") or "0")
    if not least_cents <= cents <= most_cents:
        raise AmountError(f"Enter an amount from {plainly(least_cents)} to {plainly(most_cents)}.")
    return cents


def parse_percent(text: str) -> int:
    """Read "8.25" or "50 %" as basis points, 0 to 10,000.

    Raises:
        AmountError: it is not a percentage between 0 and 100 with at most two decimals.
    """
    match = _PERCENT.fullmatch(text.strip()) if text.isascii() else None
    rate_bp = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else BP_WHOLE + 1
    if rate_bp > BP_WHOLE:
        raise AmountError("Enter a percentage from 0 to 100.")
    return rate_bp


def plainly(cents: int) -> str:
    """Print cents as a bare number for a form field: "1234.50"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02}"


def show(cents: int, currency: str) -> str:
    """Print an amount in full: "$1,234.50"; negative as "− $20.00"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'− ' if cents < 0 else ''}{symbol(currency)}{whole:,}.{rest:02}"


def show_short(cents: int, currency: str) -> str:
    """Print an amount for the grid and for buttons: "$150", with cents only when there are some."""
    full = show(cents, currency)
    return full.removesuffix(".00")


def symbol(currency: str) -> str:
    """Return what stands before an amount in that currency."""
    return SYMBOLS.get(currency, f"{currency} ")


def percent(rate_bp: int) -> str:
    """Print a rate: 825 is "8.25 %", 1000 is "10 %"."""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + " %"


def share_of(cents: int, rate_bp: int) -> int:
    """Return that rate of an amount, rounded half away from zero."""
    return _rounded(cents * rate_bp, BP_WHOLE)


def for_minutes(*, hourly_cents: int, minutes: int) -> int:
    """Return the fee for so many minutes at an hourly rate, rounded half away from zero."""
    return _rounded(hourly_cents * minutes, 60)


def taxed(amount_cents: int, rate_bp: int, *, inclusive: bool) -> Taxed:
    """Split or extend a line amount by its tax, rounded half away from zero per line."""
    if inclusive:
        tax = _rounded(amount_cents * rate_bp, BP_WHOLE + rate_bp)
        return Taxed(amount_cents - tax, tax, amount_cents)
    tax = share_of(amount_cents, rate_bp)
    return Taxed(amount_cents, tax, amount_cents + tax)


def spread(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Share a total over weights by largest remainder: the parts always add up to the total.

    Ties go to the earlier line. All weights zero: the total is shared evenly. No weights: an empty list.
    """
    if not weights:
        return []
    assert total_cents >= 0
    assert all(weight >= 0 for weight in weights)
    used = list(weights) if sum(weights) else [1] * len(weights)
    whole = sum(used)
    parts = [total_cents * weight // whole for weight in used]
    by_remainder = sorted(range(len(used)), key=lambda at: (-(total_cents * used[at] % whole), at))
    for at in by_remainder[: total_cents - sum(parts)]:
        parts[at] += 1
    return parts


def _rounded(numerator: int, denominator: int) -> int:
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))
