"""Langfuse observations (CSV or JSON export, JSON lines, or API pages): another ledger's estimate, never the bill.

Every key of `usageDetails` that begins with `input` or `output` counts apart from the others; `total` is their sum.
"""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item, objects
from llmledger.statements._table import Row, rows

SUMMARY = "Langfuse observations (CSV or JSON), as a second observer"
FORMAT = Format(observer=True)

_PARTS = {
    "input_cached_tokens": "cache_read_tokens",
    "input_cache_read": "cache_read_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "input_cache_creation": "cache_write_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
_NEEDED = ("id", "traceid", "starttime", "model", "usagedetails", "costdetails")
_CELLS = {*_NEEDED, "totalcost", "projectid", "provider"}
_WAYS = {"input": "input_tokens", "output": "output_tokens"}


def recognises(head: Head) -> bool:
    """By usage and cost details beside a trace's id, as keys or as columns."""
    return head.keys >= {"usageDetails", "costDetails", "traceId"} or head.has(*_NEEDED)


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per observation that has a model; spans and events have none and are passed over."""
    for part in parts:
        for item in _items(part):
            if item.text("model"):
                yield _line(item)


def _items(part: Part) -> Iterator[Item]:
    if part.head.keys:
        for number, value in enumerate(objects(part, "observations"), start=1):
            yield Item(part.name, number, {key.casefold(): cell for key, cell in value.items()})
    else:
        for row in rows(part, _NEEDED):
            yield Item(part.name, row.number, {name: _told(row, name) for name in row.cells.keys() & _CELLS})


def _told(row: Row, name: str) -> Any:
    """A cell's value: the export writes each as JSON, text in quotes of its own; one without them is text as it stands."""
    text = row.text(name)
    if not text.startswith(('"', "{")):
        return None if text in ("", "null") else text
    try:
        return json.loads(text, parse_float=Decimal) or None
    except (ValueError, RecursionError):
        raise row.error(name, "is not JSON") from None


def _line(item: Item) -> StatementLine:
    started = item.instant("starttime")
    return StatementLine(
        number=item.number,
        since=started,
        until=started,
        provider=item.text("provider") or "langfuse",
        model=item.text("model"),
        quantities=_quantities(item.item("usagedetails")),
        requests=1,
        amount=_amount(item),
        request_id=item.text("id") or None,
        project=item.text("projectid") or None,
    )


def _quantities(usage: Item) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    for word in usage.values:
        unit = _PARTS.get(word) or _WAYS.get(word.split("_")[0])
        if unit and usage.whole(word):
            found[unit] = found.get(unit, 0) + usage.whole(word)
    return found


def _amount(item: Item) -> Decimal | None:
    """The cost, None when there is no price: then the export says 0 in total, and has no details."""
    told = item.item("costdetails").decimal("total")
    return item.decimal("totalcost") or None if told is None else told
