"""The embedded model: runs on this machine and costs a stated zero."""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost
from llmledger.core.words import Outcome
from llmledger.pricebook import PriceBook


@pytest.mark.parametrize("model", ["smollm2", "my-model.gguf"])
def test_whatever_it_serves_is_free(cost_of: Callable[..., Cost], model: str) -> None:
    """litellm#10973: free is known to be nothing, it is not unknown."""
    cost = cost_of(f"local/{model}", input_tokens=1000, output_tokens=200)

    assert (cost.outcome, cost.nanousd, cost.rate_id) == (Outcome.FREE, 0, "local/any")


def test_it_is_local(table: PriceBook) -> None:
    """Nobody needs a key for it."""
    provider = table.provider("local")

    assert provider is not None
    assert provider.local
