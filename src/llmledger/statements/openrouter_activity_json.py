"""OpenRouter `GET /api/v1/activity`: spend and tokens per completed UTC day, model and endpoint.

https://openrouter.ai/docs/api-reference/analytics/get-activity
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openrouter import quantities
from llmledger.statements._pages import Item, items
from llmledger.statements._table import DAY

SUMMARY = "OpenRouter activity API (JSON): spend and tokens per UTC day, model and endpoint"
FORMAT = Format(provider="openrouter")


def recognises(head: Head) -> bool:
    """By the BYOK field beside an endpoint id."""
    return head.keys >= {"byok_usage_inference", "endpoint_id"}


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per item; `byok_usage_inference` is not billed by OpenRouter and is left out."""
    for part in parts:
        for item in items(part):
            yield _line(item)


def _line(item: Item) -> StatementLine:
    usage = item.decimal("usage")
    if usage is None:
        raise item.error("usage", "there is no amount")
    day = item.instant("date")
    return StatementLine(
        number=item.number,
        since=day,
        until=day + DAY,
        provider="openrouter",
        model=item.text("model_permaslug") or item.text("model"),
        quantities=quantities(
            item.whole("prompt_tokens"), item.whole("cached_tokens"), item.whole("completion_tokens")
        ),
        requests=item.whole("requests"),
        amount=usage,
        label=item.text("provider_name"),
        project=item.text("workspace_id") or None,
    )
