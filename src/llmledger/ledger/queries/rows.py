"""Sums and response times out of the rows themselves, and out of the adjustments to them."""

from llmledger.core.report import COUNTS
from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.window import Stretch
from llmledger.ledger.queries.filter import NET_UNPRICED, Conditions, clearing_conditions, session_conditions
from llmledger.ledger.queries.reading import Reading
from llmledger.ledger.queries.shape import time_conditions

UNIT_COLUMNS = tuple(unit.name for unit in COLUMN_UNITS)

_ROW_SUMS = ", ".join(
    [
        "count(*)",
        "sum(r.cost_nanousd IS NULL)",
        "sum(r.input_tokens IS NULL AND r.output_tokens IS NULL)",
        *(f"COALESCE(sum(r.{name}), 0)" for name in UNIT_COLUMNS),
        "COALESCE(sum(r.cost_nanousd), 0)",
    ]
)
_ADJUSTMENT_SUMS = ", ".join(f"sum(a.{name})" for name in (*COUNTS, *UNIT_COLUMNS, "cost_nanousd"))
_ADJUSTED_ROW = "JOIN seen k ON k.key = a.request_id JOIN requests r ON r.id = k.row"
"""From a correction to the row it corrects, while that is there."""


def add_rows(reading: Reading, stretch: Stretch, *, above: int = 0) -> None:
    """Add the requests that started in a range, those with higher ids than `above`."""
    columns, params = reading.shape.columns("r", "started_ms", stretch)
    conditions = _conditions(reading, stretch, "r", "started_ms", above)
    sql = (
        f"SELECT {', '.join(columns)}, {_ROW_SUMS} FROM requests r {reading.shape.session_join('r')} {conditions.sql} "
        f"GROUP BY {_positions(columns)}"
    )
    width = len(columns)
    for row in reading.connection.execute(sql, [*params, *conditions.params]):
        count, unpriced, untold, *rest = row[width:]
        trait = reading.dictionaries.traits[row[3]]
        failed = count if trait.is_failed else 0
        estimated = count if trait.is_estimated else 0
        tally = reading.groups.tally(row[:width], stretch.offset_ms)
        tally.add(
            (count, failed, unpriced, estimated, untold, *rest, 0),
            is_plan=trait.is_plan,
            is_estimated=trait.is_estimated,
        )


def add_adjustments(reading: Reading, stretch: Stretch, *, above: int = 0) -> None:
    """Add the corrections that count in a range; those by invoices only to what was charged."""
    columns, params = reading.shape.columns("a", "effective_ms", stretch)
    conditions = _conditions(reading, stretch, "a", "effective_ms", above)
    join = _ADJUSTED_ROW if reading.question.selection.unpriced else ""
    sql = (
        f"SELECT {', '.join(columns)}, a.kind = 'reconcile', {_ADJUSTMENT_SUMS} FROM adjustments a {join} "
        f"{reading.shape.session_join('a')} {conditions.sql} GROUP BY {_positions(columns)}, a.kind = 'reconcile'"
    )
    width = len(columns)
    for row in reading.connection.execute(sql, [*params, *conditions.params]):
        trait = reading.dictionaries.traits[row[3]]
        is_reconcile, *sums = row[width:]
        numbers = [0] * len(sums) + [sums[-1]] if is_reconcile else [*sums, 0]
        tally = reading.groups.tally(row[:width], stretch.offset_ms)
        tally.add(numbers, is_plan=trait.is_plan, is_estimated=trait.is_estimated)


def add_latencies(reading: Reading, stretch: Stretch, *, above: int = 0) -> None:
    """Count the response times of the requests that started in a range."""
    columns, params = reading.shape.columns("r", "started_ms", stretch)
    for column in ("latency_ms", "first_token_ms"):
        conditions = _conditions(reading, stretch, "r", "started_ms", above)
        conditions.add(f"r.{column} >= 0")
        sql = (
            f"SELECT {', '.join(columns)}, r.{column}, count(*) FROM requests r {reading.shape.session_join('r')} "
            f"{conditions.sql} GROUP BY {_positions(columns)}, r.{column}"
        )
        for *ids, value, count in reading.connection.execute(sql, [*params, *conditions.params]):
            tally = reading.groups.tally(ids, stretch.offset_ms)
            (tally.latency if column == "latency_ms" else tally.first_token).add(value, count)


def _conditions(reading: Reading, stretch: Stretch, alias: str, time: str, above: int) -> Conditions:
    conditions = Conditions()
    if above:
        # The plus sign keeps the index on time out of it: what is above is little, and lies together.
        conditions.add(f"{alias}.id > ?", above)
        time_conditions(conditions, f"+{alias}.{time}", stretch.since_ms, stretch.until_ms)
    else:
        time_conditions(conditions, f"{alias}.{time}", stretch.since_ms, stretch.until_ms)
    reading.allowed.apply(conditions, f"{alias}.")
    session_conditions(conditions, reading.question.selection)
    known = "r.id <= q.last_request" if alias == "r" else "(a.kind = 'reconcile' OR a.id <= q.last_adjustment)"
    clearing_conditions(conditions, reading.question.selection, alias=alias, time=time, known=known)
    if reading.question.selection.unpriced:
        conditions.add(NET_UNPRICED)
    return conditions


def _positions(columns: list[str]) -> str:
    return ", ".join(str(position) for position in range(1, len(columns) + 1))
