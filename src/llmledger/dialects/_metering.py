"""The engine under every meter: bytes to messages to what is known so far, whatever the framing."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from llmledger.core.usage import Usage
from llmledger.core.words import UsageQuality
from llmledger.dialects._aws_events import AwsEvents
from llmledger.dialects._contract import MeteredPart, Reading
from llmledger.dialects._json_stream import BODY_BOUND, Edges, JsonObjects
from llmledger.dialects._sse import SseDecoder
from llmledger.dialects._values import Flags, Json, mapping, name, parse

_LEADING = b" \t\r\n\xef\xbb\xbf"
_SALVAGED = re.compile(rb'(?<!\\)"(usage|usageMetadata|model|id)"\s*:\s*')
_SALVAGE_BOUND = 16 * 1024


@dataclass(slots=True)
class Draft:
    """What one response has said so far; a fold writes it, a reading is a copy of it."""

    usage: Usage = Usage()
    is_final: bool = False
    """Whether the usage is the whole usage of the response."""
    is_complete: bool = False
    model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    context: dict[str, str] = field(default_factory=dict)
    reported_usd: Decimal | None = None
    error_type: str | None = None
    error_message: str | None = None
    raw: Mapping[str, object] | None = None
    parts: tuple[MeteredPart, ...] = ()
    flags: Flags = field(default_factory=Flags)
    output_characters: int = 0
    has_output: bool = False

    def saw(self, text: str) -> str:
        """Count text of the model, whether people are shown it or not."""
        if text:
            self.output_characters += len(text)
            self.has_output = True
        return text

    def fail(self, error: object, *, default_type: str = "error") -> None:
        """Take an error in any of the shapes that providers send: an object, or only a text."""
        said = mapping(error)
        kind = said.get("type") or said.get("status") or said.get("code")
        self.error_type = name(kind if isinstance(kind, str) else str(kind)) if kind else default_type
        self.error_message = name(said.get("message") if said else error, bound=2000)

    def reading(self) -> Reading:
        """What is known now."""
        quality = UsageQuality.MISSING
        if self.usage.is_told:
            quality = UsageQuality.EXACT if self.is_final else UsageQuality.PARTIAL
        return Reading(
            usage=self.usage,
            quality=quality,
            is_complete=self.is_complete,
            model=self.model,
            response_id=self.response_id,
            finish_reason=self.finish_reason,
            price_context=dict(self.context),
            reported_usd=self.reported_usd,
            error_type=self.error_type,
            error_message=self.error_message,
            raw_usage=self.raw,
            parts=self.parts,
            flags=self.flags.names(),
            output_characters=self.output_characters,
            has_output=self.has_output,
        )


class Fold(Protocol):
    """One wire format's understanding of its messages."""

    @property
    def draft(self) -> Draft:
        """What is known so far."""

    def take(self, message: Json, event: str) -> str:
        """Take one message; `event` is its name in a stream, else empty. Returns text for the reader."""

    def mark(self, data: bytes) -> None:
        """Take an event whose data is no JSON object, such as `[DONE]`."""

    def end(self) -> None:
        """The response ended."""


class FoldMeter:
    """A meter that finds out the framing from the first bytes, and never raises on any."""

    __slots__ = ("_aws", "_bound", "_edges", "_fold", "_is_fresh", "_objects", "_sse", "_taken")

    def __init__(self, fold: Fold, *, bound: int = BODY_BOUND) -> None:
        self._fold = fold
        self._bound = bound
        self._is_fresh = True
        self._sse: SseDecoder | None = None
        self._objects: JsonObjects | None = None
        self._aws: AwsEvents | None = None
        self._edges = Edges()
        self._taken = 0

    @property
    def so_far(self) -> Reading:
        """What is known at this moment."""
        return self._fold.draft.reading()

    def feed(self, chunk: bytes) -> str:
        """Take the next bytes; return the text for the reader that they completed."""
        if self._is_fresh:
            chunk = chunk.lstrip(_LEADING)
            if not chunk:
                return ""
            self._is_fresh = False
            self._choose(chunk)
            if self._objects and chunk.endswith(b"}") and isinstance(whole := parse(chunk), dict):
                return self._take(whole, "")
        if self._sse:
            return "".join([self._event(event.name, event.data) for event in self._sse.feed(chunk)])
        if self._aws:
            return "".join([self._event(event, unwrapped(payload)) for event, payload in self._aws.feed(chunk)])
        self._edges.feed(chunk)
        return "".join([self._event("", data) for data in self._objects.feed(chunk)]) if self._objects else ""

    def finish(self) -> Reading:
        """The response ended: answer for good."""
        if self._sse:
            for event in self._sse.finish():
                self._event(event.name, event.data)
        self._salvage()
        try:
            self._fold.end()
        except Exception:
            self._fold.draft.flags.add("parser_error")
        if not self._taken and not self._is_fresh:
            self._fold.draft.flags.add("unread_body")
        return self.so_far

    def _choose(self, start: bytes) -> None:
        if start[:1] in b"{[":
            self._objects = JsonObjects(bound=self._bound)
        elif start[:1] == b"\x00":
            self._aws = AwsEvents()
        else:
            self._sse = SseDecoder()

    def _event(self, event: str, data: bytes) -> str:
        message = parse(data)
        if isinstance(message, dict):
            return self._take(message, event)
        try:
            self._fold.mark(data)
        except Exception:
            self._fold.draft.flags.add("parser_error")
        return ""

    def _take(self, message: Json, event: str) -> str:
        self._taken += 1
        try:
            return self._fold.take(message, event)
        except Exception:
            # The traffic must never suffer from a response that nobody foresaw; the row says that it happened.
            self._fold.draft.flags.add("parser_error")
            return ""

    def _salvage(self) -> None:
        """Read usage, model and id out of the two ends of a body that was too large to keep."""
        dropped = (self._objects.dropped if self._objects else 0) + (self._sse.dropped if self._sse else 0)
        if self._objects and self._objects.is_skipping:
            dropped += 1
        if not dropped:
            return
        self._fold.draft.flags.add("oversized")
        found = {key: value for end in self._edges.ends() for key, value in _members(end)}
        if found:
            self._take(found, "")


def unwrapped(payload: bytes) -> bytes:
    """The chunk inside an event of Bedrock's invoked models, which carries it in base64; any other payload as it is."""
    carried = mapping(parse(payload)).get("bytes")
    if not isinstance(carried, str):
        return payload
    try:
        return base64.b64decode(carried, validate=True)
    except ValueError:
        return payload


def _members(end: bytes) -> list[tuple[str, object]]:
    """Members of interest that stand whole in a piece of JSON, wherever they are nested."""
    members: list[tuple[str, object]] = []
    for found in _SALVAGED.finditer(end):
        rest = end[found.end() : found.end() + _SALVAGE_BOUND]
        objects = JsonObjects().feed(rest) if rest[:1] == b"{" else []
        value = parse(objects[0]) if objects else parse(rest[: rest.find(b'"', 1) + 1]) if rest[:1] == b'"' else None
        if value is not None:
            members.append((found[1].decode(), value))
    return members
