"""Anthropic Console usage CSV: exact tokens per UTC day, model id, key and tier.

No money. The older header has one write column.
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._anthropic import context_of
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import DAY, Row, rows

SUMMARY = "Anthropic Console usage export (CSV): exact tokens per UTC day, model and key, without money"
FORMAT = Format(provider="anthropic")

_COLUMNS = {
    "usage_input_tokens_no_cache": "input_tokens",
    "usage_input_tokens_cache_write": "cache_write_tokens",
    "usage_input_tokens_cache_write_5m": "cache_write_tokens",
    "usage_input_tokens_cache_write_1h": "cache_write_1h_tokens",
    "usage_input_tokens_cache_read": "cache_read_tokens",
    "usage_output_tokens": "output_tokens",
    "web_search_count": "web_searches",
}


def recognises(head: Head) -> bool:
    """By its uncached input column beside the model version."""
    return head.has("usage_date_utc", "model_version", "usage_input_tokens_no_cache")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row."""
    for part in parts:
        for row in rows(
            part, ("usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens")
        ):
            yield _line(row)


def _line(row: Row) -> StatementLine:
    day = row.day("usage_date_utc")
    counted = ((unit, row.whole(column)) for column, unit in _COLUMNS.items())
    return StatementLine(
        number=row.number,
        since=day,
        until=day + DAY,
        provider="anthropic",
        model=row.text("model_version"),
        quantities={unit: quantity for unit, quantity in counted if quantity},
        label=row.text("usage_type"),
        key=row.text("api_key") or None,
        project=row.text("workspace") or None,
        context=context_of(
            row.text("usage_type"), row.text("context_window"), row.text("inference_geo"), row.text("speed")
        ),
    )
