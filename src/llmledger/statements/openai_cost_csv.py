"""OpenAI cost CSV (dashboard, Spend, Export): one row per UTC day and line item, amounts unrounded.

2025 and 2026 headers.
"""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openai import line_item, scaled
from llmledger.statements._table import Row, rows

SUMMARY = "OpenAI cost export (CSV): spend per UTC day, line item, project and key"
FORMAT = Format(provider="openai")


def recognises(head: Head) -> bool:
    """By the amount columns beside a line item."""
    return head.has("amount_value", "amount_currency", "line_item")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row with an amount; a day without cost has only its times and is passed over."""
    for part in parts:
        for row in rows(part, ("start_time", "end_time", "amount_value", "amount_currency", "line_item")):
            if row.first("amount_value", "line_item", "quantity"):
                yield _line(row)


def _line(row: Row) -> StatementLine:
    item = row.text("line_item")
    model, meter, kind = line_item(item)
    try:
        meter, quantities = scaled(row.decimal("quantity"), row.text("quantity_unit"), meter)
    except ValueError as reason:
        raise row.error("quantity", str(reason)) from None
    return StatementLine(
        number=row.number,
        since=row.epoch("start_time"),
        until=row.epoch("end_time"),
        provider="openai",
        model=model,
        meter=meter,
        quantities=quantities,
        amount=row.money("amount_value"),
        currency=row.text("amount_currency").upper() or "USD",
        kind=kind,
        label=item,
        key=row.text("api_key_id") or None,
        project=row.first("project_id", "project_name") or None,
    )
