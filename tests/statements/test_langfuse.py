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
