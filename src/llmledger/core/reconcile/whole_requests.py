"""Which single requests of the ledger, not billed or billed once more, make a difference: found by the sums of their tokens.

A request that is not on the bill lacks with all its tokens, and a try that failed for us and was billed nevertheless repeats
those of the request that was tried again. So few requests as a cell has of a day and model are told by their sums alone, when
one choice of them makes the difference and no other does.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import add

from llmledger.core.counted import counted
from llmledger.core.reconcile.booked import TOKENS, Booked, money, quantities
from llmledger.core.reconcile.causes import Cause
from llmledger.core.reconcile.cells import Side
from llmledger.core.reconcile.view import INPUTS, Claim, View, less
from llmledger.core.usage import Quantity

MOST_CHOICES = 1 << 20
"""So many choices of requests are looked through; a cell with more is asked for its last requests only."""
_FEWEST_METERS = 2
"""Sums of a single meter are met by chance."""

Vector = tuple[int, ...]
_Choice = tuple[int, ...]
"""By request: -1 not billed, 0 billed, 1 billed once more."""
_Told = Mapping[str, Quantity]
_Project = Callable[[_Told], Vector]


@dataclass(frozen=True, slots=True)
class Explained:
    """Requests that one side lacks, as claims, and the cell as if it did not."""

    claims: tuple[Claim, ...]
    view: View


def whole_requests(view: View) -> Explained | None:
    """The one choice of requests that makes the difference of all tokens, or of all input; None when none or several do."""
    gap = {meter: int(count) for meter, count in view.quantity_gap.items() if meter in TOKENS}
    if not gap or not view.rows or not view.billed.line_count or view.is_pruned:
        return None
    find = _by_halves if _choices(view.rows) <= MOST_CHOICES else _last_ones
    for project in _projections(view, gap):
        target = project(gap)
        if sum(map(bool, target)) >= _FEWEST_METERS:
            found = find(target, view, project)
            first, second = next(found, None), next(found, None)
            if first is not None and second is None:
                return _explained(view, first)
    return None


def _choices(rows: Sequence[Booked]) -> int:
    count = 1
    for row in rows:
        count *= len(_states(row))
        if count > MOST_CHOICES:
            break
    return count


def _states(row: Booked) -> tuple[int, ...]:
    return (0, -1, 1) if row.attempts > 1 else (0, -1)


def _projections(view: View, gap: _Told) -> Iterator[_Project]:
    """What of the tokens is compared: all of them; input in all and output, however told apart; input alone."""
    names = sorted({meter for meter in (*gap, *view.ledger.quantity) if meter in TOKENS})
    yield lambda one: tuple(int(one.get(name, 0)) for name in names)
    rest = [name for name in names if name not in INPUTS]
    yield lambda one: (sum(int(one.get(name, 0)) for name in INPUTS), *(int(one.get(name, 0)) for name in rest))
    yield lambda one: tuple(int(one.get(name, 0)) for name in INPUTS)


def _by_halves(target: Vector, view: View, project: _Project) -> Iterator[_Choice]:
    """Every choice that makes the target: those of one half of the requests are looked up in those of the other."""
    told = [project(one) for one in view.told]
    states = [_states(row) for row in view.rows]
    middle = len(told) // 2
    left: dict[Vector, list[_Choice]] = {}
    for total, choice in _sums(told[:middle], states[:middle], len(target)):
        left.setdefault(total, []).append(choice)
    for total, choice in _sums(told[middle:], states[middle:], len(target)):
        wanted = tuple(whole - part for whole, part in zip(target, total, strict=True))
        for other in left.get(wanted, ()):
            yield other + choice


def _sums(told: Sequence[Vector], states: Sequence[Sequence[int]], width: int) -> list[tuple[Vector, _Choice]]:
    sums: list[tuple[Vector, _Choice]] = [((0,) * width, ())]
    for vector, some in zip(told, states, strict=True):
        sums = [
            (tuple(a + state * b for a, b in zip(total, vector, strict=True)) if state else total, (*choice, state))
            for total, choice in sums
            for state in some
        ]
    return sums


def _last_ones(target: Vector, view: View, project: _Project) -> Iterator[_Choice]:
    """The requests from a moment on, which an export does not have yet: those with just the input that is not billed."""
    lacking = -int(sum(view.quantity_gap.get(meter, 0) for meter in INPUTS))
    if lacking <= 0:
        return
    for position in range(bisect_left(view.tails, lacking), bisect_right(view.tails, lacking)):
        count = position + 1
        if _total(map(project, view.told[-count:]), len(target)) == tuple(-part for part in target):
            yield (0,) * (len(view.rows) - count) + (-1,) * count


def _total(vectors: Iterable[Vector], width: int) -> Vector:
    total = (0,) * width
    for vector in vectors:
        total = tuple(map(add, total, vector))
    return total


def _explained(view: View, choice: _Choice) -> Explained:
    gone = [row for row, state in zip(view.rows, choice, strict=True) if state < 0]
    again = [row for row, state in zip(view.rows, choice, strict=True) if state > 0]
    claims = [
        _claim(view, rows, sign, causes, words) for rows, sign, causes, words in _parts(view, gone, again) if rows
    ]
    ledger = Side(dict(view.ledger.quantity), dict(view.ledger.money), view.ledger.requests - len(gone) + len(again))
    for sign, rows in ((-1, gone), (1, again)):
        for row in rows:
            for meter, count in quantities(row, view.meters).items():
                ledger.add(meter, sign * count, None)
            for meter, amount in money(row, view.meters).items():
                ledger.add(meter, None, sign * amount)
    missing = {id(row) for row in gone}
    kept = [row for row in view.rows if id(row) not in missing]
    # Another id, so that a try is not taken for the same request twice.
    tries = [row._replace(provider_request_id=f"{row.provider_request_id} again") for row in again]
    return Explained(tuple(claims), view.but(ledger=ledger, rows=[*kept, *tries]))


def _parts(
    view: View, gone: Sequence[Booked], again: Sequence[Booked]
) -> Iterator[tuple[Sequence[Booked], int, tuple[Cause, ...], str]]:
    lost = [row for row in gone if not row.is_uncertain]
    failed = [row for row in gone if row.is_uncertain]
    late = "; the export may not be complete yet" if view.is_late else ""
    shifted = (Cause.DAY_BOUNDARY,) if view.may_be_shifted else ()
    yield (
        lost,
        -1,
        (Cause.MISSING_IN_STATEMENT, *shifted),
        f"the bill lacks the tokens of exactly {_counted(lost)}{late}",
    )
    causes = (Cause.MISSING_IN_STATEMENT, Cause.INTERRUPTED) if view.is_late else (Cause.INTERRUPTED,)
    yield failed, -1, causes, f"the bill lacks the tokens of exactly {_counted(failed)} without exact usage"
    yield again, 1, (Cause.INTERRUPTED,), f"{_counted(again)} that took more than one try is billed once more"


def _counted(rows: Sequence[Booked]) -> str:
    return counted(len(rows), "request")


def _claim(view: View, rows: Sequence[Booked], sign: int, causes: tuple[Cause, ...], words: str) -> Claim:
    tokens: dict[str, Decimal] = {}
    spent: dict[str, Decimal] = {}
    for row in rows:
        for meter, count in quantities(row, view.meters).items():
            tokens[meter] = tokens.get(meter, Decimal(0)) + sign * Decimal(count)
        for meter, amount in money(row, view.meters).items():
            spent[meter] = spent.get(meter, Decimal(0)) + sign * amount
    ids = tuple(row.request_id.hex() for row in rows[:8] if row.request_id)
    paid = less(view.at_grain(spent), {}) if view.tells_money else {}
    return Claim(causes, tokens, paid, words, request_ids=ids)
