"""The sums of invoice lines: pure, in cents, so that printed lines add up to the printed total."""

from collections.abc import Iterable
from typing import Protocol

from clinic.kernel import money
from clinic.kernel.errors import RefusalError
from clinic.kernel.money import AMOUNT_MAX_CENTS, Taxed


class LineSums(Protocol):
    """Be anything that has the three sums of a line."""

    net_cents: int
    tax_cents: int
    total_cents: int


def line(*, unit_cents: int, quantity: int, discount_cents: int, tax_bp: int, inclusive: bool) -> Taxed:
    """Return a line's money: quantity times unit less discount, with its tax.

    Raises:
        RefusalError: the discount is more than the line, or the line is larger than an amount may be.
    """
    before = unit_cents * quantity
    if not 0 <= before <= AMOUNT_MAX_CENTS:
        raise RefusalError(f"A line comes to at most {money.plainly(AMOUNT_MAX_CENTS)}.", field="unit")
    if not 0 <= discount_cents <= before:
        raise RefusalError("A discount is at most the line itself.", field="discount")
    return money.taxed(before - discount_cents, tax_bp, inclusive=inclusive)


def of(lines: Iterable[LineSums]) -> Taxed:
    """Return what the lines come to.

    Raises:
        RefusalError: together they are larger than an amount may be.
    """
    net = tax = total = 0
    for each in lines:
        net, tax, total = net + each.net_cents, tax + each.tax_cents, total + each.total_cents
    if total > AMOUNT_MAX_CENTS:
        raise RefusalError(f"An invoice comes to at most {money.plainly(AMOUNT_MAX_CENTS)}.", field="unit")
    return Taxed(net, tax, total)
