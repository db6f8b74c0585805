"""One name for all spellings of a model: what a bill calls it and what the ledger calls it meet."""

from pathlib import Path

import pytest

from llmledger.operations.reconcile import names_of
from llmledger.pricebook import load


@pytest.mark.parametrize(
    ("billed", "asked_for"),
    [
        ("demo/model-20260901", "demo/model"),
        ("demo/model-20260901:free", "demo/model:free"),
        ("Demo Sonnet 9.5", "demo-sonnet-9-5"),
        ("demo-mini-2026-08-01", "demo-mini"),
    ],
)
def test_dates_and_display_names_fall_away_and_variants_stay(tmp_path: Path, billed: str, asked_for: str) -> None:
    """A free variant is not the model that is paid for."""
    (tmp_path / "VERSION.toml").write_text('schema = 1\nversion = "2026.11.20"\n')
    name_of = names_of(load([tmp_path]))

    assert name_of("openrouter", billed) == name_of("openrouter", asked_for) == asked_for
