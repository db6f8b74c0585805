"""The HTTP client of the proxy: many streams at once, bytes as they come, nothing decoded, nothing retried.

Only this file uses aiohttp as a client. Texts of its exceptions are never passed on: they may quote a header.
"""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from llmledger.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable

Headers = Sequence[tuple[str, str]]
Proxies = Callable[[str], str | None]

_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Headers that the client must not add of its own accord: the request goes on as it came."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_CONNECT_S = 30.0
_READ_BUFFER = 256 * 1024
_HEADER_BOUND = 64 * 1024
_PIECEWISE = 512 * 1024
"""Bodies from this size on are written piece by piece, so that other requests have their turn in between."""

_CLOSES_AFTER_STREAMS = "llama.cpp"
"""A server that promises to keep the connection and closes it behind a stream: the next request would meet its end."""


@dataclass(slots=True)
class Exchange:
    """An answer that has begun: its status and headers are here, its body is still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """As they came, in order and spelling."""
    _response: aiohttp.ClientResponse
    is_aborted: bool = False

    @property
    def has_body(self) -> bool:
        """Whether a body may follow; some statuses have none, whatever length their headers tell."""
        return self.status not in {204, 304}

    async def read(self) -> bytes:
        """The next bytes of the body as they arrive; empty at its end. Raises UpstreamError when they break off."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error, "the connection broke while reading") from None

    def abort(self) -> None:
        """Stop the provider: close the connection although there is more to come."""
        self.is_aborted = True
        self._response.close()

    def close(self) -> None:
        """Let go of the answer: a connection whose body has ended is kept for the next request."""
        self._response.close()


def proxies_of(environ: Mapping[str, str]) -> Proxies:
    """The HTTP proxies that an environment names, with its exceptions; loopback is never proxied.

    The client's own way would also read passwords from `.netrc`, which no request of somebody else may get.
    """
    low = {name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy") and value}
    exceptions = tuple(part.strip().lstrip(".").lower() for part in low.get("no_proxy", "").split(",") if part.strip())

    def find(url: str) -> str | None:
        place = urlsplit(url)
        host = (place.hostname or "").lower()
        is_near = host in LOOPBACK or "*" in exceptions
        if is_near or any(host == each or host.endswith(f".{each}") for each in exceptions):
            return None
        return low.get(f"{place.scheme}_proxy") or low.get("all_proxy")

    return find if low else lambda _: None


class AioUpstream:
    """A pool of connections to every provider. Open it inside the event loop that uses it."""

    def __init__(self, *, proxies: Proxies | None = None, silence_s: float = 600.0) -> None:
        """`proxies`: the HTTP proxy for an address, if any. `silence_s`: the longest silence of a provider."""
        self._proxies = proxies or (lambda _: None)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
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
                method,
                URL(url, encoded=True),
                headers=CIMultiDict(headers),
                data=BytesIO(body) if isinstance(body, bytes) and len(body) >= _PIECEWISE else body,
                allow_redirects=False,
                proxy=self._proxies(url),
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error, "the request failed") from None
        if not 200 <= response.status < 600:
            response.close()
            raise UpstreamError("the answer has no status that HTTP knows")
        if response.headers.get("Server") == _CLOSES_AFTER_STREAMS and "Transfer-Encoding" in response.headers:
            _keep_no_connection(response)
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


def _keep_no_connection(response: aiohttp.ClientResponse) -> None:
    """Close the connection when the answer has ended, instead of keeping it for the next request."""
    if response.connection is not None and response.connection.protocol is not None:
        response.connection.protocol.force_close()


def _translated(error: Exception, sentence: str) -> UpstreamError:
    if isinstance(
        error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError)
    ):
        return UpstreamUnreachable("no connection to the provider")
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("no answer in the time allowed")
    return UpstreamError(sentence)
