"""Sums that add up: over every dimension, in every zone, and as a slow second implementation has them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.histories import HISTORIES, ZONES, History, by_key, sums_of, without_zeros, written
from tests.support.laws import law
from tests.support.ledger_rows import Fact, LedgerRows, blank_ledger
from tests.support.slow_report import slow_sums

from llmledger.core.period import Clock, parse_period
from llmledger.core.report import COST, Question
from llmledger.core.selection import DIMENSIONS, Selection
from llmledger.core.window import Window
from llmledger.ledger.queries.aggregate import aggregate


@given(HISTORIES, st.lists(st.sampled_from([*DIMENSIONS, "tag:env"]), max_size=3, unique=True), st.sampled_from(ZONES))
@law(50)
def test_reports_agree_with_a_slow_second_implementation(history: History, by: list[str], zone: str) -> None:
    """Any grouping in any zone, with corrections of every kind."""
    connection, entries = written(history)

    answer = aggregate(connection, Question(window=Window(zone=zone), by=tuple(by)))

    assert without_zeros(slow_sums(entries, tuple(by), zone)) == by_key(answer)


@given(HISTORIES, st.sampled_from([*DIMENSIONS, "tag:env"]), st.sampled_from(ZONES))
@law(30)
def test_the_sum_over_any_single_valued_dimension_is_the_total(history: History, dimension: str, zone: str) -> None:
    """litellm#21894, litellm#32581: rows of a grouping never add up to more or less than the total."""
    connection, _ = written(history)
    window = Window(zone=zone)

    grouped = aggregate(connection, Question(window=window, by=(dimension,)))
    total = aggregate(connection, Question(window=window))

    sums: dict[str, int] = {}
    for cell in grouped.cells:
        for name, number in sums_of(cell).items():
            sums[name] = sums.get(name, 0) + number
    assert {name: number for name, number in sums.items() if number} == next(iter(by_key(total).values()), {})


@given(HISTORIES, st.sampled_from(ZONES), st.sampled_from(["2026-11-01", "2026-10-25", "2026-10-04"]))
@law(30)
def test_the_days_of_a_range_add_up_to_the_range(history: History, zone: str, middle: str) -> None:
    """litellm#27780, litellm#29568: single-day reports sum to the range, on days of 23 and 25 hours too."""
    connection, _ = written(history)
    clock = Clock(datetime(2026, 12, 1, tzinfo=UTC), zone)
    window = parse_period(f"{middle[:8]}01..{middle}", clock)
    days = aggregate(connection, Question(window=window, by=("day",))).cells

    whole = by_key(aggregate(connection, Question(window=window))).get((), {})
    singles: dict[str, int] = {}
    for cell in days:
        day = cell.key[0] or ""
        alone = by_key(aggregate(connection, Question(window=parse_period(day, clock))))[()]
        assert sums_of(cell) == alone
        for name, number in alone.items():
            singles[name] = singles.get(name, 0) + number

    assert {name: number for name, number in singles.items() if number} == whole


def test_the_repeated_hour_of_a_clock_change_is_two_hours() -> None:
    """litellm#24999: 01:30 comes twice in New York on 2026-11-01."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for hour in (5, 6):
        rows.add(Fact(started_ms=int(datetime(2026, 11, 1, hour, 30, tzinfo=UTC).timestamp() * 1000)))

    answer = aggregate(connection, Question(window=Window(zone="America/New_York"), by=("hour",)))

    assert {("2026-11-01T01:00-04:00",), ("2026-11-01T01:00-05:00",)} == {cell.key for cell in answer.cells}


def test_grouping_by_all_tags_overlaps_and_the_total_does_not() -> None:
    """litellm#21894: one request with two tags counts in two rows, and once in the total."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    rows.add(Fact(cost=5, tags={"env": "dev", "x": "1"}))
    rows.add(Fact(cost=7))

    answer = aggregate(connection, Question(window=Window(), by=("tag",)))

    assert {cell.key: cell.tally.spent[COST] for cell in answer.cells} == {("env=dev",): 5, ("x=1",): 5, (None,): 7}
    assert [cell.tally.spent[COST] for cell in answer.totals] == [12]


SELECTED = {
    "model glob": (Selection(model=("CLAUDE-*",)), {2}),
    "model glob over slashes": (Selection(model=("*claude-*",)), {2, 3}),
    "model with its provider": (Selection(model=("openrouter/anthropic/*",)), {3}),
    "provider": (Selection(provider=("open*",)), {1, 3}),
    "users": (Selection(user=("ada", "bob")), {1, 2}),
    "nobody": (Selection(user=("",)), {3}),
    "end of a key": (Selection(key=("4f2a",)), {2}),
    "session": (Selection(session=("s1",)), {1}),
    "no session": (Selection(session=("",)), {2, 3}),
    "tag": (Selection(tag=(("env", "dev"),)), {1}),
    "either tag": (Selection(tag=(("env", "dev"), ("env", "prod"))), {1, 2}),
    "without that tag": (Selection(tag=(("env", ""),)), {3}),
    "branch": (Selection(branch=("main",)), {2}),
    "status": (Selection(status=("failed",)), {2}),
    "any importer": (Selection(source=("import",)), {3}),
    "billing": (Selection(billing=("subscription",)), {3}),
    "unpriced": (Selection(unpriced=True), {2}),
    "estimated": (Selection(estimated=True), {3}),
    "both filters hold": (Selection(user=("ada",), status=("failed",)), set()),
}


@pytest.mark.parametrize(("selection", "expected"), SELECTED.values(), ids=SELECTED)
def test_filters_select_rows_and_their_corrections(selection: Selection, expected: set[int]) -> None:
    """Each filter of the command line; input tokens tell which of the three requests passed."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    first = Fact(user="ada", session="s1", tags={"env": "dev"}, usage={"input_tokens": 1}, cost=None)
    rows.move(rows.add(first), first, Fact(**{**vars(first), "cost": 3}), "reprice")
    rows.add(
        Fact(
            provider="anthropic",
            model="claude-x",
            user="bob",
            key="k…4f2a",
            branch="main",
            tags={"env": "prod"},
            status="failed",
            usage={"input_tokens": 20},
            cost=None,
        )
    )
    rows.add(
        Fact(
            provider="openrouter",
            model="anthropic/claude-x",
            source="import:llm",
            billing="subscription",
            usage_quality="partial",
            usage={"input_tokens": 300},
        )
    )

    answer = aggregate(connection, Question(window=Window(), selection=selection))

    total = sum(sums_of(cell).get("input_tokens", 0) for cell in answer.cells)
    assert sum({1: 1, 2: 20, 3: 300}[number] for number in expected) == total


def test_an_empty_ledger_answers_with_nothing() -> None:
    """No cells, no totals, no price version."""
    answer = aggregate(blank_ledger(), Question(window=Window(), by=("day", "model")))

    assert (answer.cells, answer.totals, answer.price_version) == ((), (), None)


def test_response_times_of_too_many_rows_are_not_told() -> None:
    """Nothing was pruned here; no sketch holds them by user, and there are more rows than are looked at one by one."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for latency in range(1, 5):
        rows.add(Fact(latency_ms=latency))

    few, many = (aggregate(connection, Question(window=Window(), by=("user",)), most_rows=most) for most in (4, 3))

    assert [(answer.has_latencies, answer.cells[0].tally.latency.percentile(100)) for answer in (few, many)] == [
        (True, 4),
        (False, None),
    ]


def test_percentiles_come_from_the_selected_rows() -> None:
    """Nearest rank among 1..20: the 10th and the 19th value; both are small enough to be exact."""
    connection = blank_ledger()
    rows = LedgerRows(connection)
    for latency in range(1, 21):
        rows.add(Fact(latency_ms=latency, first_token_ms=latency // 2))
    rows.add(Fact(latency_ms=None))

    (cell,) = aggregate(connection, Question(window=Window(), by=("model",))).cells

    assert (cell.tally.latency.percentile(50), cell.tally.latency.percentile(95)) == (10, 19)
    assert cell.tally.first_token.percentile(50) == 5
