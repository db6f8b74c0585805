"""OpenAI's Responses API, also as xAI, Groq, OpenRouter, llama.cpp, vLLM and Ollama serve it.

Source: https://platform.openai.com/docs/api-reference/responses
"""

import base64
from dataclasses import replace
from typing import Any

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Attachment, BuiltRequest, Meter, MeteredPart, Prompt, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._openai_usage import take_usage
from llmledger.dialects._request import characters, context, dump_body, limit, read_body, session, tags
from llmledger.dialects._values import Json, count, mapping, name, objects, raw_usage, string
from llmledger.errors import UsageError

SUMMARY = "OpenAI Responses"
PATHS = ("/responses", "/responses/*", "/responses/*/cancel", "/responses/compact", "/decisions")

_TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})
_SHOWN = "response.output_text.delta"


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body. Streams of this format report usage unasked."""
    said = read_body(body)
    metadata = mapping(said.get("metadata"))
    return RequestFacts(
        model=name(said.get("model")),
        stream=said.get("stream") is True,
        max_output_tokens=limit(said, "max_output_tokens"),
        user=name(said.get("user")) or name(metadata.get("user_id")) or name(said.get("safety_identifier")),
        session=session(said),
        tags=tags(metadata),
        price_context=context(said, "service_tier"),
        usage_asked=True,
        input_characters=characters(said.get("input"), said.get("instructions"), said.get("tools")),
    )


def build_request(prompt: Prompt) -> BuiltRequest:
    """Put a prompt into a response request; nothing is stored at the provider unless an option says so."""
    turns: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in prompt.history]
    parts = [_attachment(attachment) for attachment in prompt.attachments]
    content: Any = [{"type": "input_text", "text": prompt.text}, *parts] if parts else prompt.text
    body: dict[str, Any] = {
        "model": prompt.model,
        "input": [*turns, {"role": "user", "content": content}],
        "store": False,
    }
    if prompt.system:
        body["instructions"] = prompt.system
    if prompt.stream:
        body["stream"] = True
    if prompt.max_output_tokens is not None:
        body["max_output_tokens"] = prompt.max_output_tokens
    return BuiltRequest(path="/v1/responses", body=dump_body(body | dict(prompt.options)))


def _attachment(attachment: Attachment) -> dict[str, Any]:
    encoded = base64.b64encode(attachment.content or b"").decode()
    data_url = f"data:{attachment.media_type};base64,{encoded}"
    if attachment.media_type.startswith("image/"):
        return {"type": "input_image", "image_url": attachment.url or data_url}
    if attachment.url:
        return {"type": "input_file", "file_url": attachment.url}
    if attachment.media_type == "application/pdf":
        return {"type": "input_file", "filename": "attachment.pdf", "file_data": data_url}
    raise UsageError(
        f"a response request takes no {attachment.media_type} attachments",
        hint="Attach images or PDF; pipe text through stdin.",
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed is seen from its bytes."""
    return FoldMeter(_Response(provider))


class _Response:
    """Folds a response object, or the events of a stream, whose terminal one holds the whole response."""

    def __init__(self, provider: str) -> None:
        self.draft = Draft()
        self._provider = provider

    def take(self, message: Json, event: str) -> str:
        kind = message.get("type") or event
        if kind == "error" or (message.get("error") and "output" not in message):
            self.draft.fail(message.get("error") or {**message, "type": message.get("code")})
        if isinstance(message.get("response"), dict):
            return self._response(message["response"], shows_text=False)
        if "output" in message or message.get("object") == "response" or "usage" in message:
            return self._response(message, shows_text=True)
        delta = message.get("delta")
        text = self.draft.saw(string(delta))
        return text if kind == _SHOWN else ""

    def mark(self, data: bytes) -> None:
        """`[DONE]`, which some servers add, says nothing that the terminal event has not said."""

    def end(self) -> None:
        """The terminal event has said everything."""

    def _response(self, response: Json, *, shows_text: bool) -> str:
        draft = self.draft
        draft.model = name(response.get("model")) or draft.model
        draft.response_id = name(response.get("id")) or draft.response_id
        if (tier := name(response.get("service_tier"), bound=64)) not in {None, "auto"}:
            draft.context["service_tier"] = str(tier)
        if response.get("error"):
            draft.fail(response["error"])
        status = response.get("status")
        reason = name(mapping(response.get("incomplete_details")).get("reason"), bound=64)
        text = self._output_text(response) if shows_text else ""
        self._take_usage(response)
        if status in _TERMINAL or (status is None and draft.usage.is_told):
            draft.is_complete, draft.is_final = True, draft.usage.is_told
            draft.finish_reason = reason or name(status, bound=64)
        elif shows_text:
            draft.finish_reason = name(status, bound=64)
        return text

    def _take_usage(self, response: Json) -> None:
        usage = mapping(response.get("usage"))
        if not usage:
            return
        take_usage(self.draft, usage, provider=self._provider)
        hosted = mapping(response.get("tool_usage"))
        if hosted and self.draft.raw is not None:
            self.draft.raw = {**self.draft.raw, "tool_usage": raw_usage(hosted)}
        self.draft.usage = replace(self.draft.usage, **self._tool_counts(response, hosted))
        self._image_tool(response, mapping(hosted.get("image_gen")))

    def _tool_counts(self, response: Json, hosted: Json) -> dict[str, int]:
        """Hosted tools are billed beside tokens: searches by their own counter, others by the calls in the output."""
        usage, flags = self.draft.usage, self.draft.flags
        calls = objects(response.get("output"))
        counts: dict[str, int] = {}
        searches = count(mapping(hosted.get("web_search")).get("num_requests"), flags)
        seen = sum(1 for call in calls if _is_search(call))
        if searches is None and usage.web_searches is None and seen:
            flags.add("searches_from_output")
            searches = seen
        if searches is not None:
            counts["web_searches"] = searches
        files = sum(1 for call in calls if call.get("type") == "file_search_call")
        if files and usage.storage_searches is None:
            counts["storage_searches"] = files
        containers = {string(call.get("container_id")) for call in calls if call.get("type") == "code_interpreter_call"}
        if containers and usage.code_sessions is None:
            counts["code_sessions"] = len(containers)
        return counts

    def _image_tool(self, response: Json, image: Json) -> None:
        """Images made by a hosted tool are tokens of an image model, on top of the response's own usage."""
        flags = self.draft.flags
        if not count(image.get("total_tokens"), flags):
            return
        models = [
            name(tool.get("model")) for tool in objects(response.get("tools")) if tool.get("type") == "image_generation"
        ]
        inputs, outputs = mapping(image.get("input_tokens_details")), mapping(image.get("output_tokens_details"))
        output_tokens = count(image.get("output_tokens"), flags)
        usage = Usage(
            input_tokens=count(image.get("input_tokens"), flags),
            cache_read_tokens=count(image.get("cached_tokens"), flags),
            input_image_tokens=count(inputs.get("image_tokens"), flags),
            output_tokens=output_tokens,
            output_image_tokens=count(outputs.get("image_tokens"), flags) if outputs else output_tokens,
        )
        flags.add("image_tool")
        main = MeteredPart(model=self.draft.model or "", usage=self.draft.usage)
        self.draft.parts = (main, MeteredPart(model=next(filter(None, models), None) or "gpt-image", usage=usage))
        self.draft.usage = self.draft.usage + usage

    def _output_text(self, response: Json) -> str:
        texts = []
        for item in objects(response.get("output")):
            self.draft.saw(string(item.get("arguments")))
            self.draft.saw("".join(string(part.get("text")) for part in objects(item.get("summary"))))
            texts += [string(part.get("text")) or string(part.get("refusal")) for part in objects(item.get("content"))]
        return self.draft.saw("".join(texts))


def _is_search(call: Json) -> bool:
    """Whether an output item is a billable search; opening a page or finding in it is none."""
    return call.get("type") == "web_search_call" and mapping(call.get("action")).get("type", "search") == "search"
