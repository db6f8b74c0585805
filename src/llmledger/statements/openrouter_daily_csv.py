"""OpenRouter daily CSV: spend and tokens per UTC day and model, in cents."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openrouter import quantities
from llmledger.statements._table import DAY, Row, rows

SUMMARY = "OpenRouter activity export (CSV): spend and tokens per UTC day and model"
FORMAT = Format(provider="openrouter", rounded_to=Decimal("0.01"), splits_cache=False)


def recognises(head: Head) -> bool:
    """By date, slug and the BYOK column."""
    return head.has("date", "slug", "byok usage")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row; the BYOK column is an estimate of what another provider bills and is left out."""
    for part in parts:
        for row in rows(part, ("date", "slug", "usage", "requests", "prompt tokens", "completion tokens")):
            yield _line(row)


def _line(row: Row) -> StatementLine:
    day = row.day("date")
    return StatementLine(
        number=row.number,
        since=day,
        until=day + DAY,
        provider="openrouter",
        model=row.text("slug"),
        quantities=quantities(row.whole("prompt tokens") or 0, 0, row.whole("completion tokens") or 0),
        requests=row.whole("requests"),
        amount=row.money("usage"),
    )
