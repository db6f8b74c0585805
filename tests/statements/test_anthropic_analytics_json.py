"""Anthropic's analytics: fractional cents before credits, by any group, and never the same money twice."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError


def _page(group: object, **told: object) -> str:
    row = {"starting_at": "2026-10-14T00:00:00Z", "ending_at": "2026-10-15T00:00:00Z", "group": group, **told}
    return json.dumps({"data": [row], "has_more": False, "next_page": None})


def test_amounts_are_fractional_cents_with_their_list_price(tmp_path: Path) -> None:
    """12.345 cents after a discount on 13.5 cents: $0.12345 of $0.135."""
    [line] = read_text(tmp_path, _page({"model": "demo"}, cost={"amount": "12.345", "list_amount": "13.5"}))

    assert (line.amount, line.list_amount) == (Decimal("0.12345"), Decimal("0.135"))


def test_groups_that_share_members_are_refused(tmp_path: Path) -> None:
    """A person in two groups is in the rows of both, so that their sum is more than the bill."""
    cost = {"amount": "1", "list_amount": "1"}
    with pytest.raises(InputFileError, match="bill the same twice"):
        read_text(tmp_path, _page({"rbac_group_id": "rbac_group_1"}, cost=cost))


def test_a_cost_without_an_amount_is_an_error(tmp_path: Path) -> None:
    """Null is unknown, and unknown is not zero."""
    with pytest.raises(InputFileError, match="there is no amount"):
        read_text(tmp_path, _page({}, cost={"amount": None, "list_amount": "1"}))
