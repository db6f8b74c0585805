"""OpenAI completions-usage CSV (dashboard, Usage, Export): tokens per bucket, model, key and tier; no money."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._openai import tier_context
from llmledger.statements._table import Row, rows

SUMMARY = "OpenAI usage export (CSV): tokens per day, model, project, key and tier, without money"
FORMAT = Format(provider="openai")


def recognises(head: Head) -> bool:
    """By the request count beside ISO times and input tokens."""
    tokens = head.has("input_uncached_tokens") or head.has("input_tokens")
    return tokens and head.has("num_model_requests", "start_time_iso")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row that counts something; `input_tokens` includes cached and written ones."""
    for part in parts:
        for row in rows(part, ("start_time", "end_time", "num_model_requests")):
            if row.text("num_model_requests"):
                yield _line(row)


def _line(row: Row) -> StatementLine:
    return StatementLine(
        number=row.number,
        since=row.epoch("start_time"),
        until=row.epoch("end_time"),
        provider="openai",
        model=row.text("model"),
        quantities=_quantities(row),
        requests=row.whole("num_model_requests"),
        label="completions",
        key=row.text("api_key_id") or None,
        project=row.text("project_id") or None,
        context=tier_context(row.text("service_tier"), batch=row.text("batch").casefold() == "true"),
    )


def _quantities(row: Row) -> dict[str, Quantity]:
    cached = row.whole("input_cached_tokens") or 0
    written = row.whole("input_cache_write_tokens") or 0
    uncached = row.whole("input_uncached_tokens")
    if uncached is None:
        uncached = (row.whole("input_tokens") or 0) - cached - written
    if uncached < 0:
        raise row.error("input_tokens", "fewer than the cached tokens that they include")
    found = {
        "input_tokens": uncached,
        "cache_read_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": row.whole("output_tokens") or 0,
    }
    return {unit: quantity for unit, quantity in found.items() if quantity != Decimal(0)}
