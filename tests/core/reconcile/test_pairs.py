"""Two causes in one period and model: each is found with its own amount, or the class holds both."""

from decimal import Decimal
from itertools import combinations

import pytest
from tests.benchmarks.reconcile_causes import a_planted_case, compared, judged
from tests.support.plants import (
    PLANTS,
    Plant,
    alias,
    batch,
    cached_split,
    capacity,
    day_boundary,
    double_import,
    inner_iterations,
    late_export,
    no_usage_chunk,
    other_key,
    reasoning,
    retried,
    server_tools,
)
from tests.support.reconcile_cases import a_line, a_row, found, only
from tests.support.reconcile_cases import classes as amounts

from llmledger.core.reconcile.causes import Cause, Grain


def test_a_copy_and_a_split_are_both_told_exactly() -> None:
    """One request twice (2 x 1,000 in at $3 and 100 out at $15), the other with 400 of its input read from a cache.

    The copy: -(0.003 + 0.0015) = -$0.0045. The split: 400 x (0.30 - 3.00) per million = -$0.00108.
    """
    copy = a_row(9, hours=13, provider_request_id="resp-1", quality="estimated")
    lines = [
        a_line("input_tokens", 1_600),
        a_line("cache_read_tokens", 400),
        a_line("output_tokens", 200),
    ]
    comparison = found(lines, [a_row(1), copy, a_row(2, hours=14)])

    assert amounts(comparison) == {"duplicate import": Decimal("-0.0045"), "cached split": Decimal("-0.00108")}
    [double] = [one for one in comparison.findings if one.causes == (Cause.DUPLICATE,)]
    assert double.request_ids == ((9).to_bytes(16, "big").hex(),)


def test_what_the_bill_has_more_of_is_no_copy() -> None:
    """The provider's id twice in the ledger, and both billed with 500 tokens more: a request is missing, none is double."""
    rows = [a_row(1), a_row(2, hours=13, provider_request_id="resp-1")]
    comparison = found([a_line("input_tokens", 2_500), a_line("output_tokens", 200)], rows)

    assert Cause.MISSING_IN_LEDGER in only(comparison).causes
    assert only(comparison).amount == Decimal("0.0015")


def test_reasoning_that_is_left_out_from_a_moment_on_is_found() -> None:
    """Three requests with 11, 22 and 33 reasoning tokens; the bill has 33 more output: those of the first two, or of the last.

    33 x $15 per million = $0.000495.
    """
    rows = [
        a_row(
            number, hours=number, usage={"input_tokens": 1_000, "output_tokens": 100, "reasoning_tokens": number * 11}
        )
        for number in (1, 2, 3)
    ]
    one = only(found([a_line("input_tokens", 3_000), a_line("output_tokens", 333)], rows))

    assert (one.causes, one.amount) == ((Cause.REASONING,), Decimal("0.000495"))


def test_tokens_for_nothing_do_not_hide_a_request_that_is_missing() -> None:
    """Three requests counted and nothing billed; the ledger has one: $0.009 is missing, and $0.0135 was given away."""
    lines = [a_line("input_tokens", 3_000, "0"), a_line("output_tokens", 300, "0")]

    assert amounts(found(lines, [a_row(1)])) == {
        "ambiguous (tier or batch or credits, tax, discount)": Decimal("-0.0135"),
        "ambiguous (missing in ledger or other key or host)": Decimal("0.009"),
    }


def test_many_lines_of_one_meter_count_as_one_sum() -> None:
    """Ten lines of 100 tokens; some of their numbers are kept."""
    lines = [*(a_line("input_tokens", 100, number=number) for number in range(2, 12)), a_line("output_tokens", 100)]
    comparison = found(lines, [a_row(1)])

    assert (only_matched := comparison.findings[0]).causes == (Cause.MATCHED,)
    assert (only_matched.line_count, len(only_matched.lines)) == (11, 8)


_TOLD_APART: tuple[tuple[Plant, Plant], ...] = (
    (day_boundary, alias),
    (day_boundary, other_key),
    (other_key, alias),
    (cached_split, capacity),
    (server_tools, capacity),
    (reasoning, double_import),
    (no_usage_chunk, double_import),
    (no_usage_chunk, server_tools),
)


@pytest.mark.parametrize("pair", _TOLD_APART, ids=lambda pair: "+".join(plant.__name__ for plant in pair))
@pytest.mark.parametrize("grain", [Grain.METER, Grain.DAY])
def test_two_planted_causes_are_both_found_or_held(grain: Grain, pair: tuple[Plant, Plant]) -> None:
    """No class is without one of the planted causes, and no planted cause without a class."""
    for seed in (100, 101):
        comparison = compared(a_planted_case(seed, pair), grain)

        assert judged(seed, pair, grain, comparison) in ("right", "held", "-")


_FOUND_BEFORE: tuple[tuple[int, Grain, Plant, Plant], ...] = (
    (80_004, Grain.DAY, late_export, retried),
    (91_001, Grain.METER, alias, no_usage_chunk),
    (91_001, Grain.DAY, alias, double_import),
    (91_023, Grain.METER, day_boundary, no_usage_chunk),
    (91_100, Grain.DAY, no_usage_chunk, inner_iterations),
    (91_103, Grain.METER, day_boundary, late_export),
    (91_107, Grain.MONEY, day_boundary, late_export),
    (93_100, Grain.MONEY, day_boundary, batch),
)
"""Cells that were found as something else before they taught us better."""


@pytest.mark.parametrize(("seed", "grain", "first", "second"), _FOUND_BEFORE)
def test_what_was_wrong_once_stays_right(seed: int, grain: Grain, first: Plant, second: Plant) -> None:
    """Each class holds what was planted where it is, and each plant has one."""
    pair = (first, second)

    assert judged(seed, pair, grain, compared(a_planted_case(seed, pair), grain)) in ("right", "held", "open")


def test_a_late_export_beside_a_reasoning_gap_tells_both() -> None:
    """Seed 91,000, by meter: what the bill lacks is found by its sums, and the rest is just the reasoning."""
    told = amounts(compared(a_planted_case(91_000, (late_export, reasoning)), Grain.METER))

    assert {"missing in statement", "reasoning"} <= told.keys()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [60_000, 60_001, 60_002])
def test_no_pair_is_found_as_something_else(seed: int) -> None:
    """All pairs, at every grain, with seeds that stay the same: the benchmark looks for others."""
    wrong = [
        (grain, *(plant.__name__ for plant in pair))
        for pair in combinations(PLANTS, 2)
        for grain in Grain
        if judged(seed, pair, grain, compared(a_planted_case(seed, pair), grain)) == "wrong"
    ]

    assert wrong == []


def test_another_price_of_each_meter_is_told_apart() -> None:
    """$4 instead of $3 for 1,000 in and $20 instead of $15 for 100 out: $0.001 and $0.0005, each with its own price."""
    comparison = found([a_line("input_tokens", 1_000, "0.004"), a_line("output_tokens", 100, "0.002")], [a_row(1)])
    told = {one.meter: (one.amount, one.implied) for one in comparison.findings if one.causes != (Cause.MATCHED,)}

    assert told == {"input_tokens": (Decimal("0.001"), Decimal(4)), "output_tokens": (Decimal("0.0005"), Decimal(20))}


def test_what_a_strange_key_bills_is_told_from_another_cause_in_the_same_period() -> None:
    """A key with 700 in and 30 out, beside a split of 400 tokens: 0.0021 + 0.00045 = $0.00255, and 400 x -2.70 per million."""
    lines = [
        a_line("input_tokens", 600, key="ours"),
        a_line("cache_read_tokens", 400, key="ours"),
        a_line("output_tokens", 100, key="ours"),
        a_line("input_tokens", 700, key="theirs"),
        a_line("output_tokens", 30, key="theirs"),
    ]
    comparison = found(lines, [a_row(1)])

    assert amounts(comparison) == {"other key or host": Decimal("0.00255"), "cached split": Decimal("-0.00108")}
    assert {one.key for one in comparison.findings if one.causes == (Cause.OTHER_KEY,)} == {"theirs"}
