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
from operator import add

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


@dataclass(frozen=True, slots=True)
class _Days:
    """The SQL that numbers the days of each calendar."""

    utc: str
    home: str


Bounds = tuple[int, int]
"""Ids: above the first, up to the second."""
Calendars = tuple[tuple[int, int, int], ...]
"""Of each: its number in the cube, its grain among the sums by model, and where its day stands."""

_UPSERT_DAY = (
    f"INSERT INTO rollup_days (zone, day, model_id, attribution_id, trait_id, {', '.join(_SUMS)}) "
    f"VALUES ({', '.join('?' * (5 + len(_SUMS)))}) ON CONFLICT DO UPDATE SET {_ADD_UP}"
)
_UPSERT_SLOT = (
    f"INSERT INTO rollup_quarters (grain, slot, model_id, billing, {', '.join(_SUMS)}) "
    f"VALUES ({', '.join('?' * (4 + len(_SUMS)))}) ON CONFLICT DO UPDATE SET {_ADD_UP}"
)

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
    size: Callable[[int], int] = lambda most: most,
) -> int:
    """Roll up what is above the watermarks, chunk by chunk; returns how many rows and adjustments.

    Each chunk is written inside `hold`, the lock that writers share; between two of them nothing is held, `may_go_on`
    is asked, and `size` says how many rows come next, given how many may. Raises sqlite3.Error when it cannot be written.
    """
    zone = zone_named(home_zone)
    done = 0
    for side in (REQUESTS, ADJUSTMENTS):
        while may_go_on():
            chunk = size(CHUNK)
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
        days = _Days(utc=f"r.{side.time} / {DAY_MS}", home=_home_day(f"r.{side.time}", first, last, zone))
        # A ledger at home in UTC needs no second calendar.
        calendars = ((UTC_DAYS, UTC_DAY, 0),) if zone is UTC else ((UTC_DAYS, UTC_DAY, 0), (HOME_DAYS, HOME_DAY, 1))
        _add_days(connection, side, (low, high), days, calendars)
        _add_slots(connection, side, (low, high), days, calendars)
        _add_details(connection, side, (low, high), days, calendars)
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


def _add_days(connection: sqlite3.Connection, side: _Side, bounds: Bounds, days: _Days, calendars: Calendars) -> None:
    """The day cube: read once by both calendars' days; what lies in two groups then adds up as it is written."""
    rows = connection.execute(
        f"SELECT {days.utc}, {days.home}, r.model_id, r.attribution_id, r.trait_id, {side.sums} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id WHERE r.id > ? AND r.id <= ? GROUP BY 1, 2, 3, 4, 5",
        bounds,
    ).fetchall()
    for zone, _, place in calendars:
        connection.executemany(_UPSERT_DAY, [(zone, row[place], *row[2:]) for row in rows])


def _add_slots(connection: sqlite3.Connection, side: _Side, bounds: Bounds, days: _Days, calendars: Calendars) -> None:
    """The sums by model: read once by quarter-hours, of which hours and days are made."""
    rows = connection.execute(
        f"SELECT r.{side.time} / {QUARTER * 1000}, {days.utc}, {days.home}, r.model_id, t.billing, {side.sums} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id WHERE r.id > ? AND r.id <= ? GROUP BY 1, 2, 3, 4, 5",
        bounds,
    ).fetchall()
    slots = [(QUARTER, row[0], *row[3:]) for row in rows]
    slots += _merged([(HOUR, row[0] * QUARTER // HOUR, *row[3:]) for row in rows])
    for _, grain, place in calendars:
        slots += _merged([(grain, row[1 + place], *row[3:]) for row in rows])
    connection.executemany(_UPSERT_SLOT, slots)


def _merged(rows: list[tuple[int | str, ...]]) -> list[tuple[int | str, ...]]:
    """Rows of sums with the same first four values as one each."""
    found: dict[tuple[int | str, ...], tuple[int | str, ...]] = {}
    for row in rows:
        key, sums = row[:4], row[4:]
        known = found.get(key)
        found[key] = sums if known is None else tuple(map(add, known, sums))
    return [(*key, *sums) for key, sums in found.items()]


def _add_details(
    connection: sqlite3.Connection, side: _Side, bounds: Bounds, days: _Days, calendars: Calendars
) -> None:
    """What no sum holds: the response times of requests, and the rare units, which have no column."""
    columns = "r.latency_ms, r.first_token_ms, 1" if side is REQUESTS else "NULL, NULL, r.kind <> 'reconcile'"
    rows = connection.execute(
        f"SELECT {days.utc}, {days.home}, r.model_id, r.attribution_id, r.trait_id, r.other_usage, {columns} "
        f"FROM {side.table} r WHERE r.id > ? AND r.id <= ?",
        bounds,
    )
    times: dict[tuple[int, int, int], tuple[list[int], list[int]]] = {}
    units: Counter[tuple[int | str, ...]] = Counter()
    for utc, home, model, attribution, trait, other, latency, first_token, counts in rows:
        if latency is not None or first_token is not None:
            found = times.setdefault((utc, home, model), ([], []))
            if latency is not None and latency >= 0:
                found[0].append(latency)
            if first_token is not None and first_token >= 0:
                found[1].append(first_token)
        if other is not None and counts:
            for zone, _, place in calendars:
                key = (zone, (utc, home)[place], model, attribution, trait)
                for unit, quantity in json.loads(other, parse_float=Decimal).items():
                    units[*key, unit] += round(Decimal(quantity) * MICRO)
    _add_units(connection, units)
    _add_sketches(connection, times, calendars)


def _add_units(connection: sqlite3.Connection, units: "Counter[tuple[int | str, ...]]") -> None:
    """Rare units have no column; without this, pruning would lose them."""
    connection.executemany(
        "INSERT INTO rollup_units VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET micro_quantity = micro_quantity + excluded.micro_quantity",
        [(*key, micro) for key, micro in units.items()],
    )


def _add_sketches(
    connection: sqlite3.Connection, times: dict[tuple[int, int, int], tuple[list[int], list[int]]], calendars: Calendars
) -> None:
    sketches: dict[tuple[int, int, int], tuple[Sketch, Sketch]] = {}
    for (utc, home, model), lists in times.items():
        both = (Sketch(), Sketch())
        for sketch, values in zip(both, lists, strict=True):
            sketch.add_all(values)
        for zone, _, place in calendars:
            into = sketches.setdefault((zone, (utc, home)[place], model), (Sketch(), Sketch()))
            for sketch, more in zip(into, both, strict=True):
                sketch.merge(more)
    for place_in, into in sketches.items():
        stored = connection.execute(
            "SELECT latency, first_token FROM rollup_sketches WHERE zone = ? AND day = ? AND model_id = ?", place_in
        ).fetchone()
        for sketch, before in zip(into, stored or (), strict=False):
            sketch.add_bytes(before)
    connection.executemany(
        "INSERT INTO rollup_sketches VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET latency = excluded.latency, first_token = excluded.first_token",
        [(*place_in, *(sketch.to_bytes() for sketch in both)) for place_in, both in sketches.items()],
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
