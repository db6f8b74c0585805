"""The proxy's client: which HTTP proxy of the environment an address takes, and foreign errors in our words."""

import asyncio

import pytest
from tests.support.bare_upstream import bare_upstream
from tests.support.upstream import HangUp, Upstream, Wait, stream_answer

from llmledger.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from llmledger.upstream.aio import AioUpstream, proxies_of

ENVIRON = {"HTTPS_PROXY": "http://p:3128", "no_proxy": "corp.example, .internal", "OTHER": "x"}


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        (ENVIRON, "https://api.openai.com/v1", "http://p:3128"),
        (ENVIRON, "http://api.openai.com/v1", None),
        (ENVIRON, "https://corp.example/v1", None),
        (ENVIRON, "https://a.internal/v1", None),
        (ENVIRON, "https://notcorp.example/v1", "http://p:3128"),
        (ENVIRON, "https://127.0.0.1:8080/v1", None),
        ({"all_proxy": "http://p"}, "http://api.openai.com", "http://p"),
        ({"all_proxy": "http://p", "NO_PROXY": "*"}, "http://api.openai.com", None),
        ({}, "https://api.openai.com/v1", None),
    ],
)
def test_the_environments_proxy_is_taken_but_for_its_exceptions(
    environ: dict[str, str], url: str, proxy: str | None
) -> None:
    """Loopback is never proxied, whatever the environment says."""
    assert proxies_of(environ)(url) == proxy


def fetch(url: str, *, silence_s: float = 10.0, body: bytes = b"body") -> bytes:
    """The body of an address."""

    async def run() -> bytes:
        async with AioUpstream(silence_s=silence_s) as client:
            answer = await client.send("POST", url, [("x", "y")], body)
            try:
                pieces = []
                while piece := await answer.read():
                    pieces.append(piece)
                return b"".join(pieces)
            finally:
                answer.close()

    return asyncio.run(run())


def test_a_whole_answer_is_read(upstream: Upstream) -> None:
    """And nothing is added to the request but what HTTP needs."""
    upstream.answers(stream_answer([b"a", b"b"]))

    assert fetch(upstream.url + "/x?y") == b"ab"
    assert sorted(upstream.received[0].headers) == ["content-length", "host", "x"]


@pytest.mark.parametrize(("server", "connections"), [(b"llama.cpp", 2), (b"other", 1)])
def test_a_connection_that_llama_cpp_closes_behind_a_stream_is_not_used_again(server: bytes, connections: int) -> None:
    """It promises to keep it; a request that is sent on it just then would fail."""
    head = b"HTTP/1.1 200 OK\r\nServer: %s\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n" % server

    async def twice(url: str) -> None:
        async with AioUpstream() as client:
            for _ in range(2):
                provider.may_go_on.clear()
                answer = await client.send("POST", url, [], b"body")
                provider.may_go_on.set()
                assert await answer.read() == b"a"
                assert await answer.read() == b""
                answer.close()

    with bare_upstream() as provider:
        provider.answers(head, rest=b"1\r\na\r\n0\r\n\r\n")
        asyncio.run(twice(provider.url))

    assert provider.connections == connections


def test_a_large_body_is_sent_whole_and_nothing_is_added_to_it(upstream: Upstream) -> None:
    """Piece by piece, with the length that it has."""
    upstream.answers(stream_answer([b"a"]))
    body = bytes(range(256)) * 10_000

    assert fetch(upstream.url, body=body) == b"a"
    assert upstream.received[0].body == body
    assert sorted(upstream.received[0].headers) == ["content-length", "host", "x"]


def test_foreign_errors_become_ours(upstream: Upstream) -> None:
    """Without their texts, which may quote a header."""
    import threading

    upstream.answers(stream_answer([b"a", HangUp()]), stream_answer([Wait(threading.Event())]))

    with pytest.raises(UpstreamError, match="broke while reading"):
        fetch(upstream.url)
    with pytest.raises(UpstreamTimeout):
        fetch(upstream.url, silence_s=0.1)
    with pytest.raises(UpstreamUnreachable):
        fetch("http://127.0.0.1:9/")
    with pytest.raises(UpstreamError):
        fetch("nonsense")
