"""Rows on their way out: what every export format is given."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

CHUNK = 500
"""Rows of a chunk that is made of single rows."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column whose values are kept once: a code for every row, and what the codes stand for.

    A code means the same in all chunks of a table. Columns that belong together share one list of codes, so that what stands
    side by side is looked up once.
    """

    codes: Sequence[Hashable]
    values: Mapping[Hashable, object]

    def __iter__(self) -> Iterator[object]:
        """The value of every row."""
        return map(self.values.__getitem__, self.codes)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows by columns, each as long as there are rows."""

    size: int
    columns: Sequence[Sequence[object] | Coded]


@dataclass(frozen=True, slots=True)
class Chunked:
    """Rows that are there by columns; read once, a chunk at a time."""

    chunks: Iterable[Chunk]

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        """One row after the other."""
        for chunk in self.chunks:
            yield from zip(*chunk.columns, strict=True)


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of plain JSON values; the rows are read once, one at a time or by columns."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[object]] | Chunked

    def chunks(self) -> Iterator[Chunk]:
        """The rows by columns, some hundred or thousand at a time."""
        if isinstance(self.rows, Chunked):
            yield from self.rows.chunks
            return
        running = iter(self.rows)
        while piece := list(islice(running, CHUNK)):
            yield Chunk(len(piece), tuple(zip(*piece, strict=True)))
