"""Day boundaries: whether one shift of the clock makes the days of a statement and of the ledger agree."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from llmledger.core.reconcile.booked import ZERO
from llmledger.core.reconcile.cells import Block, Cell, CellKey, Placed

HOUR_MS = 3_600_000
HALF_MS = HOUR_MS // 2
OFFSETS_MS = tuple(
    sorted((half * HALF_MS for half in range(-28, 29) if half), key=lambda ms: (ms % HOUR_MS != 0, abs(ms), ms))
)
"""Shifts that are tried: whole hours first, the smaller ones first; no zone on earth is further than 14 hours away."""
MARGIN_MS = 14 * HOUR_MS
_FEWEST_CELLS = 2

Model = tuple[str, str]
"""Provider and model."""
Slot = tuple[int, str, str]
"""A half hour, counted from 1970, provider and model."""
_Wanted = Mapping[CellKey, tuple[Decimal | None, Decimal | None]]
"""Tokens and money that are billed, each None where the statement does not tell it."""


@dataclass(slots=True)
class HalfHours:
    """Money and tokens of the ledger by half hour and model: days of any zone can be summed from them."""

    money: dict[Slot, Decimal] = field(default_factory=dict)
    tokens: dict[Slot, Decimal] = field(default_factory=dict)

    def add(self, placed: Placed, ms: int) -> None:
        """Count a row in its half hour; which day's cell it belongs to is for the shift to say."""
        for (_, provider, model), told, spent in placed:
            slot = ms // HALF_MS, provider, model
            self.money[slot] = self.money.get(slot, ZERO) + sum(spent.values(), ZERO)
            self.tokens[slot] = self.tokens.get(slot, ZERO) + sum(map(Decimal, told.values()), ZERO)

    def pooled(self, nameless: Collection[Model]) -> "HalfHours":
        """The same with these models taken together."""
        found = HalfHours()
        for sums, into in ((self.money, found.money), (self.tokens, found.tokens)):
            for (half, provider, model), amount in sums.items():
                slot = half, provider, "" if (provider, model) in nameless else model
                into[slot] = into.get(slot, ZERO) + amount
        return found


class _Running:
    """Amounts by half hour as running sums of each model: what any day has of them is the difference of two."""

    def __init__(self, amounts: Mapping[Slot, Decimal]) -> None:
        self._models: dict[Model, tuple[list[int], list[Decimal]]] = {}
        for (slot, provider, model), amount in sorted(amounts.items()):
            slots, totals = self._models.setdefault((provider, model), ([], [ZERO]))
            slots.append(slot)
            totals.append(totals[-1] + amount)

    def by_block(self, blocks: list[Block], offset: int) -> dict[CellKey, Decimal]:
        """The sums of days that begin so much later; those without any half hour are left out."""
        found: dict[CellKey, Decimal] = {}
        for (provider, model), (slots, totals) in self._models.items():
            for block in blocks:
                first, last = (bisect_left(slots, (edge + offset) // HALF_MS) for edge in block)
                if first < last:
                    found[block, provider, model] = totals[last] - totals[first]
        return found


@dataclass(frozen=True, slots=True)
class _Days:
    """What is billed on which days, and what the ledger has at which hours."""

    wanted: _Wanted
    blocks: list[Block]
    tokens: _Running
    money: _Running
    tolerance: Decimal

    @classmethod
    def of(
        cls, cells: Mapping[CellKey, Cell], halves: HalfHours, tolerance: Decimal, nameless: Collection[Model]
    ) -> "_Days":
        blocks = sorted({key[0] for key in cells})
        return cls(_wanted(cells, nameless), blocks, _Running(halves.tokens), _Running(halves.money), tolerance)

    def unlike(self, offset: int) -> tuple[set[CellKey], Decimal]:
        """The cells that disagree under a shift, and by how much in all."""
        gaps = list(self._gaps(offset))
        return {key for key, gap, allowed in gaps if gap > allowed}, sum((gap for _, gap, _ in gaps), ZERO)

    def _gaps(self, offset: int) -> Iterator[tuple[CellKey, Decimal, Decimal]]:
        """By how much each cell is off under a shift, and what of it is allowed."""
        tokens, money = (running.by_block(self.blocks, offset) for running in (self.tokens, self.money))
        for key, (told, billed) in self.wanted.items():
            if told is not None:
                yield key, abs(told - tokens.get(key, ZERO)), ZERO
            else:
                yield key, abs((billed or ZERO) - money.get(key, ZERO)), self.tolerance
        # What the shift moves to a day on which nothing of the model is billed disagrees as well.
        counted = {key[1:]: told is not None for key, (told, _) in self.wanted.items()}
        for key, count in tokens.items():
            if key not in self.wanted and key[1:] in counted:
                yield (key, count, ZERO) if counted[key[1:]] else (key, money.get(key, ZERO), self.tolerance)


def shift_of(
    cells: Mapping[CellKey, Cell], halves: HalfHours, tolerance: Decimal, *, nameless: Collection[Model] = ()
) -> int | None:
    """The shift in milliseconds that makes at least two cells agree, and at most half as many disagree as without it.

    Models that are `nameless`, since one side alone has their names, are taken together by provider. A positive shift means
    that the statement's day begins later than it says. None when no shift does.
    """
    days = _Days.of(cells, halves.pooled(nameless), tolerance, nameless)
    if len(days.blocks) < _FEWEST_CELLS or not days.wanted:
        return None
    plain = len(days.unlike(0)[0])
    if plain < _FEWEST_CELLS:
        return None
    sizes = ((offset, _size(days.unlike(offset))) for offset in OFFSETS_MS)
    best, (left, _) = min(sizes, key=lambda one: one[1])
    return best if left * 2 <= plain and plain - left >= _FEWEST_CELLS else None


def _size(unlike: tuple[set[CellKey], Decimal]) -> tuple[int, Decimal]:
    return len(unlike[0]), unlike[1]


def suspects(cells: Mapping[CellKey, Cell], halves: HalfHours, tolerance: Decimal, shift: int) -> frozenset[CellKey]:
    """The cells that some shift would change, which makes some agree or most gaps go, and no more disagree than at `shift`."""
    days = _Days.of(cells, halves, tolerance, ())
    plain, far = days.unlike(shift)
    before = days.tokens.by_block(days.blocks, shift)
    found: set[CellKey] = set()
    for offset in OFFSETS_MS:
        left, near = days.unlike(offset)
        # That days are shifted is known once a shift was found, so that another one as good is enough.
        is_better = bool(shift) or (near < far and (plain - left or 2 * near < far))
        if len(left) <= len(plain) and is_better:
            after = days.tokens.by_block(days.blocks, offset)
            found |= {key for key in days.wanted if before.get(key) != after.get(key)}
    return frozenset(found)


def _wanted(
    cells: Mapping[CellKey, Cell], nameless: Collection[Model]
) -> dict[CellKey, tuple[Decimal | None, Decimal | None]]:
    wanted: dict[CellKey, tuple[Decimal | None, Decimal | None]] = {}
    for (block, provider, model), cell in cells.items():
        key = block, provider, "" if (provider, model) in nameless else model
        tokens = sum(map(Decimal, cell.billed.quantity.values()), ZERO) if cell.billed.quantity else None
        money = cell.billed.total if cell.billed.has_money else None
        before = wanted.get(key, (None, None))
        wanted[key] = _both(before[0], tokens), _both(before[1], money)
    return wanted


def _both(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return right if left is None else left if right is None else left + right


def shift_words(offset: int) -> str:
    """A shift in words.

    >>> print(shift_words(7 * HOUR_MS), shift_words(-HALF_MS), sep="; ")
    the statement's days begin 7 h later than it says; the statement's days begin 0.5 h earlier than it says
    """
    hours = abs(offset) / HOUR_MS
    return f"the statement's days begin {hours:g} h {'later' if offset > 0 else 'earlier'} than it says"


def edges(blocks: Iterable[Block]) -> Block:
    """The whole range with the margin in which a shift may find rows."""
    known = list(blocks)
    return min(block[0] for block in known) - MARGIN_MS, max(block[1] for block in known) + MARGIN_MS
