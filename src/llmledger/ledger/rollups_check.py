"""Whether the roll-ups are what they say: the sums of their rows, and of what was pruned, the same at every grain."""

import sqlite3
from collections.abc import Iterator

from llmledger.core.window import DAY_MS, day_of_number
from llmledger.ledger.rollups import (
    ADJUSTMENTS,
    HOME_DAY,
    HOME_DAYS,
    HOUR,
    QUARTER,
    REQUESTS,
    UTC_DAY,
    UTC_DAYS,
    read_watermarks,
    sums_names,
)

GRAINS = {
    "days of the home zone": f"rollup_days WHERE zone = {HOME_DAYS}",
    "days by model": f"rollup_quarters WHERE grain = {UTC_DAY}",
    "home days by model": f"rollup_quarters WHERE grain = {HOME_DAY}",
    "hours": f"rollup_quarters WHERE grain = {HOUR}",
    "quarter-hours": f"rollup_quarters WHERE grain = {QUARTER}",
}


def broken_rollups(connection: sqlite3.Connection) -> Iterator[str]:
    """One sentence for each way in which the roll-ups do not add up; nothing when they do."""
    cuts = dict(connection.execute("SELECT what, max(before_ms) FROM prunings GROUP BY what").fetchall())
    yield from _grains(connection, is_fine_pruned="hours" in cuts)
    yield from _days(connection, cuts.get("detail", 0))
    yield from _pruned(connection)


def _grains(connection: sqlite3.Connection, *, is_fine_pruned: bool) -> Iterator[str]:
    whole = _totals(connection, f"rollup_days WHERE zone = {UTC_DAYS}")
    is_home_utc = connection.execute("SELECT value FROM meta WHERE key = 'home_zone'").fetchone()[0] == "UTC"
    for name, source in GRAINS.items():
        if (is_home_utc and "home" in name) or (is_fine_pruned and name in {"hours", "quarter-hours"}):
            continue
        for column, one, other in zip(sums_names(), whole, _totals(connection, source), strict=True):
            if one != other:
                yield f"roll-ups: {column} is {one:,} by days of UTC and {other:,} by {name}"
                break


def _totals(connection: sqlite3.Connection, source: str) -> tuple[int, ...]:
    sums = ", ".join(f"COALESCE(sum({name}), 0)" for name in sums_names())
    return tuple(connection.execute(f"SELECT {sums} FROM {source}").fetchone())


def _days(connection: sqlite3.Connection, detail_ms: int) -> Iterator[str]:
    """Every cell of the cube against its rows, for the days that still have them."""
    marks = read_watermarks(connection)
    first = -(-detail_ms // DAY_MS)
    keys = "day, model_id, attribution_id, trait_id"
    parts = [
        f"SELECT r.{side.time} / {DAY_MS} AS day, r.model_id, r.attribution_id, r.trait_id, {_named(side.sums)} "
        f"FROM {side.table} r JOIN traits t ON t.id = r.trait_id "
        f"WHERE r.id <= {mark} AND r.{side.time} >= {first * DAY_MS} GROUP BY 1, 2, 3, 4"
        for side, mark in ((REQUESTS, marks.request), (ADJUSTMENTS, marks.adjustment))
    ]
    negated = ", ".join(f"-{name}" for name in sums_names())
    parts.append(f"SELECT {keys}, {negated} FROM rollup_days WHERE zone = {UTC_DAYS} AND day >= {first}")
    wrong = " OR ".join(f"sum({name}) <> 0" for name in sums_names())
    cells, day = connection.execute(
        f"SELECT count(*), min(day) FROM (SELECT {keys} FROM ({' UNION ALL '.join(parts)}) GROUP BY {keys} HAVING {wrong})"
    ).fetchone()
    if cells:
        yield f"roll-ups: {cells:,} sums of a day are not those of its rows, first on {day_of_number(day)}"


def _named(sums: str) -> str:
    """The sums of one side, under the names of the roll-ups; they are separated by top-level commas."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(sums):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(sums[start:place])
            start = place + 1
    parts.append(sums[start:])
    return ", ".join(f"{part.strip()} AS {name}" for part, name in zip(parts, sums_names(), strict=True))


def _pruned(connection: sqlite3.Connection) -> Iterator[str]:
    """Rows, and what receipts say was removed, make up the roll-ups."""
    marks = read_watermarks(connection)
    found = connection.execute(
        f"SELECT COALESCE(sum(requests), 0), COALESCE(sum(cost_nanousd), 0) FROM rollup_days WHERE zone = {UTC_DAYS}"
    ).fetchone()
    sums = "COALESCE(sum(requests), 0), COALESCE(sum(cost_nanousd), 0)"
    queries = (
        f"SELECT count(*), COALESCE(sum(cost_nanousd), 0) FROM requests WHERE id <= {marks.request}",
        f"SELECT {sums} FROM adjustments WHERE id <= {marks.adjustment} AND kind <> 'reconcile'",
        f"SELECT {sums} FROM prunings WHERE what = 'detail'",
    )
    parts = [connection.execute(query).fetchone() for query in queries]
    for name, held, *made in zip(("requests", "nano-dollars"), found, *parts, strict=True):
        if held != sum(made):
            yield f"roll-ups hold {held:,} {name}; rows and the receipts of prunes make {sum(made):,}"
