"""Roll-ups: sums kept by day, hour and quarter-hour, derived from rows and adjustments above two watermarks.

They are caught up in chunks; each chunk and its watermark are one transaction, so that every row counts exactly once
whenever a process dies. The write path pays nothing: whoever reads or prunes next catches up, and a reader adds what is
above the watermarks from the rows themselves, so no answer ever depends on how far the roll-ups are.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import cache
from operator import add
from typing import Any, TypeAlias

from llmledger.core.report import COUNTS
from llmledger.core.stats import Sketch
from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.window import DAY_MS, stretches, zone_named
from llmledger.ledger.connection import transaction

CHUNK = 6_000
"""Rows per transaction at most: others wait for the write lock no longer than it takes to add one chunk's sums."""
UTC_DAYS, HOME_DAYS = 0, 1
"""The two calendars of the day cube."""
QUARTER, HOUR, UTC_DAY, HOME_DAY = 900, 3600, 86_400, 1
"""Grains of the sums by model."""
MICRO = 1_000_000
_QUARTERS_OF_HOUR, _HOURS_OF_DAY = HOUR // QUARTER, UTC_DAY // HOUR
_QUARTERS_OF_DAY = _QUARTERS_OF_HOUR * _HOURS_OF_DAY

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
_SUMS = (*COUNTS, *_UNITS, "cost_nanousd", "reconciled_nanousd")
_ADD_UP = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two tables that are rolled up."""

    table: str
    time: str
    watermark: str
    parts: Mapping[str, str]
    """Of rows `r`: what is added up of each sum."""
    by_trait: Mapping[str, str]
    """Of their traits `t`: the sums that say how many have such a one."""

    def sum_of(self, name: str) -> str:
        """The SQL of a sum over rows `r` and their traits `t`."""
        return f"sum({self.by_trait[name]})" if name in self.by_trait else self.parts.get(name, "0")


Sums: TypeAlias = tuple[int, ...]
Key: TypeAlias = tuple[Any, ...]
Calendars = tuple[tuple[int, int, int], ...]
"""Of each: its number in the cube, its grain among the sums by model, and where its day stands."""

REQUESTS = Side(
    table="requests",
    time="started_ms",
    watermark="rolled_request",
    parts={
        "requests": "count(*)",
        "unpriced": "count(*) - count(r.cost_nanousd)",
        "untold": "sum(r.input_tokens IS NULL AND r.output_tokens IS NULL)",
        **{name: f"COALESCE(sum(r.{name}), 0)" for name in (*_UNITS, "cost_nanousd")},
    },
    by_trait={
        "failed": "t.status IN ('failed', 'interrupted')",
        "estimated": "t.usage_quality IN ('estimated', 'partial') OR t.cost_source = 'default'",
    },
)
ADJUSTMENTS = Side(
    table="adjustments",
    time="effective_ms",
    watermark="rolled_adjustment",
    parts={
        **{name: f"sum(iif(r.kind = 'reconcile', 0, r.{name}))" for name in (*COUNTS, *_UNITS, "cost_nanousd")},
        "reconciled_nanousd": "sum(iif(r.kind = 'reconcile', r.cost_nanousd, 0))",
    },
    by_trait={},
)


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

    Each chunk is read while others write, and written inside `hold`, the lock that writers share; between two of them
    nothing is held, `may_go_on` is asked, and `size` says how many rows come next, given how many may. Raises
    sqlite3.Error when it cannot be written.
    """
    zone = zone_named(home_zone)
    done = 0
    for side in (REQUESTS, ADJUSTMENTS):
        while may_go_on():
            most = size(CHUNK)
            chunk = _read_chunk(connection, side, zone, most)
            if chunk is None:
                break
            with hold():
                done += _add_chunk(connection, chunk)
            if chunk.count < most:
                break
    return done


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one chunk."""

    side: Side
    bounds: tuple[int, int]
    """Ids: above the first, up to the second."""
    home_day: str
    """The SQL that numbers the home zone's days."""
    is_home_utc: bool

    @property
    def calendars(self) -> Calendars:
        """A ledger at home in UTC needs no second calendar."""
        utc = (UTC_DAYS, UTC_DAY, 0)
        return (utc,) if self.is_home_utc else (utc, (HOME_DAYS, HOME_DAY, 1))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What the rows of one chunk add to the roll-ups."""

    rows: _Rows
    count: int
    told: tuple[str, ...]
    """The sums that anything told of: what is not there need not be added up."""
    days: list[Key]
    quarters: list[Key]
    units: "Counter[tuple[int | str, ...]]"
    sketches: dict[tuple[int, int, int], tuple[Sketch, Sketch]]


def _watermark(connection: sqlite3.Connection, side: Side) -> int:
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (side.watermark,)).fetchone()
    return 0 if found is None else int(found[0])


def _read_chunk(connection: sqlite3.Connection, side: Side, zone: tzinfo, most: int) -> _Chunk | None:
    """The next rows above the watermark, added up; nobody waits for it. None when there are none.

    Rows never change, and they only go when the roll-ups hold them: the watermark is another one then.
    """
    low = _watermark(connection, side)
    units = ", ".join(_UNITS)
    high, count, first, last, *told = connection.execute(
        f"SELECT max(id), count(*), min({side.time}), max({side.time}), {', '.join(f'count({name})' for name in _UNITS)}"
        f" FROM (SELECT id, {side.time}, {units} FROM {side.table} WHERE id > ? ORDER BY id LIMIT ?)",
        (low, most),
    ).fetchone()
    if not count:
        return None
    rows = _Rows(side, (low, high), _home_day(f"r.{side.time}", first, last, zone), zone is UTC)
    silent = {name for name, told_of in zip(_UNITS, told, strict=True) if not told_of}
    names = tuple(name for name in _SUMS if name not in silent)
    return _Chunk(rows, int(count), names, *_sums(connection, rows, names), *_details(connection, rows))


def _add_chunk(connection: sqlite3.Connection, chunk: _Chunk) -> int:
    """Add a chunk and move the watermark behind it; how many rows: none when somebody else was here meanwhile."""
    side, (low, high) = chunk.rows.side, chunk.rows.bounds
    with transaction(connection):
        if _watermark(connection, side) != low:
            return 0
        to_days = _add_to("rollup_days", "zone, day, model_id, attribution_id, trait_id", chunk.told)
        connection.executemany(to_days, chunk.days)
        connection.executemany(_add_to("rollup_quarters", "grain, slot, model_id, billing", chunk.told), chunk.quarters)
        _add_units(connection, chunk.units)
        _add_sketches(connection, chunk.sketches)
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (side.watermark, str(high)),
        )
    return chunk.count


def _home_day(time: str, first: int, last: int, zone: tzinfo) -> str:
    """The SQL that numbers the home zone's days; its clock may change within a chunk."""
    parts = list(stretches(first, last + 1, zone))
    cases = " ".join(f"WHEN {time} < {part.until_ms} THEN {part.offset_ms}" for part in parts[:-1])
    offset = f"CASE {cases} ELSE {parts[-1].offset_ms} END" if cases else str(parts[-1].offset_ms)
    return f"(({time} + {offset}) / {DAY_MS})"


def _sums(connection: sqlite3.Connection, rows: _Rows, told: tuple[str, ...]) -> tuple[list[Key], list[Key]]:
    """What goes to the cube, and to the sums by model: all of it is made of sums by quarter-hour, so rows are read once."""
    found = connection.execute(_read_sums(rows.side, rows.home_day, told), rows.bounds).fetchall()
    slots = _merged(((row[0], row[1], row[2], row[5]), row[6:]) for row in found)
    hours = _merged(((slot // _QUARTERS_OF_HOUR, *key), sums) for (slot, *key), sums in slots.items())
    sized: list[Key] = [(QUARTER, key[0], *key[2:], *sums) for key, sums in slots.items()]
    sized += [(HOUR, key[0], *key[2:], *sums) for key, sums in hours.items()]
    by_day = _merged(((hour // _HOURS_OF_DAY, *key), sums) for (hour, *key), sums in hours.items())
    cube = _merged(((row[0] // _QUARTERS_OF_DAY, *row[1:5]), row[6:]) for row in found)
    placed: list[Key] = []
    for zone, grain, place in rows.calendars:
        sized += [(grain, key[place], *key[2:], *sums) for key, sums in by_day.items()]
        placed += [(zone, key[place], *key[2:], *sums) for key, sums in cube.items()]
    return placed, sized


def _read_sums(side: Side, home_day: str, told: tuple[str, ...]) -> str:
    """The SQL of a chunk's sums: quarter-hour, home day, model, attribution, trait and billing come before them."""
    parts = ", ".join(f"{side.parts[name]} AS {name}" for name in told if name in side.parts)
    by_trait = {name: f"g.requests * ({is_such})" for name, is_such in side.by_trait.items()}
    sums = ", ".join(by_trait.get(name, f"g.{name}" if name in side.parts else "0") for name in told)
    return (
        f"SELECT g.slot, g.home, g.model_id, g.attribution_id, g.trait_id, t.billing, {sums} FROM ("
        f"SELECT r.{side.time} / {QUARTER * 1000} AS slot, {home_day} AS home, r.model_id, r.attribution_id, r.trait_id,"
        f" {parts} FROM {side.table} r WHERE r.id > ? AND r.id <= ? GROUP BY 1, 2, 3, 4, 5"
        ") g JOIN traits t ON t.id = g.trait_id"
    )


@cache
def _add_to(table: str, keys: str, told: tuple[str, ...]) -> str:
    """The SQL that adds told sums to a roll-up; a row that is new has 0 for the others."""
    marks = ", ".join("?" * (keys.count(",") + 1))
    values = ", ".join("?" if name in told else "0" for name in _SUMS)
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in told)
    return (
        f"INSERT INTO {table} ({keys}, {', '.join(_SUMS)}) VALUES ({marks}, {values}) ON CONFLICT DO UPDATE SET {sums}"
    )


def _merged(pairs: Iterable[tuple[Key, Sums]]) -> dict[Key, Sums]:
    """Sums of the same key as one each."""
    found: dict[Key, Sums] = {}
    for key, sums in pairs:
        known = found.get(key)
        found[key] = sums if known is None else tuple(map(add, known, sums))
    return found


def _details(
    connection: sqlite3.Connection, rows: _Rows
) -> "tuple[Counter[tuple[int | str, ...]], dict[tuple[int, int, int], tuple[Sketch, Sketch]]]":
    """What no sum holds: the rare units, which have no column, and the response times of requests."""
    side, calendars = rows.side, rows.calendars
    columns, is_told = "NULL, NULL, r.kind <> 'reconcile'", "r.other_usage IS NOT NULL"
    if side is REQUESTS:
        columns = "r.latency_ms, r.first_token_ms, 1"
        is_told += " OR r.latency_ms IS NOT NULL OR r.first_token_ms IS NOT NULL"
    found = connection.execute(
        f"SELECT r.{side.time} / {DAY_MS}, {rows.home_day}, r.model_id, r.attribution_id, r.trait_id, r.other_usage,"
        f" {columns} FROM {side.table} r WHERE r.id > ? AND r.id <= ? AND ({is_told})",
        rows.bounds,
    )
    times: dict[tuple[int, int, int], tuple[list[int], list[int]]] = {}
    units: Counter[tuple[int | str, ...]] = Counter()
    for utc, home, model, attribution, trait, other, latency, first_token, counts in found:
        if latency is not None or first_token is not None:
            lists = times.setdefault((utc, home, model), ([], []))
            if latency is not None and latency >= 0:
                lists[0].append(latency)
            if first_token is not None and first_token >= 0:
                lists[1].append(first_token)
        if other is not None and counts:
            for zone, _, place in calendars:
                key = (zone, (utc, home)[place], model, attribution, trait)
                for unit, quantity in json.loads(other, parse_float=Decimal).items():
                    units[*key, unit] += round(Decimal(quantity) * MICRO)
    return units, _sketched(times, calendars)


def _add_units(connection: sqlite3.Connection, units: "Counter[tuple[int | str, ...]]") -> None:
    """Rare units have no column; without this, pruning would lose them."""
    connection.executemany(
        "INSERT INTO rollup_units VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET micro_quantity = micro_quantity + excluded.micro_quantity",
        [(*key, micro) for key, micro in units.items()],
    )


def _sketched(
    times: dict[tuple[int, int, int], tuple[list[int], list[int]]], calendars: Calendars
) -> dict[tuple[int, int, int], tuple[Sketch, Sketch]]:
    sketches: dict[tuple[int, int, int], tuple[Sketch, Sketch]] = {}
    for (utc, home, model), lists in times.items():
        both = (Sketch(), Sketch())
        for sketch, values in zip(both, lists, strict=True):
            sketch.add_all(values)
        for zone, _, place in calendars:
            into = sketches.setdefault((zone, (utc, home)[place], model), (Sketch(), Sketch()))
            for sketch, more in zip(into, both, strict=True):
                sketch.merge(more)
    return sketches


def _add_sketches(connection: sqlite3.Connection, sketches: dict[tuple[int, int, int], tuple[Sketch, Sketch]]) -> None:
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
