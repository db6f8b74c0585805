"""Cerebras: requests worked by hand. Prices: https://www.cerebras.ai/pricing#pricing"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from llmledger.core.cost import Cost
from llmledger.core.usage import Usage
from llmledger.pricebook import load, packaged_folder


def test_gpt_oss_120b(cost_of: Callable[..., Cost]) -> None:
    """$0.35 in, $0.75 out: 1000 x 350 + 100 x 750."""
    assert cost_of("cerebras/gpt-oss-120b", input_tokens=1000, output_tokens=100).nanousd == 350_000 + 75_000


def test_glm_4_7(cost_of: Callable[..., Cost]) -> None:
    """$2.25 in, $2.75 out, cached input at the input price: 1000 x 2250 + 10 x 2750."""
    cost = cost_of("cerebras/zai-glm-4.7", input_tokens=1000, cache_read_tokens=800, output_tokens=10)

    assert cost.nanousd == 2_250_000 + 27_500


def test_a_fee_per_request_comes_on_top_of_tokens(tmp_path: Path) -> None:
    """$0.50 per 1,000 requests, by an own price: 500,000 + 1000 x 350 + 100 x 750."""
    (tmp_path / "cerebras.toml").write_text(
        'schema = 1\nprovider = "cerebras"\n[[model]]\nid = "gpt-oss-120b"\nextends = true\n'
        "[[model.period]]\nper_1k_requests = 0.50\n"
    )
    book = load([packaged_folder(), tmp_path])
    usage = Usage(input_tokens=1000, output_tokens=100)
    cost = book.price("cerebras", "gpt-oss-120b", usage, at=datetime(2026, 11, 21, tzinfo=UTC))

    assert cost.nanousd == 500_000 + 350_000 + 75_000
