"""A request's passage over the wire: when it began, what was seen of its answer, and how its row ends."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from llmledger.core.words import Status
from llmledger.dialects._contract import Meter, Reading, RequestFacts
from llmledger.operations import request_headers as header
from llmledger.operations.record import Ending
from llmledger.operations.wire import Place, ended_as, open_meter, without_echo


class Passage:
    """One request, from the moment it is made; the proxy and a program's own transport keep one for each."""

    __slots__ = ("_monotonic", "_place", "_start", "facts", "first_ms", "http_status", "meter", "provider_request_id")

    def __init__(self, place: Place, monotonic: Callable[[], float]) -> None:
        self._place = place
        self._monotonic = monotonic
        self._start = monotonic()
        self.facts = RequestFacts()
        """What the request says, once it was read."""
        self.meter: Meter | None = None
        """Reads the answer, where somebody knows its format."""
        self.http_status: int | None = None
        self.provider_request_id: str | None = None
        self.first_ms: int | None = None
        """When the first bytes of the body came."""

    def answer(self, status: int, raw: header.Raw, encoding: str | None) -> None:
        """Take the head of the answer, whose body comes in an encoding."""
        self.http_status = status
        self.provider_request_id = header.provider_request_id(raw)
        self.meter = open_meter(self._place, self.facts, encoding)

    def elapsed_ms(self) -> int:
        """How long it has been going on."""
        return max(0, round((self._monotonic() - self._start) * 1000))

    def reading(self) -> Reading:
        """The answer ended: what it said."""
        return self.meter.finish() if self.meter is not None else Reading()

    def ending(
        self, status: Status, error_type: str | None, *, headers: Mapping[str, str], query: str, body: bytes
    ) -> Ending:
        """The ending of the row. Of a failed answer nothing is kept that repeats the request: headers, query or body."""
        reading, private = without_echo(self.reading(), body, headers.get("content-encoding"))
        status, error_type = ended_as(reading, status, error_type)
        return Ending(
            status=status,
            reading=reading,
            http_status=self.http_status,
            error_type=error_type,
            provider_request_id=self.provider_request_id,
            latency_ms=self.elapsed_ms(),
            first_token_ms=self.first_ms if self.facts.stream else None,
            secrets=header.secrets(headers, query) if reading.error_message else (),
            private=private,
        )


def flagged(ending: Ending, flag: str) -> Ending:
    """The same, with one more flag."""
    return replace(ending, reading=replace(ending.reading, flags=(*ending.reading.flags, flag)))
