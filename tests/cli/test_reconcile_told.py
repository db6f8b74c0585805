"""What a person at the bill is told by `reconcile`: advice, what a file covers, currencies, whose lines they are."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import MODEL, a_ledger, a_request, an_export, line, the_bill

from llmledger.core.words import UsageQuality

Run = Callable[..., Any]


@pytest.fixture
def ledger(ledger_path: Path, clock: Callable[[], datetime]) -> Path:
    """A ledger with two requests of $0.065."""
    return a_ledger(ledger_path, [a_request(1), a_request(2)], clock)


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    """The export that bills exactly them: $0.13."""
    return an_export(tmp_path / "cost.csv", *the_bill())


def test_estimated_streams_come_with_the_advice_to_ask_for_usage(
    run_cli: Run, tmp_path: Path, ledger_path: Path, clock: Callable[[], datetime]
) -> None:
    """20,000 output tokens more than we guessed, as many requests: 20,000 at $2 per million is $0.04, and why, and what to do."""
    guessed = a_request(1)
    a_ledger(ledger_path, [replace(guessed, usage_quality=UsageQuality.ESTIMATED), a_request(2)], clock)
    rows = [line("input_tokens", 200_000, "0.05"), line("output_tokens", 60_000, "0.12")]
    told = run_cli("reconcile", an_export(tmp_path / "cost.csv", *rows)).stdout
    agreed = run_cli("reconcile", an_export(tmp_path / "fine.csv", *the_bill())).stdout

    assert "$0.04 is requests that were interrupted or estimated" in " ".join(told.split())
    assert "let clients send stream_options.include_usage (the proxy adds it)" in " ".join(told.split())
    assert "include_usage" not in agreed


@pytest.mark.usefixtures("ledger")
def test_a_period_that_the_file_is_not_about_is_answered_with_what_it_covers(run_cli: Run, bill: Path) -> None:
    """So that nobody has to open it."""
    result = run_cli("reconcile", bill, "-p", "2026-08")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "cost.csv has no line in this period" in result.stderr
    assert "It covers 2026-09-30." in result.stderr


@pytest.mark.usefixtures("ledger")
def test_a_total_in_a_currency_without_a_rate_is_no_answer(run_cli: Run) -> None:
    """Neither money nor tokens can be compared: that is said instead of a table of nothing. At 1.08, EUR 0.12 are $0.1296."""
    asked = ("reconcile", "--provider", "openai", "-p", "2026-09", "--total", "0.12EUR")
    without, with_rate = run_cli(*asked), run_cli(*asked, "--fx", "EUR=1.08")

    assert (without.exit_code, without.stdout) == (2, "")
    assert "invoice total is in EUR and tells no tokens: without a rate there is nothing to compare" in without.stderr
    assert "--fx EUR=RATE" in without.stderr
    assert "OpenAI billed $0.13 for September 2026 (UTC)." in with_rate.stdout


@pytest.mark.usefixtures("ledger")
def test_another_keys_lines_are_its_own(run_cli: Run, tmp_path: Path) -> None:
    """Two lines of the day are ours, one is theirs."""
    rows = [*the_bill(), line("input_tokens", 7_600_000, "1.9", key="key_4f2a")]
    told = json.loads(run_cli("reconcile", an_export(tmp_path / "cost.csv", *rows), "--json").stdout)
    [other] = [row for row in told["statements"][0]["rows"] if row["class"] == "other key or host"]

    assert (other["lines"], other["line_count"]) == ([4], 1)


def test_a_statement_in_another_currency_alone_is_not_said_to_count_tokens(run_cli: Run, bill: Path) -> None:
    """Two lines in CNY: with their tokens they are counted; without them nothing can be compared, and the rate is asked for."""
    text = bill.read_text(encoding="utf-8").replace(",usd,", ",cny,")
    bill.write_text(text, encoding="utf-8")
    counted = run_cli("reconcile", bill).stdout
    bill.write_text(text.replace("200000,tokens", ",").replace("40000,tokens", ","), encoding="utf-8")
    blank = " ".join(run_cli("reconcile", bill).stdout.split())

    assert "OpenAI counted tokens for 2026-09-30 (UTC)" in " ".join(counted.split())
    assert "OpenAI billed for 2026-09-30 (UTC) what cannot be compared" in blank
    assert "give --fx CNY=RATE" in blank


@pytest.mark.usefixtures("ledger")
def test_what_a_bill_corrects_is_booked_under_the_ledgers_own_name(run_cli: Run, tmp_path: Path) -> None:
    """The statement's model is the ledger's without its date: $1.90 more, and still one model in the report."""
    rows = [*the_bill(), line("input_tokens", 7_600_000, "1.9")]
    recorded = run_cli("reconcile", an_export(tmp_path / "cost.csv", *rows), "--record")
    told = json.loads(run_cli("report", "--by", "model", "--charged", "--json").stdout)

    assert recorded.exit_code == 0, recorded.stderr
    assert {(row["model"], row["charged_usd"]) for row in told["rows"]} == {(f"openai/{MODEL}", "2.03")}
