"""Ollama's own format: one JSON object, or one a line.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import base64
from typing import Any

from llmledger.core.usage import Usage
from llmledger.dialects._contract import BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, dump_body, limit, read_body
from llmledger.dialects._values import Json, count, mapping, name, objects, raw_usage, string
from llmledger.errors import UsageError

SUMMARY = "Ollama's own chat, generate and embed"
PATHS = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")

_COUNTERS = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)
_TOP_LEVEL = frozenset({"format", "keep_alive", "think", "tools", "raw", "template", "suffix"})


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body. Chats and generations are streamed unless they say no; embeddings never are."""
    said = read_body(body)
    is_embedding = "/api/embed" in path
    return RequestFacts(
        model=name(said.get("model")),
        stream=not is_embedding and said.get("stream") is not False,
        max_output_tokens=limit(mapping(said.get("options")), "num_predict"),
        usage_asked=True,
        input_characters=characters(*(said.get(key) for key in ("messages", "prompt", "system", "input", "tools"))),
    )


def build_request(prompt: Prompt) -> BuiltRequest:
    """Put a prompt into a chat request; options are the model's, but for the few that belong to the request."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages.extend({"role": role, "content": text} for role, text in prompt.history)
    question: dict[str, Any] = {"role": "user", "content": prompt.text}
    if prompt.attachments:
        question["images"] = [_image(attachment.media_type, attachment.content) for attachment in prompt.attachments]
    body: dict[str, Any] = {"model": prompt.model, "messages": [*messages, question], "stream": prompt.stream}
    body |= {key: value for key, value in prompt.options.items() if key in _TOP_LEVEL}
    options = {key: value for key, value in prompt.options.items() if key not in _TOP_LEVEL}
    if prompt.max_output_tokens is not None:
        options["num_predict"] = prompt.max_output_tokens
    if options:
        body["options"] = options
    return BuiltRequest(path="/api/chat", body=dump_body(body))


def _image(media_type: str, content: bytes | None) -> str:
    if content is None or not media_type.startswith("image/"):
        raise UsageError("Ollama takes images from disk and no other attachments", hint="Attach an image file.")
    return base64.b64encode(content).decode()


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Answer())


class _Answer:
    """Folds answers: text in pieces, and counts on the last one. A count that is absent was not told; it is no zero."""

    def __init__(self) -> None:
        self.draft = Draft()

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        draft.model = name(message.get("model")) or draft.model
        if message.get("error"):
            draft.fail(message["error"])
        said = mapping(message.get("message"))
        draft.saw(string(said.get("thinking")) + string(message.get("thinking")))
        for call in objects(said.get("tool_calls")):
            draft.saw(str(mapping(call.get("function")).get("arguments", "")))
        text = draft.saw(string(said.get("content")) or string(message.get("response")))
        if message.get("done") is True or "embeddings" in message or "embedding" in message:
            self._last(message)
        return text

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last line has said everything."""

    def _last(self, message: Json) -> None:
        draft = self.draft
        draft.is_complete = True
        draft.finish_reason = name(message.get("done_reason"), bound=64)
        draft.usage = Usage(
            input_tokens=count(message.get("prompt_eval_count"), draft.flags),
            output_tokens=count(message.get("eval_count"), draft.flags),
        )
        if message.get("done") is True and draft.usage.input_tokens is None and draft.usage.output_tokens is not None:
            # Older servers leave it out when the prompt was in their cache (ollama#2068, ollama#3427).
            draft.flags.add("input_not_told")
        draft.is_final = draft.usage.is_told
        counters = {key: message[key] for key in _COUNTERS if key in message}
        draft.raw = raw_usage(counters) if counters else None
