"""Mistral: requests worked by hand. Prices: https://mistral.ai/pricing/api"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from llmledger.core.cost import Cost


def test_large_4(cost_of: Callable[..., Cost]) -> None:
    """$0.70 in, $0.07 cached, $2.10 out: 1000 x 700 + 1000 x 70 + 100 x 2100."""
    cost = cost_of("mistral/mistral-large-4", input_tokens=2000, cache_read_tokens=1000, output_tokens=100)

    assert cost.nanousd == 700_000 + 70_000 + 210_000


def test_ocr_by_the_page(cost_of: Callable[..., Cost]) -> None:
    """$4 per 1,000 pages, $5 where annotated: of 10 pages 3 are annotated, 7 x $0.004 + 3 x $0.005."""
    cost = cost_of("mistral/mistral-ocr-latest", document_pages=10, annotated_pages=3)

    assert cost.nanousd == 28_000_000 + 15_000_000


@pytest.mark.parametrize(
    ("day", "per_page"),
    [("2025-12-17", 1_000_000), ("2025-12-18", 2_000_000), ("2026-06-22", 2_000_000), ("2026-06-23", 4_000_000)],
)
def test_a_page_was_cheaper_once(cost_of: Callable[..., Cost], day: str, per_page: int) -> None:
    """Each step, on its last day and its first."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)

    assert cost_of("mistral/mistral-ocr-latest", at=at, document_pages=1).nanousd == per_page
