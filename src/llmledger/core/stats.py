"""Statistics of response times: nearest-rank percentiles, and a sketch of them that merges.

A sketch keeps seven significant bits of each value: exact below 128 ms, within 0.8 % above. Rows and roll-ups are read
through the same sketch, so a percentile does not change when its rows are pruned.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SIGNIFICANT_BITS = 7
RELATIVE_ERROR = 2.0**-SIGNIFICANT_BITS
"""How far a percentile may lie from the true one, as a part of it."""


def nearest_rank(count: int, percent: int) -> int:
    """The 1-based rank of a percentile among sorted values: the smallest with at least that part at or below it.

    >>> nearest_rank(1, 50), nearest_rank(4, 50), nearest_rank(20, 95), nearest_rank(21, 95)
    (1, 2, 19, 20)
    """
    return max(1, -(-count * percent // 100))


def cell_of(value: int) -> int:
    """The sketch cell of a value: itself when small, else its leading bits and how far they were shifted."""
    shift = max(0, value.bit_length() - SIGNIFICANT_BITS)
    return (shift << SIGNIFICANT_BITS) + (value >> shift)


def value_of(cell: int) -> int:
    """The value that stands for a cell: the middle of it."""
    shift, leading = cell >> SIGNIFICANT_BITS, cell & ((1 << SIGNIFICANT_BITS) - 1)
    return (leading << shift) + ((1 << shift) >> 1)


@dataclass(slots=True)
class Sketch:
    """How often which durations came, in cells of bounded width; a working value that grows by `add` and `merge`."""

    total: int = 0
    """The exact sum of all values, for the mean."""
    cells: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values it holds."""
        return sum(self.cells.values())

    def add(self, value: int, count: int = 1) -> None:
        """Count a value (whole milliseconds, 0 or more) so many times."""
        cell = cell_of(value)
        self.cells[cell] = self.cells.get(cell, 0) + count
        self.total += value * count

    def merge(self, other: "Sketch") -> None:
        """Add all that another one holds."""
        for cell, count in other.cells.items():
            self.cells[cell] = self.cells.get(cell, 0) + count
        self.total += other.total

    def percentiles(self, percents: Iterable[int]) -> Mapping[int, int | None]:
        """The values at several percentiles by nearest rank; None for each when nothing was counted."""
        wanted = sorted(set(percents))
        count = self.count
        if count == 0:
            return dict.fromkeys(wanted)
        found: dict[int, int | None] = {}
        passed, ranks = 0, [(nearest_rank(count, percent), percent) for percent in wanted]
        for cell in sorted(self.cells):
            passed += self.cells[cell]
            while ranks and passed >= ranks[0][0]:
                found[ranks.pop(0)[1]] = value_of(cell)
        return found

    def percentile(self, percent: int) -> int | None:
        """The value at one percentile by nearest rank."""
        return self.percentiles((percent,))[percent]

    def mean(self) -> int | None:
        """The mean, rounded to whole milliseconds; exact, because the sum is kept beside the cells."""
        count = self.count
        return None if count == 0 else (2 * self.total + count) // (2 * count)

    def to_bytes(self) -> bytes:
        """Pack for storage: the sum in 8 bytes, then each cell and its count in 4 bytes, little-endian."""
        flat = [number for cell in sorted(self.cells.items()) for number in cell]
        return struct.pack(f"<Q{len(flat)}I", self.total, *flat)

    def add_bytes(self, packed: bytes) -> None:
        """Merge what `to_bytes` wrote; quick enough for the thousands of days and models of a long report."""
        total, *flat = struct.unpack(f"<Q{(len(packed) - 8) // 4}I", packed)
        self.total += total
        cells = self.cells
        for cell, count in zip(flat[::2], flat[1::2], strict=True):
            cells[cell] = cells.get(cell, 0) + count
