"""Secrets and prompts in every place of a request, echoed by the provider in every error: found nowhere afterwards."""

import json
import signal
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunCli
from tests.support.proxy_program import program
from tests.support.upstream import Answer, Received, Upstream, stream_answer

NAMES = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "helicone-auth",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "x-bf-vk",
    "otari-key",
    "openai-organization",
    "x-amz-security-token",
    "x-something-of-their-own",
]


ALL: list[str] = []


def canary(place: str) -> str:
    """A secret of its own for each place, of letters alone: nothing but where it stood tells it from a word."""
    made = "".join(chr(ord("a") + byte % 26) for byte in sha256(place.encode()).digest()[:24])
    if made not in ALL:
        ALL.append(made)
    return made


BODY: dict[str, Any] = {
    "model": "gpt-5-mini",
    "messages": [
        {"role": "system", "content": canary("system")},
        {
            "role": "user",
            "content": [{"type": "text", "text": canary("text")}, {"image_url": {"url": canary("image")}}],
        },
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": canary("arguments")}}]},
        {"role": "tool", "content": canary("tool_result")},
    ],
    "tools": [{"function": {"description": canary("description")}}],
    "response_format": {"json_schema": {"title": canary("schema")}},
    "prediction": {"content": canary("prediction")},
    "unheard_of": {"deep": [canary("deep")]},
}
HEADERS = {name: canary(name) for name in NAMES} | {"authorization": f"Bearer {canary('authorization')}"}
QUERY = f"?api-version={canary('query')}&key={canary('key')}"


def echo(request: Received) -> str:
    """Everything that the provider has seen, as a careless one would put it into an error."""
    return " ".join([*request.headers.values(), request.path, request.body.decode()])


def in_the_error(request: Received) -> Answer:
    """A refusal that repeats the request; in its usual place, and in raw text."""
    said = {"error": {"message": echo(request)[-4000:], "type": "invalid_request_error", "param": echo(request)}}
    return Answer(400, {"content-type": "application/json"}, (json.dumps(said).encode(),))


def piece_by_piece(request: Received) -> Answer:
    """Short errors, each of which repeats another part, so that no bound hides what is kept."""
    parts = [*request.headers.values(), request.path, *(text for text in ALL if text in echo(request))]
    said = {"error": {"message": f"cannot use {parts[len(SEEN) % len(parts)]}", "type": "odd"}}
    SEEN.append(request.path)
    return Answer(400, {"content-type": "application/json"}, (json.dumps(said).encode(),))


SEEN: list[str] = []


def after_200(request: Received) -> Answer:
    """A stream that ends in an error event with the request in it."""
    said = {"error": {"message": echo(request)[:2000], "type": "server_error"}}
    return stream_answer([b"data: " + json.dumps(said).encode() + b"\n\n"])


@pytest.mark.parametrize("reply", [in_the_error, piece_by_piece, after_200])
def test_no_secret_and_no_prompt_is_found_anywhere(
    home: Path, upstream: Upstream, run_cli: RunCli, reply: Callable[[Received], Answer]
) -> None:
    """litellm#27143, litellm#39964: not in ledger, spool, lock or settings, not in the log, not in any export."""
    upstream.replies(reply)
    with program(home, upstream, "--json-log", "-v") as proxy:
        for _ in range(40 if reply is piece_by_piece else 1):
            answer = httpx.post(proxy.url + "/openai/v1/chat/completions" + QUERY, json=BODY, headers=HEADERS)
            assert answer.status_code in (200, 400)
        assert proxy.end(signal.SIGTERM) == 0
        log = "".join(proxy.lines)

    shown = [run_cli("export", "--format", name).stdout for name in ("jsonl", "csv", "json")]
    shown += [run_cli("log", "--json").stdout, run_cli("doctor").stdout]
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    everywhere = kept.decode("latin-1") + log + "".join(shown)
    assert "invalid_request_error" in everywhere or "odd" in everywhere or "server_error" in everywhere
    assert [text for text in ALL if text in everywhere] == []
    # What another gateway's client would have told a gateway has not reached the provider either.
    assert not {"helicone-auth", "x-litellm-api-key", "x-portkey-api-key", "x-bf-vk", "otari-key"} & set(
        upstream.received[0].headers
    )
