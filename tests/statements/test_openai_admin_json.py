"""OpenAI's admin API: pages one after another, numbers or strings, results of other endpoints."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError

COST: dict[str, Any] = {"object": "organization.costs.result", "amount": {"value": 0.5, "currency": "usd"}}
USAGE: dict[str, Any] = {"object": "organization.usage.completions.result", "input_tokens": 10, "model": "demo"}


def _page(*results: object, **bucket: object) -> str:
    inside = {"start_time": 1790726400, "end_time": 1790812800, "results": list(results)} | bucket
    return json.dumps({"object": "page", "data": [inside], "has_more": False})


def test_results_that_count_no_unit_of_ours_are_of_an_unknown_kind(tmp_path: Path) -> None:
    """They are reported under their own name."""
    [line] = read_text(tmp_path, _page({"object": "organization.usage.vector_stores.result", "usage_bytes": 3}))

    assert (line.kind, line.label) == (LineKind.UNKNOWN, "vector_stores")


def test_a_number_is_kept_as_it_is_written(tmp_path: Path) -> None:
    """0.1 in JSON is one tenth, not the nearest float."""
    [line] = read_text(tmp_path, _page(COST | {"amount": {"value": 0.1, "currency": "eur"}}))

    assert (str(line.amount), line.currency) == ("0.1", "EUR")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_page(COST | {"amount": {"value": None}}), "there is no value"),
        (_page(COST | {"amount": {"value": True}}), "is not a number"),
        (_page(COST | {"amount": {"value": "x"}}), "is not a number"),
        (_page(COST | {"amount": 3}), "is not an object"),
        (_page(COST | {"line_item": "demo, input", "quantity": 0.5, "quantity_unit": "tokens"}), "not a whole number"),
        (_page(USAGE | {"input_cached_tokens": 11}), "fewer input_tokens than the parts"),
        (_page(USAGE | {"output_tokens": 1.5}), "not a whole number"),
        (_page(COST, start_time="soon"), "is not a time"),
        (_page(COST, start_time=10**20), "is not a time"),
        (_page("organization.costs.result"), "something else"),
        ('{"data": [{"results": "organization.costs.result"}]}', "is not a list"),
        ('{"data": ["organization.costs.result"]}', "is not an object"),
        ('{"x": "organization.costs.result", "data": 3}', "without a list"),
        ('["organization.costs.result", {"a": 1}]', "without a list"),
        ('{"x": "organization.costs.result", "data": [', "no complete JSON"),
        ('{"x": "organization.costs.result", "data": [NaN]}', "NaN is not a number"),
        ('{"x": "organization.costs.result", "data": ' + "[" * 100_000, "no complete JSON"),
    ],
)
def test_other_shapes_are_clear_errors(tmp_path: Path, text: str, words: str) -> None:
    """File and item are named."""
    with pytest.raises(InputFileError, match=words):
        read_text(tmp_path, text)
