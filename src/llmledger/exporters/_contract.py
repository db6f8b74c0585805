"""What every export format fulfils.

A format is a module of this folder with:

    SUMMARY: str                              one line for people
    ROWS: "view" or "records"                 requests as they stand now, or verbatim with their corrections
    def write(table: Table) -> Iterator[str]  the text, in pieces; it never holds more than a piece of it
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, Protocol

from llmledger.core.export import Table
from llmledger.core.spreadsheet import harmless

PIECE = 50
"""Lines per piece of text, some 80 kB: it takes memory that is there, where a larger one has the system fetch new pages."""

Row = Sequence[object]


class Exporter(Protocol):
    """One format."""

    SUMMARY: str
    ROWS: Literal["view", "records"]

    def write(self, table: Table) -> Iterator[str]:
        """The text of a table, in pieces."""


def pieces(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines, some at a time."""
    running = iter(lines)
    while piece := list(islice(running, PIECE)):
        yield piece


def harmless_texts(values: Sequence[object]) -> list[str]:
    """Values as texts for a spreadsheet; unknown is empty. Hardly any looks like a formula: all are looked at together first."""
    texts = ["" if value is None else value if type(value) is str else str(value) for value in values]
    together = "\0" + "\0".join(texts)
    if any(mark in together and f"\0{mark}" in together for mark in _SUSPICIOUS):
        return ["" if cell is None else str(cell) for cell in cells(values)]
    return texts


def cells(row: Row) -> list[object]:
    """A row for a spreadsheet: no text acts as a formula."""
    return [harmless(value) if type(value) is str and value[:1] in _SUSPICIOUS else value for value in row]


_SUSPICIOUS = frozenset("=+-@\t\r\n")
