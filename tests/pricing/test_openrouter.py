"""OpenRouter: requests worked by hand. Prices: https://openrouter.ai/models"""

from collections.abc import Callable

from llmledger.core.cost import Cost
from llmledger.core.words import Outcome


def test_gpt_4o_mini(cost_of: Callable[..., Cost]) -> None:
    """$0.15 in, $0.075 cached, $0.60 out: 1000 x 150 + 1000 x 75 + 100 x 600."""
    cost = cost_of("openrouter/openai/gpt-4o-mini", input_tokens=2000, cache_read_tokens=1000, output_tokens=100)

    assert cost.nanousd == 150_000 + 75_000 + 60_000


def test_kimi_k3(cost_of: Callable[..., Cost]) -> None:
    """$3 in, $0.30 cached, $15 out: 10 x 3000 + 90 x 300 + 1 x 15000."""
    cost = cost_of("openrouter/moonshotai/kimi-k3", input_tokens=100, cache_read_tokens=90, output_tokens=1)

    assert cost.nanousd == 30_000 + 27_000 + 15_000


def test_a_stealth_model_is_unpriced(cost_of: Callable[..., Cost]) -> None:
    """litellm#36561: an unknown price is None and says why, never 0."""
    cost = cost_of("openrouter/stealth/lark-2", input_tokens=48_900, output_tokens=9_120)

    assert (cost.outcome, cost.nanousd) == (Outcome.UNPRICED, None)
    assert cost.reason == "no price for openrouter/stealth/lark-2"


def test_the_makers_price_is_not_taken_for_the_routers(cost_of: Callable[..., Cost]) -> None:
    """What Anthropic sells directly says nothing of what OpenRouter asks."""
    assert cost_of("openrouter/claude-sonnet-4-5", input_tokens=1000, output_tokens=0).nanousd is None
