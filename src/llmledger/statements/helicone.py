"""Helicone requests (its export tool's CSV, JSON or JSON lines, or API pages): another ledger's estimate, never the bill.

https://docs.helicone.ai/rest/request/post-v1requestquery-clickhouse
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item, objects
from llmledger.statements._table import rows

SUMMARY = "Helicone requests (CSV or JSON), as a second observer"
FORMAT = Format(observer=True)

_NAMES = frozenset({"response_id", "request_created_at", "prompt_tokens", "completion_tokens"})
_COSTS = frozenset({"cost", "cost_usd", "costusd"})


def recognises(head: Head) -> bool:
    """By the response's id and the request's time beside tokens and cost."""
    names = head.columns or frozenset(key.casefold() for key in head.keys)
    return names >= _NAMES and bool(names & _COSTS)


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per request that used tokens."""
    for part in parts:
        for item in _items(part):
            if item.whole("prompt_tokens") or item.whole("completion_tokens"):
                yield _line(item)


def _items(part: Part) -> Iterator[Item]:
    if part.head.keys:
        for number, value in enumerate(objects(part, "requests"), start=1):
            yield Item(part.name, number, {key.casefold(): cell for key, cell in value.items()})
    else:
        for row in rows(part, ("response_id", "request_created_at", "model", "prompt_tokens", "completion_tokens")):
            yield Item(part.name, row.number, {name: cell or None for name, cell in row.cells.items()})


def _line(item: Item) -> StatementLine:
    started = item.instant("request_created_at")
    costs = (item.decimal(name) for name in ("costusd", "cost_usd", "cost"))
    return StatementLine(
        number=item.number,
        since=started,
        until=started,
        provider=item.text("provider").casefold() or "helicone",
        model=item.text("response_model") or item.text("model"),
        quantities=_quantities(item),
        requests=1,
        amount=next((cost for cost in costs if cost is not None), None),
        label="cache hit" if item.text("cache_reference_id").strip("0-") else "",
        request_id=item.text("request_id") or item.text("response_id") or None,
    )


def _quantities(item: Item) -> dict[str, Quantity]:
    """Disjoint quantities; whether the prompt includes what the caches had is told by the total alone."""
    prompt, completion = item.whole("prompt_tokens"), item.whole("completion_tokens")
    read, written = item.whole("prompt_cache_read_tokens"), item.whole("prompt_cache_write_tokens")
    rest = item.whole("total_tokens") - completion - read - written
    is_told = rest in (prompt, prompt - read - written) and rest >= 0
    found = {"input_tokens": rest if is_told else prompt, "output_tokens": completion}
    if is_told:
        found |= {"cache_read_tokens": read, "cache_write_tokens": written}
    return {unit: quantity for unit, quantity in found.items() if quantity}
