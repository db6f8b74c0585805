"""What a recorded statement clears: the reports with and without it, and what comes into its period later."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import a_ledger, a_request, an_export, line, the_bill

from llmledger.core.adjustment import Adjustment, Kind, Measures, place_of
from llmledger.core.words import Billing
from llmledger.ledger import open_ledger

Run = Callable[..., Any]
Clock = Callable[[], datetime]


@pytest.fixture
def settled(ledger_path: Path, clock: Clock, run_cli: Run, tmp_path: Path) -> Path:
    """Two requests of $0.065 that were billed at $0.14 and recorded, one of the plan, and one of the next day."""
    plan = a_request(3)
    requests = [
        *(a_request(1), a_request(2), replace(plan, begun=replace(plan.begun, billing=Billing.SUBSCRIPTION))),
        a_request(24 * 60),
    ]
    ledger = a_ledger(ledger_path, requests, clock)
    bill = an_export(tmp_path / "cost.csv", line("input_tokens", 200_000, "0.06"), the_bill()[1])
    assert run_cli("reconcile", bill, "--record").exit_code == 0
    return ledger


def _totals(run_cli: Run, *options: str) -> tuple[int, str, str]:
    told = json.loads(run_cli("report", "--json", "--charged", "-p", "2026", *options).stdout)["totals"]
    return told["requests"], told["cost_usd"], told["charged_usd"]


@pytest.mark.usefixtures("settled")
def test_cleared_is_what_the_bill_says_and_uncleared_what_it_does_not(run_cli: Run) -> None:
    """Cleared: two requests, $0.13, charged $0.14 as billed. Uncleared: the next day's $0.065. The plan is in neither."""
    assert _totals(run_cli) == (4, "0.195", "0.205")
    assert _totals(run_cli, "--cleared") == (2, "0.13", "0.14")
    assert _totals(run_cli, "--uncleared") == (1, "0.065", "0.065")
    assert len(run_cli("log", "--format", "jsonl", "--cleared", "-p", "2026").stdout.splitlines()) == 2
    assert len(run_cli("log", "--format", "jsonl", "--uncleared", "-p", "2026").stdout.splitlines()) == 1


@pytest.mark.usefixtures("settled")
def test_undone_nothing_is_cleared(run_cli: Run) -> None:
    """The statement's correction and its reversal cancel, and every request waits for a statement again."""
    run_cli("reconcile", "undo", "1")

    assert _totals(run_cli, "--cleared")[0] == 0
    assert _totals(run_cli, "--uncleared") == (3, "0.195", "0.195")


def test_what_comes_later_is_uncleared_and_doctor_says_so(settled: Path, run_cli: Run, clock: Clock) -> None:
    """A third request of the settled day changes neither the cleared sum nor its charge; doctor names it and what to do."""
    before = run_cli("doctor").stdout
    a_ledger(settled, [a_request(9)], clock)
    result = run_cli("doctor")
    told = " ".join(result.stdout.split())

    assert "statement 1" not in before
    assert "1 request ($0.065) came after statement 1 settled openai, 2026-09-30" in told
    assert "reconcile undo 1" in told
    assert result.exit_code == 1
    assert _totals(run_cli, "--cleared") == (2, "0.13", "0.14")
    assert _totals(run_cli, "--uncleared") == (2, "0.13", "0.13")


def test_a_correction_that_comes_later_is_told_when_it_moves_money(settled: Path, run_cli: Run, clock: Clock) -> None:
    """Moving a cleared request to a project moves no money and is none of doctor's business; a dearer price is."""
    assert run_cli("assign", "-p", "2026-09-30", "--to-project", "atlas", "--yes").exit_code == 0
    moved = run_cli("doctor")
    one = a_request(1)
    with open_ledger(settled, now=clock) as ledger:
        dearer = Adjustment(
            kind=Kind.REPRICE,
            cause="reprice:1",
            effective_at=one.begun.started_at,
            booked_at=clock(),
            reason="test",
            place=place_of(one),
            measures=Measures(cost_nanousd=10_000_000),
        )
        assert ledger.adjust(dearer)

    assert "came after" not in moved.stdout
    assert "corrections ($0.01) came after statement 1" in " ".join(run_cli("doctor").stdout.split())
    assert _totals(run_cli, "--cleared") == (2, "0.13", "0.14")
    assert _totals(run_cli, "--uncleared") == (1, "0.075", "0.075")


@pytest.mark.usefixtures("settled")
def test_both_at_once_are_refused(run_cli: Run) -> None:
    """Cleared and uncleared exclude each other."""
    result = run_cli("report", "--cleared", "--uncleared")

    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
