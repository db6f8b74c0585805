"""CSV: a header line and one line per request; texts that a spreadsheet would take for a formula are neutralised."""

from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import harmless_texts
from llmledger.exporters._lines import Lines

SUMMARY = "Comma-separated values, for spreadsheets."
ROWS: Literal["view", "records"] = "view"


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    yield ",".join(_texts(table.columns)) + "\n"
    marks = ["", *[","] * (len(table.columns) - 1)]
    lines = Lines(marks, "\n", _texts)
    for chunk in table.chunks():
        yield "".join(lines.of(chunk))


def _texts(values: Sequence[object]) -> list[str]:
    texts = harmless_texts(values)
    return list(map(_quoted, texts)) if _has_marks("".join(texts)) else texts


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _has_marks(text) else text


def _has_marks(text: str) -> bool:
    return '"' in text or "," in text or "\n" in text or "\r" in text
