"""Worked examples of the providers' formats, taken apart into the disjoint quantities that a bill is made of."""

from decimal import Decimal
from pathlib import Path

import pytest

from llmledger.core.usage import leaves
from llmledger.operations.read_usage import read_usage

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"

EXAMPLES = [
    # 2000 in, of which 1200 read and 300 written: 500 are fresh.
    (
        "openai_chat/plain.json",
        "",
        {"input": 500, "cache_read": 1200, "cache_write": 300, "output": 180, "reasoning": 320},
    ),
    # 3000 in, of which 1000 read and 600 written for 30 minutes; 700 out, of which 450 reasoning.
    (
        "openai_responses/plain.json",
        "",
        {"input": 1400, "cache_read": 1000, "cache_write": 600, "output": 250, "reasoning": 450, "web_searches": 2},
    ),
    ("openai_chat/audio.json", "", {"input": 400, "input_audio": 500, "output": 80, "output_audio": 220}),
    ("openai_embeddings/plain.json", "", {"input": 512}),
    ("openai_images/plain.json", "", {"input": 20, "input_image": 100, "output_image": 1056, "output_images": 1}),
    ("openai_audio/duration.json", "groq", {"audio_seconds": Decimal("6.2")}),
    # 120 fresh + 8000 read + 1500 written, of which 500 for an hour.
    (
        "anthropic_messages/cached_5m_and_1h.json",
        "",
        {
            "input": 120,
            "cache_read": 8000,
            "cache_write": 1000,
            "cache_write_1h": 500,
            "output": 240,
            "reasoning": 400,
            "web_searches": 2,
        },
    ),
    ("anthropic_messages/broken_off.sse", "", {"input": 120, "cache_read": 8000, "output": 1}),
    # 1000 + 50 of tools - 600 read; 200 visible + 150 thoughts, since 1000 + 200 + 50 is not 1400.
    ("gemini/plain.json", "", {"input": 450, "cache_read": 600, "output": 200, "reasoning": 150}),
    ("ollama/plain.json", "", {"input": 42, "output": 128}),
    ("openai_chat/llamacpp.json", "llamacpp", {"input": 80, "cache_read": 220, "output": 90}),
    ("openai_chat/vllm.json", "vllm", {"input": 80, "cache_read": 220, "output": 60, "reasoning": 30}),
    ("openai_chat/gemini.json", "gemini", {"input": 80, "cache_read": 220, "output": 60, "reasoning": 30}),
    ("openai_chat/cerebras.json", "cerebras", {"input": 80, "cache_read": 220, "output": 60, "reasoning": 30}),
    ("openai_chat/mistral_streamed.sse", "mistral", {"input": 80, "cache_read": 220, "output": 60, "reasoning": 30}),
    ("openai_chat/deepseek.json", "deepseek", {"input": 200, "cache_read": 800, "output": 100, "reasoning": 200}),
    ("openai_chat/groq_streamed.sse", "groq", {"input": 50, "output": 20}),
    (
        "openai_chat/openrouter.json",
        "openrouter",
        {"input": 676, "cache_read": 1024, "cache_write": 100, "output": 240},
    ),
    # 1000 + 50 + 350 = 1400: the reasoning stands beside the 50.
    ("openai_chat/xai.json", "xai", {"input": 400, "cache_read": 600, "output": 50, "reasoning": 350}),
    (
        "bedrock_converse/plain.json",
        "",
        {"input": 120, "cache_read": 8000, "cache_write": 1000, "cache_write_1h": 500, "output": 640},
    ),
]


@pytest.mark.parametrize(("capture", "provider", "quantities"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_a_worked_example_comes_apart_as_worked_by_hand(
    capture: str, provider: str, quantities: dict[str, int | Decimal]
) -> None:
    """Every token is in exactly one place, and none is in two."""
    usage = read_usage(capture.partition("/")[0], (FIXTURES / capture).read_bytes(), provider=provider)
    apart = leaves(usage)

    assert {name.removesuffix("_tokens"): amount for name, amount in apart.quantities.items() if amount} == quantities
    assert apart.overfull == ()
