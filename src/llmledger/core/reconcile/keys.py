"""Keys of a statement that the ledger never saw: what their lines bill went past it."""

from collections.abc import Mapping
from decimal import Decimal

from llmledger.core.reconcile.booked import ZERO
from llmledger.core.reconcile.cells import Cell, CellKey, Side


def unseen_keys(cells: Mapping[CellKey, Cell], tolerance: Decimal) -> frozenset[str]:
    """The keys without which the statement and the ledger agree better, and with which they never do.

    A key counts as unseen when no period in which it has lines agrees with them, some do without them, and not more are
    left with less on the statement than in the ledger (other causes may sit in some). A statement with one key alone says
    nothing about keys.
    """
    known = sorted({key for cell in cells.values() for key in cell.billed.keys})
    if len(known) < 2:
        return frozenset()
    unseen: set[str] = set()
    by_size = sorted(known, key=lambda key: (-_size(cells, key), key))
    for key in by_size:
        if len(unseen) + 1 < len(known) and _is_unseen(cells, key, unseen, tolerance):
            unseen.add(key)
    return frozenset(unseen)


def known_keys(cells: Mapping[CellKey, Cell], tolerance: Decimal) -> frozenset[str]:
    """The keys that the ledger's requests are billed under: those of periods that agree, and the only one that there is."""
    known = {key for cell in cells.values() for key in cell.billed.keys}
    if len(known) < 2:
        return frozenset(known)
    agreeing = (cell for cell in cells.values() if _all_within(_gaps(cell, []), tolerance))
    return frozenset(key for cell in agreeing for key in cell.billed.keys)


def _size(cells: Mapping[CellKey, Cell], key: str) -> Decimal:
    return sum((cell.billed.keys[key].total for cell in cells.values() if key in cell.billed.keys), ZERO)


def _is_unseen(cells: Mapping[CellKey, Cell], key: str, unseen: set[str], tolerance: Decimal) -> bool:
    agrees = crowded = 0
    for cell in cells.values():
        if key not in cell.billed.keys:
            continue
        before = [side for name, side in cell.billed.keys.items() if name in unseen]
        if _all_within(_gaps(cell, before), tolerance):
            return False
        gaps = _gaps(cell, [*before, cell.billed.keys[key]])
        agrees += _all_within(gaps, tolerance)
        crowded += any(gap < -tolerance for gap in gaps)
    return agrees > 0 and crowded <= agrees


def _all_within(gaps: list[Decimal], tolerance: Decimal) -> bool:
    return all(abs(gap) <= tolerance for gap in gaps)


def _gaps(cell: Cell, gone: list[Side]) -> list[Decimal]:
    """By meter, what is billed without these keys less what the ledger has; in tokens where they are told, else in money."""
    if not cell.billed.quantity:
        return [cell.billed.total - sum((side.total for side in gone), ZERO) - cell.ledger.total]
    meters = sorted({*cell.billed.quantity, *cell.ledger.quantity})
    return [
        Decimal(cell.billed.quantity.get(meter, 0))
        - sum((Decimal(side.quantity.get(meter, 0)) for side in gone), ZERO)
        - Decimal(cell.ledger.quantity.get(meter, 0))
        for meter in meters
    ]


def take_away(cell: Cell, keys: frozenset[str]) -> dict[str, Side]:
    """Remove the lines of some keys from a cell's billed side, and hand them back."""
    taken = {key: cell.billed.keys.pop(key) for key in sorted(keys & cell.billed.keys.keys())}
    for side in taken.values():
        for meter, quantity in side.quantity.items():
            left = cell.billed.quantity[meter] - quantity
            cell.billed.quantity[meter] = left
            if not left:
                del cell.billed.quantity[meter]
        for meter, amount in side.money.items():
            cell.billed.money[meter] -= amount
            if not cell.billed.money[meter] and not cell.ledger.money.get(meter):
                del cell.billed.money[meter]
        cell.billed.requests -= side.requests
    return taken
