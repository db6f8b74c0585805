"""Accounting failures that other tools had and published: each once, on the packaged table or beside it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llmledger.core.cost import Cost
from llmledger.core.usage import Usage
from llmledger.core.words import Outcome
from llmledger.pricebook import PriceBook, load, packaged_folder

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "fresh", "cached", "out"),
    [
        ("openai/gpt-4o-mini", 150, 75, 600),
        ("anthropic/claude-sonnet-4-5", 3000, 300, 15_000),
        ("gemini/gemini-2.5-pro", 1250, 125, 10_000),
        ("deepseek/deepseek-v4-flash", 150, 3, 600),
        ("xai/grok-4.5", 2000, 300, 6000),
    ],
)
def test_cached_input_is_neither_full_price_nor_on_top(
    cost_of: Callable[..., Cost], name: str, fresh: int, cached: int, out: int
) -> None:
    """litellm#6215, litellm#11364, bifrost#904: 2006 in, of which 1920 cached, 300 out, in nano-USD a token."""
    cost = cost_of(name, input_tokens=2006, cache_read_tokens=1920, output_tokens=300)

    assert cost.nanousd == 86 * fresh + 1920 * cached + 300 * out


def test_no_token_is_priced_at_zero_by_omission(table: PriceBook) -> None:
    """litellm#42663: where input costs something, cached and written input do too, or the table says 0 for them."""
    for provider in table.provider_names():
        for entry in table.entries(provider):
            for rate in entry.rates:
                if not rate.prices.get("input_tokens") or not rate.holds_at(AT):
                    continue
                usage = Usage(input_tokens=100, cache_write_tokens=100, cache_write_1h_tokens=60, output_tokens=0)
                cost = table.price(provider, entry.id, usage, at=AT)
                assert cost.nanousd, (provider, entry.id)


@pytest.mark.parametrize("name", ["openai/gpt-9", "anthropic/claude", "openrouter/x/y", "nobody/x", "openai/"])
def test_an_unknown_model_is_not_free(cost_of: Callable[..., Cost], name: str) -> None:
    """litellm#36561: $1.16 in the log against $185 on the bill; unknown is None, and budgets can see that."""
    cost = cost_of(name, input_tokens=1_000_000, output_tokens=1_000_000)

    assert (cost.outcome, cost.nanousd) == (Outcome.UNPRICED, None)
    assert cost.reason


def test_an_unknown_model_is_not_priced_as_another(cost_of: Callable[..., Cost]) -> None:
    """headroom#3732, genai-prices#471: command-a-plus is no command-a."""
    assert cost_of("cohere/command-a", input_tokens=1000, output_tokens=0).nanousd is not None
    assert cost_of("cohere/command-a-plus-99", input_tokens=1000, output_tokens=0).nanousd is None


def test_one_lookup_never_changes_another(table: PriceBook, tmp_path: Path) -> None:
    """litellm#20546, litellm#34041: an own price in one book leaves the other books and the shared entry alone."""
    (tmp_path / "openai.toml").write_text(
        'schema = 1\n[[model]]\nid = "gpt-5-mini"\nextends = true\n[[model.period]]\nmultiply = 10\n'
    )
    own, usage = load([packaged_folder(), tmp_path]), Usage(input_tokens=1000, output_tokens=0)

    assert own.price("openai", "gpt-5-mini", usage, at=AT).nanousd == 2_500_000
    assert table.price("openai", "gpt-5-mini", usage, at=AT).nanousd == 250_000
    assert load([]).price("openai", "gpt-5-mini", usage, at=AT).nanousd == 250_000


def test_yesterdays_price_stays_yesterdays(cost_of: Callable[..., Cost]) -> None:
    """litellm#31835, models.dev#4006: o3 fell to a fifth in June 2025; May stays what May cost."""
    may, june = (datetime(2025, 6, day, 12, tzinfo=UTC) for day in (9, 10))

    assert cost_of("openai/o3", at=may, input_tokens=1000, output_tokens=0).nanousd == 10_000_000
    assert cost_of("openai/o3", at=june, input_tokens=1000, output_tokens=0).nanousd == 2_000_000


@pytest.mark.parametrize(
    "name", ["groq/mistral-saba-24b", "cerebras/llama-3.3-70b", "anthropic/claude-2", "openai/gpt-4-32k"]
)
def test_retired_models_stay_priceable(cost_of: Callable[..., Cost], name: str) -> None:
    """Lists drop them and old usage becomes unpriced: headroom#3732."""
    assert cost_of(name, input_tokens=1000, output_tokens=10).nanousd


def test_the_served_tier_decides_and_an_unknown_one_is_the_default(cost_of: Callable[..., Cost]) -> None:
    """PostHog#94200: `default` as served costs the list price, whatever was asked for."""
    prices = {
        tier: cost_of("openai/gpt-5-mini", input_tokens=1000, output_tokens=0, context={"service_tier": tier}).nanousd
        for tier in ("default", "flex", "priority", "scale")
    }

    assert prices == {"default": 250_000, "flex": 125_000, "priority": 450_000, "scale": 250_000}


def test_a_search_fee_goes_by_the_size_of_its_context(cost_of: Callable[..., Cost]) -> None:
    """Perplexity's sonar: $5, $8 or $12 per 1,000 requests beside the tokens."""
    fees = {
        size: cost_of(
            "perplexity/sonar", input_tokens=0, output_tokens=0, context={"search_context_size": size}
        ).nanousd
        for size in ("low", "medium", "high")
    }

    assert fees == {"low": 5_000_000, "medium": 8_000_000, "high": 12_000_000}


def test_bare_bedrock_ids_have_the_regional_premium(cost_of: Callable[..., Cost]) -> None:
    """litellm#42679: the global profile is $3, the bare id in its region a tenth more."""
    usage = {"input_tokens": 1000, "output_tokens": 0}

    assert cost_of("bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0", **usage).nanousd == 3_000_000
    assert cost_of("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", **usage).nanousd == 3_300_000
