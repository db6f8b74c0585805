"""Planted corruptions of the roll-ups are found, and none are seen where there are none."""

import sqlite3
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.histories import HISTORIES, NEW_YORK_AUTUMN, ZONES, History, write_history
from tests.support.ledger_rows import Fact, LedgerRows, blank_ledger

from llmledger.core.window import zone_named
from llmledger.ledger.retention import begin_pruning, end_pruning, measure, remove
from llmledger.ledger.rollups.catch_up import catch_up
from llmledger.ledger.rollups.check import broken_rollups


def filled(home: str = "Europe/Berlin") -> sqlite3.Connection:
    """Five days of requests, rolled up."""
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    for n in range(20):
        rows.add(Fact(started_ms=NEW_YORK_AUTUMN + n * 21_600_000, cost=n, user=f"u{n % 3}"))
    connection.commit()
    catch_up(connection, home)
    return connection


def prune_detail(connection: sqlite3.Connection, home: str, before_ms: int) -> None:
    """As the operation does, with its receipt."""
    cut = measure(connection, "detail", before_ms)
    number = begin_pruning(connection, cut, now_ms=0, archive=None, hold=nullcontext)
    home_zone = zone_named(home)
    removed = remove(connection, cut, pruning=number, home=home_zone, hold=nullcontext, advance=lambda _: None)
    end_pruning(connection, number, {"removed": removed}, hold=nullcontext)


@given(histories=st.tuples(HISTORIES, HISTORIES), home=st.sampled_from(ZONES), prunes=st.booleans())
@settings(max_examples=40)
def test_a_sound_ledger_has_no_finding(histories: tuple[History, History], home: str, prunes: bool) -> None:
    """Rolled up, pruned, and written on."""
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    write_history(rows, histories[0])
    connection.commit()
    catch_up(connection, home, size=lambda _: 3)
    if prunes:
        prune_detail(connection, home, NEW_YORK_AUTUMN // 86_400_000 * 86_400_000)
    write_history(rows, histories[1])

    assert list(broken_rollups(connection)) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rollup_days SET cost_nanousd = cost_nanousd + 1 WHERE zone = 0 AND rowid_is(1)",
        "UPDATE rollup_days SET requests = 0 WHERE zone = 1 AND rowid_is(1)",
        "DELETE FROM rollup_days WHERE zone = 0 AND rowid_is(1)",
        "UPDATE rollup_days SET attribution_id = attribution_id + 90 WHERE zone = 0 AND rowid_is(1)",
        "UPDATE rollup_quarters SET output_tokens = 0 WHERE grain = 900",
        "DELETE FROM rollup_quarters WHERE grain = 3600",
        "UPDATE rollup_quarters SET unpriced = 4 WHERE grain = 86400",
        "UPDATE meta SET value = '10' WHERE key = 'rolled_request'",
    ],
)
def test_every_planted_corruption_is_found(damage: str) -> None:
    """A changed cost, a lost sum, one in the wrong place, a watermark that moved back."""
    connection = filled()
    assert list(broken_rollups(connection)) == []
    first = "day = (SELECT min(day) FROM rollup_days) AND model_id = 1"
    connection.execute(damage.replace("rowid_is(1)", first))

    assert list(broken_rollups(connection))


def test_a_receipt_that_does_not_match_is_found() -> None:
    """What went and what is left must make up the roll-ups."""
    connection = filled("UTC")
    prune_detail(connection, "UTC", NEW_YORK_AUTUMN // 86_400_000 * 86_400_000 + 2 * 86_400_000)
    assert list(broken_rollups(connection)) == []
    connection.execute("UPDATE prunings SET requests = 1")

    (finding,) = broken_rollups(connection)

    assert finding == "rollup_days hold 20 requests; rows, corrections and the receipts of prunes make 13"
