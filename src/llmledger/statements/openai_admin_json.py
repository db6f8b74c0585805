"""OpenAI admin API pages: `GET /v1/organization/costs` and `/usage/completions`, saved as JSON or JSON lines.

https://platform.openai.com/docs/api-reference/usage
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openai import line_item, scaled, tier_context
from llmledger.statements._pages import Item, buckets

SUMMARY = "OpenAI admin API (JSON): organization costs, or completions usage"
FORMAT = Format(provider="openai")

_COSTS = "organization.costs.result"
_COMPLETIONS = "organization.usage.completions.result"


def recognises(head: Head) -> bool:
    """By the object names of costs and usage results."""
    return bool(head.keys) and ("organization.costs.result" in head.text or "organization.usage." in head.text)


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield a line per result; results of another usage endpoint are of an unknown kind and reported."""
    for part in parts:
        for number, (bucket, result) in enumerate(buckets(part), start=1):
            kind = result.text("object")
            if kind == _COSTS:
                yield _cost(number, bucket, result)
            elif kind == _COMPLETIONS:
                yield _completions(number, bucket, result)
            else:
                yield _other(number, bucket, kind)


def _cost(number: int, bucket: Item, result: Item) -> StatementLine:
    item = result.text("line_item")
    model, meter, kind = line_item(item)
    amount = result.item("amount")
    value = amount.decimal("value")
    if value is None:
        raise result.error("amount", "there is no value")
    try:
        meter, quantities = scaled(result.decimal("quantity"), result.text("quantity_unit"), meter)
    except ValueError as reason:
        raise result.error("quantity", str(reason)) from None
    return StatementLine(
        number=number,
        since=bucket.instant("start_time"),
        until=bucket.instant("end_time"),
        provider="openai",
        model=model,
        meter=meter,
        quantities=quantities,
        amount=value,
        currency=amount.text("currency").upper() or "USD",
        kind=kind,
        label=item,
        key=result.text("api_key_id") or None,
        project=result.text("project_id") or None,
    )


def _completions(number: int, bucket: Item, result: Item) -> StatementLine:
    cached, written = result.whole("input_cached_tokens"), result.whole("input_cache_write_tokens")
    uncached = result.values.get("input_uncached_tokens")
    inputs = (
        result.whole("input_tokens") - cached - written if uncached is None else result.whole("input_uncached_tokens")
    )
    if inputs < 0:
        raise result.error("input_tokens", "fewer than the cached tokens that they include")
    found = {
        "input_tokens": inputs,
        "cache_read_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": result.whole("output_tokens"),
    }
    return StatementLine(
        number=number,
        since=bucket.instant("start_time"),
        until=bucket.instant("end_time"),
        provider="openai",
        model=result.text("model"),
        quantities={unit: quantity for unit, quantity in found.items() if quantity},
        requests=result.whole("num_model_requests"),
        label="completions",
        key=result.text("api_key_id") or None,
        project=result.text("project_id") or None,
        context=tier_context(result.text("service_tier"), batch=result.values.get("batch") is True),
    )


def _other(number: int, bucket: Item, kind: str) -> StatementLine:
    return StatementLine(
        number=number,
        since=bucket.instant("start_time"),
        until=bucket.instant("end_time"),
        provider="openai",
        kind=LineKind.UNKNOWN,
        label=kind or "result without a name",
    )
