"""Complete: a poll brings the end of a response whose request ended before it was made; its row is corrected, once.

Background responses, batches and videos are asked for in one request and fetched by others. Only the first is billed, so
only it has a row; what it cost is known when a poll tells. Every further poll finds the correction and changes nothing
(litellm#25015: each poll booked the full cost again).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from llmledger.core.request import Charged, Finished
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.dialects._contract import AS_ORDERED, Reading
from llmledger.ledger.standing import Recorded, recorded_under
from llmledger.operations.charge import Outcomes, Prices, settle

_NAMED = re.compile(r"/([^/:]+)(/results|/cancel|:cancel)?$")


class Book(Protocol):
    """What completing needs of a ledger that is open for writing."""

    def call(self, action: Callable[[Any], Any], *, patience_s: float = 0.0) -> Any:
        """Run a write in a transaction of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """An answer that was read to its end: who gave it, under which path, and what it said."""

    provider: str
    path: str
    reading: Reading

    @property
    def is_news(self) -> bool:
        """Whether it tells the whole usage of a response, or that all was made that its request ordered."""
        return self.reading.is_complete and (self.reading.usage.is_told or AS_ORDERED in self.reading.flags)

    @property
    def response_id(self) -> str:
        """What the provider calls the response: in its own words, else in the path."""
        named = _NAMED.search(self.path)
        return self.reading.response_id or (named[1] if named else "")


def complete(book: Book, poll: Poll, *, prices: Prices, patience_s: float = 0.0) -> Finished | None:
    """Let the request that asked for this response count as the poll says; answers with how it counts now.

    None when it is unknown here, or counted already. A locked ledger is waited for as long as `patience_s`, then it
    raises StorageError.
    """

    def write(books: Any) -> Finished | None:
        recorded = recorded_under(books.connection, poll.provider, poll.response_id)
        if recorded is None or not _is_open(recorded):
            return None
        finished = _ended(recorded.finished, poll.reading, prices)
        return finished if books.complete(recorded.standing, finished) else None

    found: Finished | None = book.call(write, patience_s=patience_s)
    return found


def _is_open(recorded: Recorded) -> bool:
    """Whether a request counts, and by less than the provider's own word."""
    standing = recorded.standing
    return standing.measures.requests == 1 and standing.place.usage_quality is not UsageQuality.EXACT


def _ended(asked: Finished, reading: Reading, prices: Prices) -> Finished:
    """The request as it would have been written, had its answer been awaited."""
    begun = asked.begun if asked.begun.model else replace(asked.begun, model=reading.model or "")
    status = Status.COMPLETED if reading.error_type is None else Status.FAILED
    reading = replace(
        reading,
        usage=reading.usage if reading.usage.is_told else asked.usage,
        quality=UsageQuality.EXACT,
        price_context={**asked.price_context, **reading.price_context},
    )
    settled = settle(Outcomes(begun=begun, reading=reading, status=status, http_status=asked.http_status), prices)
    if not any(settled.usage.told().values()):
        # Nothing of it was made, so it costs nothing, also where the model has no price.
        settled = replace(settled, charged=Charged(cost_nanousd=0, cost_source=CostSource.NOT_BILLED))
    return replace(
        asked,
        begun=begun,
        status=status,
        usage=settled.usage,
        usage_quality=settled.quality,
        charged=settled.charged,
        served_model=reading.model if reading.model != begun.model else None,
        error_type=reading.error_type,
        error_message=None,
        finish_reason=reading.finish_reason,
        raw_usage=reading.raw_usage,
        price_context=settled.context,
        parts=settled.parts,
        flags=(*settled.flags, "polled"),
    )
