"""Google's usage metadata: media by modality, thoughts beside the visible output, tool results fed back.

Source: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from typing import Any

from llmledger.core.usage import Usage
from llmledger.dialects._values import Flags, Json, count, objects


def read_usage(usage: Json, flags: Flags, *, searches: int | None = None, maps_searches: int | None = None) -> Usage:
    """Convert one usage object to inclusive counts.

    Thoughts are added to the visible output, unless the response's own total says that they are inside already. Results
    of tools are input, except those of a search that is charged by the request.
    """
    prompt = count(usage.get("promptTokenCount"), flags)
    cached = count(usage.get("cachedContentTokenCount"), flags)
    fed_back = count(usage.get("toolUsePromptTokenCount"), flags)
    is_grounded = searches is not None or maps_searches is not None
    if fed_back and is_grounded:
        flags.add("grounding_tokens_not_billed")
    billed_back = 0 if is_grounded else fed_back or 0
    media = _by_modality(usage.get("promptTokensDetails"), flags)
    stored = _by_modality(usage.get("cacheTokensDetails"), flags)
    made = _by_modality(usage.get("candidatesTokensDetails"), flags)
    output, thoughts = _output(usage, prompt, fed_back, flags)
    return Usage(
        input_tokens=None if prompt is None else prompt + billed_back,
        cache_read_tokens=cached,
        input_audio_tokens=_less(media.get("AUDIO"), stored.get("AUDIO")),
        input_image_tokens=_less(media.get("IMAGE"), stored.get("IMAGE")),
        input_video_tokens=_less(media.get("VIDEO"), stored.get("VIDEO")),
        cache_read_audio_tokens=stored.get("AUDIO"),
        cache_read_image_tokens=stored.get("IMAGE"),
        output_tokens=output,
        reasoning_tokens=thoughts,
        output_audio_tokens=made.get("AUDIO"),
        output_image_tokens=made.get("IMAGE"),
        output_video_tokens=made.get("VIDEO"),
        web_searches=searches,
        maps_searches=maps_searches,
    )


def _output(usage: Json, prompt: int | None, fed_back: int | None, flags: Flags) -> tuple[int | None, int | None]:
    visible = count(usage.get("candidatesTokenCount"), flags)
    if visible is None:
        # Vertex names it so in live sessions and in some older replies.
        visible = count(usage.get("responseTokenCount"), flags)
    thoughts = count(usage.get("thoughtsTokenCount"), flags)
    if not thoughts:
        return visible, thoughts
    total = count(usage.get("totalTokenCount"), flags)
    if visible is not None and total is not None and (prompt or 0) + visible + (fed_back or 0) == total:
        flags.add("thoughts_inside_candidates")
        return visible, thoughts
    return (visible or 0) + thoughts, thoughts


def _by_modality(details: Any, flags: Flags) -> dict[str, int]:
    counts: dict[str, int] = {}
    for detail in objects(details):
        tokens = count(detail.get("tokenCount"), flags)
        if tokens is not None:
            kind = str(detail.get("modality"))
            counts[kind] = counts.get(kind, 0) + tokens
    return counts


def _less(whole: int | None, part: int | None) -> int | None:
    """Media tokens that were not read from the cache: those of the cache have units of their own."""
    return None if whole is None else max(0, whole - (part or 0))
