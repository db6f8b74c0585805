"""Anthropic Console cost CSV: UTC day, model by display name and token type, rounded to whole cents per row.

Four headers.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._anthropic import context_of, meter_of
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import DAY, Row, rows

SUMMARY = "Anthropic Console cost export (CSV): whole cents per UTC day, model, key and token type"
FORMAT = Format(provider="anthropic", rounded_to=Decimal("0.01"))


def recognises(head: Head) -> bool:
    """By its cost column beside the token type."""
    return head.has("usage_date_utc", "token_type", "cost_usd")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row; `cost_usd` is after discount, `list_price_usd` before."""
    for part in parts:
        for row in rows(part, ("usage_date_utc", "model", "token_type", "cost_usd")):
            yield _line(row)


def _line(row: Row) -> StatementLine:
    day = row.day("usage_date_utc")
    cost_type, token_type = row.text("cost_type"), row.text("token_type")
    meter, kind = meter_of(cost_type, token_type)
    return StatementLine(
        number=row.number,
        since=day,
        until=day + DAY,
        provider="anthropic",
        model=row.text("model"),
        meter=meter,
        amount=row.money("cost_usd"),
        list_amount=row.decimal("list_price_usd"),
        kind=kind,
        label=" ".join(filter(None, (cost_type, token_type))),
        key=row.first("api_key_id", "api_key") or None,
        project=row.text("workspace") or None,
        context=context_of(
            row.text("usage_type"), row.text("context_window"), row.text("inference_geo"), row.text("speed")
        ),
    )
