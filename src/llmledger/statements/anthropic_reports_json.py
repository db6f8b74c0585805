"""Anthropic admin API pages: the cost report (fractional cents as text) and the messages usage report.

https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-cost-report
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import EXACT, Format, LineKind, StatementLine
from llmledger.statements._anthropic import context_of, meter_of
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item, buckets

SUMMARY = "Anthropic admin API (JSON): cost report, or messages usage report"
FORMAT = Format(provider="anthropic")

_CENTS = Decimal(100)
_EMPTY = frozenset({"object", "data", "starting_at", "ending_at", "results", "has_more", "next_page"})


def recognises(head: Head) -> bool:
    """By results with an amount and a cost type, or with uncached input tokens; or by buckets that all have none."""
    if "results" not in head.keys or "starting_at" not in head.keys:
        return False
    return head.keys <= _EMPTY or head.keys >= {"amount", "cost_type"} or "uncached_input_tokens" in head.keys


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per result of either report."""
    for part in parts:
        for number, (bucket, result) in enumerate(buckets(part), start=1):
            yield _cost(number, bucket, result) if "amount" in result.values else _usage(number, bucket, result)


def _cost(number: int, bucket: Item, result: Item) -> StatementLine:
    cents = result.decimal("amount")
    if cents is None:
        raise result.error("amount", "there is no amount")
    described = result.values.get("cost_type") is not None
    meter, kind = meter_of(result.text("cost_type"), result.text("token_type")) if described else (None, LineKind.USAGE)
    return StatementLine(
        number=number,
        since=bucket.instant("starting_at"),
        until=bucket.instant("ending_at"),
        provider="anthropic",
        model=result.text("model"),
        meter=meter,
        amount=EXACT.divide(cents, _CENTS),
        currency=result.text("currency").upper() or "USD",
        kind=kind,
        label=result.text("description"),
        project=result.text("workspace_id") or None,
        context=_context(result),
    )


def _usage(number: int, bucket: Item, result: Item) -> StatementLine:
    creation = result.item("cache_creation")
    found = {
        "input_tokens": result.whole("uncached_input_tokens"),
        "cache_write_tokens": creation.whole("ephemeral_5m_input_tokens"),
        "cache_write_1h_tokens": creation.whole("ephemeral_1h_input_tokens"),
        "cache_read_tokens": result.whole("cache_read_input_tokens"),
        "output_tokens": result.whole("output_tokens"),
        "web_searches": result.item("server_tool_use").whole("web_search_requests"),
    }
    return StatementLine(
        number=number,
        since=bucket.instant("starting_at"),
        until=bucket.instant("ending_at"),
        provider="anthropic",
        model=result.text("model"),
        quantities={unit: quantity for unit, quantity in found.items() if quantity},
        label=result.text("service_tier"),
        key=result.text("api_key_id") or None,
        project=result.text("workspace_id") or None,
        context=_context(result),
    )


def _context(result: Item) -> dict[str, str]:
    return context_of(
        result.text("service_tier"), result.text("context_window"), result.text("inference_geo"), result.text("speed")
    )
