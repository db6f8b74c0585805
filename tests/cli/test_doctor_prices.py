"""`doctor`: models whose provider says something else than the price table."""

from dataclasses import replace
from pathlib import Path

from tests.conftest import RunCli
from tests.support.builders import NOON, a_charge, a_finished

from llmledger.core.words import CostSource
from llmledger.ledger import open_ledger


def test_a_model_whose_costs_disagree_is_told(run_cli: RunCli, ledger_path: Path) -> None:
    """$0.02 reported, $0.01 by the table: a note that names both."""
    charged = replace(
        a_charge(20_000_000), cost_source=CostSource.REPORTED, reported_nanousd=20_000_000, computed_nanousd=10_000_000
    )
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        ledger.record(a_finished({"provider": "openrouter", "model": "x/y"}, charged=charged))

    said = run_cli("doctor").stdout
    assert "openrouter/x/y: reported $0.02, by the table $0.01 (1 request)" in said
    assert "llmledger pricing show openrouter/x/y" in said
