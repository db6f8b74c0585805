"""JSON lines, complete: every request and every correction as it was recorded, so that they can be restored."""

import json
from collections.abc import Iterator
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import pieces

SUMMARY = "JSON lines, complete: what `import --source llmledger` restores."
ROWS: Literal["view", "records"] = "records"


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; one object per line, in ASCII so that every text survives."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    for piece in pieces(table.rows):
        yield "".join(encode(dict(zip(table.columns, row, strict=True))) + "\n" for row in piece)
