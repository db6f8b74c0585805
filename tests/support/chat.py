"""Chat completions as a provider would send them, for scripted upstreams."""

import json
from collections.abc import Sequence
from typing import Any

from tests.support.upstream import Answer, Step, json_answer, stream_answer

USAGE = {
    "prompt_tokens": 812,
    "completion_tokens": 96,
    "total_tokens": 908,
    "prompt_tokens_details": {"cached_tokens": 640},
}
"""On gpt-5-mini ($0.25 in, $0.025 cached, $2 out): 172 x 0.25 + 640 x 0.025 + 96 x 2 = 43 + 16 + 192 = 251 µ$."""


def chunk(text: str | None = None, *, finish: str | None = None, usage: dict[str, Any] | None = None) -> bytes:
    """One event of a streamed completion."""
    choices = [] if usage else [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "model": "gpt-5-mini", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def streamed(*pieces: str | Step, usage: dict[str, Any] | None = None) -> Answer:
    """A whole stream; what is no text in it stays as it is."""
    steps: list[Step] = [chunk(piece) if isinstance(piece, str) else piece for piece in pieces]
    return stream_answer([*steps, chunk(finish="stop"), chunk(usage=usage or USAGE), b"data: [DONE]\n\n"])


def broken(*steps: str | Step) -> Answer:
    """A stream without an end."""
    return stream_answer([chunk(step) if isinstance(step, str) else step for step in steps])


def whole(text: str = "Hello!", usage: dict[str, Any] | None = None) -> Answer:
    """A completion that is not streamed."""
    message = {"role": "assistant", "content": text}
    choices: Sequence[Any] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json_answer({"id": "chatcmpl-1", "model": "gpt-5-mini", "choices": choices, "usage": usage or USAGE})
