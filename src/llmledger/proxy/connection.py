"""One client's connection: HTTP/1 within bounds, also where the server's parser would lose a body or keep too much.

Based on https://www.rfc-editor.org/rfc/rfc9112 and https://www.rfc-editor.org/rfc/rfc9110.
"""

import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llmledger.proxy.incoming import Message, Receive, Send

HEAD_BOUND = 256 * 1024
"""Bytes in which nothing is said: of a head, or of trailers, that do not end."""

_OTHER_UPGRADES = re.compile(rb"\r\nupgrade:(?![^\r\n]*websocket)[^\r\n]*(?=\r\n)", re.IGNORECASE)

App = Callable[..., Awaitable[None]]


class Connection(HttpToolsProtocol):
    """A connection that is closed when what it sends does not end: the parser itself would collect it without a limit."""

    _unheard_bytes = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._unheard_bytes += len(data)
        super().data_received(_without_upgrade(data) if self._is_in_head else data)
        if self._unheard_bytes > HEAD_BOUND:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._unheard_bytes, self._is_in_head = 0, True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body is a trailer, which may not pass for one."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unheard_bytes, self._is_in_head = 0, False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unheard_bytes = 0
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _ended_by_closing(cycle, app) if is_old else app)


def _without_upgrade(data: bytes) -> bytes:
    """A head without the offer to go on in another protocol, which Java's client makes of every request (h2c).

    The parser takes a request with such an offer for one without a body. A WebSocket has none: it is told no by us.
    """
    if b"pgrade:" not in data and b"PGRADE:" not in data:
        return data
    blank_line = data.find(b"\r\n\r\n")
    end = len(data) if blank_line < 0 else blank_line + 2
    return _OTHER_UPGRADES.sub(b"", data[:end]) + data[end:]


def _ended_by_closing(cycle: RequestResponseCycle, app: App) -> App:
    """The application for a client of HTTP/1.0, which knows no chunks: what has no length ends with the connection."""

    async def serve(scope: Any, receive: Receive, send: Send) -> None:
        has_length = True

        async def send_plain(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
                if not has_length:
                    cycle.chunked_encoding, cycle.expected_content_length = False, sys.maxsize
            elif not has_length:
                message = {**message, "more_body": True}  # the server closes what its application leaves open
            await send(message)

        await app(scope, receive, send_plain)

    return serve
