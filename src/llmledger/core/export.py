"""Rows on their way out: what every export format is given."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

CHUNK = 500
"""Rows of a chunk that is made of single rows."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column whose values are kept once: a code for every row, and by its code the entry that has the value as a field.

    Columns of one dictionary share their codes and entries, which are the same in all chunks of a table.
    """

    codes: Sequence[Hashable]
    entries: Mapping[Any, Sequence[object]]
    field: int

    def __iter__(self) -> Iterator[object]:
        """The value of every row."""
        return (self.entries[code][self.field] for code in self.codes)


@dataclass(frozen=True, slots=True)
class Style:
    """How a format writes what needs no care: whole numbers, and texts of plain characters (ids, times, amounts)."""

    marks: tuple[str, ...]
    """What stands before each column of a table."""
    quote: str = ""
    """What stands around a text."""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """Columns side by side that are written in a format's style already, with their marks: one text for every row."""

    texts: Sequence[str]
    columns: int = 1

    def __iter__(self) -> Iterator[str]:
        """The text of every row."""
        return iter(self.texts)


Column = Sequence[object] | Coded | Written


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows by columns, each as long as there are rows."""

    size: int
    columns: Sequence[Column]
    instead: Mapping[int, Sequence[object]] = field(default_factory=dict)
    """By their place the rows that are not as the columns have them, one value after the other."""

    def __iter__(self) -> Iterator[Sequence[object]]:
        """One row after the other."""
        rows = zip(*self.columns, strict=True)
        return (self.instead.get(place, row) for place, row in enumerate(rows)) if self.instead else rows


@dataclass(frozen=True, slots=True)
class Chunked:
    """Rows that are there by columns; read once, a chunk at a time, on wish with columns in a format's style.

    All chunks have the same kinds of columns in the same places.
    """

    chunks: Callable[[Style | None], Iterable[Chunk]]

    def __iter__(self) -> Iterator[Sequence[object]]:
        """One row after the other."""
        for chunk in self.chunks(None):
            yield from chunk


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of plain JSON values; the rows are read once, one at a time or by columns."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[object]] | Chunked

    def chunks(self, style: Style | None = None) -> Iterator[Chunk]:
        """The rows by columns, some hundred at a time; those that need no care may be written in a style already."""
        if isinstance(self.rows, Chunked):
            yield from self.rows.chunks(style)
            return
        running = iter(self.rows)
        while piece := list(islice(running, CHUNK)):
            yield Chunk(len(piece), tuple(zip(*piece, strict=True)))
