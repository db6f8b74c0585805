"""The view `requests_v1` by columns: the same values, without asking the view for every row.

Of a request that was never corrected the view says what its row says. So rows are read as they are stored, with the ids of
their dictionaries, and each entry of a dictionary is read once. What was corrected comes through the view.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from llmledger.core.export import Chunk, Coded, Column, Style, Written
from llmledger.ledger.dictionaries import TABLES
from llmledger.ledger.rows import USAGE_COLUMNS

CHUNK = 400
"""Rows at a time. With more they leave the cache of the processor, and all is slower."""
MOST_REMEMBERED = 20_000
"""Entries of a dictionary that are kept from chunk to chunk."""

_COST = (
    "CASE WHEN x.cost_nanousd % 1000000000 = 0 THEN (x.cost_nanousd / 1000000000) || '' WHEN x.cost_nanousd > 0 "
    "THEN rtrim(printf('%d.%09d', x.cost_nanousd / 1000000000, x.cost_nanousd % 1000000000), '0') "
    "WHEN x.cost_nanousd < 0 THEN '-' || "
    "rtrim(printf('%d.%09d', x.cost_nanousd / -1000000000, -x.cost_nanousd % 1000000000), '0') END"
)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A column of numbers, or of texts of digits and a few letters, which need no care in any format."""

    form: str
    values: tuple[str, ...]
    """What SQLite's `printf` makes the column of."""
    is_text: bool = False
    is_nullable: bool = False


_RARE = frozenset(USAGE_COLUMNS) - {"input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"}
"""Units that few requests have."""
_PLAIN = {
    "row": _Plain("%d", ("x.id",)),
    "request_id": _Plain("%s", ("lower(hex(x.request_id))",), is_text=True),
    "started_at": _Plain(
        "%sT%02d:%02d:%02d.%03dZ",
        (
            "date(x.started_ms / 1000, 'unixepoch')",
            "x.started_ms / 3600000 % 24",
            "x.started_ms / 60000 % 60",
            "x.started_ms / 1000 % 60",
            "x.started_ms % 1000",
        ),
        is_text=True,
    ),
    "attempts": _Plain("%d", ("x.attempts",)),
    "cache_hit": _Plain("%d", ("x.cache_hit",)),
    "requests": _Plain("1", ()),
    **{
        name: _Plain("%s", (f"x.{name}",), is_nullable=True)
        for name in ("latency_ms", "first_token_ms", *USAGE_COLUMNS, "cost_nanousd")
    },
    "cost_usd": _Plain("%s", (_COST,), is_text=True, is_nullable=True),
    "adjustments": _Plain("0", ()),
}
_SELECT_CORRECTED = (
    "SELECT v.* FROM requests_v1 v WHERE v.row IN (SELECT k.row FROM adjustments a JOIN seen k ON k.key = a.request_id "
    "WHERE a.request_id IS NOT NULL AND a.kind <> 'reconcile')"
)


def view_columns(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The names of the view's columns, in order."""
    return tuple(column[0] for column in connection.execute("SELECT * FROM requests_v1 LIMIT 0").description)


def read_chunks(
    connection: sqlite3.Connection,
    chosen: str,
    params: Sequence[object],
    style: Style | None,
    *,
    size: int = CHUNK,
    remembered: int = MOST_REMEMBERED,
) -> Iterator[Chunk]:
    """The rows of the view in chunks, in the order of its rows; `chosen` are the rows to select, `SELECT ...`, or nothing.

    With a style, numbers and plain texts that stand side by side come in it.
    """
    slots = list(_slots(view_columns(connection), style))
    dictionaries = [_Dictionary(connection, column, remembered) for column in TABLES]
    select = ", ".join(("x.id", *TABLES, *(slot.sql for slot in slots if not slot.is_coded)))
    which = f"WHERE x.id IN ({chosen})" if chosen else ""
    stored = connection.execute(f"SELECT {select} FROM requests x {which} ORDER BY x.id", params)
    also = f"AND v.row IN ({chosen})" if chosen else ""
    corrected = connection.execute(f"{_SELECT_CORRECTED} {also} ORDER BY v.row", params)
    ahead = corrected.fetchone()
    while rows := stored.fetchmany(size):
        numbers, *columns = zip(*rows, strict=True)
        instead: dict[int, Sequence[object]] = {}
        while ahead is not None and ahead[0] <= numbers[-1]:
            instead[bisect_left(numbers, ahead[0])] = ahead
            ahead = corrected.fetchone()
        coded: dict[str, Coded] = {}
        for dictionary, codes in zip(dictionaries, columns, strict=False):
            coded |= dictionary.columns(codes)
        own = iter(columns[len(dictionaries) :])
        found = [coded[slot.sql] if slot.is_coded else slot.column(next(own)) for slot in slots]
        yield Chunk(len(rows), found, instead)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One or more columns of the view: what to select for them, or the name of one that a dictionary has."""

    sql: str
    is_coded: bool = False
    written: int = 0
    """How many columns one text stands for."""

    def column(self, values: Sequence[Any]) -> Column:
        """The values as a column of a chunk."""
        return Written(values, self.written) if self.written else values


def _slots(names: Sequence[str], style: Style | None) -> Iterator[_Slot]:
    coded = {column.rpartition(" ")[2] for _, columns in TABLES.values() for column in columns}
    for is_plain, group in groupby(enumerate(names), lambda column: column[1] in _PLAIN):
        run = list(group)
        if is_plain and style is not None and len(run) > 1:
            yield _Slot(_in_style(run, style), written=len(run))
        else:
            yield from (_Slot(name, is_coded=True) if name in coded else _Slot(_sql_of(name)) for _, name in run)


def _sql_of(name: str) -> str:
    plain = _PLAIN.get(name)
    if plain is None:
        return f"x.{name}"
    if plain.form in ("%s", "%d"):
        return plain.values[0]
    return f"printf({', '.join((_text(plain.form), *plain.values))})" if plain.values else plain.form


def _in_style(run: Sequence[tuple[int, str]], style: Style) -> str:
    """One `printf` for columns side by side."""
    form, values = "", []
    for is_rare, group in groupby(run, lambda column: column[1] in _RARE):
        columns = list(group)
        if is_rare:
            form += "%s"
            values.append(_all_or_none(columns, style))
            continue
        for place, name in columns:
            plain = _PLAIN[name]
            quote = style.quote if plain.is_text else ""
            form += _escaped(style.marks[place])
            if plain.is_nullable:
                (value,) = plain.values
                quoted = f"{_text(quote)} || {value} || {_text(quote)}" if quote else value
                values.append(f"ifnull({quoted}, {_text(style.unknown)})")
                form += "%s"
            else:
                values += plain.values
                form += quote + plain.form + quote
    return f"printf({', '.join((_text(form), *values))})"


def _all_or_none(columns: Sequence[tuple[int, str]], style: Style) -> str:
    """Numbers of which a row rarely has any: looked at one by one only where it has."""
    names = [f"x.{name}" for _, name in columns]
    none = "".join(f"{style.marks[place]}{style.unknown}" for place, _ in columns)
    form = "".join(f"{_escaped(style.marks[place])}%s" for place, _ in columns)
    values = ", ".join(f"ifnull({name}, {_text(style.unknown)})" for name in names)
    return f"iif(coalesce({', '.join(names)}) IS NULL, {_text(none)}, printf({_text(form)}, {values}))"


def _escaped(mark: str) -> str:
    """A mark in a form of `printf`."""
    return mark.replace("%", "%%")


def _text(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


class _Dictionary(dict[Any, Sequence[object]]):
    """The entries of a dictionary table by their ids, each read when it is first asked for."""

    def __init__(self, connection: sqlite3.Connection, id_column: str, remembered: int) -> None:
        table, columns = TABLES[id_column]
        self._connection, self._remembered = connection, remembered
        self._names = [column.rpartition(" ")[2] for column in columns]
        self._select = f"SELECT {', '.join(columns)} FROM {table} WHERE id = ?"
        self._none = (None,) * len(columns)

    def __missing__(self, number: int | None) -> Sequence[object]:
        entry = self[number] = self._connection.execute(self._select, (number,)).fetchone() or self._none
        return entry

    def columns(self, codes: Sequence[int | None]) -> dict[str, Coded]:
        """The columns of a chunk by their names."""
        if len(self) > self._remembered:
            self.clear()
        return {name: Coded(codes, self, field) for field, name in enumerate(self._names)}
