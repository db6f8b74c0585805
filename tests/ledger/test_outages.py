"""The ledger locked, unwritable, moved away, on a full disk: nobody waits long, all of it arrives, once."""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished
from tests.support.outages import full_disk, locked_by_a_tool, locked_by_another, moved_away, small_disk, unwritable

from llmledger.errors import LedgerBusy, LedgerUnavailable, StorageError
from llmledger.ledger import Ledger, Manners, open_ledger, open_reader
from llmledger.ledger.migrations import SCHEMA
from llmledger.ledger.spool import found_spools, spools_folder

IMPATIENT = Manners(patience_s=0.02, spool_bytes=256 * 1024)


@contextmanager
def opened(path: Path, manners: Manners = IMPATIENT) -> Iterator[Ledger]:
    with open_ledger(path, now=lambda: NOON, manners=manners) as ledger:
        yield ledger


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline, tick = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        tick.wait(0.01)


def rows(path: Path) -> list[tuple[int, int]]:
    with open_reader(path) as reader:
        return reader.connection.execute("SELECT count(*), coalesce(sum(cost_nanousd), 0) FROM requests").fetchone()


def a_full_request(ledger: Ledger, nanousd: int = 1) -> None:
    begun = a_begun()
    assert ledger.begin(begun)
    assert ledger.finish(a_finished(begun, nanousd=nanousd))


OUTAGES = [locked_by_another, locked_by_a_tool, moved_away, unwritable]


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a disk: a file system in memory lets who has a file open go on writing to it, immutable or not."""
    disk = Path("/var/tmp")
    with tempfile.TemporaryDirectory(dir=disk if disk.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_happens_while_the_ledger_is_away_arrives_once(on_disk, outage):
    """Requests go on through the spool; when the ledger is back each has one row (litellm#38193)."""
    path, warnings = on_disk / "ledger.db", []
    manners = Manners(patience_s=0.02, spool_bytes=1024 * 1024, warn=warnings.append)
    with opened(path, manners) as ledger:
        a_full_request(ledger)
        open_before = a_begun()
        ledger.begin(open_before)
        with outage(path):
            ledger.finish(a_finished(open_before, nanousd=1))
            for _ in range(20):
                a_full_request(ledger)
            assert ledger.state().trouble is not None
            assert ledger.state().spooled_bytes > 0
        until(lambda: ledger.state().trouble is None)
        assert ledger.state().spooled_bytes == 0
        a_full_request(ledger)
    assert rows(path) == (23, 23)
    assert len(warnings) == 1
    assert found_spools(spools_folder(path)) == []


@pytest.mark.parametrize("outage", [locked_by_another, moved_away])
def test_a_process_that_ends_while_the_ledger_is_away_leaves_its_spool_to_the_next(tmp_path, outage):
    """The next one that opens the ledger replays it, also one that only wants to read."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        with outage(path):
            for _ in range(5):
                a_full_request(ledger)
            ledger.close()
        assert len(found_spools(spools_folder(path))) == 1
    assert rows(path) == (5, 5)
    assert found_spools(spools_folder(path)) == []


def test_no_caller_sees_that_the_database_is_locked(tmp_path):
    """Not when a tool holds it, nor does anybody wait for longer than patience allows (phoenix#3949)."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger, locked_by_a_tool(path):
        started = time.monotonic()
        for _ in range(10):
            a_full_request(ledger)
        # Twenty writes; the five seconds that SQLite's own patience would cost each are a hundred.
        assert time.monotonic() - started < 50


def test_when_the_spool_is_full_too_new_requests_are_refused(tmp_path):
    """Each request in flight has room for its finish; what has begun can always end."""
    path = tmp_path / "ledger.db"
    with opened(path, Manners(patience_s=0.0, spool_bytes=64 * 1024, spool_limit_bytes=64 * 1024)) as ledger:
        begun = []
        with locked_by_another(path):
            while _is_admitted(ledger, request := a_begun()):
                begun.append(request)
            for request in begun:
                assert ledger.finish(a_finished(request, nanousd=1, error_message="x" * 50_000))
        until(lambda: ledger.state().trouble is None)
        a_full_request(ledger)
    assert len(begun) >= 4
    assert rows(path) == (len(begun) + 1, len(begun) + 1)


def test_more_requests_in_flight_than_expected_make_the_spool_grow(tmp_path):
    """Each has room for its finish, also the thousandth."""
    path = tmp_path / "ledger.db"
    with opened(path, Manners(spool_bytes=64 * 1024)) as ledger:
        begun = [a_begun() for _ in range(100)]
        assert all(ledger.begin_soon(request).result() for request in begun)
        assert ledger.state().spool_bytes >= 100 * 8 * 1024
        assert all(ledger.finish(a_finished(request)) for request in begun)


@pytest.mark.crash
@pytest.mark.parametrize("outage", OUTAGES)
def test_thirty_seconds_without_the_ledger_lose_nothing(on_disk, outage):
    """With the patience of a user's own settings, and some hundred requests that go on meanwhile."""
    path = on_disk / "ledger.db"
    sent, pause = 0, threading.Event()
    with opened(path, Manners()) as ledger:
        with outage(path):
            back = time.monotonic() + 30
            while time.monotonic() < back:
                a_full_request(ledger)
                sent += 1
                pause.wait(0.05)
        until(lambda: ledger.state().trouble is None)
    assert sent >= 25
    assert rows(path) == (sent, sent)


def _is_admitted(ledger: Ledger, begun) -> bool:
    try:
        return ledger.begin(begun)
    except LedgerUnavailable:
        return False


def test_who_chose_to_go_on_is_not_stopped_by_a_full_spool(tmp_path):
    """`pass`: requests are let through unmetered and counted, never refused."""
    path = tmp_path / "ledger.db"
    with opened(
        path, Manners(patience_s=0.0, spool_bytes=32 * 1024, spool_limit_bytes=32 * 1024, pass_on=True)
    ) as ledger:
        with locked_by_another(path):
            answers = []
            for _ in range(50):
                begun = a_begun()
                answers.append(ledger.begin(begun))
                if answers[-1]:
                    ledger.finish(a_finished(begun, nanousd=1))
        assert ledger.state().unmetered == answers.count(False) > 0
        until(lambda: ledger.state().trouble is None)
    assert rows(path)[0] == answers.count(True)


@pytest.mark.parametrize("outage", [locked_by_another, locked_by_a_tool])
def test_memory_does_not_grow_while_the_ledger_is_away(tmp_path, outage):
    """Records wait on the disk, and are not read again at every look (litellm#38193: 100 MB per 1,500 rows)."""
    path = tmp_path / "ledger.db"
    with opened(path, Manners(patience_s=0.0, spool_bytes=4 * 1024 * 1024)) as ledger, outage(path):
        a_full_request(ledger)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1500):
            a_full_request(ledger)
        at_most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    assert at_most < 300_000


def test_a_file_that_was_replaced_by_another_ledger_gets_none_of_our_rows(tmp_path):
    """Rows wait for their own ledger, however long another one lies in its place."""
    path, other = tmp_path / "ledger.db", tmp_path / "other" / "ledger.db"
    open_ledger(other, now=lambda: NOON).close()
    with opened(path) as ledger:
        with moved_away(path):
            shutil.copy(other, path)
            a_full_request(ledger)
            until(lambda: "another ledger" in (ledger.state().trouble or ""))
            path.unlink()
        until(lambda: ledger.state().trouble is None)
    assert rows(path) == (1, 1)


def test_a_newer_schema_sends_a_running_process_to_its_spool(tmp_path):
    """A process that runs while another migrates must not write rows into tables that it does not know."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        a_full_request(ledger)
        assert "schema 99" in (ledger.state().trouble or "")
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.close()
        until(lambda: ledger.state().trouble is None)
    assert rows(path) == (1, 1)


def test_a_clock_that_jumps_back_neither_loses_nor_reorders(tmp_path):
    """Rows are kept in the order of their commits; times are what the callers say."""
    from datetime import timedelta

    path = tmp_path / "ledger.db"
    times = [NOON, NOON - timedelta(hours=2), NOON - timedelta(days=400)]
    with opened(path) as ledger:
        for moment in times:
            begun = a_begun(started_at=moment)
            ledger.begin(begun)
            ledger.finish(a_finished(begun))
    with open_reader(path) as reader:
        assert reader.connection.execute("SELECT id FROM requests ORDER BY id").fetchall() == [(1,), (2,), (3,)]
        assert [reader.request(begun).row for (begun,) in reader.connection.execute("SELECT request_id FROM requests")]


def test_a_forked_child_is_told_to_open_the_ledger_itself(tmp_path):
    """SQLite connections must not cross a fork; a clear error is better than a broken file."""
    with opened(tmp_path / "ledger.db") as ledger:
        process = os.fork()
        if process == 0:
            try:
                ledger.begin(a_begun())
            except StorageError as error:
                os._exit(0 if "open it again" in error.message else 2)
            os._exit(1)
        assert os.waitpid(process, 0)[1] == 0


def test_opening_a_ledger_that_stays_locked_says_so(tmp_path):
    """After the patience that was allowed, one clear line."""
    path = tmp_path / "ledger.db"
    open_ledger(path, now=lambda: NOON).close()
    with locked_by_another(path), pytest.raises(LedgerBusy, match="locked by another llmledger"):
        open_ledger(path, now=lambda: NOON, manners=Manners(open_patience_s=0.01))


def test_a_full_disk_stops_nobody_and_loses_nothing(tmp_path):
    """The spool's room was taken beforehand; when there is space again all rows arrive."""
    with small_disk(tmp_path, 4) as folder:
        path = folder / "ledger.db"
        with opened(path, Manners(patience_s=0.02, spool_bytes=1024 * 1024)) as ledger:
            a_full_request(ledger)
            with full_disk(path):
                for _ in range(100):
                    a_full_request(ledger)
                assert ledger.state().trouble is not None
            until(lambda: ledger.state().trouble is None)
        assert rows(path) == (101, 101)


def test_a_ledger_on_a_full_disk_says_so_when_it_is_opened(tmp_path):
    """Without room for the spool nothing is promised, so it is said at once."""
    with small_disk(tmp_path, 1) as folder, pytest.raises(StorageError) as caught:
        open_ledger(folder / "ledger.db", now=lambda: NOON, manners=Manners(spool_bytes=8 * 1024 * 1024))
    assert "ledger.db" in caught.value.message
