"""CSV: a header line and one line per request; texts that a spreadsheet would take for a formula are neutralised."""

from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import harmless_texts
from llmledger.exporters._lines import separated

SUMMARY = "Comma-separated values, for spreadsheets."
ROWS: Literal["view", "records"] = "view"


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    return separated(table, ",", _texts)


def _texts(values: Sequence[object]) -> list[str]:
    texts = harmless_texts(values)
    # Hardly any text has a mark: all of them are looked at together first, and quotes are doubled in all at once.
    together = "\0".join(texts)
    if not _has_marks(together):
        return texts
    doubled = together.replace('"', '""').split("\0")
    if len(doubled) != len(texts):
        doubled = [text.replace('"', '""') for text in texts]
    return [f'"{text}"' if '"' in text or _has_marks(text) else text for text in doubled]


def _has_marks(text: str) -> bool:
    return '"' in text or "," in text or "\n" in text or "\r" in text
