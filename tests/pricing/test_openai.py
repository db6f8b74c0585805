"""OpenAI: requests worked by hand. Prices: https://developers.openai.com/api/docs/pricing"""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost


def test_gpt_5_mini_with_cached_input(cost_of: Callable[..., Cost]) -> None:
    """$0.25 in, $0.025 cached, $2 out per 1M: 86 x 250 + 1920 x 25 + 300 x 2000 nano-USD."""
    cost = cost_of("openai/gpt-5-mini", input_tokens=2006, cache_read_tokens=1920, output_tokens=300)

    assert cost.nanousd == 21_500 + 48_000 + 600_000


def test_gpt_4o_mini_with_web_searches(cost_of: Callable[..., Cost]) -> None:
    """$0.15 in, $0.60 out, $10 per 1,000 searches: 1000 x 150 + 500 x 600 + 2 x $0.01."""
    cost = cost_of("openai/gpt-4o-mini", input_tokens=1000, output_tokens=500, web_searches=2)

    assert cost.nanousd == 150_000 + 300_000 + 20_000_000


@pytest.mark.parametrize(
    ("tokens", "tier", "per_token"),
    [
        (272_000, None, 2500),
        (272_001, None, 5000),
        (272_000, "flex", 1250),
        (272_001, "flex", 2500),
        (272_000, "priority", 5000),
    ],
)
def test_gpt_5_4_doubles_above_272k(
    cost_of: Callable[..., Cost], tokens: int, tier: str | None, per_token: int
) -> None:
    """$2.50 in, $5 above 272,000; flex at half, priority at twice: litellm#13810, litellm#39861."""
    context = {"service_tier": tier} if tier else {}

    assert (
        cost_of("openai/gpt-5.4", input_tokens=tokens, output_tokens=0, context=context).nanousd == tokens * per_token
    )


def test_batch_costs_half(cost_of: Callable[..., Cost]) -> None:
    """1000 x 125 + 1000 x 1000, and searches stay at list."""
    cost = cost_of(
        "openai/gpt-5-mini",
        input_tokens=1000,
        output_tokens=1000,
        web_searches=1,
        context={"processing": "batch"},
    )

    assert cost.nanousd == 125_000 + 1_000_000 + 10_000_000


def test_a_dated_snapshot_with_its_own_price_keeps_it(cost_of: Callable[..., Cost]) -> None:
    """gpt-4o of May 2024 is $5 in and $15 out, not the later $2.50 and $10: genai-prices#636."""
    old, later = (
        cost_of(f"openai/{name}", input_tokens=1000, output_tokens=100) for name in ("gpt-4o-2024-05-13", "gpt-4o")
    )

    assert old.nanousd == 5_000_000 + 1_500_000
    assert later.nanousd == 2_500_000 + 1_000_000


def test_a_fine_tune_never_has_the_price_of_its_base(cost_of: Callable[..., Cost]) -> None:
    """gpt-4o-mini tuned is $0.30 in, $1.20 out; a tune that nobody lists is unpriced."""
    assert cost_of("openai/ft:gpt-4o-mini-2024-07-18:acme::a", input_tokens=1000, output_tokens=0).nanousd == 300_000
    assert cost_of("openai/ft:gpt-5.4:acme::a", input_tokens=1000, output_tokens=0).nanousd is None
