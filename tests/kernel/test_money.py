"""Cents are read, split, taxed and printed without losing one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.kernel import money

CENTS = st.integers(0, money.AMOUNT_MAX_CENTS)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("150", 15_000),
        ("150.5", 15_050),
        ("1,234.50", 123_450),
        ("$150.00", 15_000),
        (" .99 ", 99),
        ("0", 0),
        ("1,000,000", 100_000_000),
    ],
)
def test_an_amount_is_read_as_people_type_it(typed, cents):
    assert money.parse(typed) == cents


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1e9",
        "-5",
        "12,345.678",
        "12,34",
        "1.2.3",
        "five",
        "٣",
        "NaN",
        "1 000",
        "9" * 40,
        "1000000.01",
        "0x10",
        "150.",
        "--",
        "$",
    ],
)
def test_what_is_not_an_amount_is_refused(typed):
    with pytest.raises(money.AmountError):
        money.parse(typed)


@given(CENTS)
def test_what_is_printed_reads_back(cents):
    assert money.parse(money.plainly(cents)) == cents
    assert money.parse(money.show(cents, "USD")) == cents


@given(CENTS, st.lists(st.integers(0, 10**7), min_size=1, max_size=40))
def test_parts_always_add_up_and_none_is_a_cent_off_its_weight(total, weights):
    parts = money.spread(total, weights)
    assert sum(parts) == total
    used = weights if sum(weights) else [1] * len(weights)
    for part, weight in zip(parts, used, strict=True):
        assert abs(part * sum(used) - total * weight) < sum(used)


@given(CENTS, st.integers(0, money.BP_WHOLE), st.booleans())
def test_tax_and_net_make_the_gross(cents, rate_bp, inclusive):
    taxed = money.taxed(cents, rate_bp, inclusive=inclusive)
    assert taxed.net_cents + taxed.tax_cents == taxed.gross_cents
    assert (taxed.gross_cents if inclusive else taxed.net_cents) == cents


@pytest.mark.parametrize(
    ("cents", "rate_bp", "tax"), [(1_000, 825, 83), (600, 825, 50), (200, 25, 1), (-200, 25, -1), (199, 25, 0)]
)
def test_tax_is_rounded_half_away_from_zero(cents, rate_bp, tax):
    assert money.share_of(cents, rate_bp) == tax


def test_an_hourly_rate_is_billed_by_the_minute():
    assert money.for_minutes(hourly_cents=9_000, minutes=20) == 3_000
    assert money.for_minutes(hourly_cents=10_000, minutes=50) == 8_333


@pytest.mark.parametrize(
    ("cents", "full", "short"),
    [(15_000, "$150.00", "$150"), (-2_050, "− $20.50", "− $20.50"), (123_456_700, "$1,234,567.00", "$1,234,567")],
)
def test_amounts_are_printed_in_full_and_for_the_grid(cents, full, short):
    assert money.show(cents, "USD") == full
    assert money.show_short(cents, "USD") == short


@pytest.mark.parametrize(("typed", "rate_bp"), [("8.25", 825), ("50 %", 5_000), ("100", 10_000), ("0", 0)])
def test_a_percentage_is_read_as_basis_points(typed, rate_bp):
    assert money.parse_percent(typed) == rate_bp


@pytest.mark.parametrize("typed", ["101", "-1", "1.234", "", "half", "1e1"])
def test_what_is_not_a_percentage_is_refused(typed):
    with pytest.raises(money.AmountError):
        money.parse_percent(typed)
