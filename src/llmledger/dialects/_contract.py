"""What every wire format fulfils, and the values that it returns.

A dialect is a module of this folder with:

    SUMMARY: str                                   one line for people
    PATHS: tuple[str, ...]                         endpoint patterns that carry it, `*` stands for one path segment
    def read_request(body: bytes, *, path: str = "") -> RequestFacts
    def build_request(prompt: Prompt) -> BuiltRequest          raises UsageError; formats only for metering lack it
    def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter

A meter is fed the response's bytes in chunks cut anywhere and always answers what is known so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from llmledger.core.usage import Usage
from llmledger.core.words import UsageQuality

AS_ORDERED = "as_ordered"
"""The flag of an answer which says that all was made that its request had ordered, but not how much that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What a request body says about itself. A body that cannot be read gives the empty facts, never an error."""

    model: str | None = None
    stream: bool = False
    max_output_tokens: int | None = None
    user: str | None = None
    session: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    price_context: Mapping[str, str] = field(default_factory=dict)
    """Selectors as asked for (`service_tier` ...); the response's word replaces them."""
    usage_asked: bool | None = None
    """Whether a stream was asked to report usage: True, False, or None when the client did not say."""
    input_characters: int = 0
    """Characters of prompt text, for estimates when no usage is sent."""
    ordered: Usage = Usage()
    """What is ordered by number and billed so when it is made, such as seconds of video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file beside a prompt: its media type and bytes, or the address where the provider finds it."""

    media_type: str
    content: bytes | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a person asks, for a dialect to put into its wire format."""

    model: str
    text: str
    system: str | None = None
    stream: bool = True
    max_output_tokens: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    """Passed through into the body under their own names."""
    attachments: tuple[Attachment, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    """Earlier turns: (`user` or `assistant`, text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltRequest:
    """A prompt in wire format: the path below the provider's base URL, the body, and headers of the format."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPart:
    """The usage of one model among several that a response was billed for."""

    model: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the bytes seen so far say."""

    usage: Usage = Usage()
    quality: UsageQuality = UsageQuality.MISSING
    is_complete: bool = False
    """Whether the response has reached its end."""
    model: str | None = None
    """The model that the response names."""
    response_id: str | None = None
    finish_reason: str | None = None
    price_context: Mapping[str, str] = field(default_factory=dict)
    """Selectors as served."""
    reported_usd: Decimal | None = None
    """A cost that the provider stated."""
    error_type: str | None = None
    error_message: str | None = None
    raw_usage: Mapping[str, object] | None = None
    parts: tuple[MeteredPart, ...] = ()
    flags: tuple[str, ...] = ()
    output_characters: int = 0
    """Characters of text seen, for estimates when the stream breaks before its usage."""
    has_output: bool = False
    """Whether any output was seen: the first token has come."""


class Meter(Protocol):
    """Reads a response as it passes; keeps memory bounded; never raises on any bytes."""

    def feed(self, chunk: bytes) -> str:
        """Take the next bytes; return the text for the reader that they completed (empty for most)."""

    def finish(self) -> Reading:
        """The response ended: answer for good."""

    @property
    def so_far(self) -> Reading:
        """What is known at this moment."""
