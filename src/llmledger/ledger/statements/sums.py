"""Requests as reconciling sums them: those of one model in one quarter of an hour as one, which is fine enough for every zone."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from llmledger.core.reconcile.booked import QUARTER_MS, Booked
from llmledger.core.usage import COLUMN_UNITS, Quantity
from llmledger.ledger.statements.clearance import BILLABLE

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
_SELECT = f"""SELECT x.started_ms / {QUARTER_MS} AS quarter, m.provider, m.model, o.served_model, count(*), sum(x.cost_nanousd),
  group_concat(x.components), group_concat(x.other_usage), {", ".join(f"sum(x.{name})" for name in _UNITS)}
FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
  LEFT JOIN outcomes o ON o.id = x.outcome_id
WHERE {BILLABLE}"""
_FACTS = 8
_MOST_TOGETHER = 4_096
"""Requests in one sum: so many of the largest cost that is stored fit into 63 bits, so that no sum overflows."""


def quarter_hours(connection: sqlite3.Connection, chosen: str) -> Iterator[Booked]:
    """The sums of the requests that `chosen` (a condition on `x`) leaves; a very full quarter comes in several."""
    groups = f"GROUP BY quarter, x.model_id, o.served_model, x.id / {_MOST_TOGETHER}"
    for row in connection.execute(f"{_SELECT} {chosen} {groups}"):
        yield _sum(row)


def _sum(row: Sequence[Any]) -> Booked:
    usage: dict[str, Quantity] = {name: count for name, count in zip(_UNITS, row[_FACTS:], strict=True) if count}
    for told in _documents(row[7]):
        for name, value in told.items():
            usage[name] = usage.get(name, 0) + (value if isinstance(value, int) else Decimal(value))
    components: dict[str, tuple[Quantity, int]] = {}
    for parts in _documents(row[6]):
        for code, (count, nanousd) in parts.items():
            before = components.get(code, (0, 0))
            components[code] = before[0] + (count if isinstance(count, int) else Decimal(count)), before[1] + nanousd
    return Booked(
        row=0,
        ledger=0,
        request_id=None,
        provider_request_id=None,
        started_ms=row[0] * QUARTER_MS,
        provider=row[1],
        model=row[2],
        served_model=row[3],
        key=None,
        status="completed",
        quality="exact",
        cost_nanousd=row[5],
        usage=usage,
        components=components,
        requests=row[4],
    )


def _documents(joined: str | None) -> list[dict[str, Any]]:
    """JSON documents that were joined by commas."""
    found: list[dict[str, Any]] = json.loads(f"[{joined}]") if joined else []
    return found
