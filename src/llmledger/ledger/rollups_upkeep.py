"""Whoever reads catches up the roll-ups, if there is much to catch up and the ledger may be written."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from llmledger.ledger.connection import is_writable, open_for_writing
from llmledger.ledger.lock import FairLock, lock_path
from llmledger.ledger.rollups import catch_up, rows_behind

WORTH_IT = 5_000
"""Fewer rows than this are read quicker than rolled up."""
PATIENCE_S = 1.0
"""How long one reader works on it; what is left is read from the rows, and is the next one's."""
CHECKPOINT_CHUNKS = 40
"""Chunks between two checkpoints, so that the log does not outgrow the ledger."""


class ChunkLock:
    """The lock that every writer of a ledger takes, once per chunk; works the log into the file now and then."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Open the lock's files; nothing is held yet. Raises OSError."""
        self._lock = FairLock(lock_path(path))
        self._connection = connection
        self._chunks = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold it for one chunk. Raises TimeoutError when others keep it."""
        if not self._lock.acquire(patience_s=PATIENCE_S):
            raise TimeoutError
        try:
            yield
            self._chunks += 1
            if self._chunks % CHECKPOINT_CHUNKS == 0:
                self.checkpoint()
        finally:
            self._lock.release()

    def checkpoint(self) -> None:
        """Work the log into the file as far as no reader needs it."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

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
        with closing(open_for_writing(path)) as writing, closing(ChunkLock(path, writing)) as lock:
            done = catch_up(
                writing,
                home_zone,
                hold=lock.hold,
                may_go_on=lambda: deadline is None or time.monotonic() < deadline,
            )
            with lock.hold():
                lock.checkpoint()
            return done
    except (sqlite3.Error, OSError):
        return 0
