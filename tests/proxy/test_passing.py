"""HTTP as it comes: any method, any framing, connections that are kept, and never another place than the one it names."""

import socket
from collections.abc import Iterator

import httpx
import pytest
from tests.support.proxy import RunningProxy
from tests.support.upstream import DEADLINE, Answer, Upstream, json_answer

CHAT = "/openai/v1/chat/completions"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_any_method_that_may_cost_something_makes_a_row(proxy: RunningProxy, upstream: Upstream, method: str) -> None:
    """Method, query and body go on as they came."""
    upstream.answers(json_answer({"ok": True}))

    answer = httpx.request(method, proxy.url + "/openai/v1/odd?a=%2F&b", content=b"body")

    (got,), (row,) = upstream.received, proxy.rows()
    assert (got.method, got.path, got.body) == (method, "/openai/v1/odd?a=%2F&b", b"body")
    assert (answer.json(), row["endpoint"], row["dialect"]) == ({"ok": True}, "/v1/odd", "none")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_methods_that_generate_nothing_pass_without_a_row(proxy: RunningProxy, upstream: Upstream, method: str) -> None:
    """Lists, checks and clean-up."""
    upstream.answers(Answer(200, {"x-own": "1"}))

    answer = httpx.request(method, proxy.url + "/openai/v1/files/file-1")

    assert (answer.status_code, answer.headers["x-own"], upstream.received[0].method) == (200, "1", method)
    assert proxy.rows(0) == []


def test_connections_are_kept_on_both_sides(proxy: RunningProxy, upstream: Upstream) -> None:
    """Twenty requests one after the other: one connection to the provider."""
    upstream.answers(json_answer({}))
    with httpx.Client() as client:
        for _ in range(20):
            assert client.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}).status_code == 200

    assert (len(upstream.received), upstream.connections) == (20, 1)


def test_a_body_without_a_length_arrives_whole(proxy: RunningProxy, upstream: Upstream) -> None:
    """Chunked by the client, whole for the provider, read for the row."""

    def pieces() -> Iterator[bytes]:
        yield b'{"model": "gpt-5-mini", '
        yield b'"messages": []}'

    upstream.answers(json_answer({}))
    httpx.post(proxy.url + CHAT, content=pieces())

    assert upstream.received[0].json == {"model": "gpt-5-mini", "messages": []}
    assert proxy.rows()[0]["model"] == "gpt-5-mini"


def test_clients_of_http_1_0_are_served(proxy: RunningProxy, upstream: Upstream) -> None:
    """The answer ends with the connection."""
    upstream.answers(json_answer({"ok": True}))
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(f"POST {CHAT} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answer = b""
        while data := client.recv(65536):
            answer += data

    assert answer.startswith(b"HTTP/1.") and answer.endswith(b'{"ok": true}')
    assert proxy.rows()[0]["status"] == "completed"


@pytest.mark.parametrize(
    "headers",
    [
        {"helicone-target-url": "http://evil.example"},
        {"x-portkey-custom-host": "http://evil.example", "x-portkey-provider": "anthropic"},
        {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"},
        {"x-llmledger-base-url": "http://evil.example"},
    ],
)
def test_no_header_leads_to_another_place(proxy: RunningProxy, upstream: Upstream, headers: dict[str, str]) -> None:
    """The table and the settings say where a provider is, and nobody else."""
    upstream.answers(json_answer({"ok": True}))

    assert httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}, headers=headers).json() == {"ok": True}
    assert upstream.received[0].path == CHAT


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/v1/chat/completions",
        "/openai//evil.example/v1",
        "/openai/../../etc",
        "/openai@evil.example/v1/chat/completions",
        "/http://evil.example/",
    ],
)
def test_no_path_leads_to_another_place(proxy: RunningProxy, upstream: Upstream, target: str) -> None:
    """Refused, or below the provider's own address."""
    upstream.answers(json_answer({}))
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        )
        status = int(client.recv(65536).split()[1])

    assert status == 404
    assert upstream.received == []


def test_it_is_no_proxy_for_the_whole_web(proxy: RunningProxy, upstream: Upstream) -> None:
    """A program that was told to take it for one names another host, and is refused."""
    upstream.answers(json_answer({}))
    with httpx.Client(proxy=proxy.url) as client:
        assert client.post("http://evil.example/v1/chat/completions", json={}).status_code == 403

    assert upstream.received == []


def test_a_redirect_is_an_answer_and_not_followed(proxy: RunningProxy, upstream: Upstream) -> None:
    """Where it leads is the client's to decide; the key of the request goes nowhere by itself."""
    upstream.answers(Answer(307, {"location": f"{upstream.url}/elsewhere"}))

    answer = httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini"})

    assert (answer.status_code, answer.headers["location"]) == (307, f"{upstream.url}/elsewhere")
    assert len(upstream.received) == 1
    (row,) = proxy.rows()
    assert (row["status"], row["http_status"]) == ("failed", 307)
