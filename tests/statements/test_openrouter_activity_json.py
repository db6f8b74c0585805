"""OpenRouter's activity API: what is billed, without what other providers bill."""

import json
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError


def test_an_item_without_usage_is_an_error(tmp_path: Path) -> None:
    """An absent amount is unknown."""
    item = {"date": "2026-10-14", "model": "demo/m", "endpoint_id": "e", "byok_usage_inference": 0}
    with pytest.raises(InputFileError, match="there is no amount"):
        read_text(tmp_path, json.dumps({"data": [item]}), name="activity.json")
