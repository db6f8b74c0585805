"""Root causes planted in a ledger or its bill are found as what they are, or in the ambiguous class that holds them."""

import random
from decimal import Decimal
from itertools import combinations

import pytest
from tests.support.planted import TERMS, Case, Rows, a_case
from tests.support.plants import PLANTS, Plant

from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.compare import Comparison, compare

SEEDS = (3, 11)


def _compared(case: Case, grain: Grain, *, with_keys: bool = True) -> Comparison:
    lines = ((line, line.amount) for line in case.lines(grain, with_keys=with_keys))
    return compare(lines, Rows(case.rows), TERMS)


def _odd(comparison: Comparison) -> list[Finding]:
    return [one for one in comparison.findings if one.causes not in ((Cause.MATCHED,), (Cause.ROUNDING,))]


def _planted(seed: int, *plants: Plant) -> Case:
    case = a_case(seed)
    for plant in plants:
        plant(case, random.Random(seed * 31 + 7))
    return case


@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_ledger_agrees_with_its_true_bill_at_every_grain(grain: Grain, seed: int) -> None:
    """Without a plant nothing but matched (and rounding to the nano-dollar) is found."""
    comparison = _compared(a_case(seed), grain)

    assert _odd(comparison) == []
    assert abs(comparison.difference) < Decimal("0.000001")
    assert comparison.ledger_requests > 0


@pytest.mark.parametrize("with_keys", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize("plant", list(PLANTS), ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("grain", list(Grain))
def test_a_planted_cause_is_found_or_held_by_an_ambiguous_class(grain: Grain, plant: Plant, *, with_keys: bool) -> None:
    """Every class found holds the planted cause where the grain can show it; the classes sum to the difference."""
    cause, grains = PLANTS[plant]
    for seed in SEEDS:
        comparison = _compared(_planted(seed, plant), grain, with_keys=with_keys)

        assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
        if grain in grains:
            assert [one.class_name for one in _odd(comparison) if cause not in one.causes] == []
            assert cause is Cause.MATCHED or _odd(comparison)


@pytest.mark.parametrize(
    "pair", list(combinations(PLANTS, 2))[::7], ids=lambda pair: "+".join(p.__name__ for p in pair)
)
def test_classes_sum_to_the_difference_with_two_causes_too(pair: tuple[Plant, Plant]) -> None:
    """However two causes mix, not a decimal of the difference is lost, at any grain."""
    for grain in Grain:
        comparison = _compared(_planted(5, *pair), grain)

        assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))


def test_the_order_of_lines_does_not_matter() -> None:
    """Shuffled lines give the same findings."""
    case = _planted(4, *list(PLANTS)[2:5])
    lines = case.lines(Grain.METER, with_keys=True)
    shuffled = random.Random(1).sample(lines, len(lines))
    first, second = (
        compare(((line, line.amount) for line in some), Rows(case.rows), TERMS) for some in (lines, shuffled)
    )

    def told(comparison: Comparison) -> list[tuple[object, ...]]:
        return sorted((one.class_name, one.amount, one.since, one.model, one.key or "") for one in comparison.findings)

    assert told(first) == told(second)


def test_noise_without_a_cause_stays_unexplained() -> None:
    """A meter with more output and less input than any cause makes is not talked away."""
    case = a_case(9)
    for position in (0, 1):
        row = case.truth[position]
        odd = {
            **row.usage,
            "input_tokens": int(row.usage["input_tokens"]) - 37,
            "output_tokens": int(row.usage["output_tokens"]) + 11,
        }
        case.truth[position] = row._replace(usage=odd)
    comparison = _compared(case, Grain.METER)

    assert {"unexplained"} == {one.class_name for one in _odd(comparison)}
    assert comparison.unexplained > 0
