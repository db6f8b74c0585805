"""Anthropic's admin reports: cents as text, descriptions or none."""

import json
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError


def _page(result: object) -> str:
    bucket = {"starting_at": "2026-10-14T00:00:00Z", "ending_at": "2026-10-15T00:00:00Z", "results": [result]}
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None})


def test_amounts_are_cents_and_stay_exact(tmp_path: Path) -> None:
    """123.450000000000000000000000000001 cents is $1.23450000000000000000000000000001."""
    amount = "123.450000000000000000000000000001"
    [line] = read_text(tmp_path, _page({"amount": amount, "cost_type": None, "currency": "USD"}))

    assert str(line.amount) == "1.23450000000000000000000000000001"
    assert line.meter is None


def test_a_cost_without_an_amount_is_an_error(tmp_path: Path) -> None:
    """Null is unknown, and unknown is not zero."""
    with pytest.raises(InputFileError, match="there is no amount"):
        read_text(tmp_path, _page({"amount": None, "cost_type": "tokens"}))
