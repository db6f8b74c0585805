"""Meter a program from inside: a transport for `httpx` and `httpx2` that keeps a row of every LLM request.

>>> import httpx2, openai  # doctest: +SKIP
>>> transport = LedgerTransport(httpx2.HTTPTransport())
>>> client = openai.OpenAI(http_client=httpx2.Client(transport=transport))

Both libraries have the same shape, and the transport that is given decides which one is used. Rows are as the proxy
makes them: durable before the request goes out, finished when its answer has been read, closed or broken off.
"""

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from re import match
from types import ModuleType
from typing import Any, Self

from llmledger.core.redaction import fingerprint
from llmledger.core.request import Attribution, Begun, Finished, id_text, request_id_at
from llmledger.core.window import unix_ms
from llmledger.core.words import Status
from llmledger.dialects import from_path
from llmledger.dialects._contract import Meter, Reading, RequestFacts
from llmledger.ledger import Ledger, open_ledger
from llmledger.operations.record import Ending, Recorder
from llmledger.operations.request_headers import NOBODY, credential, readable_encodings
from llmledger.operations.usage_option import UsageHider, with_usage_asked
from llmledger.operations.wire import Keeper, Place, open_meter, open_request, without_echo
from llmledger.paths import find_paths
from llmledger.pricebook import PriceBook, load, packaged_folder
from llmledger.pricebook.provider import Provider

FREE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
OUR_HEADERS = "x-llmledger-"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ID_HEADER = "x-llmledger-request-id"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id(at: datetime) -> bytes:
    return request_id_at(unix_ms(at), secrets.token_bytes(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """What requests are metered with: a ledger, prices, a clock, and for whom they are."""

    ledger: Ledger
    book: PriceBook
    attribution: Attribution = NOBODY
    provider: str | None = None
    """Who is asked, where the address does not say so, such as a gateway of your own."""
    now: Callable[[], datetime] = _utc_now

    @classmethod
    def of_user(cls, *, attribution: Attribution = NOBODY, provider: str | None = None) -> "Metering":
        """The user's own ledger and prices. Raises StorageError."""
        paths = find_paths(os.environ)
        layers = (packaged_folder(), paths.managed_pricing, paths.user_pricing)
        book = load([folder for folder in layers if folder.is_dir()])
        return cls(
            ledger=open_ledger(paths.ledger, now=_utc_now), book=book, attribution=attribution, provider=provider
        )


class LedgerTransport:
    """A synchronous transport around another one; `close` also closes the ledger that it opened itself."""

    def __init__(self, inner: Any = None, *, metering: Metering | None = None) -> None:
        """`inner` is a transport of httpx (default) or httpx2; without `metering` rows go to the user's ledger."""
        self._inner = inner if inner is not None else import_module("httpx").HTTPTransport()
        self._library = _library_of(self._inner)
        self._owned = None if metering is not None else Metering.of_user()
        self._metering = metering or self._owned

    def handle_request(self, request: Any) -> Any:
        """Send a request, and keep its row."""
        call = _begin(self._metering, request)
        if call is None:
            return self._inner.handle_request(request)
        try:
            response = self._inner.handle_request(call.request(self._library))
        except BaseException as error:
            call.fail(error)
            raise
        return call.answered(response, _sync_stream(self._library))

    def close(self) -> None:
        """Close the transport inside, and the ledger if nobody else gave it."""
        self._inner.close()
        if self._owned is not None:
            self._owned.ledger.close()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncLedgerTransport:
    """The same for asynchronous clients."""

    def __init__(self, inner: Any = None, *, metering: Metering | None = None) -> None:
        """`inner` is a transport of httpx (default) or httpx2; without `metering` rows go to the user's ledger."""
        self._inner = inner if inner is not None else import_module("httpx").AsyncHTTPTransport()
        self._library = _library_of(self._inner)
        self._owned = None if metering is not None else Metering.of_user()
        self._metering = metering or self._owned

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, and keep its row."""
        call = _begin(self._metering, request)
        if call is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(call.request(self._library))
        except BaseException as error:
            call.fail(error)
            raise
        return call.answered(response, _async_stream(self._library))

    async def aclose(self) -> None:
        """Close the transport inside, and the ledger if nobody else gave it."""
        await self._inner.aclose()
        if self._owned is not None:
            self._owned.ledger.close()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class _Call:
    """One request from its beginning to its row, which is written exactly once."""

    def __init__(self, metering: Metering, recorder: Recorder, begun: Begun, request: Any, facts: RequestFacts) -> None:
        self._metering = metering
        self._recorder = recorder
        self._begun = begun
        self._request = request
        self._facts = facts
        self._place = Place(
            provider=begun.provider, endpoint=begun.endpoint, dialect=None if begun.dialect == "none" else begun.dialect
        )
        self._start = time.monotonic()
        self._first_ms: int | None = None
        self._http_status: int | None = None
        self._meter: Meter | None = None
        self._changed: bytes | None = None
        self._hider: UsageHider | None = None
        self._is_written = False

    def request(self, library: ModuleType) -> Any:
        """The request as it goes out: without headers that are meant for us, and asking for the usage of a stream."""
        request, body = self._request, _content(self._request)
        self._changed = with_usage_asked(body, self._facts, dialect=self._place.dialect, provider=self._place.provider)
        headers = []
        for name, value in request.headers.raw:
            low = name.lower()
            is_replaced = self._changed is not None and low in {b"content-length", b"accept-encoding"}
            if low.startswith(OUR_HEADERS.encode()) or is_replaced:
                continue
            is_encoding = low == b"accept-encoding"
            headers.append((name, readable_encodings(value.decode("latin-1")).encode() if is_encoding else value))
        if self._changed is None:
            content: dict[str, Any] = {"stream": request.stream}
        else:
            headers.append((b"Accept-Encoding", b"identity"))
            content = {"content": self._changed}
        return library.Request(request.method, request.url, headers=headers, extensions=request.extensions, **content)

    def answered(self, response: Any, stream_type: type) -> Any:
        """The answer, whose body is metered as it is read."""
        self._http_status = response.status_code
        encoding = response.headers.get("content-encoding")
        self._meter = open_meter(self._place, self._facts, encoding)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if self._changed is not None and is_stream and not encoding:
            self._hider = UsageHider()
        response.headers[ID_HEADER] = id_text(self._begun.request_id)
        if response.is_closed:
            # A transport that answers by itself, without a network, has the whole body here already.
            self.feed(response.content)
            self.end()
        else:
            response.stream = stream_type(response.stream, self)
        return response

    def feed(self, chunk: bytes) -> bytes:
        """Meter bytes of the answer; returns what the program gets of them."""
        if self._first_ms is None:
            self._first_ms = self._elapsed_ms()
        if self._meter is not None:
            self._meter.feed(chunk)
        return self._hider.feed(chunk) if self._hider is not None else chunk

    def end(self) -> bytes:
        """The answer has been read to its end; returns what was held back of it."""
        rest = self._hider.rest() if self._hider is not None else b""
        self._write(Status.FAILED if (self._http_status or 0) >= 300 else Status.COMPLETED, None)
        return rest

    def leave(self) -> None:
        """The program closed the answer; before its end, that is a cancellation."""
        self._write(Status.CANCELLED, "client_gone")

    def fail(self, error: BaseException) -> None:
        """The request or its answer broke off."""
        kind = type(error).__name__
        if not isinstance(error, Exception) or kind == "CancelledError":
            self._write(Status.CANCELLED, "client_gone")
        elif "Connect" in kind:
            self._write(Status.FAILED, "connect")
        else:
            self._write(Status.FAILED, "timeout" if "Timeout" in kind else "upstream_broke_off")

    def _write(self, status: Status, error_type: str | None) -> Finished | None:
        if self._is_written:
            return None
        self._is_written = True
        reading = self._meter.finish() if self._meter is not None else Reading()
        reading, private = without_echo(reading, _content(self._request))
        if status is Status.COMPLETED and reading.error_type is not None:
            status = Status.FAILED
        if status is Status.CANCELLED and reading.is_complete:
            # Everything was there; only the end of the connection was not waited for.
            status, error_type = Status.COMPLETED, None
        key = credential(dict(self._request.headers), self._request.url.query.decode("latin-1"))
        ending = Ending(
            status=status,
            reading=reading,
            http_status=self._http_status,
            error_type=error_type,
            latency_ms=self._elapsed_ms(),
            first_token_ms=self._first_ms if self._facts.stream else None,
            secrets=(key,) if key else (),
            private=private,
        )
        return self._recorder.finish(self._begun, ending)

    def _elapsed_ms(self) -> int:
        return max(0, round((time.monotonic() - self._start) * 1000))


def _begin(metering: Metering | None, request: Any) -> _Call | None:
    """Make a request durable; None for those that nobody bills."""
    if metering is None or request.method in FREE_METHODS:
        return None
    url, ledger = request.url, metering.ledger
    provider = metering.provider or _provider_of(metering.book, url)
    known = metering.book.provider(provider)
    place = Place(
        provider=provider,
        endpoint=url.path,
        dialect=from_path(url.path),
        is_local=bool(known and known.local),
    )
    keeper = Keeper(
        source="api",
        fingerprint=lambda key: fingerprint(key, ledger_id=ledger.ledger_id),
        attribution=metering.attribution,
    )
    query = url.query.decode("latin-1")
    opening, facts = open_request(place, dict(request.headers), query, _content(request), keeper)
    recorder = Recorder(store=ledger, prices=metering.book, now=metering.now, new_id=_new_id)
    return _Call(metering, recorder, recorder.begin(opening), request, facts)


def _content(request: Any) -> bytes:
    """The body of a request, if it is there as a whole; one that is produced while it is sent is not waited for."""
    return getattr(request, "_content", b"")


@cache
def _providers(book: PriceBook) -> tuple[Provider, ...]:
    return tuple(known for name in book.provider_names() if (known := book.provider(name)) is not None)


def _provider_of(book: PriceBook, url: Any) -> str:
    """The provider whose host or own port an address names; else the host itself: the row tells where it went."""
    address = f"{url.scheme}://{url.netloc.decode('latin-1')}"
    for provider in _providers(book):
        if any(match(host, address) for host in provider.hosts):
            return provider.name
        if provider.local and url.port == provider.default_port and url.host in LOOPBACK:
            return provider.name
    return str(url.host) or "unknown"


def _library_of(transport: Any) -> ModuleType:
    """The library, httpx or httpx2, that a transport comes from; its own subclasses are asked for their ancestors."""
    for ancestor in type(transport).__mro__:
        root = ancestor.__module__.partition(".")[0]
        if root in {"httpx", "httpx2"}:
            return import_module(root)
    return import_module("httpx")


@cache
def _sync_stream(library: ModuleType) -> type:
    class MeteredStream(library.SyncByteStream):  # type: ignore[misc, name-defined]
        """The body of an answer, metered as it is read."""

        def __init__(self, inner: Any, call: _Call) -> None:
            self._inner = inner
            self._call = call

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._inner:
                    yield self._call.feed(chunk)
            except GeneratorExit:
                raise
            except BaseException as error:
                self._call.fail(error)
                raise
            if rest := self._call.end():
                yield rest

        def close(self) -> None:
            self._inner.close()
            self._call.leave()

    return MeteredStream


@cache
def _async_stream(library: ModuleType) -> type:
    class AsyncMeteredStream(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        """The body of an answer, metered as it is read."""

        def __init__(self, inner: Any, call: _Call) -> None:
            self._inner = inner
            self._call = call

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._inner:
                    yield self._call.feed(chunk)
            except GeneratorExit:
                raise
            except BaseException as error:
                self._call.fail(error)
                raise
            if rest := self._call.end():
                yield rest

        async def aclose(self) -> None:
            await self._inner.aclose()
            self._call.leave()

    return AsyncMeteredStream
