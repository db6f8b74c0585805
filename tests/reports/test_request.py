"""How a price came about: each component with the price that gives exactly this amount."""

from decimal import Decimal

import pytest

from llmledger.core.cost import Component
from llmledger.reports.request import effective_usd, price_lines

RATE = {
    "input": 3,
    "output": "15",
    "tier": [{"above": 200_000, "input": 6}],
    "mode": [{"when": {"processing": "batch"}, "input": "1.5"}],
    "per_1k_web_searches": 10,
}


@pytest.mark.parametrize(
    ("component", "usd"),
    [
        (Component("input_tokens", 1_000, 3_000_000), "3"),
        (Component("input_tokens", 1_000, 6_000_000), "6"),
        (Component("input_tokens", 1_000, 1_500_000), "1.5"),
        (Component("cache_read_tokens", 1_000, 3_000_000), "3"),
        (Component("web_searches", 2, 20_000_000), "10"),
        (Component("output_tokens", 1_000, 16_500_000), None),
    ],
    ids=["base", "tier", "mode", "as its parent", "per thousand", "multiplied"],
)
def test_the_price_of_a_component_is_found_in_its_rate(component: Component, usd: str | None) -> None:
    """Base, tier or mode; a part without a price is charged as its whole; a multiplier leaves no single price."""
    (line,) = price_lines((component,), RATE)

    assert line.usd == usd


def test_what_no_single_price_explains_has_an_effective_one() -> None:
    """16,500,000 nano-USD for 1,000 tokens is $16.5 per 1M; nothing for nothing is 0."""
    (line,) = price_lines((Component("output_tokens", 1_000, 16_500_000),), None)
    (empty,) = price_lines((Component("output_tokens", 0, 0),), None)

    assert (effective_usd(line), effective_usd(empty)) == (Decimal("16.5"), 0)
