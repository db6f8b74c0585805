"""Retention: removing what is old, in small transactions, so that every total stays as the roll-ups have it.

Three tiers: the texts of prompts and responses; detail rows, which live on in the roll-ups by day, hour and
quarter-hour; roll-ups, of which only months stay. A cut lies where a day (or month) begins in UTC or in the ledger's
home zone, whichever is earlier, so that both calendars keep whole ones. The cut is noted before the first row goes: a
prune that dies can simply be run again, and no report ever reads half of a day.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

from llmledger.core.stats import Sketch
from llmledger.core.window import add_months, day_number, day_of_number, day_start, from_unix_ms, local_day, unix_ms
from llmledger.ledger.connection import transaction
from llmledger.ledger.rollups.catch_up import (
    HOME_DAY,
    HOME_DAYS,
    HOUR,
    QUARTER,
    UTC_DAY,
    UTC_DAYS,
    add_up_columns,
    sums_names,
)
from llmledger.ledger.witnesses import remember_witnesses

CHUNK = 5_000
"""Rows per transaction, at most."""

_IS_UNFINISHED = "json_extract(receipt, '$.removed') IS NULL"
"""Of a receipt: its prune goes on, or died."""

Hold = Callable[[], AbstractContextManager[object]]
Size = Callable[[int], int]
"""How many rows the next chunk has, given how many it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a prune of one tier removes: everything before a moment, and how much that is."""

    tier: str
    before_ms: int
    count: int
    """Texts, requests, or roll-up sums."""
    nanousd: int = 0
    """What the removed requests cost; it stays in the roll-ups."""
    last_row: int = 0
    """The newest request that was counted: what arrives later is not removed, since no archive holds it."""


def aligned(moment: datetime, home: tzinfo) -> datetime:
    """The last moment not after another at which neither calendar is inside a day that would be cut in two by more."""
    return min(day_start(local_day(moment, zone), zone) for zone in (UTC, home))


def aligned_month(moment: datetime, home: tzinfo) -> datetime:
    """As `aligned`, for months."""
    return min(day_start(local_day(moment, zone).replace(day=1), zone) for zone in (UTC, home))


def measure(connection: sqlite3.Connection, tier: str, before_ms: int) -> Cut:
    """How much a prune of a tier would remove."""
    if tier == "content":
        count = connection.execute("SELECT count(*) FROM contents WHERE started_ms < ?", (before_ms,)).fetchone()[0]
        return Cut(tier=tier, before_ms=before_ms, count=count)
    if tier == "detail":
        count, cost, last = connection.execute(
            "SELECT count(*), COALESCE(sum(cost_nanousd), 0), COALESCE(max(id), 0) FROM requests WHERE started_ms < ?",
            (before_ms,),
        ).fetchone()
        return Cut(tier=tier, before_ms=before_ms, count=count, nanousd=cost, last_row=last)
    slots = connection.execute(
        "SELECT count(*) FROM rollup_quarters WHERE grain IN (?, ?) AND slot * grain * 1000 < ?",
        (QUARTER, HOUR, before_ms),
    ).fetchone()[0]
    return Cut(tier=tier, before_ms=before_ms, count=slots)


def remove(
    connection: sqlite3.Connection,
    cut: Cut,
    *,
    pruning: int,
    home: tzinfo,
    hold: Hold,
    advance: Callable[[int], None],
    size: Size = lambda most: most,
) -> int:
    """Remove a tier up to a cut, chunk by chunk; returns how much went. Detail must be rolled up before.

    `pruning` is the number that `begin_pruning` gave: each chunk adds to it what it took, so that what is gone is known
    to the nano-dollar also when a prune dies.
    """
    if cut.tier == "content":
        return _remove_contents(connection, cut.before_ms, hold, size)
    if cut.tier == "detail":
        _remove_contents(connection, cut.before_ms, hold, size)
        done = 0
        while True:
            chunk = size(CHUNK)
            with hold(), _removing(connection):
                gone = _remove_chunk(connection, cut, pruning, chunk)
            done += gone
            advance(gone)
            if gone < chunk:
                return done
    return _remove_rollups(connection, cut, home, hold)


def begin_pruning(
    connection: sqlite3.Connection, cut: Cut, *, now_ms: int, archive: tuple[Path, str] | None, hold: Hold
) -> int:
    """Note a cut before anything goes; from now on no answer is read from what lies before it. Returns its number.

    The archive, with its hash, is noted with the folder that it is in: also that of a prune which dies can be checked.
    """
    name, digest = (None, None) if archive is None else (archive[0].name, archive[1])
    receipt = {} if archive is None else {"archive_folder": str(archive[0].parent)}
    # Hours and quarter-hours go together with the days that make way for months.
    whats = ("quarter_hours", "hours", "days") if cut.tier == "rollups" else (cut.tier,)
    number = 0
    # A tier of rows counts while they go; the others are counted before.
    requests, nanousd = (0, 0) if cut.tier == "detail" else (cut.count, cut.nanousd)
    with hold(), transaction(connection):
        for what in whats:
            number = (
                connection.execute(
                    "INSERT INTO prunings (pruned_ms, what, before_ms, requests, cost_nanousd, archive_name, "
                    "archive_sha256, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (now_ms, what, cut.before_ms, requests, nanousd, name, digest, json.dumps(receipt)),
                ).lastrowid
                or 0
            )
    return number


def end_pruning(connection: sqlite3.Connection, number: int, receipt: dict[str, object], *, hold: Hold) -> None:
    """Write the receipt of a prune that came to its end; it stands for those before it that died at the same work."""
    with hold(), transaction(connection):
        connection.execute(
            "UPDATE prunings SET receipt = json_patch(?1, receipt) "
            f"WHERE {_IS_UNFINISHED} AND id <= ?2 AND before_ms <= "
            "(SELECT before_ms FROM prunings WHERE id = ?2) AND (what = (SELECT what FROM prunings WHERE id = ?2) "
            "OR pruned_ms = (SELECT pruned_ms FROM prunings WHERE id = ?2))",
            (json.dumps(receipt), number),
        )


def change_archive_hash(connection: sqlite3.Connection, name: str, *, before: str, after: str, hold: Hold) -> None:
    """An archive is about to be written anew: its receipt has the new hash from now on, and remembers the one before."""
    with hold(), transaction(connection):
        connection.execute(
            "UPDATE prunings SET archive_sha256 = ?1, receipt = json_set(receipt, '$.archive_sha256', ?1, "
            "'$.archive_sha256_before', ?2) WHERE archive_name = ?3 AND (archive_sha256 = ?2 OR "
            "json_extract(receipt, '$.archive_sha256_before') = ?2)",
            (after, before, name),
        )


@contextmanager
def _removing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction in which the guards let rows go."""
    with transaction(connection):
        connection.execute("INSERT INTO meta (key, value) VALUES ('retention', '1')")
        yield
        connection.execute("DELETE FROM meta WHERE key = 'retention'")


def _remove_contents(connection: sqlite3.Connection, before_ms: int, hold: Hold, size: Size) -> int:
    done = 0
    while True:
        chunk = size(CHUNK)
        with hold(), transaction(connection):
            gone = connection.execute(
                "DELETE FROM contents WHERE request_id IN "
                "(SELECT request_id FROM contents WHERE started_ms < ? LIMIT ?)",
                (before_ms, chunk),
            ).rowcount
        done += gone
        if gone < chunk:
            return done


def _remove_chunk(connection: sqlite3.Connection, cut: Cut, pruning: int, chunk: int) -> int:
    # What is not rolled up yet would be lost: a row that arrives while we prune waits for the next time.
    found = connection.execute(
        "SELECT id, cost_nanousd FROM requests WHERE started_ms < ? AND id <= ? AND id <= "
        "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'rolled_request') ORDER BY started_ms LIMIT ?",
        (cut.before_ms, cut.last_row, chunk),
    ).fetchall()
    rows = sorted(row for row, _ in found)
    remember_witnesses(connection, rows)
    connection.execute(
        "UPDATE prunings SET requests = requests + ?, cost_nanousd = cost_nanousd + ? WHERE id = ?",
        (len(rows), sum(cost or 0 for _, cost in found), pruning),
    )
    connection.execute("DELETE FROM requests WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(rows),))
    return len(rows)


def _remove_rollups(connection: sqlite3.Connection, cut: Cut, home: tzinfo, hold: Hold) -> int:
    done = 0
    for grain in (QUARTER, HOUR):
        with hold(), transaction(connection):
            done += connection.execute(
                "DELETE FROM rollup_quarters WHERE grain = ? AND slot < ?", (grain, cut.before_ms // (grain * 1000))
            ).rowcount
    for calendar, zone, grain in ((UTC_DAYS, UTC, UTC_DAY), (HOME_DAYS, home, HOME_DAY)):
        first = _first_day(connection, calendar)
        after = local_day(from_unix_ms(cut.before_ms), zone).replace(day=1)
        month = None if first is None else day_of_number(first).replace(day=1)
        while month is not None and month < after:
            following = add_months(month, 1)
            with hold(), transaction(connection):
                done += _merge_month(connection, calendar, grain, month, following)
            month = following
    return done


def _first_day(connection: sqlite3.Connection, calendar: int) -> int | None:
    found = connection.execute("SELECT min(day) FROM rollup_days WHERE zone = ?", (calendar,)).fetchone()[0]
    return None if found is None else int(found)


def _merge_month(connection: sqlite3.Connection, calendar: int, grain: int, month: date, following: date) -> int:
    """Put all days of a month on its first; returns how many sums went."""
    first, after = day_number(month), day_number(following)
    gone = 0
    for table, fixed, number, day, keys in (
        ("rollup_days", "zone", calendar, "day", "model_id, attribution_id, trait_id"),
        ("rollup_quarters", "grain", grain, "slot", "model_id, billing"),
    ):
        inside = f"{fixed} = {number} AND {day} > {first} AND {day} < {after}"
        sums = ", ".join(f"sum({name})" for name in sums_names())
        connection.execute(
            f"INSERT INTO {table} ({fixed}, {day}, {keys}, {', '.join(sums_names())}) "
            f"SELECT {number}, {first}, {keys}, {sums} FROM {table} WHERE {inside} GROUP BY {keys} "
            f"ON CONFLICT DO UPDATE SET {add_up_columns()}"
        )
        gone += connection.execute(f"DELETE FROM {table} WHERE {inside}").rowcount
    inside = f"zone = {calendar} AND day > {first} AND day < {after}"
    connection.execute(
        "INSERT INTO rollup_units (zone, day, model_id, attribution_id, trait_id, unit, micro_quantity) "
        f"SELECT {calendar}, {first}, model_id, attribution_id, trait_id, unit, sum(micro_quantity) "
        f"FROM rollup_units WHERE {inside} GROUP BY model_id, attribution_id, trait_id, unit "
        "ON CONFLICT DO UPDATE SET micro_quantity = micro_quantity + excluded.micro_quantity"
    )
    connection.execute(f"DELETE FROM rollup_units WHERE {inside}")
    _merge_sketches(connection, calendar, first, after)
    return gone


def _merge_sketches(connection: sqlite3.Connection, calendar: int, first: int, after: int) -> None:
    rows = connection.execute(
        "SELECT model_id, latency, first_token FROM rollup_sketches WHERE zone = ? AND day >= ? AND day < ?",
        (calendar, first, after),
    ).fetchall()
    merged: dict[int, tuple[Sketch, Sketch]] = {}
    for model, *stored in rows:
        for sketch, packed in zip(merged.setdefault(model, (Sketch(), Sketch())), stored, strict=True):
            sketch.add_bytes(packed)
    connection.execute("DELETE FROM rollup_sketches WHERE zone = ? AND day >= ? AND day < ?", (calendar, first, after))
    connection.executemany(
        "INSERT INTO rollup_sketches VALUES (?, ?, ?, ?, ?)",
        [(calendar, first, model, *(sketch.to_bytes() for sketch in both)) for model, both in merged.items()],
    )


def cut_for(tier: str, moment: datetime, home: tzinfo) -> int:
    """Where a tier is cut when everything older than a moment may go, in milliseconds."""
    return unix_ms(aligned_month(moment, home) if tier == "rollups" else aligned(moment, home))
