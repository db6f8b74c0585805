"""Adding up: a question in, sums per group out.

Groups are formed over the ids of the small dictionary tables and over whole hours or days of the zone's clock, and
named afterwards, so that the database touches few columns and Python few groups. A reconcile adjustment corrects what
was charged, never a count or a cost. What the roll-ups do not hold yet is added from the rows, in the same snapshot.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from llmledger.core.report import Answer, Gap, Question, Tally
from llmledger.core.selection import ALL_TAGS
from llmledger.core.stats import Sketch
from llmledger.core.window import DAY_MS, Stretch, from_unix_ms, stretches, unix_ms
from llmledger.ledger.queries.cube import add_days, add_sketches, add_slots
from llmledger.ledger.queries.plan import From, Piece, Plan, Span, has_sketches, make_plan, read_facts
from llmledger.ledger.queries.reading import Reading, start_reading
from llmledger.ledger.queries.rows import add_adjustments, add_latencies, add_rows
from llmledger.ledger.queries.shape import Groups, shape_of
from llmledger.ledger.rollups.catch_up import HOUR, read_watermarks

Connection: TypeAlias = sqlite3.Connection
"""For those above the ledger, who may hold a connection and never use it themselves."""

MANY_ROWS = 200_000
"""Response times that no sketch holds are worked out from up to so many rows; beyond, they would take seconds."""


def aggregate(connection: sqlite3.Connection, question: Question, *, most_rows: int = MANY_ROWS) -> Answer:
    """Answer a question from the roll-ups of a ledger, its rows and the adjustments to them."""
    with _snapshot(connection):
        groups, plan, has_latencies = _read(connection, question, most_rows)
        if ALL_TAGS in question.by:
            totals = _read(connection, replace(question, by=()), most_rows)[0]
        else:
            totals = _summed(groups, question)
        return Answer(
            cells=groups.cells(),
            totals=totals.cells(),
            gaps=tuple(_counted(connection, plan.gaps)),
            price_version=newest_price_version(connection),
            has_latencies=has_latencies,
        )


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read everything as of one moment: a roll-up that is caught up meanwhile must not count twice."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


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


def _read(connection: sqlite3.Connection, question: Question, most_rows: int) -> tuple[Groups, Plan, bool]:
    reading = start_reading(connection, question, read_facts(connection))
    plan = make_plan(reading.shape, _span(connection, question), reading.facts)
    for piece in plan.pieces:
        _add(reading, piece)
    has_latencies = question.latencies and _add_latencies(reading, plan, most_rows)
    return reading.groups, plan, has_latencies


def _span(connection: sqlite3.Connection, question: Question) -> Span:
    """The part of the question's range in which there is anything."""
    first, after = data_bounds(connection)
    since, until = question.window.since_ms, question.window.until_ms
    return Span(
        first if since is None else max(since, first),
        after if until is None else min(until, after),
        is_open_below=since is None or since <= first,
        is_open_above=until is None or until >= after,
    )


def data_bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    """The range of all times in the ledger, half-open; empty when it holds nothing."""
    first, after = connection.execute(
        "SELECT min(low), max(high) FROM ("
        "SELECT (SELECT min(started_ms) FROM requests) low, (SELECT max(started_ms) + 1 FROM requests) high "
        "UNION ALL SELECT (SELECT min(effective_ms) FROM adjustments), (SELECT max(effective_ms) + 1 FROM adjustments) "
        f"UNION ALL SELECT (SELECT min(day) * {DAY_MS} FROM rollup_days WHERE zone = 0 AND {_PRUNED}), "
        f"(SELECT {_AFTER} FROM rollup_days WHERE zone = 0 AND {_PRUNED}))"
    ).fetchone()
    return (0, 0) if first is None else (int(first), int(after))


_PRUNED = "EXISTS (SELECT 1 FROM prunings)"
"""Only then can the roll-ups reach further than the rows."""

_MERGED = f"max(day) * {DAY_MS} < (SELECT max(before_ms) FROM prunings WHERE what = 'days')"
_AFTER = (
    f"CASE WHEN {_MERGED} THEN strftime('%s', max(day) * 86400, 'unixepoch', 'start of month', '+1 month') * 1000 "
    f"ELSE (max(day) + 1) * {DAY_MS} END"
)
"""Days that were merged into their month stand on its first: what they hold may have been anywhere in it."""


def _add(reading: Reading, piece: Piece) -> None:
    above = reading.facts.marks
    if piece.source is From.ROWS:
        for stretch in _stretches(reading, piece):
            add_rows(reading, stretch)
            add_adjustments(reading, stretch)
        return
    if piece.source is From.DAYS:
        add_days(reading, piece)
    else:
        add_slots(reading, piece)
    for stretch in _stretches(reading, piece):
        add_rows(reading, stretch, above=above.request)
        add_adjustments(reading, stretch, above=above.adjustment)


def _stretches(reading: Reading, piece: Piece) -> Iterator[Stretch]:
    """The parts of a piece within which plain division finds the days; the whole of it when time is not asked for."""
    if reading.shape.slot is None:
        yield Stretch(piece.since_ms, piece.until_ms, 0)
    else:
        yield from stretches(piece.since_ms, piece.until_ms, reading.shape.tz)


def _add_latencies(reading: Reading, plan: Plan, most_rows: int) -> bool:
    """Add the response times from sketches and rows; none at all when a part of them cannot be told."""
    sketched = [piece for piece in plan.pieces if piece.source is From.DAYS and has_sketches(reading.question)]
    rest = [piece for piece in plan.pieces if piece not in sketched]
    if not all(_has_few_rows(reading, piece, most_rows) for piece in rest):
        for tally in reading.groups.found.values():
            tally.latency, tally.first_token = Sketch(), Sketch()
        return False
    for piece in plan.pieces:
        above = reading.facts.marks.request if piece in sketched else 0
        if piece in sketched:
            add_sketches(reading, piece)
        for stretch in _stretches(reading, piece):
            add_latencies(reading, stretch, above=above)
    return True


def _has_few_rows(reading: Reading, piece: Piece, most_rows: int) -> bool:
    """Whether the rows of a piece are all there, and not too many to look at."""
    if piece.since_ms < reading.facts.detail_ms:
        return False
    found = reading.connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM requests WHERE started_ms >= ? AND started_ms < ? LIMIT ?)",
        (piece.since_ms, piece.until_ms, most_rows + 1),
    ).fetchone()
    return int(found[0]) <= most_rows


def _counted(connection: sqlite3.Connection, gaps: tuple[Gap, ...]) -> Iterator[Gap]:
    """The gaps in which there is anything, with the number of requests in the hours (or else days) they touch."""
    marks = read_watermarks(connection)
    for gap in gaps:
        since, until = unix_ms(gap.since), unix_ms(gap.until)
        late = [
            int(connection.execute(sql, (mark, since, until)).fetchone()[0])
            for sql, mark in (
                ("SELECT count(*) FROM requests WHERE id > ? AND started_ms >= ? AND started_ms < ?", marks.request),
                (
                    "SELECT count(*) FROM adjustments WHERE id > ? AND effective_ms >= ? AND effective_ms < ?",
                    marks.adjustment,
                ),
            )
        ]
        requests, sums = _rolled_up(connection, since, until)
        if sums or any(late):
            yield replace(gap, requests=requests + late[0])


def _rolled_up(connection: sqlite3.Connection, since: int, until: int) -> tuple[int, int]:
    """Requests and sums in the hours that a range touches, or in its days when the hours are gone."""
    # Days may have been merged into the first of their month.
    month = unix_ms(from_unix_ms(since).replace(day=1))
    for grain, begin in ((HOUR, since), (24 * HOUR, month)):
        size = grain * 1000
        requests, sums = connection.execute(
            "SELECT COALESCE(sum(requests), 0), count(*) FROM rollup_quarters "
            "WHERE grain = ? AND slot >= ? AND slot < ?",
            (grain, begin // size, -(-until // size)),
        ).fetchone()
        if sums:
            return int(requests), int(sums)
    return 0, 0
