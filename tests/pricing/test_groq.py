"""Groq: requests worked by hand. Prices: https://groq.com/pricing"""

from collections.abc import Callable

from llmledger.core.cost import Cost


def test_gpt_oss_120b(cost_of: Callable[..., Cost]) -> None:
    """$0.15 in, $0.075 cached, $0.60 out: 500 x 150 + 500 x 75 + 100 x 600."""
    cost = cost_of("groq/openai/gpt-oss-120b", input_tokens=1000, cache_read_tokens=500, output_tokens=100)

    assert cost.nanousd == 75_000 + 37_500 + 60_000


def test_a_second_of_speech_is_billed_as_ten(cost_of: Callable[..., Cost]) -> None:
    """whisper-large-v3 at $0.111 an hour: 10 x $0.111 / 3600."""
    assert cost_of("groq/whisper-large-v3", audio_seconds=1).nanousd == round(10 * 111_000_000 / 3600)


def test_batch_halves_all_but_cached_input(cost_of: Callable[..., Cost]) -> None:
    """500 x 75 + 500 x 75 + 100 x 300."""
    cost = cost_of(
        "groq/openai/gpt-oss-120b",
        input_tokens=1000,
        cache_read_tokens=500,
        output_tokens=100,
        context={"processing": "batch"},
    )

    assert cost.nanousd == 37_500 + 37_500 + 30_000
