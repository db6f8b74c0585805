"""Cohere's own chat, embed and rerank, whole or streamed. For metering only: prompts go to its OpenAI-like endpoint.

Source: https://docs.cohere.com/reference/chat
"""

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Meter, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, limit, read_body
from llmledger.dialects._values import Json, count, mapping, name, objects, raw_usage, string

SUMMARY = "Cohere chat, embed and rerank (metering only)"
PATHS = ("/v2/chat", "/v1/chat", "/v2/embed", "/v1/embed", "/v2/rerank", "/v1/rerank")


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body."""
    said = read_body(body)
    return RequestFacts(
        model=name(said.get("model")),
        stream=said.get("stream") is True,
        max_output_tokens=limit(said, "max_tokens"),
        usage_asked=True,
        input_characters=characters(
            *(said.get(key) for key in ("messages", "message", "texts", "query", "documents", "tools"))
        ),
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Chat())


class _Chat:
    """Folds a response, or the events of a stream, whose `message-end` has the usage.

    `billed_units` is what the bill is made of; `tokens` also counts Cohere's own template, and is not billed.
    """

    def __init__(self) -> None:
        self.draft = Draft()

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        kind = message.get("type") or event
        draft.response_id = name(message.get("id")) or draft.response_id
        delta = mapping(message.get("delta"))
        holder = delta or message
        if (reason := name(holder.get("finish_reason"), bound=64)) is not None:
            draft.finish_reason, draft.is_complete = reason, True
        if set(message) <= {"message", "id"} and isinstance(message.get("message"), str):
            draft.fail(message["message"])
        if holder.get("error"):
            draft.fail(holder["error"])
        usage = mapping(holder.get("usage")) or mapping(message.get("meta"))
        if usage:
            self._usage(usage)
        return self._text(mapping(holder.get("message")), is_delta=kind == "content-delta")

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last event has said everything."""

    def _usage(self, usage: Json) -> None:
        draft = self.draft
        billed = mapping(usage.get("billed_units"))
        counted = billed or mapping(usage.get("tokens"))
        if not billed and counted:
            draft.flags.add("tokens_not_billed_units")
        draft.raw = raw_usage(usage)
        draft.usage = Usage(
            input_tokens=count(counted.get("input_tokens"), draft.flags),
            cache_read_tokens=count(usage.get("cached_tokens"), draft.flags),
            output_tokens=count(counted.get("output_tokens"), draft.flags),
            search_units=count(billed.get("search_units"), draft.flags),
            images=count(billed.get("images"), draft.flags),
        )
        draft.is_complete, draft.is_final = True, draft.usage.is_told

    def _text(self, said: Json, *, is_delta: bool) -> str:
        draft = self.draft
        content = said.get("content")
        parts = [mapping(content)] if is_delta else objects(content)
        draft.saw("".join(string(part.get("thinking")) for part in parts) + string(said.get("tool_plan")))
        for call in [*objects(said.get("tool_calls")), mapping(said.get("tool_calls"))]:
            draft.saw(string(mapping(call.get("function")).get("arguments")))
        return draft.saw("".join(string(part.get("text")) for part in parts))
