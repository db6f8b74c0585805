"""The ledger as the event loop sees it: woken once for a commit, told of what failed, disturbed by nothing that is late."""

import asyncio
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import NOON, a_begun, a_finished
from tests.support.counted_load import until

from llmledger.errors import StorageError
from llmledger.ledger import open_ledger
from llmledger.proxy.records import Records


@contextmanager
def ledger_at(tmp_path: Path):
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as ledger:
        yield ledger


def rows(ledger: Any) -> int:
    """Seen from outside: asking the writer would make it write."""
    with closing(sqlite3.connect(ledger.path)) as connection:
        return connection.execute("SELECT count(*) FROM requests").fetchone()[0]


def count(ledger: Any, table: str) -> int:
    return ledger.call(lambda books: books.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_begins_are_durable_when_they_are_told(tmp_path):
    """Many at once, each with its own answer; the second begin of the same request is known already."""
    begun = [a_begun() for _ in range(100)]

    async def begin(ledger: Any) -> list[bool]:
        records = Records(ledger, pytest.fail)
        answers = await asyncio.gather(*(records.begin(one) for one in begun))
        assert count(ledger, "inflight") == 100
        return [*answers, await records.begin(begun[0])]

    with ledger_at(tmp_path) as ledger:
        assert asyncio.run(begin(ledger)) == [True] * 100 + [False]


def test_a_begin_that_cannot_be_written_is_an_error_for_who_waits(tmp_path):
    """Its neighbours are not disturbed."""

    async def begin(ledger: Any) -> list[Any]:
        records = Records(ledger, pytest.fail)
        pair = records.begin(a_begun(request_id="no bytes", started_at=NOON)), records.begin(a_begun())
        return await asyncio.gather(*pair, return_exceptions=True)

    with ledger_at(tmp_path) as ledger:
        bad, good = asyncio.run(begin(ledger))
    assert isinstance(bad, Exception)
    assert good is True


def test_a_finish_is_written_although_nobody_asks_for_anything_more(tmp_path):
    """It waits for others for a moment only; closing the ledger does not wait for that either."""
    begun = [a_begun() for _ in range(3)]

    async def finish(ledger: Any) -> None:
        records = Records(ledger, pytest.fail)
        for one in begun[:2]:
            records.finish(a_finished(one))
        await until(lambda: rows(ledger) == 2)
        records.finish(a_finished(begun[2]))

    with ledger_at(tmp_path) as ledger:
        asyncio.run(finish(ledger))
    with ledger_at(tmp_path) as ledger:
        assert count(ledger, "requests") == 3


def test_a_row_that_cannot_be_written_is_told(tmp_path):
    """In one line, from whichever thread."""
    told: list[str] = []
    is_told = threading.Event()

    def hear(text: str) -> None:
        told.append(text)
        is_told.set()

    async def finish(ledger: Any) -> None:
        Records(ledger, hear).finish(a_finished({"request_id": "not bytes"}))
        assert await asyncio.to_thread(is_told.wait, 10)

    with ledger_at(tmp_path) as ledger:
        asyncio.run(finish(ledger))
    assert len(told) == 1 and told[0].startswith("a row could not be written: ")


def test_who_gave_up_waiting_and_a_loop_that_has_ended_disturb_nobody(tmp_path):
    """The request stays noted: nobody knows whether it went upstream."""
    begun = [a_begun(), a_begun()]

    async def begin_and_leave(ledger: Any) -> None:
        records = Records(ledger, pytest.fail)
        records.begin(begun[0]).cancel()
        await records.begin(begun[1])

    with ledger_at(tmp_path) as ledger:
        asyncio.run(begin_and_leave(ledger))
        ended = asyncio.new_event_loop()

        async def records_of() -> Records:
            return Records(ledger, pytest.fail)

        records = ended.run_until_complete(records_of())
        future = records.begin(a_begun())
        ended.close()
        assert count(ledger, "inflight") >= 2
        assert not future.done()


def test_a_closed_ledger_takes_nothing(tmp_path):
    """An error at once, for the event loop too."""

    async def begin(ledger: Any) -> None:
        with pytest.raises(StorageError, match="closed"):
            Records(ledger, pytest.fail).begin(a_begun())

    with ledger_at(tmp_path) as ledger:
        ledger.close()
        asyncio.run(begin(ledger))
