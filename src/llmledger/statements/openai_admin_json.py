"""OpenAI admin API pages: `GET /v1/organization/costs` and `/usage/...`, saved as JSON or JSON lines.

https://platform.openai.com/docs/api-reference/usage
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openai import completion_quantities, line_item, scaled, tier_context
from llmledger.statements._pages import Item, buckets

SUMMARY = "OpenAI admin API (JSON): organization costs, or usage of completions, embeddings, images, audio and tools"
FORMAT = Format(provider="openai")

_COSTS = "organization.costs.result"
_COMPLETIONS = "organization.usage.completions.result"
_EMPTY = frozenset({"object", "data", "start_time", "end_time", "results", "has_more", "next_page"})
_COUNTED = {
    "embeddings": ("input_tokens", "input_tokens"),
    "moderations": ("input_tokens", "input_tokens"),
    "images": ("images", "output_images"),
    "audio_speeches": ("characters", "characters"),
    "audio_transcriptions": ("seconds", "audio_seconds"),
    "code_interpreter_sessions": ("num_sessions", "code_sessions"),
    "file_searches": ("num_requests", "storage_searches"),
    "web_searches": ("num_requests", "web_searches"),
}
"""The other usage endpoints that count a unit of ours: what they call it, and what we do."""


def recognises(head: Head) -> bool:
    """By the object names of costs and usage results, or by buckets that all have none."""
    if head.keys and head.keys <= _EMPTY and "start_time" in head.keys:
        return True
    return bool(head.keys) and ("organization.costs.result" in head.text or "organization.usage." in head.text)


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield a line per result; a result that counts no unit of ours is of an unknown kind and reported."""
    for part in parts:
        for number, (bucket, result) in enumerate(buckets(part), start=1):
            kind = result.text("object")
            if kind == _COSTS:
                yield _cost(number, bucket, result)
            elif kind == _COMPLETIONS:
                yield _completions(number, bucket, result)
            else:
                yield _other(number, bucket, result)


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
    uncached = result.values.get("input_uncached_tokens")
    try:
        quantities = completion_quantities(
            result.whole, None if uncached is None else result.whole("input_uncached_tokens")
        )
    except ValueError as reason:
        raise result.error("input_tokens", str(reason)) from None
    return StatementLine(
        number=number,
        since=bucket.instant("start_time"),
        until=bucket.instant("end_time"),
        provider="openai",
        model=result.text("model"),
        quantities=quantities,
        requests=result.whole("num_model_requests"),
        label="completions",
        key=result.text("api_key_id") or None,
        project=result.text("project_id") or None,
        context=tier_context(result.text("service_tier"), batch=result.values.get("batch") is True),
    )


def _other(number: int, bucket: Item, result: Item) -> StatementLine:
    label = result.text("object").removeprefix("organization.usage.").removesuffix(".result")
    field, unit = _COUNTED.get(label, ("", ""))
    quantity = result.whole(field)
    return StatementLine(
        number=number,
        since=bucket.instant("start_time"),
        until=bucket.instant("end_time"),
        provider="openai",
        model=result.text("model"),
        meter=unit or None,
        quantities={unit: quantity} if quantity else {},
        requests=result.whole("num_model_requests") or None,
        kind=LineKind.USAGE if unit else LineKind.UNKNOWN,
        label=label or "result without a name",
        key=result.text("api_key_id") or None,
        project=result.text("project_id") or None,
    )
