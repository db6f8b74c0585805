"""Anthropic: requests worked by hand. Prices: https://www.anthropic.com/pricing#api"""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost


def test_sonnet_with_both_cache_lifetimes(cost_of: Callable[..., Cost]) -> None:
    """$3 in, $0.30 read, $3.75 and $6 written, $15 out.

    500 x 3000 + 1000 x 300 + 600 x 3750 + 400 x 6000 + 100 x 15000.
    """
    cost = cost_of(
        "anthropic/claude-sonnet-4-5",
        input_tokens=2500,
        cache_read_tokens=1000,
        cache_write_tokens=1000,
        cache_write_1h_tokens=400,
        output_tokens=100,
    )

    assert cost.nanousd == 1_500_000 + 300_000 + 2_250_000 + 2_400_000 + 1_500_000


def test_opus_in_the_united_states(cost_of: Callable[..., Cost]) -> None:
    """$5 in, $25 out, a tenth more for inference_geo = us; searches are not: (5,000,000 + 2,500,000) x 1.1 + $0.01."""
    cost = cost_of(
        "anthropic/claude-opus-4-6-20260205",
        input_tokens=1000,
        output_tokens=100,
        web_searches=1,
        context={"inference_geo": "us"},
    )

    assert cost.nanousd == 8_250_000 + 10_000_000


@pytest.mark.parametrize(
    ("tokens", "batch", "per_token"),
    [(200_000, False, 3000), (200_001, False, 6000), (200_000, True, 1500), (200_001, True, 3000)],
)
def test_sonnet_costs_double_above_200k(cost_of: Callable[..., Cost], tokens: int, batch: bool, per_token: int) -> None:
    """Tier and batch together: litellm#39861."""
    context = {"processing": "batch"} if batch else {}
    cost = cost_of("anthropic/claude-sonnet-4-5", input_tokens=tokens, output_tokens=0, context=context)

    assert cost.nanousd == tokens * per_token


@pytest.mark.parametrize("name", ["claude-3-haikuish", "claude-sonnet-4-50", "claude-sonnet-4-5-mini"])
def test_a_name_that_only_resembles_has_no_price(cost_of: Callable[..., Cost], name: str) -> None:
    """`starts_with` and `contains` price these in silence."""
    assert cost_of(f"anthropic/{name}", input_tokens=1000, output_tokens=0).nanousd is None
