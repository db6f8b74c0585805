"""Lines of text from columns: what rows share is written once, and a line is one format over what differs."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import mod
from typing import cast

from llmledger.core.export import Chunk, Coded, Column, Style, Table, Written
from llmledger.exporters._contract import pieces

MOST_REMEMBERED = 20_000
"""Texts that are kept from chunk to chunk: forms of lines, and entries of each dictionary that is left out of them."""
PATIENCE = 20
"""Chunks in a row that may need many new forms before a dictionary is left out, though none has any new entry."""

Texts = Callable[[Sequence[object]], Sequence[str]]
"""The texts of many values in a format."""
Key = tuple[Hashable, ...]
"""The codes that a row has, one of each dictionary."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Columns side by side: where the first of them is in a chunk and in the table, and how many of the chunk's they are."""

    column: int
    place: int
    columns: int = 1
    code: int | None = None
    """Where their code is in a key, if the value is a part of the form."""


class Lines:
    """Writes the chunks of one table: each column's mark and its value as text, then the end, for every row.

    Rows with the same codes have one form, in which only their own values are missing. A dictionary with so many entries that
    hardly two rows would share a form (sessions) is left out of it and looked up for each row.
    """

    def __init__(self, style: Style, end: str, texts: Texts, *, remembered: int = MOST_REMEMBERED) -> None:
        self._remembered = remembered
        self._marks = style.marks
        self._end = end
        self._texts = texts
        self._pieces: list[_Piece] = []
        self._keyed: list[int] = []
        """Columns with the codes that make the key, one of each dictionary."""
        self._forms: dict[tuple[str, ...], dict[Key, str]] = {}
        self._apart: set[int] = set()
        """Dictionaries that are left out, by their first columns."""
        self._entries: dict[int, dict[Hashable, str]] = {}
        self._seen: dict[int, set[Hashable]] = {}
        self._poor = 0

    def of(self, chunk: Chunk) -> Iterable[str]:
        """The lines of a chunk, in order, to be taken before those of the next; few are there at a time."""
        if not self._pieces:
            self._lay_out(chunk.columns)
        own: list[Iterable[object]] = []
        skeleton = tuple([self._in_row(piece, chunk.columns, own) for piece in self._pieces])
        coded = [cast(Coded, chunk.columns[column]).codes for column in self._keyed]
        keys: list[Key] = list(zip(*coded, strict=True)) if coded else [()] * chunk.size
        forms = self._forms.setdefault(skeleton, {})
        if len(forms) > self._remembered:
            forms.clear()
        if new := set(keys).difference(forms):
            forms |= {key: self._form(skeleton, chunk.columns, key) for key in new}
        lines = map(mod, map(forms.__getitem__, keys), zip(*own, strict=True) if own else repeat((), chunk.size))
        self._judge(chunk, made=len(new))
        return self._with_others(lines, chunk.instead) if chunk.instead else lines

    def _with_others(self, lines: Iterable[str], instead: Mapping[int, Sequence[object]]) -> Iterator[str]:
        """The lines of a chunk with those of its rows that are not as the columns have them."""
        for place, line in enumerate(lines):
            row = instead.get(place)
            if row is None:
                yield line
            else:
                yield "".join(map(str.__add__, self._marks, self._texts(row))) + self._end

    def _lay_out(self, columns: Sequence[Column]) -> None:
        """Find out which columns are written together, and which go into the forms."""
        self._pieces, self._keyed = [], []
        first: dict[int, int] = {}
        place = 0
        for entries, group in groupby(enumerate(columns), lambda column: _dictionary(column[1])):
            run = [number for number, _ in group]
            if entries is None:
                for number in run:
                    self._pieces.append(_Piece(number, place))
                    column = columns[number]
                    place += column.columns if isinstance(column, Written) else 1
                continue
            dictionary = first.setdefault(entries, run[0])
            if dictionary not in self._apart and dictionary not in self._keyed:
                self._keyed.append(dictionary)
            code = None if dictionary in self._apart else self._keyed.index(dictionary)
            self._pieces.append(_Piece(run[0], place, len(run), code))
            place += len(run)

    def _in_row(self, piece: _Piece, columns: Sequence[Column], own: list[Iterable[object]]) -> str:
        """What all rows of a chunk have there, with what differs appended to `own`."""
        column = columns[piece.column]
        if piece.code is not None:
            return ""
        if isinstance(column, Coded):
            own.append(self._looked_up(piece, cast(Sequence[Coded], columns)))
            return "%s"
        if isinstance(column, Written):
            own.append(column.texts)
            return "%s"
        value = self._value(column)
        if isinstance(value, str):
            return _literal(self._marks[piece.place] + value)
        own.append(value)
        return _literal(self._marks[piece.place]) + "%s"

    def _value(self, column: Sequence[object]) -> str | Sequence[object]:
        if column.count(None) == len(column):
            return self._texts((None,))[0]
        if type(column[0]) is int and set(map(type, column)) == {int}:
            # A format writes whole numbers by itself.
            return str(column[0]) if column.count(column[0]) == len(column) else column
        return self._texts(column)

    def _form(self, skeleton: Sequence[str], columns: Sequence[Column], key: Key) -> str:
        """A line without what is a row's own."""
        pieces = (
            text
            if piece.code is None
            else _literal(self._entry(piece, cast(Sequence[Coded], columns), key[piece.code]))
            for piece, text in zip(self._pieces, skeleton, strict=True)
        )
        return "".join(pieces) + _literal(self._end)

    def _entry(self, piece: _Piece, columns: Sequence[Coded], code: Hashable) -> str:
        """The text of columns side by side of one entry."""
        side_by_side = columns[piece.column : piece.column + piece.columns]
        values = [column.entries[code][column.field] for column in side_by_side]
        return "".join(map(str.__add__, self._marks[piece.place :], self._texts(values)))

    def _looked_up(self, piece: _Piece, columns: Sequence[Coded]) -> Iterable[str]:
        entries = self._entries.setdefault(piece.column, {})
        if len(entries) > self._remembered:
            entries.clear()
        codes = columns[piece.column].codes
        for code in set(codes).difference(entries):
            entries[code] = self._entry(piece, columns, code)
        return map(entries.__getitem__, codes)

    def _judge(self, chunk: Chunk, *, made: int) -> None:
        """Leave the dictionary with most new entries out of the forms when most rows need a new one."""
        self._poor = self._poor + 1 if made * 4 >= chunk.size and self._keyed else 0
        if not self._poor:
            return
        codes = {column: set(cast(Coded, chunk.columns[column]).codes) for column in self._keyed}
        new = {column: found - self._seen.get(column, set()) for column, found in codes.items()}
        if self._poor > PATIENCE or (self._poor > 1 and any(new.values())):
            self._apart.add(max(codes, key=lambda column: (len(new[column]), len(codes[column]))))
            self._forms.clear()
            self._poor = 0
            self._lay_out(chunk.columns)
        for column, found in new.items():
            self._seen.setdefault(column, set()).update(found)


def separated(table: Table, separator: str, texts: Texts) -> Iterator[str]:
    """A table as a header line and a line per row, in pieces; unknown is empty."""
    yield separator.join(texts(table.columns)) + "\n"
    style = Style(("", *[separator] * (len(table.columns) - 1)))
    lines = Lines(style, "\n", texts)
    for chunk in table.chunks(style):
        yield from map("".join, pieces(lines.of(chunk)))


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _dictionary(column: Column) -> int | None:
    """Which dictionary a column is of."""
    return id(column.entries) if isinstance(column, Coded) else None
