"""`reconcile --total` and prepaid credits: opening + bought - used - expired = closing."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import a_ledger, a_request

Run = Callable[..., Any]
COMMON = ("reconcile", "--provider", "openai", "-p", "2026-09")


@pytest.fixture(autouse=True)
def ledger(ledger_path: Path, clock: Callable[[], datetime]) -> Path:
    """A ledger with two requests of $0.065."""
    return a_ledger(ledger_path, [a_request(1), a_request(2)], clock)


def test_what_a_prepaid_balance_says_was_used_is_compared(run_cli: Run) -> None:
    """10 + 5 - 0.87 expired - 14 left are 0.13 used, which is what the ledger has."""
    result = run_cli(*COMMON, "--opening", "10", "--credits-bought", "5", "--expired", "0.87", "--closing", "14")

    assert result.exit_code == 0, result.stderr
    assert "OpenAI billed $0.13 for September 2026 (UTC). The ledger has $0.13." in result.stdout
    assert "opening 10 + bought 5 - used 0.13 - expired 0.87 = closing 14.00 USD." in result.stdout.replace("\n", " ")
    assert run_cli(*COMMON, "--opening", "10", "--closing", "9.87").exit_code == 0


def test_the_closing_balance_follows_from_a_total(run_cli: Run) -> None:
    """20 + 50 - 0.13 leaves 69.87; tax inside the total was not used up."""
    bought = ("--opening", "20", "--credits-bought", "50")
    plain = run_cli(*COMMON, *bought, "--total", "0.13")
    taxed = run_cli(*COMMON, *bought, "--total", "0.15", "--tax", "0.02", "--closing", "69.87")

    assert plain.exit_code == taxed.exit_code == 0
    assert "= closing 69.87 USD." in plain.stdout.replace("\n", " ")
    assert "= closing 69.87 USD." in taxed.stdout.replace("\n", " ")


@pytest.mark.parametrize(("closing", "words"), [("67.87", "2.00 too little"), ("71.87", "2.00 too much")])
def test_a_balance_that_does_not_close_is_an_answer_of_no(run_cli: Run, closing: str, words: str) -> None:
    """20 + 50 - 0.13 is 69.87: two dollars beside it are more than the tolerance of one."""
    asked = (*COMMON, "--opening", "20", "--credits-bought", "50", "--total", "0.13", "--closing", closing)
    result = run_cli(*asked)

    assert result.exit_code == 1
    assert "The balance does not close" in result.stdout
    assert words in result.stdout.replace("\n", " ")
    assert run_cli(*asked, "--tolerance", "2").exit_code == 0
    told = json.loads(run_cli(*asked, "--json").stdout)["statements"][0]
    assert (abs(Decimal(told["unbalanced_usd"])), told["explained"]) == (2, False)


def test_a_balance_in_another_currency_is_compared_at_its_rate(run_cli: Run) -> None:
    """10 - 9.065 are 0.935 yuan, at 0.1391 $0.1300585: the ledger's $0.13 and a twentieth of a cent."""
    asked = (*COMMON, "--opening", "10CNY", "--closing", "9.065CNY")
    result = run_cli(*asked, "--fx", "CNY=0.1391", "--json")

    assert json.loads(result.stdout)["statements"][0]["billed_usd"] == "0.1300585"
    assert "is in CNY and tells no tokens: without a rate" in run_cli(*asked).stderr


def test_a_balance_can_be_settled_and_taken_back(run_cli: Run) -> None:
    """Used 0.14: charged is 0.14 once recorded, however often, and the ledger's own 0.13 after undo."""
    asked = (*COMMON, "--opening", "10", "--closing", "9.86", "--record")

    assert "Recorded as statement 1." in run_cli(*asked).stderr
    assert "nothing was changed" in run_cli(*asked).stderr
    assert _charged(run_cli) == "0.14"
    run_cli("reconcile", "undo", "1")
    assert _charged(run_cli) == "0.13"


def _charged(run_cli: Run) -> str:
    return str(json.loads(run_cli("report", "--charged", "--json").stdout)["totals"]["charged_usd"])
