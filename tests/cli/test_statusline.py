"""`statusline`: one line whatever happens."""

import json
import sqlite3
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON
from tests.support.ledger_rows import Fact, LedgerRows
from tests.support.small_ledger import ms, sample_facts, write_ledger


def test_it_tells_the_day_and_what_is_unpriced(run_cli: RunCli, ledger_path: Path) -> None:
    """4 x $4 + $0.031 today; the + says that a request has no price."""
    write_ledger(ledger_path, sample_facts())

    assert run_cli("statusline").stdout == "today $16.03+ (7 requests)\n"


def test_it_agrees_with_the_report_after_corrections_and_in_any_zone(run_cli: RunCli, ledger_path: Path) -> None:
    """A duplicate does not count; noon UTC on the 21st is the 22nd in Auckland."""
    write_ledger(ledger_path, [])
    connection = sqlite3.connect(ledger_path)
    rows, fact = LedgerRows(connection), Fact(started_ms=ms(NOON), cost=2_000_000_000)
    rows.adjust(rows.add(fact), fact, -1, "duplicate")
    rows.add(fact)
    connection.commit()

    for zone in ("UTC", "Pacific/Auckland"):
        shown = run_cli("statusline", env={"LLMLEDGER_TZ": zone}).stdout
        report = json.loads(run_cli("report", "-p", "today", "-z", zone, "--json").stdout)["totals"]
        assert (report["requests"], report["cost_usd"]) == (1, "2")
        assert shown == "today $2.00 (1 request)\n"


def test_it_reads_the_hook_and_tells_the_session(run_cli: RunCli, ledger_path: Path) -> None:
    """The model's name and the session's cost come first."""
    write_ledger(ledger_path, [Fact(started_ms=ms(NOON), cost=500_000_000, session="s1")])
    hook = json.dumps({"model": {"display_name": "Sonnet\n4.5"}, "session_id": "s1"})

    assert run_cli("statusline", input=hook).stdout == "Sonnet 4.5 · session $0.5 · today $0.5 (1 request)\n"


@pytest.mark.parametrize("hook", ["", "not json", "[1]", '{"model": 3, "session_id": 4}', b"\xff\xfe"])
def test_it_never_fails(run_cli: RunCli, ledger_path: Path, hook: str | bytes) -> None:
    """No ledger, a broken one, and any hook end in one line and exit 0."""
    nothing = run_cli("statusline", input=hook)
    ledger_path.parent.mkdir(parents=True)
    ledger_path.write_bytes(b"SQLite format 3\0 but not really" * 40)
    broken = run_cli("statusline", input=hook, env={"LLMLEDGER_TZ": "Nowhere/At all"})

    assert (nothing.exit_code, nothing.stdout) == (0, "llmledger: no ledger to read\n")
    assert (broken.exit_code, broken.stdout) == (0, "llmledger: no ledger to read\n")
