"""TSV: values between tabs, to be copied and cut; a tab or a line break inside a text becomes a space."""

from collections.abc import Iterator
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import harmless_rows, pieces

SUMMARY = "Tab-separated values, for cut, awk and the clipboard."
ROWS: Literal["view", "records"] = "view"

_BREAKS = str.maketrans("\t\r\n", "   ")


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    yield "\t".join(table.columns) + "\n"
    for piece in pieces(table.rows):
        yield "".join("\t".join(map(_text, row)) + "\n" for row in harmless_rows(piece))


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.translate(_BREAKS) if isinstance(value, str) else str(value)
