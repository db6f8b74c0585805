"""Bodies of any size and any encoding pass as they came, at the pace of the slower side; only our copy is unpacked."""

import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy, until
from tests.support.proxy_program import program
from tests.support.upstream import DEADLINE, Answer, Received, Upstream, json_answer, stream_answer

from llmledger.upstream.aio import proxies_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
CHAT = "/openai/v1/chat/completions"


def pack(encoding: str, body: bytes) -> bytes:
    """A body in an encoding; some need a package of their own."""
    if encoding in {"br", "zstd"}:
        return bytes(pytest.importorskip({"br": "brotli", "zstd": "zstandard"}[encoding]).compress(body))
    return gzip.compress(body) if encoding == "gzip" else zlib.compress(body)


encodings = pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])


@encodings
@pytest.mark.parametrize("name", ["plain.json", "streamed.sse"])
def test_compressed_answers_pass_untouched_and_are_metered(
    proxy: RunningProxy, upstream: Upstream, encoding: str, name: str
) -> None:
    """Whole and streamed, cut anywhere."""
    packed = pack(encoding, (FIXTURES / "openai_chat" / name).read_bytes())
    kind = "application/json" if name.endswith("json") else "text/event-stream"
    headers = {"content-type": kind, "content-encoding": encoding}
    upstream.answers(Answer(200, headers, [packed[at : at + 97] for at in range(0, len(packed), 97)], chunked=True))
    body = {"model": "gpt-5-mini", "stream": name.endswith("sse"), "stream_options": {"include_usage": True}}

    with httpx.stream("POST", proxy.url + CHAT, json=body) as answer:
        assert b"".join(answer.iter_raw()) == packed
        assert answer.headers["content-encoding"] == encoding
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (2000, 500, "exact")


@encodings
def test_compressed_requests_pass_untouched_and_are_read(
    proxy: RunningProxy, upstream: Upstream, encoding: str
) -> None:
    """Model, user and limit are read from our unpacked copy; an echo of the prompt is kept out of the error as ever."""
    prompt = "a canary in a packed prompt, long enough to be an echo"
    body = {"model": "gpt-5-mini", "user": "ann", "messages": [{"role": "user", "content": prompt}]}
    packed = pack(encoding, json.dumps(body).encode())
    upstream.answers(json_answer({"error": {"message": f"cannot do: {prompt}", "type": "refused"}}, 400))

    httpx.post(
        proxy.url + CHAT, content=packed, headers={"content-encoding": encoding, "content-type": "application/json"}
    )

    (got,), (row,) = upstream.received, proxy.rows()
    assert (got.body, got.headers["content-encoding"]) == (packed, encoding)
    assert (row["model"], row["user"], row["error_message"]) == ("gpt-5-mini", "ann", "cannot do: […]")


def test_a_request_packed_in_a_way_nobody_knows_passes_and_keeps_its_error_to_itself(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """What cannot be unpacked cannot be looked for in an error, so of that only the kind is kept."""
    upstream.answers(json_answer({"error": {"message": "who knows what", "type": "refused"}}, 400))

    httpx.post(proxy.url + CHAT, content=b"\x01\x02\x03", headers={"content-encoding": "shorthand"})

    (row,) = proxy.rows()
    assert upstream.received[0].body == b"\x01\x02\x03"
    assert (row["error_type"], row["error_message"], row["model"]) == ("refused", None, "")


def test_a_slow_reader_slows_the_provider_down_and_fills_no_memory(proxy: RunningProxy, upstream: Upstream) -> None:
    """Of 200 MB only what fits into the buffers on the way is taken before the client reads; then it gets all of it."""
    piece, count, taken = b"data: {}\n\n" + b":" + b"x" * 99_987 + b"\n\n", 2000, [0]

    def pieces() -> Iterator[bytes]:
        for _ in range(count):
            taken[0] += 1
            yield piece

    steps = cast("list[bytes]", pieces())
    upstream.answers(Answer(200, {"content-type": "text/event-stream"}, steps, chunked=True))
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        head = b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        client.sendall(head + b"Content-Length: 2\r\n\r\n{}")
        until(lambda: taken[0] > 0)
        _until_it_stands(taken)
        assert taken[0] < count // 4
        received = 0
        while data := client.recv(1 << 20):
            received += len(data)

    assert (taken[0], received >= count * len(piece)) == (count, True)
    assert proxy.rows()[0]["status"] == "completed"


def _until_it_stands(counter: list[int]) -> None:
    """Wait until a counter has not moved for half a second."""
    last, since, deadline = counter[0], time.monotonic(), time.monotonic() + DEADLINE
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        if counter[0] != last:
            last, since = counter[0], time.monotonic()


@pytest.mark.slow
def test_two_hundred_megabytes_go_up_in_flat_memory(home: Path, upstream: Upstream) -> None:
    """A recording of 200 MB: the proxy's memory grows by far less, and the provider gets every byte of it."""
    boundary, megabytes, sizes = "b0undary", 200, []

    def reply(request: Received) -> Answer:
        sizes.append(len(request.body))
        return json_answer({"text": "Four.", "usage": {"type": "duration", "seconds": 6}})

    def form() -> Iterator[bytes]:
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'.encode()
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
        for _ in range(megabytes):
            yield b"R" * 1_000_000
        yield f"\r\n--{boundary}--\r\n".encode()

    upstream.replies(reply)
    with program(home, upstream) as proxy:
        httpx.get(proxy.url + "/healthz")
        before = _peak_kb(proxy.process.pid)
        url, kind = proxy.url + "/openai/v1/audio/transcriptions", f"multipart/form-data; boundary={boundary}"
        answer = httpx.post(url, content=form(), headers={"content-type": kind}, timeout=120)
        grown_mb = (_peak_kb(proxy.process.pid) - before) / 1024

    assert answer.status_code == 200
    assert sizes == [sum(map(len, form()))]
    assert grown_mb < 60


def _peak_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])


def test_requests_take_the_http_proxy_of_the_environment(tmp_path: Path, upstream: Upstream) -> None:
    """As every other program on that machine has to; the provider's own name goes to that proxy."""
    upstream.answers(json_answer({"ok": True}))
    proxies = proxies_of({"http_proxy": upstream.url, "no_proxy": "internal.example"})
    with running_proxy(tmp_path, upstream, proxies=proxies, address_of=lambda _: "http://api.example") as proxy:
        assert httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}).json() == {"ok": True}

    assert upstream.received[0].path == "http://api.example/v1/chat/completions"


@pytest.mark.parametrize("size", [1, 700, 5000])
def test_a_growing_array_is_read_as_it_grows(proxy: RunningProxy, upstream: Upstream, size: int) -> None:
    """litellm#36523: Gemini's stream without `alt=sse` is one JSON array; bytes as they came, usage of its last element."""
    data = (FIXTURES / "gemini/streamed_array.json").read_bytes()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    upstream.answers(stream_answer(pieces, content_type="application/json"))

    url = proxy.url + "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent"
    assert httpx.post(url, json={"contents": []}).content == data
    (row,) = proxy.rows()
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (1050, 350, "exact")
