"""One connection that commits events: under the ledger's lock, all that is handed in together in one transaction."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.errors import LedgerBusy, LedgerMissing, StorageError
from llmledger.ledger.booking import Books
from llmledger.ledger.connection import (
    check_is_ledger,
    in_bulk,
    open_for_writing,
    prepare_file,
    storage_errors,
)
from llmledger.ledger.events import Adjust, AnyEvent, Begin, Call, Finish
from llmledger.ledger.lock import FairLock, lock_path
from llmledger.ledger.migrations import Birth, check_schema, migrate
from llmledger.ledger.rows import ms_of

CHECKPOINT_EVENTS = 500
"""How much a process writes before it works the write-ahead log into the file; some 16 MB of log."""

_OF_THE_EVENT = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_OF_THE_VALUES = (ValueError, TypeError, KeyError, OverflowError, AttributeError)
_OF_ONE_EVENT = (*_OF_THE_EVENT, *_OF_THE_VALUES, sqlite3.OperationalError)

_REPEATABLE = (Begin, Finish, Adjust)
"""Events that can be written anew after they were rolled back; a call may have done more than write."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that could not be written for its own sake; its neighbours were."""

    error: Exception


class Store:
    """The writing side of one open ledger file. Not for several threads at once."""

    def __init__(
        self, path: Path, *, create: bool, now: Callable[[], datetime], home_zone: str, patience_s: float
    ) -> None:
        """Open, and make or migrate, the file. Raises StorageError, one clear line for each way it is unusable."""
        self.path = path
        prepare_file(path, create=create)
        with storage_errors(path), contextlib.ExitStack() as undo:
            self.lock = FairLock(lock_path(path))
            undo.callback(self.lock.close)
            self._acquire(patience_s)
            self.connection = open_for_writing(path)
            undo.callback(self.connection.close)
            check_is_ledger(self.connection, path)
            if check_schema(self.connection, path) == 0 and not create:
                raise LedgerMissing(f"Ledger {path} is empty.", hint="The first `llmledger run` or `import` fills it.")
            migrate(self.connection, path, Birth(home_zone=home_zone, created_ms=ms_of(now())))
            facts = dict(self.connection.execute("SELECT key, value FROM meta").fetchall())
            self.lock.release()
            undo.pop_all()
        self.ledger_id: str = facts["ledger_id"]
        self.home_zone: str = facts["home_zone"]
        self.books = Books(self.connection, owner="", now=now)
        self.books.is_awaited = self.lock.is_awaited
        self._identity = _identity(path)
        self._since_checkpoint = 0

    def commit(self, events: Sequence[AnyEvent], *, patience_s: float) -> list[Any]:
        """Write all events in one durable transaction; returns each one's result, or a `Failure` for a bad one.

        Raises StorageError when nothing could be written: then none of them is.
        """
        with self.locked(patience_s=patience_s):
            return self.transact(events)

    @contextlib.contextmanager
    def locked(self, *, patience_s: float) -> Iterator[sqlite3.Connection]:
        """Hold the ledger's lock: for several transactions in a row, a checkpoint or a vacuum. Raises StorageError."""
        with storage_errors(self.path):
            self._acquire(patience_s)
            try:
                self._check_place()
                yield self.connection
            finally:
                self.lock.release()

    def checkpoint_when_due(self) -> None:
        """Work the log into the file now and then; the rows are durable already, so it is called when nobody waits.

        PASSIVE: it never waits for a reader, and when it got to the end the log starts from its beginning again.
        """
        if self._since_checkpoint < CHECKPOINT_EVENTS:
            return
        with contextlib.suppress(StorageError), self.locked(patience_s=0.0):
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._since_checkpoint = 0

    def is_in_place(self) -> bool:
        """Whether the file that we write is still the one that the path names."""
        return _identity(self.path) == self._identity

    def close(self) -> None:
        """Work the log into the file, if nobody else is using it, and let go of everything."""
        is_ours = False
        with contextlib.suppress(OSError):
            is_ours = self.lock.acquire(patience_s=1.0)
        try:
            if is_ours:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with contextlib.suppress(sqlite3.Error):
                self.connection.close()
        finally:
            self.lock.close()

    def abandon(self) -> None:
        """Let go of everything as a killed process does: nothing is worked into the file."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()
        self.lock.abandon()

    def _acquire(self, patience_s: float) -> None:
        if not self.lock.acquire(patience_s=patience_s):
            hint = (
                "Another llmledger holds it for long (a vacuum or a stopped process?); `llmledger doctor` may say more."
            )
            raise LedgerBusy(f"Ledger {self.path} is locked by another llmledger.", hint=hint)

    def _check_place(self) -> None:
        """A file that was moved or replaced would still take our writes, where nobody will look for them."""
        if not self.is_in_place():
            raise LedgerMissing(f"Ledger {self.path} was moved or replaced.", hint="Put it back, or restart llmledger.")

    def transact(self, events: Sequence[AnyEvent]) -> list[Any]:
        """Write all events in one transaction; the caller holds the lock. Raises sqlite3.Error or LedgerNewer."""
        if [isinstance(event, Call) and event.is_bulk for event in events] == [True]:
            return [self._bulk(events[0])]
        if all(isinstance(event, _REPEATABLE) for event in events):
            # Nearly always all of them can be written: only when one cannot is each put into a savepoint of its own.
            try:
                return self._transaction(events, lambda event: event.apply(self.books))
            except _OF_ONE_EVENT as error:
                if _is_of_the_file(error):
                    raise
        return self._transaction(events, self._apply)

    def _transaction(self, events: Sequence[AnyEvent], apply: Callable[[AnyEvent], Any]) -> list[Any]:
        connection = self.connection
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            check_schema(connection, self.path)
            results = [apply(event) for event in events]
            connection.execute("COMMIT")
            # One event of an import writes thousands of rows: some ten thousand make the log long enough.
            self._since_checkpoint += max(len(events), (connection.total_changes - before) // 400)
        except BaseException:
            self.books.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _bulk(self, event: AnyEvent) -> Any:
        """Without a savepoint, which would keep a copy of every page that is touched: it fails as a whole."""
        with in_bulk(self.connection):
            try:
                return self._transaction([event], lambda event: event.apply(self.books))[0]
            except _OF_ONE_EVENT as error:
                if _is_of_the_file(error):
                    raise
                return Failure(error)

    def _apply(self, event: AnyEvent) -> Any:
        connection = self.connection
        connection.execute("SAVEPOINT event")
        try:
            result = event.apply(self.books)
        except _OF_ONE_EVENT as error:
            if _is_of_the_file(error):
                raise
            self.books.forget()
            connection.execute("ROLLBACK TO event")
            connection.execute("RELEASE event")
            return Failure(error)
        connection.execute("RELEASE event")
        return result


def _is_of_the_file(error: Exception) -> bool:
    """Whether SQLite failed for the sake of the file and not of a statement."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
