"""LiteLLM's logs as a second observer: never the truth."""

import json
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError
from llmledger.statements import litellm

LOG = {
    "request_id": "r",
    "spend": 1,
    "prompt_tokens": 2,
    "completion_tokens": 3,
    "model_group": "g",
    "startTime": "2026-10-14T00:00:00Z",
    "model": "m",
}


def test_it_is_an_observer() -> None:
    """Its spend is an estimate."""
    assert litellm.FORMAT.observer


@pytest.mark.parametrize("document", ["text", {"data": ["text"]}], ids=["a text", "a list of texts"])
def test_other_shapes_are_errors(tmp_path: Path, document: object) -> None:
    """Objects are wanted."""
    with pytest.raises(InputFileError, match="something else than objects"):
        read_text(tmp_path, json.dumps([LOG, document]))


def test_metadata_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    """The item is named."""
    with pytest.raises(InputFileError, match="item 1, metadata"):
        read_text(tmp_path, json.dumps([LOG | {"metadata": "{"}]))


def test_rows_per_tag_are_refused(tmp_path: Path) -> None:
    """A request with two tags is in two rows, so that their sum is more than was spent."""
    day = {"date": "2026-10-14", "tag": "a", "api_requests": 1, "spend": 1, "prompt_tokens": 2, "completion_tokens": 3}
    with pytest.raises(InputFileError, match="in the rows of both"):
        read_text(tmp_path, json.dumps([day]))
