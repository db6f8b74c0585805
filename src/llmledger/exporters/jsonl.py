"""JSON lines, complete: every request and every correction as it was recorded, so that they can be restored."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Table, Written

SUMMARY = "JSON lines, complete: what `import --source llmledger` restores."
ROWS: Literal["view", "records"] = "records"

_PIECE = 128 * 1024
"""Characters that are written at once, at least; more would leave the cache of the processor."""
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; one object per line, in ASCII so that every text survives."""
    waiting: list[str] = []
    size = 0
    for text in _texts(table):
        waiting.append(text)
        size += len(text)
        # Stored prompts may be long: a piece is bounded by its text and not by its rows.
        if size > _PIECE:
            yield "".join(waiting)
            waiting.clear()
            size = 0
    yield "".join(waiting)


def _texts(table: Table) -> Iterator[str]:
    """One or more lines at a time."""
    for chunk in table.chunks():
        kinds, values = chunk.columns
        if isinstance(values, Written):
            yield _of_requests(next(iter(kinds)), values.texts)
        else:
            for row in chunk:
                yield _ENCODE(dict(zip(table.columns, row, strict=True))) + "\n"


def _of_requests(kind: object, values: Sequence[str]) -> str:
    """Requests come as JSON already."""
    beginning = f'{{"record":{_ENCODE(kind)},"value":'
    text = beginning + f"}}\n{beginning}".join(values) + "}\n"
    # Outside of strings, JSON is ASCII.
    return text if text.isascii() else _NOT_ASCII.sub(lambda found: _ENCODE(found[0])[1:-1], text)
