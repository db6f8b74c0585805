"""JSON lines, complete: every request and every correction as it was recorded, so that they can be restored."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Table, Written
from llmledger.exporters._contract import pieces

SUMMARY = "JSON lines, complete: what `import --source llmledger` restores."
ROWS: Literal["view", "records"] = "records"

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; one object per line, in ASCII so that every text survives."""
    for chunk in table.chunks():
        columns = chunk.columns
        if len(columns) == 2 and isinstance(values := columns[1], Written):
            yield from (_of_requests(next(iter(columns[0])), piece) for piece in pieces(values.texts))
        else:
            # Stored prompts may be long: they leave one by one.
            yield from (_ENCODE(dict(zip(table.columns, row, strict=True))) + "\n" for row in chunk)


def _of_requests(kind: object, values: Sequence[str]) -> str:
    """Requests come as JSON already."""
    beginning = f'{{"record":{_ENCODE(kind)},"value":'
    text = beginning + f"}}\n{beginning}".join(values) + "}\n"
    # Outside of strings, JSON is ASCII.
    return text if text.isascii() else _NOT_ASCII.sub(lambda found: _ENCODE(found[0])[1:-1], text)
