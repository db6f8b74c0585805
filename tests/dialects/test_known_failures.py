"""Accounting failures of other systems, as their public trackers report them, each beside a capture that shows it."""

from pathlib import Path

import pytest

from llmledger.core.usage import Usage, leaves
from llmledger.core.words import UsageQuality
from llmledger.dialects import load
from llmledger.dialects._contract import Reading
from llmledger.operations.read_usage import read_response

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"


def reading(dialect: str, case: str, *, provider: str = "") -> Reading:
    """The reading of one capture."""
    (body,) = (path for path in (FIXTURES / dialect).glob(f"{case}.*") if ".expected." not in path.name)
    return read_response(dialect, body.read_bytes(), provider=provider)


CACHED = {
    "openai_chat": b'{"choices": [], "usage": {"prompt_tokens": 2006, "completion_tokens": 300,'
    b' "prompt_tokens_details": {"cached_tokens": 1920}}}',
    "openai_responses": b'{"object": "response", "status": "completed", "usage": {"input_tokens": 2006,'
    b' "output_tokens": 300, "input_tokens_details": {"cached_tokens": 1920}}}',
    "anthropic_messages": b'{"type": "message", "content": [], "usage": {"input_tokens": 86,'
    b' "cache_read_input_tokens": 1920, "output_tokens": 300}}',
    "gemini": b'{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 2006,'
    b' "cachedContentTokenCount": 1920, "candidatesTokenCount": 300, "totalTokenCount": 2306}}',
    "bedrock_converse": b'{"stopReason": "end_turn", "usage": {"inputTokens": 86, "cacheReadInputTokens": 1920,'
    b' "outputTokens": 300}}',
}


@pytest.mark.parametrize("dialect", CACHED)
def test_cached_tokens_are_neither_billed_in_full_nor_added_on_top(dialect: str) -> None:
    """litellm#6215, litellm#11364: 2006 in with 1920 cached are 86 + 1920, whether the format includes them or not."""
    apart = leaves(read_response(dialect, CACHED[dialect]).usage)

    assert apart.quantities == {"input_tokens": 86, "cache_read_tokens": 1920, "output_tokens": 300}
    assert apart.overfull == ()


def test_deepseek_and_xai_cached_tokens_are_parts_of_the_input_too() -> None:
    """litellm#14874: text tokens of xAI include cached ones; 1000 in with 600 cached are 400 + 600."""
    xai = leaves(reading("openai_chat", "xai", provider="xai").usage, frozenset({"input_tokens", "cache_read_tokens"}))
    deepseek = reading("openai_chat", "deepseek", provider="deepseek").usage

    assert xai.quantities == {"input_tokens": 400, "cache_read_tokens": 600}
    assert (deepseek.input_tokens, deepseek.cache_read_tokens) == (1000, 800)


def test_xai_behind_another_name_still_counts_its_reasoning() -> None:
    """litellm#14874: an OpenAI-compatible base URL that is xAI's; 50 + 350 are 400 by the response's own total."""
    behind = reading("openai_chat", "xai_behind_another_name", provider="openai")

    assert behind.usage.output_tokens == 400
    assert "reasoning_added_by_total" in behind.flags


@pytest.mark.parametrize("case", ["cached_5m_and_1h", "written_more_than_split", "later_zero_overrides", "compaction"])
def test_fresh_read_and_written_tokens_add_up_to_the_input(case: str) -> None:
    """langfuse#5568, langfuse#12306: one convention for every row, not guessed from key names."""
    usage = reading("anthropic_messages", case).usage
    parts = leaves(usage, frozenset({"input_tokens", "cache_read_tokens", "cache_write_tokens"})).quantities

    assert sum(parts.values()) == usage.input_tokens


def test_what_the_split_by_lifetime_leaves_is_not_billed_at_zero() -> None:
    """litellm#42663: total 5000, split 1000 + 0: all 5000 are writes, none of them of an hour, and the row says so."""
    found = reading("anthropic_messages", "written_more_than_split")

    assert (found.usage.cache_write_tokens, found.usage.cache_write_1h_tokens) == (5000, 0)
    assert found.flags == ("cache_write_remainder_is_short",)


def test_a_later_zero_clears_what_an_earlier_event_said() -> None:
    """sub2api#6125: 900 moved from one hour to five minutes; both would have been billed."""
    usage = reading("anthropic_messages", "later_zero_overrides").usage

    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (900, 0)


@pytest.mark.parametrize(
    ("dialect", "case", "output_tokens"),
    [
        ("anthropic_messages", "streamed", 15),
        ("anthropic_messages", "delta_repeats_input", 15),
        ("anthropic_messages", "fifty_usage_events", 50),
        ("gemini", "fifty_usage_chunks", 100),
        ("openai_chat", "vllm_running_usage", 50),
    ],
)
def test_cumulative_usage_is_never_summed(dialect: str, case: str, output_tokens: int) -> None:
    """tensorzero#5481, envoyproxy/ai-gateway#2239: 16 instead of 15, and 5050 instead of 100."""
    assert reading(dialect, case).usage.output_tokens == output_tokens


def test_reasoning_is_inside_the_output_where_it_is_and_added_where_it_is_not() -> None:
    """litellm#18599: 482 of which 448 reasoning are 482; Gemini's 200 visible with 150 thoughts are 350."""
    inside = (
        b'{"choices": [], "usage": {"completion_tokens": 482, "completion_tokens_details": {"reasoning_tokens": 448}}}'
    )

    assert read_response("openai_chat", inside).usage == Usage(output_tokens=482, reasoning_tokens=448)
    assert reading("gemini", "plain").usage.output_tokens == 350


def test_the_served_tier_is_read_from_the_response() -> None:
    """litellm#13810, langfuse#13780: what was asked for is not what was billed."""
    assert reading("openai_chat", "plain").price_context == {"service_tier": "default"}
    assert reading("anthropic_messages", "batch_and_fast").price_context == {"processing": "batch", "speed": "fast"}


def test_steps_at_two_models_are_two_parts() -> None:
    """litellm#39294: a fallback's iterations were all priced at one model."""
    found = reading("anthropic_messages", "fallback_model")

    assert [part.model for part in found.parts] == ["claude-opus-4-6", "claude-sonnet-4-5"]
    assert sum((part.usage for part in found.parts), Usage()) == found.usage


def test_a_cost_in_the_response_is_kept() -> None:
    """litellm#16341: OpenRouter states what it charges."""
    assert str(reading("openai_chat", "openrouter").reported_usd) == "0.00123"


def test_no_usage_is_missing_and_not_zero() -> None:
    """bifrost#520, otari#256: a stream without usage was recorded as nothing consumed."""
    found = reading("openai_chat", "streamed_usage_not_asked")

    assert found.quality is UsageQuality.MISSING
    assert found.usage.told() == {}
    assert found.output_characters == len("Four cents.")


@pytest.mark.parametrize(
    "dialect", ["openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama", "cohere"]
)
def test_a_broken_stream_keeps_what_was_seen(dialect: str) -> None:
    """litellm#14457, bifrost#4575: the text that arrived bounds the output from below."""
    found = reading(dialect, "broken_off")

    assert not found.is_complete
    assert found.quality is not UsageQuality.EXACT
    assert found.output_characters > 0
    assert found.has_output


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini", "ollama", "cohere"])
def test_error_text_is_never_counted_as_output(dialect: str) -> None:
    """new-api#7062: full price for the text of an error."""
    found = reading(dialect, "error")

    assert found.error_message
    assert (found.output_characters, found.has_output, found.usage.told()) == (0, False, {})


def test_gemini_streams_are_read_as_events_and_as_an_array() -> None:
    """litellm#36646: the array stream was not parsed."""
    assert reading("gemini", "streamed").usage == reading("gemini", "streamed_array").usage


def test_a_parser_that_fails_leaves_a_degraded_reading() -> None:
    """litellm#36426: the row was skipped when its record could not be built."""
    meter = load("openai_chat").meter()
    meter.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "Four"}}]}\n\n')
    meter.feed(b'data: {"service_tier": "default", "usage": {"prompt_tokens": 3}, "choices": 5}\n\n')

    found = meter.finish()

    assert found.output_characters == 4
    assert found.usage.input_tokens == 3


def test_secrets_and_text_never_enter_the_raw_usage() -> None:
    """litellm#30736: only numbers and short names are kept of a usage object."""
    body = b'{"choices": [], "usage": {"prompt_tokens": 3, "note": "a whole prompt", "x y": 1, "tier": "flex"}}'

    raw = read_response("openai_chat", body).raw_usage

    assert raw == {"prompt_tokens": 3, "note": None, "tier": "flex"}


def test_ollamas_absent_count_is_not_told() -> None:
    """ollama#2068, ollama#3427: a prompt served from the cache has no count; it is not zero."""
    found = reading("ollama", "input_count_absent")

    assert found.usage.input_tokens is None
    assert found.flags == ("input_not_told",)


def test_ids_are_attributes_and_may_repeat_or_be_absent() -> None:
    """litellm#28376: `chatcmpl-123` comes again and again from some servers, and null from others."""
    assert reading("openai_chat", "ollama_compat").response_id == "chatcmpl-123"
    assert reading("openai_chat", "id_null_model_missing").response_id is None


@pytest.mark.parametrize(
    "bad",
    [
        b'{"custom_id": "r9", "result": {"type": "succ',
        b"nonsense",
        b"[]",
        b'{"custom_id": "r9", "result": null}',
        b'{"custom_id": "r9", "result": {"type": "errored", "error": {"type": "api_error"}}}',
    ],
    ids=["cut", "no JSON", "no object", "nothing", "failed"],
)
def test_a_bad_line_of_a_batch_costs_the_other_lines_nothing(bad: bytes) -> None:
    """litellm#37457, litellm#32307: one line zeroed a batch, and batches were priced as live; 700 in and 100 out stay."""
    first, *rest = (FIXTURES / "anthropic_batches" / "results.jsonl").read_bytes().splitlines()

    found = read_response("anthropic_batches", b"\n".join((first, bad, *rest)) + b"\n")

    assert (found.usage.input_tokens, found.usage.output_tokens) == (700, 100)
    assert (found.quality, found.price_context["processing"]) == (UsageQuality.PARTIAL, "batch")
