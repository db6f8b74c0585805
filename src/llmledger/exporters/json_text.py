"""JSON: one array of objects; unknown is null, money is decimal text."""

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from llmledger.core.export import Style, Table
from llmledger.exporters._contract import pieces
from llmledger.exporters._lines import Lines

SUMMARY = "One JSON array of objects."
ROWS: Literal["view", "records"] = "view"

# One for all values: `json.dumps` makes a new one for each when it is asked for anything but its defaults.
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_QUOTED = json.encoder.encode_basestring


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces."""
    names = [_ENCODE(name) for name in table.columns]
    marks = tuple(f"{', ' if place else '{'}{name}: " for place, name in enumerate(names))
    style = Style(marks, quote='"', unknown="null")
    yield "["
    separator = "\n"
    lines = Lines(style, "}", _texts)
    for chunk in table.chunks(style):
        for piece in pieces(lines.of(chunk)):
            yield separator + ",\n".join(piece)
            separator = ",\n"
    yield "\n]\n"


def _texts(values: Sequence[object]) -> list[str]:
    return [_QUOTED(value) if type(value) is str else _text(value) for value in values]


def _text(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if type(value) is int else _ENCODE(value)
