"""Meter a program from inside: a transport for `httpx` and `httpx2` that keeps a row of every LLM request.

>>> import httpx2, openai  # doctest: +SKIP
>>> transport = LedgerTransport(httpx2.HTTPTransport())
>>> client = openai.OpenAI(http_client=httpx2.Client(transport=transport))

Both libraries have the same shape, and the transport that is given decides which one is used. Rows are as the proxy
makes them: durable before the request goes out, finished when its answer has been read, closed or broken off.
"""

from importlib import import_module
from typing import Any, Self

from llmledger.transport._call import Call, begin
from llmledger.transport._metering import Metering
from llmledger.transport._streams import library_of, metered_stream

__all__ = ["AsyncLedgerTransport", "LedgerTransport", "Metering"]


class _Around:
    """A transport around another one, with the ledger that its rows go to."""

    def __init__(self, inner: Any, metering: Metering | None) -> None:
        self._inner = inner
        self._library = library_of(inner)
        self._owned = None if metering is not None else Metering.of_user()
        self._metering = metering or self._owned

    def _begin(self, request: Any) -> Call | None:
        return None if self._metering is None else begin(self._metering, request)

    def _answered(self, call: Call, response: Any) -> Any:
        return call.answered(response, metered_stream(self._library))

    def _refused(self, call: Call, request: Any) -> Any:
        error = {"message": call.refusal, "type": "llmledger"}
        return self._library.Response(402, json={"error": error}, request=request)

    def _close_ledger(self) -> None:
        if self._owned is not None:
            self._owned.ledger.close()


class LedgerTransport(_Around):
    """A synchronous transport around another one; `close` also closes the ledger that it opened itself."""

    def __init__(self, inner: Any = None, *, metering: Metering | None = None) -> None:
        """`inner` is a transport of httpx (default) or httpx2; without `metering` rows go to the user's ledger."""
        super().__init__(inner if inner is not None else import_module("httpx").HTTPTransport(), metering)

    def handle_request(self, request: Any) -> Any:
        """Send a request, and keep its row."""
        call = self._begin(request)
        if call is None:
            return self._inner.handle_request(request)
        if call.refusal is not None:
            return self._refused(call, request)
        try:
            response = self._inner.handle_request(call.request(self._library))
        except BaseException as error:
            call.fail(error)
            raise
        return self._answered(call, response)

    def close(self) -> None:
        """Close the transport inside, and the ledger if nobody else gave it."""
        self._inner.close()
        self._close_ledger()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncLedgerTransport(_Around):
    """The same for asynchronous clients."""

    def __init__(self, inner: Any = None, *, metering: Metering | None = None) -> None:
        """`inner` is a transport of httpx (default) or httpx2; without `metering` rows go to the user's ledger."""
        super().__init__(inner if inner is not None else import_module("httpx").AsyncHTTPTransport(), metering)

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, and keep its row."""
        call = self._begin(request)
        if call is None:
            return await self._inner.handle_async_request(request)
        if call.refusal is not None:
            return self._refused(call, request)
        try:
            response = await self._inner.handle_async_request(call.request(self._library))
        except BaseException as error:
            call.fail(error)
            raise
        return self._answered(call, response)

    async def aclose(self) -> None:
        """Close the transport inside, and the ledger if nobody else gave it."""
        await self._inner.aclose()
        self._close_ledger()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
