"""LiteLLM spend logs (one row per request) and daily spend, as CSV or JSON: another ledger's estimate.

Never the bill.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.errors import InputFileError
from llmledger.statements._contract import Head, Part
from llmledger.statements._openrouter import quantities
from llmledger.statements._pages import Item
from llmledger.statements._table import rows

SUMMARY = "LiteLLM spend logs or daily spend (CSV or JSON), as a second observer"
FORMAT = Format(observer=True)

_LOGS = frozenset({"request_id", "spend", "prompt_tokens", "completion_tokens", "model_group"})
_DAILY = frozenset({"date", "spend", "prompt_tokens", "completion_tokens", "api_requests"})


def recognises(head: Head) -> bool:
    """By spend beside prompt tokens, and the model group of logs or the request count of days."""
    names = head.columns or frozenset(key.casefold() for key in head.keys)
    return names >= _LOGS or names >= _DAILY


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per log row or per day; `prompt_tokens` include what caches had, for every provider."""
    for part in parts:
        for item in _items(part):
            yield _daily(item) if item.values.get("date") else _log(item)


def _items(part: Part) -> Iterator[Item]:
    if part.head.keys:
        for number, value in enumerate(_objects(part), start=1):
            yield Item(part.name, number, {key.casefold(): cell for key, cell in value.items()})
    else:
        for row in rows(part, ("spend", "prompt_tokens", "completion_tokens", "model")):
            yield Item(part.name, row.number, {name: cell or None for name, cell in row.cells.items()})


def _objects(part: Part) -> Iterator[Mapping[str, Any]]:
    for document in part.documents():
        if not isinstance(document, Mapping):
            raise InputFileError(f"{part.name} holds something else than objects", hint="Export it again.")
        inner = document.get("data", document.get("results"))
        for value in inner if isinstance(inner, list) else [document]:
            if not isinstance(value, Mapping):
                raise InputFileError(f"{part.name} holds something else than objects", hint="Export it again.")
            yield value


def _log(item: Item) -> StatementLine:
    started = item.instant("starttime")
    return StatementLine(
        number=item.number,
        since=started,
        until=started,
        provider=item.text("custom_llm_provider") or "litellm",
        model=_model(item),
        quantities=_quantities(item, *_cached(item)),
        requests=1,
        amount=item.decimal("spend"),
        label="cache hit" if item.text("cache_hit").casefold() == "true" else "",
        request_id=item.text("request_id") or None,
        key=item.text("api_key") or None,
        project=item.text("team_id") or None,
    )


def _daily(item: Item) -> StatementLine:
    if item.text("tag"):
        raise item.error(
            "tag", "a request with two tags is in the rows of both; export the daily spend of users or teams"
        )
    day = item.instant("date")
    return StatementLine(
        number=item.number,
        since=day,
        until=day + timedelta(days=1),
        provider=item.text("custom_llm_provider") or "litellm",
        model=_model(item),
        quantities=_quantities(item, item.whole("cache_read_input_tokens"), item.whole("cache_creation_input_tokens")),
        requests=item.whole("api_requests"),
        amount=item.decimal("spend"),
        key=item.text("api_key") or None,
        project=item.text("team_id") or None,
    )


def _model(item: Item) -> str:
    return item.text("model").removeprefix(item.text("custom_llm_provider") + "/")


def _quantities(item: Item, read: int, written: int) -> dict[str, Quantity]:
    return quantities(item.whole("prompt_tokens"), read, item.whole("completion_tokens"), written)


def _cached(item: Item) -> tuple[int, int]:
    """What was read from and written to a cache, as the kept usage object tells it, in OpenAI's words or Anthropic's."""
    metadata = item.values.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            raise item.error("metadata", "is not JSON") from None
    usage = metadata.get("usage_object") if isinstance(metadata, Mapping) else None
    told = Item(item.name, item.number, usage if isinstance(usage, Mapping) else {})
    details = told.values.get("prompt_tokens_details")
    parts = Item(item.name, item.number, details if isinstance(details, Mapping) else {})
    read = parts.whole("cached_tokens") or told.whole("cache_read_input_tokens")
    return read, parts.whole("cache_creation_tokens") or told.whole("cache_creation_input_tokens")
