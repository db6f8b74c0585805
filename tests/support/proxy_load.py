"""Both ends of a gateway under test, written on bare sockets so that they cost little: a provider that is as fast as it
can be, and clients that keep so many connections busy.

`python -m tests.support.proxy_load PORT` is the provider alone.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CHUNKS = 50
_PLAIN = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 50}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60},
}
_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "usage": None}


def _event(choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
    return b"data: " + json.dumps(_CHUNK | {"choices": choices, "usage": usage}).encode() + b"\n\n"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


_BODY = json.dumps(_PLAIN).encode()
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY) + _BODY
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_PIECES = [
    *(_chunk(_event([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}])) for _ in range(CHUNKS - 2)),
    _chunk(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
    _chunk(_event([], {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60})),
    _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n",
]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _end_of(data: bytes | bytearray) -> int:
    """Where the first message of the data ends; 0 when it has not come whole."""
    head = data.find(b"\r\n\r\n") + 4
    if head < 4:
        return 0
    length = _LENGTH.search(data, 0, head)
    if length is not None:
        end = head + int(length[1])
        return end if end <= len(data) else 0
    if b"chunked" in data[:head].lower():
        return data.find(b"\r\n0\r\n\r\n", head) + 7 if b"\r\n0\r\n\r\n" in data[head:] else 0
    return head


class _Provider(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._data = bytearray()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = _end_of(self._data)
        if not end:
            return
        is_stream = b'"stream"' in self._data[:end] and b'"stream":false' not in self._data[:end].replace(b" ", b"")
        del self._data[:end]
        if is_stream:
            self._transport.write(_STREAM_HEAD)
            self._piece(iter(_PIECES))
        else:
            self._transport.write(_WHOLE)

    def _piece(self, pieces: Iterator[bytes]) -> None:
        """One piece each turn of the loop, as tokens come."""
        piece = next(pieces, None)
        if piece is not None:
            self._transport.write(piece)
            asyncio.get_running_loop().call_soon(self._piece, pieces)


async def _provide(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass(slots=True)
class Load:
    """What rounds of requests took, in milliseconds and seconds."""

    whole: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    """Of the process under test."""

    def at(self, share: float, *, first: bool = False) -> float:
        """Milliseconds within which this share of the requests was answered, wholly or to its first byte."""
        taken = sorted(self.first if first else self.whole)
        return taken[min(len(taken) - 1, int(len(taken) * share))] * 1000

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.whole) / self.elapsed_s

    @property
    def cpu_ms(self) -> float:
        """CPU of one request in the process under test."""
        return self.cpu_s / len(self.whole) * 1000


class _Client(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._data = bytearray()
        self._body_at = 0
        self._length: int | None = None
        self._done: asyncio.Future[bytes] | None = None
        self._began = self.first_s = 0.0

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """Send a request; the future is its whole answer."""
        self._done = asyncio.get_running_loop().create_future()
        self._data.clear()
        self._body_at, self.first_s = 0, 0.0
        self._began = time.perf_counter()
        self.transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        kept = self._data
        kept += data
        if not self._body_at and (head := kept.find(b"\r\n\r\n") + 4) >= 4:
            told = _LENGTH.search(kept, 0, head)
            self._body_at, self._length = head, int(told[1]) if told else None
        if not self._body_at or len(kept) == self._body_at:
            return
        if not self.first_s:
            self.first_s = time.perf_counter() - self._began
        if self._length is None:
            is_whole = kept.endswith(b"\r\n0\r\n\r\n")
        else:
            is_whole = len(kept) >= self._body_at + self._length
        if is_whole and self._done is not None:
            self._done.set_result(bytes(kept))

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error or ConnectionError("closed in the middle of an answer"))


async def ask_many(place: tuple[str, int], request: bytes, requests: int, connections: int, into: Load) -> None:
    """Send so many requests over so many connections, and note how long each took."""
    loop, left = asyncio.get_running_loop(), iter(range(requests))
    clients = [(await loop.create_connection(_Client, *place))[1] for _ in range(connections)]

    async def work(client: _Client) -> None:
        for _ in left:
            began = time.perf_counter()
            answer = await client.ask(request)
            into.whole.append(time.perf_counter() - began)
            into.first.append(client.first_s)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:500]

    began = time.perf_counter()
    await asyncio.gather(*map(work, clients))
    into.elapsed_s += time.perf_counter() - began
    for client in clients:
        client.transport.close()


def post(place: tuple[str, int], path: str, body: dict[str, Any]) -> bytes:
    """A request as an SDK sends it."""
    content = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {place[0]}:{place[1]}\r\naccept: application/json\r\n"
        "authorization: Bearer sk-1234567890\r\ncontent-type: application/json\r\n"
        "accept-encoding: gzip, deflate\r\nuser-agent: OpenAI/Python 3.40.0\r\nx-stainless-lang: python\r\n"
        "x-stainless-os: Linux\r\nx-stainless-arch: x64\r\nx-stainless-runtime: CPython\r\n"
        f"x-stainless-retry-count: 0\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_provide(int(sys.argv[1])))
