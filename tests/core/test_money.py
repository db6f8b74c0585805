"""Money is whole, exact, and never shows a zero for what is none."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.money import (
    money_text,
    nanousd_from_usd,
    round_half_even,
    share_out,
    usd_from_nanousd,
    usd_text,
)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [(Fraction(5, 2), 2), (Fraction(7, 2), 4), (Fraction(-5, 2), -2), (Fraction(1, 3), 0), (Fraction(2, 3), 1)],
)
def test_ties_round_to_the_even_number(exact: Fraction, rounded: int) -> None:
    """Half even, so that many roundings do not drift."""
    assert rounded == round_half_even(exact)


@given(st.lists(st.fractions(min_value=0, max_value=10**12, max_denominator=10**6), min_size=1, max_size=12))
def test_shares_always_sum_to_the_rounded_total(weights: list[Fraction]) -> None:
    """Parts are whole, never a unit away from their weight, and sum to the total."""
    total = round_half_even(sum(weights, Fraction(0)))

    shares = share_out(total, weights)

    assert total == sum(shares)
    assert all(abs(share - weight) <= 1 for share, weight in zip(shares, weights, strict=True))


def test_largest_remainders_get_what_is_left() -> None:
    """0.6 + 0.6 + 0.8 = 2: the floors are 0, and the two largest remainders are 0.8 and the first 0.6."""
    assert share_out(2, [Fraction(6, 10), Fraction(6, 10), Fraction(8, 10)]) == [1, 0, 1]


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_nano_usd_survives_a_round_trip_through_text(nanousd: int) -> None:
    """What is written can be read back to the nano-dollar."""
    written = usd_text(nanousd)

    assert written is not None
    assert "E" not in written
    assert nanousd == nanousd_from_usd(Decimal(written))
    assert Decimal(written) == usd_from_nanousd(nanousd)


@pytest.mark.parametrize(
    ("nanousd", "shown"),
    [
        (None, "—"),
        (0, "$0"),
        (1, "$0.000000001"),
        (2_200_000, "$0.0022"),
        (3_123_456, "$0.00312"),
        (408_300_000, "$0.408"),
        (999_400_000, "$0.999"),
        (999_600_000, "$1.00"),
        (1_000_000_000, "$1.00"),
        (16_064_999_999, "$16.06"),
        (1_234_567_890_000, "$1,234.57"),
        (-2_200_000, "-$0.0022"),
        (-16_060_000_000, "-$16.06"),
    ],
)
def test_money_is_shown_with_the_digits_that_matter(nanousd: int | None, shown: str) -> None:
    """Two decimals from a dollar on, else three significant digits; unknown is a dash and nothing becomes $0.00."""
    assert shown == money_text(nanousd)


def test_unknown_money_is_none_in_json() -> None:
    """Unknown is not zero."""
    assert usd_text(None) is None
    assert usd_text(0) == "0"
