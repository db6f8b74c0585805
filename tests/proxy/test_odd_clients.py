"""Clients that speak HTTP/1 in ways that libraries seldom do: served as the standard says, or refused, with one row or none."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.bare_upstream import BareUpstream, bare_upstream, exchange
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.upstream import DEADLINE

CHAT = "/openai/v1/chat/completions"
BODY = b'{"model":"gpt-5-mini"}'
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
CLOSE = "Connection: close"


@pytest.fixture
def bare() -> Iterator[BareUpstream]:
    """A provider of any bytes."""
    with bare_upstream() as server:
        server.answers(OK)
        yield server


@pytest.fixture
def proxy(tmp_path: Path, bare: BareUpstream) -> Iterator[RunningProxy]:
    """The proxy before it."""
    with running_proxy(tmp_path, bare) as running:
        yield running


def head(*lines: str, path: str = CHAT, version: str = "1.1", length: int | None = len(BODY)) -> bytes:
    """A head in UTF-8, with the length of the body unless another framing is used."""
    framing = () if length is None else (f"Content-Length: {length}",)
    first = (f"POST {path} HTTP/{version}", "Host: 127.0.0.1", *framing, *lines)
    return ("\r\n".join(first) + "\r\n\r\n").encode()


def sent_headers(bare: BareUpstream) -> dict[bytes, bytes]:
    """The headers of the only request that reached the provider."""
    ((got, _),) = bare.received
    return {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in got.splitlines()[1:])}


def test_text_in_headers_arrives_and_is_stored_as_it_was_written(proxy: RunningProxy, bare: BareUpstream) -> None:
    """UTF-8, as curl and most programs send it; what is no UTF-8 is Latin-1."""
    old = b"X-Old: \xfcber\r\n\r\n"
    lines = head(CLOSE, "X-Title: Über", "baggage: city=München", "x-llmledger-project: München")[:-2] + old

    exchange(proxy.url, lines + BODY)

    got = sent_headers(bare)
    assert (got[b"x-title"], got[b"baggage"]) == ("Über".encode(), "city=München".encode())
    assert got[b"x-old"].decode() == "über"
    (row,) = proxy.rows()
    assert (row["project"], row["app"]) == ("München", "Über")


@pytest.mark.parametrize(
    ("prefix", "project"),
    [
        ("/p/M%C3%BCnchen", "München"),
        ("/p/a%2Fb%20c", "a/b c"),
        ("/p/" + "%C3%BC" * 300, "ü" * 200),
        ("/p/%FF", "\N{REPLACEMENT CHARACTER}"),
    ],
    ids=["umlaut", "slash", "long", "broken"],
)
def test_projects_in_paths_are_any_text(proxy: RunningProxy, bare: BareUpstream, prefix: str, project: str) -> None:
    """Unpacked first and bounded then, so that no letter is cut in the middle."""
    exchange(proxy.url, head(CLOSE, path=prefix + CHAT) + BODY)

    assert proxy.rows()[0]["project"] == project
    assert bare.received[0][0].startswith(b"POST " + CHAT.encode() + b" HTTP/1.1")


def test_the_offer_of_http_2_costs_no_body(proxy: RunningProxy, bare: BareUpstream) -> None:
    """Java's client makes it with every first request: the server's parser alone would take the body for something else."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")

    answer = exchange(proxy.url, head(*offer) + BODY, head(CLOSE) + BODY)

    assert [body for _, body in bare.received] == [BODY, BODY]
    assert b"http2-settings" not in bare.received[0][0].lower()
    assert answer.count(b'{"ok":true}') == 2
    assert [row["status"] for row in proxy.rows(2)] == ["completed", "completed"]


def test_an_upgrade_that_cannot_be_taken_out_is_refused_and_sends_nothing(
    proxy: RunningProxy, bare: BareUpstream
) -> None:
    """A head that is cut in the middle of the offer, so that the parser has seen it."""
    with socket.create_connection(tuple(proxy.url.removeprefix("http://").split(":")), timeout=DEADLINE) as client:
        whole = head("Connection: Upgrade", "Upgrade: h2c")
        cut = whole.index(b"grade: h2c")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        client.sendall(whole[:cut])
        # Only an answer of ours shows that the first piece was read before the second was sent.
        assert httpx.get(proxy.url + "/healthz").status_code == 200
        client.sendall(whole[cut:])
        assert client.recv(65536).startswith(b"HTTP/1.1 426 ")

    assert (bare.received, proxy.rows(0)) == ([], [])


def test_trailers_of_a_body_do_not_pass_for_headers(proxy: RunningProxy, bare: BareUpstream) -> None:
    """They come when it has long been decided who asks and where it goes."""
    body = b"%x\r\n%b\r\n0\r\nx-late: 1\r\nAuthorization: Bearer late\r\n\r\n" % (len(BODY), BODY)

    exchange(proxy.url, head(CLOSE, "Transfer-Encoding: chunked", "Trailer: x-late", length=None) + body)

    assert bare.received[0][1] == BODY
    assert sent_headers(bare).keys() == {b"host", b"content-length"}
    assert proxy.rows()[0]["key"] is None


def test_trailers_that_never_end_close_the_connection(proxy: RunningProxy, bare: BareUpstream) -> None:
    """Nobody may fill the memory behind the body either."""
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(head("Transfer-Encoding: chunked", length=None) + b"0\r\nx-flood: ")
        with pytest.raises(ConnectionError):
            client.sendall(b"x" * 100_000_000)

    assert bare.received == []


def test_who_waits_for_a_go_ahead_gets_one(proxy: RunningProxy, bare: BareUpstream) -> None:
    """`Expect: 100-continue` is between the client and us; the provider never hears of it."""
    answer = exchange(proxy.url, head(CLOSE, "Expect: 100-continue"), BODY)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b"expect" not in sent_headers(bare)


def test_requests_sent_ahead_are_answered_in_order(proxy: RunningProxy, bare: BareUpstream) -> None:
    """Three at once on one connection: three answers, three rows."""
    paths = ["/openai/v1/a", "/openai/v1/b", "/openai/v1/c"]

    answer = exchange(proxy.url, b"".join(head(*([CLOSE] * (path == paths[-1])), path=path) + BODY for path in paths))

    assert answer.count(b'{"ok":true}') == 3
    assert [got.split()[1].decode() for got, _ in bare.received] == paths
    assert [row["endpoint"] for row in proxy.rows(3)] == ["/v1/a", "/v1/b", "/v1/c"]


def test_an_address_in_the_request_line_is_read_for_its_path(proxy: RunningProxy, bare: BareUpstream) -> None:
    """The absolute form that clients use for HTTP proxies; whatever host it names, the table says where it goes."""
    exchange(proxy.url, head(CLOSE, path=f"http://evil.example{CHAT}") + BODY)

    assert bare.received[0][0].startswith(b"POST " + CHAT.encode() + b" ")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 22", "Content-Length: 22"),
        ("Content-Length: 22", "Content-Length: 5"),
        ("Content-Length: 22", "Transfer-Encoding: chunked"),
        ("Content-Length: 0x16",),
        ("Transfer-Encoding: chunked, gzip",),
        ("X-A : 1", "Content-Length: 22"),
        ("X-A: a\rb", "Content-Length: 22"),
    ],
    ids=["twice", "two lengths", "length and chunks", "hexadecimal", "chunked first", "space in name", "bare return"],
)
def test_framing_that_two_programs_could_read_differently_is_refused(
    proxy: RunningProxy, bare: BareUpstream, lines: tuple[str, ...]
) -> None:
    """Otherwise a request could be hidden behind another (request smuggling)."""
    assert exchange(proxy.url, head(*lines, length=None) + BODY).startswith(b"HTTP/1.1 400 ")
    assert (bare.received, proxy.rows(0)) == ([], [])


@pytest.mark.parametrize(
    "first", [b"CONNECT evil.example:443", b"OPTIONS *", b"PRI *", b"\x16\x03\x01\x02\x00\x01", b"GET"]
)
def test_what_is_no_request_to_a_provider_is_refused(proxy: RunningProxy, bare: BareUpstream, first: bytes) -> None:
    """A tunnel, a question about the server, HTTP/2 or TLS from the start: an answer, and the proxy lives on."""
    answer = exchange(proxy.url, first + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert httpx.get(proxy.url + "/healthz").status_code == 200
    assert (bare.received, proxy.rows(0)) == ([], [])


def test_a_stream_for_a_client_of_http_1_0_ends_with_the_connection(proxy: RunningProxy, bare: BareUpstream) -> None:
    """It knows no chunks, so it must get none."""
    bare.answers(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n"
    )

    got, _, body = exchange(proxy.url, head(version="1.0") + BODY).partition(b"\r\n\r\n")

    assert b"transfer-encoding" not in got.lower()
    assert body == b"data: a\n\ndata: b\n\n"
    assert proxy.rows()[0]["status"] == "completed"


def test_headers_that_a_client_calls_its_connections_go_no_further(proxy: RunningProxy, bare: BareUpstream) -> None:
    """RFC 9110, section 7.6.1."""
    exchange(proxy.url, head("Connection: close, X-Hop", "X-Hop: 1", "X-End: 1", "TE: trailers") + BODY)

    assert sent_headers(bare).keys() == {b"host", b"content-length", b"x-end"}


def test_cookies_and_long_addresses_pass(proxy: RunningProxy, bare: BareUpstream) -> None:
    """Each cookie header as it came, in both directions, and 60,000 characters of a query."""
    bare.answers(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\n{}")
    query = "q=" + "x" * 60_000

    answer = exchange(proxy.url, head(CLOSE, "Cookie: a=1", "Cookie: b=2", path=f"{CHAT}?{query}") + BODY)

    ((got, _),) = bare.received
    assert got.split(b" ")[1] == f"{CHAT}?{query}".encode()
    assert (got.count(b"cookie: a=1\r\n"), got.count(b"cookie: b=2\r\n")) == (1, 1)
    assert b"set-cookie: a=1; Path=/\r\n" in answer and b"set-cookie: b=2\r\n" in answer
