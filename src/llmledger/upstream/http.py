"""The HTTP client of `run` and of model downloads: one request, its attempts, and every foreign exception translated.

Only this file uses httpx. Its exceptions are translated here, by `FOREIGN`, to the tree in `errors`; texts of httpx
that may quote a header are never passed on, because a header holds the key. A request is tried again only when it
cannot have been billed: no connection, or an answer of 408, 429 or 5xx. A connection that broke after the request was
sent is not tried again.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from re import search
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from llmledger.core.redaction import redact
from llmledger.errors import ConfigError, UpstreamError, UpstreamTimeout, UpstreamUnreachable, UsageError

# httpx loads its own command line (click, rich, pygments: 150 ms) with itself; a None entry makes that one import fail,
# which httpx expects.
_HAD_MAIN = "httpx._main" in sys.modules
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
import httpx  # noqa: E402

if not _HAD_MAIN:
    del sys.modules["httpx._main"]

ERROR_BODY_BOUND = 64 * 1024
"""Bytes of an error answer that are read."""

RETRYABLE = frozenset({408, 429})
"""Statuses below 500 that are worth another attempt."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Foreign(NamedTuple):
    """What an exception of httpx means here."""

    error: type[UpstreamError] | type[UsageError]
    sentence: str
    quotes_system: bool = False
    """Whether its text is the operating system's and may be shown; other texts can quote headers."""


FOREIGN: Mapping[type[Exception], Foreign] = {
    httpx.ConnectTimeout: Foreign(UpstreamUnreachable, "no connection in the time allowed"),
    httpx.PoolTimeout: Foreign(UpstreamUnreachable, "no connection in the time allowed"),
    httpx.ReadTimeout: Foreign(UpstreamTimeout, "no answer in the time allowed"),
    httpx.WriteTimeout: Foreign(UpstreamTimeout, "the request could not be sent in the time allowed"),
    httpx.TimeoutException: Foreign(UpstreamTimeout, "no answer in the time allowed"),
    httpx.ConnectError: Foreign(UpstreamUnreachable, "no connection", quotes_system=True),
    httpx.ReadError: Foreign(UpstreamError, "the connection broke while reading", quotes_system=True),
    httpx.WriteError: Foreign(UpstreamError, "the connection broke while sending", quotes_system=True),
    httpx.CloseError: Foreign(UpstreamError, "the connection broke while closing", quotes_system=True),
    httpx.NetworkError: Foreign(UpstreamError, "the network failed", quotes_system=True),
    httpx.LocalProtocolError: Foreign(UsageError, "a header or the address has characters that HTTP does not allow"),
    httpx.RemoteProtocolError: Foreign(UpstreamError, "the connection ended in the middle, or this is no HTTP"),
    httpx.ProtocolError: Foreign(UpstreamError, "this is no HTTP as it should be"),
    httpx.ProxyError: Foreign(UpstreamUnreachable, "the HTTP proxy of this environment refused"),
    httpx.UnsupportedProtocol: Foreign(UsageError, "the address must begin with http:// or https://"),
    httpx.TransportError: Foreign(UpstreamError, "the network failed"),
    httpx.DecodingError: Foreign(UpstreamError, "the answer is compressed in a way that cannot be undone"),
    httpx.TooManyRedirects: Foreign(UpstreamError, "too many redirects"),
    httpx.RequestError: Foreign(UpstreamError, "the request failed"),
    httpx.HTTPStatusError: Foreign(UpstreamError, "the answer is an error"),
    httpx.HTTPError: Foreign(UpstreamError, "the request failed"),
    httpx.InvalidURL: Foreign(UsageError, "this is no address"),
    httpx.CookieConflict: Foreign(UpstreamError, "the cookies of the answer contradict each other"),
    httpx.StreamConsumed: Foreign(UpstreamError, "the answer was read twice"),
    httpx.StreamClosed: Foreign(UpstreamError, "the answer was closed before it was read"),
    httpx.ResponseNotRead: Foreign(UpstreamError, "the answer was not read"),
    httpx.RequestNotRead: Foreign(UpstreamError, "the request was not read"),
    httpx.StreamError: Foreign(UpstreamError, "the answer could not be read"),
}
"""Every exception that httpx names, and what it is here. A test fails when httpx grows one that is not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One HTTP request as it goes out."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    secrets: tuple[str, ...] = ()
    """Texts that no error may repeat: the key."""

    @property
    def host(self) -> str:
        """Host and port of the address, for people; without any user or password."""
        return self.parts.netloc.rpartition("@")[2] or self.url

    @property
    def parts(self) -> SplitResult:
        """The address taken apart. Raises UsageError when that cannot be done."""
        try:
            return urlsplit(self.url)
        except ValueError:
            raise UsageError(f"{self.url} is no address") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds, and how often to try."""

    connect_s: float = 10
    silence_s: float = 600
    """The longest wait for the next byte; the official SDKs wait ten minutes."""
    attempts: int = 3
    longest_wait_s: float = 60
    """An answer that asks to wait longer than this is taken as final."""


class Wait(NamedTuple):
    """A pause between two attempts."""

    attempt: int
    """The attempt that failed, from 1."""
    status: int | None
    """Its HTTP status; None when there was no connection."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What attempts need from outside: a clock, a way to wait, and who wants to know."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    on_attempt: Callable[[int], None] = lambda _number: None
    on_wait: Callable[[Wait], None] = lambda _wait: None


class Exchange:
    """An answer whose head has arrived: its status, its headers, and its body as it comes."""

    def __init__(self, response: httpx.Response, outgoing: Outgoing) -> None:
        self._response = response
        self._outgoing = outgoing
        self._source = response.iter_bytes()
        self._head = b""
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def is_error(self) -> bool:
        """Whether the status says that there is no answer to the prompt."""
        return self.status >= 300

    def peek(self) -> bytes:
        """Read the beginning of the body (of an error: all that anybody needs) and keep it for `chunks`."""
        with _translated(self._outgoing):
            for chunk in self._source:
                self._head += chunk
                if len(self._head) >= ERROR_BODY_BOUND:
                    break
        return self._head

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in the pieces it arrives in; raises UpstreamError when it breaks off."""
        if self._head:
            yield self._head
        with _translated(self._outgoing):
            yield from self._source


@contextmanager
def exchange(
    outgoing: Outgoing, patience: Patience, around: Surroundings, *, follow_redirects: bool = False
) -> Iterator[Exchange]:
    """Send a request, trying again where that cannot be billed twice, and give the answer while it streams.

    An answer of the provider is never an exception here, whatever its status. Raises UpstreamUnreachable,
    UpstreamTimeout or UpstreamError when there is none, ConfigError for proxy settings that cannot be used, UsageError
    for a bad address.
    """
    with _client(outgoing, patience, follow_redirects=follow_redirects) as client:
        answer = _attempts(client, outgoing, patience, around)
        try:
            yield answer
        finally:
            with _translated(outgoing):
                answer._response.close()  # noqa: SLF001


def get(outgoing: Outgoing, patience: Patience, around: Surroundings) -> tuple[int, bytes]:
    """Fetch a small document: its status and at most 64 KB of its body."""
    with exchange(outgoing, patience, around) as answer:
        return answer.status, answer.peek()


def _client(outgoing: Outgoing, patience: Patience, *, follow_redirects: bool) -> httpx.Client:
    parts = outgoing.parts
    try:
        return httpx.Client(
            # A proxy of the environment is never asked for this machine; certificates cost 70 ms and serve https alone.
            trust_env=parts.hostname not in LOOPBACK,
            verify=parts.scheme == "https" or follow_redirects,
            timeout=httpx.Timeout(patience.silence_s, connect=patience.connect_s),
            follow_redirects=follow_redirects,
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        raise ConfigError(
            "The HTTP proxy settings of this environment cannot be used",
            hint="HTTP_PROXY, HTTPS_PROXY and ALL_PROXY take http:// addresses; for SOCKS, install httpx[socks].",
        ) from None


def _attempts(client: httpx.Client, outgoing: Outgoing, patience: Patience, around: Surroundings) -> Exchange:
    number = 0
    while True:
        number += 1
        around.on_attempt(number)
        is_last = number >= patience.attempts
        try:
            answer = _send(client, outgoing)
        except UpstreamUnreachable:
            if is_last or outgoing.parts.hostname in LOOPBACK:
                raise
            status, wait_s = None, _backoff_s(number)
        else:
            wait_or_none = None if is_last else _wait_s(answer, number, around.now())
            if wait_or_none is None or wait_or_none > patience.longest_wait_s:
                return answer
            status, wait_s = answer.status, wait_or_none
            answer._response.close()  # noqa: SLF001
        around.on_wait(Wait(number, status, wait_s))
        around.sleep(wait_s)


def _send(client: httpx.Client, outgoing: Outgoing) -> Exchange:
    headers = {"user-agent": "llmledger", **outgoing.headers}
    with _translated(outgoing):
        try:
            request = client.build_request(
                outgoing.method, outgoing.url, headers=headers, content=outgoing.body or None
            )
            return Exchange(client.send(request, stream=True), outgoing)
        except (UnicodeError, TypeError):  # a header beyond ASCII, or a host that is no name
            raise _error(httpx.LocalProtocolError(""), outgoing) from None


def _wait_s(answer: Exchange, number: int, now: datetime) -> float | None:
    """How long to wait before the next attempt, or None when this answer is final."""
    asked = answer.headers.get("x-should-retry")
    if asked == "false" or (asked != "true" and answer.status not in RETRYABLE and answer.status < 500):
        return None
    body = answer.peek()
    if b'"insufficient_quota"' in body:
        return None
    told = _told_wait_s(answer.headers, body, now)
    return _backoff_s(number) if told is None else told


def _told_wait_s(headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """The pause that the provider asks for: in milliseconds, in seconds, until a date, or in Google's error details."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    if seconds is not None:
        return seconds
    if after:
        try:
            return max(0.0, (parsedate_to_datetime(after) - now).total_seconds())
        except (ValueError, TypeError):
            return None
    # https://cloud.google.com/apis/design/errors: google.rpc.RetryInfo
    delay = search(rb'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"', body)
    return float(delay[1]) if delay else None


def _number(text: str | None) -> float | None:
    return float(text) if text and search(r"^\d{1,9}(\.\d{1,9})?$", text) else None


def _backoff_s(number: int) -> float:
    return float(min(8.0, 0.5 * 2 ** (number - 1)))


@contextmanager
def _translated(outgoing: Outgoing) -> Iterator[None]:
    """The one place where exceptions of httpx become ours. The original is not chained: its frames hold the key."""
    try:
        yield
    except tuple(FOREIGN) as error:
        raise _error(error, outgoing) from None


def _error(error: Exception, outgoing: Outgoing) -> UpstreamError | UsageError:
    foreign = next(FOREIGN[kind] for kind in type(error).__mro__ if kind in FOREIGN)
    detail = ""
    if foreign.quotes_system and str(error):
        detail = f" ({redact(str(error), secrets=outgoing.secrets)})"
    hint = "Check the address and the key: they may hold a line break or letters beyond ASCII."
    return foreign.error(
        f"{outgoing.host}: {foreign.sentence}{detail}", hint=hint if foreign.error is UsageError else None
    )
