"""How other gateways lost or invented money in streams and pass-through (their public issues are named), each at ours.

More of it: disconnects in test_leaving.py, polls in test_polls.py, unknown routes in test_relay.py, the option of usage in
tests/operations/test_usage_option.py, answers of a cache of ours (litellm#14749) in tests/operations/test_charge.py.
"""

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.upstream import DEADLINE, Answer, HangUp, Received, Upstream, json_answer, stream_answer

from llmledger.core.cost import components_from_json

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
CHAT = "/openai/v1/chat/completions"
PATHS = {
    "openai_chat": (CHAT, "gpt-5-mini"),
    "openai_responses": ("/openai/v1/responses", "gpt-5"),
    "openai_embeddings": ("/openai/v1/embeddings", "text-embedding-3-small"),
    "anthropic_messages": ("/anthropic/v1/messages", "claude-sonnet-4-5"),
    "gemini": ("/gemini/v1beta/models/gemini-3-pro:generateContent", "gemini-3-pro"),
    "cohere": ("/cohere/v2/chat", "command-a-03-2025"),
    "ollama": ("/ollama/api/chat", "qwen3:8b"),
}
KINDS = {".sse": "text/event-stream", ".json": "application/json", ".ndjson": "application/x-ndjson"}
PROMPT = [{"role": "user", "content": "x" * 400}]


@pytest.mark.parametrize("dialect", PATHS)
def test_every_row_has_the_sum_of_its_parts_or_no_cost_at_all(
    proxy: RunningProxy, upstream: Upstream, dialect: str
) -> None:
    """litellm#37923 ($900 shown as $1.47), litellm#40100: of every capture, tokens with a known price cost something."""
    path, model = PATHS[dialect]
    found = sorted((FIXTURES / dialect).iterdir())
    captures = [one for one in found if one.suffix in KINDS and not one.name.endswith(".expected.json")]
    with httpx.Client(timeout=60) as client:
        for capture in captures:
            upstream.replies(
                lambda _, capture=capture: stream_answer(  # type: ignore[misc]
                    [capture.read_bytes()], content_type=KINDS[capture.suffix]
                )
            )
            body = {"model": model, "stream": True, "stream_options": {"include_usage": True}, "messages": PROMPT}
            assert client.post(proxy.url + path, json=body).content == capture.read_bytes()
    rows = proxy.rows(len(captures))

    assert len(rows) == len(captures)
    for row in rows:
        parts = components_from_json(json.loads(row["components"] or "{}"))
        assert row["cost_nanousd"] is None or row["cost_nanousd"] == sum(part.nanousd for part in parts), row
        is_used = (row["input_tokens"] or 0) + (row["output_tokens"] or 0) > 0
        if is_used and row["cost_nanousd"] is not None and dialect != "ollama":
            assert row["cost_nanousd"] > 0, row


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"gpt-5-mini","stream":true,"stream_options":{"include_usage":false},"messages":[]}',
        b'{ "model":"gpt-5-mini", "stream":false, "n":1e0, "messages":[] }',
        b'{"model":"gpt-5-mini","messages":[],"odd":"\\u00e9"}',
        b'{"model":"gpt-5-mini","stream":true,"stream_options":{"include_usage":true,"odd":[1]},"messages":[]}',
    ],
)
def test_where_nothing_is_added_the_body_is_the_clients(proxy: RunningProxy, upstream: Upstream, body: bytes) -> None:
    """headroom#2026, smg#2339: not one byte differs, nor its length."""
    upstream.answers(json_answer({}))

    httpx.post(proxy.url + CHAT, content=body)

    assert (upstream.received[0].body, upstream.received[0].headers["content-length"]) == (body, str(len(body)))


def test_options_that_we_do_not_know_stay_beside_ours(proxy: RunningProxy, upstream: Upstream) -> None:
    """apfel#100, OmniRoute#9750: the option is added to the others, and nothing else changes."""
    upstream.answers(json_answer({}))

    httpx.post(proxy.url + CHAT, content=b'{"stream":true,"stream_options":{"odd":1.0},"messages":[]}')

    wanted = b'{"stream":true,"stream_options":{"include_usage":true,"odd":1.0},"messages":[]}'
    assert upstream.received[0].body == wanted


def test_usage_in_an_empty_delta_is_read_and_its_chunk_is_the_clients(proxy: RunningProxy, upstream: Upstream) -> None:
    """Portkey#1629: a last chunk with a choice, an empty delta and the usage is no chunk of ours alone."""
    last = b'data: {"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
    data = b'data: {"choices":[{"index":0,"delta":{"content":"Four"}}]}\n\n' + last + b"data: [DONE]\n\n"
    upstream.answers(stream_answer([data]))

    assert httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini", "stream": True}).content == data
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (7, 2, "exact")


def test_a_stream_without_usage_is_an_estimate_and_never_free(proxy: RunningProxy, upstream: Upstream) -> None:
    """bifrost#520, otari#256: no usage is not zero usage."""
    upstream.answers(stream_answer([(FIXTURES / "openai_chat/streamed_usage_not_asked.sse").read_bytes()]))

    httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini", "stream": True, "messages": PROMPT})

    (row,) = proxy.rows()
    # 400 characters and the role are 101 tokens in at $0.25; 11 characters are 3 out at $2 per 1M: 25.25 + 6.
    assert (row["usage_quality"], row["cost_usd"]) == ("estimated", "0.00003125")
    assert "output_estimated" in row["flags"]


@pytest.mark.parametrize("status", [200, 429, 500])
def test_the_text_of_an_error_is_never_counted_as_output(proxy: RunningProxy, upstream: Upstream, status: int) -> None:
    """new-api#5289, new-api#7486: an error is no answer, whatever its length, before the stream or in it."""
    error = {"error": {"message": "no room " * 400, "type": "overloaded"}}
    event = b"data: " + json.dumps(error).encode() + b"\n\n"
    upstream.answers(Answer(status, {"content-type": "text/event-stream"}, (event,)))

    httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini", "stream": True, "messages": PROMPT})

    (row,) = proxy.rows()
    assert (row["status"], row["error_type"], row["http_status"]) == ("failed", "overloaded", status)
    assert not row["output_tokens"]
    assert (row["cost_source"] == "not_billed") == (status != 200)


def test_one_request_is_sent_once_and_a_clients_retries_are_its_own(proxy: RunningProxy, upstream: Upstream) -> None:
    """litellm#15740: nothing is tried again behind the client's back; its second try is a second row, joined by its id."""
    upstream.answers(
        stream_answer([HangUp()]),
        json_answer({"error": {"message": "x", "type": "server_error"}}, 500),
        json_answer({}),
    )
    with httpx.Client(headers={"idempotency-key": "same"}) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(proxy.url + CHAT, json={"model": "gpt-5-mini"})
        statuses = [client.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}).status_code for _ in range(2)]

    rows = proxy.rows(3)
    assert (statuses, len(upstream.received), len(rows)) == ([500, 200], 3, 3)
    assert {row["client_request_id"] for row in rows} == {"same"}
    assert [row["status"] for row in rows] == ["failed", "failed", "completed"]
    assert {row["attempts"] for row in rows} == {1}


def test_an_attempt_that_timed_out_keeps_what_it_may_have_cost(tmp_path: Path, upstream: Upstream) -> None:
    """litellm#37365: the provider may well bill what nobody waited for: an estimate with its bound, and never 0."""
    go_on = threading.Event()

    def slow(_: Received) -> Answer:
        go_on.wait(DEADLINE)
        return json_answer({})

    upstream.replies(slow)
    body: dict[str, Any] = {"model": "gpt-5-mini", "messages": PROMPT, "max_completion_tokens": 1000}
    with running_proxy(tmp_path, upstream, silence_s=0.2) as proxy:
        assert httpx.post(proxy.url + CHAT, json=body).status_code == 504
        (row,) = proxy.rows()
        go_on.set()

    # 101 tokens in at $0.25 per 1M; at most 1,000 out at $2 more, which the row keeps beside it.
    assert (row["status"], row["error_type"], row["usage_quality"]) == ("failed", "timeout", "estimated")
    assert (row["cost_usd"], row["flags"]) == ("0.00002525", "input_estimated")
