"""Statistics of response times: nearest-rank percentiles, and a sketch of them that merges.

A sketch keeps seven significant bits of each value: exact below 128 ms, within 0.8 % above. Rows and roll-ups are read
through the same sketch, so a percentile does not change when its rows are pruned.
"""

import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

SIGNIFICANT_BITS = 7
RELATIVE_ERROR = 2.0**-SIGNIFICANT_BITS
"""How far a percentile may lie from the true one, as a part of it."""

_HALF = SIGNIFICANT_BITS - 1
_LANE = 32
_BYTES = _LANE // 8
_HEAD = struct.Struct("<QQH")
_TOTAL_BITS = 56


def nearest_rank(count: int, percent: int) -> int:
    """The 1-based rank of a percentile among sorted values: the smallest with at least that part at or below it.

    >>> nearest_rank(1, 50), nearest_rank(4, 50), nearest_rank(20, 95), nearest_rank(21, 95)
    (1, 2, 19, 20)
    """
    return max(1, -(-count * percent // 100))


@lru_cache(maxsize=8192)
def cell_of(value: int) -> int:
    """The sketch cell of a value: itself when small, else by its leading bits and how far they were shifted."""
    shift = max(0, value.bit_length() - SIGNIFICANT_BITS)
    return (shift << _HALF) + (value >> shift)


def value_of(cell: int) -> int:
    """The value that stands for a cell: the middle of it."""
    shift = max(0, (cell >> _HALF) - 1)
    return ((cell - (shift << _HALF)) << shift) + ((1 << shift) >> 1)


@dataclass(slots=True)
class Sketch:
    """How often which durations came, in cells of bounded width; a working value that grows by `add` and `merge`.

    All counts are one long integer, 32 bits for each cell: to merge two sketches is one addition, whatever they hold.
    """

    total: int = 0
    """The exact sum of all values, for the mean."""
    count: int = 0
    """How many values it holds."""
    lanes: int = 0
    """The count of cell n from bit 32 n on."""

    def add(self, value: int, count: int = 1) -> None:
        """Count a value (whole milliseconds, 0 or more) so many times."""
        self.lanes += count << (_LANE * cell_of(value))
        self.total += value * count
        self.count += count

    def add_all(self, values: Sequence[int]) -> None:
        """Count many values, once each."""
        found = Counter(map(cell_of, values))
        counts = [0] * (max(found, default=-1) + 1)
        for cell, count in found.items():
            counts[cell] = count
        self.lanes += int.from_bytes(struct.pack(f"<{len(counts)}I", *counts), "little")
        self.total += sum(values)
        self.count += len(values)

    def merge(self, other: "Sketch") -> None:
        """Add all that another one holds."""
        self.lanes += other.lanes
        self.total += other.total
        self.count += other.count

    def percentiles(self, percents: Iterable[int]) -> Mapping[int, int | None]:
        """The values at several percentiles by nearest rank; None for each when nothing was counted."""
        if self.count == 0:
            return dict.fromkeys(percents)
        first, packed = self._dense()
        passed = list(accumulate(struct.unpack(f"<{len(packed) // _BYTES}I", packed)))
        return {
            percent: value_of(first + bisect_left(passed, nearest_rank(self.count, percent))) for percent in percents
        }

    def percentile(self, percent: int) -> int | None:
        """The value at one percentile by nearest rank."""
        return self.percentiles((percent,))[percent]

    def mean(self) -> int | None:
        """The mean, rounded to whole milliseconds; exact, because the sum is kept beside the cells."""
        return None if self.count == 0 else (2 * self.total + self.count) // (2 * self.count)

    def _dense(self) -> tuple[int, bytes]:
        """The first cell that holds anything, and the counts from there on in 4 bytes each, little-endian."""
        first = max(0, (self.lanes & -self.lanes).bit_length() - 1) // _LANE
        counts = self.lanes >> (first * _LANE)
        return first, counts.to_bytes(-(-counts.bit_length() // _LANE) * _BYTES, "little")

    def to_bytes(self) -> bytes:
        """Pack for storage, little-endian: the sum in 7 bytes, the width of the counts in 1, how many values in 8, the first
        cell in 2; then the lowest byte of every count, the next byte of every count ... as wide as the largest is.
        """
        first, packed = self._dense()
        planes = [packed[place::_BYTES] for place in range(_BYTES)]
        while len(planes) > 1 and not planes[-1].strip(b"\0"):
            planes.pop()
        total = min(self.total, (1 << _TOTAL_BITS) - 1)
        return _HEAD.pack(len(planes) << _TOTAL_BITS | total, self.count, first) + b"".join(planes)

    def add_bytes(self, packed: bytes) -> None:
        """Merge what `to_bytes` wrote."""
        if len(packed) < _HEAD.size or packed[7] == 0:
            self._add_pairs(packed)
            return
        head, count, first = _HEAD.unpack_from(packed)
        width, body = head >> _TOTAL_BITS, packed[_HEAD.size :]
        size = len(body) // width
        wide = bytearray(size * _BYTES)
        for place in range(width):
            wide[place::_BYTES] = body[place * size : (place + 1) * size]
        self.lanes += int.from_bytes(wide, "little") << (first * _LANE)
        self.total += head & ((1 << _TOTAL_BITS) - 1)
        self.count += count

    def _add_pairs(self, packed: bytes) -> None:
        """What the first ledgers hold: the sum in 8 bytes, then a cell, numbered by whole powers of two, and its count."""
        total, *flat = struct.unpack(f"<Q{(len(packed) - 8) // 4}I", packed)
        self.total += total
        for cell, count in zip(flat[::2], flat[1::2], strict=True):
            shift, leading = cell >> SIGNIFICANT_BITS, cell & ((1 << SIGNIFICANT_BITS) - 1)
            self.lanes += count << (_LANE * ((shift << _HALF) + leading))
            self.count += count
