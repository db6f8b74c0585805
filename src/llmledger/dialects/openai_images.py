"""Images made and edited, as OpenAI serves them.

Source: https://platform.openai.com/docs/api-reference/images
"""

from dataclasses import replace

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Meter, MeteredPart, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, limit, read_body
from llmledger.dialects._values import Json, count, mapping, name, raw_usage

SUMMARY = "OpenAI images"
PATHS = ("/images/generations", "/images/edits", "/images/variations")


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; size and quality are price selectors of the models that are billed per image."""
    said = read_body(body)
    selectors = {key: told for key in ("size", "quality") if (told := name(said.get(key), bound=64)) is not None}
    return RequestFacts(
        model=name(said.get("model")),
        stream=said.get("stream") is True,
        max_output_tokens=limit(said, "max_output_tokens"),
        user=name(said.get("user")),
        price_context=selectors,
        usage_asked=True,
        input_characters=characters(said.get("prompt")),
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response."""
    return FoldMeter(_Images(asked or RequestFacts()))


class _Images:
    """Folds a list of images or the events of a stream, whose last one has the usage."""

    def __init__(self, asked: RequestFacts) -> None:
        self.draft = Draft(model=asked.model)

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        draft.model = name(message.get("model")) or draft.model
        if message.get("error"):
            draft.fail(message["error"])
        made = message.get("data")
        is_last = str(message.get("type", "")).endswith(".completed")
        draft.has_output = draft.has_output or bool(made) or is_last
        draft.context |= {key: told for key in ("size", "quality") if (told := name(message.get(key), bound=64))}
        if isinstance(made, list):
            draft.usage = replace(draft.usage, output_images=len(made))
        elif is_last:
            draft.usage = replace(draft.usage, output_images=(draft.usage.output_images or 0) + 1)
        usage = mapping(message.get("usage"))
        if usage:
            self._tokens(usage)
        draft.is_complete = draft.is_final = draft.usage.is_told
        self._vector_authoring(mapping(message.get("svg_usage")))
        return ""

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The last message has said everything."""

    def _tokens(self, usage: Json) -> None:
        draft, flags = self.draft, self.draft.flags
        inputs, outputs = mapping(usage.get("input_tokens_details")), mapping(usage.get("output_tokens_details"))
        draft.raw = raw_usage(usage)
        output_tokens = count(usage.get("output_tokens"), flags)
        draft.usage = replace(
            draft.usage,
            input_tokens=count(usage.get("input_tokens"), flags),
            input_image_tokens=count(inputs.get("image_tokens"), flags),
            output_tokens=output_tokens,
            # Without details all output is the image.
            output_image_tokens=count(outputs.get("image_tokens"), flags) if outputs else output_tokens,
        )

    def _vector_authoring(self, usage: Json) -> None:
        """Vector images are written by a text model of their own, and billed as such."""
        model = name(usage.get("model"))
        if model is None:
            return
        draft, flags = self.draft, self.draft.flags
        authored = Usage(
            input_tokens=count(usage.get("input_tokens"), flags),
            output_tokens=count(usage.get("output_tokens"), flags),
            reasoning_tokens=count(usage.get("reasoning_tokens"), flags),
        )
        flags.add("vector_authoring")
        draft.parts = (
            MeteredPart(model=draft.model or "", usage=draft.usage),
            MeteredPart(model=model, usage=authored),
        )
        draft.usage = draft.usage + authored
