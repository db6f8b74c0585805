"""Random histories of a ledger: requests around clock changes, corrections of every kind, and what counts."""

import sqlite3
from datetime import UTC, datetime

from hypothesis import strategies as st
from tests.support.ledger_rows import Fact, LedgerRows, blank_ledger
from tests.support.slow_report import Entry

from llmledger.core.report import COST, NUMBERS, RECONCILED, Answer, Cell

ZONES = (
    "UTC",
    "Asia/Kolkata",
    "America/New_York",
    "Pacific/Chatham",
    "Asia/Tokyo",
    "America/Los_Angeles",
    "Australia/Lord_Howe",
)
NEW_YORK_AUTUMN = int(datetime(2026, 11, 1, 5, tzinfo=UTC).timestamp() * 1000)
"""The night in which New York's clocks go back; the days around it also have Chatham's and Lord Howe's changes near."""
CLOCK_CHANGES = [
    int(datetime(2026, *change, tzinfo=UTC).timestamp() * 1000)
    for change in ((9, 26, 14), (10, 3, 15, 30), (11, 1, 6), (11, 1, 9))
]
"""Chatham's and Lord Howe's spring, New York's and Los Angeles' autumn."""
STARTS = st.one_of(
    st.integers(-40 * 86_400_000, 40 * 86_400_000).map(lambda away: NEW_YORK_AUTUMN + away),
    st.builds(int.__add__, st.sampled_from(CLOCK_CHANGES), st.integers(-72, 72).map(lambda n: n * 1_800_000 - 1)),
)
FACTS = st.builds(
    Fact,
    started_ms=STARTS,
    provider=st.sampled_from(["openai", "anthropic"]),
    model=st.sampled_from(["a", "b/c"]),
    user=st.sampled_from([None, "ada", "bob"]),
    project=st.sampled_from([None, "web"]),
    session=st.sampled_from([None, "s1", "s2"]),
    branch=st.sampled_from([None, "main"]),
    tags=st.sampled_from([{}, {"env": "prod"}, {"env": "dev", "x": "1"}]),
    source=st.sampled_from(["run", "import:llm"]),
    status=st.sampled_from(["completed", "failed", "cancelled", "interrupted"]),
    billing=st.sampled_from(["api", "subscription", "local"]),
    usage_quality=st.sampled_from(["exact", "estimated", "missing"]),
    cost=st.one_of(st.none(), st.integers(0, 10**12)),
    latency_ms=st.one_of(st.none(), st.integers(0, 100_000)),
    usage=st.fixed_dictionaries(
        {}, optional={"input_tokens": st.integers(0, 10**6), "output_tokens": st.integers(0, 9)}
    ),
)
CHANGES = st.sampled_from(["none", "none", "duplicate", "reprice", "assign", "reconcile"])
HISTORIES = st.lists(st.tuples(FACTS, CHANGES, FACTS), max_size=12)


History = list[tuple[Fact, str, Fact]]


def written(history: History) -> tuple[sqlite3.Connection, list[Entry]]:
    """A ledger with these facts and changes, and what counts in it."""
    connection = blank_ledger()
    return connection, write_history(LedgerRows(connection), history)


def write_history(rows: LedgerRows, history: History) -> list[Entry]:
    """Append these facts and changes; answers with what counts."""
    entries: list[Entry] = []
    for fact, change, other in history:
        identity = rows.add(fact)
        entries.append(Entry(fact))
        if change == "duplicate":
            rows.adjust(identity, fact, -1, "duplicate")
            entries.append(Entry(fact, -1))
        elif change == "assign":
            moved = Fact(**{**vars(fact), "user": other.user, "project": other.project})
            rows.move(identity, fact, moved, "assign")
            entries += [Entry(fact, -1), Entry(moved)]
        elif change in {"reprice", "reconcile"} and fact.cost is not None:
            rows.adjust(identity, fact, 1, change, cost=17)
            entries.append(Entry(fact, 1, 17, change))
    return entries


def sums_of(cell: Cell) -> dict[str, int]:
    """A cell's sums by name, zeros left out; plan value apart from cost."""
    both = [a + b for a, b in zip(cell.tally.spent, cell.tally.plan, strict=True)]
    sums = dict(zip(NUMBERS, both, strict=True))
    for name, place in (("cost", COST), ("reconciled", RECONCILED)):
        sums[name] = cell.tally.spent[place]
        sums[f"plan_{name}"] = cell.tally.plan[place]
    return {name: number for name, number in sums.items() if number}


def by_key(answer: Answer) -> dict[tuple[str | None, ...], dict[str, int]]:
    """An answer as plain sums by key."""
    return {cell.key: sums_of(cell) for cell in answer.cells}


def without_zeros(groups: dict[tuple[str | None, ...], dict[str, int]]) -> dict[tuple[str | None, ...], dict[str, int]]:
    return {key: {name: number for name, number in sums.items() if number} for key, sums in groups.items()}
