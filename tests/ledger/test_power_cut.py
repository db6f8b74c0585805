"""What a power cut leaves: the file as it was last worked into, and as much of the log as had reached the disk."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.finding import Level
from llmledger.ledger.verification import verify

REQUESTS, WORKED_IN = 12, 4
HEADER, FRAME = 32, 24 + 4096
"""Bytes of a log's header, and of each page in it."""


@pytest.fixture(scope="module")
def as_it_ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it is while a process writes: some requests worked into the file, the rest in the log."""
    folder = tmp_path_factory.mktemp("running")
    path = folder / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        for number in range(REQUESTS):
            begun = a_begun(started_at=NOON + timedelta(seconds=number))
            ledger.begin(begun)
            ledger.finish(a_finished(begun, nanousd=7))
            if number == WORKED_IN - 1:
                with closing(sqlite3.connect(path)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        copy = folder / "copy"
        copy.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(folder / name, copy / name)
    return copy


@pytest.mark.parametrize("lost", ["nothing", "half a page", "a page", "half of the log", "all of the log"])
@pytest.mark.parametrize("is_noise", [False, True], ids=["missing", "noise"])
def test_the_ledger_opens_whole_with_the_requests_that_had_reached_the_disk(
    tmp_path: Path, as_it_ran: Path, lost: str, *, is_noise: bool
) -> None:
    """phoenix#3949 and others ran SQLite unsafely: here what is there is whole, in order, and each row once.

    Whatever the disk had not promised yet is missing, or holds what was there before.
    """
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copy(as_it_ran / name, tmp_path / name)
    log = tmp_path / "ledger.db-wal"
    size = log.stat().st_size
    keep = {
        "nothing": size,
        "half a page": size - FRAME // 2,
        "a page": size - FRAME,
        "half of the log": HEADER + (size - HEADER) // FRAME // 2 * FRAME,
        "all of the log": 0,
    }[lost]
    kept = log.read_bytes()[:keep]
    log.write_bytes(kept + b"\xa5" * (size - keep) * is_noise)

    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON):
        """Whoever opens it next recovers it."""
    with open_reader(tmp_path / "ledger.db") as reader:
        rows = reader.connection.execute("SELECT started_ms FROM requests ORDER BY id").fetchall()

    first = int(NOON.timestamp() * 1000)
    assert [started for (started,) in rows] == [first + 1000 * number for number in range(len(rows))]
    assert {"nothing": REQUESTS, "all of the log": WORKED_IN}.get(lost, len(rows)) == len(rows) >= WORKED_IN
    assert [finding.text for finding in verify(tmp_path / "ledger.db") if finding.level is not Level.FINE] == []
