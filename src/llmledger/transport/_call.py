"""One request of a program, from its beginning to its row, which is written exactly once; or one poll, which has none."""

import time
from types import ModuleType
from typing import Any

from llmledger.core.request import Begun, id_text
from llmledger.core.words import Status
from llmledger.dialects import from_path
from llmledger.errors import StorageError
from llmledger.operations import request_headers as header
from llmledger.operations.complete import Poll, complete
from llmledger.operations.passage import Passage
from llmledger.operations.usage_option import UsageHider, with_usage_asked
from llmledger.operations.wire import (
    CLIENT_GONE,
    Place,
    is_free,
    is_poll,
    open_request,
    over_limit,
)
from llmledger.transport._metering import Metering

COMPLETE_PATIENCE_S = 1.0
"""How long a poll that tells the end of a response waits for a locked ledger."""


class Call:
    """A request on its way, and its answer as it is read."""

    def __init__(self, metering: Metering, place: Place, request: Any) -> None:
        self._metering = metering
        self._place = place
        self._request = request
        self._passage = Passage(place, time.monotonic)
        self._is_ended = False
        self.refusal: str | None = None
        """Why the request must not be sent."""

    def request(self, library: ModuleType, *, changed: bytes | None = None) -> Any:
        """The request as it goes out: without headers that are meant for us; those of gateways go on to theirs."""
        request, headers = self._request, []
        replaced = (b"x-llmledger-",) if changed is None else (b"x-llmledger-", b"content-length", b"accept-encoding")
        for name, value in request.headers.raw:
            low = name.lower()
            if low == b"accept-encoding" and changed is None:
                headers.append((name, header.readable_encodings(value.decode("latin-1")).encode()))
            elif not low.startswith(replaced):
                headers.append((name, value))
        content = {"stream": request.stream}
        if changed is not None:
            headers.append((b"Accept-Encoding", b"identity"))
            content = {"content": changed}
        return library.Request(request.method, request.url, headers=headers, extensions=request.extensions, **content)

    def answered(self, response: Any, stream_type: type) -> Any:
        """The answer, whose body is metered as it is read."""
        encoding = response.headers.get("content-encoding")
        self._passage.answer(response.status_code, response.headers.raw, encoding)
        if response.is_closed:
            # A transport that answers by itself, without a network, has the whole body here already.
            self.feed(response.content)
            self.end()
        else:
            response.stream = stream_type(response.stream, self)
        return response

    def feed(self, chunk: bytes) -> bytes:
        """Meter bytes of the answer; returns what the program gets of them."""
        if self._passage.meter is not None:
            self._passage.meter.feed(chunk)
        return chunk

    def end(self) -> bytes:
        """The answer has been read to its end; returns what was held back of it."""
        return b""

    def leave(self) -> None:
        """The program closed the answer."""

    def fail(self, error: BaseException) -> None:
        """The request or its answer broke off."""


class _Polled(Call):
    """A request that nobody bills, whose answer may tell how an earlier one ended."""

    def end(self) -> bytes:
        """Complete the earlier request, when this tells its end."""
        metering = self._metering
        poll = Poll(provider=self._place.provider, path=self._place.endpoint, reading=self._passage.reading())
        if poll.is_news:
            try:
                complete(metering.ledger, poll, prices=metering.book, patience_s=COMPLETE_PATIENCE_S)
            except StorageError as error:
                metering.on_trouble(f"the end of {poll.response_id} could not be recorded: {error.message}")
        return b""


class _Metered(Call):
    """A request that makes a row."""

    def __init__(self, metering: Metering, place: Place, request: Any) -> None:
        """Make the request durable, unless its own limit forbids to send it. Raises StorageError."""
        super().__init__(metering, place, request)
        self._headers = dict(request.headers)
        self._query = request.url.query.decode("latin-1")
        self._recorder = metering.recorder
        opening, self._passage.facts = open_request(
            place, self._headers, self._query, _content(request), metering.keeper
        )
        self._begun: Begun = self._recorder.draft(opening, started_at=metering.now())
        self.refusal = over_limit(self._begun, self._headers)
        if self.refusal is None:
            metering.ledger.begin(self._begun)
        self._hider: UsageHider | None = None
        self._is_changed = False

    def request(self, library: ModuleType, *, changed: bytes | None = None) -> Any:
        """The request as it goes out; a stream is asked for its usage where nobody said anything about it."""
        place, facts = self._place, self._passage.facts
        changed = with_usage_asked(_content(self._request), facts, dialect=place.dialect, provider=place.provider)
        self._is_changed = changed is not None
        return super().request(library, changed=changed)

    def answered(self, response: Any, stream_type: type) -> Any:
        """The answer, with our id in a header."""
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if self._is_changed and is_stream and "content-encoding" not in response.headers:
            self._hider = UsageHider()
        response.headers[header.REQUEST_ID.decode()] = id_text(self._begun.request_id)
        return super().answered(response, stream_type)

    def feed(self, chunk: bytes) -> bytes:
        """Meter bytes of the answer; returns what the program gets of them."""
        if self._passage.first_ms is None:
            self._passage.first_ms = self._passage.elapsed_ms()
        super().feed(chunk)
        return self._hider.feed(chunk) if self._hider is not None else chunk

    def end(self) -> bytes:
        """The answer has been read to its end; returns what was held back of it."""
        rest = self._hider.rest() if self._hider is not None else b""
        self._write(Status.FAILED if (self._passage.http_status or 0) >= 300 else Status.COMPLETED, None)
        return rest

    def leave(self) -> None:
        """The program closed the answer; before its end, that is a cancellation."""
        self._write(Status.CANCELLED, CLIENT_GONE)

    def fail(self, error: BaseException) -> None:
        """The request or its answer broke off."""
        kind = type(error).__name__
        if not isinstance(error, Exception) or kind == "CancelledError":
            self._write(Status.CANCELLED, CLIENT_GONE)
        elif "Connect" in kind:
            self._write(Status.FAILED, "connect")
        else:
            self._write(Status.FAILED, "timeout" if "Timeout" in kind else "upstream_broke_off")

    def _write(self, status: Status, error_type: str | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        body = _content(self._request)
        ending = self._passage.ending(status, error_type, headers=self._headers, query=self._query, body=body)
        try:
            self._recorder.finish(self._begun, ending)
        except StorageError as error:
            self._metering.on_trouble(f"a row could not be written: {error.message}")


def begin(metering: Metering, request: Any) -> Call | None:
    """Make a request durable; None for those that nobody bills and that tell nothing. Raises StorageError."""
    path = request.url.path
    is_unbilled = is_free(request.method, path)
    if is_unbilled and not (is_poll(request.method, path) and from_path(path)):
        return None
    provider = metering.provider_of(request.url)
    known = metering.book.provider(provider)
    place = Place(provider=provider, endpoint=path, dialect=from_path(path), is_local=bool(known and known.local))
    return (_Polled if is_unbilled else _Metered)(metering, place, request)


def _content(request: Any) -> bytes:
    """The body of a request, if it is there as a whole; one that is produced while it is sent is not waited for."""
    return getattr(request, "_content", b"")
