"""Which class each planted cause is found as, over fresh seeds: alone and in pairs, at every grain.

    python -m tests.benchmarks.reconcile_causes [SEEDS] [FIRST SEED]

Every seed is tried with each plant alone and with all pairs. `judged` says what counts as right, held, open, hidden or wrong.
"""

import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import combinations

from tests.support.planted import FIRST, FIRST_MS, TERMS, Case, Rows, a_case
from tests.support.plants import HIDES, LOOKS_LIKE, PLANTS, Plant, alias, day_boundary, sown

from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.compare import Comparison, compare

QUIET = ((Cause.MATCHED,), (Cause.ROUNDING,))
NEARLY = Decimal("0.000001")
"""What rounding to the nano-dollar may make of an amount."""

Place = tuple[int, str]
"""Day and model as the ledger names it; no model where the grain tells none."""


@cache
def a_planted_case(seed: int, plants: tuple[Plant, ...]) -> Case:
    """A case with these plants, of a size that the seed chooses."""
    return sown(a_case(seed, per_day=random.Random(seed).choice((3, 8, 20))), seed, plants)


def compared(case: Case, grain: Grain) -> Comparison:
    """The case's bill at a grain against its ledger."""
    lines = ((line, line.amount) for line in case.lines(grain, with_keys=True))
    comparison = compare(lines, Rows(case.rows), TERMS)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def odd(comparison: Comparison) -> list[Finding]:
    """The findings, without what matched."""
    return [one for one in comparison.findings if one.causes not in QUIET]


def traces(seed: int, plants: tuple[Plant, ...], plant: Plant, grain: Grain) -> frozenset[Place]:
    """Days and models that one of the plants changes, beside the others; none when neither the bill nor the ledger is another."""
    others = tuple(one for one in plants if one is not plant)
    if _both_sides(seed, plants, grain) == _both_sides(seed, others, grain):
        return frozenset()
    with_it, without = (_by_place(seed, some, grain) for some in (plants, others))
    found = {place for place in with_it.keys() | without.keys() if with_it.get(place) != without.get(place)}
    if day_boundary in plants:
        # Few requests tell only roughly by how many hours, so that what is not billed may be put on the day beside it.
        found |= {(day + beside, model) for day, model in found for beside in (-1, 1)}
    return frozenset(found)


@cache
def _both_sides(seed: int, plants: tuple[Plant, ...], grain: Grain) -> tuple[Sequence[str], Sequence[Booked]]:
    case = a_planted_case(seed, plants)
    return sorted(repr(line._replace(number=0)) for line in case.lines(grain, with_keys=True)), case.rows


@cache
def _by_place(seed: int, plants: tuple[Plant, ...], grain: Grain) -> Mapping[Place, Sequence[str]]:
    case = a_planted_case(seed, plants)
    found: dict[Place, list[str]] = defaultdict(list)
    for line in case.lines(grain, with_keys=True):
        found[_place(case, line.since, line.model, grain)].append(repr(line._replace(number=0)))
    for row in case.rows:
        for offset_ms in {0, case.offset_ms}:
            day = FIRST + timedelta(milliseconds=row.started_ms - offset_ms - FIRST_MS)
            found[_place(case, day, row.model, grain)].append(repr(row))
    return {place: sorted(told) for place, told in found.items()}


def _place(case: Case, at: datetime, model: str, grain: Grain) -> Place:
    names = {theirs: ours for ours, theirs in case.names.items()}
    return (at - FIRST).days, "" if grain is Grain.TOTAL else names.get(model, model)


def judged(seed: int, plants: tuple[Plant, ...], grain: Grain, comparison: Comparison) -> str:
    """Whether the planted causes were found, held, left open, hidden, or none of these, which is wrong.

    Every finding must hold a cause that was planted in its day and model, or be unexplained there. Every plant that the grain can
    show must be in a class where it was planted (`right` alone, with its amount; `held` with others), or what is there must be
    unexplained (`open`); `hidden` is one that the table of what hides what excuses, or that another
    plant cancels out.
    """
    case = a_planted_case(seed, plants)
    found: dict[Place, list[tuple[Cause, ...]]] = defaultdict(list)
    for one in odd(comparison):
        found[_place(case, one.since, one.model, grain)].append(one.causes)
    seen = {plant: traces(seed, plants, plant, grain) for plant in plants}
    with_all, without = _by_place(seed, plants, grain), _by_place(seed, (), grain)
    for place, classes in found.items():
        there = [plant for plant in plants if place in seen[plant]]
        if not there and with_all.get(place) != without.get(place):
            there = list(plants)  # each makes by itself what is there
        if any(_could_be(there, grain).isdisjoint(causes) for causes in classes):
            return "wrong"
    shown = [
        plant for plant in plants if grain in PLANTS[plant][1] and PLANTS[plant][0] is not Cause.MATCHED and seen[plant]
    ]
    verdicts = {_found_as(plant, plants, seen, found, grain) for plant in shown}
    if verdicts == {"right"} and not all(_is_exact(seed, plants, plant, grain, comparison) for plant in shown):
        return "held"
    if not verdicts:
        return "right" if all(plant.__name__ == "alias" for plant in plants) and not found else "-"
    return max(verdicts, key=("right", "held", "open", "hidden", "wrong").index)


def _could_be(plants: Sequence[Plant], grain: Grain) -> frozenset[Cause]:
    """What a finding may be where these plants left a trace."""
    if not plants:
        return frozenset()
    held = {PLANTS[plant][0] for plant in plants} | {Cause.UNEXPLAINED}
    return frozenset(held.union(*(LOOKS_LIKE.get(plant, ()) for plant in plants if grain not in PLANTS[plant][1])))


def _found_as(
    plant: Plant,
    plants: tuple[Plant, ...],
    seen: Mapping[Plant, frozenset[Place]],
    found: Mapping[Place, Sequence[tuple[Cause, ...]]],
    grain: Grain,
) -> str:
    cause = PLANTS[plant][0]
    classes = [causes for place in seen[plant] for causes in found.get(place, ())]
    if not classes:
        return "hidden"  # the plants cancel out: both sides agree there
    if (cause,) in classes:
        others = {PLANTS[one][0] for one in plants}
        return "right" if all(others.issuperset(causes) for causes in classes) else "held"
    if any(cause in causes for causes in classes):
        return "held"
    if (Cause.UNEXPLAINED,) in classes:
        return "open"
    # What is billed under a name that nothing connects with the ledger's is compared with nothing.
    nameless = frozenset() if grain in PLANTS[alias][1] else frozenset({alias})
    hides = any((plant in HIDES.get(one, ()) or one in nameless) and seen[plant] <= seen[one] for one in plants)
    return "hidden" if hides else "wrong"


def _is_exact(seed: int, plants: tuple[Plant, ...], plant: Plant, grain: Grain, comparison: Comparison) -> bool:
    """Whether a cause was found with its amount: what the plant makes of the difference, alone or beside the others."""
    cause = PLANTS[plant][0]
    if sum(PLANTS[one][0] is cause for one in plants) > 1:
        return True
    amount = sum((one.amount for one in odd(comparison) if one.causes == (cause,)), Decimal(0))
    without = tuple(one for one in plants if one is not plant)
    beside = comparison.difference - _difference(seed, without, grain)
    return min(abs(amount - one) for one in (beside, _difference(seed, (plant,), grain))) <= NEARLY


@cache
def _difference(seed: int, plants: tuple[Plant, ...], grain: Grain) -> Decimal:
    return compared(a_planted_case(seed, plants), grain).difference


def main() -> None:
    """Print the confusion table of single plants and a summary of pairs."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    first = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seeds {first} .. {first + seeds - 1}")
    names: dict[tuple[Grain, Plant], Counter[str]] = defaultdict(Counter)
    singles: dict[tuple[Grain, Plant], Counter[str]] = defaultdict(Counter)
    pairs: dict[Grain, Counter[str]] = defaultdict(Counter)
    worst: list[str] = []
    for seed in range(first, first + seeds):
        for known in (a_planted_case, _both_sides, _by_place, _difference):
            known.cache_clear()
        for plants in [*((plant,) for plant in PLANTS), *combinations(PLANTS, 2)]:
            for grain in Grain:
                comparison = compared(a_planted_case(seed, plants), grain)
                verdict = judged(seed, plants, grain, comparison)
                if len(plants) > 1:
                    pairs[grain][verdict] += 1
                elif grain in PLANTS[plants[0]][1]:
                    singles[grain, plants[0]][verdict] += 1
                    names[grain, plants[0]].update({one.class_name for one in odd(comparison)})
                if verdict == "wrong":
                    worst.append(f"{seed} {grain}: {' + '.join(plant.__name__ for plant in plants)}")
    for (grain, plant), verdicts in sorted(singles.items(), key=lambda item: list(Grain).index(item[0][0])):
        seen = dict(names[grain, plant].most_common(3))
        print(f"  {grain:8} {plant.__name__:17} {PLANTS[plant][0]:25} {dict(verdicts)}  {seen}")
    print("\npairs")
    for grain, counts in pairs.items():
        print(f"  {grain:8} {dict(counts)}")
    print("  wrong:", ", ".join(worst) or "none")


if __name__ == "__main__":
    main()
