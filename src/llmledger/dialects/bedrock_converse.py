"""Amazon Bedrock's Converse, whole or as a binary event stream. For metering only: its requests are signed by the SDK.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from urllib.parse import unquote

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Meter, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, limit, read_body, tags
from llmledger.dialects._values import Flags, Json, count, mapping, name, objects, raw_usage, string

SUMMARY = "Amazon Bedrock Converse (metering only)"
PATHS = ("/model/*/converse", "/model/*/converse-stream")

_HOUR = "1h"


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; this format names the model and the wish for a stream in the path."""
    said = read_body(body)
    model = re.search(r"/model/([^?]+)/converse", unquote(path))
    settings = mapping(said.get("inferenceConfig"))
    tier = name(mapping(said.get("serviceTier")).get("type"), bound=64)
    return RequestFacts(
        model=model[1] if model else None,
        stream=path.partition("?")[0].endswith("/converse-stream"),
        max_output_tokens=limit(settings, "maxTokens"),
        tags=tags(mapping(said.get("requestMetadata"))),
        price_context={"service_tier": tier} if tier else {},
        usage_asked=True,
        input_characters=characters(said.get("messages"), said.get("system"), said.get("toolConfig")),
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Conversation())


class _Conversation:
    """Folds a response, or the events of a stream, whose trailing `metadata` has the usage."""

    def __init__(self) -> None:
        self.draft = Draft()

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if event.casefold().endswith("exception") or (set(message) <= {"message", "__type", "Message"}):
            draft.fail({"type": event or message.get("__type"), "message": message.get("message")})
            return ""
        if (reason := name(message.get("stopReason"), bound=64)) is not None:
            draft.finish_reason, draft.is_complete = reason, True
        text = self._text(message)
        if usage := mapping(message.get("usage")):
            draft.raw = raw_usage(usage)
            draft.usage = read_usage(usage, draft.flags)
            draft.is_complete, draft.is_final = True, draft.usage.is_told
        if (tier := name(mapping(message.get("serviceTier")).get("type"), bound=64)) is not None:
            draft.context["service_tier"] = tier
        return text

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last event has said everything."""

    def _text(self, message: Json) -> str:
        draft = self.draft
        delta = mapping(message.get("delta"))
        blocks = objects(mapping(mapping(message.get("output")).get("message")).get("content"))
        for block in [delta, *blocks]:
            thought = mapping(block.get("reasoningContent"))
            draft.saw(string(thought.get("text")) or string(mapping(thought.get("reasoningText")).get("text")))
            tool = mapping(block.get("toolUse"))
            draft.saw(string(tool.get("input")) or str(tool.get("input") or ""))
        return draft.saw(string(delta.get("text")) + "".join(string(block.get("text")) for block in blocks))


def read_usage(usage: Json, flags: Flags) -> Usage:
    """Convert one usage object: on the wire the input excludes what a cache read or wrote."""
    fresh = count(usage.get("inputTokens"), flags)
    read = count(usage.get("cacheReadInputTokens"), flags)
    written = count(usage.get("cacheWriteInputTokens"), flags)
    told = [number for number in (fresh, read, written) if number is not None]
    lifetimes = objects(usage.get("cacheDetails"))
    long = [count(entry.get("inputTokens"), flags) or 0 for entry in lifetimes if entry.get("ttl") == _HOUR]
    return Usage(
        input_tokens=sum(told) if told else None,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=sum(long) if lifetimes else None,
        output_tokens=count(usage.get("outputTokens"), flags),
    )
