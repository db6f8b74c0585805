"""Models that only the statement has and models that only the ledger has: which of them are one under two names."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from llmledger.core.reconcile.booked import NANO, TOKENS, ZERO
from llmledger.core.reconcile.cells import Block, Cell, CellKey
from llmledger.core.reconcile.view import INPUTS
from llmledger.core.usage import Quantity

Model = tuple[str, str]
"""Provider and model."""
ByModel = dict[Model, dict[Block, Cell]]
_FIRM_METERS = 2
"""Counts of so many meters agree in a period by no chance that is worth a thought."""
_FIRM_COUNTS = 4
"""So many counts that agree, in one period or several, make one model of two names whatever the other periods say."""


def lonely(cells: Mapping[CellKey, Cell]) -> tuple[ByModel, ByModel]:
    """Models that only the statement has, and that only the ledger has, with their cells."""
    sides: tuple[ByModel, ByModel] = ({}, {})
    both: set[Model] = set()
    for (block, provider, model), cell in cells.items():
        has_lines, has_rows = bool(cell.billed.line_count), bool(cell.ledger.requests)
        if has_lines and has_rows:
            both.add((provider, model))
        elif model and has_lines:
            sides[0].setdefault((provider, model), {})[block] = cell
        elif has_rows:
            sides[1].setdefault((provider, model), {})[block] = cell
    first, second = ({name: told for name, told in side.items() if name not in both} for side in sides)
    return first, second


def twins(cells: Mapping[CellKey, Cell], half_step: Decimal) -> dict[Model, str]:
    """The ledger's name of each model that the statement has under another one.

    Two names are one model if most of their periods have the same of both, or some the same counts of several meters; rows are
    rounded to twice `half_step`.
    """
    billed_only, ledger_only = lonely(cells)
    found: dict[Model, str] = {}
    for (provider, model), told in sorted(billed_only.items()):
        names = [
            name
            for (other, name), has in sorted(ledger_only.items())
            if other == provider and _is_one(told, has, half_step)
        ]
        if len(names) == 1:
            ledger_only.pop((provider, names[0]))
            found[provider, model] = names[0]
    return found


def _is_one(told: Mapping[Block, Cell], has: Mapping[Block, Cell], half_step: Decimal) -> bool:
    pairs = [(told[block], cell) for block, cell in has.items() if block in told]
    firm = sum(_agreeing(one, other) for one, other in pairs)
    return firm >= _FIRM_COUNTS or _most(sum(_same(one, other, half_step) for one, other in pairs), len(has))


def _most(same: int, of: int) -> bool:
    """Whether enough periods are the same: more than half, or half of several."""
    return 2 * same > of or (same > 1 and 2 * same == of)


def _agreeing(told: Cell, has: Cell) -> int:
    """How many counts are the same on both sides: all of them, or all of input (output may be an estimate); else 0."""
    for meters in (TOKENS, INPUTS):
        ours, theirs = (_counts(side.quantity, meters) for side in (has.ledger, told.billed))
        if ours == theirs and len(ours) >= _FIRM_METERS:
            return len(ours)
    return 0


def _counts(told: Mapping[str, Quantity], meters: Iterable[str]) -> dict[str, Quantity]:
    return {meter: told[meter] for meter in meters if told.get(meter)}


def _same(told: Cell, has: Cell, half_step: Decimal) -> bool:
    if told.billed.quantity:
        return _counts(told.billed.quantity, TOKENS) == _counts(has.ledger.quantity, TOKENS)
    # Fees for what the ledger did not count say nothing about a name.
    unmet = [meter for meter in told.billed.money if meter and meter not in TOKENS and meter not in has.ledger.money]
    billed = told.billed.total - sum((told.billed.money[meter] for meter in unmet), ZERO)
    gap = abs(billed - has.ledger.total)
    return bool(billed) and gap <= half_step * told.billed.line_count + NANO * has.ledger.requests
