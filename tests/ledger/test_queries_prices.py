"""Models whose provider says something else than the price table."""

from dataclasses import replace
from pathlib import Path

from tests.support.builders import NOON, a_charge, a_finished

from llmledger.core.words import CostSource
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.queries.prices import disagreements


def test_models_that_differ_by_more_than_one_percent_are_told(tmp_path: Path) -> None:
    """10,000 told and 9,899 computed is more, 9,900 is not; what has only one of both is no evidence."""
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        for model, computed in (("off", 9_899), ("near", 9_900), ("unpriced", None)):
            charged = replace(
                a_charge(10_000), cost_source=CostSource.REPORTED, reported_nanousd=10_000, computed_nanousd=computed
            )
            ledger.record(a_finished({"provider": "openrouter", "model": model}, charged=charged))
        ledger.record(a_finished({"provider": "openai", "model": "computed"}, nanousd=5))
    with open_reader(path) as reader:
        found = list(disagreements(reader.connection))

    assert [(one.model, one.requests, one.reported_nanousd, one.computed_nanousd) for one in found] == [
        ("off", 1, 10_000, 9_899)
    ]
