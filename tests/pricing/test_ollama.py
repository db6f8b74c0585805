"""Ollama: runs on this machine and costs a stated zero."""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost
from llmledger.core.words import Outcome
from llmledger.pricebook import PriceBook


@pytest.mark.parametrize("model", ["qwen3:8b", "llama3.2"])
def test_whatever_it_serves_is_free(cost_of: Callable[..., Cost], model: str) -> None:
    """litellm#10973: free is known to be nothing, it is not unknown."""
    cost = cost_of(f"ollama/{model}", input_tokens=1000, output_tokens=200)

    assert (cost.outcome, cost.nanousd, cost.rate_id) == (Outcome.FREE, 0, "ollama/any")


def test_it_is_local(table: PriceBook) -> None:
    """Nobody needs a key for it."""
    provider = table.provider("ollama")

    assert provider is not None
    assert provider.local


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
def test_what_ollama_hosts_elsewhere_is_unpriced(cost_of: Callable[..., Cost], model: str) -> None:
    """A hosted model is somebody else's machine, and somebody's bill."""
    assert cost_of(f"ollama/{model}", input_tokens=1000, output_tokens=200).outcome is Outcome.UNPRICED
