"""JSON: one array, however many pieces it leaves in."""

import json

import pytest

from llmledger.core.export import Table
from llmledger.exporters import load


@pytest.mark.parametrize("count", [0, 1, 500, 1001])
def test_it_is_one_valid_array(count: int) -> None:
    """Empty, within one piece, over several."""
    text = "".join(load("json").write(Table(("n", "name"), ((n, None) for n in range(count)))))

    assert json.loads(text) == [{"n": n, "name": None} for n in range(count)]
