"""Which class each planted cause is found as, over fresh seeds: alone and in pairs, at every grain.

    python -m tests.benchmarks.reconcile_causes [SEEDS] [FIRST SEED]

A plant alone counts as `right` when every finding has its cause alone, as `held` when some are an ambiguous class that holds it,
as `wrong` otherwise. A pair is right when both causes are found alone, held when both are in some class; wrong otherwise.
"""

import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from tests.support.planted import DAY_MS, FIRST, FIRST_MS, TERMS, Case, Rows, a_case
from tests.support.plants import LOOKS_LIKE, PLANTS, Plant, sown

from llmledger.core.reconcile.causes import HIDES, HIDES_IN_MONEY, Cause, Grain
from llmledger.core.reconcile.compare import Comparison, compare

QUIET = ((Cause.MATCHED,), (Cause.ROUNDING,))


def a_planted_case(seed: int, plants: Sequence[Plant]) -> Case:
    """A case with these plants, of a size that the seed chooses."""
    return sown(a_case(seed, per_day=random.Random(seed).choice((3, 8, 20))), seed, plants)


def compared(case: Case, grain: Grain) -> Comparison:
    """The case's bill at a grain against its ledger."""
    lines = ((line, line.amount) for line in case.lines(grain, with_keys=True))
    comparison = compare(lines, Rows(case.rows), TERMS)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def classes(comparison: Comparison) -> list[tuple[Cause, ...]]:
    """The classes found, without what matched."""
    return [one.causes for one in comparison.findings if one.causes not in QUIET]


def traces(seed: int, plants: Sequence[Plant], plant: Plant, grain: Grain) -> frozenset[tuple[int, str]]:
    """Days and models that one of the plants changes, beside the others."""
    with_it, without = (
        _by_cell(a_planted_case(seed, some), grain) for some in (plants, [one for one in plants if one is not plant])
    )
    return frozenset(cell for cell in with_it.keys() | without.keys() if with_it.get(cell) != without.get(cell))


def _by_cell(case: Case, grain: Grain) -> dict[tuple[int, str], list[str]]:
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    names = {theirs: ours for ours, theirs in case.names.items()}
    for line in case.lines(grain, with_keys=True):
        day = (line.since - FIRST).days, names.get(line.model, line.model)
        found[day].append(repr(line._replace(number=0)))
    for row in case.rows:
        found[(row.started_ms - FIRST_MS) // DAY_MS, row.model].append(repr(row))
    return {cell: sorted(told) for cell, told in found.items()}


def judged(seed: int, plants: Sequence[Plant], grain: Grain, found: list[tuple[Cause, ...]]) -> str:
    """Whether the planted causes were found, held, or neither; a class that holds none of them is wrong as well.

    Left out are causes that the grain cannot show, that left no trace, and that another plant hides wherever they are, as the
    table of what hides what says.
    """
    seen = {plant: traces(seed, plants, plant, grain) for plant in plants}
    shown = [
        plant
        for plant in plants
        if grain in PLANTS[plant][1]
        and PLANTS[plant][0] is not Cause.MATCHED
        and seen[plant]
        and not any(_hides(other, plant, grain) and seen[plant] <= seen[other] for other in plants)
    ]
    wanted = [PLANTS[plant][0] for plant in shown]
    planted = {PLANTS[plant][0] for plant in plants} | {Cause.UNEXPLAINED}
    planted.update(*(LOOKS_LIKE.get(plant, ()) for plant in plants if plant not in shown))
    if any(planted.isdisjoint(one) for one in found):
        return "wrong"
    if not wanted:
        return "right" if all(plant.__name__ == "alias" for plant in plants) and not found else "-"
    if all((cause,) in found for cause in wanted) and all(set(one) <= set(wanted) for one in found):
        return "right"
    return "held" if all(any(cause in one for one in found) for cause in wanted) else "wrong"


def _hides(other: Plant, plant: Plant, grain: Grain) -> bool:
    hidden = HIDES.get(PLANTS[other][0], frozenset())
    if grain is Grain.MONEY:
        hidden |= HIDES_IN_MONEY.get(PLANTS[other][0], frozenset())
    return PLANTS[plant][0] in hidden


def main() -> None:
    """Print the confusion table of single plants and a summary of pairs."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    first = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seeds {first} .. {first + seeds - 1}")
    for grain in Grain:
        print(f"\n{grain}")
        for plant, (cause, grains) in PLANTS.items():
            if grain in grains:
                seen: Counter[str] = Counter()
                verdicts: Counter[str] = Counter()
                for seed in range(first, first + seeds):
                    found = classes(compared(a_planted_case(seed, (plant,)), grain))
                    verdicts[judged(seed, (plant,), grain, found)] += 1
                    seen.update(" or ".join(one) for one in set(found))
                print(f"  {plant.__name__:17} {cause:25} {dict(verdicts)}  {dict(seen.most_common(3))}")
    pairs: dict[Grain, Counter[str]] = defaultdict(Counter)
    worst: Counter[str] = Counter()
    for number, pair in enumerate(combinations(PLANTS, 2)):
        for grain in Grain:
            seed = first + number % seeds
            verdict = judged(seed, pair, grain, classes(compared(a_planted_case(seed, pair), grain)))
            pairs[grain][verdict] += 1
            if verdict == "wrong":
                worst[f"{grain}: {pair[0].__name__} + {pair[1].__name__}"] += 1
    print("\npairs")
    for grain, counts in pairs.items():
        print(f"  {grain:8} {dict(counts)}")
    print("  wrong:", ", ".join(worst) or "none")


if __name__ == "__main__":
    main()
