"""TSV: values between tabs, to be copied and cut; a tab or a line break inside a text becomes a space."""

from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import harmless_texts
from llmledger.exporters._lines import separated

SUMMARY = "Tab-separated values, for cut, awk and the clipboard."
ROWS: Literal["view", "records"] = "view"

_BREAKS = str.maketrans("\t\r\n", "   ")


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    return separated(table, "\t", _texts)


def _texts(values: Sequence[object]) -> list[str]:
    texts = harmless_texts(values)
    # Hardly any text has a break: all of them are looked at together first.
    joined = "".join(texts)
    return [text.translate(_BREAKS) for text in texts] if any(mark in joined for mark in "\t\r\n") else texts
