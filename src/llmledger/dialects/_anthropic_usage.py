"""Anthropic's usage object: exclusive counts, cumulative events, lifetimes of cache writes, steps at several models.

Source: https://docs.anthropic.com/en/api/messages and the published types of the `anthropic` package.
"""

from typing import Any

from llmledger.core.usage import Usage
from llmledger.dialects._contract import MeteredPart
from llmledger.dialects._values import Flags, Json, count, mapping, name, objects


class Merged:
    """The usage fields of a stream: an event replaces the fields it tells; null keeps what was known, zero does not."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def take(self, usage: Json) -> None:
        """Take the usage object of one event."""
        for key, value in usage.items():
            if value is None:
                continue
            known = self.fields.get(key)
            if isinstance(value, dict) and isinstance(known, dict):
                self.fields[key] = {**known, **{inner: told for inner, told in value.items() if told is not None}}
            else:
                self.fields[key] = value


def read_usage(usage: Json, flags: Flags) -> Usage:
    """Convert one usage object to inclusive counts."""
    fresh = count(usage.get("input_tokens"), flags)
    read = count(usage.get("cache_read_input_tokens"), flags)
    written, written_1h = _written(usage, flags)
    told = [number for number in (fresh, read, written) if number is not None]
    server = mapping(usage.get("server_tool_use"))
    return Usage(
        input_tokens=sum(told) if told else None,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=written_1h,
        output_tokens=count(usage.get("output_tokens"), flags),
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("thinking_tokens"), flags),
        web_searches=count(server.get("web_search_requests"), flags),
    )


def _written(usage: Json, flags: Flags) -> tuple[int | None, int | None]:
    """All tokens written to the cache, and those of them with the lifetime of an hour.

    The total counts. What the split by lifetime leaves of it has the short lifetime (litellm#42663: it was billed at
    zero); a split larger than the total is an older event's (sub2api#6125), and gives way.
    """
    total = count(usage.get("cache_creation_input_tokens"), flags)
    split = mapping(usage.get("cache_creation"))
    short = count(split.get("ephemeral_5m_input_tokens"), flags)
    long = count(split.get("ephemeral_1h_input_tokens"), flags)
    if short is None and long is None:
        return total, None
    known = (short or 0) + (long or 0)
    if total is None:
        return known, long
    if total > known:
        flags.add("cache_write_remainder_is_short")
    elif total < known:
        flags.add("cache_write_split_overfull")
    return total, None if long is None else min(long, total)


def read_iterations(usage: Json, top: Usage, model: str, flags: Flags) -> tuple[Usage, tuple[MeteredPart, ...]]:
    """The whole usage, and its parts by model, of a response that took several sampling steps.

    The totals beside them leave out compaction, and hide that a step was made by another model: where steps are told,
    their sum counts. Searches and reasoning are told only in the totals, and stay with the main model.
    """
    steps = objects(usage.get("iterations"))
    if not steps:
        return top, ()
    by_model: dict[str, Usage] = {}
    for step in steps:
        made_by = name(step.get("model")) or model
        by_model[made_by] = by_model.get(made_by, Usage()) + read_usage(step, flags)
    beside = Usage(web_searches=top.web_searches, reasoning_tokens=top.reasoning_tokens)
    main = model if model in by_model else next(iter(by_model))
    by_model[main] = by_model[main] + beside
    whole = sum(by_model.values(), Usage())
    if whole.input_tokens != top.input_tokens or whole.output_tokens != top.output_tokens:
        flags.add("summed_over_iterations")
    if len(by_model) == 1:
        return whole, ()
    flags.add("several_models")
    return whole, tuple(MeteredPart(model=made_by, usage=part) for made_by, part in by_model.items())
