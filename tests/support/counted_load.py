"""Load whose every request has an id, and a provider that counts what reached it by these ids: the oracle of crash tests.

Both live in the event loop of the test. A request counts from the moment its head has reached the provider.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import aiohttp

MOMENTS = ("sent", "asked", "chunk", "done")
"""What is told while load runs: a client sends, a request has reached the provider, a piece of a stream has left it, a
client has its whole answer."""

PIECES = 12
_PAUSE_S = 0.003
_ID = re.compile(rb"\r\nx-request-id: *([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_USAGE = {"prompt_tokens": 10, "completion_tokens": 12, "total_tokens": 22}


def _event(choices: list[object], usage: object = None) -> bytes:
    # The id is the same every time, as vLLM and Ollama send it.
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-5-mini", "choices": choices}
    return b"data: " + json.dumps(said | {"usage": usage}).encode() + b"\n\n"


_PIECE = _event([{"index": 0, "delta": {"content": "word "}}])
_END = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _event([], _USAGE) + b"data: [DONE]\n\n"
_WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 12}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it may depend on another process
            await asyncio.sleep(0.005)


class CountingProvider:
    """Streams in pieces or answers whole; counts heads by their id."""

    def __init__(self, on_moment: Callable[[str], None] = lambda _: None) -> None:
        self.asked: Counter[str] = Counter()
        self.open = 0
        self.on_moment = on_moment
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.emptied()

    async def emptied(self) -> None:
        """Everything that dead clients had sent has been read."""
        await until(lambda: not self.open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                named, length = _ID.search(head), _LENGTH.search(head)
                assert named is not None and length is not None, head
                self.asked[named[1].decode()] += 1
                self.on_moment("asked")
                await self._answer(writer, await reader.readexactly(int(length[1])))
        self.open -= 1
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        if b'"stream": true' not in body:
            await asyncio.sleep(_PAUSE_S)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_WHOLE)
            writer.write(head + _WHOLE)
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(PIECES):
            writer.write(b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE))
            await writer.drain()
            self.on_moment("chunk")
            await asyncio.sleep(_PAUSE_S)
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(_END), _END))
        await writer.drain()


class Load:
    """So many clients at once, half of whom stream; each asks again until told to stop or until the proxy is gone."""

    def __init__(
        self, url: str, name: str, *, on_moment: Callable[[str], None] = lambda _: None, all_stream: bool = False
    ) -> None:
        """`name` begins the ids of the requests, `name-client-number`."""
        self._all_stream = all_stream
        self._url = url
        self._name = name
        self._on_moment = on_moment
        self.is_stopped = False
        self.statuses: Counter[int] = Counter()
        """Of whole answers."""
        self.broken = 0
        """Requests without a whole answer: the proxy is gone."""

    async def run(self, clients: int = 200, *, pause_s: float = 0.0) -> None:
        """Until all clients have ended. `pause_s`: between two requests of a client."""
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(self._client(session, number, pause_s) for number in range(clients)))

    async def _client(self, session: aiohttp.ClientSession, client: int, pause_s: float) -> None:
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
        if client % 2 or self._all_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        number = 0
        while not self.is_stopped:
            number += 1
            headers = {"x-request-id": f"{self._name}-{client}-{number}", "authorization": "Bearer sk-test-0123456789"}
            self._on_moment("sent")
            try:
                async with session.post(self._url, data=json.dumps(body), headers=headers) as answer:
                    await answer.read()
            except (aiohttp.ClientError, ConnectionError):
                self.broken += 1
                return
            self.statuses[answer.status] += 1
            self._on_moment("done")
            await asyncio.sleep(pause_s)
