"""The HTTP client of the proxy: many streams at once, bytes as they come, nothing decoded, nothing retried.

Only this file uses aiohttp as a client. Texts of its exceptions are never passed on: they may quote a header.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from llmledger.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable

Headers = Sequence[tuple[str, str]]

_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Headers that the client must not add of its own accord: the request goes on as it came."""

_CONNECT_S = 30.0
_READ_BUFFER = 256 * 1024
_HEADER_BOUND = 64 * 1024


@dataclass(slots=True)
class Exchange:
    """An answer that has begun: its status and headers are here, its body is still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """As they came, in order and spelling."""
    _response: aiohttp.ClientResponse
    is_aborted: bool = False

    async def body(self) -> AsyncIterator[bytes]:
        """The bytes of the body as they arrive. Raises UpstreamError when they break off."""
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error, "the connection broke while reading") from None

    def abort(self) -> None:
        """Stop the provider: close the connection although there is more to come."""
        self.is_aborted = True
        self._response.close()

    def close(self) -> None:
        """Let go of the answer: a connection whose body has ended is kept for the next request."""
        self._response.close()


class AioUpstream:
    """A pool of connections to every provider. Open it inside the event loop that uses it."""

    def __init__(self, *, silence_s: float = 600.0) -> None:
        """`silence_s`: the longest silence of a provider before it is given up."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=True,
            timeout=timeout,
            skip_auto_headers=_OWN,
            read_bufsize=_READ_BUFFER,
            max_line_size=_HEADER_BOUND,
            max_field_size=_HEADER_BOUND,
        )

    async def send(
        self, method: str, url: str, headers: Headers, body: bytes | AsyncIterable[bytes] | None
    ) -> Exchange:
        """Send a request and wait for the head of its answer. Redirects are answers. Raises UpstreamError."""
        try:
            response = await self._session.request(
                method, URL(url, encoded=True), headers=CIMultiDict(headers), data=body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error, "the request failed") from None
        return Exchange(response.status, list(response.raw_headers), response)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _translated(error: Exception, sentence: str) -> UpstreamError:
    if isinstance(
        error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError)
    ):
        return UpstreamUnreachable("no connection to the provider")
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("no answer in the time allowed")
    return UpstreamError(sentence)
