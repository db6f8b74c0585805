"""Recording: durable before it is sent, priced when it has ended, and nothing private kept."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from llmledger.core.request import Begun, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import Status, UsageQuality
from llmledger.dialects._contract import Reading
from llmledger.errors import LedgerReadOnly
from llmledger.operations.record import Ending, Opening, Recorder
from llmledger.pricebook import load, packaged_folder

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = AT + timedelta(milliseconds=1250)
OPENING = Opening(
    provider="anthropic", model="claude-sonnet-4-5", source="run", input_tokens=1000, max_output_tokens=100
)


@dataclass
class Shelf:
    """A store that keeps what it is given, in order, and refuses source keys that it has."""

    rows: list[Begun | Finished] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)

    def begin(self, begun: Begun) -> bool:
        """Keep it."""
        self.rows.append(begun)
        return True

    def finish(self, finished: Finished) -> bool:
        """Keep it."""
        self.rows.append(finished)
        return True

    def record(self, finished: Finished) -> bool:
        """Keep it once."""
        if finished.source_key in self.keys:
            return False
        self.keys.add(finished.source_key)
        self.rows.append(finished)
        return True


def recorder(shelf: Shelf) -> Recorder:
    """A recorder whose clock reads the start once and the end for ever after."""
    times = iter([AT])
    return Recorder(
        store=shelf,
        prices=load([packaged_folder()]),
        now=lambda: next(times, LATER),
        new_id=lambda at: request_id_at(int(at.timestamp() * 1000), bytes(10)),
    )


def test_a_request_is_stored_before_anything_is_known_of_its_answer() -> None:
    """Begun with its bounds: 1,000 in at $3/M is $0.003, with 100 out at $15/M $0.0045."""
    shelf = Shelf()

    begun = recorder(shelf).begin(OPENING)

    assert shelf.rows == [begun]
    assert begun.estimate.low_nanousd == 3_000_000
    assert begun.estimate.high_nanousd == 4_500_000
    assert begun.request_id[6] >> 4 == 7


def test_a_finished_request_has_its_cost_and_its_time() -> None:
    """1,000 in and 50 out: $0.003 + $0.00075; 1,250 ms by the clock."""
    shelf = Shelf()
    book = recorder(shelf)
    begun = book.begin(OPENING)
    reading = Reading(
        usage=Usage(input_tokens=1000, output_tokens=50),
        quality=UsageQuality.EXACT,
        is_complete=True,
        model="claude-sonnet-4-5-20250929",
        response_id="msg_1",
    )

    row = book.finish(begun, Ending(status=Status.COMPLETED, reading=reading, http_status=200))

    assert shelf.rows == [begun, row]
    assert row.charged.cost_nanousd == 3_750_000
    assert row.latency_ms == 1250
    assert row.served_model == "claude-sonnet-4-5-20250929"
    assert row.provider_request_id == "msg_1"
    assert row.charged.price_version == book.prices.version


def test_an_error_is_kept_without_key_and_without_prompt() -> None:
    """The provider echoed both; neither reaches the store."""
    shelf = Shelf()
    book = recorder(shelf)
    ending = Ending(
        status=Status.FAILED,
        http_status=400,
        error_message='bad key hunter2hunter in "my most private prompt text"',
        secrets=("hunter2hunter",),
        private=("this is my most private prompt text, really",),
    )

    row = book.finish(book.begin(OPENING), ending)

    assert row.error_message == 'bad key […] in "[…]"'
    assert row.served_model is None


def test_a_foreign_record_is_written_once() -> None:
    """The same source key a second time writes nothing and says so."""
    shelf = Shelf()
    book = recorder(shelf)
    ending = Ending(
        status=Status.COMPLETED,
        reading=Reading(usage=Usage(input_tokens=1000), quality=UsageQuality.EXACT),
        latency_ms=7,
    )

    first = book.record(OPENING, ending, started_at=AT, source_key="claude:msg_1")
    again = book.record(OPENING, ending, started_at=AT, source_key="claude:msg_1")

    assert first is not None
    assert first.latency_ms == 7
    assert again is None
    assert len(shelf.rows) == 1


def test_what_cannot_be_begun_is_not_sent() -> None:
    """A store that refuses raises through, before any upstream byte."""

    class Locked(Shelf):
        def begin(self, begun: Begun) -> bool:
            raise LedgerReadOnly("ledger.db is read-only")

    with pytest.raises(LedgerReadOnly):
        recorder(Locked()).begin(OPENING)
