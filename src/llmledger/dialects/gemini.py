"""Google's generateContent, on the Gemini API and on Vertex, as one JSON object, as a JSON array or as events.

Source: https://ai.google.dev/api/generate-content
"""

import base64
import re
from typing import Any
from urllib.parse import unquote

from llmledger.dialects._contract import Attachment, BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._gemini_usage import read_usage
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, dump_body, limit, read_body, tags
from llmledger.dialects._values import Json, mapping, name, objects, raw_usage, string

SUMMARY = "Google generateContent (Gemini API and Vertex)"
PATHS = ("/models/*:generateContent", "/models/*:streamGenerateContent", "/models/*:embedContent", "/models/*:predict")

_TIERS = {
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned",
}


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; this format names the model and the wish for a stream in the path."""
    said = read_body(body)
    settings = mapping(said.get("generationConfig") or said.get("generation_config"))
    model = re.search(r"models/([^/:?]+)", unquote(path))
    labels = mapping(said.get("labels"))
    return RequestFacts(
        model=model[1] if model else name(said.get("model")),
        stream=":streamGenerateContent" in path,
        max_output_tokens=limit(settings, "maxOutputTokens", "max_output_tokens"),
        user=name(labels.get("user")),
        tags=tags(labels),
        price_context={"service_tier": tier} if (tier := name(said.get("serviceTier"), bound=64)) else {},
        usage_asked=True,
        input_characters=characters(
            said.get("contents"), said.get("systemInstruction"), said.get("system_instruction"), said.get("tools")
        ),
    )


def build_request(prompt: Prompt) -> BuiltRequest:
    """Put a prompt into a generateContent request."""
    turns = [(("model" if role == "assistant" else "user"), text) for role, text in prompt.history]
    contents: list[dict[str, Any]] = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    parts = [_attachment(attachment) for attachment in prompt.attachments]
    contents.append({"role": "user", "parts": [*parts, {"text": prompt.text}]})
    body: dict[str, Any] = {"contents": contents}
    if prompt.system:
        body["systemInstruction"] = {"parts": [{"text": prompt.system}]}
    settings: dict[str, Any] = {}
    if prompt.max_output_tokens is not None:
        settings["maxOutputTokens"] = prompt.max_output_tokens
    # Options are settings of the generation, unless they name a part of the request itself.
    own = {"tools", "toolConfig", "safetySettings", "cachedContent", "generationConfig", "labels", "serviceTier"}
    settings |= {key: value for key, value in prompt.options.items() if key not in own}
    body |= {key: value for key, value in prompt.options.items() if key in own}
    if settings:
        body["generationConfig"] = {**mapping(body.get("generationConfig")), **settings}
    verb = "streamGenerateContent?alt=sse" if prompt.stream else "generateContent"
    return BuiltRequest(path=f"/v1beta/models/{prompt.model.removeprefix('models/')}:{verb}", body=dump_body(body))


def _attachment(attachment: Attachment) -> dict[str, Any]:
    if attachment.content is None:
        return {"fileData": {"mimeType": attachment.media_type, "fileUri": attachment.url}}
    encoded = base64.b64encode(attachment.content).decode()
    return {"inlineData": {"mimeType": attachment.media_type, "data": encoded}}


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response; whether it is streamed, and how, is seen from its bytes."""
    return FoldMeter(_Generated())


class _Generated:
    """Folds responses: usage is cumulative over the chunks, and the last one counts."""

    def __init__(self) -> None:
        self.draft = Draft()
        self._usage: Json = {}
        self._grounded: set[str] = set()
        self._is_grounded = False
        self._uses_maps = False

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if message.get("error"):
            draft.fail(message["error"])
        # Code Assist wraps each response in an object of its own.
        message = mapping(message.get("response")) or message
        draft.model = name(message.get("modelVersion")) or draft.model
        draft.response_id = name(message.get("responseId")) or draft.response_id
        text = "".join([self._candidate(candidate) for candidate in objects(message.get("candidates"))])
        blocked = name(mapping(message.get("promptFeedback")).get("blockReason"), bound=64)
        if blocked is not None:
            draft.finish_reason, draft.is_complete = blocked, True
        if "embedding" in message or "embeddings" in message:
            draft.is_complete = True
        self._usage = mapping(message.get("usageMetadata")) or self._usage
        self._read()
        return text

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last chunk has said everything."""

    def _candidate(self, candidate: Json) -> str:
        draft = self.draft
        shown = ""
        for part in objects(mapping(candidate.get("content")).get("parts")):
            text = draft.saw(string(part.get("text")))
            shown += "" if part.get("thought") is True else text
            if isinstance(part.get("functionCall"), dict):
                draft.saw(str(part["functionCall"].get("args", "")) or " ")
            if "inlineData" in part:
                draft.has_output = True
        reason = name(candidate.get("finishReason"), bound=64)
        if reason is not None:
            draft.finish_reason, draft.is_complete = reason, True
        self._grounding(mapping(candidate.get("groundingMetadata")))
        return shown if candidate.get("index", 0) == 0 else ""

    def _grounding(self, grounding: Json) -> None:
        queries = grounding.get("webSearchQueries")
        if isinstance(queries, list) and queries:
            self._is_grounded = True
            self._grounded |= {query for query in queries if isinstance(query, str)}
        self._uses_maps = self._uses_maps or any("maps" in chunk for chunk in objects(grounding.get("groundingChunks")))

    def _read(self) -> None:
        draft, usage = self.draft, self._usage
        if not usage:
            return
        draft.raw = raw_usage(usage)
        draft.flags.discard("thoughts_inside_candidates")
        draft.usage = read_usage(
            usage,
            draft.flags,
            searches=self._searches(),
            maps_searches=1 if self._uses_maps else None,
        )
        draft.is_final = draft.usage.is_told and draft.is_complete
        traffic = name(usage.get("trafficType"), bound=64)
        tier = name(usage.get("serviceTier"), bound=64) or _TIERS.get(traffic or "")
        if tier is not None:
            draft.context["service_tier"] = tier.casefold()

    def _searches(self) -> int | None:
        """Searches billed: one per query from Gemini 3 on, one per grounded prompt before."""
        if not self._is_grounded:
            return None
        if re.search(r"gemini-[12]\b", self.draft.model or ""):
            return 1
        return len(self._grounded)
