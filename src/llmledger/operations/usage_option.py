"""The one change that we may make to a request: asking a stream for its usage, and hiding the chunk that brings it.

Asked only where the format needs it, the request streams, and the client said nothing; an explicit `false` is kept.
Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
"""

import json
import re
from collections.abc import Iterator

from llmledger.dialects._contract import RequestFacts

UNASKED = frozenset({"groq", "mistral", "openrouter", "perplexity", "xai"})
"""Providers that end every stream with its usage; one of them refused options that it did not know."""

_HELD_BOUND = 64 * 1024
_EVENT_END = re.compile(rb"\r?\n\r?\n|\r\r")
_OBJECT_START = re.compile(rb"\s*\{")
_OPTIONS = re.compile(rb'"stream_options"\s*:\s*(?P<value>\{|null|)')


def with_usage_asked(body: bytes, facts: RequestFacts, *, dialect: str | None, provider: str) -> bytes | None:
    """The body with the option added, every other byte as it was; None when nothing is to be added."""
    if dialect != "openai_chat" or not facts.stream or facts.usage_asked is not None or provider in UNASKED:
        return None
    start = _OBJECT_START.match(body)
    if start is None:
        return None
    added = body[: start.end()] + b'"stream_options":{"include_usage":true},' + body[start.end() :]
    if not _OPTIONS.search(body):
        return added
    # Other options of the stream stay as they are; the name may also stand deeper, where it means nothing.
    return next((changed for changed in (*_extended(body), added) if _asks(changed)), None)


def _extended(body: bytes) -> Iterator[bytes]:
    """The body with the option put into each object that could be the options of the stream."""
    for found in _OPTIONS.finditer(body):
        head, rest = body[: found.start("value")], body[found.end("value") :]
        if found["value"] == b"null":
            yield head + b'{"include_usage":true}' + rest
        else:
            comma = b"" if rest.lstrip()[:1] == b"}" else b","
            yield head + b'{"include_usage":true' + comma + rest


def _asks(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    options = said.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


class UsageHider:
    """Passes a stream on without the chunk that nobody but us asked for; every other byte as it came."""

    __slots__ = ("_held", "_is_passing")

    def __init__(self) -> None:
        self._held = b""
        self._is_passing = False

    def feed(self, chunk: bytes) -> bytes:
        """What may go to the client now: whole events. A piece of an event waits for its end."""
        if self._is_passing:
            return chunk
        held = self._held + chunk
        passed, start = [], 0
        for end in _EVENT_END.finditer(held):
            event = held[start : end.end()]
            start = end.end()
            if not _is_usage_only(event):
                passed.append(event)
        self._held = held[start:]
        if len(self._held) > _HELD_BOUND:
            # No usage chunk is so large: this is something else, and goes on as it is.
            self._is_passing = True
            passed.append(self._held)
            self._held = b""
        return b"".join(passed)

    def rest(self) -> bytes:
        """What was held when the stream ended."""
        held, self._held = self._held, b""
        return b"" if _is_usage_only(held) else held


def _is_usage_only(event: bytes) -> bool:
    if b'"usage"' not in event or b'"choices"' not in event:
        return False
    lines = [line[5:] for line in event.splitlines() if line.startswith(b"data:")]
    try:
        said = json.loads(b"\n".join(lines))
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("choices") == [] and isinstance(said.get("usage"), dict)
