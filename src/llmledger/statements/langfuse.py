"""Langfuse observations (JSON export or API pages): another ledger's estimate, never the bill."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.errors import InputFileError
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item

SUMMARY = "Langfuse observations (JSON), as a second observer"
FORMAT = Format(observer=True)

_PARTS = {
    "input_cached_tokens": "cache_read_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "input_cache_creation": "cache_write_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}


def recognises(head: Head) -> bool:
    """By usage and cost details."""
    return head.keys >= {"usageDetails", "costDetails", "traceId"}


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per observation that has a model; spans and events have none and are passed over."""
    for part in parts:
        for number, value in enumerate(_objects(part), start=1):
            if value.get("model"):
                yield _line(Item(part.name, number, value))


def _objects(part: Part) -> Iterator[Mapping[str, Any]]:
    for document in part.documents():
        inner = document.get("data", [document]) if isinstance(document, Mapping) else None
        if not isinstance(inner, list) or not all(isinstance(value, Mapping) for value in inner):
            raise InputFileError(f"{part.name} holds something else than observations", hint="Export it again.")
        yield from inner


def _line(item: Item) -> StatementLine:
    usage = item.item("usageDetails")
    found: dict[str, Quantity] = {"input_tokens": usage.whole("input"), "output_tokens": usage.whole("output")}
    for word, unit in _PARTS.items():
        if usage.whole(word):
            found[unit] = usage.whole(word)
    started = item.instant("startTime")
    total = item.decimal("totalCost")
    return StatementLine(
        number=item.number,
        since=started,
        until=started,
        provider=item.text("provider") or "langfuse",
        model=item.text("model"),
        quantities={unit: quantity for unit, quantity in found.items() if quantity},
        requests=1,
        amount=item.item("costDetails").decimal("total") if total is None else total,
        request_id=item.text("id") or None,
        project=item.text("projectId") or None,
    )
