"""A client's request body: its beginning kept for reading, all of it passed on, and word of when the client leaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

KEPT_BYTES = 8 * 1024 * 1024
"""How much of a body is kept, to read the model and for whom it is; longer bodies are passed on as they arrive."""


class ClientGone(Exception):
    """The client left before its request was whole."""


class Incoming:
    """The body of one request."""

    __slots__ = ("_receive", "is_whole", "kept")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.kept = b""
        self.is_whole = False

    async def read_kept(self) -> bytes:
        """Read until the body is whole or as much is here as is kept. Raises ClientGone."""
        pieces = [self.kept]
        size = len(self.kept)
        while not self.is_whole and size < KEPT_BYTES:
            piece = await self._next()
            size += len(piece)
            pieces.append(piece)
        self.kept = b"".join(pieces)
        return self.kept

    async def all(self) -> AsyncIterator[bytes]:
        """The whole body: what was kept, then the rest as it arrives. Raises ClientGone."""
        yield self.kept
        while not self.is_whole:
            yield await self._next()

    def watch(self) -> "asyncio.Future[Message]":
        """A future that is done when the client has left; only for a body that has been passed on wholly."""
        return asyncio.ensure_future(self._receive())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.is_whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))
