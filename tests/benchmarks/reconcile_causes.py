"""Which class each planted cause is found as, over fresh seeds: alone and in pairs, at every grain.

    python -m tests.benchmarks.reconcile_causes [SEEDS] [FIRST SEED]

A plant alone counts as `right` when every finding has its cause alone, as `held` when some are an ambiguous class that holds it,
as `wrong` otherwise. A pair is right when both causes are found alone, held when both are in some class; wrong otherwise.
"""

import random
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import combinations

from tests.support.planted import TERMS, Case, Rows, a_case
from tests.support.plants import PLANTS, Plant

from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.reconcile.compare import Comparison, compare

QUIET = ((Cause.MATCHED,), (Cause.ROUNDING,))


def compared(seed: int, plants: tuple[Plant, ...], grain: Grain) -> Comparison:
    """A case with these plants, of a size that the seed chooses."""
    rng = random.Random(seed * 7_919 + 1)
    case: Case = a_case(seed, per_day=rng.choice((3, 8, 20)))
    for plant in plants:
        plant(case, rng)
    lines = ((line, line.amount) for line in case.lines(grain, with_keys=True))
    comparison = compare(lines, Rows(case.rows), TERMS)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def classes(comparison: Comparison) -> list[tuple[Cause, ...]]:
    """The classes found, without what matched."""
    return [one.causes for one in comparison.findings if one.causes not in QUIET]


def judged(plants: tuple[Plant, ...], grain: Grain, found: list[tuple[Cause, ...]]) -> str:
    """Whether the planted causes were found, held, or neither; a cause that the grain cannot show is left out."""
    wanted = [
        PLANTS[plant][0] for plant in plants if grain in PLANTS[plant][1] and PLANTS[plant][0] is not Cause.MATCHED
    ]
    if not wanted:
        return "right" if all(plant.__name__ == "alias" for plant in plants) and not found else "-"
    if all((cause,) in found for cause in wanted) and all(set(one) <= set(wanted) for one in found):
        return "right"
    return "held" if all(any(cause in one for one in found) for cause in wanted) else "wrong"


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
                    found = classes(compared(seed, (plant,), grain))
                    verdicts[judged((plant,), grain, found)] += 1
                    seen.update(" or ".join(one) for one in set(found))
                print(f"  {plant.__name__:17} {cause:25} {dict(verdicts)}  {dict(seen.most_common(3))}")
    pairs: dict[Grain, Counter[str]] = defaultdict(Counter)
    worst: Counter[str] = Counter()
    for number, pair in enumerate(combinations(PLANTS, 2)):
        for grain in Grain:
            verdict = judged(pair, grain, classes(compared(first + number % seeds, pair, grain)))
            pairs[grain][verdict] += 1
            if verdict == "wrong":
                worst[f"{grain}: {pair[0].__name__} + {pair[1].__name__}"] += 1
    print("\npairs")
    for grain, counts in pairs.items():
        print(f"  {grain:8} {dict(counts)}")
    print("  wrong:", ", ".join(worst) or "none")


if __name__ == "__main__":
    main()
