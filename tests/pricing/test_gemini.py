"""Google Gemini: requests worked by hand. Prices: https://ai.google.dev/gemini-api/docs/pricing"""

from collections.abc import Callable

import pytest

from llmledger.core.cost import Cost


def test_gemini_pro_with_thoughts_and_cache(cost_of: Callable[..., Cost]) -> None:
    """$1.25 in, $0.125 cached, $10 out with thoughts inside: 1000 x 1250 + 4000 x 125 + 900 x 10000."""
    cost = cost_of(
        "gemini/gemini-2.5-pro", input_tokens=5000, cache_read_tokens=4000, output_tokens=900, reasoning_tokens=700
    )

    assert cost.nanousd == 1_250_000 + 500_000 + 9_000_000


def test_gemini_flash_with_a_grounded_search(cost_of: Callable[..., Cost]) -> None:
    """3.8 Flash: $0.75 in, $3.75 out, $14 per 1,000 searches: 2000 x 750 + 100 x 3750 + $0.014."""
    cost = cost_of("gemini/models/gemini-3.8-flash", input_tokens=2000, output_tokens=100, web_searches=1)

    assert cost.nanousd == 1_500_000 + 375_000 + 14_000_000


@pytest.mark.parametrize(("tokens", "per_token", "per_output"), [(200_000, 1250, 10_000), (200_001, 2500, 15_000)])
def test_gemini_pro_costs_more_above_200k(
    cost_of: Callable[..., Cost], tokens: int, per_token: int, per_output: int
) -> None:
    """The output too."""
    cost = cost_of("gemini/gemini-2.5-pro", input_tokens=tokens, output_tokens=10)

    assert cost.nanousd == tokens * per_token + 10 * per_output


def test_batch_leaves_cached_input_at_list(cost_of: Callable[..., Cost]) -> None:
    """genai-prices#547: 1000 x 625 + 4000 x 125."""
    context = {"processing": "batch"}
    cost = cost_of("gemini/gemini-2.5-pro", input_tokens=5000, cache_read_tokens=4000, output_tokens=0, context=context)

    assert cost.nanousd == 625_000 + 500_000
