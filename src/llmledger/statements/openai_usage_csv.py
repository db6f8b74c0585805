"""OpenAI completions-usage CSV (dashboard, Usage, Export): tokens per bucket, model, key and tier; no money."""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._openai import completion_quantities, tier_context
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
    try:
        return completion_quantities(lambda name: row.whole(name) or 0, row.whole("input_uncached_tokens"))
    except ValueError as reason:
        raise row.error("input_tokens", str(reason)) from None
