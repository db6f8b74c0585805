"""Roll-ups: sums kept by day, hour and quarter-hour, derived from rows and adjustments above two watermarks.

They are caught up in chunks; each chunk and its watermark are one transaction, so that every row counts exactly once
whenever a process dies. The write path pays nothing: whoever reads or prunes next catches up, and a reader adds what is
above the watermarks from the rows themselves, so no answer ever depends on how far the roll-ups are.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal

from llmledger.core.report import COUNTS
from llmledger.core.stats import Sketch
from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.window import DAY_MS, stretches, zone_named

CHUNK = 3_000
"""Rows per transaction: others wait for the write lock no longer than one chunk takes."""
UTC_DAYS, HOME_DAYS = 0, 1
"""The two calendars of the day cube."""
QUARTER, HOUR, UTC_DAY, HOME_DAY = 900, 3600, 86_400, 1
"""Grains of the sums by model."""
MICRO = 1_000_000

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
_SUMS = (*COUNTS, *_UNITS, "cost_nanousd", "reconciled_nanousd")
_ADD_UP = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)

_FROM_REQUESTS = ", ".join(
    [
        "count(*)",
        "sum(t.status IN ('failed', 'interrupted'))",
        "sum(r.cost_nanousd IS NULL)",
        "sum(t.usage_quality IN ('estimated', 'partial') OR t.cost_source = 'default')",
        "sum(r.input_tokens IS NULL AND r.output_tokens IS NULL)",
        *(f"COALESCE(sum(r.{name}), 0)" for name in _UNITS),
        "COALESCE(sum(r.cost_nanousd), 0)",
        "0",
    ]
)
_FROM_ADJUSTMENTS = ", ".join(
    [
        *(f"sum(iif(r.kind = 'reconcile', 0, r.{name}))" for name in (*COUNTS, *_UNITS, "cost_nanousd")),
        "sum(iif(r.kind = 'reconcile', r.cost_nanousd, 0))",
    ]
)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two tables that are rolled up."""

    table: str
    time: str
    watermark: str
    sums: str


REQUESTS = _Side("requests", "started_ms", "rolled_request", _FROM_REQUESTS)
ADJUSTMENTS = _Side("adjustments", "effective_ms", "rolled_adjustment", _FROM_ADJUSTMENTS)


@dataclass(frozen=True, slots=True)
class Watermarks:
    """The highest ids that the roll-ups hold."""

    request: int
    adjustment: int


def read_watermarks(connection: sqlite3.Connection) -> Watermarks:
    """How far the roll-ups are."""
    found = dict(
        connection.execute(
            "SELECT key, value FROM meta WHERE key IN ('rolled_request', 'rolled_adjustment')"
        ).fetchall()
    )
    return Watermarks(int(found.get("rolled_request", 0)), int(found.get("rolled_adjustment", 0)))


def rows_behind(connection: sqlite3.Connection) -> int:
    """How many rows and adjustments are not rolled up yet, at most."""
    marks = read_watermarks(connection)
    last = connection.execute(
        "SELECT COALESCE((SELECT max(id) FROM requests), 0), COALESCE((SELECT max(id) FROM adjustments), 0)"
    ).fetchone()
    return max(0, int(last[0]) - marks.request) + max(0, int(last[1]) - marks.adjustment)


def catch_up(
    connection: sqlite3.Connection,
    home_zone: str,
    *,
    may_go_on: Callable[[], bool] = lambda: True,
    hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    chunk: int = CHUNK,
) -> int:
    """Roll up what is above the watermarks, chunk by chunk; returns how many rows and adjustments.

    Each chunk is written inside `hold`, the lock that writers share; between two of them nothing is held, and
    `may_go_on` is asked. Raises sqlite3.Error when it cannot be written.
    """
    zone = zone_named(home_zone)
    done = 0
    for side in (REQUESTS, ADJUSTMENTS):
        while may_go_on():
            with hold():
                rolled = _roll_chunk(connection, side, zone, chunk)
            done += rolled
            if rolled < chunk:
                break
    return done


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _roll_chunk(connection: sqlite3.Connection, side: _Side, zone: tzinfo, chunk: int) -> int:
    with _transaction(connection):
        found = connection.execute("SELECT value FROM meta WHERE key = ?", (side.watermark,)).fetchone()
        low = 0 if found is None else int(found[0])
        high, count, first, last = connection.execute(
            f"SELECT max(id), count(*), min({side.time}), max({side.time}) FROM "
            f"(SELECT id, {side.time} FROM {side.table} WHERE id > ? ORDER BY id LIMIT ?)",
            (low, chunk),
        ).fetchone()
        if not count:
            return 0
        bounds = (low, high)
        home = _home_day(f"r.{side.time}", first, last, zone)
        utc = f"r.{side.time} / {DAY_MS}"
        # A ledger at home in UTC needs no second calendar.
        days = ((UTC_DAYS, utc),) if zone is UTC else ((UTC_DAYS, utc), (HOME_DAYS, home))
        for number, day in days:
            _add_days(connection, side, bounds, number, day)
            _add_units(connection, side, bounds, number, day)
        for grain, slot in (
            (QUARTER, f"r.{side.time} / {QUARTER * 1000}"),
            (HOUR, f"r.{side.time} / {HOUR * 1000}"),
            (UTC_DAY, utc),
            *([] if zone is UTC else [(HOME_DAY, home)]),
        ):
            _add_slots(connection, side, bounds, grain, slot)
        if side is REQUESTS:
            _add_sketches(connection, bounds, days)
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (side.watermark, str(high)),
        )
    return int(count)


def _home_day(time: str, first: int, last: int, zone: tzinfo) -> str:
    """The SQL that numbers the home zone's days; its clock may change within a chunk."""
    parts = list(stretches(first, last + 1, zone))
    cases = " ".join(f"WHEN {time} < {part.until_ms} THEN {part.offset_ms}" for part in parts[:-1])
    offset = f"CASE {cases} ELSE {parts[-1].offset_ms} END" if cases else str(parts[-1].offset_ms)
    return f"(({time} + {offset}) / {DAY_MS})"


def _add_days(connection: sqlite3.Connection, side: _Side, bounds: tuple[int, int], zone: int, day: str) -> None:
    connection.execute(
        f"INSERT INTO rollup_days (zone, day, model_id, attribution_id, trait_id, {', '.join(_SUMS)}) "
        f"SELECT {zone}, {day}, r.model_id, r.attribution_id, r.trait_id, {side.sums} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id WHERE r.id > ? AND r.id <= ? GROUP BY 2, 3, 4, 5 "
        f"ON CONFLICT DO UPDATE SET {_ADD_UP}",
        bounds,
    )


def _add_slots(connection: sqlite3.Connection, side: _Side, bounds: tuple[int, int], grain: int, slot: str) -> None:
    connection.execute(
        f"INSERT INTO rollup_quarters (grain, slot, model_id, billing, {', '.join(_SUMS)}) "
        f"SELECT {grain}, {slot}, r.model_id, t.billing, {side.sums} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id WHERE r.id > ? AND r.id <= ? GROUP BY 2, 3, 4 "
        f"ON CONFLICT DO UPDATE SET {_ADD_UP}",
        bounds,
    )


def _add_units(connection: sqlite3.Connection, side: _Side, bounds: tuple[int, int], zone: int, day: str) -> None:
    """Rare units have no column; without this, pruning would lose them."""
    counts = "r.kind <> 'reconcile'" if side is ADJUSTMENTS else "1"
    rows = connection.execute(
        f"SELECT {day}, r.model_id, r.attribution_id, r.trait_id, r.other_usage FROM {side.table} r "
        f"WHERE r.id > ? AND r.id <= ? AND r.other_usage IS NOT NULL AND {counts}",
        bounds,
    ).fetchall()
    sums: dict[tuple[object, ...], int] = {}
    for *place, text in rows:
        for unit, quantity in json.loads(text, parse_float=Decimal).items():
            key = (zone, *place, unit)
            sums[key] = sums.get(key, 0) + round(Decimal(quantity) * MICRO)
    connection.executemany(
        "INSERT INTO rollup_units VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET micro_quantity = micro_quantity + excluded.micro_quantity",
        [(*key, micro) for key, micro in sums.items()],
    )


def _add_sketches(connection: sqlite3.Connection, bounds: tuple[int, int], days: tuple[tuple[int, str], ...]) -> None:
    columns = ", ".join(day for _, day in days)
    rows = connection.execute(
        f"SELECT r.model_id, r.latency_ms, r.first_token_ms, {columns} FROM requests r WHERE r.id > ? AND r.id <= ?",
        bounds,
    )
    found: dict[tuple[int, ...], list[tuple[int | None, int | None]]] = {}
    for model, latency, first_token, *numbers in rows:
        if latency is not None or first_token is not None:
            found.setdefault((model, *numbers), []).append((latency, first_token))
    sketches: dict[tuple[int, int, int], tuple[Sketch, Sketch]] = {}
    for (model, *numbers), pairs in found.items():
        both = _sketched(pairs)
        for (zone, _), number in zip(days, numbers, strict=True):
            into = sketches.setdefault((zone, number, model), (Sketch(), Sketch()))
            for sketch, more in zip(into, both, strict=True):
                sketch.merge(more)
    for place, into in sketches.items():
        _store_sketches(connection, place, into)


def _sketched(pairs: list[tuple[int | None, int | None]]) -> tuple[Sketch, Sketch]:
    both = (Sketch(), Sketch())
    for place, sketch in enumerate(both):
        for value, count in Counter(pair[place] for pair in pairs).items():
            if value is not None and value >= 0:
                sketch.add(value, count)
    return both


def _store_sketches(
    connection: sqlite3.Connection, place: tuple[int, int, int], sketches: tuple[Sketch, Sketch]
) -> None:
    stored = connection.execute(
        "SELECT latency, first_token FROM rollup_sketches WHERE zone = ? AND day = ? AND model_id = ?", place
    ).fetchone()
    for sketch, before in zip(sketches, stored or (), strict=False):
        sketch.add_bytes(before)
    connection.execute(
        "INSERT INTO rollup_sketches VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET latency = excluded.latency, first_token = excluded.first_token",
        (*place, *(sketch.to_bytes() for sketch in sketches)),
    )


def sums_columns(alias: str) -> str:
    """The SQL that adds up the sums of a roll-up, in the order of a report's numbers."""
    return ", ".join(f"sum({alias}.{name})" for name in _SUMS)


def sums_names() -> tuple[str, ...]:
    """The sums that every roll-up keeps."""
    return _SUMS


def add_up_columns() -> str:
    """The SQL that adds new sums to those that are there."""
    return _ADD_UP
