"""Whoever reads catches up the roll-ups, if there is much to catch up and the ledger may be written."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from llmledger.ledger.connection import in_bulk, is_writable, open_for_writing
from llmledger.ledger.lock import FairLock, lock_path
from llmledger.ledger.rollups.catch_up import catch_up, rows_behind

WORTH_IT = 5_000
"""Fewer rows than this are read quicker than rolled up."""
PATIENCE_S = 1.0
"""How long one reader works on it; what is left is read from the rows, and is the next one's."""
CHECKPOINT_S = 0.06
"""How much work lies between two checkpoints: a writer that works the log in for us would keep its own callers waiting."""
CHUNK_S = 0.025
"""How much work a chunk should be, while others wait. Work and not time: a chunk does not get quicker by being smaller
when it is the disk or the other processes of a busy machine that are slow."""
FEWEST, FIRST = 100, 500
"""Rows of a chunk: at least, and to begin with."""


class ChunkLock:
    """The lock that every writer of a ledger takes, once per chunk; works the log into the file now and then."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, patience_s: float = PATIENCE_S) -> None:
        """Open the lock's files; nothing is held yet. Raises OSError."""
        self._patience_s = patience_s
        self._lock = FairLock(lock_path(path))
        self._connection = connection
        self._worked_s = 0.0
        self._size = float(FIRST)
        self._is_sized = False

    def size(self, most: int) -> int:
        """How many rows the next chunk has, by how much work those before it were; at most so many."""
        self._is_sized = True
        self._size = min(self._size, float(most))
        return int(self._size)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold it for one chunk. Raises TimeoutError when others keep it."""
        if not self._lock.acquire(patience_s=self._patience_s):
            raise TimeoutError
        began = time.thread_time()
        try:
            yield
        finally:
            self._lock.release()
        worked_s = time.thread_time() - began
        self._learn(worked_s)
        self._worked_s += worked_s
        if self._worked_s >= CHECKPOINT_S:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Work the log into the file as far as no reader needs it; most of it while others write.

        What they wrote meanwhile follows under the lock, so that the log comes to its end and starts again.
        """
        self._worked_s = 0.0
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if self._lock.acquire(patience_s=self._patience_s):
            try:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                self._lock.release()

    def _learn(self, worked_s: float) -> None:
        """Only a chunk whose size was asked for tells anything."""
        if self._is_sized:
            self._size = max(float(FEWEST), self._size * min(1.5, max(0.5, CHUNK_S / max(worked_s, 1e-6))))
        self._is_sized = False

    def close(self) -> None:
        """Let go of the lock's files."""
        self._lock.close()


def keep_up(
    connection: sqlite3.Connection, home_zone: str, *, patience_s: float | None = PATIENCE_S, worth_it: int = WORTH_IT
) -> int:
    """Catch up the roll-ups of the ledger that a connection reads; returns how many rows.

    Does nothing when little is missing or the file cannot be written; stops after `patience_s` (None: when done).
    Never fails, because no answer depends on it.
    """
    if rows_behind(connection) < worth_it:
        return 0
    name = connection.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0]
    path = Path(name) if name else None
    if path is None or not is_writable(path):
        return 0
    deadline = None if patience_s is None else time.monotonic() + patience_s
    try:
        with (
            closing(open_for_writing(path)) as writing,
            in_bulk(writing),
            closing(ChunkLock(path, writing)) as lock,
        ):
            done = catch_up(
                writing,
                home_zone,
                hold=lock.hold,
                size=lock.size,
                may_go_on=lambda: deadline is None or time.monotonic() < deadline,
            )
            lock.checkpoint()
            return done
    except (sqlite3.Error, OSError):
        return 0
