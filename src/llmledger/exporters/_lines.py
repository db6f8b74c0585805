"""Lines of text from columns: what all rows share is written once, and a line is one format over what differs."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import groupby, repeat
from typing import cast

from llmledger.core.export import Chunk, Coded

MOST_REMEMBERED = 20_000
"""Texts of coded values that are kept from chunk to chunk, for each group of columns."""

Texts = Callable[[Sequence[object]], list[str]]
"""The texts of many values in a format."""


class Lines:
    """Writes the chunks of one table: each column's mark and its value as text, then the end, for every row."""

    def __init__(self, marks: Sequence[str], end: str, texts: Texts) -> None:
        self._marks = marks
        self._end = end
        self._texts = texts
        self._remembered: list[dict[Hashable, str]] = [{} for _ in marks]

    def of(self, chunk: Chunk) -> Iterable[str]:
        """The lines of a chunk, in order."""
        form = ""
        differing: list[Iterable[object]] = []
        for part in self._parts(chunk):
            if isinstance(part, str):
                form += part.replace("%", "%%")
            else:
                form += "%s"
                differing.append(part)
        form += self._end.replace("%", "%%")
        return map(form.__mod__, zip(*differing, strict=True)) if differing else repeat(form % (), chunk.size)

    def _parts(self, chunk: Chunk) -> Iterator[str | Iterable[object]]:
        """The pieces of the lines in order: a text where all rows have the same, else what each row has."""
        distinct: dict[int, set[Hashable]] = {}
        for shared, columns in groupby(enumerate(chunk.columns), lambda column: _list_of_codes(column[1])):
            if shared is None:
                for place, column in columns:
                    yield self._marks[place]
                    yield self._written(cast(Sequence[object], column))
            else:
                group = cast(list[tuple[int, Coded]], list(columns))
                if shared not in distinct:
                    distinct[shared] = set(group[0][1].codes)
                yield self._looked_up(group, distinct[shared])

    def _looked_up(self, group: Sequence[tuple[int, Coded]], distinct: set[Hashable]) -> str | Iterable[str]:
        """Columns side by side with one list of codes are one: for each code the text of all of them."""
        remembered = self._remembered[group[0][0]]
        if len(remembered) > MOST_REMEMBERED:
            remembered.clear()
        new = [code for code in distinct if code not in remembered]
        pieces: list[Iterable[str]] = []
        for place, column in group:
            pieces += repeat(self._marks[place], len(new)), self._texts([column.values[code] for code in new])
        remembered.update(zip(new, map("".join, zip(*pieces, strict=True)), strict=True))
        codes = group[0][1].codes
        return remembered[codes[0]] if len(distinct) == 1 else map(remembered.__getitem__, codes)

    def _written(self, column: Sequence[object]) -> str | Sequence[object]:
        if column.count(None) == len(column):
            return self._texts((None,))[0]
        if type(column[0]) is int and set(map(type, column)) == {int}:
            # A format writes whole numbers by itself.
            return str(column[0]) if column.count(column[0]) == len(column) else column
        return self._texts(column)


def _list_of_codes(column: Sequence[object] | Coded) -> int | None:
    """Which list of codes a column has: equal ones of two dictionaries are not the same."""
    return id(column.codes) if isinstance(column, Coded) else None
