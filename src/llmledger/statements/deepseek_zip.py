"""DeepSeek monthly ZIP: `amount-*.csv` (tokens with their unit price) and `cost-*.csv` (money and currency); both headers.

The newer header's days follow the account's own offset. Only the cost file names the currency: without it there is no money.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from llmledger.core.statement import EXACT, Format, LineKind, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import DAY, Row, rows

SUMMARY = "DeepSeek usage export (ZIP): tokens and cost per day, model and key"
FORMAT = Format(provider="deepseek")

_METERS = {
    "input_cache_hit_tokens": "cache_read_tokens",
    "input_cache_miss_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
_Cell = tuple[datetime, str]


def recognises(head: Head) -> bool:
    """By the wallet column of the cost file, or price and amount per type of the amount file."""
    return head.has("wallet_type", "cost", "currency") or head.has("user_id", "api_key_name", "type", "price", "amount")


@dataclass(slots=True)
class _Bill:
    """The cost file: money per day and model, with the row that told it last."""

    cost: dict[_Cell, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    until: dict[_Cell, datetime] = field(default_factory=dict)
    number: dict[_Cell, int] = field(default_factory=dict)
    currency: str | None = None


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield the lines of the amount files priced as they say, and what the cost files bill beyond or below them."""
    bill = _Bill()
    for part in parts:
        if part.head.has("wallet_type"):
            _read_costs(part, bill)
    priced: dict[_Cell, Decimal] = defaultdict(Decimal)
    for part in parts:
        if not part.head.has("wallet_type"):
            for row in rows(part, ("model", "type", "price", "amount")):
                line = _line(row, bill.currency)
                cell = line.since, line.model
                priced[cell] = EXACT.add(priced[cell], line.amount or Decimal(0))
                yield line
    yield from _beyond(bill, priced)


def _read_costs(part: Part, bill: _Bill) -> None:
    for row in rows(part, ("model", "cost", "currency")):
        since, until = _period(row)
        currency = row.text("currency").upper()
        if bill.currency not in (None, currency):
            raise row.error("currency", f"{currency} beside {bill.currency}")
        bill.currency = currency
        cell = since, row.text("model")
        bill.cost[cell] = EXACT.add(bill.cost[cell], row.money("cost"))
        bill.until[cell], bill.number[cell] = until, row.number


def _line(row: Row, currency: str | None) -> StatementLine:
    since, until = _period(row)
    kind = row.text("type")
    meter = _METERS.get(kind)
    count = row.whole("amount") or 0
    price = row.decimal("price")
    return StatementLine(
        number=row.number,
        since=since,
        until=until,
        provider="deepseek",
        model=row.text("model"),
        meter=meter,
        quantities={meter: count} if meter else {},
        requests=count if kind == "request_count" else None,
        amount=None if currency is None or price is None else EXACT.multiply(price, count),
        currency=currency or "",
        kind=LineKind.USAGE if meter or kind == "request_count" else LineKind.UNKNOWN,
        label=kind,
        key=row.first("api_key", "api_key_name") or None,
    )


def _beyond(bill: _Bill, priced: dict[_Cell, Decimal]) -> Iterator[StatementLine]:
    for (since, model), cost in bill.cost.items():
        amount = EXACT.subtract(cost, priced.get((since, model), Decimal(0)))
        if amount:
            whole = (since, model) not in priced
            yield StatementLine(
                number=bill.number[since, model],
                since=since,
                until=bill.until[since, model],
                provider="deepseek",
                model=model,
                amount=amount,
                currency=bill.currency or "",
                kind=LineKind.USAGE if whole else LineKind.UNKNOWN,
                label="" if whole else "cost file beyond price x amount",
            )


def _period(row: Row) -> tuple[datetime, datetime]:
    if row.text("start_time_iso"):
        return row.instant("start_time_iso"), row.instant("end_time_iso")
    day = row.day("utc_date")
    return day, day + DAY
