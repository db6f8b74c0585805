"""LiteLLM's spend logs, in every form that people export them."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.import_cases import FIXTURES, told

from llmledger.importers.litellm_spendlogs import _tags


def requests(case: str) -> dict[str, Any]:
    """The requests of an export by the last character of their id."""
    found = told("litellm_spendlogs", FIXTURES / "litellm_spendlogs" / case)["requests"]
    return {request["key"][-1]: request for request in found}


@pytest.mark.parametrize("case", ["array.json", "lines.jsonl", "table.csv", "wrapped.json"])
def test_every_form_tells_the_same_request(case: str) -> None:
    """Columns that hold JSON may be text in it."""
    assert requests("array.json")["1"] == requests(case)["1"]


def test_input_includes_the_cache_for_every_provider() -> None:
    """1,200 of which 900 were read and 200 written."""
    counts = requests("array.json")["1"]["counts"]

    assert (counts["input_tokens"], counts["cache_read_tokens"], counts["cache_write_tokens"]) == (1200, 900, 200)


def test_spend_is_reported_exactly_and_a_zero_for_tokens_is_unknown() -> None:
    """litellm#36561: a model without a price was free there."""
    found = requests("array.json")

    assert found["1"]["reported_usd"] == "0.0042"
    assert "reported_usd" not in found["3"]


def test_its_own_cache_hits_are_marked() -> None:
    """litellm#14749: they cost nothing."""
    assert requests("array.json")["2"]["cache_hit"]


def test_failures_are_rows_and_keys_made_are_none() -> None:
    """A failed call is a request, a call without tokens is none."""
    found = requests("array.json")

    assert found["4"]["status"] == "failed"
    assert "5" not in found


@pytest.mark.parametrize(
    ("value", "expected"),
    [('["env:prod", 7]', {"env": "prod"}), ("not json", {}), ("[broken", {}), (None, {}), (["a"], {"a": ""})],
)
def test_tags_arrive_as_a_list_or_as_text(value: object, expected: dict[str, str]) -> None:
    """What is neither is no tag."""
    assert expected == _tags(value)


def test_a_long_cache_write_and_a_bare_model_are_understood(tmp_path: Path) -> None:
    """The provider may stand in the model's name alone."""
    log = tmp_path / "one.json"
    log.write_text(
        '[{"request_id":"r","call_type":"x","spend":1,"prompt_tokens":10,"completion_tokens":1,'
        '"startTime":"2026-10-20 16:00:00","model":"anthropic/claude-sonnet-4-5","metadata":{"usage_object":'
        '{"cache_creation_input_tokens":8,"cache_creation":{"ephemeral_1h_input_tokens":5}}}}]'
    )
    (request,) = told("litellm_spendlogs", log)["requests"]

    assert (request["provider"], request["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert request["counts"]["cache_write_1h_tokens"] == 5
