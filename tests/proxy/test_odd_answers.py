"""Providers that speak HTTP/1 badly: the client gets their bytes or an error in our words, and the row says which."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.bare_upstream import BareUpstream, bare_upstream, exchange
from tests.support.proxy import RunningProxy, running_proxy

CHAT = "/openai/v1/chat/completions"
BODY = b'{"model":"gpt-5-mini"}'
REQUEST = (
    f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    + BODY
)
SAID = b'{"ok":true}'


@pytest.fixture
def bare() -> Iterator[BareUpstream]:
    """A provider of any bytes."""
    with bare_upstream() as server:
        yield server


@pytest.fixture
def proxy(tmp_path: Path, bare: BareUpstream) -> Iterator[RunningProxy]:
    """The proxy before it."""
    with running_proxy(tmp_path, bare) as running:
        yield running


def answer(*lines: str, status: str = "200 OK", body: bytes = SAID) -> bytes:
    """An answer with these headers."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + body


def length(count: int = len(SAID)) -> str:
    """A header."""
    return f"Content-Length: {count}"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(length()),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(length()),
        answer("Transfer-Encoding: chunked", body=b"b;note=1\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % SAID),
        b"HTTP/1.0 200 OK\r\n\r\n" + SAID,
        answer(length(), body=SAID + b"HTTP/1.1 200 OK\r\n"),
    ],
    ids=["early hints", "continue", "chunk notes and trailers", "ends by closing", "more than it said"],
)
def test_what_can_be_understood_is_passed_on_whole(proxy: RunningProxy, bare: BareUpstream, said: bytes) -> None:
    """Interim answers are the provider's connection's, not the client's."""
    bare.answers(said, hangs_up=True)

    got, _, body = exchange(proxy.url, REQUEST).partition(b"\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert SAID in body
    (row,) = proxy.rows()
    assert (row["status"], row["http_status"]) == ("completed", 200)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTT",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"\x00\x01\x02\r\n\r\n",
        answer(length(), length(12)),
        answer(length(), "Transfer-Encoding: chunked", body=b"b\r\n%b\r\n0\r\n\r\n" % SAID),
        answer("Content-Length: eleven"),
        answer("X A: 1", length()),
        answer("X-A: " + "a" * 100_000, length()),
        answer("Upgrade: x", "Connection: upgrade", status="101 Switching Protocols"),
        answer(length(), status="799 Odd"),
        answer(length(), status="099 Odd"),
    ],
    ids=[
        "nothing",
        "half a status",
        "half a header",
        "noise",
        "two lengths",
        "length and chunks",
        "no number",
        "space in name",
        "huge header",
        "another protocol",
        "status 799",
        "status 99",
    ],
)
def test_what_is_no_answer_is_told_in_our_words(proxy: RunningProxy, bare: BareUpstream, said: bytes) -> None:
    """502, and a row that failed: the request went out, so it may have cost something."""
    bare.answers(said, hangs_up=True)

    got = exchange(proxy.url, REQUEST)

    assert got.startswith(b"HTTP/1.1 502 ") and b'"type": "llmledger_proxy"' in got
    (row,) = proxy.rows()
    assert (row["status"], row["error_type"], len(bare.received)) == ("failed", "network", 1)
    assert proxy.inflight() == 0


@pytest.mark.parametrize(
    "said",
    [answer(length(30)), answer("Transfer-Encoding: chunked", body=b"b\r\n%b\r\nzz\r\n" % SAID[:11])],
    ids=["less than it said", "no chunk"],
)
def test_a_body_that_breaks_off_is_never_ended_as_if_it_were_whole(
    proxy: RunningProxy, bare: BareUpstream, said: bytes
) -> None:
    """The client sees that there should be more, or an error."""
    bare.answers(said, hangs_up=True)

    got, _, body = exchange(proxy.url, REQUEST).partition(b"\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 502 ") or (SAID in body and not body.endswith(b"0\r\n\r\n"))
    (row,) = proxy.rows()
    assert (row["status"], row["error_type"] in {"upstream_broke_off", "network"}) == ("failed", True)


@pytest.mark.parametrize(("method", "rows"), [("POST", 1), ("GET", 0)])
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_the_length_of_a_body_that_may_not_follow_misleads_nobody(
    proxy: RunningProxy, bare: BareUpstream, status: str, method: str, rows: int
) -> None:
    """The answer ends with its head, and the next one on the same connection is served."""
    bare.answers(answer(length(), status=status, body=b""))
    kept = REQUEST.replace(b"POST", method.encode()).replace(b"Connection: close\r\n", b"")
    last = REQUEST.replace(b"POST", method.encode())

    got = exchange(proxy.url, kept, last)

    assert got.count(f"HTTP/1.1 {status}\r\n".encode()) == 2
    assert b"content-length" not in got
    found = proxy.rows(2 * rows)
    wanted = "completed" if status.startswith("204") else "failed"
    assert [row["status"] for row in found] == [wanted] * (2 * rows)


def test_a_head_without_its_body_keeps_its_length(proxy: RunningProxy, bare: BareUpstream) -> None:
    """HEAD asks for just that."""
    bare.answers(answer(length(), body=b""))

    got = exchange(proxy.url, REQUEST.replace(b"POST", b"HEAD").replace(BODY, b"").replace(b"Length: 22", b"Length: 0"))

    assert b"content-length: 11\r\n" in got and got.endswith(b"\r\n\r\n")


def test_an_answer_that_our_server_cannot_write_is_a_failure_of_ours(proxy: RunningProxy, bare: BareUpstream) -> None:
    """A control character in a header: nothing is served, and the row does not call it a shutdown."""
    bare.answers(answer("X-A: a\x01b", length()))

    assert exchange(proxy.url, REQUEST) == b""
    (row,) = proxy.rows()
    assert (row["status"], row["error_type"]) == ("failed", "proxy_error")


PACKED = gzip.compress(b'{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}')


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", PACKED[: len(PACKED) // 2]),
        ("gzip", SAID),
        ("deflate", SAID),
        ("br", SAID),
        ("zstd", SAID),
        ("gzip, br", PACKED),
        ("something", SAID),
        ("gzip", PACKED + b"\x00trailing"),
    ],
    ids=["half", "no gzip", "no deflate", "no brotli", "no zstd", "two layers", "unknown", "more after its end"],
)
def test_what_cannot_be_unpacked_passes_byte_for_byte(
    proxy: RunningProxy, bare: BareUpstream, encoding: str, body: bytes
) -> None:
    """One row, whose usage is missing rather than invented; or read, where the beginning tells it."""
    bare.answers(answer(f"Content-Encoding: {encoding}", length(len(body)), body=body))

    got, _, served = exchange(proxy.url, REQUEST).partition(b"\r\n\r\n")

    assert (served, f"content-encoding: {encoding}".encode() in got) == (body, True)
    (row,) = proxy.rows()
    assert (row["status"], row["usage_quality"] in {"missing", "exact"}) == ("completed", True)
    assert row["output_tokens"] in {None, 4}


EVENT = b'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":"hi"}}]}'
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
END = b"data: [DONE]"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("is_ended", [True, False], ids=["ended", "no last newline"])
def test_only_the_usage_that_we_asked_for_is_hidden(
    proxy: RunningProxy, bare: BareUpstream, newline: bytes, piece: int, *, is_ended: bool
) -> None:
    """Marks, comments, ids and data on several lines pass byte for byte, however they are cut; the row has the usage."""
    blank = newline * 2
    first = b"\xef\xbb\xbf: hello" + blank + b"id: 1" + newline + b"event: message" + newline + EVENT + blank
    usage = USAGE.replace(b'"choices":[],', b'"choices":[],' + newline + b"data: ")
    last = END + (blank if is_ended else b"")
    stream = first + usage + blank + last
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    bare.answers(answer("Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked", body=chunks))
    body = b'{"model":"gpt-5-mini","stream":true,"messages":[]}'
    request = f"POST {CHAT} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    _, _, served = exchange(proxy.url, request).partition(b"\r\n\r\n")

    assert served == first + last
    assert b'"include_usage":true' in bare.received[0][1]
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (3, 4, "exact")
