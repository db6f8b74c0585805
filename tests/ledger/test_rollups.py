"""Roll-ups answer exactly what the rows answer, however far they are, at every grain, in every zone."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.histories import (
    CLOCK_CHANGES,
    HISTORIES,
    NEW_YORK_AUTUMN,
    ZONES,
    History,
    by_key,
    without_zeros,
    write_history,
)
from tests.support.laws import law
from tests.support.ledger_rows import Fact, LedgerRows, blank_ledger
from tests.support.slow_report import Entry, slow_sums

from llmledger.core.report import Question
from llmledger.core.selection import DIMENSIONS, Selection
from llmledger.core.stats import Sketch
from llmledger.core.window import Window, from_unix_ms
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.queries.plan import From, Span, make_plan, read_facts
from llmledger.ledger.queries.shape import shape_of
from llmledger.ledger.rollups.catch_up import catch_up, read_watermarks, rows_behind

ENDS = st.one_of(
    st.none(),
    st.integers(-30 * 24, 30 * 24).map(lambda hours: NEW_YORK_AUTUMN + hours * 3_600_000),
    st.integers(-30 * 86_400_000, 30 * 86_400_000).map(lambda away: NEW_YORK_AUTUMN + away),
)
SELECTIONS = st.sampled_from(
    [
        Selection(),
        Selection(),
        Selection(model=("b/*",)),
        Selection(provider=("openai",)),
        Selection(user=("ada",)),
        Selection(billing=("subscription", "api")),
        Selection(status=("failed", "interrupted")),
        Selection(session=("s1",)),
        Selection(estimated=True),
        Selection(unpriced=True),
    ]
)


def rolled(histories: list[History], home: str, chunk: int) -> tuple[sqlite3.Connection, list[Entry]]:
    """A ledger that was rolled up after each history but the last."""
    connection = blank_ledger(home_zone=home)
    rows, entries = LedgerRows(connection), []
    for history in histories:
        catch_up(connection, home, size=lambda _: chunk)
        entries += write_history(rows, history)
        connection.commit()
    return connection, entries


def window_of(since: int | None, until: int | None, zone: str) -> Window:
    """A window with these ends in either order."""
    if since is not None and until is not None:
        since, until = min(since, until), max(since, until) + 1
    begin = None if since is None else from_unix_ms(since)
    return Window(begin, None if until is None else from_unix_ms(until), zone)


@given(
    histories=st.lists(HISTORIES, min_size=1, max_size=3),
    by=st.lists(st.sampled_from([*DIMENSIONS, "tag:env"]), max_size=3, unique=True),
    zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    ends=st.tuples(ENDS, ENDS),
    chunk=st.integers(1, 9),
)
@law(60)
def test_reports_from_rollups_agree_with_a_slow_second_implementation(
    histories: list[History], by: list[str], zones: tuple[str, str], ends: tuple[int | None, int | None], chunk: int
) -> None:
    """Any grouping, any range, any two zones, rolled up at any moment in chunks of any size."""
    connection, entries = rolled(histories, zones[0], chunk)
    window = window_of(*ends, zones[1])
    inside = [entry for entry in entries if window.contains(from_unix_ms(entry.fact.started_ms))]

    answer = aggregate(connection, Question(window=window, by=tuple(by)))

    assert by_key(answer) == without_zeros(slow_sums(inside, tuple(by), zones[1]))
    assert answer.gaps == ()


@given(
    histories=st.lists(HISTORIES, min_size=2, max_size=3),
    by=st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True),
    zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    ends=st.tuples(ENDS, ENDS),
    selection=SELECTIONS,
)
@law(40)
def test_a_rolled_ledger_answers_like_one_that_never_was(
    histories: list[History],
    by: list[str],
    zones: tuple[str, str],
    ends: tuple[int | None, int | None],
    selection: Selection,
) -> None:
    """Sums and response times, under every filter."""
    connection, _ = rolled(histories, zones[0], 4)
    fresh = blank_ledger(home_zone=zones[0])
    write_history(LedgerRows(fresh), [event for history in histories for event in history])
    question = Question(window=window_of(*ends, zones[1]), by=tuple(by), selection=selection)

    one, other = aggregate(connection, question), aggregate(fresh, question)

    assert by_key(one) == by_key(other)
    assert {cell.key: (cell.tally.latency, cell.tally.first_token) for cell in one.cells} == {
        cell.key: (cell.tally.latency, cell.tally.first_token) for cell in other.cells
    }


@pytest.mark.parametrize("home", ["America/New_York", "Pacific/Chatham", "Australia/Lord_Howe"])
def test_days_of_the_home_zone_are_right_around_a_change_of_its_clock(home: str) -> None:
    """Every half hour of the days around it, rolled up in one chunk: 23 and 25 hours (or half an hour more) are one day."""
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    starts = [change + n * 1_800_000 - 1 for change in CLOCK_CHANGES for n in range(-72, 72)]
    facts = [Fact(started_ms=started, cost=n) for n, started in enumerate(starts)]
    for fact in facts:
        rows.add(fact)
    connection.commit()
    catch_up(connection, home, size=lambda _: 10_000)

    answer = aggregate(connection, Question(window=Window(zone=home), by=("day",), latencies=False))

    assert by_key(answer) == without_zeros(slow_sums([Entry(fact) for fact in facts], ("day",), home))


def test_catching_up_twice_counts_once_and_the_watermarks_move() -> None:
    """Late rows and adjustments are rolled up the next time."""
    connection = blank_ledger(home_zone="Asia/Kolkata")
    rows, fact = LedgerRows(connection), Fact(cost=5, started_ms=NEW_YORK_AUTUMN)
    identity = rows.add(fact)
    connection.commit()

    assert rows_behind(connection) == 1
    assert [catch_up(connection, "Asia/Kolkata") for _ in range(2)] == [1, 0]
    rows.adjust(identity, fact, -1, "duplicate")
    rows.add(Fact(cost=7, started_ms=NEW_YORK_AUTUMN - 10**10))
    connection.commit()
    assert catch_up(connection, "Asia/Kolkata") == 2

    marks = read_watermarks(connection)
    assert (marks.request, marks.adjustment, rows_behind(connection)) == (2, 1, 0)
    sums = connection.execute("SELECT zone, sum(requests), sum(cost_nanousd) FROM rollup_days GROUP BY zone").fetchall()
    assert sums == [(0, 1, 7), (1, 1, 7)]


def test_a_catch_up_stops_between_chunks_when_it_may_not_go_on() -> None:
    """What is done stays done."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for _ in range(5):
        rows.add(Fact())
    connection.commit()
    answers = iter([True, True, False, False])

    assert catch_up(connection, "UTC", may_go_on=lambda: next(answers), size=lambda _: 2) == 4
    assert rows_behind(connection) == 1


def test_who_was_slower_adds_nothing_that_is_there_already(tmp_path: Path) -> None:
    """A chunk is read before the lock is held; somebody else may roll it up meanwhile."""
    connection, other = blank_ledger(str(tmp_path / "ledger.db")), sqlite3.connect(tmp_path / "ledger.db")
    rows = LedgerRows(connection)
    for _ in range(5):
        rows.add(Fact(cost=7, latency_ms=5, other_usage={"images": "2"}))
    connection.commit()
    held: list[int] = []

    @contextmanager
    def hold() -> Iterator[None]:
        if not held:
            other.isolation_level = None
            held.append(catch_up(other, "UTC", size=lambda _: 4))
        yield

    assert (catch_up(connection, "UTC", hold=hold, size=lambda _: 3), held) == (0, [5])
    assert rows_behind(connection) == 0
    assert connection.execute("SELECT requests, cost_nanousd FROM rollup_days").fetchall() == [(5, 35)]
    assert connection.execute("SELECT micro_quantity FROM rollup_units").fetchall() == [(10_000_000,)]
    assert connection.execute("SELECT DISTINCT requests FROM rollup_quarters").fetchall() == [(5,)]
    times = Sketch()
    times.add_bytes(connection.execute("SELECT latency FROM rollup_sketches").fetchone()[0])
    assert times.count == 5


def test_a_chunk_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Sums and watermark are one transaction."""
    connection = blank_ledger(str(tmp_path / "ledger.db"))
    rows = LedgerRows(connection)
    rows.add(Fact(latency_ms=5))
    connection.commit()
    connection.execute("ALTER TABLE rollup_sketches RENAME TO gone")

    with pytest.raises(sqlite3.OperationalError):
        catch_up(connection, "UTC")

    assert read_watermarks(connection).request == 0
    assert connection.execute("SELECT count(*) FROM rollup_days").fetchone() == (0,)


def test_rare_units_are_rolled_up_to_the_millionth() -> None:
    """0.5 s and 1.25 s of audio; a correction takes one away."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    rows.add(Fact(other_usage={"audio_seconds": "0.5", "images": "2"}))
    rows.add(Fact(other_usage={"audio_seconds": "1.25"}))
    connection.commit()
    catch_up(connection, "UTC")

    found = dict(connection.execute("SELECT unit, micro_quantity FROM rollup_units WHERE zone = 0").fetchall())
    assert found == {"audio_seconds": 1_750_000, "images": 2_000_000}


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("by", "zone", "selection", "sources"),
    [
        ((), "UTC", Selection(), [From.DAYS]),
        (("day", "project"), "UTC", Selection(user=("ada",)), [From.DAYS]),
        (("day", "project"), "Europe/Berlin", Selection(), [From.DAYS]),
        (("day", "project"), "Europe/Paris", Selection(), [From.DAYS]),
        (("day", "model"), "America/New_York", Selection(), [From.HOURS]),
        (("day", "model"), "Asia/Kolkata", Selection(), [From.QUARTERS]),
        (("hour",), "Asia/Tokyo", Selection(model=("a",)), [From.HOURS]),
        (("day", "project"), "Asia/Kolkata", Selection(), [From.ROWS]),
        (("hour", "user"), "UTC", Selection(), [From.ROWS]),
        (("session",), "UTC", Selection(), [From.ROWS]),
        ((), "UTC", Selection(tag=(("a", "b"),)), [From.ROWS]),
    ],
    ids=str,
)
def test_the_coarsest_exact_source_is_chosen(
    by: tuple[str, ...], zone: str, selection: Selection, sources: list[From]
) -> None:
    """Home is Berlin, whose days Paris shares; thirty whole days of the zone asked for."""
    connection = blank_ledger(home_zone="Europe/Berlin")
    LedgerRows(connection).add(Fact())
    connection.commit()
    catch_up(connection, "Europe/Berlin")
    window = Window(NOON - timedelta(days=30), NOON, zone)
    shape = shape_of(Question(window=window, by=by, selection=selection))
    span = Span(window.since_ms or 0, window.until_ms or 0, is_open_below=True, is_open_above=True)

    plan = make_plan(shape, span, read_facts(connection))

    assert [piece.source for piece in plan.pieces] == sources
