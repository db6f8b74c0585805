"""What reaches the client is what the provider sent, and every request leaves exactly one row."""

from pathlib import Path

import httpx
import pytest
from tests.support.proxy import RunningProxy
from tests.support.upstream import Answer, Received, Upstream, json_answer, stream_answer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"


def capture(name: str) -> bytes:
    """The bytes of one capture."""
    return (FIXTURES / name).read_bytes()


CASES = [
    ("openai_chat/plain.json", "/openai/v1/chat/completions", {"model": "gpt-5-mini"}, (2000, 1200, 500)),
    (
        "openai_chat/streamed.sse",
        "/openai/v1/chat/completions",
        {"model": "gpt-5-mini", "stream": True, "stream_options": {"include_usage": True}},
        (2000, 1200, 500),
    ),
    ("openai_responses/streamed.sse", "/openai/v1/responses", {"model": "gpt-5", "stream": True}, (3000, 1000, 700)),
    ("openai_embeddings/plain.json", "/openai/v1/embeddings", {"model": "text-embedding-3-small"}, (512, None, None)),
    ("anthropic_messages/plain.json", "/anthropic/v1/messages", {"model": "claude-sonnet-4-5"}, (25, 0, 15)),
    (
        "anthropic_messages/cached_5m_and_1h_streamed.sse",
        "/anthropic/v1/messages",
        {"model": "claude-sonnet-4-5", "stream": True},
        (9620, 8000, 640),
    ),
    ("gemini/streamed_array.json", "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent", {}, (1050, 600, 350)),
    ("gemini/streamed.sse", "/genai/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", {}, (1050, 600, 350)),
    ("ollama/streamed.ndjson", "/ollama/api/chat", {"model": "qwen3:8b"}, (42, None, 128)),
    ("openai_chat/groq_streamed.sse", "/groq/v1/chat/completions", {"model": "m", "stream": True}, (50, None, 20)),
    ("openai_chat/xai.json", "/xai/v1/chat/completions", {"model": "grok-4"}, (1000, 600, 400)),
]
KINDS = {"sse": "text/event-stream", "json": "application/json", "ndjson": "application/x-ndjson"}


@pytest.mark.parametrize(("name", "path", "body", "tokens"), CASES, ids=[case[0] for case in CASES])
def test_the_client_gets_the_providers_bytes_and_the_ledger_one_row(
    proxy: RunningProxy,
    upstream: Upstream,
    name: str,
    path: str,
    body: dict[str, object],
    tokens: tuple[int | None, ...],
) -> None:
    """Status, type and every byte of the body are as in a direct call; the row has the usage."""
    data = capture(name)
    pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
    upstream.answers(stream_answer(pieces, content_type=KINDS[name.rpartition(".")[2]]))

    answer = httpx.post(proxy.url + path, json=body, headers={"authorization": "Bearer sk-x"})

    assert answer.content == data
    assert answer.headers["content-type"] == KINDS[name.rpartition(".")[2]]
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == tokens
    assert (row["status"], row["source"], row["usage_quality"]) == ("completed", "proxy", "exact")
    assert row["request_id"].lower() == answer.headers["x-llmledger-request-id"]
    assert proxy.inflight() == 0


def test_the_request_reaches_the_provider_byte_for_byte(proxy: RunningProxy, upstream: Upstream) -> None:
    """Body, query, path spelling and headers go on; what is meant for a gateway ends here."""
    upstream.answers(json_answer({"ok": True}))
    body = b'{ "model" : "gpt-5-mini","messages":[], "odd": 1e0 }'

    httpx.post(
        proxy.url + "/p/acme/openai/v1/chat/completions?a=b%2Fc&d",
        content=body,
        headers={
            "authorization": "Bearer sk-1234567890",
            "x-request-id": "mine",
            "x-llmledger-client": "acme",
            "helicone-user-id": "ann",
            "x-custom": "kept",
        },
    )

    (got,) = upstream.received
    assert (got.method, got.path, got.body) == ("POST", "/openai/v1/chat/completions?a=b%2Fc&d", body)
    assert (got.headers["x-request-id"], got.headers["x-custom"]) == ("mine", "kept")
    assert got.headers["authorization"] == "Bearer sk-1234567890"
    assert not [name for name in got.headers if name.startswith(("x-llmledger", "helicone"))]
    assert int(got.headers["content-length"]) == len(body)


def test_for_whom_a_request_is_stands_in_its_row(proxy: RunningProxy, upstream: Upstream) -> None:
    """Path, headers and body; the key only as a fingerprint."""
    upstream.answers(json_answer({"ok": True}))

    httpx.post(
        proxy.url + "/u/bob/p/acme/openai/v1/chat/completions",
        json={"model": "gpt-5-mini", "messages": [], "metadata": {"session_id": "s1", "tags": ["team=web"]}},
        headers={
            "authorization": "Bearer sk-1234567890abcdefWXYZ",
            "x-llmledger-client": "client-1",
            "x-request-id": "mine",
            "user-agent": "tool/1.2 (x)",
        },
    )

    (row,) = proxy.rows()
    assert (row["client"], row["user"], row["project"], row["session"]) == ("client-1", "bob", "acme", "s1")
    assert (row["app"], row["client_request_id"], row["billing"]) == ("tool", "mine", "api")
    assert row["key"].endswith("…WXYZ")
    assert "team" in row["tags"]


def test_usage_is_asked_for_and_its_chunk_is_hidden(proxy: RunningProxy, upstream: Upstream) -> None:
    """A client that did not ask gets the stream as if nobody had; the row has the usage."""
    streamed = capture("openai_chat/streamed.sse")
    upstream.answers(stream_answer([streamed[at : at + 90] for at in range(0, len(streamed), 90)]))

    answer = httpx.post(
        proxy.url + "/openai/v1/chat/completions", json={"model": "gpt-5-mini", "stream": True, "messages": []}
    )

    assert upstream.received[0].json["stream_options"] == {"include_usage": True}
    events = [event for event in streamed.split(b"\n\n") if event]
    assert [event for event in answer.content.split(b"\n\n") if event] == [
        e for e in events if b'"choices":[]' not in e
    ]
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (2000, 500, "exact")


def test_a_client_that_said_no_to_usage_is_believed(proxy: RunningProxy, upstream: Upstream) -> None:
    """headroom#2026: an explicit false is kept; the row is an estimate, never zero."""
    upstream.answers(stream_answer([capture("openai_chat/streamed_usage_not_asked.sse")]))
    body = {"model": "gpt-5-mini", "stream": True, "stream_options": {"include_usage": False}, "messages": ["x" * 400]}

    httpx.post(proxy.url + "/openai/v1/chat/completions", json=body)

    assert upstream.received[0].json == body
    (row,) = proxy.rows()
    assert row["usage_quality"] == "estimated"
    assert row["output_tokens"] == 3


@pytest.mark.parametrize("path", ["/openai/v1/unheard/of", "/anthropic/v1/unheard/of", "/cohere/v9/new"])
def test_unknown_routes_make_rows_too(proxy: RunningProxy, upstream: Upstream, path: str) -> None:
    """litellm#10238: no list of routes decides whether a request is recorded; without a price it is unpriced."""
    upstream.answers(json_answer({"anything": 1}))

    assert httpx.post(proxy.url + path, json={"model": "m"}).json() == {"anything": 1}
    (row,) = proxy.rows()
    assert (row["dialect"], row["cost_usd"], row["status"]) == ("none", None, "completed")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/openai/v1/models"), ("POST", "/anthropic/v1/messages/count_tokens"), ("GET", "/openai/v1/responses/r1")],
)
def test_lists_polls_and_counts_make_no_rows(proxy: RunningProxy, upstream: Upstream, method: str, path: str) -> None:
    """litellm#25015: polling a response does not book it again."""
    upstream.answers(json_answer({"input_tokens": 3}))

    assert httpx.request(method, proxy.url + path).json() == {"input_tokens": 3}
    httpx.post(proxy.url + "/openai/v1/embeddings", json={"model": "m", "input": "x"})

    assert [row["endpoint"] for row in proxy.rows()] == ["/v1/embeddings"]


def test_errors_of_the_provider_reach_the_client_and_cost_nothing(proxy: RunningProxy, upstream: Upstream) -> None:
    """A 401 is passed on as it is; its row says failed and not billed."""
    upstream.answers(
        Answer(401, {"content-type": "application/json", "x-request-id": "req_9"}, (capture("openai_chat/error.json"),))
    )

    answer = httpx.post(proxy.url + "/openai/v1/chat/completions", json={"model": "gpt-5-mini"})

    assert (answer.status_code, answer.content) == (401, capture("openai_chat/error.json"))
    (row,) = proxy.rows()
    assert (row["status"], row["http_status"], row["cost_source"]) == ("failed", 401, "not_billed")
    assert row["provider_request_id"] == "req_9"


def test_repeated_ids_of_provider_and_client_stay_apart(proxy: RunningProxy, upstream: Upstream) -> None:
    """litellm#28376: `chatcmpl-123` twenty times is twenty rows."""
    upstream.answers(Answer(200, {"content-type": "application/json"}, (capture("openai_chat/ollama_compat.json"),)))
    with httpx.Client(headers={"idempotency-key": "same"}) as client:
        for _ in range(20):
            client.post(proxy.url + "/ollama/v1/chat/completions", json={"model": "qwen3:8b"})

    rows = proxy.rows(20)
    assert len(rows) == 20
    assert {row["provider_request_id"] for row in rows} == {"chatcmpl-123"}
    assert {row["client_request_id"] for row in rows} == {"same"}


def test_a_large_upload_passes_in_pieces(proxy: RunningProxy, upstream: Upstream) -> None:
    """Twenty megabytes reach the provider whole, with their length."""
    received: list[Received] = []

    def reply(request: Received) -> Answer:
        received.append(request)
        return json_answer({"text": "Four.", "usage": {"type": "duration", "seconds": 6}})

    upstream.replies(reply)
    form = {"model": "whisper-1"}
    audio = b"R" * 20_000_000

    httpx.post(proxy.url + "/openai/v1/audio/transcriptions", data=form, files={"file": ("a.wav", audio)}, timeout=60)

    assert audio in received[0].body
    (row,) = proxy.rows()
    assert row["model"] == "whisper-1"
