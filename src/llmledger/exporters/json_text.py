"""JSON: one array of objects; unknown is null, money is decimal text."""

import json
from collections.abc import Iterator
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import pieces

SUMMARY = "One JSON array of objects."
ROWS: Literal["view", "records"] = "view"


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces."""
    # One for all rows: `json.dumps` makes a new one for each when it is asked for anything but its defaults.
    encode = json.JSONEncoder(ensure_ascii=False).encode
    yield "["
    separator = "\n"
    for piece in pieces(table.rows):
        lines = (encode(dict(zip(table.columns, row, strict=True))) for row in piece)
        yield separator + ",\n".join(lines)
        separator = ",\n"
    yield "\n]\n"
