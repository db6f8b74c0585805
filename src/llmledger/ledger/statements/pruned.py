"""What reconciling sums where single requests were pruned: the roll-ups that outlive them, with what is not in those yet.

Quarter-hours of a model hold every request and correction below the watermarks, whatever became of it. They do not tell what a
provider never bills (answers of the cache, rejected requests) from the rest: the day cube does, and where such requests have
tokens its days are taken instead. Of what was merged into months only whole months are left.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any

from llmledger.core.reconcile.booked import QUARTER_MS, Booked
from llmledger.core.usage import COLUMN_UNITS, UNIT_BY_NAME, Quantity
from llmledger.core.window import DAY_MS, add_months, day_number, day_of_number, from_unix_ms, local_day
from llmledger.ledger.rollups.catch_up import MICRO, QUARTER, UTC_DAYS
from llmledger.ledger.statements.clearance import BILLABLE

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
_SUMS = ", ".join(f"sum(x.{name})" for name in ("requests", "failed", "estimated", "cost_nanousd", *_UNITS))
_FACTS = 4
_Place = tuple[int, int]
"""Day and model."""
_NEVER_BILLED = "t.billing IN ('api', 'unknown') AND t.cost_source IN ('cache', 'not_billed')"


@dataclass(frozen=True, slots=True)
class Cuts:
    """Before which Unix milliseconds what was pruned; 0 for never."""

    detail_ms: int
    quarters_ms: int
    """Hours and quarter-hours."""
    months_ms: int
    """Days, which were merged into months."""


def cuts_of(connection: sqlite3.Connection) -> Cuts:
    """What a ledger has pruned."""
    cuts = dict(
        connection.execute("SELECT what, max(before_ms) FROM prunings WHERE requests > 0 GROUP BY what").fetchall()
    )
    months = local_day(from_unix_ms(cuts["days"]), UTC).replace(day=1) if "days" in cuts else None
    return Cuts(
        detail_ms=cuts.get("detail", 0),
        quarters_ms=cuts.get("quarter_hours", 0),
        months_ms=0 if months is None else day_number(months) * DAY_MS,
    )


def rolled_up(
    connection: sqlite3.Connection, cuts: Cuts, span: tuple[int, int], models: Sequence[int]
) -> Iterator[Booked]:
    """The sums that roll-ups have of a range before the cut of the detail: quarter-hours, days, and months that lie within it."""
    since_ms, until_ms = span[0], min(span[1], cuts.detail_ms)
    if since_ms >= until_ms or not models:
        return
    chosen = f"x.model_id IN ({', '.join(map(str, models))})"
    quarters_ms = max(since_ms, -(-cuts.quarters_ms // DAY_MS) * DAY_MS)
    apart = _apart(connection, chosen, (since_ms, until_ms))
    by_day = {
        (day, model)
        for (day, model), (_, has_usage) in apart.items()
        if has_usage and since_ms <= day * DAY_MS and (day + 1) * DAY_MS <= until_ms
    }
    never_billed = {place: count for place, (count, _) in apart.items()}
    for place, booked in _quarters(connection, chosen, (quarters_ms, until_ms), never_billed):
        if place not in by_day:
            yield booked
    for table, make in (("rollup_days", _sum), ("rollup_units", _unit)):
        for day, first_ms, last_ms, row in _days(connection, table, chosen, (since_ms, until_ms), cuts):
            is_whole = since_ms <= first_ms and last_ms <= until_ms
            in_quarters = table == "rollup_days" and first_ms >= quarters_ms and (day, row[0]) not in by_day
            if is_whole and not in_quarters:
                yield make(row, (first_ms + last_ms) // 2)


def _apart(connection: sqlite3.Connection, chosen: str, span: tuple[int, int]) -> dict[_Place, tuple[int, bool]]:
    """By day and model, how many requests are never billed, and whether they have tokens or a cost."""
    told = " + ".join(f"sum(x.{name})" for name in _UNITS)
    rows = connection.execute(
        f"SELECT x.day, x.model_id, sum(x.requests), {told}, sum(x.cost_nanousd) FROM rollup_days x "
        f"JOIN traits t ON t.id = x.trait_id WHERE x.zone = {UTC_DAYS} AND x.day >= ? AND x.day <= ? AND {chosen} "
        f"AND {_NEVER_BILLED} GROUP BY 1, 2",
        (span[0] // DAY_MS, span[1] // DAY_MS),
    )
    return {(day, model): (count, bool(tokens or cost)) for day, model, count, tokens, cost in rows}


def _quarters(
    connection: sqlite3.Connection, chosen: str, span: tuple[int, int], never_billed: dict[_Place, int]
) -> Iterator[tuple[_Place, Booked]]:
    left = dict(never_billed)
    rows = connection.execute(
        f"SELECT x.slot, m.id, m.provider, m.model, {_SUMS} FROM rollup_quarters x JOIN models m ON m.id = x.model_id "
        f"WHERE x.grain = {QUARTER} AND x.slot >= ? AND x.slot < ? AND {chosen} AND x.billing IN ('api', 'unknown') "
        "GROUP BY x.slot, x.model_id",
        (span[0] // QUARTER_MS, -(-span[1] // QUARTER_MS)),
    )
    for slot, *row in rows:
        place = slot * QUARTER_MS // DAY_MS, row[0]
        booked = _sum(row, slot * QUARTER_MS)
        # At least one request is behind a usage; the others may be of those that are never billed.
        over = min(left.get(place, 0), booked.requests - bool(booked.usage or booked.cost_nanousd))
        if over > 0:
            left[place] -= over
            booked = booked._replace(requests=booked.requests - over)
        if booked.requests or booked.usage or booked.cost_nanousd:
            yield place, booked


def _days(
    connection: sqlite3.Connection, table: str, chosen: str, span: tuple[int, int], cuts: Cuts
) -> Iterator[tuple[int, int, int, Sequence[Any]]]:
    """The day cube's sums: the day, where it begins and ends (or its month does), and the row."""
    first = day_of_number(span[0] // DAY_MS).replace(day=1)
    sums, group = (_SUMS, "") if table == "rollup_days" else ("x.unit, sum(x.micro_quantity)", ", x.unit")
    rows = connection.execute(
        f"SELECT x.day, m.id, m.provider, m.model, {sums} FROM {table} x JOIN traits t ON t.id = x.trait_id "
        f"JOIN models m ON m.id = x.model_id WHERE x.zone = {UTC_DAYS} AND x.day >= ? AND x.day < ? AND {chosen} "
        f"AND {BILLABLE} GROUP BY x.day, x.model_id{group}",
        (day_number(first), -(-span[1] // DAY_MS)),
    )
    for day, *row in rows:
        begins, ends = day, day + 1
        if day * DAY_MS < cuts.months_ms:
            month = day_of_number(day).replace(day=1)
            begins, ends = day_number(month), day_number(add_months(month, 1))
        yield day, begins * DAY_MS, ends * DAY_MS, row


def _sum(row: Sequence[Any], at_ms: int) -> Booked:
    _, provider, model, requests, failed, estimated, cost, *units = row
    usage: dict[str, Quantity] = {name: count for name, count in zip(_UNITS, units, strict=True) if count}
    return _booked(provider, model, at_ms)._replace(
        requests=requests, quality="estimated" if failed or estimated else "exact", cost_nanousd=cost, usage=usage
    )


def _unit(row: Sequence[Any], at_ms: int) -> Booked:
    """A rare unit, which no sum of a quarter-hour holds; one that is part of another is in that one's sum."""
    _, provider, model, unit, micro = row
    usage: dict[str, Quantity] = {} if UNIT_BY_NAME[unit].parent else {unit: Decimal(micro) / MICRO}
    return _booked(provider, model, at_ms)._replace(requests=0, usage=usage)


def _booked(provider: str, model: str, at_ms: int) -> Booked:
    return Booked(
        row=0,
        ledger=0,
        request_id=None,
        provider_request_id=None,
        started_ms=at_ms,
        provider=provider,
        model=model,
        served_model=None,
        key=None,
        status="completed",
        quality="exact",
        cost_nanousd=None,
        usage={},
        components={},
    )
