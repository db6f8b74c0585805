"""xAI: requests worked by hand. Prices: https://docs.x.ai/docs/models"""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost


def test_grok_4_with_cached_input(cost_of: Callable[..., Cost]) -> None:
    """litellm#14874: $3 in, $0.75 cached, $15 out; 86 x 3000 + 1920 x 750 + 300 x 15000."""
    cost = cost_of("xai/grok-4-0709", input_tokens=2006, cache_read_tokens=1920, output_tokens=300)

    assert cost.nanousd == 258_000 + 1_440_000 + 4_500_000


def test_grok_4_7_in_a_batch(cost_of: Callable[..., Cost]) -> None:
    """$1.60 in, $4.80 out: 1000 x 1600 + 100 x 4800."""
    cost = cost_of("xai/x-ai/grok-4.7", input_tokens=1000, output_tokens=100, context={"processing": "batch"})

    assert cost.nanousd == 1_600_000 + 480_000


@pytest.mark.parametrize(("tokens", "per_token"), [(199_999, 2000), (200_000, 4000), (200_001, 4000)])
def test_the_long_context_price_begins_at_200k_itself(
    cost_of: Callable[..., Cost], tokens: int, per_token: int
) -> None:
    """xAI says "reaches": genai-prices#587."""
    assert cost_of("xai/grok-4.5", input_tokens=tokens, output_tokens=0).nanousd == tokens * per_token
