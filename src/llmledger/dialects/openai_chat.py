"""OpenAI's chat completions, and all who speak them: Groq, xAI, DeepSeek, Mistral, OpenRouter, vLLM, llama.cpp ...

Source: https://platform.openai.com/docs/api-reference/chat
"""

import base64
from dataclasses import replace
from typing import Any

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Attachment, BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._openai_usage import breakdown_parts, take_usage
from llmledger.dialects._request import characters, context, dump_body, limit, read_body, session, tags
from llmledger.dialects._values import Json, count, mapping, name, objects, raw_usage, string
from llmledger.errors import UsageError

SUMMARY = "OpenAI chat completions and the many servers that imitate them"
PATHS = ("/chat/completions", "/completions", "/completion", "/fim/completions")

_ORDINARY = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "obfuscation"}
)
"""Members of nearly every message; one with others is looked at more closely."""

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; Azure names the model in the path (`/deployments/{name}/`) instead."""
    said = read_body(body)
    usage_asked = mapping(said.get("stream_options")).get("include_usage")
    metadata = mapping(said.get("metadata"))
    return RequestFacts(
        model=name(said.get("model")) or _deployment(path),
        stream=said.get("stream") is True,
        max_output_tokens=limit(said, "max_completion_tokens", "max_tokens", "n_predict"),
        user=name(said.get("user")) or name(metadata.get("user_id")) or name(said.get("safety_identifier")),
        session=session(said) or name(said.get("session_id")),
        tags=tags(metadata),
        price_context=context(said, "service_tier"),
        usage_asked=usage_asked if isinstance(usage_asked, bool) else None,
        input_characters=characters(said.get("messages"), said.get("prompt"), said.get("tools"), said.get("functions")),
    )


def _deployment(path: str) -> str | None:
    segments = path.split("/")
    if "deployments" in segments[:-1]:
        return name(segments[segments.index("deployments") + 1])
    return None


def build_request(prompt: Prompt) -> BuiltRequest:
    """Put a prompt into a chat completion; a stream is asked for its usage."""
    messages: list[dict[str, Any]] = []
    if prompt.system:
        messages.append({"role": "system", "content": prompt.system})
    messages.extend({"role": role, "content": text} for role, text in prompt.history)
    parts = [_attachment(attachment) for attachment in prompt.attachments]
    content: Any = [{"type": "text", "text": prompt.text}, *parts] if parts else prompt.text
    messages.append({"role": "user", "content": content})
    body: dict[str, Any] = {"model": prompt.model, "messages": messages}
    if prompt.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if prompt.max_output_tokens is not None:
        body["max_completion_tokens"] = prompt.max_output_tokens
    return BuiltRequest(path="/v1/chat/completions", body=dump_body(body | dict(prompt.options)))


def _attachment(attachment: Attachment) -> dict[str, Any]:
    kind = attachment.media_type.partition("/")[0]
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": attachment.url or data_url(attachment)}}
    if attachment.content is None:
        raise UsageError(
            f"a {attachment.media_type} attachment cannot be given by its address here",
            hint="Download the file and attach it from disk.",
        )
    encoded = base64.b64encode(attachment.content).decode()
    if attachment.media_type in _AUDIO_FORMATS:
        return {
            "type": "input_audio",
            "input_audio": {"data": encoded, "format": _AUDIO_FORMATS[attachment.media_type]},
        }
    if attachment.media_type == "application/pdf":
        return {"type": "file", "file": {"filename": "attachment.pdf", "file_data": data_url(attachment)}}
    raise UsageError(
        f"a chat completion takes no {attachment.media_type} attachments",
        hint="Attach images, PDF, WAV or MP3; pipe text through stdin.",
    )


def data_url(attachment: Attachment) -> str:
    """An attachment's bytes as a `data:` address."""
    return f"data:{attachment.media_type};base64,{base64.b64encode(attachment.content or b'').decode()}"


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Chat(provider))


class _Chat:
    """Folds completions and their chunks. Usage is the last one sent: totals, never deltas."""

    def __init__(self, provider: str) -> None:
        self.draft = Draft()
        self._provider = provider
        self._has_usage = False
        self._reused: int | None = None

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if (model := message.get("model")) != draft.model:
            draft.model = name(model) or draft.model
        if (response_id := message.get("id")) != draft.response_id:
            draft.response_id = name(response_id) or draft.response_id
        if (tier := name(message.get("service_tier"), bound=64)) is not None:
            draft.context["service_tier"] = tier
        if not message.keys() <= _ORDINARY or event == "error" or message.get("object") == "error":
            return self._unusual(message, event)
        text = self._choices(message)
        if usage := mapping(message.get("usage")):
            self._usage(usage, message)
        return text

    def _unusual(self, message: Json, event: str) -> str:
        """A message with more in it than nearly all have."""
        draft = self.draft
        self._error(message, event)
        text = self._choices(message)
        if "content" in message or "tokens_predicted" in message:
            text += self._completion(message)
        if timings := mapping(message.get("timings")):
            self._timings(timings)
        groq = mapping(message.get("x_groq"))
        if usage := mapping(message.get("usage")) or mapping(groq.get("usage")):
            self._usage(usage, message)
        if breakdown := mapping(message.get("usage_breakdown") or groq.get("usage_breakdown")):
            draft.parts = breakdown_parts(breakdown, draft.flags, provider=self._provider)
        return text

    def mark(self, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self.draft.is_complete = True
            self.draft.is_final = self.draft.usage.is_told

    def end(self) -> None:
        """A stream that has named its finish reason and its usage is whole, also without `[DONE]`."""

    def _error(self, message: Json, event: str) -> None:
        error = message.get("error") or mapping(message.get("x_groq")).get("error")
        if error or event == "error":
            self.draft.fail(error or message)
        elif message.get("object") == "error":
            self.draft.fail(message)
        elif "detail" in message and "choices" not in message:
            self.draft.fail(message["detail"])

    def _choices(self, message: Json) -> str:
        draft, shown = self.draft, ""
        for choice in objects(message.get("choices")):
            text = self._text(mapping(choice.get("delta") or choice.get("message")))
            text += draft.saw(string(choice.get("text")))
            if choice.get("index", 0) == 0:
                shown += text
            reason = name(choice.get("finish_reason"), bound=64)
            draft.finish_reason = reason or draft.finish_reason
            draft.is_complete = draft.is_complete or reason is not None or "message" in choice
            if choice.get("error"):
                draft.fail(choice["error"])
        return shown

    def _text(self, said: Json) -> str:
        draft = self.draft
        content = said.get("content")
        if len(said) > 1 or not isinstance(content, str):
            self._unshown(said)
        if isinstance(content, list):
            # Mistral sends lists of parts when a model thinks.
            thoughts = [part for piece in objects(content) for part in objects(piece.get("thinking"))]
            draft.saw("".join(string(part.get("text")) for part in thoughts))
            return draft.saw("".join(string(piece.get("text")) for piece in objects(content)))
        return draft.saw(string(content))

    def _unshown(self, said: Json) -> None:
        """Output that is billed like any other, but is no answer to show: reasoning, refusals, speech, tool calls."""
        draft = self.draft
        draft.saw(string(said.get("reasoning_content")) or string(said.get("reasoning")))
        draft.saw(string(said.get("refusal")))
        draft.saw(string(mapping(said.get("audio")).get("transcript")))
        for call in [*objects(said.get("tool_calls")), {"function": said.get("function_call")}]:
            function = mapping(call.get("function"))
            draft.saw(string(function.get("name")) + string(function.get("arguments")))

    def _usage(self, usage: Json, message: Json) -> None:
        draft = self.draft
        self._has_usage = True
        draft.flags.discard("usage_from_timings")
        take_usage(draft, usage, provider=self._provider)
        # vLLM can send running totals with every chunk: only what follows the finish reason is the whole.
        draft.is_final = draft.usage.is_told and (draft.is_complete or not message.get("choices"))
        self._cached_from_timings()

    def _timings(self, timings: Json) -> None:
        """What llama.cpp adds to its last chunk: enough to know the usage when nobody asked for it."""
        draft = self.draft
        self._reused = count(timings.get("cache_n"), draft.flags)
        if self._has_usage:
            self._cached_from_timings()
            return
        evaluated = count(timings.get("prompt_n"), draft.flags)
        draft.flags.add("usage_from_timings")
        draft.raw = raw_usage(timings)
        draft.usage = Usage(
            input_tokens=None if evaluated is None else evaluated + (self._reused or 0),
            cache_read_tokens=self._reused,
            output_tokens=count(timings.get("predicted_n"), draft.flags),
        )
        draft.is_final = draft.is_complete

    def _cached_from_timings(self) -> None:
        draft = self.draft
        if draft.usage.cache_read_tokens is None and self._reused is not None:
            draft.flags.add("cached_from_timings")
            draft.usage = replace(draft.usage, cache_read_tokens=self._reused)

    def _completion(self, message: Json) -> str:
        """llama.cpp's own `/completion`: text in pieces, and counts on the piece that says `stop`."""
        draft = self.draft
        text = draft.saw(string(message.get("content")))
        if message.get("stop") is not True:
            return text
        draft.is_complete = True
        draft.finish_reason = name(message.get("stop_type"), bound=64) or draft.finish_reason
        evaluated = count(message.get("tokens_evaluated"), draft.flags)
        if evaluated is not None:
            self._has_usage = draft.is_final = True
            draft.raw = raw_usage({key: message[key] for key in message if key.startswith("tokens_")})
            predicted = count(message.get("tokens_predicted"), draft.flags)
            draft.usage = Usage(input_tokens=evaluated, output_tokens=predicted)
        return text
