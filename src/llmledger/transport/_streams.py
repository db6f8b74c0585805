"""Bodies of answers, metered as they are read, in the classes of whichever library is used."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol


class Reader(Protocol):
    """What hears of a body as it is read."""

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes of the answer; returns what the program gets of them."""

    def end(self) -> bytes:
        """The answer has been read to its end; returns what was held back of it."""

    def leave(self) -> None:
        """The program closed the answer."""

    def fail(self, error: BaseException) -> None:
        """The answer broke off."""


def library_of(transport: Any) -> ModuleType:
    """The library, httpx or httpx2, that a transport comes from; its own subclasses are asked for their ancestors."""
    for ancestor in type(transport).__mro__:
        root = ancestor.__module__.partition(".")[0]
        if root in {"httpx", "httpx2"}:
            return import_module(root)
    return import_module("httpx")


@cache
def metered_stream(library: ModuleType) -> type:
    """The class of a metered body; it is read by synchronous and by asynchronous clients, each in their way."""
    return type("MeteredStream", (_MeteredStream, library.SyncByteStream, library.AsyncByteStream), {})


class _MeteredStream:
    """The body of an answer, metered as it is read."""

    def __init__(self, inner: Any, reader: Reader) -> None:
        self._inner = inner
        self._reader = reader

    def __iter__(self) -> Iterator[bytes]:
        with self._failures_told():
            for chunk in self._inner:
                yield self._reader.feed(chunk)
        if rest := self._reader.end():
            yield rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._failures_told():
            async for chunk in self._inner:
                yield self._reader.feed(chunk)
        if rest := self._reader.end():
            yield rest

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Who stops reading has not failed; everything else has, a cancelled task too."""
        try:
            yield
        except GeneratorExit:
            raise
        except BaseException as error:
            self._reader.fail(error)
            raise

    def close(self) -> None:
        self._inner.close()
        self._reader.leave()

    async def aclose(self) -> None:
        await self._inner.aclose()
        self._reader.leave()
