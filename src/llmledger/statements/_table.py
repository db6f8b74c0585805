"""Tables of text: rows by column name, numbers and days read strictly, errors that name file, line and column."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from llmledger.errors import InputFileError
from llmledger.statements._contract import Part

DAY = timedelta(days=1)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?\Z", re.ASCII)
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?\Z", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d*\Z", re.ASCII)
_UNDECIDED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+\Z", re.ASCII)
_LARGEST = 30
_SMALLEST = -60
_REMEMBERED = 1_024
"""Times that are not read twice: most statements have a day on thousands of rows."""


def number(text: str, *, mark: str = ".") -> Decimal:
    """Read a number exactly; `mark` is its decimal mark. Raises ValueError for anything else, infinities and giants too.

    >>> number("1,234.50"), number("35.2E-7"), number("1.234,5", mark=",")
    (Decimal('1234.50'), Decimal('0.00000352'), Decimal('1234.5'))
    """
    plain = text.strip()
    if len(plain) <= _LARGEST and plain.isascii() and plain.replace(".", "", 1).isdigit() and mark == ".":
        return Decimal(plain)  # nearly every number of nearly every bill; the rest is looked at closely
    if mark == ",":
        if _GROUPED_COMMA.match(plain):
            plain = plain.replace(".", "")
        plain = plain.replace(",", ".", 1) if _COMMA.match(plain) else plain
    elif _GROUPED.match(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.match(plain):
        raise ValueError(f"{text[:40]!r} is not a number")
    value = Decimal(plain)
    if len(plain) <= _LARGEST and "e" not in plain and "E" not in plain:
        return value
    exponent = value.as_tuple().exponent
    if value and (value.adjusted() > _LARGEST or not isinstance(exponent, int) or exponent < _SMALLEST):
        raise ValueError(f"{text[:40]!r} is beyond what a bill can hold")
    return value


def whole(value: Decimal) -> int:
    """Turn `59200.0` into 59200; raises ValueError when something would be lost."""
    if value != value.to_integral_value():
        raise ValueError(f"{value} is not a whole number")
    return int(value)


@lru_cache(_REMEMBERED)
def _midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)


@lru_cache(_REMEMBERED)
def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@lru_cache(_REMEMBERED)
def _epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Row:
    """One row of a table, by column name; an absent column reads as empty."""

    __slots__ = ("_mark", "cells", "name", "number")

    def __init__(self, name: str, line: int, cells: dict[str, str], mark: str = ".") -> None:
        self.name = name
        self.number = line
        self.cells = cells
        self._mark = mark

    def text(self, column: str) -> str:
        """The cell without surrounding space."""
        return self.cells.get(column, "").strip()

    def first(self, *columns: str) -> str:
        """The first of these cells that is not empty."""
        return next((text for column in columns if (text := self.text(column))), "")

    def decimal(self, column: str) -> Decimal | None:
        """The cell as an exact number, None when empty."""
        text = self.text(column)
        if not text:
            return None
        if self._mark == "," and _UNDECIDED.match(text):
            raise self.error(column, f"{text!r} may have thousands or decimals after its point")
        try:
            return number(text, mark=self._mark)
        except ValueError as reason:
            raise self.error(column, str(reason)) from None

    def money(self, column: str) -> Decimal:
        """The cell as an exact number; an empty one is an error, since unknown is not zero."""
        value = self.decimal(column)
        if value is None:
            raise self.error(column, "there is no amount")
        return value

    def whole(self, column: str) -> int | None:
        """The cell as a whole number, None when empty; `59200.0` is one."""
        text = self.cells.get(column, "")
        if text.isascii() and text.isdigit() and len(text) <= _LARGEST:
            return int(text)
        value = self.decimal(column)
        if value is None:
            return None
        try:
            return whole(value)
        except ValueError as reason:
            raise self.error(column, str(reason)) from None

    def day(self, column: str) -> datetime:
        """The cell's date (`2026-10-14`, with or without a time, or `20261014`) as midnight UTC."""
        text = self.text(column)[:10].split(" ")[0]
        try:
            return _midnight(text)
        except ValueError:
            raise self.error(column, f"{text!r} is not a date") from None

    def instant(self, column: str) -> datetime:
        """The cell as a time; UTC when it names no zone."""
        text = self.text(column)
        try:
            return _instant(text)
        except ValueError:
            raise self.error(column, f"{text[:40]!r} is not a time") from None

    def epoch(self, column: str) -> datetime:
        """The cell's Unix seconds as a time."""
        seconds = self.whole(column)
        try:
            return _epoch(-1 if seconds is None else seconds)
        except (ValueError, OverflowError, OSError):
            raise self.error(column, f"{self.text(column)!r} is not a time") from None

    def error(self, column: str, what: str) -> InputFileError:
        """An error about this row that names file, line and column."""
        return InputFileError(
            f"{self.name}, line {self.number}, {column}: {what}", hint="Export the statement again, or give --rules."
        )


def rows(part: Part, needed: Sequence[str], *, header: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows below the header as cells by name (in lower case); blank rows are passed over.

    The header is the first row, or the first that has all of `header`. Raises `InputFileError` when a needed column is not
    there, when a row is narrower than the header, or when it has a filled cell beyond it.
    """
    with part.open_text() as stream:
        delimiter = delimiter_of(part.head.text)
        table = csv.reader(stream, delimiter=delimiter, strict=False)
        names = _header(part, table, header or needed)
        mark = "," if delimiter == ";" else "."
        width = len(names)
        for cells in table:
            if len(cells) == width:
                fitted = cells
            elif any(cells):
                fitted = _fitted(part, table.line_num, cells, width)
            else:
                continue
            yield Row(part.name, table.line_num, dict(zip(names, fitted, strict=True)), mark)


def _header(part: Part, table: Iterator[list[str]], needed: Sequence[str]) -> list[str]:
    for cells in table:
        names = [cell.strip().casefold() for cell in cells]
        if set(needed).issubset(names):
            twice = [name for name in needed if names.count(name) > 1]
            if twice:
                raise InputFileError(f"{part.name} has the column {twice[0]} twice", hint="Export the statement again.")
            return names
    missing = ", ".join(name for name in needed if name not in part.head.columns)
    raise InputFileError(
        f"{part.name} lacks the columns {missing}", hint="Export the statement again, or give --rules."
    )


def _fitted(part: Part, line: int, cells: list[str], width: int) -> list[str]:
    if len(cells) < width:
        raise InputFileError(
            f"{part.name}, line {line}: {len(cells)} cells under {width} columns",
            hint="The file was cut; download it again.",
        )
    if any(cells[width:]):
        raise InputFileError(
            f"{part.name}, line {line}: more cells than columns",
            hint="A number with a comma needs quotes; export it again.",
        )
    return cells[:width]


def delimiter_of(text: str) -> str:
    """The delimiter of a table: whichever of comma, semicolon and tab its first line has most of."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t", key=first.count)
