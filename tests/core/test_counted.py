"""Sentences that count."""

import pytest

from llmledger.core.counted import counted


@pytest.mark.parametrize(("count", "text"), [(0, "0 requests"), (1, "1 request"), (1200, "1,200 requests")])
def test_one_is_one_and_all_others_are_many(count: int, text: str) -> None:
    """The first report that anybody sees has one request."""
    assert counted(count, "request") == text
