"""Google Cloud billing Reports CSV (grouped by date and SKU): usage and cost per Pacific day."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from llmledger.core.statement import EXACT, Format, LineKind, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._google import counted, currency_of, sku
from llmledger.statements._table import Row, rows

SUMMARY = "Google Cloud billing report (CSV), grouped by date and SKU"
FORMAT = Format(provider="gemini", zone="America/Los_Angeles", late_days=5)

_ZONE = ZoneInfo("America/Los_Angeles")
_SETTLED = ("rounding error", "total", "subtotal", "filtered total", "tax")


def recognises(head: Head) -> bool:
    """By the date as first column beside SKU and subtotal, without the invoice's preamble."""
    return (
        bool(head.rows)
        and head.rows[0][0] == "date"
        and head.has("service description", "sku description")
        and bool(_money(head))
    )


def _money(head: Head) -> str:
    return next(
        (column for column in sorted(head.columns, reverse=True) if column.startswith("unrounded subtotal")), ""
    )


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per dated row, net of its savings; totals and rounding rows restate what the rows add up to."""
    for part in parts:
        column = _money(part.head)
        for row in rows(part, ("date", "service description", "sku description", column)):
            if row.text("date") and row.text("date").casefold() not in _SETTLED:
                yield _line(row, column)


def _line(row: Row, column: str) -> StatementLine:
    day = row.day("date").replace(tzinfo=_ZONE)
    described = sku(row.text("sku description"))
    amount = row.money(column)
    saved = abs(sum((row.decimal(name) or Decimal(0) for name in row.cells if "savings" in name), Decimal(0)))
    return StatementLine(
        number=row.number,
        since=day,
        until=datetime.combine(day.date() + timedelta(days=1), day.time(), _ZONE),
        provider="gemini",
        model=described.model,
        meter=described.meter,
        quantities=counted(row, described.meter),
        amount=amount,
        list_amount=EXACT.add(amount, saved) if saved else None,
        currency=currency_of(column),
        kind=LineKind.USAGE if described.meter else LineKind.UNKNOWN,
        label=row.text("sku description"),
        project=row.text("project id") or None,
        context=described.context,
    )
