"""The usage objects of OpenAI and of everybody who imitates them, with the quirks that each imitator has.

Counts are inclusive here as in `Usage`. A rule that goes beyond copying a field has a name, and the reading carries it.
Sources: https://platform.openai.com/docs/api-reference, https://docs.x.ai/docs/api-reference,
https://api-docs.deepseek.com/api/create-chat-completion, https://openrouter.ai/docs/use-cases/usage-accounting,
https://docs.perplexity.ai/api-reference/chat-completions-post, https://console.groq.com/docs/compound.
"""

from decimal import Decimal

from llmledger.core.usage import Usage
from llmledger.dialects._contract import MeteredPart
from llmledger.dialects._metering import Draft
from llmledger.dialects._values import Flags, Json, count, decimal, mapping, name, objects, raw_usage

USD_PER_TICK = Decimal("1e-10")
"""xAI states costs in ticks."""


def take_usage(draft: Draft, usage: Json, *, provider: str) -> None:
    """Take a usage object of a chat completion or of a response; what it holds replaces what was known."""
    draft.raw = raw_usage(usage)
    draft.usage = read_usage(usage, draft.flags, provider=provider)
    _take_cost(draft, usage)
    _take_context(draft, usage)


def read_usage(usage: Json, flags: Flags, *, provider: str) -> Usage:
    """Convert one usage object; both spellings (`prompt_tokens` and `input_tokens`) are understood."""
    details = mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    details = details or mapping(usage.get("input_token_details"))
    out_details = mapping(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    cached, missed = _cached(usage, details, flags)
    input_tokens = _first_count(usage, ("prompt_tokens", "input_tokens"), flags)
    if input_tokens is None and cached is not None and missed is not None:
        flags.add("input_from_hit_and_miss")
        input_tokens = cached + missed
    write, write_12h = _written(details, flags)
    room = _room(input_tokens, cached, write)
    audio, room = _within(count(details.get("audio_tokens"), flags), room, flags)
    image, room = _within(count(details.get("image_tokens"), flags), room, flags)
    video, room = _within(count(details.get("video_tokens"), flags), room, flags)
    output_tokens, reasoning, citations = _output(usage, out_details, input_tokens, flags, provider=provider)
    return Usage(
        input_tokens=input_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=write,
        cache_write_12h_tokens=write_12h,
        input_audio_tokens=audio,
        input_image_tokens=image,
        input_video_tokens=video,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning,
        output_audio_tokens=count(out_details.get("audio_tokens"), flags),
        output_image_tokens=count(out_details.get("image_tokens"), flags),
        citation_tokens=citations,
        **_tool_counts(usage, flags),
    )


def breakdown_parts(breakdown: Json, flags: Flags, *, provider: str) -> tuple[MeteredPart, ...]:
    """The models that a compound system was billed for (Groq's `usage_breakdown`)."""
    return tuple(
        MeteredPart(model=model, usage=read_usage(mapping(entry.get("usage")), flags, provider=provider))
        for entry in objects(breakdown.get("models"))
        if (model := name(entry.get("model"))) is not None
    )


def _first_count(usage: Json, keys: tuple[str, ...], flags: Flags) -> int | None:
    return next((told for key in keys if (told := count(usage.get(key), flags)) is not None), None)


def _cached(usage: Json, details: Json, flags: Flags) -> tuple[int | None, int | None]:
    """Tokens read from the cache, and tokens that DeepSeek says were not."""
    hit = count(usage.get("prompt_cache_hit_tokens"), flags)
    missed = count(usage.get("prompt_cache_miss_tokens"), flags)
    cached = count(details.get("cached_tokens"), flags)
    if cached is None and hit is not None:
        flags.add("cached_from_hit_tokens")
        cached = hit
    return (cached if cached is not None else count(usage.get("cached_tokens"), flags)), missed


def _written(details: Json, flags: Flags) -> tuple[int | None, int | None]:
    """Tokens written to a cache, and those of them kept for 12 hours; the rest has the short lifetime."""
    by_lifetime = mapping(details.get("cache_write_tokens_details"))
    short = count(by_lifetime.get("ttl_30m_tokens"), flags)
    long = count(by_lifetime.get("ttl_12h_tokens"), flags)
    total = _first_count(details, ("cache_write_tokens", "created_cache_tokens"), flags)
    if total is None and (short is not None or long is not None):
        total = (short or 0) + (long or 0)
    return total, long


def _room(input_tokens: int | None, cached: int | None, write: int | None) -> int | None:
    return None if input_tokens is None else max(0, input_tokens - (cached or 0) - (write or 0))


def _within(told: int | None, room: int | None, flags: Flags) -> tuple[int | None, int | None]:
    """A count of one modality, at most what the cache left of the input: these counts may overlap the cached one."""
    if told is None or room is None:
        return told, room
    if told > room:
        flags.add("modality_overlaps_cache")
    used = min(told, room)
    return used, room - used


def _output(
    usage: Json, details: Json, input_tokens: int | None, flags: Flags, *, provider: str
) -> tuple[int | None, int | None, int | None]:
    """All output, the reasoning in it and the citations in it.

    xAI leaves reasoning out of `completion_tokens`, and Perplexity reasoning and citations. For the first the
    response's own total decides, whoever seems to be the provider: behind an address of another name they still count.
    """
    output = _first_count(usage, ("completion_tokens", "output_tokens"), flags)
    reasoning = count(details.get("reasoning_tokens"), flags)
    citations = count(usage.get("citation_tokens"), flags)
    if provider == "perplexity":
        reasoning = reasoning if reasoning is not None else count(usage.get("reasoning_tokens"), flags)
        extra = (reasoning or 0) + (citations or 0)
        if extra and output is not None:
            flags.add("reasoning_and_citations_added")
            output += extra
        return output, reasoning, citations
    total = count(usage.get("total_tokens"), flags)
    known = None not in {output, total, input_tokens}
    if reasoning and known and total == (input_tokens or 0) + (output or 0) + reasoning:
        flags.add("reasoning_added_by_total")
        output = (output or 0) + reasoning
    return output, reasoning, citations


def _tool_counts(usage: Json, flags: Flags) -> dict[str, int]:
    """Calls of hosted tools that are billed beside the tokens."""
    named = mapping(usage.get("server_side_tool_usage_details"))
    server = mapping(usage.get("server_tool_use_details") or usage.get("server_tool_use"))
    counts = {
        "web_searches": _sum(
            count(named.get("web_search_calls"), flags),
            count(server.get("web_search_requests"), flags),
            count(usage.get("num_search_queries"), flags),
        ),
        "storage_searches": count(named.get("file_search_calls"), flags),
        "code_sessions": count(named.get("code_interpreter_calls"), flags),
        "tool_calls": count(named.get("x_search_calls"), flags),
    }
    return {unit: told for unit, told in counts.items() if told is not None}


def _sum(*told: int | None) -> int | None:
    known = [number for number in told if number is not None]
    return sum(known) if known else None


def _take_cost(draft: Draft, usage: Json) -> None:
    ticks = decimal(usage.get("cost_in_usd_ticks"))
    if ticks is not None:
        draft.reported_usd = ticks * USD_PER_TICK
        return
    stated = usage.get("cost")
    cost = decimal(mapping(stated).get("total_cost") if isinstance(stated, dict) else stated)
    if cost is None:
        return
    upstream = decimal(mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    if usage.get("is_byok") is True and upstream is not None:
        # With your own key `cost` is only OpenRouter's fee, and the provider bills the rest to you.
        draft.flags.add("byok_upstream_added")
        cost += upstream
    draft.reported_usd = cost


def _take_context(draft: Draft, usage: Json) -> None:
    for key in ("service_tier", "search_context_size"):
        if (told := name(usage.get(key), bound=64)) is not None:
            draft.context[key] = told
