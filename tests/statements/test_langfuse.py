"""Langfuse observations as a second observer."""

import json
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError

ONE = {
    "id": "o",
    "traceId": "t",
    "model": "m",
    "startTime": "2026-10-14T00:00:00Z",
    "usageDetails": {"input": 1},
    "costDetails": {},
}


def test_an_observation_alone_is_read(tmp_path: Path) -> None:
    """Without a total there is no amount."""
    [line] = read_text(tmp_path, json.dumps(ONE))

    assert line.amount is None


@pytest.mark.parametrize("document", [3, {"data": 3}, {"data": [3]}], ids=str)
def test_other_shapes_are_errors(tmp_path: Path, document: object) -> None:
    """Observations are wanted."""
    with pytest.raises(InputFileError, match="something else than observations"):
        read_text(tmp_path, json.dumps([ONE, document]))


def test_a_total_of_zero_without_details_is_no_price(tmp_path: Path) -> None:
    """The export writes 0 for a model that it cannot price; unknown is not zero, and a told 0 is."""
    unpriced, free = read_text(
        tmp_path, json.dumps([ONE | {"totalCost": 0}, ONE | {"totalCost": 0, "costDetails": {"total": 0}}])
    )

    assert (unpriced.amount, free.amount) == (None, 0)


def test_every_input_and_output_counts_apart(tmp_path: Path) -> None:
    """7 + 3 in and 5 read, 2 + 4 out; the total and what is neither is left out."""
    usage = {"input": 7, "input_audio_tokens": 3, "input_cache_read": 5, "output": 2, "output_reasoning": 4}
    [line] = read_text(tmp_path, json.dumps(ONE | {"usageDetails": {**usage, "total": 21, "seconds": 9}}))

    assert line.quantities == {"input_tokens": 10, "cache_read_tokens": 5, "output_tokens": 6}


def test_a_cell_that_is_broken_json_is_an_error(tmp_path: Path) -> None:
    """File, line and column are named."""
    header = "id,traceId,startTime,model,usageDetails,costDetails\n"
    with pytest.raises(InputFileError, match="line 2, usagedetails: is not JSON"):
        read_text(tmp_path, header + 'o,t,2026-10-14T00:00:00Z,m,"{""input"":",\n')
