"""JSON lines, complete: every request and every correction as it was recorded, so that they can be restored."""

import json
from collections.abc import Iterator
from typing import Literal

from llmledger.core.export import Table

SUMMARY = "JSON lines, complete: what `import --source llmledger` restores."
ROWS: Literal["view", "records"] = "records"

_PIECE = 256 * 1024


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; one object per line, in ASCII so that every text survives."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    lines: list[str] = []
    size = 0
    for row in table.rows:
        lines.append(encode(dict(zip(table.columns, row, strict=True))) + "\n")
        size += len(lines[-1])
        # Stored prompts may be long: a piece is bounded by its text and not by its rows.
        if size > _PIECE:
            yield "".join(lines)
            lines.clear()
            size = 0
    yield "".join(lines)
