"""Clients that leave, providers that break off, ledgers that cannot be written: still one row for each request."""

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy, until
from tests.support.upstream import DEADLINE, Answer, HangUp, Reset, Upstream, Wait, json_answer, stream_answer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"

STREAMS = [
    ("openai_chat/streamed.sse", "/openai/v1/chat/completions", "gpt-5-mini", (2000, 500)),
    ("anthropic_messages/streamed.sse", "/anthropic/v1/messages", "claude-sonnet-4-5", (25, 15)),
    ("openai_responses/streamed.sse", "/openai/v1/responses", "gpt-5", (3000, 700)),
    (
        "gemini/streamed.sse",
        "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
        "gemini-3-pro",
        (1050, 350),
    ),
    ("ollama/streamed.ndjson", "/ollama/api/chat", "qwen3:8b", (42, 128)),
]
streams = pytest.mark.parametrize(("name", "path", "model", "tokens"), STREAMS, ids=[case[0] for case in STREAMS])


def halves(name: str) -> tuple[bytes, bytes]:
    """A capture cut where text has come and usage has not."""
    data = (FIXTURES / name).read_bytes()
    cut = data.index(b"cents") - 20
    return data[:cut], data[cut:]


def leave_after_first_piece(proxy: RunningProxy, path: str, model: str) -> None:
    """Ask for a stream, take what comes first, and close the connection."""
    body = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    with httpx.stream("POST", proxy.url + path, json=body) as answer:
        next(answer.iter_raw())


def read_into(got: list[bytes], url: str, body: dict[str, object]) -> None:
    """Read a stream piece by piece, so that what came before a break is known."""
    with httpx.stream("POST", url, json=body) as answer:
        got.extend(answer.iter_raw())


@streams
def test_a_client_that_leaves_is_drained_for_the_true_usage(
    proxy: RunningProxy, upstream: Upstream, name: str, path: str, model: str, tokens: tuple[int, int]
) -> None:
    """litellm#14457: the provider goes on, so the row has what it bills; nothing is left in flight."""
    first, rest = halves(name)
    is_gone = threading.Event()
    upstream.answers(stream_answer([first, Wait(is_gone), rest]))

    leave_after_first_piece(proxy, path, model)
    time.sleep(0.05)
    is_gone.set()

    (row,) = proxy.rows()
    assert (row["status"], row["usage_quality"]) == ("completed", "exact")
    assert (row["input_tokens"], row["output_tokens"]) == tokens
    assert proxy.inflight() == 0


@streams
def test_a_client_that_leaves_can_stop_the_provider_too(
    tmp_path: Path, upstream: Upstream, name: str, path: str, model: str, tokens: tuple[int, int]
) -> None:
    """litellm#17364: nobody waits for what nobody reads; the row says cancelled, with what was seen."""
    first, rest = halves(name)
    with running_proxy(tmp_path, upstream, on_disconnect="abort") as proxy:
        upstream.answers(stream_answer([first, Wait(threading.Event()), rest]))
        leave_after_first_piece(proxy, path, model)

        (row,) = proxy.rows()
        assert (row["status"], row["error_type"]) == ("cancelled", "client_gone")
        assert row["usage_quality"] in {"partial", "estimated"}
        assert row["output_tokens"] >= 1
        assert proxy.inflight() == 0


@streams
@pytest.mark.parametrize("end", [Reset(), HangUp()], ids=["reset", "hang_up"])
def test_a_provider_that_breaks_off_is_seen_as_broken_by_the_client(
    proxy: RunningProxy,
    upstream: Upstream,
    name: str,
    path: str,
    model: str,
    tokens: tuple[int, int],
    end: Reset | HangUp,
) -> None:
    """A half stream is never ended as if it were whole; the row says failed, with what was seen."""
    first, _ = halves(name)
    upstream.answers(stream_answer([first, end]))
    body = {"model": model, "stream": True, "stream_options": {"include_usage": True}}

    got: list[bytes] = []
    with pytest.raises(httpx.RemoteProtocolError):
        read_into(got, proxy.url + path, body)
    (row,) = proxy.rows()
    assert first.startswith(b"".join(got))
    assert (row["status"], row["error_type"]) == ("failed", "upstream_broke_off")
    assert row["usage_quality"] in {"partial", "estimated"}
    assert row["cost_source"] != "not_billed"


def test_a_provider_that_falls_silent_in_the_middle_is_given_up(tmp_path: Path, upstream: Upstream) -> None:
    """The client sees a broken stream and no end; the row has what was seen, as a lower bound."""
    first, _ = halves("anthropic_messages/streamed.sse")
    never = threading.Event()
    upstream.answers(stream_answer([first, Wait(never)]))
    with running_proxy(tmp_path, upstream, silence_s=0.3) as proxy:
        got: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            read_into(got, proxy.url + "/anthropic/v1/messages", {"model": "claude-sonnet-4-5", "stream": True})
        (row,) = proxy.rows()
        never.set()

    assert b"".join(got) == first
    assert (row["status"], row["error_type"], row["input_tokens"]) == ("failed", "upstream_broke_off", 25)
    assert row["usage_quality"] == "partial"


def test_an_error_after_200_is_a_failure(proxy: RunningProxy, upstream: Upstream) -> None:
    """new-api#4168: the stream began well and ended in an error event."""
    upstream.answers(stream_answer([(FIXTURES / "anthropic_messages/error_after_200.sse").read_bytes()]))

    httpx.post(proxy.url + "/anthropic/v1/messages", json={"model": "claude-sonnet-4-5", "stream": True})

    (row,) = proxy.rows()
    assert (row["status"], row["http_status"], row["error_type"]) == ("failed", 200, "overloaded_error")


def test_a_provider_that_cannot_be_reached_is_told_in_our_words(tmp_path: Path, upstream: Upstream) -> None:
    """502 for the client, and a row that cost nothing because nothing was sent."""
    upstream.close()
    with running_proxy(tmp_path, upstream) as proxy:
        answer = httpx.post(proxy.url + "/openai/v1/chat/completions", json={"model": "gpt-5-mini"})

        assert (answer.status_code, answer.json()["error"]["type"]) == (502, "llmledger_proxy")
        (row,) = proxy.rows()
        assert (row["status"], row["error_type"], row["cost_source"]) == ("failed", "connect", "not_billed")


def test_a_client_that_leaves_before_its_body_is_whole_makes_no_row(proxy: RunningProxy, upstream: Upstream) -> None:
    """Nothing went upstream, so nothing is billed."""
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
        )
    upstream.answers(json_answer({}))
    httpx.post(proxy.url + "/openai/v1/embeddings", json={"model": "m"})

    assert [row["endpoint"] for row in proxy.rows()] == ["/v1/embeddings"]


def test_compressed_answers_pass_untouched_and_are_metered(proxy: RunningProxy, upstream: Upstream) -> None:
    """The bytes are the provider's; only our copy is unpacked."""
    import gzip

    packed = gzip.compress((FIXTURES / "openai_chat/plain.json").read_bytes())
    upstream.answers(Answer(200, {"content-type": "application/json", "content-encoding": "gzip"}, (packed,)))

    with httpx.stream("POST", proxy.url + "/openai/v1/chat/completions", json={"model": "gpt-5-mini"}) as answer:
        assert b"".join(answer.iter_raw()) == packed
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"]) == (2000, 500)


def test_a_body_that_no_parser_understands_still_passes_and_leaves_a_row(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """litellm#36426: the traffic does not suffer, and the row says that nothing could be read."""
    noise = bytes(range(256)) * 40
    upstream.answers(Answer(200, {"content-type": "application/octet-stream"}, (noise,)))

    assert httpx.post(proxy.url + "/openai/v1/chat/completions", json={"model": "gpt-5-mini"}).content == noise
    (row,) = proxy.rows()
    assert (row["status"], row["usage_quality"]) == ("completed", "missing")


def test_many_streams_at_once_leave_a_row_each(proxy: RunningProxy, upstream: Upstream) -> None:
    """Fifty clients in threads; fifty rows, none in flight."""
    upstream.answers(stream_answer([(FIXTURES / "anthropic_messages/streamed.sse").read_bytes()]))
    body = {"model": "claude-sonnet-4-5", "stream": True}
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(httpx.post(proxy.url + "/anthropic/v1/messages", json=body, timeout=60).status_code)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE * 3)

    assert statuses == [200] * 50
    assert len(proxy.rows(50)) == 50
    until(lambda: proxy.inflight() == 0)


def test_stopping_the_proxy_lets_a_running_stream_end(tmp_path: Path, upstream: Upstream) -> None:
    """litellm#38157: what is in flight when it is told to stop is served and recorded."""
    first, rest = halves("openai_chat/streamed.sse")
    go_on = threading.Event()
    upstream.answers(stream_answer([first, Wait(go_on), rest]))
    got: list[bytes] = []
    body = {"model": "gpt-5-mini", "stream": True, "stream_options": {"include_usage": True}}
    with running_proxy(tmp_path, upstream) as proxy:
        url = proxy.url + "/openai/v1/chat/completions"
        client = threading.Thread(target=lambda: got.append(httpx.post(url, json=body).content))
        client.start()
        until(lambda: proxy.inflight() == 1)
        threading.Timer(0.2, go_on.set).start()
    client.join(DEADLINE)

    assert got == [first + rest]
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        rows = connection.execute("SELECT status, output_tokens FROM requests_v1").fetchall()
    assert rows == [("completed", 500)]
