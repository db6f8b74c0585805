"""Anthropic's Messages, also as Bedrock, Vertex, DeepSeek and llama.cpp serve them.

On the wire `input_tokens` counts only what no cache read or wrote; `Usage` counts all input.
Source: https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/messages-streaming
"""

import base64
import re
from typing import Any
from urllib.parse import unquote

from llmledger.dialects._anthropic_usage import Merged, read_iterations, read_usage
from llmledger.dialects._contract import Attachment, BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, context, dump_body, limit, read_body, session, tags
from llmledger.dialects._values import Json, mapping, name, objects, parse, raw_usage, string
from llmledger.errors import UsageError

SUMMARY = "Anthropic Messages"
PATHS = ("/messages", "/publishers/anthropic/models/*", "/model/*anthropic.*/invoke*")

DEFAULT_MAX_TOKENS = 4096
"""The format demands a limit; this one is for prompts that name none."""

_CLAUDE_CODE_USER = re.compile(r"(?P<user>user_[0-9a-f]+)_account_\S*?_session_(?P<session>[0-9a-f-]{36})")


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body. Streams of this format report usage unasked."""
    said = read_body(body)
    metadata = mapping(said.get("metadata"))
    user, session_id = _user(name(metadata.get("user_id"), bound=1000))
    return RequestFacts(
        model=name(said.get("model")) or _model_in(path),
        stream=said.get("stream") is True or "stream" in path.rpartition("/")[2].casefold(),
        max_output_tokens=limit(said, "max_tokens"),
        user=user,
        session=session(said) or session_id,
        tags=tags(metadata),
        price_context=context(said, "service_tier", "speed", "inference_geo"),
        usage_asked=True,
        input_characters=characters(said.get("messages"), said.get("system"), said.get("tools")),
    )


def _model_in(path: str) -> str | None:
    """The model that Vertex (`models/{model}:rawPredict`) and Bedrock (`model/{model}/invoke`) name in the path."""
    found = re.search(r"/models?/([^/:]+(?::\d+)?)[:/]", unquote(path))
    return found[1] if found else None


def _user(user_id: str | None) -> tuple[str | None, str | None]:
    """User and session of `metadata.user_id`, into which Claude Code packs both, as JSON or joined by underscores."""
    if user_id is None:
        return None, None
    if found := _CLAUDE_CODE_USER.fullmatch(user_id):
        return found["user"], found["session"]
    packed = mapping(parse(user_id.encode("utf-8", "replace"))) if user_id.startswith("{") else {}
    if packed:
        return name(packed.get("device_id")), name(packed.get("session_id"))
    return user_id[:200], None


def build_request(prompt: Prompt) -> BuiltRequest:
    """Put a prompt into a message request."""
    turns: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in prompt.history]
    parts = [_attachment(attachment) for attachment in prompt.attachments]
    content: Any = [*parts, {"type": "text", "text": prompt.text}] if parts else prompt.text
    body: dict[str, Any] = {
        "model": prompt.model,
        "max_tokens": prompt.max_output_tokens or DEFAULT_MAX_TOKENS,
        "messages": [*turns, {"role": "user", "content": content}],
    }
    if prompt.system:
        body["system"] = prompt.system
    if prompt.stream:
        body["stream"] = True
    headers = {"anthropic-version": "2023-06-01"}
    return BuiltRequest(path="/v1/messages", body=dump_body(body | dict(prompt.options)), headers=headers)


def _attachment(attachment: Attachment) -> dict[str, Any]:
    kind = "image" if attachment.media_type.startswith("image/") else "document"
    if kind == "document" and attachment.media_type != "application/pdf":
        raise UsageError(
            f"a message takes no {attachment.media_type} attachments",
            hint="Attach images or PDF; pipe text through stdin.",
        )
    if attachment.content is None:
        return {"type": kind, "source": {"type": "url", "url": attachment.url}}
    encoded = base64.b64encode(attachment.content).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": attachment.media_type, "data": encoded}}


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Message())


class _Message:
    """Folds a message, or the events of a stream: usage is cumulative, and the last value of each field counts."""

    def __init__(self) -> None:
        self.draft = Draft()
        self._merged = Merged()

    def take(self, message: Json, event: str) -> str:
        kind = message.get("type") or event
        if kind == "message_start":
            return self._message(mapping(message.get("message")), is_whole=False)
        if kind == "content_block_delta":
            return self._delta(mapping(message.get("delta")))
        if kind == "content_block_start":
            return self._block(mapping(message.get("content_block")))
        if kind == "message_delta":
            return self._end_of_message(message)
        if kind == "error":
            self.draft.fail(message.get("error") or message)
        elif kind == "message_stop":
            self.draft.is_complete = True
        elif "usage" in message or "content" in message:
            return self._message(message, is_whole=True)
        elif message.get("error"):
            self.draft.fail(message["error"])
        self._bedrock_metrics(mapping(message.get("amazon-bedrock-invocationMetrics")))
        return ""

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last event has said everything."""

    def _message(self, message: Json, *, is_whole: bool) -> str:
        draft = self.draft
        draft.model = name(message.get("model")) or draft.model
        draft.response_id = name(message.get("id")) or draft.response_id
        self._usage(message, is_final=is_whole)
        if not is_whole:
            return ""
        draft.is_complete = True
        draft.finish_reason = name(message.get("stop_reason"), bound=64)
        return "".join(self._block(block) for block in objects(message.get("content")))

    def _block(self, block: Json) -> str:
        draft = self.draft
        draft.saw(string(block.get("thinking")))
        if isinstance(block.get("input"), dict) and block["input"]:
            draft.saw(str(block["input"]))
        if block.get("type") in {"tool_use", "server_tool_use", "redacted_thinking"}:
            draft.has_output = True
        return draft.saw(string(block.get("text")))

    def _delta(self, delta: Json) -> str:
        self.draft.saw(string(delta.get("thinking")) + string(delta.get("partial_json")))
        return self.draft.saw(string(delta.get("text")))

    def _end_of_message(self, message: Json) -> str:
        delta = mapping(message.get("delta"))
        reason = name(delta.get("stop_reason"), bound=64)
        self.draft.finish_reason = reason or self.draft.finish_reason
        self._usage(message, is_final=reason is not None)
        return ""

    def _usage(self, message: Json, *, is_final: bool) -> None:
        usage = mapping(message.get("usage"))
        if not usage:
            return
        draft = self.draft
        self._merged.take(usage)
        known = self._merged.fields
        draft.raw = raw_usage(known)
        draft.usage = read_usage(known, draft.flags)
        draft.usage, draft.parts = read_iterations(known, draft.usage, draft.model or "", draft.flags)
        draft.is_final = draft.usage.is_told and (is_final or draft.is_final)
        self._context(known)

    def _context(self, usage: Json) -> None:
        tier = name(usage.get("service_tier"), bound=64)
        if tier == "batch":
            self.draft.context["processing"] = "batch"
        elif tier is not None:
            self.draft.context["service_tier"] = tier
        for key in ("speed", "inference_geo"):
            if (told := name(usage.get(key), bound=64)) not in {None, "not_available"}:
                self.draft.context[key] = str(told)

    def _bedrock_metrics(self, metrics: Json) -> None:
        """Bedrock ends the stream of an invoked model with its own counts; they stand in where the model sent none."""
        if not metrics or self.draft.usage.is_told:
            return
        fields = {
            "input_tokens": metrics.get("inputTokenCount"),
            "output_tokens": metrics.get("outputTokenCount"),
            "cache_read_input_tokens": metrics.get("cacheReadInputTokenCount"),
            "cache_creation_input_tokens": metrics.get("cacheWriteInputTokenCount"),
        }
        self.draft.flags.add("usage_from_bedrock_metrics")
        self._usage({"usage": fields}, is_final=True)
