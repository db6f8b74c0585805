"""Whether the roll-ups are what they say: the sums of their rows, and of what was pruned, the same at every grain.

Each check answers with the places where its promise is broken: table, day and model.
"""

import sqlite3
from collections.abc import Callable, Iterator

from llmledger.core.window import DAY_MS, day_of_number
from llmledger.ledger.rollups.catch_up import (
    ADJUSTMENTS,
    HOME_DAY,
    HOME_DAYS,
    HOUR,
    QUARTER,
    REQUESTS,
    UTC_DAY,
    UTC_DAYS,
    Side,
    read_watermarks,
    sums_names,
)

Check = Callable[[sqlite3.Connection], Iterator[str]]

_CALENDARS = {UTC_DAYS: "UTC", HOME_DAYS: "home zone"}
_KEYS = "model_id, attribution_id, trait_id"
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in sums_names())
_NEGATED = ", ".join(f"-sum({name}) AS {name}" for name in sums_names())


def broken_rollups(connection: sqlite3.Connection) -> Iterator[str]:
    """Every place where the roll-ups do not add up; nothing when they do."""
    for _, places in ROLLUP_PROMISES:
        yield from places(connection)


def _watermarks(connection: sqlite3.Connection) -> Iterator[str]:
    """A watermark beyond the rows would leave out the next ones for ever."""
    marks = read_watermarks(connection)
    last = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    for table, mark, key in (
        ("requests", marks.request, "rolled_request"),
        ("adjustments", marks.adjustment, "rolled_adjustment"),
    ):
        if mark > last.get(table, 0):
            yield f"meta key {key} is {mark:,}; the last row of {table} ever written is {last.get(table, 0):,}"


def _names(connection: sqlite3.Connection) -> Iterator[str]:
    """A sum whose model, attribution or trait is gone is in the total and in no group."""
    for dimension, column, table in (
        ("provider and model", "model_id", "models"),
        ("client, user, team, project, operation, app, key and host", "attribution_id", "attributions"),
        ("source, status, billing, endpoint and cost source", "trait_id", "traits"),
    ):
        rows = connection.execute(
            f"SELECT zone, day, {column} FROM rollup_days d WHERE NOT EXISTS "
            f"(SELECT 1 FROM {table} t WHERE t.id = d.{column}) ORDER BY zone, day"
        )
        for zone, day, number in rows:
            place = f"rollup_days, {_CALENDARS[zone]} {day_of_number(day)}"
            yield f"{place}: the sums by {dimension} lack those of {table} row {number}, which is not there"
    rows = connection.execute(
        "SELECT grain, slot, model_id FROM rollup_quarters q WHERE NOT EXISTS "
        "(SELECT 1 FROM models m WHERE m.id = q.model_id) ORDER BY grain, slot"
    )
    for grain, slot, number in rows:
        yield f"rollup_quarters, grain {grain}, slot {slot}: models row {number} is not there"


def _calendars(connection: sqlite3.Connection) -> Iterator[str]:
    """The days of both calendars hold the same sums, for each model, attribution and trait."""
    if _is_home_utc(connection):
        return
    sums = ", ".join(f"sum(iif(zone = {UTC_DAYS}, 1, -1) * {name}) AS {name}" for name in sums_names())
    yield from _differing(
        connection,
        f"SELECT {_KEYS}, NULL AS day, {sums} FROM rollup_days GROUP BY {_KEYS}",
        "rollup_days: UTC and home zone differ",
    )


def _grains(connection: sqlite3.Connection) -> Iterator[str]:
    """Day by day and model by model, the sums by model are those of the cube."""
    cuts = dict(connection.execute("SELECT what, max(before_ms) FROM prunings GROUP BY what").fetchall())
    is_home_utc = _is_home_utc(connection)
    for name, calendar, grain, cut in (
        ("days by model", UTC_DAYS, UTC_DAY, 0),
        ("home days by model", HOME_DAYS, HOME_DAY, 0),
        ("hours", UTC_DAYS, HOUR, cuts.get("hours", 0)),
        ("quarter-hours", UTC_DAYS, QUARTER, cuts.get("quarter_hours", 0)),
    ):
        if is_home_utc and calendar == HOME_DAYS:
            continue
        day = "slot" if grain in (UTC_DAY, HOME_DAY) else f"slot * {grain} / 86400"
        parts = (
            f"SELECT day, model_id, {_SUMS} FROM rollup_days WHERE zone = {calendar} GROUP BY 1, 2",
            f"SELECT {day} AS day, model_id, {_NEGATED} FROM rollup_quarters WHERE grain = {grain} GROUP BY 1, 2",
        )
        yield from _differing(
            connection,
            f"SELECT model_id, NULL AS attribution_id, NULL AS trait_id, day, {_SUMS} "
            f"FROM ({' UNION ALL '.join(parts)}) WHERE day >= {_first_day(cut)} GROUP BY day, model_id",
            f"rollup_quarters, {name}",
        )


def _days(connection: sqlite3.Connection) -> Iterator[str]:
    """Every cell of the cube against its rows, for the days that still have them."""
    detail_ms = connection.execute("SELECT max(before_ms) FROM prunings WHERE what = 'detail'").fetchone()[0] or 0
    marks = read_watermarks(connection)
    first = _first_day(detail_ms)
    parts = [
        f"SELECT r.{side.time} / {DAY_MS} AS day, r.model_id, r.attribution_id, r.trait_id, {_sums_of(side)} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id "
        f"WHERE r.id <= {mark} AND r.{side.time} >= {first * DAY_MS} GROUP BY 1, 2, 3, 4"
        for side, mark in ((REQUESTS, marks.request), (ADJUSTMENTS, marks.adjustment))
    ]
    negated = ", ".join(f"-{name}" for name in sums_names())
    parts.append(f"SELECT day, {_KEYS}, {negated} FROM rollup_days WHERE zone = {UTC_DAYS} AND day >= {first}")
    yield from _differing(
        connection,
        f"SELECT {_KEYS}, day, {_SUMS} FROM ({' UNION ALL '.join(parts)}) GROUP BY day, {_KEYS}",
        "rollup_days, UTC",
    )


def _sums_of(side: Side) -> str:
    return ", ".join(f"{side.sum_of(name)} AS {name}" for name in sums_names())


def _units(connection: sqlite3.Connection) -> Iterator[str]:
    """Rare units: the same in both calendars."""
    if _is_home_utc(connection):
        return
    rows = connection.execute(
        f"SELECT unit, model_id, sum(iif(zone = {UTC_DAYS}, 1, -1) * micro_quantity) AS difference FROM rollup_units "
        f"GROUP BY {_KEYS}, unit HAVING difference <> 0 ORDER BY unit, model_id"
    )
    for unit, model, difference in rows:
        yield f"rollup_units: {unit} of models row {model} differs by {difference:,} millionths between UTC and home zone"


def _pruned(connection: sqlite3.Connection) -> Iterator[str]:
    """Rows, and what prunes noted that they took, make up the roll-ups."""
    marks = read_watermarks(connection)
    sums = "COALESCE(sum(requests), 0), COALESCE(sum(cost_nanousd), 0)"
    found = connection.execute(f"SELECT {sums} FROM rollup_days WHERE zone = {UTC_DAYS}").fetchone()
    queries = (
        f"SELECT count(*), COALESCE(sum(cost_nanousd), 0) FROM requests WHERE id <= {marks.request}",
        f"SELECT {sums} FROM adjustments WHERE id <= {marks.adjustment} AND kind <> 'reconcile'",
        f"SELECT {sums} FROM prunings WHERE what = 'detail'",
    )
    parts = [connection.execute(query).fetchone() for query in queries]
    for name, held, *made in zip(("requests", "nano-dollars"), found, *parts, strict=True):
        if held != sum(made):
            yield f"rollup_days hold {held:,} {name}; rows, corrections and the receipts of prunes make {sum(made):,}"


def _first_day(cut_ms: int) -> int:
    """The first whole day of UTC after a cut."""
    return -(-cut_ms // DAY_MS) if cut_ms else -(2**40)


def _is_home_utc(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT value = 'UTC' FROM meta WHERE key = 'home_zone'").fetchone()[0])


def _differing(connection: sqlite3.Connection, query: str, where: str) -> Iterator[str]:
    """The places of a difference that has a sum which is not zero, and which sum that is."""
    wrong = " OR ".join(f"{name} <> 0" for name in sums_names())
    rows = connection.execute(
        f"SELECT d.day, m.provider || '/' || m.model, d.model_id, d.attribution_id, d.trait_id, "
        f"{', '.join(f'd.{name}' for name in sums_names())} FROM ({query}) d LEFT JOIN models m ON m.id = d.model_id "
        f"WHERE {wrong} ORDER BY d.day, d.model_id"
    )
    for day, model, model_id, attribution, trait, *sums in rows:
        name, off = next((name, number) for name, number in zip(sums_names(), sums, strict=True) if number)
        when = "" if day is None else f" {day_of_number(int(day))}"
        cell = "" if attribution is None else f", attributions row {attribution}, traits row {trait}"
        yield f"{where}{when}, {model or f'models row {model_id}'}{cell}: {name} is off by {off:,}"


ROLLUP_PROMISES: tuple[tuple[str, Check], ...] = (
    ("roll-ups stand on rows that were written", _watermarks),
    ("every dimension of the roll-ups sums to the total", _names),
    ("both calendars of the roll-ups hold the same", _calendars),
    ("roll-ups are the same at every grain", _grains),
    ("roll-ups are the sums of their rows", _days),
    ("rare units are the same in both calendars", _units),
    ("roll-ups are what is there and what was pruned", _pruned),
)
