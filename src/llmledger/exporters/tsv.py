"""TSV: values between tabs, to be copied and cut; a tab or a line break inside a text becomes a space."""

from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Style, Table
from llmledger.exporters._contract import harmless_texts, pieces
from llmledger.exporters._lines import Lines

SUMMARY = "Tab-separated values, for cut, awk and the clipboard."
ROWS: Literal["view", "records"] = "view"

_BREAKS = str.maketrans("\t\r\n", "   ")


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    yield "\t".join(table.columns) + "\n"
    style = Style(("", *["\t"] * (len(table.columns) - 1)))
    lines = Lines(style, "\n", _texts)
    for chunk in table.chunks(style):
        yield from map("".join, pieces(lines.of(chunk)))


def _texts(values: Sequence[object]) -> list[str]:
    texts = harmless_texts(values)
    # Hardly any text has a break: all of them are looked at together first.
    joined = "".join(texts)
    return [text.translate(_BREAKS) for text in texts] if any(mark in joined for mark in "\t\r\n") else texts
