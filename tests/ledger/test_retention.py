"""Pruning keeps every total at the grains that it keeps, and says so where it does not."""

import sqlite3
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.histories import (
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

from llmledger.core.report import Answer, Question
from llmledger.core.selection import DIMENSIONS
from llmledger.core.window import Window, from_unix_ms, zone_named
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.retention import Cut, begin_pruning, cut_for, measure, remove
from llmledger.ledger.rollups.catch_up import catch_up

DAY_ENDS = st.one_of(st.none(), st.integers(-30, 30))
MOMENTS = st.integers(-40 * 24, 40 * 24).map(lambda hours: from_unix_ms(NEW_YORK_AUTUMN) + timedelta(hours=hours))


def prune(connection: sqlite3.Connection, home: str, tier: str, moment: datetime) -> Cut:
    """Prune one tier as the operation does."""
    zone = zone_named(home)
    catch_up(connection, home, size=lambda _: 5)
    cut = measure(connection, tier, cut_for(tier, moment, zone))
    number = begin_pruning(connection, cut, now_ms=0, archive=None, hold=nullcontext)
    remove(connection, cut, pruning=number, home=zone, hold=nullcontext, advance=lambda _: None)
    return cut


def outside_gaps(entries: list[Entry], answer: Answer, window: Window) -> list[Entry]:
    """What an answer has to hold: all of the window but its gaps."""
    times = [(entry, from_unix_ms(entry.fact.started_ms)) for entry in entries]
    return [
        entry
        for entry, at in times
        if window.contains(at) and not any(gap.since <= at < gap.until for gap in answer.gaps)
    ]


@given(
    histories=st.tuples(HISTORIES, HISTORIES),
    by=st.lists(st.sampled_from([*DIMENSIONS, "tag:env"]), max_size=2, unique=True),
    zones=st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    ends=st.tuples(DAY_ENDS, DAY_ENDS),
    cuts=st.tuples(MOMENTS, MOMENTS, st.booleans()),
)
@law(30)
def test_what_a_report_tells_after_a_prune_is_exact_and_the_rest_is_a_gap(
    histories: tuple[History, History],
    by: list[str],
    zones: tuple[str, str],
    ends: tuple[int | None, int | None],
    cuts: tuple[datetime, datetime, bool],
) -> None:
    """Any history, any cut of detail and roll-ups, late rows and corrections after it, any question."""
    home, zone = zones
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    entries = write_history(rows, histories[0])
    connection.commit()
    prune(connection, home, "detail", cuts[0])
    if cuts[2]:
        prune(connection, home, "rollups", min(cuts[:2]))
    entries += write_history(rows, histories[1])
    connection.commit()
    days = [None if end is None else from_unix_ms(NEW_YORK_AUTUMN) + timedelta(days=end) for end in ends]
    since, until = days if None in days else (min(days), max(days) + timedelta(hours=1))  # type: ignore[type-var,operator]
    window = Window(since, until, zone)

    answer = aggregate(connection, Question(window=window, by=tuple(by), latencies=False))

    told = outside_gaps(entries, answer, window)
    assert by_key(answer) == without_zeros(slow_sums(told, tuple(by), zone))


def merged(home: str, *times: datetime) -> sqlite3.Connection:
    """A ledger with requests at these times, all of October and before merged into months."""
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    for time in times:
        rows.add(Fact(started_ms=int(time.timestamp() * 1000)))
    connection.commit()
    for tier in ("detail", "rollups"):
        prune(connection, home, tier, datetime(2026, 11, 10, tzinfo=UTC))
    return connection


def requests_until(connection: sqlite3.Connection, until: datetime | None) -> tuple[int, list[tuple[datetime, int]]]:
    """Requests before a time, and since when how many of them may be left out."""
    answer = aggregate(connection, Question(window=Window(None, until, "UTC"), latencies=False))
    told = by_key(answer).get((), {}).get("requests", 0)
    return told, [(gap.since, gap.requests) for gap in answer.gaps]


@pytest.mark.parametrize("home", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_month_that_days_were_merged_into_is_told_as_a_whole_or_left_out(home: str) -> None:
    """What happened on the 26th did not happen before the 10th, and the whole history has it."""
    later = datetime(2026, 11, 20, tzinfo=UTC)
    alone, followed = (merged(home, datetime(2026, 9, 26, 14, tzinfo=UTC), *more) for more in ((), (later,)))

    for connection, whole in ((alone, 1), (followed, 2)):
        told, gaps = requests_until(connection, datetime(2026, 9, 10, tzinfo=UTC))
        assert (told, [requests for _, requests in gaps]) == (0, [1])
        assert requests_until(connection, None) == (whole, [])
    assert requests_until(followed, datetime(2026, 10, 1, tzinfo=UTC)) == (1, [])
    assert requests_until(followed, datetime(2026, 10, 15, tzinfo=UTC)) == (1, [])


def test_a_history_that_ends_in_a_merged_month_is_whole_in_the_calendar_of_home_too() -> None:
    """By UTC's calendar the month is one sum, by New York's its days are still there: neither may cut the other short."""
    home = "America/New_York"
    connection = blank_ledger(home_zone=home)
    LedgerRows(connection).add(Fact(started_ms=int(datetime(2026, 9, 26, 14, tzinfo=UTC).timestamp() * 1000)))
    connection.commit()
    prune(connection, home, "detail", datetime(2026, 11, 1, 5, tzinfo=UTC))
    prune(connection, home, "rollups", datetime(2026, 10, 31, 23, tzinfo=UTC))

    assert requests_until(connection, None) == (1, [])


@given(
    histories=st.tuples(HISTORIES, HISTORIES),
    home=st.sampled_from(ZONES),
    cut=MOMENTS,
    by=st.lists(
        st.sampled_from([name for name in DIMENSIONS if name not in {"session", "branch", "hour"}]),
        max_size=3,
        unique=True,
    ),
    calendar=st.sampled_from(["home", "UTC"]),
)
@law(40)
def test_by_days_of_utc_and_of_home_nothing_is_lost(
    histories: tuple[History, History], home: str, cut: datetime, by: list[str], calendar: str
) -> None:
    """Every single-valued dimension, to the nano-dollar, with no gap at all."""
    zone = home if calendar == "home" else "UTC"
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    entries = write_history(rows, histories[0])
    connection.commit()
    prune(connection, home, "detail", cut)
    entries += write_history(rows, histories[1])

    answer = aggregate(connection, Question(window=Window(zone=zone), by=tuple(by), latencies=False))

    assert by_key(answer) == without_zeros(slow_sums(entries, tuple(by), zone))
    assert answer.gaps == ()


def test_by_model_hours_of_any_zone_stay_exact() -> None:
    """The days of Kathmandu, +05:45, out of quarter-hours."""
    connection = blank_ledger(home_zone="Europe/Berlin")
    rows = LedgerRows(connection)
    facts = [Fact(started_ms=NEW_YORK_AUTUMN + n * 3_700_000, cost=n) for n in range(60)]
    for fact in facts:
        rows.add(fact)
    connection.commit()
    prune(connection, "Europe/Berlin", "detail", from_unix_ms(NEW_YORK_AUTUMN) + timedelta(days=2))

    for zone in ("Asia/Kathmandu", "America/St_Johns"):
        answer = aggregate(connection, Question(window=Window(zone=zone), by=("day", "model"), latencies=False))
        expected = without_zeros(slow_sums([Entry(fact) for fact in facts], ("day", "model"), zone))
        assert (by_key(answer), answer.gaps) == (expected, ())


def test_a_question_that_needs_pruned_detail_says_so() -> None:
    """Sessions went with the rows: the gap names them, and how many requests it holds."""
    connection = blank_ledger()
    LedgerRows(connection).add(Fact(session="s1", started_ms=NEW_YORK_AUTUMN))
    connection.commit()
    prune(connection, "UTC", "detail", from_unix_ms(NEW_YORK_AUTUMN) + timedelta(days=2))

    answer = aggregate(connection, Question(window=Window(), by=("session",)))

    (gap,) = answer.gaps
    assert (gap.needs, gap.requests, answer.cells) == ("detail rows", 1, ())


def test_response_times_by_model_survive_their_rows() -> None:
    """The same sketch, before and after."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for latency in (120, 950, 4000):
        rows.add(Fact(started_ms=NEW_YORK_AUTUMN, latency_ms=latency, first_token_ms=90))
    connection.commit()
    question = Question(window=Window(), by=("model",))
    before = aggregate(connection, question).cells[0].tally

    prune(connection, "UTC", "detail", from_unix_ms(NEW_YORK_AUTUMN) + timedelta(days=2))

    after = aggregate(connection, question).cells[0].tally
    assert (after.latency, after.first_token) == (before.latency, before.first_token)


def test_rows_that_came_after_the_count_stay() -> None:
    """No archive holds them yet."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    rows.add(Fact(started_ms=NEW_YORK_AUTUMN))
    connection.commit()
    catch_up(connection, "UTC")
    cut = measure(connection, "detail", NEW_YORK_AUTUMN + 86_400_000)
    rows.add(Fact(started_ms=NEW_YORK_AUTUMN))
    connection.commit()
    catch_up(connection, "UTC")

    assert remove(connection, cut, pruning=1, home=UTC, hold=nullcontext, advance=lambda _: None) == 1
    assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


def test_a_prune_that_died_is_run_again() -> None:
    """The cut was noted first: totals are right in between, and the second run finishes."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for n in range(5):
        rows.add(Fact(started_ms=NEW_YORK_AUTUMN + n, cost=1, project="web"))
    connection.commit()
    catch_up(connection, "UTC")
    cut = measure(connection, "detail", NEW_YORK_AUTUMN + 3 * 86_400_000)
    number = begin_pruning(connection, cut, now_ms=0, archive=None, hold=nullcontext)

    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        remove(connection, cut, pruning=number, home=UTC, hold=nullcontext, advance=die)

    question = Question(window=Window(), by=("project",), latencies=False)
    assert by_key(aggregate(connection, question))[("web",)]["cost"] == 5
    prune(connection, "UTC", "detail", from_unix_ms(NEW_YORK_AUTUMN) + timedelta(days=2))
    assert by_key(aggregate(connection, question))[("web",)]["cost"] == 5
    assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM meta WHERE key = 'retention'").fetchone() == (0,)
