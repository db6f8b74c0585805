"""Adding up: a question in, sums per group out.

Groups are formed over the ids of the small dictionary tables and over whole hours or days of the zone's clock, and
named afterwards, so that the database touches few columns and Python few groups. A reconcile adjustment corrects what
was charged, never a count or a cost.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from llmledger.core.report import COUNTS, Answer, Question, Tally
from llmledger.core.selection import ALL_TAGS
from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.window import Stretch, stretches
from llmledger.ledger.queries_filter import (
    NET_UNPRICED,
    Allowed,
    Conditions,
    Dictionaries,
    allowed_ids,
    read_dictionaries,
    session_conditions,
)
from llmledger.ledger.queries_shape import Groups, Shape, needs_attributions, shape_of, time_conditions

Connection: TypeAlias = sqlite3.Connection
"""For those above the ledger, who may hold a connection and never use it themselves."""

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


@dataclass(frozen=True, slots=True)
class Reading:
    """One question being answered from one ledger."""

    connection: sqlite3.Connection
    shape: Shape
    dictionaries: Dictionaries
    allowed: Allowed
    groups: Groups


def aggregate(connection: sqlite3.Connection, question: Question) -> Answer:
    """Answer a question from the rows of a ledger and the adjustments to them."""
    cells = _read(connection, question)
    overlapping = ALL_TAGS in question.by
    totals = _read(connection, replace(question, by=())) if overlapping else _summed(cells, question)
    return Answer(cells=cells.cells(), totals=totals.cells(), price_version=newest_price_version(connection))


def newest_price_version(connection: sqlite3.Connection) -> str | None:
    """The version of the price table that priced last."""
    row = connection.execute("SELECT version FROM price_versions ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def _summed(groups: Groups, question: Question) -> Groups:
    """The totals of groups that do not overlap."""
    total = Groups(shape_of(replace(question, by=())), groups.dictionaries)
    for (_, epoch), tally in groups.found.items():
        total.found.setdefault(((), epoch), Tally()).merge(tally)
    return total


def _read(connection: sqlite3.Connection, question: Question) -> Groups:
    shape = shape_of(question)
    dictionaries = read_dictionaries(connection, attributions=needs_attributions(question))
    groups = Groups(shape, dictionaries)
    reading = Reading(connection, shape, dictionaries, allowed_ids(question.selection, dictionaries), groups)
    since_ms, until_ms = question.window.since_ms, question.window.until_ms
    for stretch in _stretches(reading, since_ms, until_ms):
        add_rows(reading, stretch)
        add_adjustments(reading, stretch)
        if question.latencies:
            add_latencies(reading, stretch)
    return groups


def _stretches(reading: Reading, since_ms: int | None, until_ms: int | None) -> Iterator[Stretch]:
    """The parts of a range within which plain division finds the days; the whole of it when time is not asked for."""
    first, after = data_bounds(reading.connection)
    low = first if since_ms is None else max(since_ms, first)
    high = after if until_ms is None else min(until_ms, after)
    if low >= high:
        return
    if reading.shape.slot is None:
        yield Stretch(low, high, 0)
        return
    yield from stretches(low, high, reading.shape.tz)


def data_bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    """The range of all times in the ledger, half-open; empty when it holds nothing."""
    first, last = connection.execute(
        "SELECT min(low), max(high) FROM ("
        "SELECT (SELECT min(started_ms) FROM requests) low, (SELECT max(started_ms) FROM requests) high "
        "UNION ALL SELECT (SELECT min(effective_ms) FROM adjustments), (SELECT max(effective_ms) FROM adjustments))"
    ).fetchone()
    return (0, 0) if first is None else (first, last + 1)


def add_rows(reading: Reading, stretch: Stretch) -> None:
    """Add the requests that started in a range."""
    columns, params = reading.shape.columns("r", "started_ms", stretch)
    conditions = _conditions(reading, stretch, "r.", "r.started_ms")
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


def add_adjustments(reading: Reading, stretch: Stretch) -> None:
    """Add the corrections that count in a range; those by invoices only to what was charged."""
    columns, params = reading.shape.columns("a", "effective_ms", stretch)
    conditions = _conditions(reading, stretch, "a.", "a.effective_ms")
    join = _ADJUSTED_ROW if reading.shape.question.selection.unpriced else ""
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


def add_latencies(reading: Reading, stretch: Stretch) -> None:
    """Count the response times of the requests that started in a range."""
    columns, params = reading.shape.columns("r", "started_ms", stretch)
    for column in ("latency_ms", "first_token_ms"):
        conditions = _conditions(reading, stretch, "r.", "r.started_ms")
        conditions.add(f"r.{column} >= 0")
        sql = (
            f"SELECT {', '.join(columns)}, r.{column}, count(*) FROM requests r {reading.shape.session_join('r')} "
            f"{conditions.sql} GROUP BY {_positions(columns)}, r.{column}"
        )
        for *ids, value, count in reading.connection.execute(sql, [*params, *conditions.params]):
            tally = reading.groups.tally(ids, stretch.offset_ms)
            (tally.latency if column == "latency_ms" else tally.first_token).add(value, count)


def _conditions(reading: Reading, stretch: Stretch, alias: str, time: str) -> Conditions:
    conditions = Conditions()
    time_conditions(conditions, time, stretch.since_ms, stretch.until_ms)
    reading.allowed.apply(conditions, alias)
    session_conditions(conditions, reading.shape.question.selection)
    if reading.shape.question.selection.unpriced:
        conditions.add(NET_UNPRICED)
    return conditions


def _positions(columns: list[str]) -> str:
    return ", ".join(str(position) for position in range(1, len(columns) + 1))
