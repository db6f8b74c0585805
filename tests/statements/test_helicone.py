"""Helicone's requests as a second observer: whether the prompt holds its cached part is told by the total."""

import json
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError
from llmledger.statements import helicone

ONE = {
    "response_id": "r",
    "request_id": "q",
    "request_created_at": "2026-10-14T00:00:00Z",
    "model": "m",
    "prompt_tokens": 100,
    "completion_tokens": 10,
    "cost": 0.5,
}


def test_it_is_an_observer() -> None:
    """Its cost is an estimate."""
    assert helicone.FORMAT.observer


@pytest.mark.parametrize(
    ("total", "read", "expected"),
    [
        (110, 60, {"input_tokens": 40, "cache_read_tokens": 60, "output_tokens": 10}),
        (170, 60, {"input_tokens": 100, "cache_read_tokens": 60, "output_tokens": 10}),
        (None, 60, {"input_tokens": 100, "output_tokens": 10}),
        (110, 200, {"input_tokens": 100, "output_tokens": 10}),
    ],
    ids=["inside the prompt", "beside the prompt", "not told", "more than the prompt"],
)
def test_the_total_tells_where_cached_tokens_count(
    tmp_path: Path, total: int | None, read: int, expected: dict[str, int]
) -> None:
    """100 + 10 is all, or 100 + 60 + 10 is; where neither fits, the split stays untold."""
    [line] = read_text(tmp_path, json.dumps(ONE | {"total_tokens": total, "prompt_cache_read_tokens": read}))

    assert line.quantities == expected


@pytest.mark.parametrize("document", [3, {"data": 3}, {"data": [3]}], ids=str)
def test_other_shapes_are_errors(tmp_path: Path, document: object) -> None:
    """Requests are wanted."""
    with pytest.raises(InputFileError, match="something else than requests"):
        read_text(tmp_path, json.dumps([ONE, document]))


def test_a_request_without_a_cost_has_no_amount(tmp_path: Path) -> None:
    """Unknown is not zero."""
    [line] = read_text(tmp_path, json.dumps(ONE | {"cost": None}))

    assert line.amount is None
